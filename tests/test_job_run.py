"""`pipeline run` from a folder of pictures to thematic folders and trained GANs, and again, and changed."""

import json
import tarfile
from pathlib import Path

import pytest
from job import answer, files, made, make_pictures, manifest, pipeline

from pipeline import tables
from pipeline.errors import Reason
from pipeline.storage import Root

COUNT = 80


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run: its folder, manifest and answer."""
    folder = tmp_path_factory.mktemp("job")
    recipe = manifest(folder, make_pictures(folder / "pictures", COUNT))
    return folder / "root", recipe, answer("run", recipe, root=folder / "root")


def sql(root, query):
    return json.loads(pipeline("sql", query, "--json", root=root).stdout)


def test_the_answer_has_what_scripts_read(done):
    _, _, facts = done
    assert facts["schema_version"] == 1
    assert facts["crawled"] == COUNT + 5
    assert facts["rejected"] == {
        "exact_duplicate": 1, "near_duplicate": 1, "truncated": 1, "not_a_picture": 1, "empty": 1,
    }
    assert facts["kept"] == COUNT
    assert sum(cluster["size"] for cluster in facts["clusters"]) == COUNT
    assert {"id", "name", "size"} <= facts["clusters"][0].keys()
    assert len(facts["runs"]) == sum(cluster["size"] >= 10 for cluster in facts["clusters"])
    assert all(run["kimg"] >= 0.2 and Path(run["path"]).is_dir() for run in facts["runs"])
    assert Path(facts["report"]).is_file()


def test_every_table_has_every_row_in_the_same_order_with_known_reasons(done):
    root, _, _ = done
    place = Root(root)
    edition = json.loads((root / "corpora/small/editions/00001.json").read_text())
    for name in edition["partitions"]:
        ids = tables.read(place, "tables/crawled/v1", name, ["id"])["id"].to_pylist()
        for table in ("measured", "selected", "prepared", "embedded", "clustered"):
            rows = tables.read(place, edition["folders"][table], name, ["id", "reason"])
            assert rows["id"].to_pylist() == ids
            assert set(rows["reason"].to_pylist()) - {None} <= set(Reason)


def test_views_have_the_columns_scripts_ask_for(done):
    root, _, facts = done
    wanted = {
        "crawled": "id, url, source, source_id, title, creator, style, genre, year, licence, http_status, reason",
        "measured": "id, width, height, format, phash, reason",
        "selected": "id, reason, keeper, distance",
        "prepared": "id, shard, width, height, eyes, reason",
        "embedded": "id, vector",
        "clustered": "id, cluster, distance",
    }
    for view, columns in wanted.items():
        rows = sql(root, f"select {columns} from {view}")
        assert len(rows) == facts["crawled"]
        assert all(len(row["id"]) == 64 and set(row["id"]) <= set("0123456789abcdef") for row in rows)
    hashes = [row["phash"] for row in sql(root, "select phash from measured where reason is null")]
    assert all(isinstance(value, int) and 0 <= value < 2**64 for value in hashes)


def test_titles_come_from_the_index_and_originals_are_byte_exact(done):
    root, recipe, _ = done
    rows = sql(root, "select id, source_id, title, genre from crawled where source_id like 'discs/%'")
    assert len(rows) == COUNT // 4
    for row in rows:
        assert row["title"].startswith("<b>discs & ")
        assert row["genre"] == ["discs"]
        stored = root / "originals" / row["id"][:2] / f"{row['id']}.jpg"
        assert stored.read_bytes() == (recipe.parent / "pictures" / row["source_id"]).read_bytes()


def test_near_duplicates_point_at_the_picture_that_was_kept(done):
    root, _, _ = done
    rows = sql(root, "select s.reason, s.keeper, s.distance, k.reason kept from selected s "
                     "join selected k on k.id = s.keeper and k.reason is null where s.reason like '%duplicate'")
    assert {row["reason"] for row in rows} == {"exact_duplicate", "near_duplicate"}
    assert all(row["distance"] <= 6 for row in rows)


def test_thematic_folders_hold_the_pictures_of_the_table(done):
    root, _, facts = done
    for cluster in facts["clusters"]:
        folder = Path(cluster["path"])
        members = {row["id"] for row in sql(root, f"select id from clustered where cluster = {cluster['id']}")}
        assert {path.stem for path in (folder / "images").iterdir()} == members
        listed = json.loads((folder / "cluster.json").read_text())
        assert {member["id"] for member in listed["members"]} == members
        assert (folder / "sheet.jpg").stat().st_size > 1000


def test_shards_are_tars_of_the_kept_pictures(done):
    root, _, facts = done
    shards = list((root / "corpora/small/prepared").glob("*/shards/*.tar"))
    names = []
    for shard in shards:
        with tarfile.open(shard) as archive:
            names += archive.getnames()
    kept = {row["id"] for row in sql(root, "select id from prepared where reason is null")}
    assert {name.removesuffix(".png") for name in names} == kept
    assert len(names) == facts["kept"]


def test_a_second_run_does_nothing_and_says_so(done):
    root, recipe, facts = done
    before = {name: data for name, data in files(root, "").items() if not name.startswith("locks/")}
    again = pipeline("run", recipe, "--json", root=root)
    assert "Nothing to do" in again.stderr
    assert json.loads(again.stdout)["edition"] == facts["edition"]
    after = {name: data for name, data in files(root, "").items() if not name.startswith("locks/")}
    assert after == before


def test_a_changed_option_redoes_only_what_depends_on_it(done, tmp_path):
    root, recipe, _ = done
    before = made(root)
    changed = manifest(tmp_path, recipe.parent / "pictures", cluster={"k": 3})
    facts = answer("run", changed, "--until", "cluster", root=root)
    assert len(facts["clusters"]) == 3
    after = made(root)
    assert {name: after[name] for name in before} == before
    fresh = after.keys() - before.keys()
    assert {name.split("/")[2] for name in fresh} == {"clustered", "clusters"}


def test_what_people_can_ask(done):
    root, _, facts = done
    status = answer("status", root=root)
    assert status["corpora"][0]["crawled"] == facts["crawled"]
    rejects = answer("rejects", root=root)
    assert {row["reason"]: row["count"] for row in rejects["reasons"]} == facts["rejected"]
    truncated = next(row for row in rejects["reasons"] if row["reason"] == "truncated")["examples"][0]
    shown = answer("show", truncated["id"][:10], root=root)
    assert shown["crawled"][0]["source_id"] == "cut.jpg"
    assert shown["measured"][0]["reason"] == "truncated"
    text = pipeline("rejects", root=root).stdout
    assert "truncated: the file ends before the picture does" in text
