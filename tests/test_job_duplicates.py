"""Duplicates over workers: the same answers from any number of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageOps
from vision_pictures import encode, scene

from pipeline import tables
from pipeline.manifest import Dedupe
from pipeline.runner import Runner
from pipeline.schema import SKETCHED
from pipeline.sketches import Sketches
from pipeline.stages.proofs import Sketched, prove
from pipeline.stages.sketch import packed, sketched
from pipeline.storage import Root


def test_the_proofs_are_the_same_here_and_on_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [scene(seed) for seed in range(4)]
    pictures += [ImageOps.mirror(one) for one in pictures] + [one.crop((20, 20, 300, 220)) for one in pictures]
    rows = [packed(sketched(encode(picture))) for picture in pictures]
    facts = {name: [row[name] for row in rows] for name in rows[0]} | {"id": [str(n) for n in range(len(rows))]}
    root = Root(tmp_path)
    tables.write(root, "tables/sketched", "p", tables.rows(facts, SKETCHED), SKETCHED)
    known = Sketches(root, "tables/sketched", [("p", n) for n in range(len(rows))])
    order, sizes = np.arange(len(rows)), np.array([picture.size for picture in pictures])
    ids = facts["id"]

    def proved(compared: Sketched) -> str:
        return repr(prove(compared, order, 0, sizes, ids, Dedupe(), frozenset()))

    here = proved(Sketched.here(known.keys(), known.sketch))
    assert here.count("Proof(") == 8
    for name, least in (("_SHARE", 5), ("_BATCH", 1)):
        monkeypatch.setattr(f"pipeline.sketches.{name}", least)
    for workers in (1, 2):
        with Runner(workers=workers) as runner:
            assert proved(known.sketched(runner.spread)) == here
            assert runner.started > 2
