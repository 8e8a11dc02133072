"""The export of an Instagram account, in zips and unpacked, whole and damaged."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tables
from pipeline.errors import UsageError
from pipeline.storage import Root
from spiders import run
from spiders.importers import export
from tests.spiders_site import png

POSTS = [
    {"media": [{"uri": "media/posts/202311/1.png", "creation_timestamp": 1_700_000_000,
                "title": "t\u00c3\u00aate #vanit\u00c3\u00a9"}]},
    {"title": "an album", "creation_timestamp": 1_600_000_000, "media": [
        {"uri": "media/posts/202009/2.png", "title": ""}, {"uri": "media/posts/202009/film.mp4"},
        {"uri": "media/posts/202009/gone.jpg"}]},
]  # fmt: skip
FILES = {
    "your_instagram_activity/media/posts_1.json": json.dumps(POSTS).encode(),
    "media/posts/202311/1.png": png(1), "media/posts/202009/2.png": png(2), "media/posts/202009/film.mp4": b"film",
    "media/stories/3.png": png(3), "personal_information/profile.json": b"{}",
}  # fmt: skip


def rows(root: Root) -> list[dict[str, Any]]:
    names = tables.names(root, tables.CRAWLED)
    found = [row for name in names for row in tables.read(root, tables.CRAWLED, name).to_pylist()]
    return sorted(found, key=lambda row: row["rank"])


def unpack(folder: Path, top: str = "") -> Path:
    for name, body in FILES.items():
        (folder / top / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / top / name).write_bytes(body)
    return folder


def pack(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name in names:
            zipped.writestr(name, FILES[name])
    return path


@pytest.mark.parametrize("shape", ["folder", "folder below", "zip", "two zips"])
def test_an_export_is_taken_in_every_shape(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.mkdir()
    names = list(FILES)
    if shape.startswith("folder"):
        unpack(path, "instagram-me-2026" if "below" in shape else "")
    elif shape == "zip":
        path = pack(path / "export.zip", names)
    else:
        pack(path / "part1.zip", names[:2])
        pack(path / "part2.zip", names[2:])
    root = Root(str(tmp_path / "root"))
    done = run.take({"import": "instagram-export", "path": str(path)}, root)
    assert (done.new, dict(done.failed)) == (2, {"missing": 1})
    one, two, gone = rows(root)
    assert (one["title"], one["tags"], one["year"]) == ("tête #vanité", ["vanité"], 2023)
    assert (two["title"], two["year"], gone["reason"]) == ("an album", 2020, "missing")
    assert {row["licence"] for row in (one, two, gone)} == {"LicenseRef-InC"}
    assert root.read(tables.original_path(one["id"], "png")) == png(1)
    assert any(note.startswith("1 pictures are in no post") for note in done.notes)
    again = run.take({"import": "instagram-export", "path": str(path)}, root)
    assert (again.new, again.unchanged) == (0, 3)


def test_members_that_lead_out_of_a_zip_are_passed_over(tmp_path: Path) -> None:
    evil = [{"media": [{"uri": "../../../etc/passwd.png"}, {"uri": "/etc/x.png"}, {"uri": "media/posts/link.png"}]}]
    link = zipfile.ZipInfo("media/posts/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as zipped:
        zipped.writestr("content/posts_1.json", json.dumps([*evil, POSTS[0]]))
        zipped.writestr("../../../etc/passwd.png", png(9))
        zipped.writestr("/etc/x.png", png(9))
        zipped.writestr(link, "/etc/passwd")
        zipped.writestr("media/posts/202311/1.png", png(1))
    root = Root(str(tmp_path / "root"))
    done = run.take({"import": "instagram-export", "path": str(tmp_path / "e.zip")}, root)
    assert (done.new, dict(done.failed)) == (1, {"missing": 3})
    assert any(note.startswith("3 members of zips") for note in done.notes)


def test_what_is_no_export_is_said(tmp_path: Path) -> None:
    (tmp_path / "posts_1.html").write_text("<html>")
    root = Root(str(tmp_path / "root"))
    with pytest.raises(UsageError, match="ask Instagram for JSON"):
        run.take({"import": "instagram-export", "path": str(tmp_path)}, root)


@given(st.text())
def test_texts_are_repaired_where_they_are_broken(text: str) -> None:
    broken = text.encode("utf-8", "replace").decode("latin-1")
    assert export.repaired(broken) == text.encode("utf-8", "replace").decode()


def test_licences_of_an_index_are_read_and_filtered(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(png(number))
    lines = ["0.png,CC BY 4.0", "1.png,all rights reserved", "2.png,by courtesy of the museum", "3.png,"]
    (folder / "index.csv").write_text("path,license\n" + "\n".join(lines) + "\n")
    root = Root(str(tmp_path / "root"))
    done = run.take({"import": "folder", "path": str(folder), "license": "cc-by,cc0"}, root)
    assert (done.new, dict(done.failed)) == (1, {"licence": 3})
    found = rows(root)
    assert [row["licence"] for row in found] == ["CC-BY-4.0", "LicenseRef-InC", "NOASSERTION", "NOASSERTION"]
    assert found[0]["licence_url"] == "https://creativecommons.org/licenses/by/4.0/"
    assert json.loads(found[2]["extra"]) == {"licence": "by courtesy of the museum"}
    whole = run.take({"import": "folder", "path": str(folder)}, root)
    assert (whole.new, dict(whole.failed)) == (4, {})
