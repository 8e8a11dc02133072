"""Ten nights: 10 % new pictures a night join standing themes; then a refit.

    OMP_NUM_THREADS=1 python benchmarks/themes_stability.py ../shared/data

Real vectors of benchmarks/themes.py, half of each set the first night. A night gives old and new pictures alike to the
standing themes, as one that works on everything anew would.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from themes import described

from pipeline.vision.renumber import renumber
from pipeline.vision.standing import UNSORTED, Asked, fit, give

SETS = ("caltech101_10x60", "flowers5", "louvre_genres")
NIGHTS = 10


def main(data: Path) -> None:
    """Print the table."""
    print("| set | first night | after ten nights | old moved | unsorted | moved by a refit | numbers kept |")
    print("|---|---|---|---|---|---|---|")
    for name in SETS:
        found, truth = described(data, name)
        parts = {part: found[part] for part in ("vector", "style", "colour")}
        order = np.random.default_rng(0).permutation(len(truth))
        k, first = len(np.unique(truth)), len(truth) // 2
        rows = order[:first]
        themes, _ = fit({part: values[rows] for part, values in parts.items()}, Asked(k))
        now = give(themes, {part: values[rows] for part, values in parts.items()}).themes
        moved = 0
        for night in range(1, NIGHTS + 1):
            rows = order[: min(len(order), round(first * (1 + night / 10)))]
            later = give(themes, {part: values[rows] for part, values in parts.items()}).themes
            moved += int((later[: len(now)] != now).sum())
            now = later
        again, _ = fit(parts, Asked(k))
        anew = renumber(now, give(again, {part: values[rows] for part, values in parts.items()}).themes, k)
        print(
            f"| {name} | {first} | {len(rows)} | {moved / len(rows):.2%} | {(now == UNSORTED).sum()} |"
            f" {anew.moved / anew.pictures:.1%} | {len(anew.continued)} of {k} |", flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
