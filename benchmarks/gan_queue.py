"""Ten clusters trained in turn, as `pipeline train` does it, against ten times one alone.

    python benchmarks/gan_queue.py --data ../shared/data/pbn64_pd

Each cluster has 320 paintings and is shown 2,000; one more, trained first, is the one alone: whatever a process pays
once (imports, the first products of each shape) is on its bill in the first row, and on nobody's in the second.
CPU seconds of one process of one thread; what matters to a queue is that no cluster costs more than the one before.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch

from pipeline.manifest import Train
from pipeline.training import RunTask, train_cluster

CLUSTERS = 10
PICTURES = 320


def lay_out(data: Path, root: Path) -> list[str]:
    """Folders of pictures as `cluster` makes them: one alone, and ten."""
    files = sorted((data / "images").iterdir())[: PICTURES * (CLUSTERS + 1)]
    folders = [f"clusters/{number:02d}" for number in range(CLUSTERS + 1)]
    for number, folder in enumerate(folders):
        (root / folder / "images").mkdir(parents=True)
        for file in files[number :: CLUSTERS + 1]:
            shutil.copy(file, root / folder / "images" / file.name)
    return folders


def seconds_of(root: Path, folder: str, number: int, options: Train, again: str = "") -> float:
    """CPU seconds of one run, from reading its pictures to its last file."""
    run = f"runs/x/{number:02d}/00001{again}"
    task = RunTask(
        str(root), number, folder, folder, PICTURES, run, options.kimg, None, options.model_dump(mode="json")
    )
    began = time.process_time()
    train_cluster(task)
    return time.process_time() - began


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with images/, 3,520 or more")
    parser.add_argument("--kimg", type=float, default=2.0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(1)
    options = Train(size=32, width=32, kernel=4, batch=32, kimg=arguments.kimg)
    with tempfile.TemporaryDirectory() as scratch:
        first, *folders = lay_out(arguments.data, Path(scratch))
        cold = seconds_of(Path(scratch), first, 0, options)
        one = seconds_of(Path(scratch), first, 0, options, "-again")
        ten = [seconds_of(Path(scratch), folder, number, options) for number, folder in enumerate(folders, 1)]
    print(f"one alone, in a fresh process  {cold:6.1f} s")
    print(f"one alone, once more           {one:6.1f} s")
    print(
        f"ten in turn                    {sum(ten):6.1f} s: {sum(ten) / one:.1f} times the second, "
        f"{sum(ten) / cold:.1f} times the first"
    )
    print(f"each of the ten                {min(ten):.1f} to {max(ten):.1f} s, median {statistics.median(ten):.1f}")


if __name__ == "__main__":
    main()
