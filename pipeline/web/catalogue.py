"""The catalogue: the rows of one edition in memory, so that the server answers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline import overlay, tables
from pipeline.decisions import Event
from pipeline.errors import Reason
from pipeline.manifest import Select
from pipeline.stages.judge import codes_of
from pipeline.storage import Root

ID_DIGITS = 64
_SAID = (
    "id", "source", "title", "creator", "year", "licence", "style", "genre", "tags", "query", "format", "page_url",
    "fetched_at", "reason", "year_text",
)  # fmt: skip
_MEASURED = (
    "width", "height", "bytes", "brightness", "contrast", "sharpness", "coloured", "entropy", "border", "blockiness",
    "jpeg_quality", "nsfw", "frames", "reason", "reason_value",
)  # fmt: skip
_LIMITED = frozenset((
    Reason.TOO_SMALL, Reason.TOO_ELONGATED, Reason.BLURRED, Reason.TOO_DARK, Reason.TOO_BRIGHT, Reason.LOW_CONTRAST,
    Reason.LOW_ENTROPY, Reason.TOO_MUCH_BORDER, Reason.LOW_JPEG_QUALITY, Reason.GREYSCALE, Reason.ANIMATED,
    Reason.BLOCKY, Reason.NSFW, Reason.LICENCE,
))  # fmt: skip
_NOWHERE = -1
_REASONS = [str(reason) for reason in Reason]
_CODES = {reason: code for code, reason in enumerate(_REASONS)}


class Catalogue:
    """The rows of an edition, and where decisions put them.

    Rows are what was crawled (n of them, with `said` and `measured`); members are what is in a theme (m of them):
    `ids`, their row `of`, `themes` int32 (m,), `distances` float32 (m,) and `out` bool (m,), whether people or owners
    took them out. `replay` brings themes and out up to date.
    """

    def __init__(self, root: Root, edition: Mapping[str, Any]) -> None:
        self.root = root
        self.edition = edition
        partitions, folders = list(edition["partitions"]), edition["folders"]
        self.said = tables.read_latest(root, partitions, _SAID).combine_chunks()
        self.measured = tables.read_all(root, folders["measured"], partitions, _MEASURED).combine_chunks()
        selected = tables.read_all(root, folders["selected"], partitions, ["reason", "keeper"]).combine_chunks()
        self._selected = selected["reason"].combine_chunks()
        self.keepers = selected["keeper"].combine_chunks()
        self._read_members(root, folders, partitions if edition.get("clusters") else [])
        self.withdrawn = {p for p, r in edition.get("left_out", {}).items() if r != str(Reason.REJECTED_BY_PERSON)}
        self._withdrawn = np.array([one in self.withdrawn for one in self.ids], bool)
        self._events: list[Event] | None = None
        self.replay([])

    def _read_members(self, root: Root, folders: Mapping[str, str], partitions: Sequence[str]) -> None:
        found = tables.read_all(root, folders["clustered"], partitions, ["id", "cluster", "distance"])
        found = found.filter(found["cluster"].is_valid()).combine_chunks()
        self.ids: list[str] = found["id"].to_pylist()
        self.rows = {picture: row for row, picture in enumerate(self.ids)}
        self.partitions = found["partition"].to_pylist()
        self.places = found["row"].to_numpy()
        self.given = found["cluster"].to_numpy().astype(np.int32)
        self.distances = found["distance"].to_numpy().astype(np.float32)
        self.of = np.array([self.row_of[picture[:ID_DIGITS]] for picture in self.ids], np.int64)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each picture: the one that was kept, else the first."""
        ids, kept = self.said["id"].to_pylist(), np.asarray(self._selected.is_null())
        made = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
        made.update((ids[row], int(row)) for row in np.flatnonzero(kept))
        return made

    def reason(self, picture: str) -> str | None:
        """Why the picture is not kept by the edition's rules; None when it is. Raises KeyError for one not here."""
        row = self.row_of[picture[:ID_DIGITS]]
        for column in (self.said["reason"], self.measured["reason"], self._selected):
            if (found := column[row].as_py()) is not None:
                return str(found)
        return None

    # decisions

    def replay(self, events: Sequence[Event]) -> None:
        """Put the members where the events that stand say; goes on from where it was when none was taken back."""
        before = self._events
        if before is None or list(events[: len(before)]) != before:
            self.themes, before = self.given.copy(), []
        for event in events[len(before) :]:
            overlay.apply(self.themes, self.rows, event)
        self._events = list(events)
        moved = self.themes != self.given
        self.touched = frozenset(np.union1d(self.given[moved], self.themes[moved]).tolist())
        self.out = self._withdrawn.copy()
        self.rejected = overlay.left_out(events)
        self.out[[self.rows[picture] for picture in self.rejected if picture in self.rows]] = True
        self.names = {int(c["id"]): str(c["name"]) for c in self.edition.get("clusters") or []} | overlay.names(events)
        self.hidden = overlay.hidden(events)

    def name(self, theme: int) -> str:
        """What a theme is called."""
        return self.names.get(theme, f"theme {theme:02d}")

    def summary(self) -> list[dict[str, Any]]:
        """The themes with their names and sizes, by number; what is hidden, or in no theme, is left out."""
        sizes = np.bincount(self.themes[~self.out & (self.themes >= 0)], minlength=1)
        return [
            {"id": int(theme), "name": self.name(int(theme)), "size": int(sizes[theme])}
            for theme in np.flatnonzero(sizes) if theme not in self.hidden
        ]  # fmt: skip

    def has(self, theme: int) -> bool:
        """Whether there is such a theme and any picture in it; those without a theme are in none."""
        return theme >= 0 and bool((self.themes[~self.out] == theme).any())

    def members(self, theme: int) -> NDArray[np.int64]:
        """The members of a theme that are not taken out, int64."""
        return np.flatnonzero((self.themes == theme) & ~self.out)

    # thresholds

    def count(self, select: Select) -> dict[str, Any]:
        """How many rows other thresholds would keep, and what the others would be rejected for.

        Look-alikes stay rejected, as nobody compares pixels here: of those that a looser threshold lets in
        some may turn out to be copies.
        """
        codes, names = codes_of(self.said, self.measured, select)
        found = np.array([*(_CODES[name] for name in names), _NOWHERE], np.int32)[codes]
        made = self._earlier
        for part in (found, self._later, self._taken_out()):
            made = np.where(made == _NOWHERE, part, made)
        counts = np.bincount(made + 1, minlength=len(_REASONS) + 1)
        rejected = {name: int(n) for name, n in zip(_REASONS, counts[1:], strict=True) if n}
        ordered = dict(sorted(rejected.items(), key=lambda item: (-item[1], item[0])))
        return {"kept": int(counts[0]), "rejected": ordered}

    @cached_property
    def _earlier(self) -> NDArray[np.int32]:
        """Why a row was rejected before it was judged."""
        fetched, decoded = _coded(self.said["reason"]), _coded(self.measured["reason"])
        return np.where(fetched == _NOWHERE, decoded, fetched)

    @cached_property
    def _later(self) -> NDArray[np.int32]:
        """Why a row was rejected after the thresholds."""
        codes = _coded(self._selected)
        codes[np.isin(codes, [_CODES[str(reason)] for reason in _LIMITED])] = _NOWHERE
        return codes

    def _taken_out(self) -> NDArray[np.int32]:
        out = {**dict.fromkeys(self.withdrawn, str(Reason.OPTED_OUT)), **self.rejected}
        made = np.full(self.said.num_rows, _NOWHERE, np.int32)
        for picture, reason in out.items():
            if picture[:ID_DIGITS] in self.row_of:
                made[self.row_of[picture[:ID_DIGITS]]] = _CODES[reason]
        return made


def _coded(reasons: pa.Array | pa.ChunkedArray) -> NDArray[np.int32]:
    """Reasons by their place in `_REASONS`, int32 (n,), -1 for none."""
    places = pc.fill_null(pc.index_in(reasons, value_set=pa.array(_REASONS, pa.string())), _NOWHERE)
    made: NDArray[np.int32] = np.asarray(places).astype(np.int32)
    return made


class Shelf:
    """Some members of a catalogue as the columns that a filter looks at; `scores` are by id."""

    def __init__(self, catalogue: Catalogue, rows: NDArray[np.int64], scores: Mapping[str, float]) -> None:
        self._all = catalogue
        self._rows = rows
        self._of = pa.array(catalogue.of[rows])
        self._scores = scores

    def number(self, name: str) -> NDArray[np.float64]:
        """A number of each member, float64, NaN where it is not known."""
        if name == "distance":
            far: NDArray[np.float64] = self._all.distances[self._rows].astype(np.float64)
            return far
        if name == "score":
            found = [self._scores.get(self._all.ids[row], np.nan) for row in self._rows]
            return np.array(found, np.float64)
        if name in ("side", "aspect"):
            width, height = self.number("width"), self.number("height")
            short, long = np.fmin(width, height), np.fmax(width, height)
            shape: NDArray[np.float64] = short if name == "side" else long / short
            return shape
        table = self._all.said if name == "year" else self._all.measured
        column = pc.cast(table[name].take(self._of), pa.float64())
        return np.asarray(pc.fill_null(column, np.nan).to_numpy(), np.float64)

    def contains(self, name: str, text: str) -> NDArray[np.bool_]:
        """Whether the words of a column hold `text`, whatever its case."""
        if name == "id":
            return np.array([self._all.ids[row].startswith(text.lower()) for row in self._rows], bool)
        column = self._all.said[name].take(self._of).combine_chunks()
        if pa.types.is_list(column.type):
            column = pc.binary_join(pc.fill_null(column, pa.scalar([], column.type)), "\n")
        found = pc.match_substring(pc.fill_null(column, ""), text, ignore_case=True)
        return np.asarray(found.to_numpy(zero_copy_only=False), bool)

    def time(self) -> NDArray[np.int64]:
        """When each was fetched, in milliseconds; 0 when that is not known."""
        column = pc.fill_null(self._all.said["fetched_at"].take(self._of).cast(pa.int64()), 0)
        return np.asarray(column.to_numpy(), np.int64)
