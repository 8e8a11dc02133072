"""How fast pictures become vectors: onnxruntime as the product runs it beside the same network run eagerly in torch.

    OMP_NUM_THREADS=1 python benchmarks/embedding_speed.py ../shared/data WEIGHTS.pth [COUNT]

WEIGHTS.pth are those of EfficientNet-Lite0 that `pipeline models fetch` converts; the torch side needs the package
efficientnet_lite_pytorch. Both get the same prepared squares of 224 pixels in one process, one thread each, in turn.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

from pipeline import models
from pipeline.manifest import Convert
from pipeline.stages.embed import _original
from pipeline.vision.features import SIDE, Embedder

BATCH, ROUNDS = 32, 3


def main(data: Path, weights: Path, count: int) -> None:
    """Print CPU milliseconds a picture, the best of three rounds, and how well the vectors agree."""
    torch.set_num_threads(1)
    files = sorted((data / "caltech101_10x60").rglob("*.jpg"))[:count]
    squares = np.stack([_original(file.read_bytes(), Convert(), SIDE) for file in files if _large(file)])
    embedder = Embedder(models.path("efficientnet-lite0"))
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    network.eval()
    mine, theirs = [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        vectors = embedder.embed(squares)
        mine.append(time.process_time() - start)
        start = time.process_time()
        expected = eagerly(network, squares)
        theirs.append(time.process_time() - start)
    cosines = np.einsum("nd,nd->n", vectors, expected) / np.linalg.norm(vectors, axis=1)
    cosines /= np.linalg.norm(expected, axis=1)
    each = 1000 / len(squares)
    print(f"{len(squares)}: ours {min(mine) * each:.1f} ms, torch at batch {BATCH} {min(theirs) * each:.1f} ms:"
          f" {min(theirs) / min(mine):.1f} times as fast")
    print(f"least cosine {cosines.min():.7f}, largest difference {np.abs(vectors - expected).max():.1e}"
          f" of {np.abs(expected).max():.2f}")


def _large(file: Path) -> bool:
    return _original(file.read_bytes(), Convert(), SIDE).shape[0] == SIDE


def eagerly(network: EfficientNet, squares: np.ndarray) -> np.ndarray:
    """The penultimate layer (n, 1280) by torch, in batches of 32."""
    made = []
    with torch.inference_mode():
        for start in range(0, len(squares), BATCH):
            planes = torch.from_numpy(squares[start : start + BATCH].transpose(0, 3, 1, 2).astype(np.float32))
            made.append(network.extract_features((planes - 127) / 128).mean(dim=(2, 3)).numpy())
    return np.concatenate(made)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 64)
