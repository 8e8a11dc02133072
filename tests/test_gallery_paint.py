"""Painted pictures: deterministic, of every family, rich, unlike each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spiders.gallery.paint import FAMILIES, paint, size_of, style_of
from spiders.gallery.paint.canvas import Canvas, curve, line_noise, noise, ramp
from spiders.gallery.paint.finish import MANNERS
from spiders.gallery.paint.strokes import BRUSHES, TILE, stroke_map


def dct_hash(picture: Image.Image) -> int:
    """The usual 64-bit perceptual hash, written down again: signs of the low DCT coefficients about their median."""
    grey = np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    k, n = np.mgrid[0:32, 0:32]
    basis = np.cos(np.pi * k * (2 * n + 1) / 64)
    low = (basis @ grey @ basis.T)[:8, :8]
    bits = (low > np.median(low)).ravel()
    return sum(1 << place for place, bit in enumerate(bits) if bit)


@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_gives_the_same_picture_of_the_promised_size_and_another_seed_another(family: str) -> None:
    first = paint(family, 7)
    assert first.mode == "RGB" and first.size == size_of(family, 7)
    assert 390 <= max(first.size) <= 960
    assert np.array_equal(np.asarray(first), np.asarray(paint(family, 7)))
    assert style_of(family, 7) in FAMILIES[family].styles
    other = paint(family, 8)
    assert (dct_hash(first) ^ dct_hash(other)).bit_count() > 8


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_are_rich(family: str) -> None:
    pixels = np.asarray(paint(family, 3), np.float32)
    assert pixels.mean(axis=2).std() > 8
    assert np.unique(pixels.reshape(-1, 3) // 8, axis=0).shape[0] > 100
    grain = np.abs(np.diff(pixels, axis=1)).mean()
    assert grain > 0.8


def test_every_style_has_a_manner_and_every_manner_a_brush() -> None:
    assert {style for family in FAMILIES.values() for style in family.styles} <= set(MANNERS)
    assert {brush for manner in MANNERS.values() for brush in manner.brushes} <= set(BRUSHES)


def test_a_stroke_takes_its_colour_from_its_middle() -> None:
    strokes = stroke_map("dabs")
    y, x = np.mgrid[0:TILE, 0:TILE]
    covered = (strokes.dx != 0) | (strokes.dy != 0)
    middles = np.stack([x + strokes.dx, y + strokes.dy], -1)[covered].round(1)
    assert covered.mean() > 0.9
    assert len(np.unique(middles, axis=0)) < covered.sum() / 15
    reach = np.hypot(strokes.dx, strokes.dy)
    assert reach.max() < BRUSHES["dabs"].length


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.floats(1, 20), st.integers(1, 5), st.floats(0.3, 5))
def test_noise_stays_within_zero_and_one(height: int, width: int, cells: float, octaves: int, stretch: float) -> None:
    field = noise(np.random.default_rng(1), height, width, cells, octaves, stretch)
    assert field.shape == (height, width)
    assert field.min() >= 0 and field.max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=3, max_size=8), st.floats(0, 1))
def test_any_polygon_may_be_laid_on_a_canvas(points: list[tuple[float, float]], opacity: float) -> None:
    for crisp in (False, True):
        canvas = Canvas(40, 50, 0.5, crisp)
        canvas.polygon(points, (1.0, 0.0, 0.25), opacity, 1.5)
        canvas.polygon(points, (1.0, 0.0, 0.25))
        canvas.stroke(curve(points, 12), 3.0, 0.1, opacity)
        assert canvas.a.min() >= -1e-5 and canvas.a.max() <= 1 + 1e-5


def test_ramp_meets_its_stops() -> None:
    stops = np.array([[0, 0, 0], [1, 0.5, 0], [1, 1, 1]], np.float32)
    got = ramp(np.array([[0, 0.5, 1]], np.float32), stops)
    assert np.allclose(got[0], stops, atol=0.01)


def test_line_noise_is_deterministic() -> None:
    lines = [line_noise(np.random.default_rng(5), 99, 3) for _ in range(2)]
    assert np.array_equal(*lines) and lines[0].std() > 0.1
