"""Digits drawn by a GAN, judged by a classifier of our own: are all ten drawn, how often, how far from real ones?

    python benchmarks/mnist.py --data ../shared/data/mnist_idx --out /tmp/mnist
    python benchmarks/mnist.py --data ../shared/data/mnist_idx --out /tmp/mnist --choices width=64 kernel=4 batch=64

Trains on the 60,000 digits for the same number of pictures shown with each of the given choices of `TrainOptions`,
draws 10,000 digits with the averaged generator and prints a Markdown table. A run that was cut off goes on from its
last state; one that is done is only judged again.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from gan import digits
from gan.options import TrainOptions
from gan.sample import draw_latents, generate, grid, png
from gan.state import load_generator
from gan.train import train
from pipeline.storage import Root

DRAWN = 10_000
HEAD = (
    "| choices | seed | pictures shown | CPU minutes | classes | KL | distance | its floor | ratio "
    "| coverage | its floor | confidence |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def chosen(words: list[str]) -> dict[str, Any]:
    """`width=64 recipe=small` as choices of TrainOptions."""
    return {name: yaml.safe_load(value) for name, value in (word.split("=", 1) for word in words)}


def main() -> None:
    """Train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the four idx files")
    parser.add_argument("--out", type=Path, required=True, help="where the runs are kept")
    parser.add_argument("--kimg", type=float, default=192.0, help="thousands of pictures to show")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--choices", nargs="+", action="append", help="choices of TrainOptions; may be given again")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(1)

    known, test = digits.load(arguments.data, "train"), digits.load(arguments.data, "t10k")
    began = time.process_time()
    classifier = digits.fit(known)
    right = digits.accuracy(classifier, test)
    print(f"The classifier is right on {right:.2%} of the test digits after {time.process_time() - began:.0f} s.\n")
    print(HEAD, flush=True)
    for words in arguments.choices or [["width=64", "kernel=4", "batch=64"]]:
        for seed in range(arguments.seeds):
            options = TrainOptions(size=digits.SIDE, kimg=arguments.kimg, seed=seed, **chosen(words))
            out = arguments.out / f"{'-'.join(words)}-seed{seed}"
            began = time.process_time()
            summary = train(known.images, Root(str(out)), options)
            minutes = (time.process_time() - began) / 60
            drawn = generate(load_generator(out), draw_latents(DRAWN, torch.Generator().manual_seed(seed)))
            Root(str(out)).commit("drawn.png", png(grid(drawn[:256], 16)))
            found = digits.report(classifier, drawn, known, test)
            print(
                f"| {' '.join(words)} | {seed} | {summary.images:,} | {minutes:.1f} | {found.classes} | {found.kl:.4f} "
                f"| {found.frechet:.1f} | {found.floor:.1f} | {found.frechet / found.floor:.1f} "
                f"| {found.coverage:.2f} | {found.coverage_floor:.2f} | {found.confidence:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
