"""Verbs that look: status, rejects, show, sql."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click

from pipeline.verbs.common import Setting, clean, common


@click.command("status")
@common
def status_(setting: Setting) -> None:
    """\b
    pipeline status
    pipeline status --json

    What stands at the root: pictures by source, the last crawls and imports with what they brought, corpora with
    their editions, clusters and runs, and what to type next.
    """
    from pipeline import inspection

    found = inspection.status(setting.root)
    setting.data(found, inspection.status_text(found))


@click.command("rejects")
@click.option("--reason", default=None, help="Only this reason.")
@click.option("--limit", type=click.IntRange(min=0), default=5, show_default=True, help="Examples for each reason.")
@click.option("--corpus", default=None, help="Which corpus [the only one].")
@common
def rejects_(setting: Setting, reason: str | None, limit: int, corpus: str | None) -> None:
    """\b
    pipeline rejects
    pipeline rejects --reason near_duplicate --limit 20

    What was rejected and why, with the number that decided and where each picture came from.
    """
    from pipeline import inspection

    found = inspection.rejects(setting.root, corpus, reason, limit)
    setting.data(found, inspection.rejects_text(found))


@click.command("show")
@click.argument("id")
@common
def show_(setting: Setting, id: str) -> None:
    """\b
    pipeline show ab3f09…
    pipeline show ab3f --json

    Everything known of one picture, by its id or the beginning of it: where it was seen, what was measured,
    what was decided, where its files lie.
    """
    from pipeline import inspection

    found = inspection.show(setting.root, id)
    setting.data(found, inspection.show_text(found))


@click.command("sql")
@click.argument("query")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Print at most so many rows.")
@common
def sql_(setting: Setting, query: str, limit: int | None) -> None:
    """\b
    pipeline sql "select reason, count(*) n from clustered group by 1 order by 2 desc"
    pipeline sql "select id, url from crawled where http_status = 404" --json

    Ask the tables in SQL (DuckDB's). Views: crawled, measured, faces, and for the newest edition of each
    corpus selected, prepared, embedded, clustered. With --json the rows are a list of objects.
    """
    from pipeline import inspection

    columns, rows = inspection.sql(setting.root, query, limit)
    if setting.json:
        keys = _unlike(columns)
        click.echo(json.dumps([dict(zip(keys, map(_plain, row), strict=True)) for row in rows], default=_plain))
        return
    click.echo("\t".join(columns))
    for row in rows:
        click.echo(clean("\t".join("" if value is None else str(value) for value in row)))


def _unlike(columns: Sequence[str]) -> list[str]:
    """Names for the columns of a join: the second `id` is `id_1`."""
    keys: list[str] = []
    for column in columns:
        fresh = (name for n in itertools.count() if (name := f"{column}_{n}" if n else column) not in keys)
        keys.append(next(fresh))
    return keys


def _plain(value: Any) -> Any:
    """What JSON has for a value of DuckDB: null for what is no number, text for what has no form of its own."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | list | tuple | dict):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)
