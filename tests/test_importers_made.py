"""Imports that make pictures: digits of idx files, frames of films."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from job import pipeline
from PIL import Image

from pipeline.errors import UsageError
from pipeline.storage import Root
from spiders.registry import source_prefix
from spiders.run import take
from tests.importing import SHARED, imported, original, put, rows

RANDOM = np.random.default_rng(0)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "root")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "given"
    path.mkdir()
    return path


# idx files


def idx(pictures: np.ndarray) -> bytes:
    return struct.pack(">HBB3I", 0, 8, 3, *pictures.shape) + pictures.tobytes()


def labels(values: list[int]) -> bytes:
    return struct.pack(">HBBI", 0, 8, 1, len(values)) + bytes(values)


@pytest.mark.parametrize("packed", [False, True])
def test_every_digit_becomes_a_lossless_png(folder: Path, root: Root, packed: bool) -> None:
    pictures = RANDOM.integers(0, 256, (5, 28, 20), np.uint8)
    pack, ending = (gzip.compress, ".gz") if packed else (bytes, "")
    put(folder / "raw" / f"train-images-idx3-ubyte{ending}", pack(idx(pictures)))
    put(folder / "raw" / f"train-labels-idx1-ubyte{ending}", pack(labels([7, 0, 3, 9, 7])))
    put(folder / "raw" / "readme.txt", "x")
    found, summary = imported(root, "mnist", folder)
    assert list(found) == [f"raw/train-images-idx3-ubyte#{at:05d}" for at in range(5)]
    for at, row in enumerate(found.values()):
        picture = Image.open(io.BytesIO(original(root, row)))
        assert picture.format == "PNG" and picture.mode == "L" and np.array_equal(np.asarray(picture), pictures[at])
        assert row["genre"] == [str([7, 0, 3, 9, 7][at])] and json.loads(row["extra"])["index"] == at
        assert (row["declared_width"], row["declared_height"], row["source"]) == (20, 28, "mnist")
    assert summary.skipped == 1 and summary.notes == ()


def test_the_bytes_of_a_digit_never_change(folder: Path, root: Root) -> None:
    put(folder / "t10k-images.idx3-ubyte", idx(np.arange(28 * 28, dtype=np.uint8).reshape(1, 28, 28)))
    found, summary = imported(root, "mnist", folder / "t10k-images.idx3-ubyte")
    (row,) = found.values()
    assert row["id"] == "ca77f8f0a4e21520f3c676566d0b34afe9cdc2ad5131a0c577eece2f17030d6e"
    assert row["genre"] is None and summary.notes == ("1 pictures have no label",)


@pytest.mark.parametrize("packed", [False, True])
def test_an_idx_file_that_ends_early_gives_what_it_holds(folder: Path, root: Root, packed: bool) -> None:
    whole = idx(RANDOM.integers(0, 256, (40, 28, 28), np.uint8))
    data = gzip.compress(whole)[:-9000] if packed else whole[: 16 + 784 * 7 + 100]
    put(folder / "train-images-idx3-ubyte", data)
    put(folder / "train-labels-idx1-ubyte", labels([1, 2, 3]))
    found, summary = imported(root, "mnist", folder)
    last = list(found.values())[-1]
    assert last["reason"] == "truncated" and f"after {summary.new} of 40 pictures" in last["detail"]
    assert 5 < summary.new < 40 and summary.notes == (f"{summary.new - 3} pictures have no label",)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [("train-images-idx3-ubyte", b"<html>", "no idx file of pictures"), ("train-images-idx3-ubyte", b"", "no idx file"),
     ("train-images-idx3-ubyte", struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 9), "it is damaged"),
     ("train-images-idx3-ubyte", struct.pack(">HBB3I", 0, 8, 3, 5, 0, 9), "it is damaged"),
     ("train-labels-idx1-ubyte", b"<html>", "no idx file of labels"), ("x.png", b"", "no idx files in")],
)  # fmt: skip
def test_wrong_idx_files_are_one_sentence(folder: Path, root: Root, name: str, data: bytes, said: str) -> None:
    if "labels" in name:
        put(folder / "train-images-idx3-ubyte", idx(np.zeros((1, 2, 2), np.uint8)))
    put(folder / name, data)
    with pytest.raises(UsageError, match=said):
        take({"import": "mnist", "path": str(folder)}, root)


def test_the_real_digits(root: Root) -> None:
    if not (SHARED / "mnist_idx").is_dir():
        pytest.skip("the shared data sets are not here")
    found, summary = imported(root, "mnist", SHARED / "mnist_idx", limit=300)
    assert summary.new == 300 and {row["genre"][0] for row in found.values()} == set("0123456789")


# films


def film(path: Path, frames: list[np.ndarray], rate: float = 10.0, code: str = "MJPG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def scene(colour: tuple[int, int, int], count: int) -> list[np.ndarray]:
    """Frames of one colour with a square that moves."""
    frames = []
    for at in range(count):
        frame = np.full((48, 64, 3), colour, np.uint8)
        frame[10:20, at % 40 : at % 40 + 10] = 255
        frames.append(frame)
    return frames


SCENES = [*scene((0, 0, 200), 15), *scene((200, 0, 0), 12), *scene((0, 180, 0), 8)]


@pytest.mark.parametrize(("name", "code"), [("a.avi", "MJPG"), ("b.mp4", "mp4v")])
def test_frames_at_a_rate(folder: Path, root: Root, name: str, code: str) -> None:
    film(folder / "x" / name, SCENES, code=code)
    put(folder / "notes.txt", "x")
    found, summary = imported(root, "video", folder, every=1)
    assert list(found) == [f"x/{name}#{at:05d}.0" for at in range(4)]
    reds = [np.asarray(Image.open(io.BytesIO(original(root, row))).convert("RGB"))[30, 30] for row in found.values()]
    assert [int(np.argmax(colour)) for colour in reds] == [0, 0, 2, 1]
    first = found[f"x/{name}#00000.0"]
    assert (first["format"], first["variant"], first["declared_width"]) == ("png", "frame", 64)
    assert json.loads(first["extra"]) == {"film": f"x/{name}", "frame": 0, "seconds": 0.0}
    assert first["url"].endswith(f"{name}#t%3D00000.0") and first["source"] == "video"
    assert summary.skipped == 1


def test_every_half_second_and_every_frame(folder: Path, root: Root) -> None:
    path = film(folder / "a.avi", SCENES)
    found, _ = imported(root, "video", path, every="0.5")
    assert list(found) == [f"a.avi#{at / 2:07.1f}" for at in range(7)]
    summary = take({"import": "video", "path": str(path), "every": 0.01}, root)
    assert summary.new == len(SCENES) and "a.avi#00003.400" in rows(root, summary)


def test_the_first_frame_of_each_scene(folder: Path, root: Root) -> None:
    found, _ = imported(root, "video", film(folder / "a.avi", SCENES), scenes="yes")
    assert list(found) == ["a.avi#00000.0", "a.avi#00001.5", "a.avi#00002.7"]


def test_a_film_in_part_is_taken_up_again_and_a_whole_one_is_not_opened(folder: Path, root: Root) -> None:
    path = film(folder / "a.avi", SCENES)
    spec = {"import": "video", "path": str(folder), "every": 1}
    assert take({**spec, "limit": 2}, root).new == 2
    assert (second := take(spec, root)).new == 2 and second.unchanged == 2
    facts = path.stat()
    path.write_bytes(b"not a film any more")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert take(spec, root).unchanged == 4


def test_films_that_cannot_be_opened_are_rows(folder: Path, root: Root) -> None:
    put(folder / "bad.mp4", b"no film" * 100)
    put(folder / "empty.mkv", b"")
    whole = film(folder / "a.avi", SCENES).read_bytes()
    put(folder / "cut.avi", whole[: len(whole) // 2])
    found, summary = imported(root, "video", folder)
    assert {name: row["reason"] for name, row in found.items() if row["reason"]} == {
        "bad.mp4": "undecodable", "empty.mkv": "undecodable",
    }  # fmt: skip
    assert 1 <= sum(name.startswith("cut.avi#") for name in found) < 4 and summary.new >= 5


def test_the_command_line_says_what_became_of_films_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    put(folder / "bad.mp4", b"no film" * 100)
    film(folder / "a.avi", SCENES)
    said = pipeline("import", "video", folder, "--every", "2.5", root=tmp_path / "root").stderr.splitlines()
    assert len(said) == 2 and said[0].startswith("crawl") and said[1].startswith("Next")
    assert "new 2, failed 1 (undecodable 1)" in said[0]


@pytest.mark.parametrize("every", [0, -1, "soon", 1e9])
def test_a_wrong_rate_is_explained(folder: Path, root: Root, every: object) -> None:
    film(folder / "a.avi", SCENES[:2])
    with pytest.raises(UsageError, match="makes no sense"):
        take({"import": "video", "path": str(folder), "every": every}, root)


def test_the_rate_is_part_of_what_a_source_is() -> None:
    prefixes = [source_prefix({"import": "video", "path": "/x", **more})
                for more in ({}, {"every": 5}, {"every": "5.0"}, {"scenes": True}, {"scenes": "no"})]  # fmt: skip
    assert prefixes[0] == prefixes[4] and prefixes[1] == prefixes[2] and len(set(prefixes)) == 3
    assert prefixes[1].startswith("video-x-every-5-")
