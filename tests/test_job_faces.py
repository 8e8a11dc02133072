"""A corpus that asks for alignment: both eyes on the manifest's points, and a reason where there is no face; what is
drawn of it, and that it goes when a picture is taken down."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from job import answer, manifest, picture, pipeline
from PIL import Image

from pipeline import models, report
from pipeline.aligned import Aligned, of_edition
from pipeline.corpus import newest
from pipeline.errors import UsageError
from pipeline.forget import forget
from pipeline.storage import Root

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
    facts["root"] = folder / "root"
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


def test_faces_are_drawn_before_and_after(done):
    facts, rows = done
    root = facts["root"]
    told = answer("faces", "--landmarks", root=root)
    kept = [row for row in rows if row["reason"] is None]
    assert told["aligned"] == len(kept)
    assert sum(one["count"] for one in told["refused"] if one["reason"] == "no_face") == facts["rejected"]["no_face"]
    assert set(told["files"]) == {"sheet", "gif", "mp4", "means", "refused", "landmarks"}
    assert all("corpora/small/aligned/" in path for path in told["files"].values())
    with Image.open(told["files"]["gif"]) as film, Image.open(told["files"]["means"]) as means:
        assert film.n_frames == len(kept) + 1
        assert film.size == means.size == (256, 128), "as found on the left, as aligned on the right"
        film.seek(film.n_frames - 1)
        away = np.abs(np.asarray(film.convert("RGB"), float) - np.asarray(means.convert("RGB"), float))
        assert away.mean() < 12, "it ends in the means"
    reader = cv2.VideoCapture(told["files"]["mp4"])
    assert reader.read()[0]
    reader.release()
    assert "no_face" in pipeline("faces", root=root).stdout


def test_aligned_faces_agree_more_than_those_found(done):
    """The mean of the aligned ones has sharper eyes: more contrast in the band where they lie."""
    found = Aligned(Root(done[0]["root"]), newest(Root(done[0]["root"]), None))
    pairs = found._pairs(found.kept)
    before, after = (np.std([getattr(pair, side).astype(float) for pair in pairs], axis=0) for side in
                     ("before", "after"))  # fmt: skip
    eyes = np.s_[48:68, 24:104]
    assert after[eyes].mean() < before[eyes].mean()


def test_another_picture_or_count_on_the_sheet_of_refused_ones_is_another_file(done):
    found = Aligned(Root(done[0]["root"]), newest(Root(done[0]["root"]), None))
    row = found.refused["no_face"][0]
    rows = [replace(row, id=f"{number:064d}", value=number / 20) for number in range(20)]
    files = set()
    for last in (rows, [*rows[:-1], replace(rows[-1], id="f" * 64)], [*rows, replace(rows[-1], id="f" * 64)]):
        found.refused = {"face_cut": last}
        files.add(found.draw()["refused"])
    assert len(files) == 3


def test_the_report_shows_the_film_and_a_take_down_removes_it(done, tmp_path):
    copy = tmp_path / "root"
    shutil.copytree(done[0]["root"], copy)
    root = Root(copy)
    edition = newest(root, None)
    edition["faces"] = of_edition(root, edition, lambda _: None)
    report.build(root, edition, root.sub("reports/small"))
    page = (copy / "reports/small/faces.html").read_text()
    films = [path.name for path in (copy / "reports/small/faces").iterdir()]
    assert len(films) == 3 and all(f"faces/{name}" in page for name in films)
    victim = Aligned(root, edition).kept[0].id
    forget(root, frozenset([victim]), "id", "asked", lambda _: None)
    assert not list(copy.glob("corpora/small/aligned/*/sheets/*"))
    assert not list(copy.glob("reports/small/faces/*"))


def test_a_corpus_that_aligns_nothing_says_so(done):
    root = Root(done[0]["root"])
    edition = newest(root, None)
    with pytest.raises(UsageError, match="does not align faces"):
        Aligned(root, {**edition, "manifest": {**edition["manifest"], "align": None}})
