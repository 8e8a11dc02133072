"""What an export holds: the prepared pictures of the themes of an edition, with what is known of each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline import licences, tables
from pipeline.errors import Fatal, UsageError
from pipeline.schema import ID_DIGITS
from pipeline.storage import Root

FACTS = (
    "title", "creator", "year_text", "year", "style", "genre", "tags", "source", "page_url", "licence", "licence_url",
)  # fmt: skip


@dataclass(frozen=True)
class Theme:
    """A thematic folder: its lasting `number`, its place `label` from 0 among those exported, what it is called, and
    the name of a folder for it."""

    number: int
    label: int
    name: str
    path: str

    @property
    def folder(self) -> str:
        """`03-still-life`: the same on every file system."""
        words = re.sub(r"[^\w]+", "-", self.name.lower()).strip("-_")[:60].strip("-")
        return f"{self.number:02d}-{words}" if words else f"{self.number:02d}"


@dataclass(frozen=True)
class Sample:
    """A picture of a theme: `path` of its prepared square below the root, and `facts` of it by the names of FACTS; what
    is not known is null, an unknown licence is NOASSERTION."""

    id: str
    theme: Theme
    path: str
    facts: Mapping[str, Any]

    @property
    def suffix(self) -> str:
        """`png`, `jpg` or `webp`."""
        return self.path.rpartition(".")[2]

    @property
    def told(self) -> dict[str, Any]:
        """Everything that goes with the picture, as JSON."""
        year = self.facts["year_text"] or self.facts["year"]
        kept = {name: value for name, value in self.facts.items() if name not in ("year_text", "year")}
        theme = {"theme": self.theme.number, "theme_name": self.theme.name}
        return {"id": self.id, **theme, **kept, "year": None if year is None else str(year)}


def chosen(
    root: Root, edition: Mapping[str, Any], numbers: Sequence[int] = (), admitted: Sequence[str] = ()
) -> list[Sample]:
    """The pictures of the themes `numbers`, of all if empty, by theme and id; `admitted` is a filter of licences as
    `licences.wanted` makes it.

    A picture of several sources counts under the first licence that is admitted. Raises UsageError when there are no
    themes, not those, or nothing is left; Fatal when a folder is gone.
    """
    found = [_members(root, theme) for theme in _themes(edition, numbers)]
    members = {one.id: one for samples in found for one in samples}
    said = _said(root, edition, {one[:ID_DIGITS] for one in members} - tables.forgotten(root), admitted)
    samples = [replace(one, facts=said[id[:ID_DIGITS]]) for id, one in members.items() if id[:ID_DIGITS] in said]
    if not samples:
        raise UsageError("No picture of these themes is under such a licence: `pipeline attribution` lists them.")
    labels = {number: at for at, number in enumerate(sorted({one.theme.number for one in samples}))}
    return sorted(
        (replace(one, theme=replace(one.theme, label=labels[one.theme.number])) for one in samples),
        key=lambda one: (one.theme.label, one.id),
    )


def _themes(edition: Mapping[str, Any], numbers: Sequence[int]) -> list[Theme]:
    listed = edition.get("clusters") or []
    if not listed:
        raise UsageError(
            f"The corpus {edition['corpus']} has no thematic folders yet: `pipeline cluster --k 20 --corpus "
            f"{edition['corpus']}` makes them."
        )
    there = {int(one["id"]): Theme(int(one["id"]), 0, str(one["name"]), str(one["path"])) for one in listed}
    if missing := sorted(set(numbers) - set(there)):
        raise UsageError(f"There is no theme {missing[0]}: `pipeline status` lists them.")
    return [theme for number, theme in sorted(there.items()) if not numbers or number in numbers]


def _members(root: Root, theme: Theme) -> list[Sample]:
    path = f"{theme.path}/cluster.json"
    try:
        listed = json.loads(root.read(path))["members"]
    except FileNotFoundError:
        raise Fatal(f"{root.address(path)} is gone: make the folders again with `pipeline cluster`.") from None
    return [Sample(str(one["id"]), theme, f"{theme.path}/{one['file']}", {}) for one in listed]


def _said(
    root: Root, edition: Mapping[str, Any], wanted: Iterable[str], admitted: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """What is known of the pictures `wanted` that are admitted, by their originals' ids."""
    names, made = set(wanted), dict[str, dict[str, Any]]()
    for row in tables.read_latest(root, edition["partitions"], ("id", "reason", *FACTS)).to_pylist():
        licence = row["licence"] or licences.UNKNOWN
        if row["id"] not in names or row["id"] in made or row["reason"] is not None:
            continue
        if licences.admits(admitted, licence):
            address = row["licence_url"] or licences.address(licence)
            made[row["id"]] = {name: row[name] for name in FACTS} | {"licence": licence, "licence_url": address}
    return made
