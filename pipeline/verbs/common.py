"""What all verbs share: the root, how to print, and the options that go with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from pipeline.storage import Root

DEFAULT_ROOT = "wunderkammer-data"


@dataclass
class Setting:
    """How this call was asked to behave."""

    root_url: str
    json: bool
    dry_run: bool
    quiet: bool

    @property
    def root(self) -> Root:
        """The place of all data."""
        return Root(self.root_url)

    def echo(self, message: str) -> None:
        """A message for people: on stderr, so that stdout is data alone; nothing with --quiet."""
        if not self.quiet:
            click.echo(clean(message), err=True)

    def data(self, value: dict[str, Any], text: str | None = None) -> None:
        """The answer on stdout: one JSON object with --json, otherwise `text`."""
        if self.json:
            click.echo(json.dumps({"schema_version": 1, **value}, default=str))
        elif text is not None:
            click.echo(clean(text))


def clean(text: str) -> str:
    """Text with control characters shown as ·, so that no scraped title moves the terminal's cursor."""
    return "".join(c if c in "\n\t" or (c >= " " and c != "\x7f" and not "\x80" <= c <= "\x9f") else "·" for c in text)


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --root, --json, --dry-run, --quiet and --verbose; the verb gets them as a `Setting`."""

    @click.option("--root", "root_url", default=None, metavar="DIR|URL",
                  help=f"Where everything lies: a folder or s3://bucket/prefix [$PIPELINE_ROOT, {DEFAULT_ROOT}].")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
    @click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
    @click.option("-q", "--quiet", is_flag=True, help="Only errors.")
    @click.option("-v", "--verbose", is_flag=True, help="With an error, where in the program it arose.")
    @wraps(function)
    def wrapped(root_url: str | None, as_json: bool, dry_run: bool, quiet: bool, verbose: bool, **rest: Any) -> Any:
        url = root_url or os.environ.get("PIPELINE_ROOT") or DEFAULT_ROOT
        return function(Setting(url, as_json, dry_run, quiet), **rest)

    return wrapped


def machine(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --scheduler and --workers."""
    for option in (
        click.option("--workers", type=click.IntRange(min=1), default=None, help="Processes on this machine [cores]."),
        click.option("--scheduler", envvar="PIPELINE_SCHEDULER", default=None, metavar="tcp://HOST:PORT",
                     help="A Dask scheduler to use instead of this machine [$PIPELINE_SCHEDULER]."),
    ):
        function = option(function)
    return function


