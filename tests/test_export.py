"""Exports: what other trainers read is there, whole, with its credits; taken out when it was taken down."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import tomllib
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job import pipeline
from PIL import Image
from web_corpus import corpus_at, encode, paint

from gan.data import load
from pipeline import corpus as corpora
from pipeline.errors import UsageError
from pipeline.export import layouts, samples, writing
from pipeline.export.samples import Sample, Theme, chosen
from pipeline.storage import Root

SIDE = 64


@pytest.fixture
def made(tmp_path: Path) -> tuple[Root, dict[str, Any]]:
    """A corpus of six themes with hostile titles, whose thematic folders hold their pictures."""
    root, edition = corpus_at(tmp_path / "root")
    for cluster in edition["clusters"]:
        for at, member in enumerate(json.loads(root.read(f"{cluster['path']}/cluster.json"))["members"]):
            picture = paint(cluster["id"], at, (SIDE, SIDE))
            root.commit(f"{cluster['path']}/{member['file']}", encode(picture, "PNG"))
    edition["manifest"]["shard"]["size"] = SIDE
    return root, edition


def out_of(made: tuple[Root, dict[str, Any]], form: str, out: Path, **options: Any) -> list[Sample]:
    root, edition = made
    found = chosen(root, edition, **options)
    writing.write(root, edition, found, form, out)
    return found


def test_an_image_folder_has_every_picture_and_a_line_for_it(made, tmp_path):
    found = out_of(made, "huggingface", tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out/train/metadata.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [one.id for one in found]
    assert len(lines) == sum(cluster["size"] for cluster in made[1]["clusters"])
    for line, one in zip(lines, found, strict=True):
        assert (tmp_path / "out/train" / line["file_name"]).read_bytes() == made[0].read(one.path)
        assert line["label"] == one.theme.name
        assert line["licence"]
    assert {path.suffix for path in (tmp_path / "out/train").rglob("*") if path.is_file()} == {".png", ".jsonl"}


def test_a_picture_folder_comes_with_croissant_that_fits(made, tmp_path):
    out_of(made, "huggingface", tmp_path / "out")
    told = json.loads((tmp_path / "out/croissant.json").read_text())
    listed = (tmp_path / "out/train/metadata.jsonl").read_bytes()
    assert told["distribution"][0]["sha256"] == hashlib.sha256(listed).hexdigest()
    columns = {field["source"]["extract"]["column"] for field in told["recordSet"][0]["field"]}
    assert columns <= set(json.loads(listed.splitlines()[0]))


def test_tars_hold_a_triple_for_each_picture_in_mixed_order_and_come_out_the_same(made, tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "TAR_SAMPLES", 50)
    found = out_of(made, "webdataset", tmp_path / "out")
    out_of(made, "webdataset", tmp_path / "again")
    keys: list[str] = []
    for path in sorted((tmp_path / "out").glob("*.tar")):
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
        with tarfile.open(path) as archive:
            names = archive.getnames()
            for name in names[::3]:
                key = name.partition(".")[0]
                read = {end: archive.extractfile(f"{key}.{end}").read() for end in ("cls", "json", "png")}
                told = json.loads(read["json"])
                assert told["id"] == key
                assert Image.open(io.BytesIO(read["png"])).size == (SIDE, SIDE)
                assert int(read["cls"]) == told["theme"]
                keys.append(key)
        assert len(names) <= 150
    assert keys == sorted(one.id for one in found)


def test_a_stylegan_zip_is_stored_labelled_and_read_by_the_trainer(made, tmp_path):
    found = out_of(made, "stylegan", tmp_path / "out", numbers=(1, 4))
    path = tmp_path / f"out/painted-{SIDE}x{SIDE}.zip"
    with zipfile.ZipFile(path) as archive:
        labels = dict(json.loads(archive.read("dataset.json"))["labels"])
        pictures = [one for one in archive.infolist() if one.filename.endswith(".png")]
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
        assert [one.filename for one in pictures] == list(labels)
        for one, sample in zip(pictures, found, strict=True):
            picture = Image.open(io.BytesIO(archive.read(one)))
            assert (picture.mode, picture.size) == ("RGB", (SIDE, SIDE))
            assert picture.tobytes() == Image.open(io.BytesIO(made[0].read(sample.path))).convert("RGB").tobytes()
    assert Counter(labels.values()) == Counter(one.theme.label for one in found)
    assert set(labels.values()) == {0, 1}
    assert len(load(path, SIDE).images) == len(found)


def test_stylegan_takes_powers_of_two_alone_and_nothing_is_written(made, tmp_path):
    made[1]["manifest"]["shard"]["size"] = 96
    with pytest.raises(UsageError, match=r"set shard\.size to (64|128)"):
        out_of(made, "stylegan", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.zip"))


def test_kohya_finds_a_caption_beside_every_picture(made, tmp_path):
    found = out_of(made, "kohya", tmp_path / "out")
    told = tomllib.loads((tmp_path / "out/dataset.toml").read_text())
    subsets = told["datasets"][0]["subsets"]
    assert told["datasets"][0]["resolution"] == SIDE
    assert [one["class_tokens"] for one in subsets] == list(dict.fromkeys(one.theme.name for one in found))
    pictures = [path for one in subsets for path in (tmp_path / "out" / one["image_dir"]).glob("*.png")]
    assert len(pictures) == len(found)
    for path in pictures:
        text = path.with_suffix(".txt").read_text()
        assert text.endswith("\n")
        assert text.count("\n") == 1


@pytest.mark.parametrize("form", writing.FORMATS)
def test_every_form_has_a_card_and_the_credits_of_what_it_holds(made, tmp_path, form):
    found = out_of(made, form, tmp_path / "out", numbers=(2,))
    card, credits = ((tmp_path / "out" / name).read_text() for name in ("README.md", "CREDITS.md"))
    assert f"{len(found)} pictures in 1 thematic folder." in card
    assert "<script" not in card.replace("\\<script", "")
    # A picture that two sources show is credited to both.
    assert len(found) <= sum(map(int, re.findall(r"^(\d+) pictures?\.$", credits, re.M))) <= len(found) + 2
    pages = {str(one.facts["page_url"]) for one in found}
    pages = {page for page in pages if re.fullmatch(r"https://example\.org/works/\d+", page)}
    assert pages
    assert all(page in credits for page in pages)


def test_only_admitted_licences_leave(made, tmp_path):
    every = chosen(*made)
    known = chosen(*made, admitted=("unknown",))
    assert 0 < len(known) < len(every)
    assert {one.facts["licence"] for one in known} == {"NOASSERTION"}
    with pytest.raises(UsageError, match="under such a licence"):
        chosen(*made, admitted=("gfdl",))


def test_an_export_is_brought_up_to_date_and_loses_what_was_taken_down(made, tmp_path):
    root, edition = made
    before = out_of(made, "huggingface", tmp_path / "out")
    (tmp_path / "out/mine.txt").write_text("kept")
    path = f"{edition['clusters'][0]['path']}/cluster.json"
    folder = json.loads(root.read(path))
    gone = folder["members"].pop(0)["id"]
    root.commit(path, json.dumps(folder).encode())
    after = out_of(made, "huggingface", tmp_path / "out")
    assert {one.id for one in before} - {one.id for one in after} == {gone}
    assert not list((tmp_path / "out").rglob(f"{gone}*"))
    assert gone not in (tmp_path / "out/train/metadata.jsonl").read_text()
    assert (tmp_path / "out/mine.txt").read_text() == "kept"


@pytest.mark.parametrize("before", [(), (0, 1)])
def test_what_a_killed_export_left_is_known(made, tmp_path, monkeypatch, before):
    if before:
        out_of(made, "kohya", tmp_path / "out", numbers=before)
    with monkeypatch.context() as patched:
        patched.setattr(layouts, "caption", _killed)
        with pytest.raises(KeyboardInterrupt):
            out_of(made, "kohya", tmp_path / "out", numbers=(2,))
    (left,) = (tmp_path / "out").glob("02-*/*.png")
    left.with_name(f".{left.name}.part").write_bytes(b"half")
    assert not json.loads((tmp_path / "out/export.json").read_text())["complete"]
    found = out_of(made, "kohya", tmp_path / "out", numbers=(1,))
    assert {path.stem for path in (tmp_path / "out").rglob("*.png")} == {one.id for one in found}
    assert not list((tmp_path / "out").glob(".*"))


def _killed(_one: Sample) -> str:
    raise KeyboardInterrupt


@pytest.mark.parametrize("standing", ["a file", "a folder", "another export", "damaged", "a list"])
def test_what_is_no_export_is_left_alone(made, tmp_path, standing):
    out = tmp_path / "out"
    marks = {"another export": {"corpus": "painted", "format": "kohya", "files": []}, "a list": []}
    if standing == "a file":
        out.write_text("mine")
    else:
        out.mkdir()
        said = "{" if standing == "damaged" else json.dumps(marks.get(standing))
        (out / ("mine.txt" if standing == "a folder" else "export.json")).write_text(said)
    with pytest.raises(UsageError, match="name another folder"):
        out_of(made, "webdataset", out)
    assert not out.is_dir() or len(list(out.iterdir())) == 1


def test_no_list_of_files_makes_it_delete_outside(made, tmp_path):
    out_of(made, "webdataset", tmp_path / "out")
    mark = tmp_path / "out/export.json"
    (tmp_path / "mine.txt").write_text("kept")
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "files": ["../mine.txt"]}))
    with pytest.raises(UsageError, match="damaged"):
        out_of(made, "webdataset", tmp_path / "out")
    assert (tmp_path / "mine.txt").exists()


def test_themes_that_are_not_there_are_told(made):
    root, edition = made
    with pytest.raises(UsageError, match="no theme 77"):
        chosen(root, edition, numbers=(77,))
    with pytest.raises(UsageError, match="pipeline cluster"):
        chosen(root, {**edition, "clusters": []})


@given(st.text(max_size=200), st.integers(0, 500))
def test_a_theme_is_a_folder_everywhere(name: str, number: int) -> None:
    folder = Theme(number, 0, name, "x").folder
    assert folder.startswith(f"{number:02d}")
    assert not set(folder) & set('/\\:*?"<>|\0\n\r\t. ')
    assert len(folder) < 80


_SAID = st.one_of(st.none(), st.text(max_size=30))


@given(_SAID, _SAID, st.lists(st.text(max_size=9), max_size=3))
def test_a_caption_is_one_line(title: str | None, creator: str | None, tags: list[str]) -> None:
    facts = dict.fromkeys(samples.FACTS) | {"title": title, "creator": creator, "tags": tags}
    said = layouts.caption(Sample("a" * 64, Theme(0, 0, "theme", "x"), "x.png", facts))
    assert said.startswith("theme")
    assert len(said.splitlines()) == 1


def test_the_verb_says_what_it_wrote(made, tmp_path):
    root, edition = made
    corpora.add_edition(root, "painted", edition)
    told = pipeline("export", "webdataset", "--out", str(tmp_path / "out"), "--cluster", "3", "--json", root=root.local)
    facts = json.loads(told.stdout)
    assert (facts["pictures"], facts["themes"]) == (edition["clusters"][3]["size"], 1)
    assert (tmp_path / "out/00000.tar").exists()
    dry = pipeline("export", "kohya", "--out", str(tmp_path / "dry"), "--dry-run", root=root.local)
    assert "Would write" in dry.stdout
    assert not (tmp_path / "dry").exists()
