"""Writes matrix/TRC colour profiles (ICC.1:2001-04, version 2.4), which Pillow can read but not make."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

D50 = (0.9642, 1.0, 0.8249)
SRGB_TO_D50 = np.array([
    [0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733],
])  # fmt: skip
"""Linear sRGB to XYZ under D50 (Bradford)."""


@dataclass(frozen=True)
class Space:
    """An RGB colour space: its name, the XYZ of its primaries under D50 as columns, and its gamma.

    Gamma None is the curve of sRGB.
    """

    name: str
    to_d50: tuple[tuple[float, float, float], ...]
    gamma: float | None


ADOBE_RGB = Space(
    "Adobe RGB (1998)", ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457)),
    2.19921875,
)  # fmt: skip
DISPLAY_P3 = Space(
    "Display P3", ((0.51512, 0.29198, 0.15710), (0.24120, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407)), None
)


def profile(space: Space) -> bytes:
    """The profile of a space as bytes to embed in a picture."""
    curve = _curve(space.gamma)
    tags = [(b"desc", _description(space.name)), (b"cprt", b"text\0\0\0\0No rights reserved\0"), (b"wtpt", _xyz(D50))]
    tags += [
        (name, _xyz(column))
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), zip(*space.to_d50, strict=True), strict=True)
    ]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags:
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    content = struct.pack(">I", len(tags)) + table + body
    return _header(128 + len(content)) + content


def _header(size: int) -> bytes:
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s4sI4s4sQI", 2026, 1, 1, 0, 0, 0, b"acsp", b"\0\0\0\0", 0, b"\0\0\0\0", b"\0\0\0\0", 0, 0)
    return (head + b"".join(_fixed(value) for value in D50)).ljust(128, b"\0")


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    steps = np.round(_linear(np.linspace(0, 1, 1024), None) * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(steps)) + steps.tobytes()


def _description(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)


def _linear(values: NDArray[np.floating], gamma: float | None) -> NDArray[np.floating]:
    if gamma is not None:
        return np.asarray(values**gamma)
    return np.asarray(np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4))


def _encoded(values: NDArray[np.floating], gamma: float | None) -> NDArray[np.floating]:
    clipped = np.clip(values, 0, 1)
    if gamma is not None:
        return np.asarray(clipped ** (1 / gamma))
    return np.asarray(np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055))


def from_srgb(pixels: NDArray[np.uint8], space: Space) -> NDArray[np.uint8]:
    """sRGB pixels (height, width, 3) as pixels of the space that look the same."""
    matrix = np.linalg.inv(np.array(space.to_d50)) @ SRGB_TO_D50
    linear = _linear(pixels / 255.0, None) @ matrix.T
    return np.asarray(np.round(_encoded(linear, space.gamma) * 255), np.uint8)
