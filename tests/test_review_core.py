"""What a review of the whole job found: steps cut off half-way, runs of other clusters, odd questions."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pytest
from job import answer, make_pictures, manifest, pipeline

from pipeline import ingest, tables
from pipeline.corpus import Corpus, edition
from pipeline.corrections import corrected
from pipeline.decisions import Journal
from pipeline.errors import UsageError
from pipeline.fitting import fit_themes
from pipeline.manifest import Manifest, load
from pipeline.schema import EMBEDDED, VECTOR_DIM
from pipeline.storage import Root
from pipeline.training import plan


class Cut(BaseException):
    """Stands for the moment of a kill: nothing catches it."""


def cut(*_args, **_kwargs):
    raise Cut


def job(root, recipe, **how):
    return ingest.Job(Root(root), load(recipe), workers=1, echo=lambda _: None, command=["run"], **how)


def only_some(manifest_of, **parts):
    return Manifest.model_validate({"corpus": "small", "sources": (), **manifest_of, **parts})


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A trained corpus of two themes, and its recipe."""
    folder = tmp_path_factory.mktemp("review")
    train = {"size": 32, "width": 4, "batch": 8, "kimg": 0.03, "min_pictures": 4}
    recipe = manifest(folder, make_pictures(folder / "pictures", 16), cluster={"k": 2}, train=train)
    root = folder / "root"
    ingest.run(job(root, recipe, until="train"))
    return root, recipe


@pytest.fixture
def standing(grown, tmp_path):
    """A copy of it that a test may change."""
    root, recipe = grown
    shutil.copytree(root, tmp_path / "root")
    return tmp_path / "root", recipe


def test_a_mistyped_corpus_makes_no_new_one(grown):
    root, _ = grown
    done = pipeline("cluster", "--k", "3", "--corpus", "smal", root=root, check=False)
    assert (done.returncode, done.stderr) == (
        2, f"Error: There is no corpus 'smal' at {root}. Did you mean small?\n",
    )  # fmt: skip
    assert [path.name for path in (root / "corpora").iterdir()] == ["small"]
    other = pipeline("cluster", "--corpus", "other", root=root, check=False).stderr
    assert other == f"Error: There is no corpus 'other' at {root}. There is: small.\n"


def test_a_kill_before_the_report_is_made_good(standing, monkeypatch):
    root, recipe = standing
    monkeypatch.setattr("pipeline.report.build", cut)
    with pytest.raises(Cut):
        ingest.run(job(root, recipe))
    monkeypatch.undo()
    facts = ingest.run(job(root, recipe))
    assert (root / facts["report"]).is_file()
    assert f"edition {facts['edition']}" in (root / facts["report"]).read_text().lower()


def test_a_kill_before_the_folders_of_a_night_is_made_good(standing, tmp_path, monkeypatch):
    root, recipe = standing
    pictures = shutil.copytree(recipe.parent / "pictures", tmp_path / "pictures")
    moved = manifest(tmp_path, pictures)
    late = make_pictures(tmp_path / "late", 24)
    keys = json.loads(recipe.read_text())
    keys["sources"].append({"import": "folder", "path": str(late)})
    moved.write_text(json.dumps(keys))
    monkeypatch.setattr("pipeline.ingest.build_folders", cut)
    with pytest.raises(Cut):
        ingest.run(job(root, moved, until="cluster"))
    monkeypatch.undo()
    facts = ingest.run(job(root, moved, until="cluster"))
    listed = sum(len(list((root / cluster["path"] / "images").iterdir())) for cluster in facts["clusters"])
    assert listed == facts["counts"]["kept"] > 16


def test_training_one_cluster_keeps_the_runs_of_the_others(standing):
    root, recipe = standing
    before = edition(Root(root), "small")
    facts = ingest.run(job(root, recipe, until="train", clusters=[1]))
    assert facts["runs"] == before["runs"]
    deeper = load(recipe)
    deeper = deeper.model_copy(update={"train": deeper.train.model_copy(update={"kimg": 0.06})})
    facts = ingest.run(ingest.Job(Root(root), deeper, until="train", clusters=[1], workers=1, echo=lambda _: None))
    assert [run["cluster"] for run in facts["runs"]] == [0, 1]
    assert facts["runs"][0] == before["runs"][0]
    assert facts["runs"][1]["kimg"] >= 0.06


def test_a_cluster_that_is_not_there_is_said(grown):
    root, _ = grown
    done = pipeline("train", "--cluster", "7", root=root, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == "Error: There is no cluster 7: choose among 0, 1."


def test_a_source_taken_away_starts_anew(standing, tmp_path):
    """Else pictures would stay out as duplicates of pictures that are no more in the corpus."""
    root, _ = standing
    mine, other = (make_pictures(tmp_path / name, 16) for name in ("mine", "other"))
    for path in mine.glob("discs/*.jpg"):
        path.unlink()
    sources = [{"import": "folder", "path": str(folder)} for folder in (mine, other)]
    alone = manifest(tmp_path, mine, corpus="shrinking")
    kept = ingest.run(job(root, alone, until="dedupe"))["counts"]["kept"]
    both = manifest(tmp_path, mine, corpus="shrinking", sources=sources)
    assert ingest.run(job(root, both, until="dedupe"))["counts"]["kept"] > kept
    for path in other.glob("discs/*.jpg"):
        shutil.copy(path, mine / "discs" / path.name)
    alone = manifest(tmp_path, mine, corpus="shrinking")
    facts = ingest.run(job(root, alone, until="dedupe", nightly=True))
    assert facts["counts"]["kept"] == kept + 4
    assert ingest.run(job(root, alone, until="dedupe"))["edition"] == facts["edition"]


def test_a_crawl_meanwhile_waits_for_the_next_run(standing):
    root, recipe = standing
    corpus = ingest.open_corpus(job(root, recipe))
    seen = corpus.partitions()
    folder = root / tables.CRAWLED
    shutil.copy(folder / f"{seen[0]}.parquet", folder / f"{seen[0][:-5]}99999.parquet")
    assert corpus.partitions() == seen


def test_a_fit_that_failed_is_tried_on_what_came_since(tmp_path):
    corpus = Corpus(Root(tmp_path), Manifest(corpus="x", sources=(), cluster={"k": 2}), ("",), ("",))
    table = pa.table({"id": pa.array(["a" * 64, "b" * 64])})
    tables.write(corpus.root, tables.CRAWLED, "p-20260101T000000-00001", _crawled(table), _crawled(table).schema)
    _embed(corpus, "p-20260101T000000-00001", [1.0, 1.0])
    with pytest.raises(UsageError, match="2 clusters cannot be made"):
        fit_themes(corpus)
    tables.write(corpus.root, tables.CRAWLED, "p-20260102T000000-00001", _crawled(table), _crawled(table).schema)
    _embed(corpus, "p-20260102T000000-00001", [1.0, -1.0])
    later = Corpus(corpus.root, corpus.manifest, ("",), ("",))
    assert corpus.root.exists(fit_themes(later))


def test_moving_one_out_of_the_unsorted_leaves_the_others_as_far_as_they_are(tmp_path):
    root, name = Root(tmp_path), "p-20260101T000000-00001"
    corpus = Corpus(root, Manifest(corpus="x", sources=()), ("",), ("",))
    _embed(corpus, name, [1.0, 1.0, -1.0, -1.0, 1.0])
    ids = [f"{number:064x}" for number in range(5)]
    rows = pa.table({
        "partition": [name] * 5, "row": [0, 1, 2, 3, 4], "id": ids, "cluster": pa.array([0, 0, -2, -2, -2], pa.int32()),
        "distance": pa.array([0.3, 0.3, 0.9, 0.8, 0.7], pa.float32()),
    })  # fmt: skip
    Journal(root, "x").add("move", pictures=ids[4:], into=0)
    made = corrected(corpus, rows)
    assert made["cluster"].to_pylist() == [0, 0, -2, -2, 0]
    assert made["distance"].to_pylist() == pytest.approx([0, 0, 0.9, 0.8, 0], abs=1e-6)


def _crawled(table):
    from pipeline.schema import CRAWLED

    return tables.rows({"id": table["id"].to_pylist()}, CRAWLED)


def _embed(corpus, name, signs):
    vectors = [[sign, *[0.0] * (VECTOR_DIM - 1)] for sign in signs]
    ids = [f"{number:064x}" for number in range(len(signs))]
    rows = tables.rows({"id": ids, "vector": vectors}, EMBEDDED)
    tables.write(corpus.root, corpus.folders["embedded"], name, rows, EMBEDDED)


def test_rejects_while_a_stage_is_half_done(standing, tmp_path):
    root, recipe = standing
    late = make_pictures(tmp_path / "late", 8)
    keys = json.loads(recipe.read_text())
    keys["sources"].append({"import": "folder", "path": str(late)})
    (two := tmp_path / "two.yaml").write_text(json.dumps(keys))
    facts = ingest.run(job(root, two, until="measure"))  # `clustered` lacks the new partition
    assert len(facts["partitions"]) == 2
    found = answer("rejects", root=root)
    assert "truncated" in {row["reason"] for row in found["reasons"]}
    ingest.run(job(tmp_path / "fresh", two, until="crawl"))
    found = answer("rejects", root=tmp_path / "fresh")
    assert {row["reason"] for row in found["reasons"]} == {"empty", "not_a_picture"}


def test_a_refused_cluster_is_tried_again_with_another_minimum(standing):
    root, recipe = standing
    corpus = ingest.open_corpus(job(root, recipe))
    cluster = edition(Root(root), "small")["clusters"][0]
    first = plan(corpus, [cluster], 1).finished[0]
    path = root / first["path"] / "done.json"
    done = json.loads(path.read_text())
    size = cluster["size"]
    refused = done | {"status": "too few pictures", "kimg": 0.0, "advice": "x", "pictures": size, "min_pictures": 9}
    path.write_text(json.dumps(refused))
    assert plan(corpus, [cluster], 1).tasks[0].kimg == corpus.manifest.train.kimg
    path.write_text(json.dumps(refused | {"min_pictures": corpus.manifest.train.min_pictures}))
    assert plan(corpus, [cluster], 1).refused[0]["advice"] == "x"


def test_exact_hashes_are_shown_once_they_are_measured(standing):
    root, recipe = standing
    exact = load(recipe).model_copy(update={"measure": load(recipe).measure.model_copy(update={"hash": "exact"})})
    ingest.run(ingest.Job(Root(root), exact, until="measure", workers=1, echo=lambda _: None))
    folder = next((root / "tables/measured/v3-exact").iterdir())
    wanted = tables.read(Root(root), "tables/measured/v3-exact", folder.stem, ["phash"])["phash"].to_pylist()
    rows = json.loads(pipeline("sql", "select phash from measured order by row", "--json", root=root).stdout)
    assert [row["phash"] for row in rows] == wanted


@pytest.mark.parametrize("query", [
    "", "select 1; select 2", "create table x(a int)", "copy (select 1) to 'made.csv'", "drop view crawled",
    "attach 'made.db'", "set threads = 1",
])  # fmt: skip
def test_sql_only_reads(query, tmp_path):
    done = pipeline("sql", query, root=tmp_path / "root", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: One query that reads is needed")
    assert not list(tmp_path.iterdir())


def test_every_value_of_sql_has_a_json_form(tmp_path):
    query = "select 0.5 a, 'nan'::double b, 1 a, null c, interval 1 day d, [1, 2] e, 'x' f, true g"
    (row,) = json.loads(pipeline("sql", query, "--json", root=tmp_path).stdout)
    assert row == {"a": 0.5, "b": None, "a_1": 1, "c": None, "d": "1 day, 0:00:00", "e": [1, 2], "f": "x", "g": True}


@pytest.mark.parametrize("args", [
    ("train", "--all", "--kimg", "-1"), ("train", "--all", "--batch", "1"), ("cluster", "--corpus", "Bad Name"),
])  # fmt: skip
def test_values_out_of_range_are_one_sentence(args, tmp_path):
    done = pipeline(*args, root=tmp_path, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_dry_run_serves_no_gallery_and_probes_no_root(tmp_path):
    assert answer("gallery", "--dry-run", "--count", "4", root=tmp_path / "root")["would"]["count"] == 4
    assert "checks" in answer("doctor", "--dry-run", root=tmp_path / "root")
    recipe = manifest(tmp_path, tmp_path)
    assert "ingest" in answer("schedule", recipe, "--dry-run", root=tmp_path / "root")["schedule"]
    assert not (tmp_path / "root").exists()


def test_the_reasons_can_be_asked_when_no_picture_is_left(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "page.jpg").write_text("<html>")
    pipeline("import", "folder", tmp_path / "pictures", root=tmp_path / "root")
    for _ in range(2):
        done = pipeline("cluster", "--k", "1", "--workers", "1", root=tmp_path / "root", check=False)
        assert "see `pipeline rejects`" in done.stderr
    found = answer("rejects", root=tmp_path / "root")
    assert (found["edition"], [row["reason"] for row in found["reasons"]]) == (1, ["not_a_picture"])


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_so_and_leaves_no_process(sign, code, tmp_path):
    """The terminal sends Ctrl-C to the workers too, while they start."""
    recipe = manifest(tmp_path, make_pictures(tmp_path / "pictures", 4), cluster={"k": 1})
    hear = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [sys.executable, "-c", hear + "from pipeline.cli import main; main()", "run", str(recipe)]
    command += ["--json", "--workers", "2", "--root", str(tmp_path / "root")]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    for line in run.stderr:
        if line.startswith("crawl"):
            break
    time.sleep(1)
    os.killpg(run.pid, sign) if sign == signal.SIGINT else run.terminate()
    out, err = run.communicate(timeout=60)
    assert run.returncode == code, err
    assert json.loads(out)["error"]["exit_code"] == code
    assert "Traceback" not in err
    assert _gone(run.pid)


def _gone(group):
    """Whether the processes of a group end within some seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("verb", [("status",), ("sql", "select 1"), ("show", "abcd")])
def test_a_damaged_table_is_one_sentence(verb, standing):
    root, _ = standing
    next((root / tables.CRAWLED).iterdir()).write_bytes(b"x")
    done = pipeline(*verb, root=root, check=False)
    assert done.returncode == 7
    assert done.stderr.startswith("Error: Table crawled cannot be read")
    assert len(done.stderr.strip().splitlines()) == 1
