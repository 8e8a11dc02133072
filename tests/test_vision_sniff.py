"""The format of a file is told from its bytes, never from its name."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.sniff import EXTENSIONS, sniff

SAVED = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tiff",
         "AVIF": "avif", "JPEG2000": "jp2", "PPM": "pnm"}  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), SAVED.items())
def test_names_what_pillow_wrote(written: str, expected: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (9, 7), "teal").save(file, written)
    assert sniff(file.getvalue()[:64]) == expected
    assert EXTENSIONS[expected].startswith(".")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<!DOCTYPE html><html>",
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        b"<svg onload=alert(1)>",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"%PDF-1.7",
        b"BM is how this text begins, and it is no bitmap",
        b"P5Q 3 3 255\n",
        b"RIFF\x10\x00\x00\x00WAVEfmt ",
        b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42",
        b"PK\x03\x04",
    ],
)
def test_refuses_what_is_no_allowed_picture(head: bytes) -> None:
    assert sniff(head) is None


def test_names_pictures_that_are_not_read() -> None:
    for written, name in (("ICO", "ico"), ("DDS", "dds")):
        file = io.BytesIO()
        Image.new("RGB", (16, 16), "teal").save(file, written)
        assert sniff(file.getvalue()[:64]) == name
    assert sniff(b"8BPS\x00\x01" + bytes(20)) == "psd"
    assert sniff(b"qoif" + bytes(20)) == "qoi"
    assert sniff(b"\x76\x2f\x31\x01" + bytes(20)) == "exr"


def test_tells_heif_from_avif_by_all_brands() -> None:
    assert sniff(b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic") == "heif"
    assert sniff(b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif") == "avif"
    assert sniff(b"\x00\x00\x00\x14ftypheic\x00\x00\x00\x00mif1avif") == "heif"


@given(st.binary(max_size=80))
def test_any_bytes_give_a_known_name_or_none(head: bytes) -> None:
    assert sniff(head) in {None, *EXTENSIONS}
