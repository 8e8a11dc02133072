"""Merits: which of two pictures that are the same is kept, and the words for why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline import licences
from pipeline.manifest import Dedupe

MERITS = ("format", "width", "height", "border", "sharpness", "fineness", "jpeg_quality", "licence", "source")
"""The columns that merits are made of."""

_LOSSLESS_FORMATS = ("png", "gif", "bmp", "tiff", "pnm")
_LOSSLESS, _UNTOLD = 101.0, 75.0  # in place of a quality of JPEG; encoders' usual one for what loses and does not tell
_MARGIN = 0.02  # of the area: what borders are counted in, so that a line more or less decides nothing
_FINE = 3  # a copy enlarged s times has s² times the pixels and 1/s of the fineness: it is to lose by s
PREFERRED, FIRST = "preferred source", "first seen"
_OPENNESS = (
    "public-domain", "cc0", "no-known-copyright", "cc-by", "cc-by-sa", "free-art", "gfdl", "cc-by-nd", "cc-by-nc",
    "cc-by-nc-sa", "cc-by-nc-nd", "other", "in-copyright",
)  # fmt: skip


def merits(rows: pa.Table, settings: Dedupe) -> dict[str, NDArray[np.float64]]:
    """What decides, in order, by its words in `rule`: of each row a number, less is better."""
    seen = np.arange(rows.num_rows, dtype=np.float64)
    known = {
        "largest": -_content(rows),
        "finest": -_content(rows) * _fineness(rows) ** _FINE,
        "sharpest": -_numbers(rows["sharpness"]),
        "least_compressed": -_qualities(rows),
        "best_licence": _licence_ranks(rows["licence"]),
        "first_seen": seen,
    }
    found = {merit.replace("_", " "): known[merit] for merit in settings.keep}
    if settings.prefer_source is not None:
        others = pc.fill_null(pc.not_equal(rows["source"], settings.prefer_source), True)
        found = {PREFERRED: np.asarray(others).astype(np.float64)} | found
    return found | {FIRST: seen}


def order(found: Mapping[str, NDArray[np.float64]]) -> NDArray[np.int64]:
    """The place of each row in the order of preference, from 0."""
    by = np.lexsort([found[merit] for merit in reversed(list(found))])
    places = np.empty(len(by), np.int64)
    places[by] = np.arange(len(by))
    return places


def rule(found: Mapping[str, NDArray[np.float64]], kept: int, lost: int) -> str:
    """The first merit in which the kept row is better."""
    return next((merit for merit, values in found.items() if values[kept] < values[lost]), FIRST)


def _content(rows: pa.Table) -> NDArray[np.float64]:
    """The pixels of each that are no plain margin, bar of a letterbox or border."""
    margins = np.floor(_numbers(rows["border"]) / _MARGIN + 1e-6) * _MARGIN
    return _numbers(rows["width"]) * _numbers(rows["height"]) * (1 - margins)


def _fineness(rows: pa.Table) -> NDArray[np.float64]:
    """That of pictures too small to have one is taken for full."""
    return _numbers(pc.fill_null(rows["fineness"], 1.0))


def _qualities(rows: pa.Table) -> NDArray[np.float64]:
    """The quality of JPEG, or what stands for it: of formats that lose and do not tell no more than of a usual JPEG."""
    lossless = np.asarray(pc.fill_null(pc.is_in(rows["format"], pa.array(_LOSSLESS_FORMATS)), False))
    return np.where(lossless, _LOSSLESS, _numbers(pc.fill_null(rows["jpeg_quality"], _UNTOLD)))


def _licence_ranks(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """0 for what everybody may use in any way, more the less is allowed; unknown licences come last."""
    names = column.to_pylist()
    ranks = {name: _rank(name) for name in set(names)}
    return np.array([ranks[name] for name in names], np.float64)


def _rank(licence: str | None) -> float:
    allowed = licences.families(licence or licences.UNKNOWN)
    return min((_OPENNESS.index(family) for family in allowed if family in _OPENNESS), default=len(_OPENNESS))


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(pc.fill_null(pc.cast(column, pa.float64()), 0.0))
