"""`pipeline ingest`: a night takes in what is new, moves nothing that stands, and trains only what grew."""

import json
import subprocess
import sys

import pytest
from job import FAMILIES, answer, make_pictures, manifest, picture, pipeline
from PIL import Image


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """Two evenings: the first run, then a night with new pictures of one family and a near-duplicate."""
    folder = tmp_path_factory.mktemp("nights")
    pictures = make_pictures(folder / "pictures", 60)
    train = {"size": 32, "width": 8, "batch": 16, "kimg": 0.1, "min_pictures": 10, "grow": 0.3, "grow_kimg": 0.1}
    recipe = manifest(folder, pictures, train=train)
    root = folder / "root"
    first = answer("run", recipe, root=root)
    before = folders(first)
    for number in range(100, 120):
        picture("stripes", number).save(pictures / "stripes" / f"new {number}.jpg", quality=92)
    with Image.open(pictures / "discs" / "discs 001.jpg") as old:
        old.convert("L").convert("RGB").save(pictures / "discs" / "again.jpg", quality=70)
    second = answer("ingest", recipe, root=root)
    return root, recipe, first, before, second


def folders(facts):
    """The members of each thematic folder."""
    found = {}
    for cluster in facts["clusters"]:
        with open(f"{cluster['path']}/cluster.json", encoding="utf-8") as file:
            found[cluster["id"]] = {member["id"] for member in json.load(file)["members"]}
    return found


def test_what_is_new_comes_in_and_duplicates_of_what_stands_do_not(nights):
    _, _, first, _, second = nights
    assert second["crawled"] == first["crawled"] + 21
    assert second["kept"] == first["kept"] + 20
    assert second["rejected"]["near_duplicate"] == first["rejected"]["near_duplicate"] + 1


def test_no_picture_changes_its_folder_and_themes_keep_their_names(nights):
    _, _, first, before, second = nights
    after = folders(second)
    assert all(members <= after[cluster] for cluster, members in before.items())
    assert [c["name"] for c in second["clusters"]] == [c["name"] for c in first["clusters"]]


def test_only_themes_that_grew_are_trained_on(nights):
    _, _, first, before, second = nights
    sizes = {cluster["id"]: cluster["size"] for cluster in second["clusters"]}
    trained = {run["cluster"]: run["kimg"] for run in second["runs"]}
    grown = 0
    for run in first["runs"]:
        grew = sizes[run["cluster"]] >= 1.3 * len(before[run["cluster"]])
        grown += grew
        expected = run["kimg"] + 0.1 if grew else run["kimg"]
        assert trained[run["cluster"]] == pytest.approx(expected, abs=0.016)
    assert 0 < grown < len(first["runs"])


def test_a_night_without_news_does_nothing(nights):
    root, recipe, _, _, second = nights
    again = pipeline("ingest", recipe, "--json", root=root)
    assert json.loads(again.stdout)["edition"] == second["edition"]
    assert "Nothing to do" in again.stderr


def test_a_second_run_at_the_same_time_is_refused(nights, tmp_path):
    root, recipe, _, _, _ = nights
    hold = "import sys, time; from pipeline.storage import Root\nwith Root(sys.argv[1]).lock('corpus-small'):\n"
    hold += "    print('held', flush=True)\n    time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", hold, str(root)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        refused = pipeline("ingest", recipe, root=root, check=False)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert refused.returncode == 5
    assert "Another run holds the lock" in refused.stderr
    assert "Nothing to do" in pipeline("ingest", recipe, root=root).stderr


def test_families_end_up_apart(nights):
    """The folders mean something: most pictures of a family lie together."""
    root, _, _, _, _ = nights
    query = "select source_id, cluster from clustered join crawled using (partition, row) where cluster is not null"
    rows = json.loads(pipeline("sql", query, "--json", root=root).stdout)
    best = 0
    for family in FAMILIES:
        mine = [row["cluster"] for row in rows if row["source_id"].startswith(family)]
        best += max(mine.count(cluster) for cluster in set(mine))
    assert best / len(rows) > 0.5
