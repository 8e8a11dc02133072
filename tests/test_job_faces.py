"""A corpus that asks for alignment: both eyes on the manifest's points, and a reason where there is no face."""

import json
import shutil

import pytest
from job import answer, manifest, picture, pipeline

from pipeline import models
from pipeline.errors import UsageError

EYES = [[0.3, 0.45], [0.7, 0.45]]
SIZE = 64


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Photographs of faces and two pictures without, taken through a run that aligns."""
    folder = tmp_path_factory.mktemp("faces")
    try:
        faces = models.path("demo_faces")
    except UsageError as error:
        pytest.skip(str(error))
    pictures = folder / "pictures"
    shutil.copytree(faces, pictures)
    for number in range(2):
        picture("stripes", number).save(pictures / f"stripes {number}.png")
    recipe = manifest(folder, pictures, align={"eyes": EYES, "max_faces": 3}, shard={"size": SIZE}, cluster={"k": 2})
    facts = answer("run", recipe, "--until", "cluster", root=folder / "root")
    query = (
        "select c.source_id, p.reason, p.eyes, p.width from prepared p join crawled c using (partition, row) order by 1"
    )
    return facts, json.loads(pipeline("sql", query, "--json", root=folder / "root").stdout)


def test_pictures_without_a_face_are_rejected_for_it(done):
    facts, rows = done
    reasons = {row["source_id"]: row["reason"] for row in rows}
    assert reasons["stripes 0.png"] == reasons["stripes 1.png"] == "no_face"
    assert facts["rejected"]["no_face"] >= 2


def test_both_eyes_land_on_the_points_that_were_asked(done):
    _, rows = done
    kept = [row for row in rows if row["reason"] is None]
    assert len(kept) >= 4
    for row in kept:
        assert row["width"] == SIZE
        assert row["eyes"] == pytest.approx([SIZE * share for eye in EYES for share in eye], abs=0.01)
