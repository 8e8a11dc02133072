"""Import of a phone's library: dates, live photos, motion photos, edits; and damaged EXIF is none."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from importing import imported, original, put
from PIL import Image

from pipeline.errors import UsageError
from pipeline.storage import Root
from pipeline.vision.decode import open_upright
from spiders import run
from spiders.importers import photos
from spiders.pages import exif

PARIS = {1: "N", 2: (48.0, 51.0, 29.6), 3: "W", 4: (2.0, 17.0, 40.2)}
FILM = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(200)
MOTION = b'<x:xmpmeta><rdf:Description GCamera:MotionPhoto="1"/></x:xmpmeta>'


def tags(taken: str = "2019:07:14 15:22:01", offset: str | None = "+02:00", **more: Any) -> Image.Exif:
    made = Image.Exif()
    made[0x010F], made[0x0110] = "Apple", "iPhone 12"
    made[0x0112] = more.get("orientation", 1)
    made.get_ifd(0x8769).update({0x9003: taken, **({0x9011: offset} if offset else {})})
    if "gps" in more:
        made.get_ifd(0x8825).update(more["gps"])
    return made


def picture(number: int, format: str = "JPEG", **options: Any) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 255, (6, 8, 3), np.uint8)
    image = Image.fromarray(pixels).resize((160, 120))
    sink = io.BytesIO()
    if format == "HEIC":
        ours = pillow_heif.from_pillow(image)
        ours.save(sink, exif=options["exif"].tobytes() if "exif" in options else None)
    else:
        image.save(sink, format, **options)
    return sink.getvalue()


def extra(row: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(row["extra"] or "{}"))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "DCIM"
    put(folder / "100APPLE/IMG_0001.HEIC", picture(1, "HEIC", exif=tags(gps=PARIS)))
    put(folder / "100APPLE/IMG_0001.MOV", FILM)
    put(folder / "100APPLE/IMG_0001.AAE", b"<plist/>")
    put(folder / "100APPLE/IMG_E0001.JPG", picture(2, exif=tags()))
    put(folder / "100APPLE/IMG_E0001.MOV", FILM)
    put(folder / "100APPLE/.DS_Store", b"\0\0\0\1Bud1")
    put(folder / "100APPLE/img_0002.jpg", picture(3, exif=tags("2020:02:30 10:00:00")))
    put(folder / "101APPLE/IMG_0001.JPG", picture(4, exif=tags("2021:12:31 23:59:59", None, orientation=6)))
    put(folder / "101APPLE/IMG_0009.MOV", FILM)
    put(folder / "101APPLE/IMG_0010.PNG", picture(5, "PNG"))
    put(folder / "Camera/PXL_20220102.MP.jpg", picture(6, exif=tags("2022:01:02 03:04:05"), xmp=MOTION) + FILM)
    put(folder / "Camera/Thumbs.db", bytes(64))
    put(folder / "Camera/broken.HEIC", picture(7, "HEIC")[:200])
    return folder


def test_a_phone_is_taken_in_with_dates_and_without_films(library: Path, root: Root) -> None:
    rows, summary = imported(root, "photos", library)
    assert set(rows) == {
        "100APPLE/IMG_0001.HEIC", "100APPLE/IMG_E0001.JPG", "100APPLE/img_0002.jpg", "101APPLE/IMG_0001.JPG",
        "101APPLE/IMG_0010.PNG", "Camera/PXL_20220102.MP.jpg", "Camera/broken.HEIC",
    }  # fmt: skip
    first = rows["100APPLE/IMG_0001.HEIC"]
    assert (first["year"], first["year_text"]) == (2019, "2019-07-14T15:22:01+02:00")
    assert extra(first) == {"taken": first["year_text"], "camera": "Apple iPhone 12", "film": "IMG_0001.MOV"}
    assert (rows["101APPLE/IMG_0001.JPG"]["year"], "film" in extra(rows["101APPLE/IMG_0001.JPG"])) == (2021, False)
    assert rows["101APPLE/IMG_0001.JPG"]["year_text"] == "2021-12-31T23:59:59", "no offset was written"
    assert rows["100APPLE/img_0002.jpg"]["year"] is None, "there was no 30th of February"
    assert rows["101APPLE/IMG_0010.PNG"]["extra"] is None
    assert summary.notes == tuple(
        sorted([f"2 {photos.LIVE}", f"1 {photos.ALONE}", f"1 {photos.RECIPES}", f"1 {photos.MOVING}"], key=_after)
    )
    assert summary.skipped == 5, "three films, the list of edits and Thumbs.db; what is hidden is not even counted"


def _after(note: str) -> str:
    return note.split(" ", 1)[1]


def test_an_edit_says_what_it_is_an_edit_of(library: Path, root: Root) -> None:
    rows, _ = imported(root, "photos", library)
    edited = extra(rows["100APPLE/IMG_E0001.JPG"])
    assert (edited["edited_from"], edited["film"]) == ("IMG_0001.HEIC", "IMG_E0001.MOV")
    assert "edited_from" not in extra(rows["100APPLE/IMG_0001.HEIC"])


def test_what_was_taken_can_be_decoded(library: Path, root: Root) -> None:
    rows, _ = imported(root, "photos", library)
    for name in ("100APPLE/IMG_0001.HEIC", "Camera/PXL_20220102.MP.jpg"):
        assert original(root, rows[name]) == (library / name).read_bytes()
        assert open_upright(original(root, rows[name])).size == (160, 120)
    assert extra(rows["Camera/PXL_20220102.MP.jpg"])["moves"] is True
    assert open_upright(original(root, rows["101APPLE/IMG_0001.JPG"])).size == (120, 160)


def test_places_are_kept_only_when_asked_for(library: Path, root: Root) -> None:
    rows, first = imported(root, "photos", library)
    assert not any("gps" in extra(row) for row in rows.values())
    asked = {"import": "photos", "path": str(library), "gps": "yes"}
    again = run.take(asked, root)
    assert (again.new, again.described, again.prefix) == (0, 1, first.prefix), "the one that has a place"
    assert run.take({**asked, "gps": "no"}, root).described == 1


def test_there_must_be_pictures(tmp_path: Path, root: Root) -> None:
    put(tmp_path / "films/IMG_0001.MOV", FILM)
    with pytest.raises(UsageError, match="There are no pictures in"):
        run.take({"import": "photos", "path": str(tmp_path / "films")}, root)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)))
def test_times_come_back(when: datetime) -> None:
    when = when.replace(microsecond=0)
    found = exif.shot(tags(when.strftime("%Y:%m:%d %H:%M:%S"), "-03:30").tobytes().removeprefix(b"Exif\0\0"))
    assert found.taken == when.isoformat() + "-03:30"


def test_places_come_back() -> None:
    found = exif.read(io.BytesIO(picture(1, "HEIC", exif=tags(gps=PARIS))))
    assert found.place == pytest.approx((48.858222, -2.2945))
    nowhere = {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}
    assert exif.read(io.BytesIO(picture(1, exif=tags(gps=nowhere)))).place is None


WHOLE = [picture(1, "HEIC", exif=tags(gps=PARIS)), picture(1, exif=tags(gps=PARIS), xmp=MOTION)]


@settings(max_examples=300)
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=12),
       st.integers(0, 900))  # fmt: skip
def test_damage_is_no_error(data: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place] = value
    exif.read(io.BytesIO(bytes(damaged[: len(damaged) - cut % len(damaged)])))
    exif.shot(bytes(damaged[cut:]))


@given(st.binary(max_size=300))
def test_anything_may_stand_for_exif(data: bytes) -> None:
    for order in (b"II*\0", b"MM\0*"):
        exif.shot(order + data)
