"""What looking at a picture costs: decode, hash, measure, faces, embedding, neighbours, clusters.

    OMP_NUM_THREADS=1 python benchmarks/vision_speed.py ../shared/data

CPU time of one thread, best of three; read the ratios, not the milliseconds.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import imagehash
import numpy as np
from PIL import Image, ImageOps

from pipeline import models
from pipeline.vision.alignment import by_eyes, draw
from pipeline.vision.clustering import spherical_kmeans
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import draft_grey, open_upright, read_header
from pipeline.vision.faces import FaceFinder
from pipeline.vision.features import Embedder
from pipeline.vision.hashing import HASH_SIDE, phash_grey
from pipeline.vision.matching import group_by_hash, joined
from pipeline.vision.measure import measure
from pipeline.vision.resize import fit_square

SETS = ("wikiart_styles_pd", "louvre_genres", "caltech101_10x60", "flowers5", "pbn64_pd")


def main(data: Path) -> None:
    """Print all tables."""
    cv2.setNumThreads(1)
    hashes(data)
    for side in (512, 1024, 3000):
        costs(f"JPEG {side} × {side * 3 // 4}", resized(data, side))
    faces(data)
    embedding(data)
    neighbour_search()
    clusters()


def files(data: Path, name: str) -> list[Path]:
    """All JPEG files of one set."""
    return sorted(path for path in (data / name).rglob("*.jpg") if path.read_bytes()[:3] == b"\xff\xd8\xff")


def resized(data: Path, side: int) -> list[bytes]:
    """Real pictures brought to one size, quality 90."""
    wanted = []
    for path in files(data, "wikiart_styles_pd")[:: 12 if side < 2000 else 24]:
        with Image.open(path) as image:
            picture = image.convert("RGB").resize((side, side * 3 // 4), Image.Resampling.LANCZOS)
        sink = io.BytesIO()
        picture.save(sink, "JPEG", quality=90)
        wanted.append(sink.getvalue())
    return wanted


def reference_hash(data: bytes) -> int:
    """Decode in full, turn upright, imagehash."""
    with Image.open(io.BytesIO(data)) as image:
        return int(str(imagehash.phash(ImageOps.exif_transpose(image), hash_size=8)), 16)


def milliseconds(work: Callable[[Any], object], items: Sequence[Any], rounds: int = 3) -> float:
    """CPU time an item, best of the rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for item in items:
            work(item)
        best = min(best, time.process_time() - start)
    return best / len(items) * 1000


def hashes(data: Path) -> None:
    """How far the fast hash is from imagehash's, and how much faster."""
    print("## Fast hash against decode + imagehash.phash")
    print("| set | pictures | bits moved: mean | 99 % | most | over 4 | decode + imagehash ms | fast ms | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    total: list[int] = []
    for name in SETS:
        found = [path.read_bytes() for path in files(data, name)[:400]]
        moved = [(fast_hash(one) ^ reference_hash(one)).bit_count() for one in found]
        total += moved
        slow, fast = milliseconds(reference_hash, found), milliseconds(fast_hash, found)
        print(f"| {name} | {len(found)} | {spread(moved)} | {slow:.2f} | {fast:.2f} | {slow / fast:.1f} |")
    print(f"| all | {len(total)} | {spread(total)} | | | |")


def fast_hash(data: bytes) -> int:
    """The hash of `measure`, and no more."""
    return phash_grey(draft_grey(data, HASH_SIDE))


def spread(moved: list[int]) -> str:
    """Cells: mean, 99th percentile, maximum, share over 4."""
    bits = np.array(moved)
    return f"{bits.mean():.2f} | {np.percentile(bits, 99):.0f} | {bits.max()} | {(bits > 4).mean():.2%}"


def costs(title: str, found: list[bytes]) -> None:
    """What each step costs on pictures of one size."""
    steps: dict[str, Callable[[bytes], object]] = {
        "header": read_header,
        "full decode": lambda one: open_upright(one),
        "decode + imagehash": reference_hash,
        "hash alone": fast_hash,
        "measure": measure,
        "measure, exact hash": lambda one: measure(one, exact_hash=True),
        "decode, sRGB, crop to 64": lambda one: fit_square(to_srgb(open_upright(one))[0], 64),
    }
    print(f"\n## {title}, mean {np.mean([len(one) for one in found]) / 1000:.0f} kB")
    for name, step in steps.items():
        print(f"{name:26} {milliseconds(step, found):8.2f} ms")


def faces(data: Path) -> None:
    """Finding and aligning; benchmarks/faces.py has plain MediaPipe beside it."""
    pictures = [
        np.asarray(to_srgb(open_upright(path.read_bytes()))[0])
        for path in sorted((data / "faces_68pts/images").iterdir())[::4]
    ]
    print("\n## Faces, video frames of about 390 × 340 with one face")
    with FaceFinder(models.path("face_landmarker")) as finder:
        print(f"{'find':26} {wall(finder.find, pictures):8.2f} ms wall")
        blank = [np.full((340, 390, 3), 99, np.uint8)] * 20
        print(f"{'find, no face':26} {wall(finder.find, blank):8.2f} ms wall")
        found = [(Image.fromarray(one), finder.find(one)[0].eyes) for one in pictures]
    for size in (256, 64):
        def align(pair: Any, size: int = size) -> object:
            return draw(pair[0], by_eyes(pair[1], size), size)

        print(f"{f'align to {size}':26} {milliseconds(align, found):8.2f} ms")


def wall(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Wall time an item."""
    best = float("inf")
    for item in items:
        start = time.perf_counter()
        work(item)
        best = min(best, time.perf_counter() - start)
    return best * 1000


def embedding(data: Path) -> None:
    """EfficientNet-Lite0, from prepared pictures of 64 and 224 pixels."""
    print("\n## Embedding, one thread")
    embedder = Embedder(models.path("efficientnet-lite0"))
    for side in (64, 224):
        batch = [
            np.asarray(fit_square(to_srgb(open_upright(path.read_bytes()))[0], side))
            for path in files(data, "flowers5")[::30]
        ]
        print(f"{f'from {side} × {side}':26} {milliseconds(lambda one: embedder.embed(one[None]), batch):8.2f} ms")


def neighbour_search() -> None:
    """All pairs among random hashes of which a tenth are copies with a few bits flipped."""
    print("\n## Neighbours of 1,000,000 hashes among themselves, CPU s")
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 1_000_000, dtype=np.uint64)
    hashes[:100_000] = hashes[500_000:600_000]
    for _ in range(4):
        flip = np.uint64(1) << rng.integers(0, 64, 100_000, dtype=np.uint64)
        hashes[:100_000] ^= np.where(rng.random(100_000) < 0.5, flip, np.uint64(0))
    for radius in (4, 6, 8, 10):
        start = time.process_time()
        pairs = joined(hashes, hashes, radius)
        print(f"radius {radius:2}: {time.process_time() - start:6.1f} s, {len(pairs.i):,} pairs")
    start = time.process_time()
    group_by_hash(np.full(1_000_000, 7, np.uint64), np.arange(1_000_000), 8)
    print(f"a million equal hashes grouped: {time.process_time() - start:.2f} s")


def clusters() -> None:
    """Spherical k-means beside scikit-learn's k-means on unit vectors, the same number of restarts."""
    from sklearn.cluster import KMeans

    print("\n## 5,000 × 1280 in 20 clusters: CPU s, mean cosine to the centre")
    rng = np.random.default_rng(0)
    vectors = np.abs(rng.normal(size=(40, 1280)))[rng.integers(0, 40, 5000)] + rng.normal(0, 0.7, (5000, 1280))
    units = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    start = time.process_time()
    _, _, distances = spherical_kmeans(units, 20, 0)
    print(f"{'spherical k-means':26} {time.process_time() - start:6.2f} s, {1 - distances.mean():.4f}")
    start = time.process_time()
    other = KMeans(20, n_init=5, random_state=0).fit(units)
    seconds = time.process_time() - start
    centres = other.cluster_centers_ / np.linalg.norm(other.cluster_centers_, axis=1, keepdims=True)
    cosine = (units * centres[other.labels_]).sum(axis=1).mean()
    print(f"{'scikit-learn':26} {seconds:6.2f} s, {cosine:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
