"""Duplicates: stars around the kept picture, in the order of the rule, whatever came before."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from vision_pictures import encode, scene

from pipeline.manifest import Dedupe
from pipeline.schema import MEASURED, SELECTED
from pipeline.stages.dedupe import Standing, dedupe
from pipeline.stages.proofs import Evidence
from pipeline.stages.sketch import sketched
from pipeline.vision.candidates import Keys
from pipeline.vision.decode import read_header
from pipeline.vision.sketch import codes, poses

NOBODY = Standing([], np.empty(0, np.uint64))
COLUMNS = (
    "id", "format", "width", "height", "border", "sharpness", "fineness", "jpeg_quality", "phash", "reason",
    "reason_value", "detail",
)  # fmt: skip


def candidates(rows, **more):
    """A table of (id, side, sharpness, phash, reason), and other columns."""
    facts = {
        "id": [row[0] for row in rows], "width": [row[1] for row in rows], "height": [row[1] for row in rows],
        "sharpness": [row[2] for row in rows], "phash": [row[3] for row in rows], "reason": [row[4] for row in rows],
        "reason_value": [None] * len(rows), "detail": [None] * len(rows), "jpeg_quality": [None] * len(rows),
        "format": ["jpeg"] * len(rows), "border": [0.0] * len(rows), "fineness": [None] * len(rows),
    } | more  # fmt: skip
    made = {name: pa.array(facts[name], MEASURED.field(name).type) for name in COLUMNS}
    told = {name: pa.array(facts.get(name, [None] * len(rows)), pa.string()) for name in ("licence", "source")}
    return pa.table(made | told)


def verdicts(rows, standing=NOBODY, distance=4, settings=None, **more):
    settings = settings or Dedupe(preset="strict", distance=distance)
    return dedupe(candidates(rows, **more), standing, settings).to_pylist()


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abcdefghij"), st.integers(1, 3), st.integers(1, 2), st.integers(0, 255),
        st.sampled_from([None, None, None, "blurred"]),
    ),
    max_size=25,
).map(lambda rows: [(i, side, sharp, ord(i) * 7 % 256, reason) for i, side, sharp, _, reason in rows])  # fmt: skip


@settings(deadline=None)
@given(ROWS, st.integers(0, 6))
def test_every_duplicate_lies_within_the_distance_of_a_picture_that_is_kept(rows, distance):
    found = verdicts(rows, distance=distance)
    hashes = {row[0]: row[3] for row in rows}
    kept = {row["id"] for row in found if row["reason"] is None}
    assert [row["id"] for row in found] == [row[0] for row in rows]
    assert len(kept) == sum(row["reason"] is None for row in found)
    for before, after in zip(rows, found, strict=True):
        if before[4] is not None:
            assert after["reason"] == before[4]
        elif after["reason"] is not None:
            assert after["keeper"] in kept
            assert (hashes[after["id"]] ^ hashes[after["keeper"]]).bit_count() == after["distance"] <= distance
            assert (after["reason"] == "exact_duplicate") == (after["keeper"] == after["id"])
    for one, two in itertools.combinations(sorted(kept), 2):
        assert (hashes[one] ^ hashes[two]).bit_count() > distance


@settings(deadline=None)
@given(ROWS, st.integers(0, 6))
def test_what_was_kept_before_stays_and_comes_first(rows, distance):
    standing = Standing(["old"], np.array([100], np.uint64))
    for row, after in zip(rows, verdicts(rows, standing, distance), strict=True):
        if row[4] is None and (row[3] ^ 100).bit_count() <= distance:
            assert after["reason"] is not None


def test_the_largest_is_kept_then_the_sharpest_then_the_first():
    one = verdicts([("a", 10, 5, 0, None), ("b", 20, 1, 1, None), ("c", 20, 2, 0, None), ("d", 20, 2, 3, None)])
    assert [row["reason"] for row in one] == ["near_duplicate", "near_duplicate", None, "near_duplicate"]
    assert [row["rule"] for row in one] == ["largest", "sharpest", None, "first seen"]
    assert {row["keeper"] for row in one} == {"c", None}


def test_a_chain_does_not_pull_in_what_is_far_from_the_kept_picture():
    chain = [("a", 30, 1, 0b0, None), ("b", 20, 1, 0b1111, None), ("c", 10, 1, 0b11111111, None)]
    assert [row["reason"] for row in verdicts(chain)] == [None, "near_duplicate", None]


def test_the_same_bytes_of_a_picture_that_lost_point_at_the_one_that_won():
    found = verdicts([("a", 10, 1, 0, None), ("a", 10, 1, 0, None), ("b", 20, 1, 1, None)])
    assert [(row["reason"], row["keeper"], row["distance"]) for row in found] == [
        ("near_duplicate", "b", 1), ("near_duplicate", "b", 1), (None, None, None),
    ]  # fmt: skip


def test_nothing_in_gives_nothing_out_in_the_schema():
    for preset in ("strict", "thorough"):
        found = dedupe(candidates([]), NOBODY, Dedupe(preset=preset), lambda _: evidence([]))
        assert found.schema.names == SELECTED.names


def test_merits_come_in_the_order_of_the_manifest():
    rows = [("a", 10, 5, 0, None), ("b", 20, 1, 0, None)]
    sharp = Dedupe(preset="strict", keep=("sharpest", "largest"))
    assert [(row["keeper"], row["rule"]) for row in verdicts(rows, settings=sharp)] == [(None, None), ("a", "sharpest")]
    dear = [("a", 10, 1, 0, None), ("b", 10, 1, 0, None)]
    assert verdicts(dear, jpeg_quality=[60.0, 90.0])[0]["rule"] == "least compressed"
    assert verdicts(dear, licence=["NOASSERTION", "CC-BY-4.0"])[0]["rule"] == "best licence"
    assert verdicts(dear, licence=["CC-BY-NC-4.0", "CC0-1.0"])[0]["keeper"] == "b"
    assert verdicts(dear)[1]["rule"] == "first seen"


def test_an_enlarged_copy_loses_where_fineness_counts():
    """Twice the side and half the fineness; what was never measured counts as before."""
    rows = [("a", 20, 1, 0, None), ("b", 10, 1, 0, None), ("c", 5, 1, 0, None)]
    fine = Dedupe(preset="strict", keep=("finest", "sharpest"))
    found = verdicts(rows, settings=fine, fineness=[0.35, 0.7, 0.7])
    assert [(row["keeper"], row["rule"]) for row in found] == [("b", "finest"), (None, None), ("b", "finest")]
    assert [row["keeper"] for row in verdicts(rows, settings=fine)] == [None, "a", "a"]
    assert [row["keeper"] for row in verdicts(rows, fineness=[0.35, 0.7, 0.7])] == [None, "a", "a"]


def test_a_border_makes_no_picture_larger():
    rows = [("a", 20, 1, 0, None), ("b", 18, 1, 0, None)]
    assert [row["rule"] for row in verdicts(rows, border=[0.3, 0.0])] == ["largest", None]
    assert [row["rule"] for row in verdicts(rows, border=[0.1, 0.0])] == [None, "largest"]
    alike = [("a", 20, 1, 0, None), ("b", 20, 2, 0, None)]
    assert [row["rule"] for row in verdicts(alike, border=[0.001, 0.019])] == ["sharpest", None]
    assert [row["rule"] for row in verdicts(alike, border=[None, None])] == ["sharpest", None]


def test_a_format_that_does_not_tell_what_it_lost_is_not_the_least_compressed():
    rows = [("a", 20, 1, 0, None), ("b", 20, 1, 0, None)]

    def keeps(formats, qualities):
        found = verdicts(rows, format=formats, jpeg_quality=qualities)
        return next(row["id"] for row in found if row["reason"] is None)

    assert keeps(["webp", "jpeg"], [None, 90.0]) == "b"
    assert keeps(["jpeg", "avif"], [40.0, None]) == "b"
    assert keeps(["jpeg", "png"], [98.0, None]) == "b"
    assert keeps(["webp", "png"], [None, None]) == "b"


def test_a_preferred_source_wins_over_a_larger_picture():
    rows = [("a", 20, 5, 0, None), ("b", 10, 1, 0, None)]
    settings = Dedupe(preset="strict", prefer_source="museum")
    found = verdicts(rows, settings=settings, source=["web", "museum"])
    assert [(row["keeper"], row["rule"]) for row in found] == [("b", "preferred source"), (None, None)]


# thorough


def evidence(pictures):
    sketches = [sketched(data) for data in pictures]
    turns = np.array([one.turns for one in sketches], np.uint64).reshape(-1, 8)
    mirrored = [codes(one, True) for one in sketches]
    keys = Keys.of([codes(one) for one in sketches], mirrored, [poses(one) for one in sketches], turns)
    return Evidence.here(keys, sketches.__getitem__)


def thorough(pictures, standing=NOBODY, before=()):
    sizes = [read_header(data) for data in pictures]
    rows = candidates([(f"p{n}", 0, len(pictures) - n, n, None) for n in range(len(pictures))])
    for side in ("width", "height"):
        column = pa.array([getattr(header, side) for header in sizes], pa.int32())
        rows = rows.set_column(rows.schema.get_field_index(side), side, column)
    rules = Dedupe(keep=("sharpest",))
    return dedupe(rows, standing, rules, lambda live: evidence([*before, *(pictures[n] for n in live)])).to_pylist()


def test_a_duplicate_says_what_was_done_to_it_and_what_proved_it():
    one, other = scene(1), scene(2)
    copies = [ImageOps.mirror(one), one.crop((0, 0, 320, 180)), one.rotate(90, expand=True), ImageOps.expand(one, 20)]
    found = thorough([encode(picture) for picture in (one, other, *copies)])
    assert [row["keeper"] for row in found] == [None, None, "p0", "p0", "p0", "p0"]
    assert [row["transform"] for row in found[2:]] == [
        "mirrored", "cropped 25 %", "turned -90°", "24 % added",
    ]  # fmt: skip
    for row in found[2:]:
        assert row["reason"] == "near_duplicate"
        assert row["inliers"] >= 10
        assert row["agreement"] > 0.9
        assert len(row["model"]) == 6
    assert found[2]["distance"] == 0


def test_the_second_night_gives_what_the_first_would_have():
    first, second = encode(scene(1)), encode(ImageOps.mirror(scene(1)), "JPEG", quality=40)
    standing = Standing(["old"], np.zeros(1, np.uint64), np.array([[320, 240]]))
    (row,) = thorough([second], standing, [first])
    assert (row["keeper"], row["rule"], row["transform"]) == ("old", "kept before", "mirrored")


def test_blank_pictures_are_the_same_only_in_the_same_colour():
    colours = ["#c03030", "#c23030", "#3030c0", "#ffffff", "#fefefe", "#000000"]
    found = thorough([encode(Image.new("RGB", (200, 150), colour)) for colour in colours])
    assert [row["keeper"] for row in found] == [None, "p0", None, None, "p3", None]


def test_a_picture_without_a_sketch_is_kept():
    keys = Keys.of(
        [np.empty(0, np.uint64)] * 2, [np.empty(0, np.uint64)] * 2, [np.empty(0, np.uint32)] * 2,
        np.full((2, 8), 2**64 - 1, np.uint64),
    )  # fmt: skip
    rows = [("a", 10, 1, 0, None), ("b", 10, 1, 0, None)]
    found = dedupe(candidates(rows), NOBODY, Dedupe(), lambda _: Evidence.here(keys, lambda n: None))
    assert found["reason"].null_count == 2
