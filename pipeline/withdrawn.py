"""Pictures that stand and yet are left out: their owners reserve them now, or their licence is another now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline import licences, tables
from pipeline.errors import Reason
from pipeline.storage import Root

OUTCOME = "withdrawn"


def left_out(root: Root, partitions: Sequence[str], licence: Iterable[str] | str) -> Mapping[str, str]:
    """The ids of pictures that no edition takes in any more, with the reason: `opted_out` when they were withdrawn,
    `forgotten` when they were taken down, `licence` when none of the rows of `partitions`, as they were said last,
    has one that the manifest lets pass.
    """
    made = dict.fromkeys(withdrawn(root), str(Reason.OPTED_OUT))
    made |= dict.fromkeys(tables.forgotten(root), str(Reason.FORGOTTEN))
    if licence == "any":
        return made
    said = tables.read_latest(root, partitions, ["id", "licence", "reason"])
    stored = said.filter(said["reason"].is_null())
    let = {name for name in stored["licence"].unique().to_pylist() if licences.admits(licence, name or "")}
    pairs = list(zip(stored["id"].to_pylist(), stored["licence"].to_pylist(), strict=True))
    fine = {picture for picture, name in pairs if name in let}
    return {picture: str(Reason.LICENCE) for picture, _ in pairs if picture not in fine} | made


def withdrawn(root: Root) -> frozenset[str]:
    """The ids of pictures that were withdrawn when they were last asked for, at any of their addresses."""
    last: dict[tuple[str, str], tuple[str, str]] = {}
    rows = [
        row for name in tables.names(root, tables.CHECKED)
        for row in tables.read(root, tables.CHECKED, name, ("id", "source_id", "outcome", "checked_at")).to_pylist()
        if row["outcome"] is not None
    ]  # fmt: skip
    for row in sorted(rows, key=lambda row: row["checked_at"]):
        last[row["id"], row["source_id"]] = (row["id"], row["outcome"])
    return frozenset(picture for picture, outcome in last.values() if outcome == OUTCOME)
