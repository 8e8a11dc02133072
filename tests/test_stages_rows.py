"""Rows are conserved by every stage, and reasons are those of the closed set."""

import io
import tarfile

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import REASON_HELP, PartitionFailed, Reason, Rejected
from pipeline.manifest import Align, Select
from pipeline.naming import name_themes
from pipeline.schema import FACES, MEASURED
from pipeline.shards import pack
from pipeline.stage import digest, map_rows
from pipeline.stages.judge import choose_face, judge


def batch(reasons):
    return pa.table({
        "id": [f"{n:064x}" for n in range(len(reasons))],
        "reason": pa.array(reasons, pa.string()),
        "reason_value": pa.array([None] * len(reasons), pa.float64()),
        "detail": pa.array([None] * len(reasons), pa.string()),
        "data": pa.array([b"x"] * len(reasons), pa.binary()),
    })


@given(st.lists(st.sampled_from([None, "blurred"]), max_size=30), st.lists(st.integers(0, 2), min_size=30, max_size=30))
def test_map_rows_conserves_rows_whatever_the_function_raises(reasons, outcomes):
    calls = iter(outcomes)

    def measure(row):
        outcome = next(calls)
        if outcome == 1:
            raise Rejected(Reason.TRUNCATED, 0.5, "cut")
        if outcome == 2:
            raise ValueError("odd file")
        return {"faces": []}

    made = map_rows(batch(reasons), FACES, measure)
    assert made["id"].to_pylist() == [f"{n:064x}" for n in range(len(reasons))]
    live = iter(outcomes)
    for before, after, detail in zip(
        reasons, made["reason"].to_pylist(), made["detail"].to_pylist(), strict=True
    ):
        if before is not None:
            assert after == before
            continue
        outcome = next(live)
        assert after == [None, "truncated", "undecodable"][outcome]
        assert (detail or "").startswith(["", "cut", "ValueError"][outcome])


@given(st.lists(st.sampled_from(["blurred", "first", "second", None]), max_size=20))
def test_what_one_step_rejects_the_next_never_sees(fates):
    """Rows are known by their place, for the steps give anything to each other."""
    reasons = ["blurred" if fate == "blurred" else None for fate in fates]
    seen = []

    def first(row):
        place = int(row["id"], 16)
        if fates[place] == "first":
            raise Rejected(Reason.TRUNCATED, 0.5, "cut")
        return place

    def second(place):
        seen.append(place)
        if fates[place] == "second":
            raise ValueError("odd file")
        return {"faces": []}

    made = map_rows(batch(reasons), FACES, first, second).to_pylist()
    after = {"blurred": "blurred", "first": "truncated", "second": "undecodable", None: None}
    assert [row["reason"] for row in made] == [after[fate] for fate in fates]
    assert [row["faces"] for row in made] == [[] if fate is None else None for fate in fates]
    assert seen == [place for place, fate in enumerate(fates) if fate in ("second", None)]


def test_too_many_unforeseen_failures_fail_the_partition_instead_of_blaming_the_pictures():
    def broken(row):
        raise KeyError("a bug")

    with pytest.raises(PartitionFailed, match="KeyError"):
        map_rows(batch([None] * 100), FACES, broken)


def test_every_reason_is_explained():
    assert set(REASON_HELP) == set(Reason)
    assert all(text[0].islower() or text.startswith("`") for text in REASON_HELP.values())


def test_digest_moves_with_version_options_and_parents_only():
    base = digest("prepared", 1, {"size": 64}, ["aa"])
    assert base == digest("prepared", 1, {"size": 64}, ["aa"])
    others = {
        digest("prepared", 2, {"size": 64}, ["aa"]), digest("prepared", 1, {"size": 65}, ["aa"]),
        digest("prepared", 1, {"size": 64}, ["ab"]), digest("embedded", 1, {"size": 64}, ["aa"]), base,
    }
    assert len(others) == 5


@given(st.lists(st.binary(max_size=2000), max_size=12))
def test_shards_hold_the_bytes_at_the_offsets_and_are_the_same_every_time(blobs):
    names = [f"{n:064x}.png" for n in range(len(blobs))]
    data, offsets = pack(names, blobs)
    assert pack(names, blobs) == (data, offsets)
    assert [data[o : o + len(b)] for o, b in zip(offsets, blobs, strict=True)] == blobs
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == names
        assert [archive.extractfile(name).read() for name in names] == blobs


def measured(**columns):
    count = len(next(iter(columns.values())))
    facts = {
        "width": [100] * count, "height": [100] * count, "brightness": [128.0] * count, "contrast": [40.0] * count,
        "sharpness": [50.0] * count, "coloured": [0.8] * count, "entropy": [7.0] * count, "border": [0.0] * count,
        "blockiness": [1.1] * count, "nsfw": [0.1] * count, "jpeg_quality": [None] * count, "frames": [1] * count,
        "reason": [None] * count, "reason_value": [None] * count,
    } | columns
    return pa.table({name: pa.array(values, MEASURED.field(name).type) for name, values in facts.items()})


def licences(*names):
    return pa.table({"licence": pa.array(names, pa.string())})


def test_judge_gives_the_first_reason_with_the_number_that_decided():
    table = measured(width=[100, 40, 900, None], sharpness=[50.0, 1.0, 3.0, None], reason=[None, None, None, "empty"])
    reasons, values = judge(
        licences(*["CC0-1.0"] * 4), table, Select(min_side=64, max_aspect=3, min_sharpness=5.0)
    )
    assert reasons == [None, "too_small", "too_elongated", "empty"]
    assert values == [None, 40.0, 9.0, None]


def test_judge_keeps_what_lies_exactly_on_a_threshold():
    table = measured(width=[64, 63], height=[64, 64])
    reasons, _ = judge(licences("a", "a"), table, Select(min_side=64))
    assert reasons == [None, "too_small"]


def test_judge_by_licence_and_colour():
    table = measured(coloured=[0.5, 0.0, 0.5])
    select = Select(license=("cc0-1.0",), greyscale="reject")
    reasons, _ = judge(licences("CC0-1.0", "CC0-1.0", "InC"), table, select)
    assert reasons == [None, "greyscale", "licence"]


@pytest.mark.parametrize(("column", "values", "options", "reason"), [
    ("entropy", [0.9, 1.0, None], {"min_entropy": 1.0}, "low_entropy"),
    ("border", [0.31, 0.3, 0.0], {"max_border": 0.3}, "too_much_border"),
    ("blockiness", [2.0, 1.6, None], {"max_blockiness": 1.6}, "blocky"),
    ("nsfw", [0.81, 0.8, None], {"max_nsfw": 0.8}, "nsfw"),
    ("jpeg_quality", [29.0, 30.0, None], {"min_jpeg_quality": 30}, "low_jpeg_quality"),
    ("frames", [2, 1, 1], {"animation": "reject"}, "animated"),
    ("coloured", [0.0, 0.02, 0.01], {"greyscale": "reject"}, "greyscale"),
])
def test_judge_by_quality(column, values, options, reason):
    table = measured(**{column: values})
    reasons, numbers = judge(licences("a", "a", "a"), table, Select(**options))
    assert reasons == [reason, None, None], "what was not measured is not judged"
    assert numbers[0] == pytest.approx(values[0])
    assert judge(licences("a", "a", "a"), table, Select())[0] == [None] * 3, "nothing of it is rejected unasked"


def test_colour_fields_are_kept_unless_a_manifest_says_otherwise():
    blank = measured(contrast=[0.0], sharpness=[0.0], entropy=[0.0], border=[0.0])
    assert judge(licences("a"), blank, Select())[0] == [None]
    assert judge(licences("a"), blank, Select(min_entropy=0.5))[0] == ["low_entropy"]


def face(**changes):
    return {"score": 0.9, "eye_distance": 60.0, "yaw": 0.0, "pitch": 0.0, "roll": 0.0,
            "eye_light": 0.8, "sharpness": 0.3, "cut": 0.0, "box": [10.0, 10.0, 100.0, 110.0]} | changes


@pytest.mark.parametrize(("faces", "options", "reason"), [
    ([], {}, Reason.NO_FACE),
    ([face(), face()], {"faces": "single"}, Reason.TOO_MANY_FACES),
    ([face(score=0.2)], {}, Reason.LOW_CONFIDENCE),
    ([face(eye_distance=5.0)], {}, Reason.FACE_TOO_SMALL),
    ([face(yaw=-60.0)], {}, Reason.ODD_ANGLE),
    ([face(pitch=20.0)], {"max_up": 12}, Reason.ODD_ANGLE),
    ([face(roll=170.0)], {"max_roll": 90}, Reason.ODD_ANGLE),
    ([face(eye_light=0.2)], {"sunglasses": "reject"}, Reason.SUNGLASSES),
    ([face(cut=0.6)], {}, Reason.FACE_CUT),
    ([face(sharpness=0.05)], {"min_face_sharpness": 0.1}, Reason.FACE_BLURRED),
])
def test_faces_are_refused_with_the_reason_that_fits(faces, options, reason):
    with pytest.raises(Rejected) as refused:
        choose_face(faces, Align(**options), (400, 300))
    assert refused.value.reason == reason


def test_the_largest_face_is_aligned_on():
    small, large = face(box=[180.0, 130.0, 220.0, 170.0]), face(eye_distance=90.0)
    assert choose_face([small, large], Align(), (400, 300)) is large
    assert choose_face([large, small], Align(faces="central"), (400, 300)) is small


def test_what_is_accepted_is_not_refused():
    dark, down = face(eye_light=0.1), face(pitch=-20.0)
    assert choose_face([dark], Align(), (400, 300)) is dark
    assert choose_face([down], Align(max_up=12), (400, 300)) is down


def test_themes_are_named_by_the_word_that_stands_out():
    seas = [{"sea", "painting"}] * 40
    hills = [{"hill", "painting"}] * 60
    odd = [{"painting"}] * 20
    assert name_themes({0: hills, 1: seas, 2: odd}) == {0: "hill", 1: "sea", 2: "theme 02"}


def test_no_two_themes_share_a_name():
    names = name_themes({n: [{"sea", "blue"} if n < 3 else {"x"}] * 10 for n in range(8)})
    assert len(set(names.values())) == 8
