"""Judge: the manifest's thresholds over what was measured. No pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import licences
from pipeline.errors import Reason, Rejected
from pipeline.manifest import Align, Select

GREY = 0.01
"""A picture is grey when a smaller share of it than this has a colour."""
DARK_EYES = 0.38
"""Eyes are covered by sunglasses when it is darker around them than this share of the face (`Face.eye_light`)."""


def judge(crawled: pa.Table, measured: pa.Table, options: Select) -> tuple[list[str | None], list[float | None]]:
    """For each row the first reason that rejects it, with the number that decided; nulls when it is kept.

    `crawled` needs `licence`, `measured` the columns of the thresholds and `reason`; both in the same order.
    """
    return _first_failure(measured, _tests(crawled, measured, options))


def codes_of(crawled: pa.Table, measured: pa.Table, options: Select) -> tuple[np.ndarray, list[str]]:
    """What `judge` finds, whatever an earlier stage said: for each row the place of its reason in a list of reasons,
    int32 (n,), -1 where there is none, and that list.
    """
    tests = _tests(crawled, measured, options)
    codes = np.full(measured.num_rows, -1, np.int32)
    for code in range(len(tests) - 1, -1, -1):
        codes[np.asarray(pc.fill_null(tests[code][2], False))] = code
    return codes, [str(reason) for reason, _, _ in tests]


def _tests(crawled: pa.Table, measured: pa.Table, options: Select) -> list[tuple[Reason, Any, Any]]:
    """Each reason in turn with the number that decides, and whether a row fails by it (null: it was not measured)."""
    short = pc.min_element_wise(measured["width"], measured["height"])
    long = pc.max_element_wise(measured["width"], measured["height"])
    aspect = pc.divide(pc.cast(long, pa.float64()), pc.cast(short, pa.float64()))
    brightness, quality = measured["brightness"], measured["jpeg_quality"]
    tests: list[tuple[Reason, Any, Any]] = [
        (Reason.TOO_SMALL, short, pc.less(short, options.min_side)),
        (Reason.TOO_ELONGATED, aspect, pc.greater(aspect, options.max_aspect)),
        (Reason.BLURRED, measured["sharpness"], pc.less(measured["sharpness"], _single(options.min_sharpness))),
        (Reason.TOO_DARK, brightness, pc.less(brightness, _single(options.min_brightness))),
        (Reason.TOO_BRIGHT, brightness, pc.greater(brightness, _single(options.max_brightness))),
        (Reason.LOW_CONTRAST, measured["contrast"], pc.less(measured["contrast"], _single(options.min_contrast))),
        (Reason.LOW_ENTROPY, measured["entropy"], pc.less(measured["entropy"], _single(options.min_entropy))),
        (Reason.TOO_MUCH_BORDER, measured["border"], pc.greater(measured["border"], _single(options.max_border))),
        (Reason.LOW_JPEG_QUALITY, quality, pc.less(quality, _single(options.min_jpeg_quality))),
    ]
    if options.greyscale == "reject":
        colour = measured["coloured"]
        tests.append((Reason.GREYSCALE, colour, pc.less(colour, _single(GREY))))
    if options.animation == "reject":
        tests.append((Reason.ANIMATED, measured["frames"], pc.greater(measured["frames"], 1)))
    if options.max_blockiness is not None:
        blocks = measured["blockiness"]
        tests.append((Reason.BLOCKY, blocks, pc.greater(blocks, _single(options.max_blockiness))))
    if options.max_nsfw is not None:
        tests.append((Reason.NSFW, measured["nsfw"], pc.greater(measured["nsfw"], _single(options.max_nsfw))))
    if options.license != "any":
        names = [name for name in pc.unique(crawled["licence"]).to_pylist() if name is not None]
        let = [name for name in names if licences.admits(options.license, name)]
        known = pc.is_in(crawled["licence"], value_set=pa.array(let, pa.string()))
        tests.append((Reason.LICENCE, None, pc.invert(known)))
    return tests


def _single(limit: float) -> pa.Scalar:
    """A limit as precise as the columns: what lies on it is not beyond it."""
    return pa.scalar(limit, pa.float32())


def _first_failure(
    measured: pa.Table, tests: list[tuple[Reason, Any, Any]]
) -> tuple[list[str | None], list[float | None]]:
    reasons: list[str | None] = measured["reason"].to_pylist()
    values: list[float | None] = measured["reason_value"].to_pylist()
    for reason, column, failed in tests:
        hits = np.flatnonzero(np.asarray(pc.fill_null(failed, False)))
        numbers = column.to_pylist() if column is not None and len(hits) else None
        for row in hits:
            if reasons[row] is None:
                reasons[row] = str(reason)
                values[row] = float(numbers[row]) if numbers else None
    return reasons, values


def judge_faces(
    faces: Sequence[Mapping[str, Any]] | None, options: Align, size: tuple[int, int]
) -> tuple[str | None, float | None]:
    """The reason that rejects a picture of `size` for its faces, with the number that decided."""
    try:
        if options.faces == "all":
            _any_face(faces or [], options)
        else:
            choose_face(faces or [], options, size)
    except Rejected as rejected:
        return str(rejected.reason), rejected.value
    return None, None


def judge_persons(
    places: Sequence[int], nearest: float | None, faces: Sequence[Mapping[str, Any]] | None, align: Align | None
) -> tuple[str | None, float | None, int | None]:
    """The reason that rejects a picture for who is in it, with the number that decided, or the place of the face kept.

    `places` are those of the faces of whom is meant, the likeliest first; `nearest` is how far any face is from them.
    """
    found = [(place, (faces or [])[place]) for place in places]
    if not found:
        return (str(Reason.OTHER_PERSON if faces else Reason.NO_FACE), nearest, None)
    if align is None:
        return None, None, found[0][0]
    first: tuple[str | None, float | None, int | None] | None = None
    for place, face in found:
        try:
            refuse(face, align)
        except Rejected as rejected:
            first = first or (str(rejected.reason), rejected.value, None)
        else:
            return None, None, place
    assert first is not None
    return first


def _any_face(faces: Sequence[Mapping[str, Any]], options: Align) -> None:
    """Raises Rejected when no face of a picture is good enough, for what is wrong with the first."""
    if not faces:
        raise Rejected(Reason.NO_FACE)
    if len(faces) > options.max_faces:
        raise Rejected(Reason.TOO_MANY_FACES, float(len(faces)))
    first: Rejected | None = None
    for face in faces:
        try:
            refuse(face, options)
        except Rejected as rejected:
            first = first or rejected
        else:
            return
    assert first is not None
    raise first


def choose_face(faces: Sequence[Mapping[str, Any]], options: Align, size: tuple[int, int]) -> Mapping[str, Any]:
    """The face to align on in a picture of (width, height).

    Raises Rejected when there is none, too many, or when the one that was chosen is not good enough.
    """
    if not faces:
        raise Rejected(Reason.NO_FACE)
    if len(faces) > (1 if options.faces == "single" else options.max_faces):
        raise Rejected(Reason.TOO_MANY_FACES, float(len(faces)))
    if options.faces == "central":
        face = min(faces, key=lambda f: _from_the_middle(f["box"], size))
    else:
        face = max(faces, key=lambda f: (f["eye_distance"], f["score"]))
    refuse(face, options)
    return face


def refuse(face: Mapping[str, Any], options: Align) -> None:
    """Raises Rejected by the first limit that the face is beyond."""
    up = options.max_pitch if options.max_up is None else options.max_up
    for reason, value, refused, detail in (
        (Reason.LOW_CONFIDENCE, face["score"], face["score"] < options.min_confidence, ""),
        (Reason.FACE_TOO_SMALL, face["eye_distance"], face["eye_distance"] < options.min_eye_distance, ""),
        (Reason.ODD_ANGLE, face["yaw"], abs(face["yaw"]) > options.max_yaw, "yaw"),
        (Reason.ODD_ANGLE, face["pitch"], not -options.max_pitch <= face["pitch"] <= up, "pitch"),
        (Reason.ODD_ANGLE, face["roll"], abs(face["roll"]) > options.max_roll, "roll"),
        (Reason.SUNGLASSES, face["eye_light"], options.sunglasses == "reject" and face["eye_light"] < DARK_EYES, ""),
        (Reason.FACE_CUT, face["cut"], face["cut"] > options.max_cut, ""),
        (Reason.FACE_BLURRED, face["sharpness"], face["sharpness"] < options.min_face_sharpness, ""),
    ):
        if refused:
            raise Rejected(reason, value, detail)


def _from_the_middle(box: Sequence[float], size: tuple[int, int]) -> float:
    return float(np.hypot(box[0] + box[2] - size[0], box[1] + box[3] - size[1]))
