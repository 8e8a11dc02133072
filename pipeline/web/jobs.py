"""Trainings that a page starts and stops: each a `pipeline train --cluster N` of its own, with the end of its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

_TAIL = 4000
_PATIENCE = 20.0


@dataclass
class _Job:
    process: subprocess.Popen[bytes]
    log: Path
    began: float
    stopped: bool = False


class Jobs:
    """The trainings of one corpus that this server started. One at a time: a training holds the corpus's lock.

    A training that is stopped commits its last state and goes on from there when it is started again. They end with
    the server.
    """

    def __init__(self, root_url: str, corpus: str) -> None:
        self._root = root_url
        self._corpus = corpus
        self._folder = tempfile.TemporaryDirectory(prefix="wunderkammer-review-")
        self._jobs: dict[int, _Job] = {}

    def start(self, theme: int) -> None:
        """Train the GAN of a theme. Raises UsageError while another training runs."""
        running = next((n for n, job in self._jobs.items() if job.process.poll() is None), None)
        if running is not None:
            raise UsageError(f"Theme {running:02d} is being trained: stop that first, or wait for its end.")
        log = Path(self._folder.name) / f"{theme:02d}.log"
        command = [sys.executable, "-m", "pipeline.cli", "train", "--cluster", str(theme), "--corpus", self._corpus]
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [*command, "--root", self._root], stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._jobs[theme] = _Job(process, log, time.time())

    def stop(self, theme: int) -> None:
        """Ask the training of a theme to commit what it has and end. Raises UsageError when it does not run."""
        job = self._jobs.get(theme)
        if job is None or job.process.poll() is not None:
            raise UsageError(f"Theme {theme:02d} is not being trained by this server.")
        job.stopped = True
        # SIGTERM unwinds like Ctrl-C, which a server that was started in the background would not pass on.
        os.kill(job.process.pid, signal.SIGTERM)

    def states(self) -> list[dict[str, Any]]:
        """What each training does: running, stopping, stopped, done or failed, with the end of its log."""
        return [
            {"theme": theme, "state": _state(job), "began": job.began, "log": _tail(job.log)}
            for theme, job in sorted(self._jobs.items())
        ]

    def close(self) -> None:
        """Stop all, and wait for them."""
        for theme, job in self._jobs.items():
            if job.process.poll() is None:
                with suppress(UsageError):
                    self.stop(theme)
        for job in self._jobs.values():
            try:
                job.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                job.process.kill()
                job.process.wait()
        self._folder.cleanup()


def _state(job: _Job) -> str:
    code = job.process.poll()
    if code is None:
        return "stopping" if job.stopped else "running"
    if code == 0:
        return "done"
    return "stopped" if job.stopped else "failed"


def _tail(path: Path) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read().decode("utf-8", "replace")
