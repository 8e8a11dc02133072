"""The thresholds of a manifest as sliders: how many pictures each limit would reject on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.errors import Reason
from pipeline.web.facts import Facts

STOPS = 101
# Reason: the manifest's key under `select`, the number it is held against, whether smaller ones are rejected.
_LIMITS = {
    Reason.TOO_SMALL: ("min_side", "least(m.width, m.height)", True),
    Reason.TOO_ELONGATED: ("max_aspect", "greatest(m.width, m.height) / least(m.width, m.height)", False),
    Reason.BLURRED: ("min_sharpness", "m.sharpness", True),
    Reason.TOO_DARK: ("min_brightness", "m.brightness", True),
    Reason.TOO_BRIGHT: ("max_brightness", "m.brightness", False),
    Reason.LOW_CONTRAST: ("min_contrast", "m.contrast", True),
    Reason.LOW_ENTROPY: ("min_entropy", "m.entropy", True),
    Reason.TOO_MUCH_BORDER: ("max_border", "m.border", False),
    Reason.LOW_JPEG_QUALITY: ("min_jpeg_quality", "m.jpeg_quality", True),
    Reason.BLOCKY: ("max_blockiness", "m.blockiness", False),
    Reason.NSFW: ("max_nsfw", "m.nsfw", False),
}


@dataclass(frozen=True)
class Slider:
    """A limit that can be moved over `stops`; `lost` says how many pictures each stop rejects. It stands at `at`."""

    key: str
    reason: str
    value: float
    stops: Sequence[float]
    lost: Sequence[int]
    at: int
    total: int


def sliders(facts: Facts) -> dict[str, Slider]:
    """The limits of the edition's manifest by their reason; those nobody measured are left out.

    No decision changes them: they are found once.
    """
    if facts.sliders is None:
        facts.sliders = _sliders(facts)
    return facts.sliders


def _sliders(facts: Facts) -> dict[str, Slider]:
    select = facts.edition["manifest"].get("select") or {}
    limits = {reason: limit for reason, limit in _LIMITS.items() if isinstance(select.get(limit[0]), int | float)}
    if not limits:
        return {}
    columns = ", ".join(f"{number} AS {key}" for key, number, _ in limits.values())
    query = f"SELECT {columns} FROM measured m WHERE m.reason IS NULL AND m.partition IN (SELECT unnest(?))"
    measured = facts.columns(query, [list(facts.edition["partitions"])])
    made = {}
    for reason, (key, _, below) in limits.items():
        values = measured[key].drop_null().cast(pa.float64()).to_numpy()
        if len(values):
            made[str(reason)] = slider(values, (key, str(reason)), float(select[key]), below)
    return made


def slider(values: np.ndarray, name: tuple[str, str], limit: float, below: bool) -> Slider:
    """A slider over the range of most of `values`, with the limit as it stands among its stops.

    `name` is the manifest's key and the reason; `below` says that smaller numbers than the limit are rejected.
    """
    ordered = np.sort(values[np.isfinite(values)])
    low, high = (float(np.quantile(ordered, share)) for share in ((0.0, 0.9) if below else (0.1, 1.0)))
    low, high = min(low, limit), max(high, limit, low + 1e-9)
    whole = bool((ordered == np.round(ordered)).all()) and limit == round(limit)
    stops = np.linspace(low, high, STOPS)
    stops = np.unique(np.round(stops) if whole else np.array([float(f"{stop:.3g}") for stop in stops]))
    stops = np.unique(np.append(stops, limit))
    lost = np.searchsorted(ordered, stops, "left") if below else len(ordered) - np.searchsorted(ordered, stops, "right")
    at = int(np.searchsorted(stops, limit))
    return Slider(*name, limit, stops.tolist(), lost.tolist(), at, len(ordered))


def plain(found: Mapping[str, Slider]) -> dict[str, Any]:
    """The sliders as JSON for the page's script."""
    return {
        reason: {"key": one.key, "stops": one.stops, "lost": one.lost, "total": one.total}
        for reason, one in found.items()
    }
