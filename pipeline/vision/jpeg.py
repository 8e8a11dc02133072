"""The quality at which a JPEG was written, from the tables that say how coarsely it was rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# ITU-T T.81, annex K.1, in zigzag order: the table for luminance, which libjpeg scales by a quality from 1 to 100.
_LUMA = np.array([
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51,
    61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77,
    113, 121, 112, 100, 120, 92, 101, 103, 99,
])  # fmt: skip


def _scaled() -> NDArray[np.float64]:
    """The mean of libjpeg's luminance table at every quality from 1 to 100 (jcparam.c, jpeg_set_quality)."""
    qualities = np.arange(1, 101)
    scale = np.where(qualities < 50, 5000 // qualities, 200 - 2 * qualities)
    tables = np.clip((_LUMA[None] * scale[:, None] + 50) // 100, 1, 255)
    means: NDArray[np.float64] = tables.mean(axis=1)
    return means


_MEANS = _scaled()


def quality(tables: Mapping[int, Sequence[int]]) -> float | None:
    """The quality 1 to 100 of libjpeg whose luminance table is as coarse on average as table 0 of a file.

    Exact to the number for files of libjpeg and all that use its tables; of other encoders (Photoshop, cameras) the
    quality that loses about as much. It is that of the last writing: a picture saved badly and then well says well.
    None when a file has no table 0.
    """
    if not tables.get(0):
        return None
    mean = float(np.mean(tables[0]))
    return float(np.interp(-mean, -_MEANS, np.arange(1, 101)))
