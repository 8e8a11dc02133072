"""What makes pictures alike: subject, style and colour weighed against each other, in one space of unit vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipeline.vision.clustering import Floats, on_one_thread, unit

By = Literal["subject", "style", "colour"]
PARTS = ("vector", "style", "colour")
WEIGHTS: dict[str, dict[str, float]] = {
    "subject": {"vector": 1.0, "colour": 0.3},
    "style": {"vector": 1.0, "style": 0.4, "colour": 0.3},
    "colour": {"vector": 0.2, "colour": 1.0},
}
"""What benchmarks/themes.py found best; a part that the network does not give is left out."""
DIMENSIONS = 128
SAMPLE = 10_000
_BLOCK = 16_384

Parts = Mapping[str, Floats]
"""The columns of `embedded` by name, float32 (n, d) each; at least `vector`."""


@dataclass(frozen=True)
class Space:
    """Takes parts to float32 unit vectors (n, p), p ≤ 128, whose cosines are those of the weighed parts.

    Each part is shifted, scaled, brought to length 1 and multiplied by its weight; `basis` (sum of d, p) turns all of
    them together onto the directions along which the sample was largest.
    """

    names: tuple[str, ...]
    weights: Floats
    shifts: tuple[Floats, ...]
    scales: tuple[Floats, ...]
    basis: Floats

    @on_one_thread
    def project(self, parts: Parts) -> Floats:
        """The unit vectors. Raises ValueError when a part is missing or of another width than those at the fit."""
        for name, shift in zip(self.names, self.shifts, strict=True):
            found = parts[name].shape[1] if name in parts else 0
            if found != len(shift):
                raise ValueError(f"{name} has {found} numbers a picture, and the themes were made with {len(shift)}")
        count = len(parts["vector"])
        made = np.empty((count, self.basis.shape[1]), np.float32)
        for start in range(0, count, _BLOCK):
            here = slice(start, start + _BLOCK)
            made[here] = unit(self._joined({name: parts[name][here] for name in self.names}) @ self.basis)
        return made

    def _joined(self, parts: Parts) -> Floats:
        ready = zip(self.names, self.weights, self.shifts, self.scales, strict=True)
        return np.hstack([weight * unit((parts[name] - shift) * scale) for name, weight, shift, scale in ready])

    def arrays(self) -> dict[str, Any]:
        """What `from_arrays` needs, for a .npz file."""
        made: dict[str, Any] = {"names": np.array(self.names), "weights": self.weights, "basis": self.basis}
        for name, shift, scale in zip(self.names, self.shifts, self.scales, strict=True):
            made |= {f"shift_{name}": shift, f"scale_{name}": scale}
        return made


def from_arrays(arrays: Mapping[str, Any]) -> Space:
    """The space that `Space.arrays` came from."""
    names = tuple(str(name) for name in arrays["names"])
    shifts, scales = ([arrays[f"{kind}_{name}"] for name in names] for kind in ("shift", "scale"))
    return Space(names, arrays["weights"], tuple(shifts), tuple(scales), arrays["basis"])


@on_one_thread
def fit_space(parts: Parts, by: By) -> Space:
    """The space of a sample of pictures, weighed `by` subject, style or colour.

    Style is measured in deviations from the sample's mean, the rest as it is: the directions that all pictures share
    keep their part in the cosines. Raises ValueError when nothing says the style, or the colour, it is to go by.
    """
    if by != "subject" and by not in parts:
        raise ValueError(f"nothing says the {by} of these pictures: their vectors are the user's own")
    names = [name for name in PARTS if name in parts and name in WEIGHTS[by]]
    shifts, scales = [], []
    for name in names:
        values = parts[name]
        plain = name != "style"
        shifts.append(np.zeros(values.shape[1], np.float32) if plain else values.mean(axis=0))
        scales.append(np.ones(values.shape[1], np.float32) if plain else 1 / (values.std(axis=0) + np.float32(1e-6)))
    weights = np.array([WEIGHTS[by][name] for name in names], np.float32)
    space = Space(tuple(names), weights, tuple(shifts), tuple(scales), np.empty((0, 0), np.float32))
    basis = _directions(space._joined(ready(parts, names)))
    return Space(space.names, space.weights, space.shifts, space.scales, basis)


def ready(parts: Parts, names: Sequence[str]) -> dict[str, Floats]:
    """The named parts as float32."""
    return {name: np.asarray(parts[name], np.float32) for name in names}


def _directions(joined: Floats) -> Floats:
    """The directions (d, p) along which the rows are largest: eigenvectors of their second moment, not centred."""
    count = min(DIMENSIONS, *joined.shape)
    if len(joined) >= joined.shape[1]:
        _, vectors = np.linalg.eigh(joined.T @ joined)
        found = vectors[:, ::-1][:, :count]
    else:
        values, vectors = np.linalg.eigh(joined @ joined.T)
        some = vectors[:, ::-1][:, :count]
        lengths = np.sqrt(np.maximum(values[::-1][:count], 1e-9 * max(float(values[-1]), 1e-9)))
        found = joined.T @ some / lengths
    return np.ascontiguousarray(found, np.float32)
