"""kill −9 at random moments of `pipeline run`: resumed, it ends as if nothing had happened."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from job import answer, made, make_pictures, manifest, pipeline

KILLS = 20
SEED = 20


def crawled_only(source: Path, target: Path) -> Path:
    """A copy of a root with its originals, crawled partitions and the marks that its sources are taken in."""
    for name in ("originals", "tables/crawled", "corpora/small/sources"):
        shutil.copytree(source / name, target / name)
    return target


@pytest.mark.timeout(1200)
def test_twenty_kills_leave_no_trace(tmp_path):
    recipe = manifest(tmp_path, make_pictures(tmp_path / "pictures", 40))
    undisturbed = tmp_path / "undisturbed"
    pipeline("run", recipe, "--until", "crawl", root=undisturbed)
    disturbed = crawled_only(undisturbed, tmp_path / "disturbed")
    started = time.monotonic()
    answer("run", recipe, "--until", "cluster", root=undisturbed)
    whole = time.monotonic() - started

    expected, moments, killed = made(undisturbed), random.Random(SEED), 0
    while killed < KILLS:
        if _killed(recipe, disturbed, moments.uniform(0.2, 0.6) * whole):  # early enough not to end, mostly
            killed += 1
            alike(made(disturbed), expected)
        else:
            assert made(disturbed) == expected
            shutil.rmtree(disturbed)
            crawled_only(undisturbed, disturbed)
    answer("run", recipe, "--until", "cluster", root=disturbed)
    assert made(disturbed) == expected


def alike(standing: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """What stands is what was expected to be made: another name tells of other code or options, not of a kill."""
    assert not standing.keys() - expected.keys(), "files that the undisturbed run has not: was the code changed?"
    assert not [name for name, data in standing.items() if data != expected[name]], "partial or different files"


def _killed(recipe: Path, root: Path, seconds: float) -> bool:
    """Run the job and kill it with all its processes after `seconds`; False when it was done before."""
    command = [sys.executable, "-m", "pipeline.cli", "run", str(recipe), "--until", "cluster", "--root", str(root)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        assert run.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return True
    return False
