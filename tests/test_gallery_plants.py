"""Plants: each kind is what its name says; profiles keep colours; the score counts rightly."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from pipeline.errors import Reason
from spiders.gallery import score
from spiders.gallery.icc import ADOBE_RGB, DISPLAY_P3, Space, from_srgb, profile
from spiders.gallery.paint import paint
from spiders.gallery.plant import COPIES, OTHERS, PLANTS, kind_of, planted
from spiders.gallery.score import OTHERS as LEFT_ALONE


@pytest.fixture(scope="module")
def original() -> bytes:
    stream = io.BytesIO()
    paint("landscape", 4).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def opened(kind: str, original: bytes) -> Image.Image:
    return Image.open(io.BytesIO(planted(kind, original, 1)))


def seen(picture: Image.Image) -> np.ndarray:
    """What a viewer sees, small: upright, in sRGB."""
    return np.asarray(
        ImageOps.exif_transpose(picture).convert("RGB").resize((24, 24), Image.Resampling.BOX), np.float64
    )


@pytest.mark.parametrize("kind", PLANTS)
def test_plants_are_the_same_bytes_each_time(kind: str, original: bytes) -> None:
    assert planted(kind, original, 5) == planted(kind, original, 5)


@pytest.mark.parametrize("kind", [kind for kind in PLANTS if kind.startswith(("format", "duplicate"))])
def test_copies_and_formats_open_and_look_like_their_original(kind: str, original: bytes) -> None:
    picture = opened(kind, original)
    limit = {"duplicate:bordered": 45, "duplicate:recoloured": 45, "duplicate:greyscale": 40, "format:grey": 40,
             "format:adobe-rgb": 25, "format:display-p3": 25, "format:transparent": 12,
             "format:palette": 40}.get(kind, 12)  # fmt: skip
    assert np.abs(seen(picture) - seen(Image.open(io.BytesIO(original)))).mean() < limit


def test_formats_are_what_they_are_called(original: bytes) -> None:
    facts = {kind: opened(kind, original) for kind in PLANTS if kind.startswith("format")}
    assert facts["format:cmyk"].mode == "CMYK" and facts["format:cmyk"].info.get("adobe") is not None
    deep = planted("format:16-bit", original, 1)
    assert deep[24:26] == bytes([16, 2])
    assert facts["format:palette"].mode == "P" and "transparency" in facts["format:palette"].info
    alpha = np.asarray(facts["format:transparent"])[..., 3]
    assert facts["format:transparent"].mode == "RGBA" and alpha.min() == 0 and alpha.max() == 255
    assert {facts[f"format:turned-{n}"].getexif()[0x0112] for n in (3, 6, 8)} == {3, 6, 8}
    assert facts["format:animated-gif"].n_frames == 4
    assert [facts[f"format:{name}"].format for name in ("webp", "tiff", "bmp", "png-named-jpg")] == [
        "WEBP", "TIFF", "BMP", "PNG"]  # fmt: skip
    assert facts["format:grey"].mode == "L" and facts["format:progressive"].info["progressive"]
    assert PLANTS["format:png-named-jpg"].suffix == ".jpg"


def test_faults_are_what_they_are_called(original: bytes) -> None:
    assert original.startswith(planted("fault:truncated", original, 1))
    with pytest.raises(OSError, match="truncated"):
        opened("fault:truncated", original).load()
    assert planted("fault:html", original, 1).startswith(b"<!DOCTYPE html>")
    assert opened("fault:one-pixel", original).size == (1, 1)
    huge = planted("fault:huge-header", original, 1)
    assert len(huge) < 100_000
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(huge))
    assert planted("fault:empty", original, 1) == b""


@pytest.mark.parametrize("space", [ADOBE_RGB, DISPLAY_P3])
def test_profiles_are_read_by_littlecms_and_give_the_colours_back(space: Space) -> None:
    ours = ImageCms.ImageCmsProfile(io.BytesIO(profile(space)))
    assert ImageCms.getProfileDescription(ours).strip() == space.name
    y, x = np.mgrid[0:64, 0:64]
    pixels = np.stack([40 + x * 3, 40 + y * 3, 200 - (x + y)], -1).astype(np.uint8)
    moved = Image.fromarray(from_srgb(pixels, space))
    back = ImageCms.profileToProfile(moved, ours, ImageCms.createProfile("sRGB"))
    assert np.abs(np.asarray(moved, int) - pixels).max() > 10
    assert np.abs(np.asarray(back, int) - pixels).max() <= 3


def test_every_kind_is_planted_in_turn() -> None:
    kinds = [kind_of(number) for number in range(2 * len(OTHERS))]
    assert set(kinds) == set(PLANTS)
    assert sum(kind in COPIES for kind in kinds) == len(OTHERS)


def plant(name: str, kind: str, of: str | None = None) -> dict[str, object]:
    expect = [reason.value for reason in PLANTS[kind].expect]
    return {"id": name, "content_id": ord(name), "kind": kind, "expect": expect, "of": of}


TRUTH = {
    "planted": [
        plant("b", "duplicate:resized", "a"),
        plant("c", "duplicate:cropped", "a"),
        plant("d", "fault:truncated"),
        plant("e", "format:cmyk"),
    ]
}
KEPT = {"reason": None, "keeper": None}


def row(rows: list[dict[str, object]], kind: str) -> tuple[object, object, object]:
    (found,) = (row for row in rows if row["kind"] == kind)
    return found["planted"], found["caught"], found["missed"]


def test_score_counts_a_copy_rejected_for_its_original_or_for_another_copy() -> None:
    outcomes = {
        "a": {"reason": "near_duplicate", "keeper": "b"},
        "b": KEPT,
        "c": {"reason": "near_duplicate", "keeper": "b"},
        "d": {"reason": "truncated", "keeper": None},
        "e": KEPT,
        "z": KEPT,
        "y": {"reason": "too_small", "keeper": None},
        "x": {"reason": "near_duplicate", "keeper": "z"},
    }
    rows = score(TRUTH, outcomes)
    assert [
        row(rows, kind) for kind in ("duplicate:resized", "duplicate:cropped", "fault:truncated", "format:cmyk")
    ] == [(1, 1, 0)] * 4
    assert row(rows, LEFT_ALONE) == (3, 2, 1)


def test_score_misses_what_was_kept_or_rejected_for_a_stranger_or_for_the_wrong_reason() -> None:
    outcomes = {
        "a": KEPT,
        "b": KEPT,
        "c": {"reason": "near_duplicate", "keeper": "q"},
        "d": KEPT,
        "e": {"reason": Reason.UNDECODABLE.value, "keeper": None},
    }
    rows = score(TRUTH, outcomes)
    assert all(row(rows, kind) == (1, 0, 1) for kind in {p["kind"] for p in TRUTH["planted"]})


def test_score_counts_only_what_was_seen_copies_first() -> None:
    rows = score(TRUTH, {"d": {"reason": "truncated", "keeper": None}, "b": KEPT})
    assert row(rows, "fault:truncated") == (1, 1, 0)
    assert [entry["kind"] for entry in rows] == ["duplicate:resized", "fault:truncated", LEFT_ALONE]


@given(st.dictionaries(st.sampled_from("abcdexyz"), st.sampled_from([KEPT, {"reason": "empty", "keeper": None}])))
def test_score_never_counts_more_than_there_are(outcomes: dict[str, dict[str, object]]) -> None:
    rows = score(TRUTH, outcomes)
    assert all(0 <= r["caught"] <= r["planted"] and r["caught"] + r["missed"] == r["planted"] for r in rows)
