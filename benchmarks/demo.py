"""The demo as a newcomer runs it: minutes, peak memory of all its processes, and the second run that does nothing.

    python benchmarks/demo.py --root /tmp/demo
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import psutil


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds of the command, and the peak of the memory of it and its children, in GiB.

    Memory is the proportional set size (pages shared by several processes are counted once), asked four times a
    second.
    """
    began, peak = time.monotonic(), 0
    with subprocess.Popen(command, stdout=sys.stderr) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, sum(_memory(p) for p in [root, *root.children(recursive=True)]))
            time.sleep(0.25)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.monotonic() - began, peak / 2**30


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def main() -> None:
    """Run the demo twice and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    root = parser.parse_args().root
    command = [sys.executable, "-m", "pipeline.cli", "demo", "--root", str(root)]
    print("| run | seconds | peak memory GiB |\n|---|---|---|")
    for name in ("first", "second, nothing to do"):
        seconds, peak = measured(command)
        print(f"| {name} | {seconds:.1f} | {peak:.2f} |", flush=True)


if __name__ == "__main__":
    main()
