"""Import of a folder: any depth, any name, an index.csv beside the pictures, and nothing twice."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tables
from pipeline.errors import UsageError
from pipeline.storage import Root
from spiders import index
from spiders.desk import MAX_BYTES
from spiders.folder import import_folder
from spiders.run import take
from spiders.summary import CrawlSummary
from tests.spiders_site import png

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pictures"
    path.mkdir()
    return path


def put(folder: Path, name: str | bytes, body: bytes) -> None:
    path = os.path.join(os.fsencode(folder), os.fsencode(name))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(body)


def rows(root: Root, summary: CrawlSummary) -> dict[str, dict[str, Any]]:
    found = [row for name in summary.partitions for row in tables.read(root, tables.CRAWLED, name).to_pylist()]
    return {row["source_id"]: row for row in found}


ODD = ["a b.png", "ünï/çødé.png", "☠💀/🌹.png", "new\nline.png", "-rf.png", "'; DROP TABLE.png",
       "a/b/c/d/e/f.png", "UP.PNG", "no extension", "two..dots.png", "%41.png", "tab\t.png"]  # fmt: skip


def test_any_name_at_any_depth(folder: Path, root: Root) -> None:
    for number, name in enumerate(ODD):
        put(folder, name, png(number))
    put(folder, b"latin-\xe9.png", png(90))
    put(folder, "/".join(["d"] * 300) + "/deep.png", png(91))
    summary = import_folder(folder, root)
    found = rows(root, summary)
    assert set(found) == {*ODD, "latin-\\xe9.png", "/".join(["d"] * 300) + "/deep.png"}
    assert summary.new == len(ODD) + 2 and not summary.failed
    for number, name in enumerate(ODD):
        row = found[name]
        assert root.read(tables.original_path(row["id"], "png")) == png(number)
        assert row["url"].startswith("file:///") and row["url"].isascii() and "\n" not in row["url"]
    assert [found[name]["rank"] for name in sorted(found)] == list(range(len(found)))


def test_links_hidden_files_and_other_things(folder: Path, root: Root, tmp_path: Path) -> None:
    put(folder, "a/one.png", png(1))
    put(folder, ".hidden.png", png(2))
    put(folder, ".git/x.png", png(3))
    put(folder, "__MACOSX/._one.png", png(4))
    put(tmp_path / "else", "two.png", png(5))
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "linked").symlink_to(tmp_path / "else")
    os.mkfifo(folder / "pipe.png")
    put(folder, "notes.txt", b"hello")
    put(folder, "one.json", b"{}")
    summary = import_folder(folder, root)
    assert set(rows(root, summary)) == {"a/one.png", "linked/two.png"}
    assert summary.skipped == 5


def test_files_that_are_no_pictures_have_reasons(folder: Path, root: Root) -> None:
    put(folder, "page.jpg", b"<!DOCTYPE html>")
    put(folder, "empty.png", b"")
    put(folder, "good.txt", png(1))
    put(folder, "fine.png", png(2))
    with open(folder / "huge.png", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    summary = import_folder(folder, root)
    assert dict(summary.failed) == {"not_a_picture": 1, "empty": 1, "too_large": 1}
    found = rows(root, summary)
    assert {name: row["reason"] for name, row in found.items()} == {
        "page.jpg": "not_a_picture", "empty.png": "empty", "good.txt": None, "fine.png": None,
        "huge.png": "too_large",
    }  # fmt: skip
    assert found["huge.png"]["bytes"] == MAX_BYTES + 1


def test_an_index_beside_the_pictures_is_taken_in(folder: Path, root: Root) -> None:
    put(folder, "x/1.png", png(1))
    put(folder, "x/2.png", png(2))
    put(folder, "y/3.png", png(3))
    put(folder, "index.csv", (
        "\ufeffPath,Title,Artist,Style,Genre,Date,Tags,License,Width,label,empty\n"
        'x/1.png,"A Valley, ""Evening""",Jane Doe,"Art_Nouveau_(Modern), Symbolism",landscape;portrait,c.1890,'
        '"river, sky",CC0-1.0,12.0,tulip,\n'
        ".\\x\\2.png,,,,,,,,,\n"
        "x/gone.png,Gone,,,,1900,,,,rose,\n"
    ).encode())  # fmt: skip
    put(folder, "y/index.csv", b"filename;title\n3.png;Nested\n")
    found = rows(root, import_folder(folder, root))
    one = found["x/1.png"]
    assert one["title"] == 'A Valley, "Evening"' and one["creator"] == "Jane Doe"
    assert one["style"] == ["Art Nouveau (Modern)", "Symbolism"] and one["genre"] == ["landscape", "portrait"]
    assert (one["year_text"], one["year"], one["tags"]) == ("c.1890", 1890, ["river", "sky"])
    assert (one["licence"], one["declared_width"]) == ("CC0-1.0", 12)
    assert json.loads(one["extra"]) == {"label": "tulip"}
    assert found["x/2.png"]["licence"] == "NOASSERTION" and found["x/2.png"]["extra"] is None
    assert (found["x/gone.png"]["reason"], found["x/gone.png"]["title"]) == ("missing", "Gone")
    assert found["y/3.png"]["title"] == "Nested"


def test_the_second_import_takes_only_what_is_new(folder: Path, root: Root) -> None:
    put(folder, "index.csv", b"path\nlost.png\n")
    put(folder, "kept.png", png(1))
    put(folder, "changed.png", png(2))
    put(folder, "touched.png", png(3))
    put(folder, "bad.jpg", b"<html>")
    first = import_folder(folder, root)
    assert (first.new, first.unchanged, sum(first.failed.values())) == (3, 0, 2)
    again = import_folder(folder, root)
    assert (again.new, again.unchanged, dict(again.failed), again.partitions) == (0, 5, {}, ())
    time.sleep(0.01)
    put(folder, "changed.png", png(99))
    put(folder, "touched.png", png(3))
    put(folder, "lost.png", png(4))
    put(folder, "added.png", png(5))
    third = import_folder(folder, root)
    assert (third.new, third.changed, third.unchanged) == (2, 1, 3)
    assert rows(root, third)["changed.png"]["changed_from"] == rows(root, first)["changed.png"]["id"]
    assert set(rows(root, third)) == {"changed.png", "lost.png", "added.png"}
    assert import_folder(folder, root).unchanged == 6


def test_a_root_inside_the_folder_is_not_imported_into_itself(folder: Path) -> None:
    put(folder, "one.png", png(1))
    inside = Root(folder / "data")
    assert import_folder(folder, inside).new == 1
    assert import_folder(folder, inside).unchanged == 1


def test_a_limit_takes_the_first(folder: Path, root: Root) -> None:
    for number in range(5):
        put(folder, f"{number}.png", png(number))
    summary = take({"import": "folder", "path": str(folder), "limit": 3}, root)
    assert set(rows(root, summary)) == {"0.png", "1.png", "2.png"}
    assert take({"import": "folder", "path": str(folder), "limit": 3}, root).unchanged == 3


@pytest.mark.parametrize("files", [{}, {"notes.txt": b"x"}, {".hidden.png": b"x"}])
def test_a_folder_without_pictures_is_an_error(folder: Path, root: Root, files: dict[str, bytes]) -> None:
    for name, body in files.items():
        put(folder, name, body)
    with pytest.raises(UsageError, match="no pictures in"):
        import_folder(folder, root)
    with pytest.raises(UsageError, match="no folder"):
        import_folder(folder / "nowhere", root)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"title,artist\na,b\n", "no column that names the pictures"), (b"", "no column"),
     (b'path\n"' + b"x" * 2**20 + b"y", "line 2")],
    ids=["columns", "empty", "endless"],
)  # fmt: skip
def test_an_index_that_cannot_be_read_is_explained(folder: Path, root: Root, data: bytes, said: str) -> None:
    put(folder, "one.png", png(1))
    put(folder, "index.csv", data)
    with pytest.raises(UsageError, match=said):
        import_folder(folder, root)


@given(st.binary(max_size=200))
def test_any_bytes_as_an_index_are_read_or_refused(data: bytes) -> None:
    try:
        found = index.read(b"path,title\n" + data, "index.csv")
    except UsageError:
        return
    assert all(isinstance(key, str) for key in found)


@given(st.lists(st.sampled_from(["a", "b", "..", "."]), min_size=1, max_size=5))
def test_one_spelling_for_a_relative_path(parts: list[str]) -> None:
    assert index.key("./" + "/".join(parts)) == index.key("\\".join(parts))


def test_real_sets_with_their_indexes(root: Root) -> None:
    if not (SHARED / "wikiart_styles_pd").is_dir():
        pytest.skip("the shared data sets are not here")
    summary = import_folder(SHARED / "wikiart_styles_pd", root)
    found = rows(root, summary)
    assert summary.new == 178 and not summary.failed
    assert {style for row in found.values() for style in row["style"]} >= {"Art Nouveau (Modern)", "Baroque", "Rococo"}
    assert sum(row["year"] is not None for row in found.values()) > 80
    flowers = import_folder(SHARED / "flowers5", root)
    labels = {json.loads(row["extra"])["label"] for row in rows(root, flowers).values()}
    assert flowers.new == 1_000 and labels == {"daisy", "dandelion", "rose", "sunflower", "tulip"}
