"""Whether two pictures show the same: features propose how one lies in the other, pixels say if it is so.

Every matched pair of features proposes a similarity (Lowe 2004, section 7.4, with every proposal tried instead of a
few at random, so that the answer never depends on chance); the best is refined to an affine map by least squares.
The other picture's thumbnail is then laid over, and the normalised cross-correlation of small windows must be high
over most of what both show. Two photographs of a subject share features; only copies agree in their pixels. Frames of
a fixed camera agree in their background: no large connected part in which both have something else to show is allowed,
but for one thing, such as a sticker, that lies over a picture which agrees to the finest detail everywhere else. One
thing in two pictures has two places, grounds and lights: unless a picture lies on the other frame on frame, one curve
must take its grey levels to those of the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.vision.fingerprint import Floats, Grey, is_mirror, turn_matrix
from pipeline.vision.sketch import LENGTH, Sketch, mirror
from pipeline.vision.windows import Reals, compared, covered, toned

_RATIO = 0.85
_COARSE, _FINE = 0.04, 3.0  # of the longer side, and pixels of the frame
_LEAST_MATCHES = 4
_SQUEEZED = 0.55  # a map that squeezes one axis more than this against the other is no copy's: 16:9 made square is 0.56
_TINY, _AGREED_TINY = 48, 0.95  # pixels of the longer side, and what handwritten digits hardly ever reach
_BLANK_APART = 4
_BORDER, _CONTENT = 1, 2  # kinds of pixels; 0 for those beyond a picture
_BORDERS_APART = 24  # grey levels between the borders of two pictures that are one border
_WHOLE = 0.9  # of each must lie in the other for two scans of one painting, which no one curve takes to each other
_LEFT = 0.25  # of what lies over each other must remain where the border of one lies over the content of the other


@dataclass(frozen=True)
class Limits:
    """What an agreement needs.

    Matched features `inliers`, the share of textured windows that `agreed`, and the `overlap` that each of them
    needs at least of one of the pictures. With fewer than `few` inliers, or none, `agreed_few` is needed: line
    drawings of one thing are alike in broad strokes. With `many` inliers `agreed_many` is enough: a text over a
    picture hides windows and leaves features. At most `contradicted` of what both show may be one connected part in
    which both have texture and do not correlate; or one part of at most `covered` may be anything when all else agrees
    (`windows.covered`). With fewer than `many` inliers, and where they are not the same frame, one curve must explain
    the grey levels to `tones` (`windows.toned`).
    """

    inliers: int = 4
    agreed: float = 0.6
    overlap: float = 0.5
    few: int = 8
    agreed_few: float = 0.85
    many: int = 40
    agreed_many: float = 0.45
    contradicted: float = 0.012
    covered: float = 0.3
    tones: float = 0.96


@dataclass(frozen=True)
class Agreement:
    """How picture b shows what picture a does.

    `model` (2, 3) takes a point of a's frame, mirrored left to right first if `mirrored`, to b's frame, both in
    pixels. `inliers` is the number of features that follow it, `agreed` the share of textured windows that
    correlate, `contradicted` the share of the largest connected part that says something else in both, `seen` the share
    of a that lies in b, `filled` the share of b that a fills, `covered` the share of both under something that was laid
    over one, 0 where that was not asked.
    """

    mirrored: bool
    model: Floats
    inliers: int
    agreed: float
    contradicted: float
    seen: float
    filled: float
    covered: float = 0.0


@dataclass(frozen=True)
class _Matches:
    """Places and poses of matched features: complex x + iy in both frames, and the turn-and-scale between them."""

    a: NDArray[np.complex128]
    b: NDArray[np.complex128]
    ratio: NDArray[np.complex128]


@dataclass(frozen=True)
class _Laid:
    """A picture in the place of the one `under` it, 1 in `mask` where both can be compared, and how much each shows.

    They can where both show something, or one border; not where a border of one lies over what the other shows.
    """

    picture: Reals
    under: Reals
    mask: Reals
    seen: float
    filled: float


def agreement(a: Sketch, b: Sketch, mirrored: bool, limits: Limits = Limits()) -> Agreement | None:
    """The agreement of two pictures by their features, `a` mirrored first if `mirrored`; None when there is none."""
    found = _matched(a, b, mirrored)
    if found is None:
        return None
    model, inliers = _fitted(found, _COARSE * max(b.size))
    if model is None or inliers < limits.inliers:
        return None
    laid = _laid(a, b, mirrored, model)
    if laid is None:
        return None
    made = _looked_at(laid, mirrored, model, inliers)
    if _enough(made, laid, limits, _tiny(a, b)):
        return made
    return None if _tiny(a, b) else _but_for_one_part(made, laid, limits)


def agreement_of_turn(a: Sketch, b: Sketch, turn: int, limits: Limits = Limits()) -> Agreement | None:
    """The agreement when the content of `b` is that of `a` after a `fingerprint` turn, told by pixels alone.

    For pictures with too few features. Where neither has any texture, brightness and tint must be the same.
    """
    model = _turned(a, b, turn)
    laid = _laid(a, b, is_mirror(turn), model)
    if laid is None:
        return None
    made = _looked_at(laid, is_mirror(turn), model, 0)
    if made.agreed < 0:
        return made if _same_blank(a, b) else None
    return made if _enough(made, laid, limits, _tiny(a, b)) else None


def _tiny(a: Sketch, b: Sketch) -> bool:
    return max(*a.size, *b.size) < _TINY


def _enough(made: Agreement, laid: _Laid, limits: Limits, tiny: bool) -> bool:
    needed = limits.agreed_few if made.inliers < limits.few else limits.agreed
    needed = limits.agreed_many if made.inliers >= limits.many else needed
    needed = max(needed, _AGREED_TINY) if tiny else needed
    enough = made.agreed >= needed and max(made.seen, made.filled) >= limits.overlap
    if not enough or made.contradicted > limits.contradicted:
        return False
    if made.inliers >= limits.many or min(made.seen, made.filled) >= _WHOLE:
        return True
    return toned(laid.picture, laid.under, laid.mask) >= limits.tones


def _but_for_one_part(made: Agreement, laid: _Laid, limits: Limits) -> Agreement | None:
    """The agreement where all but what was laid over one of the pictures is the same."""
    if made.inliers < limits.few or max(made.seen, made.filled) < limits.overlap:
        return None
    share = covered(laid.picture, laid.under, laid.mask, limits.contradicted)
    return replace(made, covered=share) if share is not None and share <= limits.covered else None


def _same_blank(a: Sketch, b: Sketch) -> bool:
    apart = [abs(float(a.thumb.mean()) - float(b.thumb.mean())), abs(a.tint[0] - b.tint[0]), abs(a.tint[1] - b.tint[1])]
    return max(apart) <= _BLANK_APART


# features


def _matched(a: Sketch, b: Sketch, mirrored: bool) -> _Matches | None:
    """Features that are each other's clear best; None when they are fewer than four."""
    if min(len(a.points), len(b.points)) < _LEAST_MATCHES:
        return None
    roots = mirror(a.roots) if mirrored else a.roots
    alike = roots @ b.roots.T / LENGTH**2
    rows = np.arange(len(alike))
    j = alike.argmax(1)
    best = alike[rows, j]
    alike[rows, j] = -1
    i = np.flatnonzero(1 - best < _RATIO**2 * (1 - alike.max(1)))
    i = i[np.argsort(-best[i], kind="stable")]
    i = i[np.sort(np.unique(j[i], return_index=True)[1])]
    if len(i) < _LEAST_MATCHES:
        return None
    return _posed(a.points[i], b.points[j[i]], a.size[0] if mirrored else None)


def _posed(p: NDArray[np.float32], q: NDArray[np.float32], width: int | None) -> _Matches:
    """Matches from points; those of the first are mirrored in a frame of `width`, if given."""
    x, y, size, angle = p.T.astype(np.float64)
    if width is not None:
        x, angle = width - 1 - x, 180 - angle
    u, v, other, towards = q.T.astype(np.float64)
    return _Matches(x + 1j * y, u + 1j * v, other / size * np.exp(1j * np.radians(towards - angle)))


def _fitted(found: _Matches, tolerance: float) -> tuple[Floats | None, int]:
    """The affine map most matches follow, and how many do."""
    inside = _best_proposal(found, tolerance)
    corners = np.column_stack([found.a.real, found.a.imag, np.ones(len(found.a))])
    aims = np.column_stack([found.b.real, found.b.imag])
    model = None
    for within in (tolerance, 1.5 * _FINE, _FINE, _FINE):
        if inside.sum() < _LEAST_MATCHES - 1:
            return None, 0
        model = _affine(corners[inside], aims[inside]) if inside.sum() > _LEAST_MATCHES else _similarity(found, inside)
        inside = np.linalg.norm(corners @ model.T - aims, axis=1) < within
    return model, int(inside.sum())


def _best_proposal(found: _Matches, tolerance: float) -> NDArray[np.bool_]:
    """The matches that follow the similarity which most follow, of those that each match proposes."""
    a, b, ratio = found.a, found.b, found.ratio
    predicted = ratio[:, None] * (a[None] - a[:, None]) + b[:, None]
    follows = np.abs(predicted - b[None]) < tolerance
    turned = ratio[None] / ratio[:, None]
    follows &= (np.abs(np.log(np.abs(turned))) < 0.5) & (np.abs(np.angle(turned)) < 0.5)
    best: NDArray[np.bool_] = follows[follows.sum(1).argmax()]
    return best


def _affine(corners: Floats, aims: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(corners, aims, rcond=None)[0].T, np.float64)


def _similarity(found: _Matches, inside: NDArray[np.bool_]) -> Floats:
    p, q = found.a[inside], found.b[inside]
    spread = p - p.mean()
    z = np.vdot(spread, q - q.mean()) / max(np.vdot(spread, spread).real, 1e-9)
    shift = q.mean() - z * p.mean()
    return np.array([[z.real, -z.imag, shift.real], [z.imag, z.real, shift.imag]])


# pixels


def _laid(a: Sketch, b: Sketch, mirrored: bool, model: Floats) -> _Laid | None:
    """Lay a's thumbnail over b's. None when the map is absurd, or little but borders lies on what the other shows."""
    over = a.thumb[:, ::-1] if mirrored else a.thumb
    to_b = _scaling(b.thumb.shape[1] / b.size[0], b.thumb.shape[0] / b.size[1])
    from_a = _scaling(a.size[0] / over.shape[1], a.size[1] / over.shape[0])
    laid = to_b @ np.vstack([model, (0, 0, 1)]) @ from_a
    growth = float(np.linalg.det(laid[:2, :2]))
    lengths = np.linalg.svd(model[:, :2], compute_uv=False)
    if not 0.01 < growth < 100 or lengths[1] < _SQUEEZED * lengths[0]:
        return None
    picture, kinds = _warped(over, _kinds(a, mirrored), laid, growth, b.thumb.shape)
    under = b.thumb.astype(np.float32)
    alike = (kinds == _CONTENT) | (np.abs(picture - under) <= _BORDERS_APART)
    mask = ((kinds == _kinds(b)) & alike).astype(np.float32)
    if mask.sum() < _LEFT * np.count_nonzero(kinds):
        return None
    shared = _shared(laid, over.shape, b.thumb.shape)
    return _Laid(picture, under, mask, min(shared / growth / over.size, 1.0), shared / mask.size)


def _looked_at(laid: _Laid, mirrored: bool, model: Floats, inliers: int) -> Agreement:
    """What the pixels say; `agreed` is -1 where neither has any texture."""
    agreed, contradicted = compared(laid.picture, laid.under, laid.mask)
    return Agreement(mirrored, model, inliers, agreed, contradicted, laid.seen, laid.filled)


def _kinds(made: Sketch, mirrored: bool = False) -> Grey:
    """Of each pixel of the thumbnail whether it shows the picture or a uniform border of it."""
    x, y = made.thumb.shape[1] / made.size[0], made.thumb.shape[0] / made.size[1]
    x0, y0, x1, y1 = made.box
    kinds = np.full(made.thumb.shape, _BORDER, np.uint8)
    kinds[round(y0 * y) : round(y1 * y), round(x0 * x) : round(x1 * x)] = _CONTENT
    return np.ascontiguousarray(kinds[:, ::-1]) if mirrored else kinds


def _warped(over: Grey, kinds: Grey, laid: Floats, growth: float, shape: tuple[int, ...]) -> tuple[Reals, Grey]:
    """The picture in the other's place, averaged first where it shrinks, and its kinds of pixels, 0 where it is not."""
    if growth < 0.5:
        small = [max(2, round(side * growth**0.5)) for side in over.shape]
        laid = np.asarray(laid @ _scaling(over.shape[1] / small[1], over.shape[0] / small[0]), np.float64)
        over = np.asarray(cv2.resize(over, (small[1], small[0]), interpolation=cv2.INTER_AREA), np.uint8)
        kinds = np.asarray(cv2.resize(kinds, (small[1], small[0]), interpolation=cv2.INTER_NEAREST), np.uint8)
    size = (shape[1], shape[0])
    picture = cv2.warpAffine(over, laid[:2], size, flags=cv2.INTER_LINEAR)
    kinds = np.asarray(cv2.warpAffine(kinds, laid[:2], size, flags=cv2.INTER_NEAREST), np.uint8)
    return picture.astype(np.float32), kinds


def _shared(laid: Floats, over: tuple[int, ...], under: tuple[int, ...]) -> float:
    """The area in pixels of what both rasters cover."""
    corners = [
        np.array([(-0.5, -0.5), (w - 0.5, -0.5), (w - 0.5, h - 0.5), (-0.5, h - 0.5)], np.float32)
        for h, w in (over, under)
    ]
    placed = corners[0] @ laid[:2, :2].T.astype(np.float32) + laid[:2, 2].astype(np.float32)
    return float(cv2.intersectConvexConvex(placed, corners[1])[0])


def _scaling(x: float, y: float) -> Floats:
    """(3, 3): from pixel centres of one raster to those of another x and y times as fine."""
    return np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1.0]])


def _turned(a: Sketch, b: Sketch, turn: int) -> Floats:
    """The model by which the content of `a`, turned, fills that of `b`."""
    from_box = np.linalg.inv(np.vstack([_boxed(a), (0, 0, 1)]))
    whole: Floats = _boxed(b) @ np.vstack([turn_matrix(turn), (0, 0, 1)]) @ from_box
    if is_mirror(turn):  # models begin with the mirrored picture
        whole = whole @ np.array([[-1, 0, a.size[0] - 1], [0, 1, 0], [0, 0, 1]])
    return whole


def _boxed(made: Sketch) -> Floats:
    """(2, 3): from the unit square to the content in the frame."""
    x0, y0, x1, y1 = made.box
    return np.array([[x1 - x0, 0, x0 - 0.5], [0, y1 - y0, y0 - 0.5]], np.float64)
