"""Take-down: remove pictures wherever they stand under a root, remember that they are not wanted, say who saw them.

What is to go is written down first, as tombstones in `removed/`: from then on no crawl takes these pictures in and no
edition uses them. Then everything made of them is removed, file by file, in a way that may be done again; a marker
beside the tombstones says that it is done, and the next call completes what a killed one left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import erase, membership, report, tables
from pipeline.corpus import PEOPLE_TABLES, edition, editions
from pipeline.errors import UsageError
from pipeline.schema import ID_DIGITS, REMOVED
from pipeline.storage import Root
from spiders.desk import Desk

Echo = Callable[[str], None]


@dataclass(frozen=True)
class Lineage:
    """What saw the pictures: `editions` as (corpus, number), the folders of GAN `runs`, which cannot forget, `heirs`:
    runs that began with the networks of one of these, and `copies`: pictures that were rejected as duplicates of
    these and still stand."""

    editions: Sequence[tuple[str, int]] = ()
    runs: Sequence[str] = ()
    heirs: Sequence[str] = ()
    copies: Sequence[str] = ()

    def plain(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "editions": [f"{corpus}/{number:05d}" for corpus, number in self.editions],
            "runs": list(self.runs), "heirs": list(self.heirs), "copies": list(self.copies),
        }  # fmt: skip


@contextmanager
def alone(root: Root) -> Iterator[None]:
    """Hold every corpus and every source of the root. Raises LockHeld when anything is at work on one of them."""
    with ExitStack() as stack:
        for name in root.folders("corpora"):
            stack.enter_context(root.lock(f"corpus-{name}"))
        for prefix in sorted({name.rsplit("-", 2)[0] for name in tables.names(root, tables.CRAWLED)}):
            stack.enter_context(root.lock(f"crawl-{prefix}"))
        yield


def settle(root: Root) -> None:
    """Bring what killed crawls left into the tables, so that it can be found."""
    for prefix in root.folders("journal"):
        Desk(root, prefix).close()


def trace(root: Root, pictures: frozenset[str]) -> Lineage:
    """Who saw these pictures, as far as the folders still say."""
    here = set(erase.partitions_with(root, pictures))
    seen, copies = [], set[str]()
    for corpus in root.folders("corpora"):
        for number in editions(root, corpus):
            facts = edition(root, corpus, number)
            assert facts is not None
            kept, lost = _kept(root, facts["folders"]["selected"], here & set(facts["partitions"]), pictures)
            copies |= lost
            if kept:
                seen.append((corpus, number))
    runs = _all_runs(root)
    saw = [run for run in runs if not pictures.isdisjoint(_seen_by(root, run))]
    return Lineage(seen, saw, _heirs(root, runs, saw), sorted(copies - pictures))


def _kept(root: Root, folder: str, names: set[str], pictures: frozenset[str]) -> tuple[bool, set[str]]:
    """Whether a selection kept one of the pictures, and which it rejected as duplicates of them."""
    wanted, kept, lost = pa.array(sorted(pictures), pa.string()), False, set[str]()
    there = set(tables.names(root, folder))
    for name in sorted(there):
        rows = tables.read(root, folder, name, ["id", "reason", "keeper"])
        lost |= set(rows.filter(pc.is_in(rows["keeper"], value_set=wanted))["id"].to_pylist())
        if name in names:
            mine = rows.filter(pc.is_in(rows["id"], value_set=wanted))
            kept = kept or mine["reason"].null_count > 0
    return kept, lost


def _all_runs(root: Root) -> list[str]:
    """The folders of all runs of all corpora; those of a base too."""
    themes = [f"runs/{corpus}/{theme}" for corpus in root.folders("runs") for theme in root.folders(f"runs/{corpus}")]
    return [f"{theme}/{run}" for theme in themes for run in root.folders(theme)]


def _seen_by(root: Root, run: str) -> set[str]:
    """The pictures that a run was trained on by its own list, whoever moved them since; and those of its theme."""
    seen = {one[:ID_DIGITS] for one in membership.trained_on(root, run)}
    if root.exists(f"{run}/run.json"):
        _, corpus, theme, _ = run.split("/")
        made_of = json.loads(root.read(f"{run}/run.json")).get("clustered")
        members = f"corpora/{corpus}/clusters/{made_of}/{theme}/cluster.json"
        seen |= erase.members(root, members) if root.exists(members) else set()
    return seen


def _heirs(root: Root, runs: Sequence[str], saw: Sequence[str]) -> list[str]:
    """The runs that began with the networks of one of those that `saw`, or with those of such a run in turn."""
    begun = {run: _begun_from(root, run) for run in runs}
    tainted: set[str] = set()
    fresh = set(saw)
    while fresh:
        tainted |= fresh
        # a root may have been moved since: what counts is the run's folder
        fresh = {run for run, start in begun.items() if any(start.endswith(f"/{one}") for one in fresh)} - tainted
    return [run for run in runs if run in tainted and run not in saw]


def _begun_from(root: Root, run: str) -> str:
    """The address of the run with whose networks this one began; empty for one that began from nothing."""
    if not root.exists(f"{run}/options.json"):
        return ""
    start = json.loads(root.read(f"{run}/options.json")).get("start")
    return str(start["run"]).rstrip("/") if start else ""


def forget(root: Root, pictures: frozenset[str], how: str, why: str, echo: Echo) -> Lineage:
    """Take these pictures down and keep a tombstone of each; `how` they were named and `why` stand in it.

    Raises LockHeld when anything is at work on the root.
    """
    with alone(root):
        lineage = trace(root, pictures)
        now = datetime.now(UTC)
        facts = lineage.plain()
        ids = sorted(pictures)
        rows: dict[str, list[Any]] = {
            "id": ids, "at": [now] * len(ids), "how": [how] * len(ids), "why": [why or None] * len(ids),
            "editions": [facts["editions"]] * len(ids), "runs": [facts["runs"] + facts["heirs"]] * len(ids),
        }  # fmt: skip
        data = tables.encode(tables.rows(rows, REMOVED), REMOVED)
        while not root.claim(f"{tables.REMOVED}/{now:%Y%m%dT%H%M%S%f}.parquet", data):
            now = datetime.now(UTC)
        _complete(root, echo)
    return lineage


def finish(root: Root, echo: Echo) -> int:
    """Complete what killed take-downs left; how many pictures that were."""
    left = frozenset(picture for name in _unfinished(root) for picture in _pictures(root, name))
    if left:
        with alone(root):
            _complete(root, echo)
    return len(left)


def _unfinished(root: Root) -> list[str]:
    done = {name.removesuffix(".done") for name in root.names(tables.REMOVED, ".done")}
    return [name for name in tables.names(root, tables.REMOVED) if name not in done]


def _pictures(root: Root, name: str) -> list[str]:
    found: list[str] = tables.read(root, tables.REMOVED, name, ["id"])["id"].to_pylist()
    return found


def _complete(root: Root, echo: Echo) -> None:
    for name in _unfinished(root):
        pictures = frozenset(_pictures(root, name))
        runs = {run for row in tables.read(root, tables.REMOVED, name, ["runs"])["runs"].to_pylist() for run in row}
        erase.erase(root, pictures, sorted(runs))
        for corpus in root.folders("reports"):
            if facts := edition(root, corpus):
                report.build(root, facts, root.sub(f"reports/{corpus}"))
        root.commit(f"{tables.REMOVED}/{name}.done", b"")
        echo(f"forget   {len(pictures):,} pictures are removed")


def forget_identity(root: Root, corpus: str) -> int:
    """Remove all numbers that tell persons apart in a corpus, groups and sheets with them; how many files.

    Raises LockHeld when a run is at work on it.
    """
    with root.lock(f"corpus-{corpus}"):
        return sum(root.wipe(f"corpora/{corpus}/{table}") for table in reversed(PEOPLE_TABLES))


# which pictures are meant


def find(root: Root, url: str | None = None, host: str | None = None, creator: str | None = None) -> dict[str, str]:
    """The stored pictures that were seen at an address, at a host or of a creator, with what they are called.

    Raises UsageError when there are none.
    """
    found: dict[str, str] = {}
    columns = ["id", "url", "final_url", "page_url", "creator", "creator_id", "title", "source_id", "sha256"]
    for name in tables.names(root, tables.CRAWLED):
        rows = tables.read(root, tables.CRAWLED, name, columns).select(columns)
        for row in rows.filter(pc.is_valid(rows["sha256"])).to_pylist():
            if _is_meant(row, url, host, creator):
                found.setdefault(row["id"], row["title"] or row["source_id"] or "")
    if not found:
        asked = url or host or creator
        raise UsageError(f"No picture that stands here is of {asked!r}: `pipeline sql` and the report say what is.")
    return found


def _is_meant(row: dict[str, Any], url: str | None, host: str | None, creator: str | None) -> bool:
    from urllib.parse import urlsplit

    places = [row[name] for name in ("url", "final_url", "page_url") if row[name]]
    if url is not None:
        return url in places
    if host is not None:
        hosts = {(urlsplit(place).hostname or "").lower() for place in places}
        return any(one == host.lower() or one.endswith(f".{host.lower()}") for one in hosts)
    wanted = (creator or "").casefold()
    return wanted in {(row[name] or "").casefold() for name in ("creator", "creator_id")} - {""}


def called(root: Root, pictures: Sequence[str]) -> dict[str, str]:
    """What pictures are called, by id."""
    rows = tables.read_all(root, tables.CRAWLED, tables.names(root, tables.CRAWLED), ["id", "title", "source_id"])
    mine = rows.filter(pc.is_in(rows["id"], value_set=pa.array(list(pictures), pa.string())))
    return {row["id"]: row["title"] or row["source_id"] or "" for row in mine.to_pylist()}
