"""Which feature space sees which damage: KID of damaged paintings against other ones, next to the floor.

    python benchmarks/gan_spaces.py --data ../shared/data --size 32

500 landscapes against 500 others, left as they are (the floor), damaged, or mixed with portraits. Prints Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from gan_quality import Kind, doubled, load_pictures

from gan import alarms, spaces
from gan.metrics import Features, kid
from gan.sample import Pictures

COUNT = 500


def damaged(images: Pictures, others: Pictures) -> dict[str, Pictures]:
    """What is done to pictures uint8 (n, s, s, 3); `others` are of another kind."""
    rng, (count, side) = np.random.default_rng(0), images.shape[:2]
    raster = (np.indices((side, side)).sum(0) // 2 % 2) * 2 - 1
    changed = {
        "none: the floor": images,
        "noise of 10 levels": images + rng.normal(0, 10, images.shape),
        "noise of 25 levels": images + rng.normal(0, 25, images.shape),
        "half the resolution": blurred(images, 2),
        "a quarter of it": blurred(images, 4),
        "a cast of 15 levels, redder": images + np.array([15, 0, -15]),
        "a raster of ±2 levels": images + 2 * raster[..., None],
        "a raster of ±15 levels": images + 15 * raster[..., None],
        "a fifth are portraits": np.concatenate([images[: count * 4 // 5], others[: count // 5]]),
        "half are portraits": np.concatenate([images[: count // 2], others[: count // 2]]),
        "a tenth, ten times each": np.tile(images[: count // 10], (10, 1, 1, 1)),
    }
    return {name: np.clip(np.rint(values), 0, 255).astype(np.uint8) for name, values in changed.items()}


def blurred(images: Pictures, times: int) -> Pictures:
    """Means over squares."""
    side = images.shape[1] // times
    squares: Pictures = images.reshape(len(images), side, times, side, times, 3).mean((2, 4)).astype(np.uint8)
    return squares.repeat(times, axis=1).repeat(times, axis=2)


def looked_at(images: Pictures) -> list[Features]:
    """The same pictures in each of the spaces."""
    return [
        spaces.features(images), spaces.features(doubled(images)), spaces.features(images, spaces.RANDOM),
        alarms.thumbs(images),
    ]  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the test sets")
    parser.add_argument("--size", type=int, default=32)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    genres = {
        genre: load_pictures(chosen.data, Kind("pbn64_pd", {"genre": genre}, 0, ()), chosen.size, of_it=True)
        for genre in ("landscape", "portrait")
    }
    reals = looked_at(genres["landscape"][:COUNT])
    names = f"| damage | efflite0@{chosen.size} | efflite0, enlarged to 64 | random@{chosen.size} | thumbnails |"
    print(f"{names}\n|---|---|---|---|---|")
    for name, images in damaged(genres["landscape"][COUNT : 2 * COUNT], genres["portrait"][:COUNT]).items():
        found = [1000 * kid(real, made).mean for real, made in zip(reals, looked_at(images), strict=True)]
        print(f"| {name} | " + " | ".join(f"{value:.4g}" for value in found) + " |", flush=True)


if __name__ == "__main__":
    main()
