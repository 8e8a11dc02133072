"""300 pictures of a phone in, a GAN-ready set out: manifests/portraits.yaml from end to end, with a small budget.

    python benchmarks/portraits.py ../shared/data /tmp/portraits

Makes a folder as a phone has it (HEIC and JPEG with EXIF, live photos, a burst, edits, a damaged file, all pictures
sideways that a phone would keep so) out of faces and pictures without, runs the manifest on it, and says how many
were kept, what was refused, how long each step took, and where sheet, films, mean faces and timeline lie.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import yaml
from PIL import Image

SETS = (("faces_68pts", 120), ("faces_orl", 90), ("faces_cmu", 40), ("faces_dlib", 11), ("louvre_genres", 24),
        ("flowers5", 12))  # fmt: skip
SMALLEST = 480  # pixels of the longer side, under which no phone takes pictures
BEGAN = datetime(2024, 5, 1, 9, 0)
BUDGET = {"kimg": 4, "size": 32, "min_pictures": 24}
_SIDEWAYS = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180, 8: Image.Transpose.ROTATE_270}


def pictures(data: Path) -> Iterator[Image.Image]:
    """The pictures, each set in the order of its index, evenly over all of it."""
    for name, count in SETS:
        with (data / name / "index.csv").open(newline="") as file:
            paths = list(dict.fromkeys(row["path"] for row in csv.DictReader(file)))
        for at in np.linspace(0, len(paths) - 1, count).astype(int):
            with Image.open(data / name / paths[at]) as image:
                yield image.convert("RGB")


def tags(number: int, orientation: int) -> Image.Exif:
    """What a phone writes."""
    made = Image.Exif()
    made[0x010F], made[0x0110], made[0x0112] = "Apple", "iPhone 13", orientation
    taken = BEGAN + timedelta(hours=7 * number)
    made.get_ifd(0x8769).update({0x9003: taken.strftime("%Y:%m:%d %H:%M:%S"), 0x9011: "+02:00"})
    return made


def put(folder: Path, number: int, picture: Image.Image, rng: np.random.Generator) -> None:
    """One picture as the phone keeps it; each fifth is a live photo, each seventh lies on its side by EXIF."""
    side = max(picture.size)
    factor = max(SMALLEST / side, float(rng.uniform(0.7, 2)))
    picture = picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.LANCZOS)
    path = folder / f"IMG_{number:04d}"
    if number % 2:
        heif = pillow_heif.from_pillow(picture)
        heif.save(path.with_suffix(".HEIC"), quality=80, exif=tags(number, 1).tobytes())
    else:
        orientation = (6, 3, 8)[number % 3] if number % 7 == 0 else 1
        if orientation != 1:
            picture = picture.transpose(_SIDEWAYS[orientation])
        picture.save(path.with_suffix(".JPG"), quality=90, exif=tags(number, orientation))
    if number % 5 == 1:
        path.with_suffix(".MOV").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(4096))


def library(data: Path, folder: Path) -> int:
    """Fill the folder; how many pictures."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    number = 0
    for number, picture in enumerate(pictures(data), 1):
        put(folder, number, picture, rng)
    with Image.open(folder / "IMG_0002.JPG") as first:
        first.save(folder / "IMG_E0002.JPG", quality=70, exif=tags(2, 1))
        first.save(folder / f"IMG_{number + 1:04d}.JPG", quality=85, exif=tags(2, 1))
    whole = (folder / "IMG_0004.JPG").read_bytes()
    (folder / f"IMG_{number + 2:04d}.JPG").write_bytes(whole[: len(whole) // 3])
    (folder / "IMG_0003.AAE").write_bytes(b"<plist/>")
    (folder / ".DS_Store").write_bytes(bytes(16))
    return number + 3


def manifest(folder: Path, out: Path) -> Path:
    """portraits.yaml with this folder and a small budget."""
    recipe: dict[str, Any] = yaml.safe_load(
        (Path(__file__).parents[1] / "manifests/portraits.yaml").read_text(encoding="utf-8")
    )
    recipe["sources"] = [{"import": "photos", "path": str(folder)}]
    recipe["expect"] = {"max_reject_rate": 0.95}
    recipe["cluster"] = {"k": 2, "seed": 0}
    recipe["train"] = {"recipe": "small", **BUDGET}
    path = out / "portraits.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def main() -> None:
    """Make, run, report."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    count = library(data, out / "DCIM")
    recipe = manifest(out / "DCIM", out)
    started = time.monotonic()
    command = [sys.executable, "-m", "pipeline.cli", "run", str(recipe), "--json", "--root", str(out / "root")]
    run = subprocess.run([*command, "--workers", "1"], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        sys.exit(run.stdout)
    facts = json.loads(max((out / "root/corpora/portraits/editions").iterdir()).read_text(encoding="utf-8"))
    print(f"{count} pictures, {facts['counts']['kept']} kept, in {time.monotonic() - started:.0f} s")
    print("rejected", json.dumps(facts["counts"]["rejected"]))
    print("seconds", json.dumps({step: round(value, 1) for step, value in facts["seconds"].items()}))
    for what, path in facts["faces"].items():
        print(f"{what:8} {(out / 'root' / path).stat().st_size:>9,} bytes  {path}")
    for trained in facts["runs"]:
        where = trained["path"] and out / "root" / trained["path"]
        films = sorted(file.name for file in where.iterdir() if file.suffix in (".gif", ".mp4")) if where else []
        print(f"GAN of cluster {trained['cluster']}: {trained['kimg']:.1f} kimg, {films or trained.get('advice')}")
    faces = json.loads(subprocess.run([sys.executable, "-m", "pipeline.cli", "faces", "--landmarks", "--json", "--root",
                                       str(out / "root")], stdout=subprocess.PIPE, check=True).stdout)  # fmt: skip
    for one in faces["refused"]:
        print(f"{one['reason']:16} {one['count']:4}  {one['numbers']}")
    picture = io.BytesIO((out / "root" / facts["faces"]["means"]).read_bytes()) if facts["faces"] else None
    print("mean faces", Image.open(picture).size if picture else "none")


if __name__ == "__main__":
    main()
