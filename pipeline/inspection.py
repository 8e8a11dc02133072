"""Answers to people who look: what stands, what was rejected, everything of one picture, SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import tables
from pipeline.corpus import CORPUS_TABLES, corpora, edition, newest, views
from pipeline.errors import REASON_HELP, Reason, UsageError, did_you_mean
from pipeline.reasons import words
from pipeline.schema import ID_DIGITS
from pipeline.storage import Root
from spiders import crawls


def sql(root: Root, query: str, limit: int | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a query over the views. Raises UsageError with DuckDB's word when it is wrong."""
    connection = tables.connect(root, views(root))
    try:
        return tables.query(connection, query, limit)
    finally:
        connection.close()


def status(root: Root) -> dict[str, Any]:
    """What stands at a root."""
    _, sources = sql(
        root,
        "select source, count(*), count(*) filter (where reason is null), max(fetched_at) "
        "from crawled group by 1 order by 1",
    )
    found = []
    for name in corpora(root):
        facts = edition(root, name)
        assert facts is not None
        found.append({
            "corpus": name, "edition": facts["edition"], "created_at": facts["created_at"], "until": facts["until"],
            **facts["counts"],
            "clusters": [{key: c[key] for key in ("id", "name", "size")} for c in facts["clusters"]],
            "runs": [{key: r.get(key) for key in ("cluster", "path", "kimg", "status")} for r in facts["runs"]],
            "report": root.address(facts["report"]) if facts["report"] else None,
        })
    return {
        "root": root.url,
        "sources": [{"source": s, "rows": n, "pictures": good, "last": last} for s, n, good, last in sources],
        "crawls": [_crawl(record) for record in crawls.newest(root)],
        "corpora": found,
    }


_COUNTS = ("new", "changed", "described", "gone", "withdrawn", "unchanged", "failed")


def _crawl(record: Mapping[str, Any]) -> dict[str, Any]:
    """One crawl or import in short; `failed` counts by reason, `error` is a sentence or None."""
    summary, error = record.get("summary") or {}, record.get("error")
    return {
        "source": summary.get("source") or record["source"], "ended_at": record["ended_at"],
        **{name: summary.get(name) or ({} if name == "failed" else 0) for name in _COUNTS},
        "error": error["message"] if error else None,
    }


def status_text(found: Mapping[str, Any]) -> str:
    """`status` for a terminal."""
    lines = [f"Root {found['root']}"]
    for s in found["sources"]:
        last = f"{s['last']:%Y-%m-%d %H:%M}" if s["last"] else "never"
        lines.append(f"  {s['source']:12} {s['rows']:>9,} rows, {s['pictures']:,} pictures, last {last}")
    if found["crawls"]:
        lines.append("Last crawls and imports, times in UTC")
    lines += [f"  {_crawl_line(one)}" for one in found["crawls"]]
    for c in found["corpora"]:
        lines.append(f"Corpus {c['corpus']}, edition {c['edition']} of {c['created_at']}, done up to {c['until']}")
        lines.append(f"  {c['crawled']:,} crawled, {c['kept']:,} kept, {sum(c['rejected'].values()):,} rejected")
        runs = {run["cluster"]: run for run in c["runs"]}
        for cluster in c["clusters"]:
            run = runs.get(cluster["id"])
            trained = f"{run['kimg']:,.0f} kimg, {run['status']}" if run else "not trained"
            lines.append(f"  {cluster['id']:02d} {cluster['name']:28} {cluster['size']:>7,}  {trained}")
        if c["report"]:
            lines.append(f"  report {c['report']}")
    if not found["sources"]:
        lines.append("Nothing here yet. Next: `pipeline demo`, or `pipeline crawl wikiart --style cubism`.")
    elif not found["corpora"]:
        lines.append("Next: `pipeline cluster --k 20`, or `pipeline run MANIFEST`.")
    return "\n".join(lines)


def _crawl_line(one: Mapping[str, Any]) -> str:
    """`2026-11-22 02:00  wikiart style=cubism: new 12, gone 2, failed 3 (timeout 3)`."""
    counts = [f"{name} {one[name]:,}" for name in _COUNTS if name != "failed" and (one[name] or name == "new")]
    why = ", ".join(f"{reason} {count:,}" for reason, count in sorted(one["failed"].items()))
    counts += [f"failed {sum(one['failed'].values()):,} ({why})"] if why else []
    error = f"; it ended early: {one['error']}" if one["error"] else ""
    return f"{one['ended_at'][:16].replace('T', ' ')}  {one['source']}: {', '.join(counts)}{error}"


def rejects(root: Root, corpus: str | None, reason: str | None, limit: int) -> dict[str, Any]:
    """Counts and examples of rejected pictures of a corpus's newest edition, by reason."""
    if reason is not None and reason not in set(Reason):
        raise UsageError(f"There is no reason '{reason}'.{did_you_mean(reason, list(Reason))}")
    facts = newest(root, corpus)
    partitions = facts["partitions"]
    last = next(
        table for table in (*reversed(CORPUS_TABLES), "measured", "crawled")
        if set(partitions) <= set(tables.names(root, facts["folders"][table]))
    )
    verdicts = tables.read_all(root, facts["folders"][last], partitions, ["id", "reason", "reason_value", "detail"])
    crawled = tables.about(root, facts["folders"], partitions, last, ["source_id", "title", "url"])
    found: dict[str, list[dict[str, Any]]] = {}
    counts: dict[str, int] = {}
    for row, about in zip(verdicts.to_pylist(), crawled.to_pylist(), strict=True):
        name = row["reason"] or facts.get("left_out", {}).get(row["id"][:ID_DIGITS])
        if name is None or (reason is not None and name != reason):
            continue
        counts[name] = counts.get(name, 0) + 1
        if len(found.setdefault(name, [])) < limit:
            found[name].append({key: row[key] for key in ("id", "reason_value", "detail")} | {
                key: about[key] for key in ("source_id", "title", "url")})
    ordered = sorted(counts, key=lambda name: -counts[name])
    return {
        "corpus": facts["corpus"], "edition": facts["edition"],
        "reasons": [
            {"reason": n, "count": counts[n], "means": REASON_HELP[Reason(n)], "examples": found.get(n, [])}
            for n in ordered
        ],
    }


def rejects_text(found: Mapping[str, Any]) -> str:
    """`rejects` for a terminal."""
    lines = [f"Corpus {found['corpus']}, edition {found['edition']}"]
    for reason in found["reasons"]:
        lines += ["", f"{reason['count']:>7,}  {reason['reason']}: {reason['means']}"]
        for example in reason["examples"]:
            said = words(reason["reason"], example["reason_value"], example["detail"]) or ""
            detail = example["detail"] or ""
            detail = "" if detail in said else detail
            told = (example["id"][:12], said, detail, example["title"] or example["source_id"])
            lines.append(f"         {'  '.join(part for part in told if part)}")
    lines += ["", "Next: `pipeline show ID` tells everything of one picture."]
    return "\n".join(lines)


def show(root: Root, prefix: str) -> dict[str, Any]:
    """Everything known of the picture whose id begins with `prefix`: every row about it, and its files."""
    connection = tables.connect(root, views(root))
    try:
        picture = _picture(connection, prefix)
        rows = {view: _rows(connection, view, picture) for view in ("crawled", "measured", "faces", *CORPUS_TABLES)}
    finally:
        connection.close()
    for row in rows["embedded"]:
        row["vector"] = None if row["vector"] is None else f"{len(row['vector'])} numbers"
    return {"id": picture, "files": _files(root, picture, rows), **rows}


def full_id(root: Root, prefix: str) -> str:
    """The id of the one picture whose id begins with `prefix`. Raises UsageError when there is none, or several."""
    connection = tables.connect(root, views(root))
    try:
        return _picture(connection, prefix)
    finally:
        connection.close()


def _picture(connection: Any, prefix: str) -> str:
    prefix = prefix.lower()
    if len(prefix) < 4 or not set(prefix) <= set("0123456789abcdef"):
        raise UsageError("An id is 64 hex digits: give at least the first four, as `pipeline rejects` prints them.")
    _, ids = tables.query(connection, f"select distinct id from crawled where starts_with(id, '{prefix}')", None)
    if not ids:
        raise UsageError(f"No picture's id begins with {prefix}: `pipeline rejects` and the report list ids.")
    if len(ids) > 1:
        raise UsageError(f"{len(ids)} ids begin with {prefix}: give more digits.")
    return str(ids[0][0])


def _rows(connection: Any, view: str, picture: str) -> list[dict[str, Any]]:
    columns, rows = tables.query(connection, f"select * from {view} where id = '{picture}'", None)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _files(root: Root, picture: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    formats = {row["format"] for row in rows["crawled"] if row["sha256"] and row["format"]}
    paths = [tables.original_path(picture, format) for format in sorted(formats)]
    for name in corpora(root):
        facts = edition(root, name)
        here = [row for row in rows["clustered"] if row["corpus"] == name and row["cluster"] is not None]
        if facts and here:
            extension = "png" if facts["manifest"]["shard"]["format"] == "png" else "jpg"
            paths.append(f"{facts['folders']['clusters']}/{here[0]['cluster']:02d}/images/{picture}.{extension}")
    return [root.address(path) for path in paths if root.exists(path)]


def show_text(found: Mapping[str, Any]) -> str:
    """`show` for a terminal."""
    lines = [found["id"], *(f"  {path}" for path in found["files"])]
    for table in ("crawled", "measured", "faces", *CORPUS_TABLES):
        for row in found[table]:
            known = {key: value for key, value in row.items() if value is not None and key not in ("id", "raw")}
            lines += [table, *(f"  {key:16} {value}" for key, value in known.items())]
    return "\n".join(lines)
