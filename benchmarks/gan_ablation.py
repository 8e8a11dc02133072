"""Which stabilisers help on small corpora: each switch of a recipe by itself, at equal pictures shown.

    python benchmarks/gan_ablation.py --data ../shared/data --out /tmp/ablation
    python benchmarks/gan_ablation.py --data ../shared/data --out /tmp/long --size 64 --width 64 --kimg 400 --seeds 0 1
    python benchmarks/gan_ablation.py --out /tmp/ablation --table                 print what is there

Each run trains on `count` pictures of a corpus, drawn with the seed, and is measured against other pictures of the
same corpus that it never saw, so that learning by heart earns nothing. Distances are in two spaces: the packaged
network's, and that of random convolutions, which knows nothing of pictures: the first flatters the projected
discriminator, which looks through that very network. A run that was measured is not repeated. Prints Markdown.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan import data, metrics, sample, spaces
from gan import state as states
from gan.options import TrainOptions
from gan.sample import Pictures
from gan.train import train
from pipeline.storage import Root

AUGMENT = "colour,translation,cutout"
MEASURED = 1000  # fakes, and unseen pictures at most

# folder, column and value of its index.csv, pictures to train on
CORPORA: dict[str, tuple[str, str, str, int]] = {
    "portraits-300": ("pbn64_pd", "genre", "portrait", 300),
    "genre-300": ("pbn64_pd", "genre", "genre painting", 300),
    "genre-1000": ("pbn64_pd", "genre", "genre painting", 1000),
}

# Each stabiliser by itself, then together with augmentation. (The averaged generator is in every row: with it, and
# without.)
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "augment": {"augment": AUGMENT},
    "mirror": {"augment": "mirror"},
    "translation": {"augment": "translation"},
    "colour": {"augment": "colour"},
    "cutout": {"augment": "cutout"},
    "r1": {"norm": "none", "r1": 1.0},
    "r1 0.1": {"norm": "none", "r1": 0.1},
    "spectral": {"norm": "spectral"},
    "hinge": {"loss": "hinge"},
    "relativistic": {"loss": "relativistic"},
    "two time scales": {"lr": 1e-4, "lr_d": 4e-4},
    "residual": {"blocks": "residual"},
    "steps twice as large": {"lr": 4e-4},
    "steps four times as large": {"lr": 8e-4},
    "batch 128": {"batch": 128},
    "batch 16": {"batch": 16},
    "batch 8": {"batch": 8},
    "projected": {"recipe": "projected", "heads": 32},
    "projected, enlarged": {"recipe": "projected", "heads": 32, "zoom": 2},
    "projected+residual": {"recipe": "projected", "heads": 32, "blocks": "residual"},
    "augment+mirror": {"augment": f"mirror,{AUGMENT}"},
    "translation+mirror": {"augment": "mirror,translation"},
    "translation+cutout": {"augment": "translation,cutout"},
    "augment+hinge": {"augment": AUGMENT, "loss": "hinge"},
    "augment+relativistic": {"augment": AUGMENT, "loss": "relativistic"},
    "augment+spectral+hinge": {"augment": AUGMENT, "norm": "spectral", "loss": "hinge"},
    "augment+r1": {"augment": AUGMENT, "norm": "none", "r1": 1.0},
    "augment+r1 0.1": {"augment": AUGMENT, "norm": "none", "r1": 0.1},
    "augment+two time scales": {"augment": AUGMENT, "lr": 1e-4, "lr_d": 4e-4},
    "augment+residual": {"augment": AUGMENT, "blocks": "residual"},
    "augment+batch 16": {"augment": AUGMENT, "batch": 16},
    "augment later+steps twice as large": {"augment": AUGMENT, "augment_epochs": 400, "lr": 4e-4},
    "batch 16+steps twice as large": {"lr": 4e-4, "batch": 16},
}


def pictures(folder: Path, corpus: str, size: int, seed: int) -> tuple[Pictures, Pictures]:
    """Pictures to train on and at most 1,000 others, by the seed."""
    name, column, value, count = CORPORA[corpus]
    with open(folder / name / "index.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not column or row[column] == value]
    rows = [row for row in rows if row.get("augmented", "0") == "0"]
    order = np.random.default_rng(seed).permutation(len(rows))[: count + MEASURED]
    with tempfile.TemporaryDirectory() as links:
        for place, index in enumerate(order):
            path = folder / name / rows[index]["path"]
            os.symlink(path.resolve(), Path(links) / f"{place:06d}{path.suffix}")
        images = data.load(links, size).images
    return images[:count], images[count:]


def enlarged(images: Pictures) -> Pictures:
    """At least 64 pixels a side: at 32 the packaged network's last map is one pixel."""
    return images.repeat(max(1, 64 // images.shape[1]), axis=1).repeat(max(1, 64 // images.shape[1]), axis=2)


def measure(made: Pictures, unseen: Pictures) -> dict[str, float]:
    """KID in two spaces, the second in thousandths, and coverage, of as many fakes as unseen pictures."""
    made = made[: len(unseen)]
    real, fake = spaces.features(enlarged(unseen)), spaces.features(enlarged(made))
    plain_real, plain_fake = (spaces.features(images, spaces.RANDOM) for images in (unseen, made))
    mean, scale = plain_real.mean(0), plain_real.std(0) + 1e-6
    found = metrics.prdc(real, fake)
    return {
        "kid": metrics.kid(real, fake).mean,
        "kid_random": 1000 * metrics.kid((plain_real - mean) / scale, (plain_fake - mean) / scale).mean,
        "coverage": found.coverage,
        "precision": found.precision,
    }


def run(
    folder: Path, out: Path, corpus: str, variant: str, seed: int, base: dict[str, Any], marks: list[float]
) -> None:
    """Train one variant up to each of `marks`, thousands of pictures shown, and write down what it had come to."""
    place = out / f"{corpus}--{variant}--{seed}".replace(" ", "_")
    written = place / "measured.json"
    facts: list[dict[str, Any]] = json.loads(written.read_text()) if written.exists() else []
    marks = [kimg for kimg in marks if kimg > max((fact["kimg"] for fact in facts), default=0)]
    if not marks:
        return
    images, unseen = pictures(folder, corpus, base["size"], seed)
    floor = measure(images, unseen[: len(images)])
    latents = sample.fixed_latents(MEASURED, 7)
    for kimg in marks:
        chosen = {**base, **VARIANTS[variant], "seed": seed, "kimg": kimg, "patience": 0}
        began = time.process_time()
        train(images, Root(place), TrainOptions(**chosen, min_pictures=50, snapshot_kimg=10))
        facts.append({
            "corpus": corpus, "variant": variant, "seed": seed, "kimg": kimg, "cpu": time.process_time() - began,
            "ema": measure(sample.generate(states.load_generator(place), latents), unseen),
            "live": measure(sample.generate(states.load_generator(place, ema=False), latents), unseen),
            "floor": floor,
        })  # fmt: skip
        print(json.dumps(facts[-1]), flush=True)
        written.write_text(json.dumps(facts))


def measured(out: Path) -> Iterator[dict[str, Any]]:
    """Everything that was measured."""
    for path in sorted(out.glob("*/measured.json")):
        yield from json.loads(path.read_text())


def table(facts: list[dict[str, Any]]) -> str:
    """A table for each corpus, best first."""
    lines = []
    for corpus in dict.fromkeys(fact["corpus"] for fact in facts):
        here = [fact for fact in facts if fact["corpus"] == corpus]
        floor = {key: statistics.mean(fact["floor"][key] for fact in here) for key in here[0]["floor"]}
        lines += [
            "", f"**{corpus}**, {here[0]['kimg']:g} kimg; real pictures against real ones: KID {floor['kid']:.2f}, "
            f"random {floor['kid_random']:.1f}, coverage {floor['coverage']:.2f}", "",
            "| variant | seeds | KID | KID without EMA | KID random | coverage | precision |",
            "|---|---|---|---|---|---|---|",
        ]  # fmt: skip
        names = sorted({fact["variant"] for fact in here}, key=lambda name: _mean(here, name, "ema", "kid"))
        for name in names:
            of = [fact for fact in here if fact["variant"] == name]
            spread = f" ± {statistics.stdev(fact['ema']['kid'] for fact in of):.2f}" if len(of) > 1 else ""
            lines.append(
                f"| {name} | {len(of)} | {_mean(here, name, 'ema', 'kid'):.2f}{spread} "
                f"| {_mean(here, name, 'live', 'kid'):.2f} | {_mean(here, name, 'ema', 'kid_random'):.0f} "
                f"| {_mean(here, name, 'ema', 'coverage'):.2f} | {_mean(here, name, 'ema', 'precision'):.2f} |"
            )
    return "\n".join(lines)


def _mean(facts: list[dict[str, Any]], variant: str, which: str, key: str) -> float:
    return statistics.fmean(fact[which][key] for fact in facts if fact["variant"] == variant)


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--out", type=Path, required=True, help="Where the runs go; what is there is not repeated.")
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=["portraits-300"])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--marks", nargs="+", type=float, default=[24, 48], help="when to measure, in kimg")
    parser.add_argument("--table", action="store_true", help="Only print what was measured.")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    base = {"size": chosen.size, "width": chosen.width, "kernel": 4, "batch": chosen.batch}
    if not chosen.table:
        for seed in chosen.seeds:
            for variant in chosen.variants:
                for corpus in chosen.corpora:
                    run(chosen.data, chosen.out, corpus, variant, seed, base, chosen.marks)
    print(table(list(measured(chosen.out))))


if __name__ == "__main__":
    main()
