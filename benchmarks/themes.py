"""How well themes agree with labels of real sets: ours beside plain k-means on the same features and beside chance.

    OMP_NUM_THREADS=1 python benchmarks/themes.py ../shared/data [SET …]

NMI, ARI and purity, mean of five seeds; k is the number of labels. Vectors are kept in the temporary folder.
"""

from __future__ import annotations

import csv
import gzip
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from pipeline import models
from pipeline.manifest import Convert
from pipeline.stages.embed import _original
from pipeline.vision.clustering import unit
from pipeline.vision.features import SIDE, SIDES, Embedder
from pipeline.vision.standing import Asked, fit, give

SETS = ("caltech101_10x60", "flowers5", "louvre_genres", "wikiart_styles_pd", "mnist_idx")
DIGITS = 2_000
SEEDS = range(5)

Parts = dict[str, np.ndarray]


def main(data: Path, names: Sequence[str]) -> None:
    """Print the table."""
    print("| set | pictures | folders by | NMI | ARI | purity |")
    print("|---|---|---|---|---|---|")
    for name in names or SETS:
        parts, truth = described(data, name)
        k = len(np.unique(truth))
        ways: dict[str, Callable[[int], np.ndarray]] = {
            "chance": chance(len(truth), k),
            "k-means, raw": plain(parts["raw"], k),
            "k-means, length 1": plain(unit(parts["raw"]), k),
            "k-means, PCA-64": plain(PCA(64, random_state=0).fit_transform(unit(parts["raw"])), k),
            **{f"ours, by {by}": ours(parts, k, by) for by in ("subject", "style", "colour")},
        }
        for way, folders in ways.items():
            figures = agreement(truth, [folders(seed) for seed in SEEDS])
            print(f"| {name} | {len(truth)} | {way} | {figures} |", flush=True)


def chance(count: int, k: int) -> Callable[[int], np.ndarray]:
    """Folders by lot."""
    return lambda seed: np.random.default_rng(seed).integers(0, k, count)


def plain(vectors: np.ndarray, k: int) -> Callable[[int], np.ndarray]:
    """scikit-learn's k-means with five starts."""
    return lambda seed: KMeans(k, n_init=5, random_state=seed).fit_predict(vectors)


def ours(parts: Parts, k: int, by: Any) -> Callable[[int], np.ndarray]:
    """What the product gives: themes found, then every picture given to one."""
    mine = {name: parts[name] for name in ("vector", "style", "colour")}
    return lambda seed: give(fit(mine, Asked(k, by, seed=seed))[0], mine).themes


def agreement(truth: np.ndarray, found: Sequence[np.ndarray]) -> str:
    """Cells: mean ± deviation of NMI, means of ARI and purity."""
    nmi = [normalized_mutual_info_score(truth, one) for one in found]
    ari = np.mean([adjusted_rand_score(truth, one) for one in found])
    return f"{np.mean(nmi):.3f} ± {np.std(nmi):.3f} | {ari:.3f} | {np.mean([purity(truth, one) for one in found]):.3f}"


def purity(truth: np.ndarray, found: np.ndarray) -> float:
    """The share of pictures that have the label most of their folder have."""
    return sum(int(np.bincount(truth[found == one]).max()) for one in np.unique(found)) / len(truth)


def described(data: Path, name: str) -> tuple[Parts, np.ndarray]:
    """What the product's `embed` says of a set, and `raw`, the plain features at 224 pixels; the labels."""
    kept = Path(tempfile.gettempdir()) / f"themes-benchmark-{name}.npz"
    if not kept.exists():
        embedder, convert = Embedder(models.path("efficientnet-lite0")), Convert()
        pictures, truth = digits(data) if name == "mnist_idx" else labelled(data / name, convert)
        found = [embedder.describe(pixels, SIDES) for pixels in pictures]
        raw = np.concatenate([embedder.embed(pixels[None]) for pixels in pictures])
        columns = {part: np.stack([getattr(one, part) for one in found]) for part in ("vector", "style", "colour")}
        np.savez(kept, raw=raw, truth=truth, **columns)
    with np.load(kept) as arrays:
        return {part: arrays[part] for part in ("vector", "style", "colour", "raw")}, arrays["truth"]


def labelled(folder: Path, convert: Convert) -> tuple[list[np.ndarray], np.ndarray]:
    """The squares of a set with an index, and the numbers of their labels."""
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    label = next(column for column in ("label", "genre", "style") if column in rows[0])
    pictures = [_original((folder / row["path"]).read_bytes(), convert, max(SIDES)) for row in rows]
    return pictures, np.unique([row[label] for row in rows], return_inverse=True)[1]


def digits(data: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """The first digits of the test set, as RGB."""
    with gzip.open(data / "mnist_idx/t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)[:DIGITS]
    with gzip.open(data / "mnist_idx/t10k-labels-idx1-ubyte.gz") as file:
        truth = np.frombuffer(file.read(), np.uint8, offset=8)[:DIGITS].astype(np.int64)
    return [np.repeat(one[:, :, None], 3, axis=2) for one in pixels], truth


if __name__ == "__main__":
    assert SIDE in SIDES
    main(Path(sys.argv[1]), sys.argv[2:])
