"""Whatever pictures come as, they become one array; what cannot be read is counted."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan import data
from pipeline.errors import Fatal, UsageError
from spiders.gallery.icc import ADOBE_RGB, DISPLAY_P3, Space, from_srgb, profile

SHARED = Path(__file__).parents[2] / "shared" / "data"
RED = (200, 30, 40)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def red(width: int = 32, height: int = 32, mode: str = "RGB") -> Image.Image:
    return Image.new("RGB", (width, height), RED).convert(mode)


def put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> None:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_pictures_of_the_right_size_are_taken_as_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    for number, picture in enumerate(pixels):
        put(tmp_path, f"deep/er/{number}.png", encoded(Image.fromarray(picture)))
    corpus = data.load(tmp_path, 32)
    assert np.array_equal(corpus.images, pixels)
    assert (corpus.resized, corpus.cropped, corpus.enlarged, corpus.damaged) == (0, 0, 0, {})


def test_modes_all_become_rgb_on_white(tmp_path: Path) -> None:
    half_clear = red(mode="RGBA")
    half_clear.paste((0, 0, 0, 0), (0, 0, 16, 32))
    put(tmp_path, "a_rgba.png", encoded(half_clear))
    put(tmp_path, "b_palette.png", encoded(red().quantize(4)))
    put(tmp_path, "c_grey.png", encoded(Image.new("L", (32, 32), 77)))
    put(tmp_path, "d_grey16.png", encoded(Image.fromarray(np.full((32, 32), 77 * 256 + 5, np.uint16))))
    put(tmp_path, "e_cmyk.jpg", encoded(Image.new("CMYK", (32, 32), (255, 255, 0, 0)), "JPEG"))
    put(tmp_path, "f_bits.png", encoded(Image.new("1", (32, 32), 1)))
    rgba, palette, grey, grey16, cmyk, bits = data.load(tmp_path, 32).images.astype(int)
    assert (rgba[:, :16] == 255).all() and (rgba[:, 16:] == RED).all()
    assert (palette == RED).all()
    assert (grey == 77).all() and (grey16 == 77).all()
    assert np.abs(cmyk.mean((0, 1)) - (0, 0, 255)).max() < 60
    assert (bits == 255).all()


def test_other_shapes_are_cropped_to_the_middle_and_resized(tmp_path: Path) -> None:
    wide = Image.new("RGB", (300, 100), "black")
    wide.paste("white", (100, 0, 200, 100))
    put(tmp_path, "a.png", encoded(wide))
    put(tmp_path, "b.png", encoded(red(10, 10)))
    corpus = data.load(tmp_path, 32)
    assert (corpus.images[0] == 255).all(), "only the middle third is seen"
    assert (corpus.resized, corpus.cropped, corpus.enlarged) == (2, 1, 1)
    for word in ("2 resized to 32×32", "1 cropped", "1 enlarged"):
        assert word in corpus.summary(32)


def test_turned_photographs_are_upright(tmp_path: Path) -> None:
    lying = Image.new("RGB", (32, 32), "black")
    lying.paste("white", (0, 0, 16, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90° clockwise
    put(tmp_path, "a.png", encoded(lying, exif=exif))
    (picture,) = data.load(tmp_path, 32).images
    assert (picture[:16] == 255).all() and (picture[16:] == 0).all()


def test_damaged_files_are_counted_and_left_out(tmp_path: Path) -> None:
    whole = encoded(Image.effect_noise((64, 64), 90), "JPEG")
    put(tmp_path, "a.jpg", whole)
    put(tmp_path, "b.jpg", whole[: len(whole) // 2])
    put(tmp_path, "c.jpg", b"<html>not a picture</html>")
    put(tmp_path, "d.png", b"")
    put(tmp_path, "index.csv", b"path,label\n")
    put(tmp_path, ".hidden.png", whole)
    corpus = data.load(tmp_path, 32)
    assert len(corpus.images) == 1
    assert sorted(corpus.damaged) == ["b.jpg", "c.jpg", "d.png"]
    assert "3 damaged files left out" in corpus.summary(32)


def test_shards_with_webdataset_names(tmp_path: Path) -> None:
    members = {}
    for number in range(4):
        key = f"{number:064x}"
        members[f"{key}.png"] = encoded(Image.new("RGB", (32, 32), (number, 0, 0)))
        members[f"{key}.json"] = b'{"width": 32}'
        members[f"{key}.cls"] = b"3"
    make_tar(tmp_path / "00000.tar", members)
    make_tar(tmp_path / "00001.tar.gz", {"x/one.PNG": encoded(red()), "../../escape.png": encoded(red())}, "w:gz")
    alone = data.load(tmp_path / "00000.tar", 32)
    assert alone.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3] and not alone.damaged
    assert len(data.load(tmp_path, 32).images) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000.tar", "00001.tar.gz"], "nothing is unpacked"


def test_zip_as_other_tools_make_it(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dataset.json", "{}")
        archive.writestr("00000/img00000001.png", encoded(Image.new("RGB", (32, 32), (1, 0, 0))))
        archive.writestr("00000/img00000000.png", encoded(Image.new("RGB", (32, 32), (0, 0, 0))))
        archive.writestr("__MACOSX/00000/._img00000000.png", b"fork")
    corpus = data.load(path, 32)
    assert corpus.images[:, 0, 0, 0].tolist() == [0, 1] and not corpus.damaged


def test_a_tar_that_holds_a_zip_is_a_tar(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.writestr("x.txt", "x")
    make_tar(tmp_path / "a.tar", {"a.png": encoded(red()), "z.zip.json": (tmp_path / "inner.zip").read_bytes()})
    assert len(data.load(tmp_path / "a.tar", 32).images) == 1


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "zip"])
def test_cut_archives_are_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    noise, other = (encoded(Image.effect_noise((64, 64), 90)) for _ in range(2))
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.png", noise)
    else:
        make_tar(path, {"a.png": noise, "b.png": other}, "w:gz" if ending.endswith("gz") else "w")
    path.write_bytes(path.read_bytes()[: len(noise) * 3 // 2 if ending != "zip" else len(noise) // 2])
    with pytest.raises(Fatal, match="not a whole"):
        data.load(path, 32)


def test_no_pictures(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", b"nothing")
    with pytest.raises(Fatal, match=r"No pictures .*1 files could not be read.*name a folder"):
        data.load(tmp_path, 32)
    with pytest.raises(UsageError, match="There is no"):
        data.load(tmp_path / "absent", 32)
    put(tmp_path, "plain.txt", b"text")
    with pytest.raises(Fatal, match="not a whole tar or zip"):
        data.load(tmp_path / "plain.txt", 32)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared test pictures are not here")
def test_no_odd_file_in_the_wild_stops_the_loading() -> None:
    corpus = data.load(SHARED / "formats", 32)
    assert len(corpus.images) > 500 and len(corpus.damaged) > 50


@pytest.mark.parametrize("space", [ADOBE_RGB, DISPLAY_P3], ids=lambda space: space.name)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_colours_are_those_that_the_profile_means(tmp_path: Path, space: Space, kind: str) -> None:
    levels = np.asarray(red(64, 64))
    stored = Image.fromarray(from_srgb(levels, space))
    assert np.abs(np.asarray(stored).astype(int) - levels).max() > 8, "the numbers themselves are others"
    put(tmp_path, "a", encoded(stored, kind, icc_profile=profile(space)))
    put(tmp_path, "b", encoded(stored, kind, icc_profile=b"not a profile"))
    corpus = data.load(tmp_path, 64)
    assert not corpus.damaged
    assert np.abs(corpus.images[0].astype(int) - levels).max() <= 4
    assert np.abs(corpus.images[1].astype(int) - np.asarray(stored)).max() <= 4, "a useless profile is passed over"


def test_transparency_outlives_the_profile(tmp_path: Path) -> None:
    clear = red(mode="RGBA")
    clear.putalpha(0)
    put(tmp_path, "a.png", encoded(clear, icc_profile=profile(DISPLAY_P3)))
    assert (data.load(tmp_path, 32).images == 255).all()
