"""kill −9 the whole process group of a crawl at seeded moments, start it again each time, and count what it cost.

    python benchmarks/crawl_kills.py --pictures 4000 --kills 20
    python benchmarks/crawl_kills.py --pictures 4000 --kills 20 --root s3://bucket/prefix

The practice gallery counts the requests. After the last run nothing may be lost, doubled or damaged; what was asked
for twice is what was under way when the process died.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline import tables
from pipeline.storage import Root
from spiders.gallery import Catalogue, Gallery

POLL_SECONDS = 0.02


def make_works(folder: Path, count: int) -> Path:
    """`count` small pictures of noise with an index: one style, twenty artists."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "title", "artist", "style", "year"])
        for number in range(count):
            pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG")
            (folder / f"{number:05d}.png").write_bytes(stream.getvalue())
            writer.writerow([f"{number:05d}.png", f"Work {number}", f"Artist {number % 20}", "Cubism", "1900"])
    return folder


def crawl_with_kills(gallery: Gallery, root: str, count: int, kills: int, seed: int) -> dict[str, Any]:
    """Crawl the style, killed `kills` times, and return what the server and the tables say."""
    moments, killed = random.Random(seed), 0
    while killed < kills:
        pictures = gallery.counts().get("image", 0) + moments.randint(0, max(1, 2 * count // (kills + 1)))
        killed += _killed(gallery, root, min(pictures, count - 1))
        if gallery.counts().get("image", 0) >= count:
            break
    before = gallery.counts().get("image", 0)
    done = subprocess.run(_command(gallery, root, "--json"), capture_output=True, text=True, check=True)
    summary = json.loads(done.stdout)
    return {"kills": killed, **verdict(gallery, root), "in the last run": gallery.counts().get("image", 0) - before,
            "summary": {key: summary[key] for key in ("new", "unchanged", "recovered", "failed")}}  # fmt: skip


def verdict(gallery: Gallery, root: str) -> dict[str, Any]:
    """Lost, doubled and damaged pictures, and requests made more than once, of pictures and of data."""
    place = Root(root)
    rows = [row for name in tables.names(place, tables.CRAWLED)
            for row in tables.read(place, tables.CRAWLED, name).to_pylist()]  # fmt: skip
    seen = Counter(row["source_id"] for row in rows)
    good = [row for row in rows if row["reason"] is None]
    damaged = sum(
        sha256(place.read(tables.original_path(row["id"], row["format"]))).hexdigest() != row["sha256"] for row in good
    )
    asked = Counter(target for _, target, _ in gallery.log())
    pictures = {target: times for target, times in asked.items() if target.startswith("/images/")}
    details = {target: times for target, times in asked.items() if "/ImageJson/" in target}
    return {
        "works": len(gallery.catalogue.works), "stored": len({row["source_id"] for row in good}),
        "lost": len(gallery.catalogue.works) - len(seen), "doubled": sum(n - 1 for n in seen.values()),
        "damaged": damaged, "partitions": len(tables.names(place, tables.CRAWLED)),
        "journal left": sum(len(place.names(f"journal/{folder}")) for folder in place.folders("journal")),
        "pictures asked twice": sum(n - 1 for n in pictures.values()),
        "details asked twice": sum(n - 1 for n in details.values()), "requests": sum(asked.values()),
    }  # fmt: skip


def _command(gallery: Gallery, root: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "pipeline.cli", "crawl", "wikiart", "--style", "cubism", "--base-url", gallery.url,
            "--root", root, *more]  # fmt: skip


def _killed(gallery: Gallery, root: str, pictures: int) -> bool:
    """Crawl until the server has sent so many pictures, then kill everything; False when it was done before."""
    run = subprocess.Popen(
        _command(gallery, root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while run.poll() is None and gallery.counts().get("image", 0) < pictures:
        time.sleep(POLL_SECONDS)
    if run.poll() is not None:
        return False
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return True


def main() -> None:
    """Make the works, crawl them with kills, and write the figures as JSON on standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--root", default=None, help="where to crawl to: a new folder if not given, or s3://…")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        works = make_works(Path(folder) / "works", given.pictures)
        with Gallery(Catalogue.from_folder(works)) as gallery:
            root = given.root or f"{folder}/root"
            found = crawl_with_kills(gallery, root, given.pictures, given.kills, given.seed)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
