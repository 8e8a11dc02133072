"""Training a cluster: what is refused is refused with advice, once."""

import json

import numpy as np
from PIL import Image

from pipeline.manifest import Train
from pipeline.storage import Root
from pipeline.training import RunTask, load_pictures, train_cluster


def test_a_cluster_of_one_picture_many_times_gives_advice(tmp_path):
    folder = tmp_path / "clusters" / "03" / "images"
    folder.mkdir(parents=True)
    for number in range(12):
        Image.new("RGB", (32, 32), (200, 10, 10)).save(folder / f"{number}.png")
    options = Train(size=32, width=4, kimg=0.1, min_pictures=10).model_dump(mode="json")
    task = RunTask(str(tmp_path), 3, "red", "clusters/03", 12, "runs/x/03/00001", 0.1, None, options)
    facts = train_cluster(task)
    assert facts["path"] is None
    assert "1 different pictures (12 in all) are too few" in facts["advice"]
    assert json.loads((tmp_path / "runs/x/03/00001/done.json").read_text())["status"] == "too few pictures"


def test_pictures_are_loaded_by_name_at_the_size_that_is_asked(tmp_path):
    for number, side in enumerate((32, 64, 32)):
        Image.new("RGB", (side, side), (number * 100, 0, 0)).save(tmp_path / f"{number}.png")
    images = load_pictures(Root(tmp_path), ".", 32)
    assert images.shape == (3, 32, 32, 3)
    assert images.dtype == np.uint8
    assert images[:, 5, 5, 0].tolist() == [0, 100, 200]
