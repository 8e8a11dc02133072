"""What the columns that are measured on request can tell: pornography, and enlarged copies.

    pipeline models fetch open_nsfw
    OMP_NUM_THREADS=1 python benchmarks/columns.py ../shared/data

`nsfw`: how many of real pictures, none of them pornography, are above 0.2, 0.5 and 0.8, and which are the worst.
`finest`: of real pictures and copies of them, enlarged and reduced, how many copies `largest` and `finest` prefer to
the picture. What `fineness` counts was chosen on the pictures for which `duplicate_edits.is_tuning` is true; the table
is of the others.
"""

from __future__ import annotations

import io
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from duplicate_edits import is_tuning
from PIL import Image

from pipeline import models
from pipeline.vision.measure import measure
from pipeline.vision.nsfw import NsfwNet

PAINTED, SEEN = {"wikiart_styles_pd": 1, "louvre_genres": 1, "pbn64_pd": 12}, {"caltech101_10x60": 2, "flowers5": 4}
LIMITS = (0.2, 0.5, 0.8)
SIDE, COUNT = 900, 60
ENLARGED, REDUCED = (1.25, 1.5, 2.0, 3.0), (0.85, 0.7, 0.5)


def main(data: Path) -> None:
    """Print both tables."""
    pornography(data)
    enlarged(data)


def files(folder: Path) -> list[Path]:
    """All JPEG files of a set."""
    return sorted(path for path in folder.rglob("*.jpg") if path.read_bytes()[:3] == b"\xff\xd8\xff")


def pornography(data: Path) -> None:
    """False alarms."""
    net = NsfwNet(models.path("open_nsfw"))
    print("| set | pictures | " + " | ".join(f"above {limit}" for limit in LIMITS) + " |\n|---|---|---|---|---|")
    for name, step in (PAINTED | SEEN).items():
        found = sorted((net.judge(path.read_bytes()), path.stem) for path in files(data / name)[::step])
        above = [sum(score > limit for score, _ in found) for limit in LIMITS]
        print(f"| {name} | {len(found)} | {' | '.join(map(str, above))} |")
        for score, stem in found[: -1 - max(above[1], 1) : -1]:
            print(f"    {score:.2f} {stem}")


def enlarged(data: Path) -> None:
    """Copies that are preferred to what they were made of."""
    names = (name for name in (*PAINTED, *SEEN) if name != "pbn64_pd")
    chosen = [path for name in names for path in files(data / name) if not is_tuning(path, data)]
    wrong: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for path in chosen[:: len(chosen) // COUNT]:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        data_ = encoded(picture, 92)
        with Image.open(io.BytesIO(data_)) as saved:
            original = saved.convert("RGB")
        large, fine = merits(data_)
        for factor in (*ENLARGED, *REDUCED):
            size = (round(original.width * factor), round(original.height * factor))
            for quality in (75, 95):
                copy = merits(encoded(original.resize(size, Image.Resampling.BICUBIC), quality))
                wrong[f"{factor} times the side"].append((copy[0] >= large, copy[1] >= fine))
    print("\n| copy | copies | `largest` prefers it | `finest` prefers it |\n|---|---|---|---|")
    for name, preferred in wrong.items():
        largest, finest = np.array(preferred).sum(axis=0)
        print(f"| {name} | {len(preferred)} | {largest} | {finest} |")


def encoded(picture: Image.Image, quality: int) -> bytes:
    """A JPEG."""
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=quality)
    return sink.getvalue()


def merits(data: bytes) -> tuple[float, float]:
    """`largest` and `finest` as `stages.merits` has them, of a picture without margins."""
    found = measure(data, fine=True)
    pixels = float(found.width * found.height)
    return pixels, pixels * (found.fineness or 1.0) ** 3


if __name__ == "__main__":
    main(Path(sys.argv[1]))
