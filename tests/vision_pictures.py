"""Pictures, files and colour profiles that the tests of pipeline/vision make for themselves."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats = NDArray[np.float64]

# CIE xy of red, green, blue; white is D65 for all
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
DISPLAY_P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE_GAMMA = 563 / 256
_D65, _D50 = (0.3127, 0.3290), np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def photo(seed: int = 0, width: int = 320, height: int = 240) -> Image.Image:
    """Soft coloured shapes with some grain: hashes and compresses as a photograph does."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    grain = rng.normal(0, 5, (height, width, 1))
    pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.7))


def scene(seed: int = 0, width: int = 320, height: int = 240) -> Image.Image:
    """Hard-edged shapes of every size on a soft ground: local features find as much as in a painting."""
    rng = np.random.default_rng(seed)
    made = photo(seed, width, height)
    draw = ImageDraw.Draw(made)
    for _ in range(60):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        w, h = rng.integers(4, width // 5, 2).tolist()
        colour = tuple(int(part) for part in rng.integers(0, 256, 3))
        (draw.ellipse if rng.integers(2) else draw.rectangle)((x, y, x + w, y + h), fill=colour)
    return made


def encode(image: Image.Image, written: str = "PNG", **options: object) -> bytes:
    """`image` as a file."""
    sink = io.BytesIO()
    image.save(sink, written, **options)
    return sink.getvalue()


def exif(orientation: int) -> bytes:
    """EXIF that says nothing but how the picture is to be turned."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def xyz_matrix(primaries: tuple[tuple[float, float], ...]) -> Floats:
    """Linear RGB to CIE XYZ under D65, from the definition of the space."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([_D65[0] / _D65[1], 1, (1 - sum(_D65)) / _D65[1]])
    return columns * np.linalg.solve(columns, white)


def to_srgb_by_formula(
    rgb: NDArray[np.uint8], primaries: tuple[tuple[float, float], ...], gamma: float | None
) -> Floats:
    """Colours 0 to 255 of another space in sRGB, by arithmetic alone. No `gamma` means sRGB's own curve."""
    signal = rgb / 255
    linear = signal**gamma if gamma else np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    wanted = (linear @ xyz_matrix(primaries).T) @ np.linalg.inv(xyz_matrix(SRGB)).T
    wanted = np.clip(wanted, 0, 1)
    return 255 * np.where(wanted <= 0.0031308, wanted * 12.92, 1.055 * wanted ** (1 / 2.4) - 0.055)


def rgb_profile(name: str, primaries: tuple[tuple[float, float], ...], gamma: float | None) -> bytes:
    """A matrix and curve profile, ICC version 2."""
    white = np.array([_D65[0] / _D65[1], 1, (1 - sum(_D65)) / _D65[1]])
    cones = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    adapted = np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD @ xyz_matrix(primaries)
    curve = _curve(gamma)
    tags = {b"desc": _description(name), b"cprt": b"text\0\0\0\0CC0\0", b"wtpt": _xyz(_D50)}
    tags |= {tag: _xyz(column) for tag, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted.T, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"RGB ", tags)


def grey_profile(name: str, gamma: float) -> bytes:
    """A profile for grey pictures."""
    tags = {b"desc": _description(name), b"cprt": b"text\0\0\0\0CC0\0", b"wtpt": _xyz(_D50), b"kTRC": _curve(gamma)}
    return _profile(b"GRAY", tags)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        body += b"\0" * (-len(body) % 4)
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", space, b"XYZ ") + bytes(12) + b"acsp"
    header += bytes(28) + struct.pack(">3i", *(round(v * 65536) for v in _D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(values: Floats) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def _curve(gamma: float | None) -> bytes:
    if gamma:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    signal = np.linspace(0, 1, 1024)
    linear = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *np.rint(linear * 65535).astype(int))


def _description(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
