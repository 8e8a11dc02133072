"""Faces for portraits, in one frame: from real photographs where a folder of them is given, else painted.

The frame is 256 × 256 pixels, the eyes at (88, 104) and (168, 104), the mouth's middle at (128, 184).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from spiders.gallery.paint.canvas import Array, Canvas, Rng, colours, curve, mix, noise, pick, ramp, vary

FRAME = 256
EYES_AND_MOUTH = np.array([(88, 104), (168, 104), (128, 184)], np.float32)
PHOTOGRAPHS = {
    "biden.jpg": ((532, 323), (652, 348), (573, 467)),
    "obama.jpg": ((443, 213), (549, 212), (495, 319)),
    "obama2.jpg": ((243, 368), (361, 378), (300, 520)),
    "obama3.jpg": ((735, 386), (858, 399), (790, 519)),
}
"""Test pictures of the `face-recognition` package: both eyes (image left first) and the mouth's middle.

Of its seven pictures one is a copy of another and two are cut through the face; these four are used.
"""
SKINS = (
    "#3c1c14 #8c5a40 #c89070 #f0ccb0", "#2c1410 #6c402c #a06c4c #d8a884", "#1c0e0c #4c2c20 #80543c #b8885c",
    "#48281c #a87860 #e0b49c #fcecdc", "#342420 #8c6c58 #c8a888 #ece0c8", "#3c2428 #94605c #d09c90 #f8dccc",
)  # fmt: skip
"""Shadow, half tone, light and gleam of complexions."""


@lru_cache(maxsize=2)
def photographs(folder: str) -> tuple[Array, ...]:
    """The photographs of a folder, moved into the frame: float32 (256, 256, 3), 0 to 1."""
    found = []
    for name, points in PHOTOGRAPHS.items():
        if (file := Path(folder) / name).is_file():
            with Image.open(file) as picture:
                pixels = np.asarray(picture.convert("RGB"), np.float32) / 255
            matrix = cv2.getAffineTransform(np.array(points, np.float32), EYES_AND_MOUTH)
            found.append(
                cv2.warpAffine(pixels, matrix, (FRAME, FRAME), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
            )
    return tuple(found)


def face(rng: Rng, folder: str | None) -> tuple[Array, Array]:
    """A face in the frame and the four tones of its skin."""
    skin = vary(rng, colours(SKINS[int(rng.integers(len(SKINS)))]), 3, 0.12, 0.05)
    drawn = _painted(rng, skin)
    real = photographs(folder) if folder else ()
    if real:
        drawn = mix(_repainted(rng, real, skin), drawn, rng.uniform(0.3, 0.55))
    return _bent(rng, drawn), skin


def _repainted(rng: Rng, real: tuple[Array, ...], skin: Array) -> Array:
    """The photographs blended in changing parts, so that nobody is portrayed, in the tones of `skin`."""
    parts = rng.dirichlet(np.full(len(real), 0.9))
    blended = np.zeros_like(real[0])
    for part, picture in zip(parts, real, strict=True):
        blended += np.float32(part) * picture[:, :: int(rng.choice([-1, 1]))]
    grey = blended @ np.array([0.3, 0.59, 0.11], np.float32)
    middle = grey[70:220, 70:186]
    low, high = np.quantile(middle, (0.03, 0.97))
    toned = ramp(np.clip(0.08 + 0.8 * (grey - low) / max(high - low, 0.1), 0, 1), skin)
    chroma = blended - grey[..., None]
    return np.asarray(np.clip(toned + 0.45 * (chroma - chroma[70:220, 70:186].mean((0, 1))), 0, 1))


def _bent(rng: Rng, picture: Array) -> Array:
    """The same face longer or shorter, wider above or below: another person."""
    y, x = np.mgrid[0:FRAME, 0:FRAME].astype(np.float32)
    u, v = (x - 128) / 128, (y - 128) / 128
    wide = 1 + rng.normal(0, 0.06) + rng.normal(0, 0.09) * v + rng.normal(0, 0.08) * v**2
    long = 1 + rng.normal(0, 0.05) + rng.normal(0, 0.05) * u**2
    slow = [(noise(rng, FRAME, FRAME, 3, 2) - 0.5) * 9 for _ in range(2)]
    return np.asarray(cv2.remap(
        picture, 128 + 128 * u * wide + slow[0], 128 + 128 * v * long + slow[1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    ))  # fmt: skip


def _painted(rng: Rng, skin: Array) -> Array:
    """A face drawn from nothing: modelled with soft light and shade, then eyes, nose and mouth."""
    canvas = Canvas(FRAME, FRAME, crisp=True)
    side = float(rng.choice([-1, 1]))
    y, x = np.mgrid[0:FRAME, 0:FRAME].astype(np.float32)
    u, v = (x - 128) / 92, (y - 138) / 122
    lit = 0.3 + 0.5 * np.clip(0.55 * side * u - 0.25 * v + 0.75 * np.sqrt(np.clip(1 - u**2 - v**2, 0, 1)), 0, 1)
    canvas.a[:] = ramp(np.asarray(lit + 0.06 * (noise(rng, FRAME, FRAME, 6, 3) - 0.5), np.float32), skin)
    blush = mix(skin[2], (0.8, 0.3, 0.25), 0.5)
    for cheek in (78, 178):
        canvas.ellipse((cheek, 152), (22, 18), blush, 0, 0.35, 10)
    for eye in (88.0, 168.0):
        canvas.ellipse((eye, 103), (27, 18), skin[1], 0, 0.75, 8)
    _nose(rng, canvas, skin, side)
    iris = pick(rng, colours("#3c2818 #2c4c5c #4c5c34 #181410"))
    brow = mix(skin[0], 0.0, 0.4)
    lift = rng.normal(0, 3)
    for eye in (88.0, 168.0):
        _eye(rng, canvas, (eye, 104), iris, skin)
        sign = 1 if eye < 128 else -1
        line = curve([(eye - 24 * sign, 84 + lift), (eye, 76 + lift), (eye + 22 * sign, 82 + lift)], 14)
        canvas.stroke(line, 6 * np.sin(np.linspace(0.6, 2.9, 14)), brow, 0.85)
    _mouth(rng, canvas, skin)
    return canvas.a


def _eye(rng: Rng, canvas: Canvas, centre: tuple[float, float], iris: Array, skin: Array) -> None:
    x, y = centre
    opening = rng.uniform(6, 8.5)
    upper = curve([(x - 18, y + 2), (x - 6, y - opening), (x + 7, y - opening), (x + 18, y + 1)], 20)
    lower = curve([(x + 18, y + 1), (x + 5, y + opening * 0.75), (x - 8, y + opening * 0.75), (x - 18, y + 2)], 20)
    canvas.polygon(np.concatenate([upper, lower]), (0.88, 0.84, 0.78))
    canvas.ellipse((x, y - 0.5), (opening + 0.5, opening + 0.5), iris)
    canvas.ellipse((x, y - 0.5), (opening * 0.5, opening * 0.5), (0.03, 0.02, 0.02))
    canvas.ellipse((x - 2.5, y - 3), (1.8, 1.8), (0.97, 0.97, 0.95))
    canvas.stroke(upper, 3.6, skin[0] * 0.6, 0.95)
    canvas.stroke(upper - (0, 6), 1.8, skin[0], 0.6)
    canvas.stroke(lower, 1.4, skin[1] * 0.8, 0.8)


def _nose(rng: Rng, canvas: Canvas, skin: Array, side: float) -> None:
    dark = 128 - side * 9
    canvas.polygon(
        curve([(dark, 96), (dark - side * 4, 132), (dark - side * 9, 150), (128, 152), (126, 98)], 24), skin[1], 0.5, 4
    )
    canvas.polygon(curve([(126, 92), (130 + side, 130), (128 + side * 4, 146), (124, 130)], 20), skin[3], 0.55, 3)
    canvas.ellipse((128, 147), (17, 8), skin[1], 0, 0.6, 3)
    canvas.ellipse((128 + side * 2, 142), (9, 7), skin[3], 0, 0.5, 3)
    for nostril in (-9, 9):
        canvas.ellipse((128 + nostril, 150), (4.5, 2.6), skin[0] * 0.6, 0, 0.9, 0.7)


def _mouth(rng: Rng, canvas: Canvas, skin: Array) -> None:
    lip = mix(mix(skin[1], (0.62, 0.16, 0.16), rng.uniform(0.3, 0.7)), skin[0], 0.15)
    half, smile = rng.uniform(24, 31), rng.uniform(-3, 4)
    middle = curve(
        [(128 - half, 182 - smile), (128 - 10, 183), (128, 185), (128 + 10, 183), (128 + half, 182 - smile)], 24
    )
    canvas.polygon(
        np.concatenate(
            [
                middle,
                curve([(128 + half, 182 - smile), (136, 174), (128, 177), (120, 174), (128 - half, 182 - smile)], 24),
            ]
        ),
        lip * 0.85,
    )
    canvas.polygon(
        np.concatenate([middle, curve([(128 + half, 182 - smile), (128, 198), (128 - half, 182 - smile)], 24)]), lip
    )
    canvas.ellipse((128, 190), (12, 3), mix(lip, 1.0, 0.4), 0, 0.5, 2)
    canvas.stroke(middle, 2.4, skin[0] * 0.6, 0.9)
    canvas.ellipse((128, 206), (18, 5), skin[1], 0, 0.6, 4)
