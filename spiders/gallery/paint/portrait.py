"""Portraits: a head and shoulders in costume, before a wall, a curtain, a landscape or plain colour."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from spiders.gallery.paint.canvas import (
    Array,
    Canvas,
    Colour,
    Rng,
    choice,
    colours,
    curve,
    ellipse_points,
    mix,
    noise,
    pick,
    ramp,
    vary,
)
from spiders.gallery.paint.faces import FRAME, face
from spiders.gallery.paint.land import landscape
from spiders.gallery.paint.solids import drapery, stops

GROUNDS = colours(
    "#1c1612 #2c2420 #38302c #44504c #6c7468 #8c8068 #5c2c24 #28343c #a89878 #7c8c94 #3c2c3c #c8bca0 #4c5c6c"
)
CLOTHS = colours("#141418 #2c2024 #6c1c1c #1c2c4c #24402c #5c4428 #d8d0c0 #8c6c2c #40244c #a84c38 #3c5c6c #8c8c84")
HAIRS = colours("#140e0c #2c1c14 #5c3c20 #8c6838 #b8925c #6c2c14 #8c8680 #d8d4cc")


@dataclass(frozen=True)
class Head:
    """Where the face's frame lies on the canvas: scale, turn in degrees, place of (128, 140)."""

    scale: float
    turn: float
    x: float
    y: float

    @property
    def matrix(self) -> Array:
        """Frame to canvas, 2 × 3."""
        matrix = cv2.getRotationMatrix2D((128, 140), self.turn, self.scale)
        matrix[:, 2] += (self.x - 128, self.y - 140)
        return np.asarray(matrix, np.float32)

    def at(self, points: ArrayLike) -> Array:
        """Frame coordinates (n, 2) on the canvas."""
        given = np.asarray(points, np.float32)
        return given @ self.matrix[:, :2].T + self.matrix[:, 2]


def portrait(rng: Rng, height: int, width: int, faces: str | None = None) -> Array:
    """A portrait; `faces` is a folder with photographs that may be worked into it."""
    canvas = Canvas(height, width, crisp=True)
    _background(rng, canvas)
    share = rng.uniform(0.36, 0.72)
    scale = min(height * share / 230, width * 0.8 / 190)
    room = max(0.0, height * 0.96 - 130 * scale - 160 * scale)
    head = Head(scale, rng.normal(0, 7), width * rng.uniform(0.36, 0.64), 160 * scale + room * rng.uniform(0.1, 0.75))
    picture, skin = face(rng, faces)
    hair = vary(rng, pick(rng, HAIRS), 6)
    style = choice(rng, ("short", "short", "long", "bun", "curls", "hat", "bonnet", "turban", "veil"))
    _behind(rng, canvas, head, hair, style)
    _bust(rng, canvas, head, skin)
    _head(rng, canvas, head, picture, skin)
    _front(rng, canvas, head, hair, style)
    _light(rng, canvas, head)
    return canvas.a


def _background(rng: Rng, canvas: Canvas) -> None:
    height, width = canvas.height, canvas.width
    kind = choice(rng, ("wall", "wall", "wall", "curtain", "view", "patches", "panel"))
    ground = vary(rng, pick(rng, GROUNDS), 12, 0.3, 0.15)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    angle = rng.uniform(0, 2 * np.pi)
    lit = (
        0.45
        + 0.28 * (np.cos(angle) * x + np.sin(angle) * y)
        + rng.uniform(0.2, 0.7) * (noise(rng, height, width, 3, 4) - 0.5)
    )
    canvas.a[:] = ramp(np.clip(lit, 0, 1), stops(ground, gloss=0.35))
    if kind == "view":
        half = landscape(rng, height // 2, width // 2)
        canvas.a[:] = mix(cv2.resize(half, (width, height)), ground, rng.uniform(0.1, 0.45))
    elif kind == "curtain":
        cloth = drapery(rng, height, width, stops(vary(rng, pick(rng, CLOTHS)), gloss=0.25), rng.normal(0, 0.5))
        edge = rng.uniform(0.25, 1.0)
        mask = np.broadcast_to((x * rng.choice([-1, 1]) + 0.25 * y < edge * 2 - 1), (height, width)).astype(np.float32)
        canvas.over(mask, cloth)
    elif kind == "patches":
        for _ in range(rng.integers(4, 14)):
            centre, radii = rng.uniform(0, 1, 2) * (width, height), rng.uniform(0.1, 0.4, 2) * width
            canvas.ellipse(
                (centre[0], centre[1]),
                (radii[0], radii[1]),
                vary(rng, pick(rng, np.concatenate([GROUNDS, CLOTHS]))),
                0,
                0.6,
                width * 0.04,
            )
    elif kind == "panel":
        left = rng.uniform(-0.1, 0.7) * width
        box = [
            (left, -5),
            (left + rng.uniform(0.2, 0.5) * width, -5),
            (left + rng.uniform(0.2, 0.5) * width, height * rng.uniform(0.5, 0.9)),
            (left, height * 0.8),
        ]
        canvas.polygon(box, vary(rng, pick(rng, GROUNDS)), 0.85, 1.5)


def _patch(canvas: Canvas, head: Head, points: ArrayLike, paint: Colour, opacity: float = 1, soft: float = 0) -> None:
    canvas.polygon(head.at(points), paint, opacity, soft * head.scale)


def _strands(rng: Rng, canvas: Canvas, head: Head, starts: Array, ends: Array, hair: Array) -> None:
    """Lines of hair, lighter and darker."""
    tones = np.clip(hair * rng.uniform(0.7, 1.35, (len(starts), 1)) + 0.01, 0, 1)
    canvas.lines(head.at(starts), head.at(ends), tones, max(1, round(head.scale * 1.6)))


def _behind(rng: Rng, canvas: Canvas, head: Head, hair: Array, style: str) -> None:
    """What lies behind the head: long hair, a knot, a veil."""
    if style in ("long", "curls", "veil"):
        deep = rng.uniform(250, 380)
        paint = hair if style != "veil" else vary(rng, pick(rng, CLOTHS))
        shape = [
            (128, -20),
            (40, 20),
            (14, 130),
            (10, deep),
            (70, deep + 10),
            (128, 230),
            (186, deep + 10),
            (246, deep),
            (242, 130),
            (216, 20),
        ]
        _patch(canvas, head, curve([*shape, shape[0]], 60), paint)
        x = rng.uniform(14, 242, 90)
        starts = np.stack([x, np.full(90, 60)], 1)
        _strands(rng, canvas, head, starts, np.stack([x + rng.normal(0, 14, 90), rng.uniform(180, deep, 90)], 1), paint)
    if style == "bun":
        canvas.polygon(head.at(ellipse_points((128 + rng.normal(0, 30), -12), (42, 36))), hair * 0.8)


def _bust(rng: Rng, canvas: Canvas, head: Head, skin: Array) -> None:
    """Neck, shoulders and costume. Shoulders do not tilt with the head."""
    level = Head(head.scale, head.turn * 0.2, head.x, head.y)
    neck = rng.uniform(44, 62)
    _patch(
        canvas,
        level,
        [(128 - neck, 190), (128 + neck, 190), (128 + neck * 1.25, 330), (128 - neck * 1.25, 330)],
        skin[1],
    )
    _patch(
        canvas,
        level,
        curve([(128 - neck, 215), (128, 262), (128 + neck, 215), (128 + neck, 240), (128, 288), (128 - neck, 240)], 30),
        skin[0],
        0.6,
        5,
    )
    wide, drop = rng.uniform(190, 260), rng.uniform(300, 345)
    cloth = vary(rng, pick(rng, CLOTHS), 10, 0.25, 0.2)
    shape = [
        (128 - wide, 700),
        (128 - wide * 0.95, drop + 30),
        (128 - wide * 0.55, drop - 12),
        (128 - neck * 1.1, drop - 52),
        (128, drop - 20),
        (128 + neck * 1.1, drop - 52),
        (128 + wide * 0.55, drop - 12),
        (128 + wide * 0.95, drop + 30),
        (128 + wide, 700),
    ]
    mask = canvas.shape(level.at(curve(shape, 60)))
    canvas.over(
        mask, drapery(rng, canvas.height, canvas.width, stops(cloth, gloss=rng.uniform(0.15, 0.5)), rng.normal(0, 0.4))
    )
    _collar(rng, canvas, level, skin, neck, drop)


def _collar(rng: Rng, canvas: Canvas, head: Head, skin: Array, neck: float, drop: float) -> None:
    """What is worn about the neck: a ruff, a flat collar, a scarf, lapels, a low neckline, or nothing."""
    kind = choice(rng, ("ruff", "flat", "open", "scarf", "lapels", "plain", "necklace"))
    white = np.array([0.9, 0.88, 0.82], np.float32) * rng.uniform(0.75, 1)
    if kind == "ruff":
        _ruff(rng, canvas, head, neck, white)
    elif kind == "flat":
        for side, tone in ((-1, white), (1, white * 0.85)):
            corners = [
                (128 + side * neck, 232),
                (128 + side * neck * 2.6, drop),
                (128 + side * 10, drop + 22),
                (128, 270),
            ]
            _patch(canvas, head, curve(corners, 24), tone)
    elif kind in ("open", "necklace"):
        _neckline(canvas, head, skin, neck, drop)
        if kind == "necklace":
            _necklace(rng, canvas, head, neck)
    elif kind == "scarf":
        tone = vary(rng, pick(rng, CLOTHS), 20, 0.4, 0.3)
        for shift in (0, 20, 38):
            band = np.array([(-1.3, 226), (0, 262), (1.3, 226), (1.3, 250), (0, 290), (-1.3, 250)]) * (neck, 1) + (
                128,
                shift,
            )
            _patch(canvas, head, curve(band, 40), tone * rng.uniform(0.75, 1.2))
    elif kind == "lapels":
        _patch(canvas, head, [(128 - neck, 238), (128, drop + 120), (128 + neck, 238), (128, 262)], white)
        tie = vary(rng, pick(rng, CLOTHS), 20, 0.3, 0.2)
        _patch(canvas, head, [(116, 266), (140, 266), (148, drop + 90), (108, drop + 90)], tie)


def _ruff(rng: Rng, canvas: Canvas, head: Head, neck: float, white: Array) -> None:
    for turn in np.linspace(0, np.pi, 15):
        place = (128 + np.cos(turn) * neck * 1.9, 236 + np.sin(turn) * 42)
        angle = float(np.rad2deg(turn))
        _patch(canvas, head, ellipse_points(place, (22, 17), angle), white * rng.uniform(0.7, 1.05))
        _patch(canvas, head, ellipse_points(place, (4, 12), angle), white * 0.6, 0.6)


def _neckline(canvas: Canvas, head: Head, skin: Array, neck: float, drop: float) -> None:
    shape = np.array([(-1.2, 240), (-1.6, drop), (0, drop + 55), (1.6, drop), (1.2, 240)]) * (neck, 1) + (128, 0)
    _patch(canvas, head, curve(shape, 36), skin[2], 1, 2)
    _patch(canvas, head, curve([(128 - neck, 238), (128, 285), (128 + neck, 238), (128, 262)], 30), skin[1], 0.6, 5)


def _necklace(rng: Rng, canvas: Canvas, head: Head, neck: float) -> None:
    gem = vary(rng, pick(rng, colours("#d8d0c0 #8c1c24 #c8a048 #2c5c4c")))
    for x, y in curve([(128 - neck * 1.1, 250), (128, 320), (128 + neck * 1.1, 250)], 15):
        _patch(canvas, head, ellipse_points((x, y), (6, 6)), gem * rng.uniform(0.8, 1.1))


def _head(rng: Rng, canvas: Canvas, head: Head, picture: Array, skin: Array) -> None:
    """The head's form with the face laid into it."""
    _patch(canvas, head, ellipse_points((128, 128), (98, 128)), skin[1])
    for ear in (30, 226):
        _patch(canvas, head, ellipse_points((ear, 124), (13, 26)), mix(skin[1], skin[2], 0.4))
    y, x = np.mgrid[0:FRAME, 0:FRAME].astype(np.float32)
    reach = np.sqrt(((x - 128) / 86) ** 2 + ((y - 142) / 118) ** 2)
    mask = np.clip((1 - reach) / 0.3, 0, 1)
    layer = cv2.warpAffine(
        np.dstack([picture, mask]), head.matrix, (canvas.width, canvas.height), flags=cv2.INTER_LINEAR
    )
    canvas.over(layer[..., 3], np.ascontiguousarray(layer[..., :3]))


def _front(rng: Rng, canvas: Canvas, head: Head, hair: Array, style: str) -> None:
    """Hair or headgear above the forehead and at the temples."""
    line = rng.uniform(44, 62)
    parting = rng.uniform(80, 176)
    fringe = [(22, 140), (32, 92), (58, line + 12), (parting, line - 6), (198, line + 12), (224, 92), (234, 140)]
    crown = [(246, 90), (226, 8), (128, -34 - rng.uniform(0, 16)), (30, 8), (10, 90)]
    _patch(canvas, head, np.concatenate([curve(fringe, 40), curve(crown, 40)]), hair * 0.85)
    if style == "curls":
        for _ in range(70):
            x, y = rng.normal(128, 74), rng.uniform(-34, 30)
            if abs(x - 128) > 84:
                y = rng.uniform(-10, 230)
            _patch(
                canvas,
                head,
                ellipse_points((x, y), (17, 14), rng.uniform(0, 180)),
                np.clip(hair * rng.uniform(0.6, 1.5), 0, 1),
            )
    across = rng.uniform(22, 234, 110)
    roots = -34 + 0.0075 * (across - 128) ** 2 + rng.uniform(0, 30, 110)
    starts = np.stack([parting + (across - parting) * 0.72, roots], 1)
    ends = np.stack(
        [across, np.interp(across, [22, 60, parting, 196, 234], [126, line + 10, line - 10, line + 10, 126])], 1
    )
    _strands(rng, canvas, head, starts, ends, hair)
    if style in ("hat", "bonnet", "turban"):
        _hat(rng, canvas, head, style)


def _hat(rng: Rng, canvas: Canvas, head: Head, style: str) -> None:
    tone = vary(rng, pick(rng, CLOTHS), 15, 0.3, 0.25)
    if style == "hat":
        brim, tall = rng.uniform(130, 190), rng.uniform(60, 120)
        _patch(canvas, head, ellipse_points((128, 26), (brim, 34)), tone * 0.7)
        _patch(
            canvas,
            head,
            curve([(40, 24), (46, 24 - tall), (128, 10 - tall), (210, 24 - tall), (216, 24), (128, 44)], 40),
            tone,
        )
        _patch(
            canvas,
            head,
            curve([(40, 20), (128, 42), (216, 20), (214, -2), (128, 18), (42, -2)], 40),
            mix(tone, pick(rng, CLOTHS), 0.8),
        )
    elif style == "bonnet":
        paint = mix(tone, 0.92, 0.75)
        shape = np.concatenate([curve([(14, 190), (16, 70), (60, 34), (128, 26), (196, 34), (240, 70), (242, 190)], 50),
                                curve([(266, 190), (262, 10), (128, -66), (-6, 10), (-10, 190)], 50)])  # fmt: skip
        _patch(canvas, head, shape, paint)
        for step in np.linspace(0.1, 0.9, 9):
            x = 14 + 228 * step
            canvas.stroke(
                head.at(
                    [(x, 60 - 30 * np.sin(step * np.pi)), (128 + (x - 128) * 1.2, -10 - 40 * np.sin(step * np.pi))]
                ),
                2.5 * head.scale,
                paint * 0.7,
                0.7,
            )
    else:
        for turn in np.linspace(-1, 1, 6):
            band = curve([(8, 66 + turn * 12), (128, 20 + turn * 34), (248, 60 - turn * 14)], 24)
            canvas.stroke(
                head.at(band), 38 * head.scale, np.clip(tone * (0.75 + 0.15 * turn + 0.2 * rng.random()), 0, 1)
            )
        _patch(canvas, head, ellipse_points((128, -22), (100, 52)), tone * 0.9)
        canvas.stroke(head.at(curve([(20, 10), (128, -40), (236, 16)], 20)), 14 * head.scale, mix(tone, 1.0, 0.3), 0.6)


def _light(rng: Rng, canvas: Canvas, head: Head) -> None:
    """One light from the side: the far half of everything falls back."""
    x = (np.arange(canvas.width, dtype=np.float32)[None, :] - head.x) / (150 * head.scale)
    y = (np.arange(canvas.height, dtype=np.float32)[:, None] - head.y) / (260 * head.scale)
    side, depth = float(rng.choice([-1, 1])), rng.uniform(0, 0.38)
    canvas.a *= (1 - depth * np.clip(0.5 + 0.5 * side * x + 0.35 * y, 0, 1))[..., None]
