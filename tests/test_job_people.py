"""A corpus that tells persons apart, with photographs of two: groups, selection by person, a row for each face."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from job import answer, manifest, pipeline
from PIL import Image

from pipeline import models

PORTRAITS = models.find("demo_faces")
pytestmark = pytest.mark.skipif(
    None in (models.find("face_identity"), models.find("face_landmarker"), PORTRAITS),
    reason="the models are not here: run `pipeline models fetch face_identity` and `pipeline models fetch`",
)
SINGLE = ("biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg")
PARTS: dict[str, Any] = {"dedupe": {"preset": "strict", "distance": 0}, "shard": {"size": 48}, "cluster": {"k": 2}}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four portraits of two persons, and one picture that shows both."""
    assert PORTRAITS is not None
    folder = tmp_path_factory.mktemp("people") / "pictures"
    folder.mkdir()
    both = Image.new("RGB", (800, 400))
    for place, (name, box) in enumerate(zip(SINGLE, ((236, 65, 896, 725), (199, 0, 783, 584)), strict=False)):
        shutil.copy(PORTRAITS / name, folder / name)
        both.paste(Image.open(PORTRAITS / name).convert("RGB").crop(box).resize((400, 400)), (place * 400, 0))
    for name in SINGLE[2:]:
        shutil.copy(PORTRAITS / name, folder / name)
    both.save(folder / "both.png")
    return folder


@pytest.fixture(scope="module")
def grouped(pictures: Path) -> Path:
    """A root whose corpus asked who is who."""
    root = pictures.parent / "root"
    answer("run", manifest(pictures.parent, pictures, people={}, **PARTS), "--until", "dedupe", root=root)
    return root


def rows(root: Path, table: str, columns: str) -> dict[str, dict[str, Any]]:
    query = f"select c.source_id, {columns} from {table} t join crawled c using (partition, row)"
    found: list[dict[str, Any]] = json.loads(pipeline("sql", query, "--json", root=root).stdout)
    return {row["source_id"]: row for row in found}


def test_two_presidents_are_two_rows_with_sheets(grouped: Path) -> None:
    found = answer("people", root=grouped)
    assert [(one["person"], one["faces"], one["pictures"]) for one in found["people"]] == [(1, 4, 4), (2, 2, 2)]
    persons = {name: row["persons"] for name, row in rows(grouped, "people", "t.persons").items()}
    assert [persons[name] for name in SINGLE] == [[2], [1], [1], [1]] and sorted(persons["both.png"]) == [1, 2]
    for one in found["people"]:
        with Image.open(one["sheet"]) as sheet:
            assert sheet.size == (960, 96)
    assert Path(found["overview"]).is_file()


def test_decisions_about_persons(grouped: Path, tmp_path: Path) -> None:
    root = shutil.copytree(grouped, tmp_path / "root")
    answer("people", "name", "1", "Barack Obama", root=root)
    assert answer("people", "--no-sheet", root=root)["people"][0]["name"] == "Barack Obama"
    answer("people", "merge", "barack obama", "2", root=root)
    assert [one["faces"] for one in answer("people", "--no-sheet", root=root)["people"]] == [6]
    answer("people", "split", "1", root=root)
    found = answer("people", "--no-sheet", root=root)["people"]
    assert [(one["person"], one["faces"]) for one in found] == [(1, 4), (3, 2)]
    assert "no person '9'" in pipeline("people", "name", "9", "X", root=root, check=False).stderr


@pytest.mark.parametrize("who", ["like", "largest", "names"])
def test_only_the_pictures_of_one_person_are_kept(grouped: Path, pictures: Path, tmp_path: Path, who: str) -> None:
    root = shutil.copytree(grouped, tmp_path / "root")
    shutil.copy(pictures / "obama2.jpg", tmp_path / "me.jpg")
    people = {"like": "me.jpg", "largest": 1, "names": ["Somebody"]}[who]
    if who == "names":
        answer("people", "name", "1", "Somebody", root=root)
    recipe = manifest(tmp_path, pictures, people={who: people}, align={"max_outside": 1}, **PARTS)
    answer("run", recipe, "--until", "shard", root=root)
    verdicts = rows(root, "prepared", "t.reason")
    assert {name for name, row in verdicts.items() if row["reason"] is None} == {*SINGLE[1:], "both.png"}
    chosen = rows(root, "selected", "t.reason, t.reason_value, t.face")
    assert chosen["biden.jpg"]["reason"] == "other_person" and 0.6 < chosen["biden.jpg"]["reason_value"] < 1.2
    persons = rows(root, "people", "t.persons")["both.png"]["persons"]
    assert persons[chosen["both.png"]["face"]] == 1, "aligned on that person's face"


def test_a_reference_with_two_faces_or_none_is_refused_in_a_sentence(
    grouped: Path, pictures: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(grouped, tmp_path / "root")
    Image.new("RGB", (90, 90)).save(tmp_path / "nobody.png")
    for name, words in (("both.png", "2 faces"), ("nobody.png", "no face"), ("absent.jpg", "cannot be read")):
        if name == "both.png":
            shutil.copy(pictures / name, tmp_path / name)
        recipe = manifest(tmp_path, pictures, people={"like": name}, **PARTS)
        done = pipeline("run", recipe, "--until", "dedupe", root=root, check=False)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_another_night_joins_standing_persons(grouped: Path, pictures: Path, tmp_path: Path) -> None:
    root, more = shutil.copytree(grouped, tmp_path / "root"), tmp_path / "more"
    more.mkdir()
    with Image.open(pictures / "biden.jpg") as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(4).save(more / "again.png")
    sources = [{"import": "folder", "path": str(place)} for place in (pictures, more)]
    answer("run", manifest(tmp_path, pictures, people={}, sources=sources, **PARTS), "--until", "dedupe", root=root)
    persons = {name: row["persons"] for name, row in rows(root, "people", "t.persons").items()}
    assert persons["again.png"] == [2] and persons["biden.jpg"] == [2] and persons["obama.jpg"] == [1]


def test_every_face_becomes_a_picture_of_its_own(grouped: Path, pictures: Path, tmp_path: Path) -> None:
    root = shutil.copytree(grouped, tmp_path / "root")
    with Image.open(pictures / "both.png") as image:
        (tmp_path / "pictures").mkdir()
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "pictures" / "mirrored.png")
    sources = [{"import": "folder", "path": str(place)} for place in (pictures, tmp_path / "pictures")]
    parts = PARTS | {"dedupe": {}, "cluster": {"k": 2}, "align": {"faces": "all", "max_outside": 1}}
    recipe = manifest(tmp_path, pictures, sources=sources, **parts)
    facts = answer("run", recipe, "--until", "report", root=root)
    both = next(row["id"] for name, row in rows(root, "selected", "t.id").items() if name == "both.png")
    query = "select id, reason, eyes from prepared where reason is null order by id"
    made = json.loads(pipeline("sql", query, "--json", root=root).stdout)
    assert len(made) == 6 and {row["id"] for row in made if row["id"].startswith(both)} == {f"{both}-1", f"{both}-2"}
    mirrored = rows(root, "selected", "t.reason, t.keeper")["mirrored.png"]
    assert (mirrored["reason"], mirrored["keeper"]) == ("near_duplicate", both), "a mirror shows the same persons"
    files = {path.stem for path in root.glob("corpora/small/clusters/*/*/images/*.png")}
    assert files == {row["id"] for row in made} and facts["kept"] == 6
    step = next(s for s in json.loads((root / "corpora/small/editions/00002.json").read_text())["funnel"]
                if s["stage"] == "expand")  # fmt: skip
    assert (step["rows_in"], step["kept"]) == (5, 6)


def test_all_that_tells_persons_apart_can_be_removed(grouped: Path, tmp_path: Path) -> None:
    root = shutil.copytree(grouped, tmp_path / "root")
    answer("people", root=root)
    answer("forget", "--identity", "--yes", root=root)
    left = [path for name in ("identified", "people") for path in root.glob(f"corpora/*/{name}/**/*")]
    assert not [path for path in left if path.is_file()]
    assert "never asked who is who" in pipeline("people", root=root, check=False).stderr


def test_a_corpus_that_does_not_ask_stores_nothing(pictures: Path, tmp_path: Path) -> None:
    recipe = manifest(tmp_path, pictures, align={"max_outside": 1}, **PARTS)
    answer("run", recipe, "--until", "dedupe", root=tmp_path / "root")
    assert not (tmp_path / "root/corpora/small/identified").exists()
    answer("people", "--identify", "--no-sheet", root=tmp_path / "root")
    assert (tmp_path / "root/corpora/small/identified").is_dir(), "asked for once, by a flag"
