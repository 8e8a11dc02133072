"""Whether two pictures laid over each other agree, window by window: how much, against what, but for what."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float32]
Chosen = NDArray[np.bool_]

_WINDOW, _CORRELATED = 11, 0.7
_EDGE = 5  # pixels: half of it is left out all around, where a border laid a pixel off is no contradiction
_TEXTURE = 9.0  # variance in grey levels below which a window has nothing to compare
_BLANK_SHARE = 0.05
_CONTRARY, _CONTENT = 0.4, 100.0  # correlation under which, and variance over which in both, windows contradict
_SMALL_WINDOW, _CLASHING, _CONTRAST = 7, 0.2, 400.0  # the same of what clashes: sunglasses where there were eyes
_HEAVY = 20  # times that a part that clashes counts: text over a picture hardly ever clashes, a few pixels of a face do
_EVIDENCE = 0.3  # of what both show must have texture and not be covered
_SAME, _CLOSELY, _MOSTLY = 0.97, 0.9, 0.9  # shares of it that correlate, and closely by more than so much
_DETAIL, _FINE = 3.0, 0.97  # pixels of the blur that fine detail is without, and how it correlates
_STRANGE, _BY_SIZE = 1.1, 3.0  # of the part: its correlation and so many times its share together are at most that
_SOFT, _CURVE = 1.0, 3  # pixels of the blur before grey levels are compared, and the degree of the curve between them


def compared(p: Reals, q: Reals, mask: Reals) -> tuple[float, float]:
    """How far two grey pictures (h, w) agree where `mask` is 1.

    Of the windows with texture in either picture, the share in which both correlate, -1 when none has any; and
    the share of the largest connected part of all in which both have texture and do not correlate. Small windows of
    strong contrast that do not correlate at all weigh `_HEAVY` times.
    """
    mask = _inner(mask)
    likeness, least, most = _likeness(p, q, mask, _WINDOW)
    textured = (most > _TEXTURE) & (mask > 0)
    if textured.sum() <= _BLANK_SHARE * mask.sum():
        return -1.0, 0.0
    against = _contradiction(p, q, mask, likeness, least, mask > 0)
    return float((likeness > _CORRELATED)[textured].mean()), against


def covered(p: Reals, q: Reals, mask: Reals, contradicted: float) -> float | None:
    """The share of the one connected part in which something was laid over one of two pictures, else the same.

    None when they are not the same but for that: what has texture outside of the part must correlate all over, to
    the finest detail, and no part of more than `contradicted` there may say something else; and within the part they
    must be strangers, the more so the larger it is. Two frames of a fixed camera differ in one part too, but noise
    spoils the detail elsewhere, and what has moved in the part, such as a face, still resembles itself.
    """
    mask = _inner(mask)
    likeness, least, most = _likeness(p, q, mask, _WINDOW)
    textured = (most > _TEXTURE) & (mask > 0)
    part = _filled_part(textured & (likeness < _CORRELATED)) & (mask > 0)
    share = float(part.sum() / max(mask.sum(), 1))
    rest = textured & ~part
    if rest.sum() < max(_EVIDENCE * mask.sum(), 1) or not part.any():
        return None
    same, closely = (likeness[rest] > _CORRELATED).mean(), (likeness[rest] > _CLOSELY).mean()
    if same < _SAME or closely < _MOSTLY:
        return None
    around = (mask > 0) & ~_grown(part)
    if _contradiction(p, q, mask, likeness, least, around) > contradicted:
        return None
    fine = _correlation(_detail(p), _detail(q), around)
    strange = _correlation(p, q, _shrunk(part)) + _BY_SIZE * share <= _STRANGE
    return share if fine >= _FINE and strange else None


def toned(p: Reals, q: Reals, mask: Reals) -> float:
    """How far one curve takes the grey levels of each of two pictures (h, w) to those of the other where `mask` is 1.

    The share of the variance of each that a cubic of the other's levels explains, the lesser of both. Windows are
    compared without regard to the levels around them; a copy, however toned, keeps light light and dark dark all over,
    and two of a kind before different grounds, or lit differently, do not.
    """
    inside = _inner(mask) > 0
    u, v = (cv2.GaussianBlur(values, (0, 0), _SOFT)[inside].astype(np.float64) / 255 for values in (p, q))
    return min(_explained(u, v), _explained(v, u)) if len(u) > _CURVE else 0.0


def _explained(u: NDArray[np.float64], v: NDArray[np.float64]) -> float:
    """The share of the variance of v that a polynomial of u explains; 1 where v has none."""
    powers = np.stack([u**n for n in range(_CURVE + 1)])
    rest = v - np.linalg.lstsq(powers @ powers.T, powers @ v, rcond=None)[0] @ powers
    return 1 - float(rest.var() / max(v.var(), 1e-9))


def _inner(mask: Reals) -> Reals:
    edge = np.ones((_EDGE, _EDGE))
    return np.asarray(cv2.erode(mask, edge, borderType=cv2.BORDER_CONSTANT, borderValue=0), np.float32)


def _contradiction(p: Reals, q: Reals, mask: Reals, likeness: Reals, least: Reals, where: Chosen) -> float:
    contrary = _largest_part((likeness < _CONTRARY) & (least > _CONTENT) & where)
    sharply, least, _ = _likeness(p, q, mask, _SMALL_WINDOW)
    clash = _largest_part((sharply < _CLASHING) & (least > _CONTRAST) & where)
    return max(contrary, _HEAVY * clash) / max(float(mask.sum()), 1.0)


def _likeness(p: Reals, q: Reals, mask: Reals, window: int) -> tuple[Reals, Reals, Reals]:
    """The correlation of the windows around all pixels, the lesser of both variances there, and the greater."""

    def summed(values: Reals) -> Reals:
        return np.asarray(cv2.blur(values, (window, window), borderType=cv2.BORDER_CONSTANT), np.float32)

    p, q = p * mask, q * mask
    count = np.maximum(summed(mask), 1e-6)
    mean_p, mean_q = summed(p) / count, summed(q) / count
    var_p = summed(p * p) / count - mean_p * mean_p
    var_q = summed(q * q) / count - mean_q * mean_q
    both = summed(p * q) / count - mean_p * mean_q
    likeness = both / np.sqrt(np.maximum(var_p, 1) * np.maximum(var_q, 1))
    return likeness, np.minimum(var_p, var_q), np.maximum(var_p, var_q)


def _correlation(p: Reals, q: Reals, where: Chosen) -> float:
    """Pearson's, of the pixels chosen; 0 for none and for what is plain."""
    if not where.any():
        return 0.0
    u, v = p[where].astype(np.float64), q[where].astype(np.float64)
    u, v = u - u.mean(), v - v.mean()
    return float((u * v).mean() / max(np.sqrt((u * u).mean() * (v * v).mean()), 1e-6))


def _detail(values: Reals) -> Reals:
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), _DETAIL), np.float32)


def _largest_part(chosen: Chosen) -> int:
    """The pixels of the largest connected part."""
    _, _, facts, _ = cv2.connectedComponentsWithStats(chosen.astype(np.uint8))
    return int(facts[1:, cv2.CC_STAT_AREA].max(initial=0))


def _filled_part(chosen: Chosen) -> Chosen:
    """The largest connected part with the holes in it; of equally large ones the first."""
    count, labels, facts, _ = cv2.connectedComponentsWithStats(chosen.astype(np.uint8))
    if count < 2:
        return np.zeros_like(chosen)
    part = labels == 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())
    outside = np.pad(part.astype(np.uint8), 1)
    cv2.floodFill(outside, None, (0, 0), (2,))
    return np.asarray(outside[1:-1, 1:-1] != 2)


def _grown(part: Chosen) -> Chosen:
    return np.asarray(cv2.dilate(part.astype(np.uint8), np.ones((_EDGE, _EDGE))) > 0)


def _shrunk(part: Chosen) -> Chosen:
    """Without its edge, where both pictures may still be seen; a part that is all edge stays."""
    less = _inner(part.astype(np.float32)) > 0
    return np.asarray(less) if less.any() else part
