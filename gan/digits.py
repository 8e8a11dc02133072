"""Handwritten digits, on which every figure has a meaning: a classifier of our own says which digit was drawn.

The sanity check of a training, as Radford et al. 2015 began: are all ten digits drawn, equally often, and how far
are they from the real ones in the classifier's own features, next to the distance of real ones from each other?
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gan.metrics import Features, frechet, prdc
from gan.sample import Pictures
from pipeline.errors import IntegrityFailed, UsageError

SIDE = 32
CLASSES = 10
SPACE = f"digits@{SIDE}"
_BORDER = 2  # 28 pixels to 32
_COVERED = 0.01  # a digit is drawn when this share of the pictures shows it
_EPOCHS = 4
_BATCH = 128
_LR = 2e-3
_CHUNK = 500
_NEIGHBOURS = 2000  # pictures of each side for precision, recall, density and coverage

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Digits:
    """Pictures uint8 (n, 32, 32, 3), white on black, and what they show, (n,) of 0…9."""

    images: Pictures
    labels: Labels


def load(folder: Path, part: str) -> Digits:
    """The digits of `part`, `train` or `t10k`, from idx files packed with gzip or not (LeCun et al. 1998).

    Raises UsageError when they are not in `folder`, IntegrityFailed for files that are no such idx files.
    """
    grey, labels = _idx(folder, f"{part}-images-idx3-ubyte"), _idx(folder, f"{part}-labels-idx1-ubyte")
    if grey.shape[1:] != (28, 28) or labels.shape != grey.shape[:1]:
        raise IntegrityFailed(f"{folder}: pictures {grey.shape} and labels {labels.shape} of {part} are not digits'.")
    framed = np.pad(grey, ((0, 0), (_BORDER, _BORDER), (_BORDER, _BORDER)))
    return Digits(np.repeat(framed[..., None], 3, axis=3), labels)


def _idx(folder: Path, name: str) -> NDArray[np.uint8]:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            break
    else:
        raise UsageError(f"There is no {name} in {folder}: name the folder with the four idx files of MNIST.")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        shape = tuple(int(n) for n in np.frombuffer(data, ">i4", data[3], 4))
        return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise IntegrityFailed(f"{path} is no whole idx file ({error}): download it again.") from None


class Classifier(nn.Module):
    """Pictures (n, 1, 32, 32) in [0, 1] to logits (n, 10); `features` are the 128 numbers before them."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in ((1, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(narrow, wide, 5, 2, 2), nn.BatchNorm2d(wide), nn.ReLU()]
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 4 * 4, 128), nn.ReLU())
        self.judge = nn.Linear(128, CLASSES)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of the ten digits."""
        logits: Tensor = self.judge(self.features(pictures))
        return logits


def fit(digits: Digits, seed: int = 0) -> Classifier:
    """A classifier trained on `digits`, in about a minute of one core for 60,000; the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier().train()
        labels = torch.from_numpy(digits.labels.astype(np.int64))
        steps = _EPOCHS * -(-len(labels) // _BATCH)
        adam = torch.optim.Adam(classifier.parameters(), _LR)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        for _ in range(_EPOCHS):
            for chosen in torch.split(torch.randperm(len(labels)), _BATCH):
                adam.zero_grad()
                loss = cross_entropy(classifier(_grey(digits.images[chosen.numpy()])), labels[chosen])
                loss.backward()  # type: ignore[no-untyped-call]
                adam.step()
                schedule.step()
    return classifier.eval()


@torch.no_grad()
def describe(classifier: Classifier, images: Pictures) -> tuple[Features, NDArray[np.float32]]:
    """Features (n, 128) and probabilities (n, 10) of pictures uint8 (n, 32, 32, 3)."""
    found, shares = [], []
    for start in range(0, len(images), _CHUNK):
        features = classifier.features(_grey(images[start : start + _CHUNK]))
        found.append(features)
        shares.append(classifier.judge(features).softmax(dim=1))
    return torch.cat(found).numpy(), torch.cat(shares).numpy()


def accuracy(classifier: Classifier, digits: Digits) -> float:
    """Share of digits that are told right."""
    return float(np.mean(describe(classifier, digits.images)[1].argmax(axis=1) == digits.labels))


@dataclass(frozen=True)
class Report:
    """What a classifier says of drawn digits."""

    classes: int
    """Digits that one picture in a hundred or more shows, of ten."""
    kl: float
    """Divergence of how often each is drawn from how often each is real, in nats."""
    confidence: float
    """Mean probability of the digit that is told."""
    frechet: float
    """Fréchet distance from the real test digits, in the space `digits@32`."""
    floor: float
    """The same of real training digits."""
    coverage: float
    """Share of test digits with a drawn one nearer than their third nearest."""
    coverage_floor: float
    """The same of real training digits."""


def report(classifier: Classifier, drawn: Pictures, train: Digits, test: Digits) -> Report:
    """`drawn` against the test digits, and as many of the training digits against them, as the floor.

    Raises UsageError for fewer than 5,000 on any side.
    """
    count = min(len(drawn), len(test.images), len(train.images))
    some = np.random.default_rng(0).permutation(len(train.images))[:count]
    made, shares = describe(classifier, drawn[:count])
    real, _ = describe(classifier, test.images)
    known, _ = describe(classifier, train.images[some])
    told = np.bincount(shares.argmax(axis=1), minlength=CLASSES) / count
    few = slice(min(count, _NEIGHBOURS))
    shuffled = real[np.random.default_rng(1).permutation(len(real))]
    return Report(
        classes=int((told >= _COVERED).sum()),
        kl=divergence(told, np.bincount(test.labels, minlength=CLASSES) / len(test.labels)),
        confidence=float(shares.max(axis=1).mean()),
        frechet=frechet(made, real),
        floor=frechet(known, real),
        coverage=prdc(shuffled[few], made[few]).coverage,
        coverage_floor=prdc(shuffled[few], known[few]).coverage,
    )


def divergence(shares: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence Σ p log(p/q) of `shares` p from `wanted` q, in nats; terms with p = 0 are 0."""
    drawn = shares > 0
    return float(np.sum(shares[drawn] * np.log(shares[drawn] / wanted[drawn])))


def _grey(images: Pictures) -> Tensor:
    """uint8 (n, h, w, 3) to float32 (n, 1, h, w), 0…1: the mean of the channels, since drawn ones may have colour."""
    return torch.from_numpy(images.mean(axis=3, dtype=np.float32)[:, None] / np.float32(255))
