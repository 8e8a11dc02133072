"""Quality of small corpora: recipes against each other, same pictures, same number shown, over several seeds.

    python benchmarks/gan_quality.py --data ../shared/data --out /tmp/quality
    python benchmarks/gan_quality.py --data ../shared/data --out /tmp/quality --kimg 200 --seeds 3 --sets landscape
    python benchmarks/gan_quality.py --data ../shared/data --out /tmp/quality --table

Each finished run is a row in OUT/rows.jsonl, so a plan that was cut off goes on where it stopped; the cheap and
telling runs come first. The networks are of the same width for all. Figures are taken against pictures of the same
kind that were not trained on (where a set has none left, against those trained on, and the table says so), with the
floor beside: pictures trained on against those same ones. `--table` prints Markdown of the rows that are there;
sheets/ has a grid of each run beside real ones.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml

from gan import alarms, spaces
from gan.data import load
from gan.metrics import kid, prdc
from gan.options import TrainOptions
from gan.sample import Pictures, draw_latents, generate, grid, png
from gan.state import load_generator
from gan.train import train
from pipeline.storage import Root

MOST = 1000  # pictures on a side of the figures
COLUMNS = 8


@dataclass(frozen=True)
class Kind:
    """One kind of pictures: where they are, which rows of the index, how many are kept for the figures."""

    folder: str
    where: dict[str, str]
    reference: int
    trained: tuple[int, ...]
    base: str = ""
    """The folder whose pictures a base sees instead of those trained on and all others of their own folder."""


SETS = {
    "landscape": Kind("pbn64_pd", {"genre": "landscape"}, 600, (300, 1000)),
    "flowers": Kind("flowers5", {}, 300, (300, 700), "pbn64_pd"),
    "louvre": Kind("louvre_genres", {}, 0, (300,), "pbn64_pd"),
    "paintings": Kind("pbn64_pd", {}, 500, (4370,)),
}
WARM = "small, warm start"  # of a base that was shown as many pictures
RECIPES: dict[str, dict[str, Any]] = {
    "radford": {"recipe": "radford", "width": 64, "kernel": 4},
    "small": {"recipe": "small"},
    "radford, batch 32": {"recipe": "radford", "width": 64, "kernel": 4, "batch": 32},
    WARM: {"recipe": "small"},
}


@dataclass(frozen=True)
class Job:
    """One training."""

    kind: str
    pictures: int
    recipe: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.pictures}-{self.recipe}-{self.seed}"


def jobs(kinds: Iterable[str], recipes: Iterable[str], seeds: int, only: Sequence[int]) -> Iterator[Job]:
    """The plan: all of one seed before the next, so that a part of it is a table already."""
    for seed in range(seeds):
        for kind in kinds:
            for pictures in SETS[kind].trained:
                for recipe in recipes if not only or pictures in only else ():
                    yield Job(kind, pictures, recipe, seed)


def pictures_of(data: Path, kind: Kind, size: int) -> tuple[Pictures, Pictures]:
    """Pictures to train on, shuffled by a hash of their names, and those for the figures."""
    images = load_pictures(data, kind, size, of_it=True)
    return images[kind.reference :], images[: kind.reference]


def load_pictures(data: Path, kind: Kind, size: int, of_it: bool) -> Pictures:
    """All pictures of the kind, or all others of its folder."""
    with open(data / kind.folder / "index.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows = [row for row in rows if all(row[name] == is_ for name, is_ in kind.where.items()) == of_it]
    names = sorted((row["path"] for row in rows), key=lambda name: hashlib.sha256(name.encode()).digest())
    with tempfile.TemporaryDirectory() as scratch:
        for rank, name in enumerate(names):
            (Path(scratch) / f"{rank:06d}{Path(name).suffix}").symlink_to((data / kind.folder / name).resolve())
        return load(scratch, size).images


def doubled(images: Pictures) -> Pictures:
    """At least 64 pixels a side: at 32 the packaged network's last map is one pixel, and coverage is near its floor."""
    times = max(1, 64 // images.shape[1])
    return images.repeat(times, axis=1).repeat(times, axis=2)


def smoothed(images: Pictures) -> Pictures:
    """Blurred over three pixels: without the faint raster of strided generators, which outweighs all else there."""
    return np.stack([cv2.GaussianBlur(image, (3, 3), 0) for image in images])


def figures(made: Pictures, trained: Pictures, reference: Pictures) -> dict[str, float]:
    """What is written down of a run: figures and, with `floor_` before the name, those of pictures trained on.

    In two spaces: of the packaged network, and of random convolutions, which learnt nothing; both are needed, since
    the first takes a faint raster for the worst of all damages. `smooth` is the first with both sides smoothed.
    Coverage and the like are of equal numbers.
    """
    own = {"made": made, "trained": trained, "reference": reference}
    lite0 = {name: spaces.features(doubled(images)) for name, images in own.items()}
    smooth = {name: spaces.features(doubled(smoothed(images))) for name, images in own.items()}
    plain = {name: spaces.features(images, spaces.RANDOM) for name, images in own.items()}
    count = min(len(reference), len(trained), MOST)
    found: dict[str, float] = {"reference": len(reference), "compared": count}
    for prefix, side in (("", "made"), ("floor_", "trained")):
        for space, features in (("efflite0", lite0), ("smooth", smooth), ("random", plain)):
            distance = kid(features[side], features["reference"])
            near = prdc(features["reference"][:count], features[side][:count])
            found |= {f"{prefix}kid-{space}": distance.mean, f"{prefix}kid_sd-{space}": distance.sd}
            found |= {f"{prefix}{name}-{space}": value for name, value in vars(near).items()}
    turned = alarms.mirror(trained)
    known, shapes = alarms.shapes(trained), alarms.shapes(turned)
    found["copied"] = alarms.copied(alarms.nearest_real(alarms.shapes(made), known, shapes), known, shapes)
    diverse = alarms.diversity(lite0["trained"], lite0["made"])
    return found | {"spread": diverse.spread, "twins": diverse.twins}


def base_of(job: Job, trained: Pictures, options: TrainOptions, data: Path, out: Path) -> Root:
    """A base of the same options on these pictures and all others of their folder but those for the figures.

    Of a set that has none to spare, on those of another folder; sets share it then.
    """
    kind = SETS[job.kind]
    base = Root(str(out / "runs" / f"base-{kind.base or f'{job.kind}-{job.pictures}'}-{job.seed}"))
    if kind.base:
        train(load_pictures(data, Kind(kind.base, {}, 0, ()), options.size, of_it=True), base, options)
    else:
        train(np.concatenate([trained, load_pictures(data, kind, options.size, of_it=False)]), base, options)
    return base


def run(job: Job, choices: dict[str, Any], data: Path, out: Path) -> dict[str, Any]:
    """Train, measure and draw one job; its row."""
    options = TrainOptions(**choices, seed=job.seed, min_pictures=1)
    pool, kept = pictures_of(data, SETS[job.kind], options.size)
    trained = pool[: job.pictures]
    reference = kept if len(kept) else trained
    folder = out / "runs" / job.name
    start = base_of(job, trained, options, data, out) if job.recipe == WARM else None
    began = time.process_time()
    summary = train(trained, Root(str(folder)), options, start=start)
    cpu = time.process_time() - began
    latents = draw_latents(max(MOST, len(reference)), torch.Generator().manual_seed(job.seed))
    made = generate(load_generator(folder), latents)
    sheet = np.concatenate([grid(side[: COLUMNS**2], COLUMNS) for side in (trained, made)], axis=1)
    Root(str(out / "sheets")).commit(f"{job.name}.png", png(sheet))
    return {
        **vars(job), "choices": choices, "images": summary.images, "cpu_seconds": round(cpu, 1),
        "size": options.size, "held_back": bool(len(kept)), **figures(made, trained, reference),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: mean over seeds, and their range."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["kind"], row["pictures"], row["images"], row["size"], row["recipe"]), []).append(row)
    lines = [
        "| set | pictures | shown | recipe | seeds | KID efflite0 | floor | KID smooth | floor | KID random | floor "
        "| coverage efflite0 | floor | coverage smooth | floor | coverage random | floor | copied | CPU s |",
        "|---" * 19 + "|",
    ]
    for (kind, pictures, images, _, recipe), same in sorted(groups.items(), key=lambda item: item[0]):
        own = "" if same[0]["held_back"] else " (against those trained on)"
        names = (
            "kid-efflite0", "floor_kid-efflite0", "kid-smooth", "floor_kid-smooth", "kid-random", "floor_kid-random",
            "coverage-efflite0", "floor_coverage-efflite0", "coverage-smooth", "floor_coverage-smooth",
            "coverage-random", "floor_coverage-random", "copied", "cpu_seconds",
        )  # fmt: skip
        cells = " | ".join(_cell([float(row[name]) for row in same]) for name in names)
        lines.append(f"| {kind}{own} | {pictures:,} | {images:,} | {recipe} | {len(same)} | {cells} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    mean = statistics.fmean(values)
    text = f"{mean:.0f}" if mean > 100 else f"{mean:.2g}"
    return text if max(values) == min(values) else f"{text} ({min(values):.2g}…{max(values):.2g})"


def main() -> None:
    """Go on with the plan; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the test sets")
    parser.add_argument("--out", type=Path, required=True, help="where runs, sheets and rows are kept")
    parser.add_argument("--kimg", type=float, default=64.0, help="thousands of pictures to show in each run")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--pictures", type=int, nargs="+", default=[], help="only with so many to train on")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--choices", nargs="+", default=[], help="choices of TrainOptions for every run: width=32")
    parser.add_argument("--table", action="store_true", help="only print the table of the rows that are there")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)

    written = arguments.out / "rows.jsonl"
    rows = [json.loads(line) for line in written.read_text().splitlines()] if written.exists() else []
    more = {name: yaml.safe_load(value) for name, value in (word.split("=", 1) for word in arguments.choices)}
    plan = [] if arguments.table else list(jobs(arguments.sets, arguments.recipes, arguments.seeds, arguments.pictures))
    for job in plan:
        if any(all(row[name] == value for name, value in vars(job).items()) for row in rows):
            continue
        choices = {**RECIPES[job.recipe], "size": arguments.size, "kimg": arguments.kimg, **more}
        rows.append(run(job, choices, arguments.data, arguments.out))
        arguments.out.mkdir(parents=True, exist_ok=True)
        with open(written, "a", encoding="utf-8") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(table(rows[-1:]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
