"""What `measure` costs a picture beside imagededup's encoding, and where it goes, on 1024×768 JPEG.

    python -m venv peers && peers/bin/pip install --no-deps imagededup
    peers/bin/pip install pillow numpy scipy scikit-learn PyWavelets matplotlib tqdm
    OMP_NUM_THREADS=1 python benchmarks/measure.py ../shared/data --peers peers/bin/python

Both read the same files, in turn, in a new process each time; CPU time of one thread. `measure` is the whole stage as
the preset `strict` needs it: files read, every column that is not asked for by itself, the rows of the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE, PIXELS = (1024, 768), 500_000
QUALITIES, ROUNDS, BATCH, REPEATS = (75, 85, 95), 5, 64, 9


def main() -> None:
    """Print both tables."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("pictures", type=Path)
    asked.add_argument("--peers", required=True, help="the Python of an environment that has imagededup")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {quality: made(options.pictures, Path(scratch), quality) for quality in QUALITIES}
        print("| quality | files | kB | imagededup, ms | measure, ms | times as fast |\n|---|---|---|---|---|---|")
        for quality, files in folders.items():
            third = len(files) // 3
            for name, some in (("all", files), ("smallest third", files[:third]), ("largest third", files[-third:])):
                compare(f"{quality} | {name}", some, options.peers)
        for quality, files in folders.items():
            steps(quality, files)


def made(pictures: Path, scratch: Path, quality: int) -> list[Path]:
    """Real paintings of half a megapixel and more, cut to 4:3 and brought to one size; the smallest file first."""
    folder = scratch / str(quality)
    folder.mkdir()
    for path in sorted((pictures / "wikiart_styles_pd").rglob("*.jpg")):
        with Image.open(path) as opened:
            if opened.mode != "RGB" or opened.width * opened.height < PIXELS:
                continue
            picture = opened.transpose(Image.Transpose.ROTATE_90) if opened.height > opened.width else opened.copy()
        box = (0, 0, min(picture.width, picture.height * 4 // 3), min(picture.height, picture.width * 3 // 4))
        cut = picture.resize(SIZE, Image.Resampling.LANCZOS, box=box)
        cut.save(folder / f"{path.stem}.jpg", quality=quality)
    return sorted(folder.iterdir(), key=lambda path: path.stat().st_size)


def compare(name: str, files: list[Path], peers: str) -> None:
    """One row: medians over the rounds."""
    rounds = [[timed(python, mode, files) for python, mode in ((peers, "peer"), (sys.executable, "ours"))]
              for _ in range(ROUNDS)]  # fmt: skip
    theirs, ours = np.array(rounds).T
    size = np.mean([path.stat().st_size for path in files]) / 1000
    print(f"| {name} | {size:.0f} | {np.median(theirs):.2f} | {np.median(ours):.2f} | {np.median(theirs / ours):.2f} |")


def timed(python: str, mode: str, files: list[Path]) -> float:
    """CPU milliseconds a picture."""
    run = subprocess.run(
        [python, __file__, f"--{mode}"], input="\n".join(map(str, files)), capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return float(json.loads(run.stdout))


def worker(work: Callable[[list[str]], object]) -> None:
    """Do it once to warm up, then twice by the clock, and print the milliseconds a picture."""
    files = sys.stdin.read().split("\n")
    work(files[:8])
    start = time.process_time()
    work(files)
    work(files)
    print(json.dumps((time.process_time() - start) * 500 / len(files)))


def ours(files: Sequence[str]) -> None:
    """The stage."""
    from pipeline.stages.measure import MEASURE

    options = {"hash": "fast", "blocks": False, "nsfw": False, "fineness": False}
    for start in range(0, len(files), BATCH):
        MEASURE.transform(rows([Path(path).read_bytes() for path in files[start : start + BATCH]]), options)


def peer(files: Sequence[str]) -> None:
    """imagededup's hash."""
    from duplicate_peers import methods

    hashed = methods()["imagededup phash"]
    for path in files:
        hashed(path)


def rows(blobs: list[bytes]) -> Any:
    """A batch as the runner hands it to a stage."""
    import pyarrow as pa

    nothing = pa.nulls(len(blobs), pa.string())
    return pa.table({
        "id": [f"{row:064x}" for row in range(len(blobs))], "reason": nothing,
        "reason_value": pa.nulls(len(blobs), pa.float64()), "detail": nothing, "data": pa.array(blobs, pa.binary()),
    })  # fmt: skip


def steps(quality: int, files: list[Path]) -> None:
    """What each step costs within the stage: the part alone, after all that it needs."""
    from pipeline.schema import MEASURED
    from pipeline.stage import map_rows

    blobs = [path.read_bytes() for path in files][:BATCH]
    spent: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        for name, parts in _chains().items():
            batch = rows(blobs)
            start = time.process_time()
            map_rows(batch, MEASURED, *parts, lambda _: {})
            spent.setdefault(name, []).append((time.process_time() - start) * 1e6 / len(blobs))
    print(f"\nQuality {quality}, µs of CPU a picture, medians of {REPEATS}:")
    before = 0.0
    for name, times in spent.items():
        total = float(np.median(times))
        print(f"{name:60} {total:7.0f} {total - before:+7.0f}")
        before = total if name in _NEXT else before


_NEXT = (
    "rows in and out", "header, orientation, profile, JPEG's quality", "grey at 1/8: entropy decoding", "grey at 1/4",
    "colour at 1/4", "the views that are measured",
)  # fmt: skip


def _chains() -> dict[str, tuple[Callable[[Any], Any], ...]]:
    """By name the steps of the stage up to a point; those after `_NEXT` are each added to the last of them."""
    import cv2

    from pipeline.vision.borders import margins
    from pipeline.vision.decode import open_scaled, read_header
    from pipeline.vision.hashing import phash_pixels
    from pipeline.vision.measure import look, numbers
    from pipeline.vision.quality import _colours, entropy

    def seen(row: dict[str, Any]) -> Any:
        return look(row["data"])

    return dict(zip(_NEXT, (
        (), (lambda row: read_header(row["data"]),), (lambda row: open_scaled(row["data"], 128, "L"),),
        (lambda row: open_scaled(row["data"], 256, "L"),), (lambda row: open_scaled(row["data"], 256, "YCbCr"),),
        (seen,),
    ), strict=True)) | {
        "light": (seen, lambda one: cv2.meanStdDev(one.views.grey)),
        "sharpness": (seen, lambda one: cv2.meanStdDev(cv2.Laplacian(one.views.grey, cv2.CV_16S, ksize=1))),
        "entropy": (seen, lambda one: entropy(one.views.grey)),
        "colour": (seen, lambda one: _colours(one.views.small)),
        "margins": (seen, lambda one: margins(one.views.small)),
        "hash": (seen, lambda one: phash_pixels(one.hashed)),
        "all of these": (seen, numbers),
    }  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:] in (["--ours"], ["--peer"]):
        sys.path.insert(0, str(Path(__file__).parents[1]))
        worker(ours if sys.argv[1] == "--ours" else peer)
    else:
        main()
