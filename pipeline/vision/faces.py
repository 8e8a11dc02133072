"""Faces: where they are, where their eyes are, how the head is turned, and how well each can be seen.

Every face is looked at by the detector in the whole picture, by the detector in an upright crop of standard size (from
all sides when it is in doubt which way is up; not at all when the face is large and surely there), and by the mesh in
that crop. When the face is not seen well, the mesh also looks at the mirror image of a better crop, and both are
averaged. Parts are looked at in large pictures without a face and in groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.vision.facenets import CORNERS, LIDS, MESH_SIDE, MOUTH, SIDE, FaceNets, Floats, Found
from pipeline.vision.facequality import eye_light, sharpness

_MIN_SCORE = 0.4  # of the detector, when it sees the face among other things
_CONFIRMED = 0.74  # when it sees it upright and large: flowers and fruit were under, faces above
_LIKELY, _TOGETHER = 0.6, 1.45  # or a little less, when both looks together are sure of it
_MIN_PRESENCE = 0.5  # of the mesh, as MediaPipe's own default
_SURE = 0.85  # a look of a lower score may be at a face on its side or upside down; of a higher one it never was
_CERTAIN = 0.9  # a face that is seen so well, and large, needs no closer look
_CLEAR = 0.8  # a face that the detector sees so well is not looked at in the mirror
_FILLING = 0.35  # of the picture's longer side: a crop as large is seen little better from closer
_FAINT = 0.2  # a hint: with nothing of this score in its halves, a picture has no face in its quarters either
_HOPELESS = 0.3  # a closer look of a lower score is at no face, whichever side is up
_ROOM = 1.5  # side of a crop as a multiple of the face's
_LOOK_ROOM = 1.95
_SMALL = 0.2  # where all faces are a smaller share of the picture there may be more of them
_LARGE, _LARGER = 400, 720  # of so many pixels, halves and quarters show faces that may be of use
_HALF, _QUARTER, _STEP = 0.6, 0.3, 0.7  # parts of a picture, as shares of its sides; steps as shares of a part
_TURNS = (0.0, np.pi / 2, -np.pi / 2, np.pi)


@dataclass(frozen=True)
class Face:
    """One face; points are in pixels of the picture, from its upper left corner.

    box           x0, y0, x1, y1 of all landmarks
    score         the detector's in the closer look, 0.6 to 1
    eyes          x, y of both eye centres (mean of six points of the lids); the eye that is on the left when the
                  face is upright, the sitter's right, comes first
    mouth         x, y of both corners, in the same order
    yaw           degrees; positive: turned to the right of an upright picture
    pitch         degrees; positive: looking up
    roll          degrees, -180 to 180; positive: head turned clockwise in the picture
    eye_distance  pixels between the eye centres
    eye_light     brightness of the skin around the eyes as a share of the whole face's: sunglasses make it small
    sharpness     of the face at 128 pixels, 0 for a plain blur
    cut           share of the box's area beyond the edges of the picture
    landmarks     478 points (x, y) as little-endian float16, in shares of the box
    """

    box: tuple[float, float, float, float]
    score: float
    eyes: tuple[float, float, float, float]
    mouth: tuple[float, float, float, float]
    yaw: float
    pitch: float
    roll: float
    eye_distance: float
    eye_light: float
    sharpness: float
    cut: float
    landmarks: bytes

    @property
    def points(self) -> Floats:
        """The landmarks (478, 2) in pixels of the picture."""
        return points_of(self.landmarks, self.box)


@dataclass(frozen=True)
class _Crop:
    """A square of a picture: centre and side in pixels, turned clockwise by `angle` in radians."""

    centre: Floats
    side: float
    angle: float

    def matrix(self, pixels: int) -> Floats:
        """From points of the crop drawn at `pixels` × `pixels` to points of the picture, (2, 3)."""
        turn = _rotation(self.angle) * self.side / pixels
        return np.hstack([turn, (self.centre - turn @ np.full(2, pixels / 2))[:, None]])


class FaceFinder:
    """Finds every face of a picture. One per process; use with `with`, or call `close`."""

    def __init__(self, model: Path) -> None:
        self._nets: FaceNets | None = FaceNets(model)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the networks; the finder is of no use afterwards."""
        self._nets = None

    def find(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """The faces of an upright sRGB picture (h, w, 3), the widest apart eyes first."""
        assert self._nets is not None
        pixels = np.ascontiguousarray(rgb)
        faces: list[Face] = []
        for crop, hint in self._candidates(pixels):
            upright, score = self._upright(pixels, crop, hint)
            seen = score >= _CONFIRMED or (score >= _LIKELY and hint + score >= _TOGETHER)
            face = self._face(pixels, upright, score) if seen else None
            if face is not None and not any(_same(face, other) for other in faces):
                faces.append(face)
        return sorted(faces, key=lambda face: -face.eye_distance)

    def _candidates(self, pixels: NDArray[np.uint8]) -> list[tuple[_Crop, float]]:
        """Where faces may be and the detector's score, the surest first."""
        height, width = pixels.shape[:2]
        side = max(height, width)
        whole = np.array([width, height]) / 2
        found = self._detected(pixels, _Crop(whole, side, 0.0))
        alone = len(found) == 1 or any(crop.side > _SMALL * _ROOM * side for crop, _ in found)
        if not alone and side >= _LARGE:
            hints = self._parts(pixels, _HALF)
            found += _clear(hints)
            if hints and side >= _LARGER:
                found += _clear(self._parts(pixels, _QUARTER))
        return _distinct(found)

    def _parts(self, pixels: NDArray[np.uint8], part: float) -> list[tuple[_Crop, float]]:
        """What is seen in overlapping parts, each such a share of the picture's sides."""
        size = np.array(pixels.shape[1::-1])
        starts = np.linspace(0, 1 - part, int(np.ceil((1 - part) / (_STEP * part))) + 1)
        centres = (size * (np.array([x, y]) + part / 2) for y in starts for x in starts)
        crops = [_Crop(centre, part * float(size.max()), 0.0) for centre in centres]
        return [one for crop in crops for one in self._detected(pixels, crop, _FAINT)]

    def _detected(
        self, pixels: NDArray[np.uint8], crop: _Crop, threshold: float = _MIN_SCORE
    ) -> list[tuple[_Crop, float]]:
        assert self._nets is not None
        found = self._nets.detect(_patch(pixels, crop, SIDE), threshold)
        return [(_placed(face, crop), face.score) for face in found]

    def _upright(self, pixels: NDArray[np.uint8], crop: _Crop, hint: float) -> tuple[_Crop, float]:
        """A closer look at a face, from every side when the first is in doubt; its score there."""
        if hint >= _CERTAIN and crop.side >= _FILLING * max(pixels.shape[:2]):
            return crop, hint
        best, top = crop, 0.0
        for turn in _TURNS:
            closer = _Crop(crop.centre, crop.side * _LOOK_ROOM / _ROOM, crop.angle + turn)
            for seen, sure in self._detected(pixels, closer)[:1]:
                if sure > top:
                    best, top = seen, sure
            if max(top, hint) >= _SURE or top < _HOPELESS:
                break
        return best, top

    def _face(self, pixels: NDArray[np.uint8], crop: _Crop, score: float) -> Face | None:
        """The face in the crop, or None when the mesh does not see one."""
        assert self._nets is not None
        drawn = _patch(pixels, crop, MESH_SIDE)
        first, presence = self._nets.mesh(drawn)
        if presence < _MIN_PRESENCE:
            return None
        points = _moved(first, crop)
        if score < _CLEAR:
            crop = _around(points)
            drawn = _patch(pixels, crop, MESH_SIDE)
            mirrored, _ = self._nets.mesh(np.ascontiguousarray(drawn[:, ::-1]))
            points = (points + _moved(self._nets.mirrored(mirrored), crop)) / 2
        return _described(points, score, self._nets.head, drawn, crop, pixels.shape)


def points_of(landmarks: bytes, box: tuple[float, float, float, float] | list[float]) -> Floats:
    """Stored landmarks as points (478, 2) in pixels of the picture."""
    corner, size = np.array(box[:2]), np.array(box[2:]) - box[:2]
    return np.asarray(np.frombuffer(landmarks, "<f2").reshape(-1, 2) * size + corner)


def _placed(face: Found, crop: _Crop) -> _Crop:
    """Where the face that was found in a crop is in the picture, with room around it and its eyes level."""
    matrix = crop.matrix(1)
    left, right = face.eyes @ matrix[:, :2].T + matrix[:, 2]
    across = right - left
    return _Crop(
        matrix[:, :2] @ face.centre + matrix[:, 2], _ROOM * face.side * crop.side, float(np.arctan2(*across[::-1]))
    )


def _around(points: Floats) -> _Crop:
    """The crop of standard size around the points of a face, with the eyes level."""
    across = points[CORNERS[1], :2] - points[CORNERS[0], :2]
    angle = float(np.arctan2(*across[::-1]))
    upright = points[:, :2] @ _rotation(angle)
    low, high = upright.min(axis=0), upright.max(axis=0)
    return _Crop(_rotation(angle) @ (low + high) / 2, _ROOM * float((high - low).max()), angle)


def _moved(points: Floats, crop: _Crop) -> Floats:
    """Points of the mesh's crop (n, 3) as points of the picture."""
    matrix = crop.matrix(MESH_SIDE)
    moved: Floats = np.column_stack([points[:, :2] @ matrix[:, :2].T + matrix[:, 2], points[:, 2:]])
    moved[:, 2] *= crop.side / MESH_SIDE
    return moved


def _patch(pixels: NDArray[np.uint8], crop: _Crop, size: int) -> NDArray[np.uint8]:
    """A crop drawn at `size` × `size`, black beyond the picture, smoothed as much as it is shrunk."""
    height, width = pixels.shape[:2]
    matrix = crop.matrix(size)
    reach = crop.side * 0.7072 + 2
    x0, y0 = (int(v) for v in np.floor(crop.centre - reach).clip(0))
    x1, y1 = (int(v) for v in np.ceil(crop.centre + reach).clip(0))
    part = pixels[y0 : min(y1, height), x0 : min(x1, width)]
    if part.size == 0:
        return np.zeros((size, size, 3), np.uint8)
    matrix[:, 2] -= (x0, y0)
    shrink = int(crop.side / size)
    if shrink > 1:
        smaller = max(1, part.shape[1] // shrink), max(1, part.shape[0] // shrink)
        matrix *= (np.array(smaller) / (part.shape[1], part.shape[0]))[:, None]
        part = cv2.resize(part, smaller, interpolation=cv2.INTER_AREA)
    matrix[:, 2] += 0.5 * matrix[:, :2].sum(axis=1) - 0.5  # OpenCV counts from the centre of the first pixel
    drawn: NDArray[np.uint8] = cv2.warpAffine(
        part, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT
    )
    return drawn


def _described(
    points: Floats, score: float, head: Floats, drawn: NDArray[np.uint8], crop: _Crop, shape: tuple[int, ...]
) -> Face:
    """From landmarks (478, 3) in pixels and the crop they were seen in."""
    flat = points[:, :2]
    eyes = np.array([flat[list(lids)].mean(axis=0) for lids in LIDS])
    across = eyes[1] - eyes[0]
    yaw, pitch = _turn(points[: len(head)], head)
    low, high = flat.min(axis=0), flat.max(axis=0)
    inside = (np.minimum(high, shape[1::-1]) - np.maximum(low, 0)).clip(0).prod()
    inverse = np.linalg.inv(crop.matrix(MESH_SIDE)[:, :2])
    seen = (flat - crop.matrix(MESH_SIDE)[:, 2]) @ inverse.T
    grey = cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY)
    return Face(
        box=(*_pair(low), *_pair(high)),
        score=score,
        eyes=(*_pair(eyes[0]), *_pair(eyes[1])),
        mouth=(*_pair(flat[MOUTH[0]]), *_pair(flat[MOUTH[1]])),
        yaw=yaw,
        pitch=pitch,
        roll=float(np.degrees(np.arctan2(across[1], across[0]))),
        eye_distance=float(np.hypot(*across)),
        eye_light=eye_light(grey, seen),
        sharpness=sharpness(grey, seen),
        cut=float(1 - inside / (high - low).prod()),
        landmarks=((flat - low) / (high - low)).astype("<f2").tobytes(),
    )


def _turn(points: Floats, head: Floats) -> tuple[float, float]:
    """Yaw and pitch in degrees: the turn that brings the canonical head nearest to the points, by least squares
    (Kabsch 1976; x right, y down and z away of the points become right, up and towards the viewer)."""
    seen, known = points * (1, -1, -1), head - head.mean(axis=0)
    left, _, right = np.linalg.svd((seen - seen.mean(axis=0)).T @ known)
    turn = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    # this row stays as it is when the head rolls
    yaw = -np.arcsin(np.clip(turn[2, 0], -1, 1))
    pitch = -np.arctan2(turn[2, 1], turn[2, 2])
    return float(np.degrees(yaw)), float(np.degrees(pitch))


def _same(one: Face, other: Face) -> bool:
    """Whether two findings are of one face: the middles of their eyes are near."""
    middles = [np.array(face.eyes).reshape(2, 2).mean(axis=0) for face in (one, other)]
    return float(np.hypot(*(middles[0] - middles[1]))) < 0.5 * max(one.eye_distance, other.eye_distance)


def _distinct(found: list[tuple[_Crop, float]]) -> list[tuple[_Crop, float]]:
    """Without those whose middle is near that of a surer one of a like size."""
    kept: list[tuple[_Crop, float]] = []
    for crop, score in sorted(found, key=lambda one: -one[1]):
        near = (np.hypot(*(crop.centre - other.centre)) < 0.2 * other.side for other, _ in kept)
        if not any(near):
            kept.append((crop, score))
    return kept


def _clear(hints: list[tuple[_Crop, float]]) -> list[tuple[_Crop, float]]:
    return [(crop, score) for crop, score in hints if score >= _MIN_SCORE]


def _rotation(angle: float) -> Floats:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _pair(point: Floats) -> tuple[float, float]:
    return float(point[0]), float(point[1])
