"""Any input: 1,435 odd and broken files go through every stage, and every row comes out with a result or a reason."""

import json
from collections import Counter

import pytest
from job import answer, manifest

from pipeline import tables
from pipeline.errors import Reason
from pipeline.storage import Root


@pytest.mark.timeout(600)
def test_rows_are_conserved_whatever_comes_in(shared, tmp_path):
    recipe = manifest(tmp_path, shared / "data" / "formats", select={"min_side": 1, "max_aspect": 1000})
    root = tmp_path / "root"
    facts = answer("run", recipe, "--until", "cluster", root=root)
    assert facts["crawled"] > 1000
    assert facts["kept"] + sum(facts["rejected"].values()) == facts["crawled"]
    edition = json.loads(next((root / "corpora/small/editions").iterdir()).read_text())
    place, seen = Root(root), Counter()
    for name in edition["partitions"]:
        ids = tables.read(place, "tables/crawled/v1", name, ["id"])["id"].to_pylist()
        before = [None] * len(ids)
        for table in ("crawled", "measured", "selected", "prepared", "embedded", "clustered"):
            rows = tables.read(place, edition["folders"][table], name, ["id", "reason"])
            reasons = rows["reason"].to_pylist()
            assert rows["id"].to_pylist() == ids
            assert set(reasons) - {None} <= set(Reason)
            assert all(new is not None for old, new in zip(before, reasons, strict=True) if old is not None)
            before = reasons
        seen.update(before)
    assert seen[None] == facts["kept"] > 300
