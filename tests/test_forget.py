"""After a take-down nothing of the picture stands anywhere and nothing brings it back, whenever it was killed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from job import answer, make_pictures, manifest, pipeline

from gan.sums import Named, Names
from pipeline import erase, forget, shards, tables
from pipeline.errors import Reason, UsageError
from pipeline.schema import PREPARED
from pipeline.stages.assign import parts_of
from pipeline.storage import Root
from pipeline.vision.standing import decoded
from spiders.run import take

PICTURES = 28
FOUND = "select id, source_id, url from crawled where sha256 is not null order by source_id"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pictures`, a recipe and a root with everything up to a trained GAN and a report."""
    folder = tmp_path_factory.mktemp("forget")
    tiny = {"size": 32, "width": 4, "batch": 8, "kimg": 0.03, "min_pictures": 2}
    recipe = manifest(folder, make_pictures(folder / "pictures", PICTURES), cluster={"k": 2}, train=tiny)
    answer("run", recipe, "--until", "report", root=folder / "root")
    return folder


def trained_on(root: Path) -> tuple[str, list[str]]:
    """A picture that a GAN has seen, and the folders of its run and of the base, which has seen all."""
    edition = json.loads(next(root.glob("corpora/small/editions/00001.json")).read_text())
    run = next(run for run in edition["runs"] if run["path"])
    bases = [path.relative_to(root).as_posix() for path in root.glob("runs/small/base/*")]
    members = json.loads((root / next(c for c in edition["clusters"] if c["id"] == run["cluster"])["path"]
                          / "cluster.json").read_text())["members"]  # fmt: skip
    return members[0]["id"], [run["path"], *bases]


def heirs_of(root: Path, runs: list[str]) -> list[str]:
    """The other runs: all themes begin with the networks of the base."""
    every = [path.parent.relative_to(root).as_posix() for path in sorted(root.glob("runs/small/*/*/options.json"))]
    return [run for run in every if run not in runs]


def traces(root: Path, needles: list[bytes]) -> list[Path]:
    """The files that hold any of these bytes."""
    return [path for path in root.rglob("*") if path.is_file() and any(n in path.read_bytes() for n in needles)]


def facts_of(root: Path, picture: str) -> dict[str, Any]:
    """The bytes that are made of a picture: the original, the prepared picture, and its vectors."""
    original = next(path for path in root.glob(f"originals/*/{picture}*"))
    (place,) = root.glob(f"corpora/small/clusters/*/*/images/{picture}.*")
    (table,) = root.glob("corpora/small/embedded/*/*.parquet")
    rows = tables.read(Root(root), str(table.parent.relative_to(root)), table.stem)
    at = np.flatnonzero(np.asarray(pa.compute.equal(rows["id"], picture)))[:1]
    return {
        "original": original.read_bytes(), "prepared": place.read_bytes(),
        "parts": parts_of({name: rows[name] for name in rows.column_names}, at),
    }  # fmt: skip


def closest(root: Path, parts: dict[str, np.ndarray]) -> float:
    """How near any picture that themes are told by is to this one: its cosine."""
    (path,) = root.glob("corpora/small/clusters/*/themes.npz")
    with np.load(path) as arrays:
        themes = decoded(arrays)
    return float((themes.references @ themes.space.project(parts).T).max())


def test_nothing_of_it_stands_anywhere(standing: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(standing / "root", tmp_path / "root"))
    picture, runs = trained_on(root)
    before = facts_of(root, picture)
    needles = [before["original"][-200:-136], before["prepared"][-80:-16]]
    assert len(traces(root, needles)) >= 3
    assert len(runs) == 2 and all((root / run / "reals.png").exists() for run in runs)
    beside = [root / runs[0] / shelf / "sheet.png" for shelf in ("neurons", "rank", "project", "walks")]
    for sheet in beside:
        sheet.parent.mkdir()
        sheet.write_bytes(before["prepared"] if sheet.parent.name != "walks" else b"drawn by the generator")
    part = next(root.glob(f"corpora/small/clusters/*/*/images/{picture}.*")).parents[1] / "parts/0/images"
    part.mkdir(parents=True)
    (part / f"{picture}.png").write_bytes(before["prepared"])
    heirs = heirs_of(root, runs)
    assert len(heirs) == 1
    for run in (*runs, *heirs):
        named = {"it": {"latent": [0.5] * 100}, "a": {"seeds": [3]}}
        (root / run / "names.json").write_text(json.dumps({"names": named}))
        (root / run / "export").mkdir()
        for name in ("credits.csv", "credits.md", "generator.onnx"):
            (root / run / "export" / name).write_text("by Somebody")
    told = next(root.glob("corpora/small/clusters/*/themes.json"))
    unsorted = {"size": 2, "pictures": [picture, "other"]}
    group = {"number": 9, "name": "theme 09", "size": 2, "cohesion": 1.0, "medoids": [picture], "pictures": [picture]}
    told.write_text(json.dumps({"unsorted": unsorted, "proposals": [group]}))

    ahead = answer("forget", picture[:10], "--dry-run", root=root)
    assert (ahead["removed"], ahead["pictures"], ahead["runs"]) == (False, [picture], runs)
    assert pipeline("forget", picture, root=root, check=False).returncode == 2, "nobody said yes"
    assert traces(root, needles)

    said = answer("forget", picture[:10], "--yes", "--why", "asked by the owner", root=root)
    assert (said["editions"], said["runs"], said["heirs"]) == (["small/00001"], runs, heirs)
    assert traces(root, needles) == []
    for run in (*runs, *heirs):
        assert Names(Root(root / run), 0).all() == {"a": Named(seeds=(3,))}
        exported = {path.name for path in (root / run / "export").iterdir()}
        assert exported == ({"generator.onnx"} if run in runs else {"credits.csv", "credits.md", "generator.onnx"})
        assert (root / run / "reals.png").exists() == (run in heirs)
    assert json.loads(told.read_text()) == {
        "unsorted": unsorted | {"pictures": ["other"]}, "proposals": [group | {"medoids": [], "pictures": []}],
    }  # fmt: skip
    assert closest(root, before["parts"]) < 0.9999 <= closest(standing / "root", before["parts"])
    assert not [path for path in root.rglob(f"*{picture}*") if path.suffix not in (".html", ".done")]
    for table in ("measured", "sketched", "selected", "prepared", "embedded", "clustered"):
        for path in root.glob(f"**/{table}/*/*.parquet"):
            table_of = tables.read(Root(root), str(path.parent.relative_to(root)), path.stem)
            for row in table_of.filter(pa.compute.equal(table_of["id"], picture)).to_pylist():
                left = {name for name, value in row.items() if value is not None}
                assert left <= {"id", "reason", "bytes"} and row["reason"] == "forgotten", path
    assert [sheet.exists() for sheet in beside] == [False, False, False, True]
    stone = tables.read(Root(root), tables.REMOVED, tables.names(Root(root), tables.REMOVED)[0]).to_pylist()[0]
    assert (stone["id"], stone["why"], stone["runs"]) == (picture, "asked by the owner", runs + heirs)

    again = answer("run", standing / "small.yaml", "--until", "report", root=root)
    assert again["rejected"]["forgotten"] == 1
    answer("ingest", standing / "small.yaml", "--until", "cluster", root=root)
    assert traces(root, needles) == [], "the next import does not bring it back"


def test_a_run_is_named_whose_theme_the_picture_has_left_since(standing: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(standing / "root", tmp_path / "root"))
    picture, runs = trained_on(root)
    (place,) = root.glob(f"corpora/small/clusters/*/*/images/{picture}.*")
    listed = place.parents[1] / "cluster.json"
    said = json.loads(listed.read_text())
    said["members"] = [member for member in said["members"] if member["id"] != picture]
    listed.write_text(json.dumps(said))
    assert sorted(forget.trace(Root(root), frozenset([picture])).runs) == sorted(runs)


def test_heirs_of_heirs_are_named_wherever_the_root_has_moved(tmp_path: Path) -> None:
    root, picture = Root(tmp_path), "a" * 64
    begun = {"base/1": None, "01/1": "file:///elsewhere/runs/c/base/1", "02/1": "s3://b/runs/c/01/1/", "03/1": None}
    for run, start in begun.items():
        options = {"start": {"run": start, "kimg": "1"} if start else None}
        root.commit(f"runs/c/{run}/options.json", json.dumps(options).encode())
        ids = [picture if run == "base/1" else "b" * 64]
        root.commit(f"runs/c/{run}/members.json", json.dumps({"partitions": [], "ids": ids}).encode())
    found = forget.trace(root, frozenset([picture]))
    assert (found.runs, found.heirs) == (["runs/c/base/1"], ["runs/c/01/1", "runs/c/02/1"])


def test_other_pictures_of_the_shard_can_still_be_read(standing: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(standing / "root", tmp_path / "root"))
    (before,) = root.glob("corpora/small/prepared/*/shards/*.tar")
    picture, _ = trained_on(root)
    answer("forget", picture, "--yes", root=root)
    (shard,) = root.glob("corpora/small/prepared/*/shards/*.tar")
    assert shard != before and picture.encode() not in shard.read_bytes()
    for row in json.loads(pipeline("sql", "select * from prepared where reason is null", "--json", root=root).stdout):
        data = shard.read_bytes()[row["offset"] : row["offset"] + row["size"]]
        assert row["shard"] == shard.name and data.startswith(b"\x89PNG") and len(data) == row["size"]
    folder = next(path.parent for path in root.glob("corpora/small/clusters/*/*/cluster.json"))
    said = json.loads((folder / "cluster.json").read_text())
    assert {member["file"].split("/")[1] for member in said["members"]} == {p.name for p in folder.glob("images/*")}


def test_pictures_are_found_by_place_and_creator(standing: Path) -> None:
    root = Root(standing / "root")
    rows = json.loads(pipeline("sql", FOUND, "--json", root=root.url).stdout)
    assert set(forget.find(root, url=rows[3]["url"])) == {rows[3]["id"]}
    assert len(forget.find(root, creator="nobody")) >= PICTURES
    for wrong in ({"host": "example.org"}, {"creator": "Somebody"}, {"url": "file:///x"}):
        with pytest.raises(UsageError, match="No picture that stands here"):
            forget.find(root, **wrong)
    for arguments in ((), ("--host", "a.org", "--url", "b")):
        assert "by one of" in pipeline("forget", *arguments, root=root.url, check=False).stderr


@pytest.mark.parametrize(("host", "place", "meant"), [
    ("example.org", "https://example.org/a.jpg", True), ("example.org", "https://i.example.org:80/a.jpg", True),
    ("example.org", "https://notexample.org/a.jpg", False), ("Example.org", "https://x.net/?u=example.org", False),
])  # fmt: skip
def test_a_host_is_itself_and_what_is_below(tmp_path: Path, host: str, place: str, meant: bool) -> None:
    root = Root(tmp_path)
    row = tables.rows({"id": ["a" * 64], "sha256": ["a" * 64], "url": [place]}, tables.SCHEMAS["crawled"])
    tables.write(root, tables.CRAWLED, "x-20261122T000000-00001", row, tables.SCHEMAS["crawled"])
    if meant:
        assert forget.find(root, host=host)
    else:
        with pytest.raises(UsageError):
            forget.find(root, host=host)


class Killed(BaseException):
    """The process is gone."""


class Dying(Root):
    """A root whose process dies at its n-th change."""

    left = 0

    def _count(self) -> None:
        type(self).left -= 1
        if type(self).left < 0:
            raise Killed

    def commit(self, path: str, data: bytes) -> None:
        self._count()
        super().commit(path, data)

    def delete(self, path: str, missing_ok: bool = True) -> None:
        self._count()
        super().delete(path, missing_ok)


def contents(root: Path) -> dict[str, bytes]:
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    beside = ("removed/", "reports/", "locks/")
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(beside)}


def test_a_kill_at_any_moment_is_made_good(standing: Path, tmp_path: Path) -> None:
    picture, _ = trained_on(standing / "root")
    whole = Path(shutil.copytree(standing / "root", tmp_path / "whole"))
    shutil.rmtree(whole / "reports")
    forget.forget(Root(whole), frozenset([picture]), "id", "", lambda _: None)
    expected, steps, moment = contents(whole), 0, 0
    while True:
        place = Path(shutil.copytree(standing / "root", tmp_path / f"{moment}"))
        shutil.rmtree(place / "reports")
        Dying.left = moment
        try:
            forget.forget(Dying(place), frozenset([picture]), "id", "", lambda _: None)
            break
        except Killed:
            steps += 1
        assert tables.forgotten(Root(place)) == {picture}, "no edition uses it from now on"
        assert forget.finish(Root(place), lambda _: None) == 1
        assert forget.finish(Root(place), lambda _: None) == 0
        assert contents(place) == expected, moment
        shutil.rmtree(place)
        moment += 1
    assert steps >= 10


def test_the_bytes_are_not_taken_in_from_elsewhere(standing: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(standing / "root", tmp_path / "root"))
    picture, _ = trained_on(root)
    (original,) = root.glob(f"originals/*/{picture}*")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(original, tmp_path / "elsewhere" / "another name.jpg")
    shutil.copy(next(p for p in root.glob("originals/*/*") if p != original), tmp_path / "elsewhere" / "fine.jpg")
    answer("forget", picture, "--yes", root=root)
    summary = take({"import": "folder", "path": str(tmp_path / "elsewhere")}, Root(root))
    assert (summary.new, dict(summary.failed)) == (1, {str(Reason.FORGOTTEN): 1})
    assert not list(root.glob(f"originals/*/{picture}*"))


def test_rows_keep_their_place_and_lose_what_they_said() -> None:
    ids = ["a" * 64, "b" * 64, f"{'a' * 64}-2"]
    rows = tables.rows({"id": ids, "shard": ["s"] * 3, "eyes": [[1.0, 2, 3, 4]] * 3, "width": [8] * 3}, PREPARED)
    made = erase.blanked(rows, PREPARED, frozenset(["a" * 64])).to_pylist()
    assert [row["id"] for row in made] == ids
    assert [row["reason"] for row in made] == ["forgotten", None, "forgotten"]
    assert made[0]["eyes"] is None and made[1]["eyes"] == [1, 2, 3, 4] and made[2]["width"] is None
    assert shards.pack([], [])[1] == []
