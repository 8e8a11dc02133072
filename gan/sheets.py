"""Sheets for people: pictures in rows, with words beside and below them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from gan.sample import Pictures

TILE = 96  # pictures smaller than this are enlarged by whole pixels
_GAP, _MARGIN, _TEXT = 6, 10, 13
_PAPER, _INK = (250, 249, 246), (40, 38, 34)
_MIDDLE = 128  # of 0…255
_LABEL = 150  # pixels for the words beside a row
_SPELLED = {"−": "-", "–": "-", "×": "x", "σ": "sd", "’": "'", "→": ">", "…": "...", "·": "-"}  # the font has none


@dataclass(frozen=True)
class Row:
    """Pictures side by side, uint8 (h, w, 3) each, words to their left, and a caption below each."""

    tiles: Sequence[Pictures]
    label: str = ""
    captions: Sequence[str] = field(default_factory=tuple)


def sheet(rows: Sequence[Row], title: str = "") -> Pictures:
    """All rows below each other, uint8 (h, w, 3). Tiles are shown as they are: enlarge them before."""
    font = ImageFont.load_default(_TEXT)
    left = _MARGIN + (_LABEL if any(row.label for row in rows) else 0)
    top = _MARGIN + (_TEXT + 2 * _GAP if title else 0)
    heights = [_height(row) for row in rows]
    widest = max((sum(tile.shape[1] + _GAP for tile in row.tiles) - _GAP for row in rows), default=0)
    width = left + widest + _MARGIN
    if title:
        width = max(width, _MARGIN * 2 + round(font.getlength(spelled(title))))
    canvas = Image.new("RGB", (width, top + sum(heights) + _GAP * (len(rows) - 1) + _MARGIN), _PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.text((_MARGIN, _MARGIN), spelled(title), fill=_INK, font=font)
    for row, height in zip(rows, heights, strict=True):
        _draw(canvas, pen, row, left, top, font)
        top += height + _GAP
    return np.asarray(canvas)


def _height(row: Row) -> int:
    tallest = max((tile.shape[0] for tile in row.tiles), default=_TEXT)
    return tallest + (_TEXT + _GAP if row.captions else 0)


def _draw(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, row: Row, left: int, top: int,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:  # fmt: skip
    for number, line in enumerate(_lines(spelled(row.label), font)):
        pen.text((_MARGIN, top + number * (_TEXT + 3)), line, fill=_INK, font=font)
    captions = [*row.captions, *[""] * len(row.tiles)]
    for tile, caption in zip(row.tiles, captions, strict=False):
        canvas.paste(Image.fromarray(np.ascontiguousarray(tile)), (left, top))
        pen.text((left, top + tile.shape[0] + 2), spelled(caption), fill=_INK, font=font)
        left += tile.shape[1] + _GAP


def _lines(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> list[str]:
    """Words broken to fit beside a row."""
    lines: list[str] = []
    for part in text.split("\n"):
        line = ""
        for word in part.split():
            longer = f"{line} {word}".strip()
            if line and font.getlength(longer) > _LABEL - _GAP:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def spelled(text: str) -> str:
    """In letters that the built-in font has."""
    text = "".join(_SPELLED.get(letter, letter) for letter in text)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "replace").decode()
    return plain.replace("?", "") if "?" not in text else plain


def enlarged(picture: Pictures, least: int = TILE) -> Pictures:
    """(h, w, 3) by the least whole factor that makes it `least` high."""
    factor = max(1, -(-least // picture.shape[0]))
    return picture.repeat(factor, 0).repeat(factor, 1)


def block(pictures: Sequence[Pictures], columns: int = 3, gap: int = 2) -> Pictures:
    """Equal pictures in rows of `columns` with thin lines between them, on paper where some are missing."""
    height, width, _ = pictures[0].shape
    rows = -(-len(pictures) // columns)
    made = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), _PAPER, np.uint8)
    for index, picture in enumerate(pictures):
        y, x = index // columns * (height + gap), index % columns * (width + gap)
        made[y : y + height, x : x + width] = picture
    return made


def signed(signals: NDArray[np.float32]) -> Pictures:
    """Signed signals (h, w, 3) as a picture: grey is zero, and its strongest colour is full."""
    most = np.quantile(np.abs(signals), 0.995) or 1.0
    return (np.clip(signals / most, -1, 1) * 127 + _MIDDLE).astype(np.uint8)
