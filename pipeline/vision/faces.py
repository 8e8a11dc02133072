"""Faces: where they are, where their eyes are, how the head is turned, and how well each can be seen.

Every face is looked at by the detector in the whole picture, by the detector in an upright crop of standard size (from
all sides when it is in doubt which way is up; not at all when the face is large and surely there), and by the mesh in
that crop. When the face is not seen well, the mesh also looks at the mirror image of a better crop, and both are
averaged. In groups, and in large pictures without a face, parts are looked at: first the one where a hint of a face is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.vision.crops import Crop, Picture, rotation
from pipeline.vision.facenets import CORNERS, LIDS, MESH_SIDE, MOUTH, SIDE, FaceNets, Floats, Found
from pipeline.vision.facequality import eye_light, sharpness

_MIN_PRESENCE = 0.5  # of the mesh, as MediaPipe's own default
_FILLING = 0.35  # of the picture's longer side: a crop as large is seen little better from closer
_ROOM = 1.5  # side of a crop as a multiple of the face's
_LOOK_ROOM = 1.95
_SMALL = 0.2  # where all faces are a smaller share of the picture there may be more of them
_LARGE, _LARGER = 400, 720  # of so many pixels, halves and quarters show faces that may be of use
_HALF, _QUARTER, _STEP = 0.6, 0.3, 0.7  # parts of a picture, as shares of its sides; steps as shares of a part
_TURNS = (0.0, np.pi, np.pi / 2, -np.pi / 2)  # a look upside down tells of any face that is not upright


@dataclass(frozen=True)
class Limits:
    """Which of the detector's scores, 0 to 1, are believed. `benchmarks/faces_limits.py` chooses and explains them.

    hint        in the whole picture or a part of it: worth a look from nearer
    found       in the whole picture: worth a closer look
    in_part     in a part of it
    confirmed   in a closer look: a face
    likely      or a little less there, when both looks together have `together`
    sure        of a lower score, it may be a face on its side or upside down; of a higher one it never was
    unlikely    both looks together: with less it is no face, whichever side is up
    doubtful    nor is what is seen with less upright and upside down
    certain     in the first look, at a large face: needs no closer look
    clear       a face that is seen so well is not looked at in the mirror
    """

    hint: float = 0.35
    found: float = 0.4
    in_part: float = 0.6
    confirmed: float = 0.74
    likely: float = 0.65
    together: float = 1.45
    sure: float = 0.82
    unlikely: float = 0.95
    doubtful: float = 0.65
    certain: float = 0.9
    clear: float = 0.8


@dataclass(frozen=True)
class Face:
    """One face; points are in pixels of the picture, from its upper left corner.

    box           x0, y0, x1, y1 of all landmarks
    score         the detector's in the closer look, 0.65 to 1
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


_Hint = tuple[Crop, float]
"""Where a face may be, and the detector's score."""


class FaceFinder:
    """Finds every face of a picture. One per process; use with `with`, or call `close`."""

    def __init__(self, model: Path, limits: Limits = Limits()) -> None:
        self._nets: FaceNets | None = FaceNets(model)
        self._limits = limits

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
        picture = Picture(rgb)
        faces: list[Face] = []
        for crop, hint in self._candidates(picture):
            upright, score = self._upright(picture, crop, hint)
            face = self._face(picture, upright, score) if self._confirmed(score, hint) else None
            if face is not None and not any(_same(face, other) for other in faces):
                faces.append(face)
        return sorted(faces, key=lambda face: -face.eye_distance)

    def _confirmed(self, score: float, hint: float) -> bool:
        limits = self._limits
        return score >= limits.confirmed or (score >= limits.likely and hint + score >= limits.together)

    def _candidates(self, picture: Picture) -> list[_Hint]:
        """Where faces may be and the detector's score, the surest first."""
        limits = self._limits
        hints = self._detected(picture, picture.whole, limits.hint)
        found = _clear(hints, limits.found)
        large = any(crop.side > _SMALL * _ROOM * picture.side for crop, _ in found)
        alone = len(found) == 1 and found[0][1] >= limits.sure
        if large or alone or picture.side < _LARGE:
            return found
        if picture.side < _LARGER and len(found) < 2:
            nearer = _clear(self._around(picture, hints[:1], _HALF), limits.in_part)
            found = _distinct(found + nearer)
            if not nearer or nearer[0][1] < limits.sure:
                return found
        return _distinct(found + self._in_parts(picture))

    def _in_parts(self, picture: Picture) -> list[_Hint]:
        """What is seen in overlapping halves; of a larger picture also in the quarters around what the halves hint
        at, and in all of them when there are faces in these."""
        hints = self._tiled(picture, _HALF)
        if picture.side >= _LARGER:
            nearer = self._around(picture, _distinct(hints), _QUARTER)
            crowd = any(score >= self._limits.likely for _, score in nearer)
            hints += self._tiled(picture, _QUARTER) if crowd else nearer
        return _clear(hints, self._limits.in_part)

    def _tiled(self, picture: Picture, part: float) -> list[_Hint]:
        """What is seen in overlapping parts, each such a share of the picture's sides."""
        starts = np.linspace(0, 1 - part, int(np.ceil((1 - part) / (_STEP * part))) + 1)
        centres = [picture.size * (np.array([x, y]) + part / 2) for y in starts for x in starts]
        crops = [Crop(centre, part * picture.side, 0.0) for centre in centres]
        return [one for crop in crops for one in self._detected(picture, crop, self._limits.hint)]

    def _around(self, picture: Picture, hints: list[_Hint], part: float) -> list[_Hint]:
        """What is seen in the parts around some hints, each such a share of the picture's longer side."""
        side, middle = part * picture.side, picture.size / 2
        room = (picture.size - side).clip(0) / 2
        crops = [Crop(middle + (crop.centre - middle).clip(-room, room), side, 0.0) for crop, _ in hints]
        return [one for crop in crops for one in self._detected(picture, crop, self._limits.hint)]

    def _detected(self, picture: Picture, crop: Crop, threshold: float) -> list[_Hint]:
        """What the detector sees in a crop with a score of `threshold` or more, the surest first."""
        assert self._nets is not None
        found = self._nets.detect(picture.draw(crop, SIDE), threshold)
        return [(_placed(face, crop), face.score) for face in found]

    def _upright(self, picture: Picture, crop: Crop, hint: float) -> tuple[Crop, float]:
        """A closer look at a face, from every side when the first is in doubt; its score there."""
        limits = self._limits
        if hint >= limits.certain and crop.side >= _FILLING * picture.side:
            return crop, hint
        best, top = crop, 0.0
        for turn in _TURNS:
            closer = Crop(crop.centre, crop.side * _LOOK_ROOM / _ROOM, crop.angle + turn)
            for seen, sure in self._detected(picture, closer, limits.found)[:1]:
                if sure > top:
                    best, top = seen, sure
            hopeless = hint + top < limits.unlikely or (turn and top < limits.doubtful)
            if hopeless or max(top, hint) >= limits.sure:
                break
        return best, top

    def _face(self, picture: Picture, crop: Crop, score: float) -> Face | None:
        """The face in the crop, or None when the mesh does not see one."""
        assert self._nets is not None
        drawn = picture.draw(crop, MESH_SIDE)
        first, presence = self._nets.mesh(drawn)
        if presence < _MIN_PRESENCE:
            return None
        points = _moved(first, crop)
        if score < self._limits.clear:
            crop = _framed(points)
            drawn = picture.draw(crop, MESH_SIDE)
            mirrored, _ = self._nets.mesh(np.ascontiguousarray(drawn[:, ::-1]))
            points = (points + _moved(self._nets.mirrored(mirrored), crop)) / 2
        return _described(points, score, self._nets.head, drawn, crop, picture.size)


def points_of(landmarks: bytes, box: tuple[float, float, float, float] | list[float]) -> Floats:
    """Stored landmarks as points (478, 2) in pixels of the picture."""
    corner, size = np.array(box[:2]), np.array(box[2:]) - box[:2]
    return np.asarray(np.frombuffer(landmarks, "<f2").reshape(-1, 2) * size + corner)


def _placed(face: Found, crop: Crop) -> Crop:
    """Where the face that was found in a crop is in the picture, with room around it and its eyes level."""
    matrix = crop.matrix(1)
    across = matrix[:, :2] @ (face.eyes[1] - face.eyes[0])
    angle = math.atan2(across[1], across[0])
    return Crop(matrix[:, :2] @ face.centre + matrix[:, 2], _ROOM * face.side * crop.side, angle)


def _framed(points: Floats) -> Crop:
    """The crop of standard size around the points of a face, with the eyes level."""
    across = points[CORNERS[1], :2] - points[CORNERS[0], :2]
    angle = float(np.arctan2(*across[::-1]))
    upright = points[:, :2] @ rotation(angle)
    low, high = upright.min(axis=0), upright.max(axis=0)
    return Crop(rotation(angle) @ (low + high) / 2, _ROOM * float((high - low).max()), angle)


def _moved(points: Floats, crop: Crop) -> Floats:
    """Points of the mesh's crop (n, 3) as points of the picture."""
    matrix = crop.matrix(MESH_SIDE)
    moved: Floats = np.column_stack([points[:, :2] @ matrix[:, :2].T + matrix[:, 2], points[:, 2:]])
    moved[:, 2] *= crop.side / MESH_SIDE
    return moved


def _described(points: Floats, score: float, head: Floats, drawn: NDArray[np.uint8], crop: Crop, size: Floats) -> Face:
    """From landmarks (478, 3) in pixels and the crop they were seen in."""
    flat = points[:, :2]
    eyes = np.array([flat[list(lids)].mean(axis=0) for lids in LIDS])
    across = eyes[1] - eyes[0]
    yaw, pitch = _turn(points[: len(head)], head)
    low, high = flat.min(axis=0), flat.max(axis=0)
    inside = (np.minimum(high, size) - np.maximum(low, 0)).clip(0).prod()
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


def _distinct(found: list[_Hint]) -> list[_Hint]:
    """Without those whose middle is near that of a surer one of a like size."""
    kept: list[_Hint] = []
    for crop, score in sorted(found, key=lambda one: -one[1]):
        near = (np.hypot(*(crop.centre - other.centre)) < 0.2 * other.side for other, _ in kept)
        if not any(near):
            kept.append((crop, score))
    return kept


def _clear(hints: list[_Hint], least: float) -> list[_Hint]:
    return [(crop, score) for crop, score in hints if score >= least]


def _pair(point: Floats) -> tuple[float, float]:
    return float(point[0]), float(point[1])
