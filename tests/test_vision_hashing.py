"""The perceptual hash is imagehash's, bit for bit on request and within 4 bits by default."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from vision_pictures import encode, exif, photo

from pipeline.errors import Reason, Rejected
from pipeline.vision.hashing import phash, phash_grey
from pipeline.vision.measure import measure

REAL = ("wikiart_styles_pd", "louvre_genres", "caltech101_10x60", "flowers5", "pbn64_pd", "dup_pdq")


def real_pictures(shared: Path, each: int) -> Iterator[bytes]:
    """Files of every set of real pictures, evenly taken."""
    for name in REAL:
        files = sorted(path for path in (shared / "data" / name).rglob("*") if path.suffix in (".jpg", ".jpeg", ".png"))
        for path in files[:: max(1, len(files) // each)]:
            yield path.read_bytes()


def reference(data: bytes) -> int:
    """What imagehash says of the upright picture."""
    with Image.open(io.BytesIO(data)) as image:
        return int(str(imagehash.phash(ImageOps.exif_transpose(image), hash_size=8)), 16)


def apart(a: int, b: int) -> int:
    return (a ^ b).bit_count()


def fast(data: bytes) -> int:
    return measure(data).phash


def test_the_exact_hash_is_that_of_imagehash_on_real_pictures(shared: Path) -> None:
    for data in real_pictures(shared, 15):
        assert measure(data, exact_hash=True).phash == reference(data)


def test_the_fast_hash_is_within_4_bits_for_99_in_100_real_pictures(shared: Path) -> None:
    moved = np.array([apart(fast(data), reference(data)) for data in real_pictures(shared, 50)])
    assert len(moved) > 250
    assert (moved <= 4).mean() >= 0.99
    assert moved.mean() < 0.5


@settings(deadline=None, max_examples=80)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from(["L", "RGB", "1", "P", "RGBA", "CMYK"]),
    st.integers(0, 2**32 - 1),
    st.integers(1, 256),
)
def test_the_exact_hash_is_that_of_imagehash_on_any_pixels(
    width: int, height: int, mode: str, seed: int, levels: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, levels, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    number = phash(image)
    assert number == int(str(imagehash.phash(image, hash_size=8)), 16)
    assert 0 <= number < 2**64


def test_the_first_bit_is_the_most_significant() -> None:
    bits = imagehash.phash(photo(1), hash_size=8).hash.reshape(-1)
    assert phash(photo(1)) == sum(int(bit) << (63 - place) for place, bit in enumerate(bits))


def test_orientation_is_applied_before_hashing() -> None:
    upright = photo(9, 900, 700)
    for orientation, stored in (
        (6, Image.Transpose.ROTATE_90),
        (3, Image.Transpose.ROTATE_180),
        (7, Image.Transpose.TRANSVERSE),
    ):
        turned = encode(upright.transpose(stored), "JPEG", quality=95, exif=exif(orientation))
        assert apart(fast(turned), phash(upright)) <= 4
        assert apart(fast(encode(upright.transpose(stored), "JPEG")), phash(upright)) > 8
        assert measure(turned, exact_hash=True).phash == reference(turned)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 255), st.integers(1, 2000), st.integers(1, 2000))
def test_blanks_of_every_grey_and_size_agree(level: int, width: int, height: int) -> None:
    blank = phash_grey(Image.new("L", (width, height), level))
    assert blank == (2**63 if level else 0)
    assert blank == phash(Image.new("L", (width, height), level))


def test_one_hash_whatever_the_format() -> None:
    picture = photo(11, 800, 600)
    expected = phash(picture)
    for written in ("PNG", "WEBP", "TIFF", "BMP", "AVIF", "JPEG"):
        assert apart(fast(encode(picture, written)), expected) <= 4


def test_what_is_seen_is_hashed() -> None:
    """Pillow's own grey of these is white, or all of one colour: different pictures would agree."""
    deep = [Image.fromarray(np.asarray(photo(n).convert("L")).astype(np.uint16) * 257) for n in (1, 2)]
    hashes = [fast(encode(image, "PNG")) for image in deep]
    assert [apart(found, phash(photo(n))) <= 2 for found, n in zip(hashes, (1, 2), strict=True)] == [True, True]
    stencils = []
    for n in (1, 2):
        stencil = Image.new("RGBA", (320, 240))
        stencil.putalpha(photo(n).convert("L").point(lambda level: 255 - level))
        stencils.append(fast(encode(stencil)))
        assert apart(stencils[-1], phash(photo(n))) <= 4
    assert apart(*stencils) > 8


def test_a_cut_file_has_no_hash() -> None:
    data = encode(photo(3, 1200, 900), "JPEG")
    with pytest.raises(Rejected) as caught:
        measure(data[:-5000])
    assert caught.value.reason == Reason.TRUNCATED
