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


def test_a_withdrawn_picture_leaves_the_folders(tmp_path):
    recipe, place = manifest(tmp_path, make_pictures(tmp_path / "pictures", 40)), tmp_path / "root"
    answer("run", recipe, "--until", "cluster", root=place)
    (folder,) = place.glob("corpora/small/clusters/*/00")
    picture = json.loads((folder / "cluster.json").read_text())["members"][0]["id"]
    row = {"id": picture, "source": "x", "source_id": "1", "checked_at": datetime.now(UTC), "outcome": "withdrawn"}
    tables.write(Root(place), tables.CHECKED, "x-20261122T000000-00001", pa.Table.from_pylist([row], CHECKED), CHECKED)
    assert withdrawn(Root(place)) == {picture}

    again = answer("run", recipe, "--until", "cluster", root=place)
    assert again["edition"] == 2
    assert picture not in (folder / "cluster.json").read_text()
    assert not list(folder.glob(f"images/{picture}.*"))
    assert answer("run", recipe, "--until", "cluster", root=place)["edition"] == 2
