"""Pictures of the same motif: the nearest pairs by their embeddings, suggested to people and never removed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.vision.multiindex import Indices

_BLOCK = 512


class Motifs(NamedTuple):
    """Pairs of indices `i` < `j` and the cosine `similarity` of their vectors (float32), most alike first."""

    i: Indices
    j: Indices
    similarity: NDArray[np.float32]


def same_motif(vectors: NDArray[np.float32], themes: NDArray[np.int64], least: float, most: int) -> Motifs:
    """The `most` most alike pairs of rows of `vectors` (n, d) that share a theme and are alike by `least` or more.

    Each picture is paired with its nearest only, so that one crowd does not fill the list. Work grows with the
    squares of the themes' sizes, memory with n.
    """
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    nearest = np.full(len(units), -1)
    alike = np.full(len(units), -1.0, np.float32)
    for theme in np.unique(themes):
        rows = np.flatnonzero(themes == theme)
        for start in range(0, len(rows), _BLOCK):
            mine = rows[start : start + _BLOCK]
            cosines = units[mine] @ units[rows].T
            cosines[np.arange(len(mine)), start + np.arange(len(mine))] = -2
            best = cosines.argmax(1)
            nearest[mine], alike[mine] = rows[best], cosines[np.arange(len(mine)), best]
    found = np.flatnonzero(alike >= least)
    low, high = np.minimum(found, nearest[found]), np.maximum(found, nearest[found])
    _, first = np.unique(low * len(units) + high, return_index=True)
    order = first[np.lexsort((low[first], -alike[found[first]]))][:most]
    return Motifs(low[order], high[order], alike[found[order]])
