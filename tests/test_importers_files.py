"""Imports of pictures in folders and tars: ImageFolder, Painter by Numbers, WebDataset."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import shards
from pipeline.errors import UsageError
from pipeline.storage import Root
from spiders.importers import painters
from spiders.run import take
from tests.importing import SHARED, imported, original, put, rows
from tests.spiders_site import png


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "root")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pictures"
    path.mkdir()
    return path


def shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip("the shared data sets are not here")
    return SHARED / name


@pytest.mark.parametrize("kind", ["imagefolder", "painter-by-numbers", "webdataset", "mnist", "video", "instaloader",
                                  "gallery-dl"])  # fmt: skip
def test_a_wrong_path_is_one_sentence(kind: str, folder: Path, root: Root) -> None:
    for path in (folder / "nowhere", folder, put(folder / "notes" / "x.txt", "x")):
        if kind == "instaloader" and path.suffix:
            continue  # a text file is the caption of a post, to instaloader
        with pytest.raises(UsageError) as caught:
            take({"import": kind, "path": str(path)}, root)
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
        assert str(folder) in str(caught.value)


# imagefolder


def test_classes_and_splits(folder: Path, root: Root) -> None:
    put(folder / "train" / "sun_flower" / "1.png", png(1))
    put(folder / "test" / "rose" / "deep" / "2.png", png(2))
    put(folder / "top.png", png(3))
    put(folder / "train" / "notes.md", "x")
    found, summary = imported(root, "imagefolder", folder)
    assert found["train/sun_flower/1.png"]["genre"] == ["sun flower"]
    assert json.loads(found["train/sun_flower/1.png"]["extra"]) == {"split": "train"}
    assert found["test/rose/deep/2.png"]["genre"] == ["deep"]
    assert found["top.png"]["genre"] is None and found["top.png"]["source"] == "imagefolder"
    assert original(root, found["top.png"]) == png(3)
    assert summary.skipped == 1


def test_metadata_beside_the_pictures(folder: Path, root: Root) -> None:
    put(folder / "a" / "1.png", png(1))
    put(folder / "a" / "2.png", png(2))
    put(folder / "metadata.csv", "file_name,text,label,license\na/1.png,A red wall,wall,CC0-1.0\n")
    lines = [{"file_name": "3.png", "artist": "Jane Doe", "tags": ["x", "y"], "width": 12, "score": 0.5, "label": 3},
             {"file_name": "gone.png", "title": "Gone"}]  # fmt: skip
    put(folder / "b" / "metadata.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n")
    put(folder / "b" / "3.png", png(3))
    found, summary = imported(root, "imagefolder", folder)
    one, three, gone = found["a/1.png"], found["b/3.png"], found["b/gone.png"]
    assert (one["title"], one["genre"], one["licence"]) == ("A red wall", ["wall"], "CC0-1.0")
    assert (three["creator"], three["tags"], three["declared_width"]) == ("Jane Doe", ["x", "y"], 12)
    assert three["genre"] == ["b"] and json.loads(three["extra"]) == {"score": 0.5, "label": 3}
    assert (gone["reason"], gone["title"]) == ("missing", "Gone")
    assert found["a/2.png"]["genre"] == ["a"] and dict(summary.failed) == {"missing": 1}


def test_a_picture_that_went_missing_is_no_news(folder: Path, root: Root) -> None:
    put(folder / "metadata.csv", "file_name\n1.png\n")
    put(folder / "1.png", png(1))
    put(folder / "2.png", png(2))
    imported(root, "imagefolder", folder)
    (folder / "1.png").unlink()
    again = take({"import": "imagefolder", "path": str(folder)}, root)
    assert (again.unchanged, again.partitions) == (2, ())


def test_a_picture_that_went_bad_is_told_once(folder: Path, root: Root) -> None:
    put(folder / "a" / "1.png", png(1))
    imported(root, "imagefolder", folder)
    put(folder / "a" / "1.png", b"<html>")
    spec = {"import": "imagefolder", "path": str(folder)}
    assert dict(take(spec, root).failed) == {"not_a_picture": 1}
    again = take(spec, root)
    assert (again.unchanged, dict(again.failed), again.partitions) == (1, {}, ())
    put(folder / "a" / "1.png", png(2))
    assert take(spec, root).changed == 1 and take(spec, root).unchanged == 1


def test_broken_lines_are_named(folder: Path, root: Root) -> None:
    put(folder / "1.png", png(1))
    put(folder / "metadata.jsonl", '{"file_name": "1.png"}\n{"file_name": \n')
    with pytest.raises(UsageError, match=r"metadata\.jsonl, line 2"):
        take({"import": "imagefolder", "path": str(folder)}, root)


def test_a_real_image_folder(root: Root) -> None:
    found, summary = imported(root, "imagefolder", shared("caltech101_10x60"))
    labels = {row["genre"][0] for row in found.values()}
    assert summary.new == 600 and len(labels) == 10 and "Motorbikes" in labels


# Painter by Numbers

HEADER = "artist,date,genre,pixelsx,pixelsy,size_bytes,source,style,title,artist_group,in_train,new_filename\n"
ROWS = (
    'Jane Doe,c.1890,landscape,1200.0,850.0,310222.0,wikiart,Impressionism,"A Valley, Evening",train_only,True,1.jpg\n'
    "John Roe,1955.0,,640.0,480.0,90110.0,wikipedia,,Untitled,test_only,False,2.jpg\n"
    'Old One,15.0,portrait,1.0,1.0,1.0,wikiart,Baroque,"Said ""No""",train_only,True,3.jpg\n'
    "Bad Quote,1900,portrait,1.0,1.0,1.0,wikiart,Realism,A note, in opal),train_only,True,4.jpg\n"
    'Open Quote,1901,portrait,1.0,1.0,1.0,wikiart,Realism,"Never closed, twice,train_only,True,5.jpg\n'
    'Two Lines,1902,portrait,1.0,1.0,1.0,wikiart,Realism,"Over\ntwo lines",train_only,True,6.jpg\n'
    "nonsense\n"
    "Gone,1903,portrait,1.0,1.0,1.0,wikiart,Realism,Not there,train_only,True,7.jpg\n"
)


def painters_folder(folder: Path) -> None:
    put(folder / "all_data_info.csv", HEADER + ROWS)
    put(folder / "train_info.csv", "filename,artist,title,style,genre,date\n1.jpg,0aab,A Valley,Impressionism,marina,\n"
                                   "8.jpg,0ccd,Only here,Cubism,,1911\n")  # fmt: skip
    for number in (1, 3, 4, 5, 6, 8, 9):
        put(folder / "train" / f"{number}.jpg", png(number))
    put(folder / "test" / "2.jpg", b"<html>")
    put(folder / "replacements_for_corrupted_files" / "train" / "3.jpg", png(33))


def test_the_kaggle_layout_is_joined_and_conserved(folder: Path, root: Root) -> None:
    painters_folder(folder)
    found, summary = imported(root, "painter-by-numbers", folder)
    assert sorted(found) == [f"{number}.jpg" for number in range(1, 10)]
    one = found["1.jpg"]
    assert (one["title"], one["creator"], one["creator_id"]) == ("A Valley, Evening", "Jane Doe", "0aab")
    assert (one["style"], one["genre"]) == (["Impressionism"], ["landscape"])
    assert (one["year_text"], one["year"], one["declared_width"]) == ("c.1890", 1890, 1200)
    assert json.loads(one["extra"])["source"] == "wikiart"
    assert set(json.loads(one["raw"])) == {"all_data_info.csv", "train_info.csv"}
    two = found["2.jpg"]
    assert (two["reason"], two["year_text"], two["year"]) == ("not_a_picture", "1955", 1955)
    assert json.loads(found["2.jpg"]["extra"])["part"] == "test"
    assert found["3.jpg"]["year"] is None and found["3.jpg"]["title"] == 'Said "No"'
    assert original(root, found["3.jpg"]) == png(33)
    healed = [found[f"{number}.jpg"]["title"] for number in (4, 5, 6)]
    assert healed == ["A note, in opal)", "Never closed, twice", "Over\ntwo lines"]
    assert (found["7.jpg"]["reason"], found["7.jpg"]["title"]) == ("missing", "Not there")
    assert (found["8.jpg"]["style"], found["8.jpg"]["creator"]) == (["Cubism"], None)
    assert found["9.jpg"]["title"] is None and found["9.jpg"]["raw"] is None
    assert summary.new == 7 and summary.skipped == 1
    assert set(summary.notes) == {
        "1 pictures stand in no CSV", "1 lines of all_data_info.csv cannot be read",
        "2 rows of all_data_info.csv had a quoting fault and were healed",
        "1 files have the name of another: replacements count, else the first",
    }  # fmt: skip


def test_what_is_missing_of_the_kaggle_set_is_said(folder: Path, root: Root) -> None:
    put(folder / "train" / "1.jpg", png(1))
    with pytest.raises(UsageError, match=r"has no all_data_info\.csv or train_info\.csv"):
        take({"import": "painter-by-numbers", "path": str(folder)}, root)
    put(folder / "train_info.csv", "a,b\n")
    with pytest.raises(UsageError, match="no columns filename"):
        take({"import": "painter-by-numbers", "path": str(folder)}, root)
    put(folder / "train_info.csv", "filename,title\n1.jpg,x\n")
    (folder / "train" / "1.jpg").unlink()
    with pytest.raises(UsageError, match=r"unpack train\.zip"):
        take({"import": "painter-by-numbers", "path": str(folder)}, root)


def test_the_real_metadata_with_its_quoting_fault(folder: Path, root: Root) -> None:
    text = (shared("pbn_metadata") / "train_info_part.csv").read_text(encoding="utf-8")
    read = list(painters.read(text, "train_info.csv"))
    assert len(read) == 12_747 and all(row for row, _ in read)
    assert [row["title"] for row, healed in read if healed] == ["Convalescent (aka Petit Dejeuner, note in opal)"]
    assert next(row for row, healed in read if healed)["date"] == "1884"
    put(folder / "train_info.csv", text)
    put(folder / "train" / "1642.jpg", png(1))
    summary = take({"import": "painter-by-numbers", "path": str(folder), "limit": 20}, root)
    found = rows(root, summary)
    assert (summary.new, dict(summary.failed)) == (1, {"missing": 19})
    assert (found["1642.jpg"]["year"], found["1642.jpg"]["genre"]) == (1884, ["genre painting"])


titles = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(titles.map(lambda title: title.replace("\r", " ").replace("\n", " ")), min_size=1, max_size=8))
def test_rows_without_a_fault_are_read_as_written(names: list[str]) -> None:
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(["filename", "artist", "title", "style"])
    writer.writerows([f"{at}.jpg", "a", title, "s"] for at, title in enumerate(names))
    found = [(row["title"], healed) for row, healed in painters.read(sink.getvalue(), "x")]
    assert found == [(title, False) for title in names]


@given(st.text(max_size=300))
def test_any_text_as_csv_is_read_or_given_up_line_by_line(text: str) -> None:
    lines = list(painters.read("filename,title,date\n" + text, "x"))
    assert all(not row or set(row) == {"filename", "title", "date"} for row, _ in lines)


# WebDataset


def tar(path: Path, members: list[tuple[str, bytes]], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, body in members:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path


SAMPLES = [
    ("0001.png", png(1)),
    ("0001.json", json.dumps({"caption": "a red wall\nby day", "artist": "Jane", "url": "https://x.example/a?token=s3cr",
                              "width": 640, "license": "CC0-1.0", "label": 4, "key": "0001"}).encode()),
    ("0001.txt", b"a red wall"),
    ("0002.cls", b"sun_flower"), ("0002.txt", b"Second\n"), ("0002.png", png(2)),
    ("sub/0003.left.png", png(3)), ("sub/0003.right.png", png(4)), ("sub/0003.json", b"{broken"),
    ("0004.bin", png(5)), ("0005.jpg", b"<html>"), ("readme.md", b"x"),
    ("../../etc/evil.png", png(6)), ("/abs.png", png(7)), ("0001.png", png(8)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "mode"), [("s/00000.tar", "w"), ("00000.tar.gz", "w:gz"), ("00000.tar.xz", "w:xz")])
def test_tars_are_read_as_streams(folder: Path, root: Root, name: str, mode: str) -> None:
    tar(folder / name, SAMPLES, mode)
    before = sorted(folder.rglob("*"))
    found, summary = imported(root, "webdataset", folder)
    one = found[f"{name}/0001.png"]
    assert (one["title"], one["creator"], one["licence"], one["genre"]) == ("a red wall", "Jane", "CC0-1.0", ["4"])
    assert json.loads(one["extra"])["caption"] == "a red wall\nby day"
    assert "s3cr" not in one["raw"] + one["extra"] and one["declared_width"] == 640
    assert (found[f"{name}/0002.png"]["title"], found[f"{name}/0002.png"]["genre"]) == ("Second", ["sun flower"])
    assert {f"{name}/{rest}" for rest in ("sub/0003.left.png", "sub/0003.right.png", "0004.bin", "../../etc/evil.png",
                                          "/abs.png", "0001.png#2")} <= set(found)  # fmt: skip
    assert found[f"{name}/0005.jpg"]["reason"] == "not_a_picture"
    assert original(root, found[f"{name}/0001.png#2"]) == png(8)
    assert summary.new == 8 and summary.notes == ("1 samples have JSON that cannot be read",)
    assert summary.skipped == 1
    assert sorted(folder.rglob("*")) == before and not (folder.parent.parent / "etc").exists()


def test_links_in_tars_are_no_pictures(folder: Path, root: Root) -> None:
    with tarfile.open(folder / "a.tar", "w") as archive:
        for name, kind in (("l.png", tarfile.SYMTYPE), ("h.png", tarfile.LNKTYPE), ("f.png", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    tar(folder / "b.tar", [("1.png", png(1))])
    found, summary = imported(root, "webdataset", folder)
    assert set(found) == {"b.tar/1.png"} and summary.skipped == 3


@pytest.mark.parametrize("packed", [False, True])
def test_damaged_tars_give_what_they_hold(folder: Path, root: Root, packed: bool) -> None:
    whole = tar(folder / "x.tar", [(f"{at}.png", png(at) * 1 + bytes(3000)) for at in range(6)]).read_bytes()
    (folder / "x.tar").unlink()
    if packed:
        data = gzip.compress(whole, 0, mtime=0)
        put(folder / "cut.tar.gz", data[: len(data) // 2])
    else:
        put(folder / "cut.tar", whole[: len(whole) // 2])
    put(folder / "none.tar", b"no tar at all" * 100)
    put(folder / "void.tar", b"")
    found, summary = imported(root, "webdataset", folder)
    assert found["none.tar"]["reason"] == found["void.tar"]["reason"] == "undecodable"
    assert 2 <= summary.new <= 3 and summary.failed["truncated"] >= 1


def test_one_tar_and_our_own_shards(folder: Path, root: Root) -> None:
    data, _ = shards.pack(["a.png", "b.png"], [png(1), png(2)])
    found, _ = imported(root, "webdataset", put(folder / "00000.tar", data))
    assert {name: original(root, row) for name, row in found.items()} == {
        "00000.tar/a.png": png(1), "00000.tar/b.png": png(2),
    }  # fmt: skip
    time.sleep(0.01)
    put(folder / "00000.tar", shards.pack(["a.png", "b.png"], [png(1), png(3)])[0])
    third = take({"import": "webdataset", "path": str(folder / "00000.tar")}, root)
    assert (third.new, third.changed, third.unchanged) == (0, 1, 1)
