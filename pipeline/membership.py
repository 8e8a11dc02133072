"""On which pictures a GAN was trained: whether its theme has only grown since, or people made it another."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pipeline import tables
from pipeline.storage import Root

_FILE = "members.json"
_ID_DIGITS = 64


def members(root: Root, folder: str) -> list[str]:
    """The ids in a thematic folder, by its `cluster.json`, sorted."""
    found = json.loads(root.read(f"{folder}/cluster.json"))
    return sorted(member["id"] for member in found["members"])


def remember(root: Root, run: str, ids: Iterable[str], partitions: Sequence[str]) -> None:
    """Keep beside a run on which pictures it is trained, and what was known of the corpus by then."""
    facts = {"partitions": list(partitions), "ids": sorted(ids)}
    root.commit(f"{run}/{_FILE}", json.dumps(facts).encode())


def trained_on(root: Root, run: str) -> list[str]:
    """The ids of the pictures that a run was trained on; empty for runs from before this was kept."""
    if not root.exists(f"{run}/{_FILE}"):
        return []
    return list(json.loads(root.read(f"{run}/{_FILE}"))["ids"])


def fits(root: Root, run: str, ids: Iterable[str]) -> bool:
    """Whether a run may stand for a theme of these ids: it was trained on all or some of them, and those it lacks are
    pictures that came to the corpus later. Any that were taken out or put in since make it the GAN of another theme.
    Runs from before this was kept fit.
    """
    if not root.exists(f"{run}/{_FILE}"):
        return True
    facts = json.loads(root.read(f"{run}/{_FILE}"))
    trained, now = set(facts["ids"]), set(ids)
    if not trained <= now:
        return False
    added = {picture[:_ID_DIGITS] for picture in now - trained}
    return not added or added.isdisjoint(_known(root, facts["partitions"]))


def _known(root: Root, partitions: Iterable[str]) -> set[str]:
    there = set(tables.names(root, tables.CRAWLED))
    found: set[str] = set()
    for name in there.intersection(partitions):
        found.update(tables.read(root, tables.CRAWLED, name, ["id"])["id"].to_pylist())
    return found
