"""A person's hour in small, over real HTTP: what was decided is in the next edition, and no GAN is trained in vain."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from job import answer, files, make_pictures, manifest, pipeline
from review_serving import serving

from pipeline import tables
from pipeline.storage import Root


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("hour")
    recipe, root = manifest(folder, make_pictures(folder / "pictures", 60)), folder / "root"
    answer("run", recipe, "--until", "train", root=root)
    return recipe, root


def edition(root: Path) -> dict[str, Any]:
    """The newest edition."""
    return json.loads(sorted((root / "corpora/small/editions").iterdir())[-1].read_text())


def members(root: Path, made: dict[str, Any]) -> dict[int, set[str]]:
    """The files in each thematic folder."""
    return {c["id"]: {p.stem for p in (root / c["path"] / "images").iterdir()} for c in made["clusters"]}


def runs(made: dict[str, Any]) -> dict[int, str]:
    return {run["cluster"]: run["path"] for run in made["runs"]}


def test_a_persons_hour(place: tuple[Path, Path]) -> None:
    recipe, root = place
    first = edition(root)
    tables = files(root, *(f"corpora/small/{name}" for name in ("selected", "prepared", "embedded", "clustered")))
    before = members(root, first)
    near = pipeline("sql", "select id from selected where reason = 'near_duplicate'", root=root).stdout.split()[1]
    broken = pipeline("sql", "select id from measured where reason = 'truncated'", root=root).stdout.split()[1]
    with serving(root) as person:
        themes = person.get("/api/themes")["themes"]
        kept, split, merged, into = (theme["id"] for theme in themes)
        some = person.get(f"/api/members?theme={into}")["ids"][:3]
        person.post("/api/decide", action="merge", themes=[merged], into=into)
        plan = person.get(f"/api/split?theme={split}&k=2")
        person.post("/api/decide", action="split", token=plan["token"])
        person.post("/api/decide", action="reject", pictures=some)
        person.post("/api/decide", action="rename", theme=into, name="both of them")
        person.post("/api/decide", action="rescue", pictures=[near])
        assert "cannot be read" in person.post("/api/decide", 400, action="rescue", pictures=[broken])["error"]
        person.post("/api/decide", action="reject", pictures=person.get(f"/api/members?theme={kept}")["ids"][:1])
        person.post("/api/undo")
    answer("run", recipe, "--until", "train", root=root)
    second, after = edition(root), members(root, edition(root))
    number = max(after)
    assert second["decisions"]["count"] == 7
    assert after[into] - {near} == (before[into] | before[merged]) - set(some)
    assert merged not in after
    assert (after[split] | after[number]) - {near} == before[split]
    assert after[number] - {near}
    assert near in set.union(*after.values())
    assert {c["id"]: c["name"] for c in second["clusters"]}[into] == "both of them"
    assert second["counts"]["rejected"]["rejected_by_person"] == 3
    assert second["counts"]["kept"] == first["counts"]["kept"] - 2
    still = files(root, *(f"corpora/small/{name}" for name in ("selected", "prepared", "embedded", "clustered")))
    assert {name: still[name] for name in tables} == tables, "what stood was made anew"
    again = {theme for theme, path in runs(second).items() if path != runs(first).get(theme)}
    changed = {theme for theme in after if after[theme] != before.get(theme)}
    assert {theme for theme in again if runs(second)[theme]} <= changed
    assert all(runs(second)[theme] == runs(first)[theme] for theme in after if theme not in changed)
    assert into in again

    untouched = answer("run", recipe, "--until", "train", root=root)
    assert untouched["edition"] == second["edition"]


def test_all_undone_is_as_if_nothing_had_been(place: tuple[Path, Path]) -> None:
    recipe, root = place
    first = json.loads((root / "corpora/small/editions/00001.json").read_text())
    while json.loads(pipeline("decide", "undo", "--dry-run", "--json", root=root).stdout)["would"]["undo"]:
        pipeline("decide", "undo", root=root)
    answer("run", recipe, "--until", "train", root=root)
    last = edition(root)
    assert last["counts"] == first["counts"]
    assert last["folders"] == first["folders"]
    assert runs(last) == runs(first)
    assert {c["id"]: (c["name"], c["size"]) for c in last["clusters"]} == {
        c["id"]: (c["name"], c["size"]) for c in first["clusters"]
    }
    assert Root(str(root)).folders("runs/small")


def test_killed_while_it_rescues_it_goes_on(place: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, standing = place
    root = tmp_path / "root"
    shutil.copytree(standing, root)
    near = pipeline("sql", "select id from selected where reason = 'near_duplicate'", root=root).stdout.split()[1]
    pipeline("decide", "rescue", near, root=root)
    command = [sys.executable, "-m", "pipeline.cli", "run", str(recipe), "--until", "cluster", "--root", str(root)]
    for mark in ("cache/rescued/*/*/selected/*.parquet", "cache/rescued/*/*/prepared/shards/*.tar"):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running = subprocess.Popen(command, start_new_session=True, **quiet)
        while running.poll() is None and not list(root.glob(mark)):
            time.sleep(0.01)
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    answer("run", recipe, "--until", "cluster", root=root)
    made = edition(root)
    assert near in set.union(*members(root, made).values())
    (shown,) = (
        row for row in tables.read_all(Root(str(root)), made["folders"]["prepared"], made["partitions"],
                                       ["id", "shard", "offset", "size", "sha256"]).to_pylist()
        if row["id"] == near
    )  # fmt: skip
    path = f"{made['folders']['prepared']}/shards/{shown['shard']}"
    data = Root(str(root)).read_range(path, shown["offset"], shown["size"])
    assert hashlib.sha256(data).hexdigest() == shown["sha256"]
