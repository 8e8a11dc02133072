"""What the tests of the whole job share: a small folder of pictures, the command, the files of a root."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FAMILIES = ("stripes", "discs", "noise", "squares")
TABLES = ("selected", "prepared", "embedded", "clustered")


def picture(family: str, seed: int) -> Image.Image:
    """One picture of a family: same family alike, different seeds no near-duplicates."""
    rng = np.random.default_rng([FAMILIES.index(family), seed])
    width, height = (int(side) for side in rng.integers(90, 150, 2))
    low = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = Image.fromarray(low).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        size = int(rng.integers(8, 30))
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        if family == "stripes":
            draw.line((x, 0, x + size, height), fill=colour, width=3)
        elif family == "discs":
            draw.ellipse((x - size, y - size, x + size, y + size), fill=colour)
        elif family == "squares":
            draw.rectangle((x, y, x + size, y + size), fill=colour)
    if family == "noise":
        grain = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = Image.blend(image, Image.fromarray(grain), 0.5)
    return image


def make_pictures(folder: Path, count: int) -> Path:
    """`count` good pictures with an index.csv, and beside them a copy, a truncated file, HTML and an empty file."""
    folder.mkdir(parents=True)
    rows = []
    for number in range(count):
        family = FAMILIES[number % len(FAMILIES)]
        name = f"{family}/{family} {number:03d}.jpg"
        (folder / family).mkdir(exist_ok=True)
        picture(family, number).save(folder / name, quality=92)
        rows.append({"path": name, "title": f"<b>{family} & {number}</b>", "artist": "Nobody", "genre": family})
    with open(folder / "index.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    first = (folder / rows[0]["path"]).read_bytes()
    (folder / "copy.jpg").write_bytes(first)
    with Image.open(io.BytesIO(first)) as image:
        image.resize((image.width * 3 // 4, image.height * 3 // 4)).save(folder / "smaller.jpg", quality=80)
    (folder / "cut.jpg").write_bytes((folder / rows[1]["path"]).read_bytes()[:900])
    (folder / "page.jpg").write_text("<html>not a picture</html>")
    (folder / "empty.png").write_bytes(b"")
    return folder


def manifest(folder: Path, pictures: Path, **parts: object) -> Path:
    """A manifest that imports `pictures`, written into `folder`; `parts` replace keys."""
    keys: dict[str, object] = {
        "corpus": "small", "sources": [{"import": "folder", "path": str(pictures)}],
        "shard": {"size": 32}, "cluster": {"k": 4},
        "train": {"size": 32, "width": 8, "batch": 16, "kimg": 0.2, "min_pictures": 10},
    }  # fmt: skip
    path = folder / "small.yaml"
    path.write_text(json.dumps(keys | parts))
    return path


def pipeline(*args: object, root: object, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command `pipeline` as a person would."""
    command = [sys.executable, "-m", "pipeline.cli", *map(str, args), "--root", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def answer(*args: object, root: object) -> dict:
    """The object that the command prints with --json."""
    return json.loads(pipeline(*args, "--json", root=root).stdout)


def files(root: Path, *kinds: str) -> dict[str, bytes]:
    """Bytes of the files under a local root whose relative path begins with one of `kinds`, by path."""
    return {
        name: path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and (name := path.relative_to(root).as_posix()).startswith(kinds)
    }


def made(root: Path) -> dict[str, bytes]:
    """The files that must be equal to the byte: tables from `measured` on, shards and thematic folders."""
    return files(root, "tables/measured", "tables/faces", *(f"corpora/small/{t}" for t in (*TABLES, "clusters")))
