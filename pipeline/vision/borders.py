"""What surrounds a picture without being of it: plain margins, the bars of a letterbox, walls and ornamental frames.

All work on a reduced picture; boxes are left, top, right, bottom, the last two exclusive. Careful rather than thorough:
a margin counts only in pairs (left and right, above and below) of the same colour with a straight edge to what they
enclose, and a frame only when its inner edge is found at much the same depth on all four sides. So dark grounds, skies
and colour fields stay whole; frames hung askew or photographed from the side are left alone.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Shares = NDArray[np.float64]
Trim = Literal["none", "border", "frame"]

SIDE = 256
"""Trimming looks at the picture reduced to this longer side: a margin under half a percent of it is not seen."""

_TOLERANCE = 14
"""Levels by which pixels of a plain margin may differ from its colour: the noise of JPEG, not the texture of a wall."""
_PLAIN_SHARE = 0.97
_EDGE_SHARE = 0.5
_LEAST_LEFT = 1 / 3
_FRAME_DEPTH = 0.3
_FRAME_EDGE = 10
_FRAME_SHARE = 0.72
_FRAME_UNEVEN = 0.35
_FRAME_CALM = 0.6
_BEHIND = 12
_FRAME_LEAST = 64


class Box(NamedTuple):
    """Left, top, right, bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)


def trim_box(image: Image.Image, how: Trim) -> Box:
    """What `how` leaves of an RGB picture, in its own pixels.

    border   without plain margins and bars
    frame    also without a wall around a frame, and without the frame
    """
    whole = Box(0, 0, image.width, image.height)
    if how == "none":
        return whole
    factor = max(1, max(image.size) // SIDE)
    pixels = np.asarray(image.reduce(factor))
    box = plain_box(pixels)
    if how == "frame":
        box = framed_box(pixels, box)
    if box == Box(0, 0, pixels.shape[1], pixels.shape[0]):
        return whole
    cut = box != plain_box(pixels)
    return _enlarged(box, factor, whole, 1 if cut else 0)


def margins(pixels: Pixels) -> tuple[float, float]:
    """Of an RGB or grey picture (h, w[, 3]): the share of its area in plain margins, and the share in bars of a
    letterbox, which lie on two opposite sides only and are equally wide; both 0 to 1."""
    height, width = pixels.shape[:2]
    box = plain_box(pixels)
    share = 1 - box.area / (width * height)
    beside, above = (box.left, width - box.right), (box.top, height - box.bottom)
    for one, other in ((beside, above), (above, beside)):
        if not any(other) and abs(one[0] - one[1]) <= 0.02 * max(width, height):
            return share, share
    return share, 0.0


def plain_box(pixels: Pixels) -> Box:
    """An RGB or grey picture without its plain margins."""
    height, width = pixels.shape[:2]
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    box = Box(0, 0, width, height)
    for _ in range(2):  # bars may lie within a border
        top, bottom = _pair(pixels[box.top : box.bottom, box.left : box.right])
        left, right = _pair(pixels[box.top + top : box.bottom - bottom, box.left : box.right].swapaxes(0, 1))
        if not (left or right or top or bottom):
            break
        box = Box(box.left + left, box.top + top, box.right - right, box.bottom - bottom)
    small = box.right - box.left < _LEAST_LEFT * width or box.bottom - box.top < _LEAST_LEFT * height
    return Box(0, 0, width, height) if small else box


def _pair(pixels: Pixels) -> tuple[int, int]:
    """Rows above and below that are plain margins of one colour; (0, 0) unless both are there."""
    if len(pixels) < 8:
        return 0, 0
    ends = pixels[:: len(pixels) - 1]
    first, last = _medians(ends)
    if np.abs(first - last).max() > 2 * _TOLERANCE or not (_plain(ends[:1], first)[0] and _plain(ends[1:], last)[0]):
        return 0, 0
    above, below = _depth(pixels, first), _depth(pixels[::-1], last)
    if above + below >= len(pixels) or _edge(pixels, above, first) + _edge(pixels[::-1], below, last) < 2 * _EDGE_SHARE:
        return 0, 0
    return above, below


def _depth(pixels: Pixels, colour: NDArray[np.float64]) -> int:
    """How many rows are plain."""
    rows = _plain(pixels, colour)
    return len(rows) if rows.all() else int(rows.argmin())


def _plain(pixels: Pixels, colour: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of each row, whether nearly all of it is `colour`."""
    near = cv2.reduce(_near(pixels, colour), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0]
    return np.asarray(near >= 255 * _PLAIN_SHARE * pixels.shape[1], np.bool_)


def _near(pixels: Pixels, colour: NDArray[np.float64]) -> Pixels:
    """Of each pixel, whether it is `colour`: 255 or 0."""
    low, high = np.ceil(colour - _TOLERANCE), np.floor(colour + _TOLERANCE)  # the same for whole numbers
    return np.asarray(cv2.inRange(np.ascontiguousarray(pixels), tuple(low.tolist()), tuple(high.tolist())), np.uint8)


def _medians(lines: Pixels) -> NDArray[np.float64]:
    """The median colour (2, channels) of two lines (2, n, channels): np.median's, in a seventh of its time."""
    count = lines.shape[1]
    ordered = np.sort(lines, axis=1)
    return (ordered[:, (count - 1) // 2].astype(np.float64) + ordered[:, count // 2]) / 2


def _edge(pixels: Pixels, depth: int, colour: NDArray[np.float64]) -> float:
    """The share of the row two below the margin that is not its colour: what it encloses begins along a line."""
    row = pixels[min(depth + 2, len(pixels) - 1)]
    return 1 - cv2.countNonZero(_near(row[None], colour)) / len(row)


def framed_box(pixels: Pixels, outer: Box) -> Box:
    """What an ornamental frame encloses within `outer` of an RGB picture; `outer` where there is no frame."""
    part = np.ascontiguousarray(pixels[outer.top : outer.bottom, outer.left : outer.right])
    height, width = part.shape[:2]
    most = int(_FRAME_DEPTH * min(height, width))
    if min(height, width) < _FRAME_LEAST:
        return outer
    grey = cv2.blur(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), (3, 3)).astype(np.int16)
    sides = [_coverage(np.rot90(grey, turn), most + _BEHIND) for turn in range(4)]  # above, right, below, left
    depths = _inner_edge(sides, most)
    if depths is None:
        return outer
    above, right, below, left = depths
    return Box(outer.left + left, outer.top + above, outer.right - right, outer.bottom - below)


def _coverage(grey: NDArray[np.int16], most: int) -> Shares:
    """For each depth from the upper side, the share of the line between the corners of a frame so deep at which the
    picture gets lighter, or darker, whichever is more: of a straight edge nearly all, of texture less than half."""
    step = grey[2 : most + 4] - grey[: most + 2]
    thick = np.ones((3, 1), np.uint8)
    ways = [cv2.dilate((sign * step > _FRAME_EDGE).astype(np.uint8), thick) for sign in (1, -1)]
    shares = [max(way[depth, depth : way.shape[1] - depth].mean() for way in ways) for depth in range(most)]
    return np.array(shares)


def _inner_edge(sides: list[Shares], most: int) -> tuple[int, int, int, int] | None:
    """The depths at which all four sides have a line, the deepest such; depths differ by no more than a third."""
    for depth in range(most - 1, 3, -1):
        nearest = max(4, round(depth * (1 - _FRAME_UNEVEN)))
        found = [depth - int(side[nearest : depth + 1][::-1].argmax()) for side in sides]
        if all(_is_line(side, at) for side, at in zip(sides, found, strict=True)):
            return found[0] + 2, found[1] + 2, found[2] + 2, found[3] + 2
    return None


def _is_line(side: Shares, at: int) -> bool:
    """Whether there is an edge, and not just texture that goes on behind it."""
    behind = float(np.median(side[at + 4 : at + 4 + _BEHIND]))
    return bool(side[at] >= _FRAME_SHARE) and behind <= _FRAME_CALM * float(side[at])


def _enlarged(box: Box, factor: int, whole: Box, inset: int) -> Box:
    """The box in pixels of the whole picture, a reduced pixel smaller on the sides that were cut."""
    left, top = (value and (value + inset) * factor for value in (box.left, box.top))
    right = whole.right if box.right * factor >= whole.right else (box.right - inset) * factor
    bottom = whole.bottom if box.bottom * factor >= whole.bottom else (box.bottom - inset) * factor
    return Box(left, top, right, bottom)
