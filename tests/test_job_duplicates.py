"""Duplicates over workers: the same answers from any number of them, with either preset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from job import answer, manifest, pipeline
from PIL import Image, ImageOps
from vision_pictures import encode, scene

from pipeline import tables
from pipeline.manifest import Dedupe
from pipeline.runner import Runner
from pipeline.schema import SKETCHED
from pipeline.sketches import Sketches
from pipeline.stages.proofs import Evidence, prove
from pipeline.stages.shares import shared
from pipeline.stages.sketch import packed, sketched
from pipeline.storage import Root
from pipeline.vision.matching import group_by_hash


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

    def proved(compared: Evidence) -> str:
        return repr(prove(compared, order, 0, sizes, Dedupe()))

    here = proved(Evidence.here(known.keys(), known.sketch))
    assert here.count("Proof(") == 8
    for name, least in (("_SHARE", 5), ("_BATCH", 1)):
        monkeypatch.setattr(f"pipeline.sketches.{name}", least)
    for workers in (1, 2):
        with Runner(workers=workers) as runner:
            assert proved(known.evidence(runner.spread)) == here
            assert runner.started > 2


def test_the_groups_of_hashes_are_the_same_here_and_on_any_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    hashes = rng.integers(0, 2**64, 6000, dtype=np.uint64)
    hashes[3000:] = hashes[:3000] ^ (np.uint64(1) << rng.integers(0, 64, 3000, dtype=np.uint64))
    ranks, kept = rng.integers(0, 50, 6000), rng.random(6000) < 0.3
    monkeypatch.setattr("pipeline.stages.shares._FEW", 100)
    for radius in (2, 9):
        here = group_by_hash(hashes, ranks, radius, kept)
        assert (here.keeper != np.arange(6000)).sum() > 1000
        with Runner(workers=2) as runner:
            there = group_by_hash(hashes, ranks, radius, kept, shared(runner.spread, 2))
            assert runner.started > 2
        assert there.keeper.tobytes() == here.keeper.tobytes()
        assert there.distance.tobytes() == here.distance.tobytes()


@pytest.mark.parametrize(("merits", "winner"), [(["finest", "largest"], "itself.jpg"), (["largest"], "enlarged.jpg")])
def test_a_copy_that_was_only_enlarged_wins_by_size_and_loses_by_fineness(
    tmp_path: Path, merits: list[str], winner: str
) -> None:
    (tmp_path / "pictures").mkdir()
    picture = scene(3)
    picture.save(tmp_path / "pictures/itself.jpg", quality=92)
    large = picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.LANCZOS)
    large.save(tmp_path / "pictures/enlarged.jpg", quality=92)
    recipe = manifest(tmp_path, tmp_path / "pictures", dedupe={"keep": merits})
    pipeline("run", recipe, "--until", "dedupe", root=tmp_path / "root")
    query = "select source_id from crawled join selected using (partition, row) where selected.reason is null"
    told = answer("sql", query, root=tmp_path / "root")
    assert [Path(row["source_id"]).name for row in told] == [winner]
