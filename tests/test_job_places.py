"""The same crawled partitions on a folder, in a real object store, and on a Dask scheduler with a killed worker."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import free_ports, stop, wait_for_port
from job import answer, made, make_pictures, manifest, pipeline
from test_job_kills import crawled_only

from pipeline.storage import Root


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A finished run on a folder: root and manifest. Small partitions, so that there is something to share out."""
    folder = tmp_path_factory.mktemp("places")
    recipe = manifest(folder, make_pictures(folder / "pictures", 60))
    root = folder / "root"
    pipeline("run", recipe, "--until", "crawl", root=root)
    _split(root, 12)
    answer("run", recipe, "--until", "cluster", root=root)
    return root, recipe


def _split(root, rows):
    """Cut the crawled partition into several of `rows` rows."""
    from pipeline import schema, tables

    place = Root(root)
    (name,) = tables.names(place, tables.CRAWLED)
    whole = tables.read(place, tables.CRAWLED, name)
    for number, start in enumerate(range(0, whole.num_rows, rows)):
        stem = name.rsplit("-", 1)[0]
        tables.write(place, tables.CRAWLED, f"{stem}-{number:05d}", whole.slice(start, rows), schema.CRAWLED)


def test_an_object_store_gets_the_same_bytes(here, s3_root):
    root, recipe = here
    store = Root(s3_root)
    for folder in ("originals", "tables/crawled", "corpora/small/sources"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                store.commit(path.relative_to(root).as_posix(), path.read_bytes())
    facts = answer("run", recipe, root=s3_root)
    expected = made(root)
    assert facts["kept"] == 60
    assert facts["runs"]
    assert facts["report"] == f"{s3_root}/reports/small/index.html"
    assert store.exists("reports/small/index.html")
    assert {name: store.read(name) for name in expected} == expected
    rows = answer("status", root=s3_root)
    assert rows["corpora"][0]["kept"] == 60
    assert "Nothing to do" in pipeline("run", recipe, root=s3_root).stderr


def test_a_scheduler_with_a_killed_worker_gets_the_same_bytes(here, tmp_path):
    root, recipe = here
    elsewhere = crawled_only(root, tmp_path / "elsewhere")
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard"]
    scheduler = subprocess.Popen([*dask, "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, scheduler)
        workers = [_worker(address, tmp_path) for _ in range(2)]
        command = [sys.executable, "-m", "pipeline.cli", "run", str(recipe), "--until", "cluster"]
        run = subprocess.Popen([*command, "--root", str(elsewhere), "--scheduler", address], stderr=subprocess.PIPE)
        _wait_for(lambda: list(elsewhere.glob("tables/measured/*/*.parquet")))
        os.killpg(workers[0].pid, signal.SIGKILL)
        workers[0].wait()
        _, messages = run.communicate(timeout=240)
        assert run.returncode == 0, messages
        stop(workers[1])
    finally:
        stop(scheduler)
    assert made(elsewhere) == made(root)


def _worker(address, folder):
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
    return subprocess.Popen(
        [*command, "--local-directory", str(folder)], stderr=subprocess.DEVNULL, start_new_session=True
    )


def _wait_for(found, seconds=120):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.02)


def test_no_scheduler_is_one_sentence(here, tmp_path):
    _, recipe = here
    (port,) = free_ports(1)
    done = pipeline("run", recipe, "--scheduler", f"tcp://127.0.0.1:{port}", root=tmp_path / "new", check=False)
    assert done.returncode == 2
    assert f"No Dask scheduler answers at tcp://127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
