"""Training a cluster: what is refused is refused with advice, once."""

import json

import numpy as np
import pytest
from PIL import Image

from pipeline import membership
from pipeline.errors import UsageError
from pipeline.manifest import Train
from pipeline.storage import Root
from pipeline.training import RunTask, load_pictures, plan, train_cluster


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


class Standing:
    """As much of a corpus as planning looks at."""

    def __init__(self, folder, **train):
        self.root, self.name = Root(folder), "x"
        self.folders, self.digests = {"runs": "runs/x"}, {"clustered": "c", "prepared": "p"}
        self.manifest = type("M", (), {"train": Train(size=32, width=4, min_pictures=10, **train)})()

    def partitions(self):
        return []


def themes(folder, *sizes):
    found = []
    for number, size in enumerate(sizes):
        images = folder / f"clusters/{number:02d}/images"
        images.mkdir(parents=True)
        for index in range(size):
            noise = np.random.default_rng((number, index)).integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(noise).save(images / f"{index}.png")
        ids = [{"id": f"{number}{index:03d}"} for index in range(size)]
        (images.parent / "cluster.json").write_text(json.dumps({"members": ids}))
        found.append({"id": number, "name": f"t{number}", "size": size, "path": f"clusters/{number:02d}"})
    return found


def test_a_base_on_all_themes_comes_first_and_each_begins_with_it(tmp_path):
    clusters = themes(tmp_path, 12, 14, 3)
    corpus = Standing(tmp_path, kimg=0.2, batch=8)
    planned = plan(corpus, clusters, 1)
    assert planned.base is not None
    assert (planned.base.members, planned.base.kimg, planned.base.label) == (29, 0.2, "the base")
    assert [task.cluster for task in planned.tasks] == [0, 1] and [r["cluster"] for r in planned.refused] == [2]
    assert {task.start for task in planned.tasks} == {Root(tmp_path).sub(planned.base.run).url}
    assert train_cluster(planned.base)["pictures"] == 29
    again = plan(corpus, clusters, 1)
    assert again.base is None, "trained once"
    train_cluster(again.tasks[0])
    facts = json.loads((tmp_path / again.tasks[0].run / "options.json").read_text())
    assert facts["start"]["run"].endswith(planned.base.run)


def test_themes_begin_from_a_run_that_is_named(tmp_path):
    """`--from`: of the root or of any other place, into a run of its own, and without a base."""
    clusters, root = themes(tmp_path, 12, 14), Root(tmp_path)
    corpus = Standing(tmp_path, kimg=0.2, batch=8, total_minutes=None)
    own = plan(corpus, clusters, 1, whole=False).tasks[0]
    train_cluster(own)
    from_root = plan(corpus, clusters, 1, start=f"{own.run}/")
    assert from_root.base is None and {task.start for task in from_root.tasks} == {root.sub(own.run).url}
    assert from_root.tasks[0].run != own.run, "what it had begun with decides its course"
    assert plan(corpus, clusters, 1, start=root.sub(own.run).url).tasks[0].run == from_root.tasks[0].run
    train_cluster(from_root.tasks[0])
    facts = json.loads(root.read(f"{from_root.tasks[0].run}/options.json"))
    assert facts["start"] | {"sha256": ""} == {"run": root.sub(own.run).url, "kimg": "0.2", "sha256": ""}
    again = plan(corpus, clusters, 1, start=own.run)
    assert [run["path"] for run in again.finished] == [from_root.tasks[0].run], "the same command goes on with it"
    elsewhere = plan(Standing(tmp_path / "other", kimg=0.2, batch=8), [], 1, start=str(tmp_path / own.run))
    assert elsewhere.tasks == []
    with pytest.raises(UsageError, match="There is no trained run runs/x/99"):
        plan(corpus, clusters, 1, start="runs/x/99")


def test_who_gets_no_base(tmp_path):
    clusters = themes(tmp_path, 12, 14)
    assert plan(Standing(tmp_path, kimg=1, warm=False), clusters, 1).base is None, "--scratch"
    assert plan(Standing(tmp_path, kimg=1, warm=False), clusters, 1).tasks[0].start is None
    assert plan(Standing(tmp_path, kimg=1), clusters, 1, whole=False).base is None, "--cluster"
    assert plan(Standing(tmp_path, kimg=1), clusters[:1], 1).base is None, "one theme alone"


def test_time_is_shared_between_the_base_and_the_themes(tmp_path):
    planned = plan(Standing(tmp_path, total_minutes=40), themes(tmp_path, 10, 30), 1)
    assert planned.base is not None and planned.base.minutes == 10
    assert [task.minutes for task in planned.tasks] == [7.5, 22.5]


def test_on_which_pictures_a_run_is_trained_is_known_however_often_it_goes_on(tmp_path):
    clusters, root = themes(tmp_path, 12, 14), Root(tmp_path)
    corpus = Standing(tmp_path, kimg=0.2, batch=8)
    first = plan(corpus, clusters, 1)
    assert len(membership.trained_on(root, first.base.run)) == 26
    ids = [{"id": f"0{index:03d}"} for index in range(13)]
    (tmp_path / "clusters/00/cluster.json").write_text(json.dumps({"members": ids}))
    again = plan(corpus, clusters, 1)
    assert again.tasks[0].run == first.tasks[0].run, "it was stopped before its budget, and grew"
    assert "0012" in membership.trained_on(root, again.tasks[0].run)
    assert len(membership.trained_on(root, again.base.run)) == 27
