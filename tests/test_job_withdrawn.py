"""A picture that its owner withdraws is in no folder of the next edition."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa
from job import answer, make_pictures, manifest

from pipeline import tables
from pipeline.schema import CHECKED
from pipeline.storage import Root
from pipeline.withdrawn import withdrawn


def withdraw(root: Root, picture: str) -> None:
    row = {"id": picture, "source": "x", "source_id": "1", "checked_at": datetime.now(UTC), "outcome": "withdrawn"}
    tables.write(root, tables.CHECKED, "x-20261122T000000-00001", pa.Table.from_pylist([row], CHECKED), CHECKED)


def test_a_withdrawn_picture_leaves_the_folders(tmp_path):
    tiny = {"size": 32, "width": 4, "batch": 8, "kimg": 0.03, "min_pictures": 2, "warm": False}
    recipe = manifest(tmp_path, make_pictures(tmp_path / "pictures", 28), cluster={"k": 2}, train=tiny)
    place = tmp_path / "root"
    answer("run", recipe, "--until", "cluster", root=place)
    (folder,) = place.glob("corpora/small/clusters/*/00")
    picture = json.loads((folder / "cluster.json").read_text())["members"][0]["id"]
    withdraw(Root(place), picture)
    assert withdrawn(Root(place)) == {picture}

    again = answer("run", recipe, "--until", "cluster", root=place)
    assert again["edition"] == 2
    assert picture not in (folder / "cluster.json").read_text()
    assert not list(folder.glob(f"images/{picture}.*"))
    assert answer("run", recipe, "--until", "cluster", root=place)["edition"] == 2

    trained = answer("run", recipe, "--until", "train", root=place)
    edition = json.loads((place / "corpora/small/editions/00003.json").read_text())
    members = {cluster["id"]: cluster["size"] for cluster in edition["clusters"]}
    assert {run["cluster"]: run["pictures"] for run in trained["runs"]} == members
    assert picture not in (folder / "cluster.json").read_text()


def test_a_withdrawn_picture_is_in_no_new_shard(tmp_path):
    recipe, place = manifest(tmp_path, make_pictures(tmp_path / "pictures", 16)), tmp_path / "root"
    answer("run", recipe, "--until", "shard", root=place)
    before = {path: path.read_bytes() for path in place.glob("corpora/small/prepared/*/shards/*.tar")}
    root = Root(place)
    (name,) = tables.names(root, tables.CRAWLED)
    picture = next(row["id"] for row in tables.read(root, tables.CRAWLED, name).to_pylist() if row["reason"] is None)
    withdraw(root, picture)
    answer("run", manifest(tmp_path, tmp_path / "pictures", shard={"size": 48}), "--until", "shard", root=place)
    made = {path: path.read_bytes() for path in place.glob("corpora/small/prepared/*/shards/*.tar")}
    assert len(made) == 2 and before.items() <= made.items()
    assert [picture.encode() in data for path, data in made.items() if path not in before] == [False]
    assert picture.encode() in next(iter(before.values()))
    counts = answer("status", root=place)["corpora"][0]["rejected"]
    assert counts["opted_out"] == 1
