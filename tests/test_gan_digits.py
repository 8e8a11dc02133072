"""Digits and their classifier: files read as published, a report that sees missing digits, blur and noise."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from gan import digits
from gan.digits import Digits
from gan.sample import Pictures
from pipeline.errors import IntegrityFailed, UsageError

MNIST = Path(__file__).parents[2] / "shared" / "data" / "mnist_idx"


def idx(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    return head + array.tobytes()


def strokes(count: int, seed: int) -> Digits:
    """Ten kinds of pictures: a bar at one of ten heights, with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    images = rng.integers(0, 40, (count, 32, 32, 1), np.uint8).repeat(3, axis=3)
    for image, label in zip(images, labels, strict=True):
        left = rng.integers(0, 12)
        image[3 * label + 1 : 3 * label + 4, left : left + 20] = 255
    return Digits(images, labels)


@pytest.fixture(scope="module")
def known() -> Digits:
    return strokes(5200, 0)


@pytest.fixture(scope="module")
def test_set() -> Digits:
    return strokes(5000, 1)


@pytest.fixture(scope="module")
def classifier(known: Digits) -> digits.Classifier:
    torch.set_num_threads(1)
    return digits.fit(Digits(known.images[:1200], known.labels[:1200]))


@pytest.mark.parametrize("packed", [False, True])
def test_files_are_read_as_published(tmp_path: Path, packed: bool) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    for name, array in (("t10k-images-idx3-ubyte", grey), ("t10k-labels-idx1-ubyte", np.arange(5, dtype=np.uint8))):
        data = idx(array)
        (tmp_path / (name + ".gz" * packed)).write_bytes(gzip.compress(data) if packed else data)
    found = digits.load(tmp_path, "t10k")
    assert found.images.shape == (5, 32, 32, 3) and found.labels.tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(found.images[:, 2:30, 2:30, 1], grey) and not found.images[:, :2].any()


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no train-images-idx3-ubyte"):
        digits.load(tmp_path, "train")
    for data in (b"", b"\0\0\x08\x03" + b"\0\0\0\x09" * 3, b"GIF89a" * 9):
        (tmp_path / "train-images-idx3-ubyte").write_bytes(data)
        with pytest.raises(IntegrityFailed, match="is no whole idx file"):
            digits.load(tmp_path, "train")


def test_the_classifier_learns_and_repeats(classifier: digits.Classifier, known: Digits, test_set: Digits) -> None:
    assert digits.accuracy(classifier, test_set) > 0.98
    few = Digits(known.images[:130], known.labels[:130])
    twice = [digits.describe(digits.fit(few, seed=3), few.images)[0] for _ in range(2)]
    assert np.array_equal(*twice)


def test_real_pictures_are_at_the_floor(classifier: digits.Classifier, known: Digits, test_set: Digits) -> None:
    found = digits.report(classifier, strokes(5000, 2).images, known, test_set)
    assert found.classes == 10 and found.kl < 0.01 and found.confidence > 0.9
    assert found.frechet == pytest.approx(found.floor, rel=1)
    assert found.coverage == pytest.approx(found.coverage_floor, abs=0.05)


def test_missing_digits_are_seen(classifier: digits.Classifier, known: Digits, test_set: Digits) -> None:
    more = strokes(11_000, 3)
    half: Pictures = more.images[more.labels < 5][:5000]
    found = digits.report(classifier, half, known, test_set)
    assert found.classes == 5 and found.kl == pytest.approx(np.log(2), abs=0.05)
    assert found.frechet > 10 * found.floor and found.coverage < 0.7


def test_too_few_are_refused(classifier: digits.Classifier, known: Digits, test_set: Digits) -> None:
    few = Digits(test_set.images[:50], test_set.labels[:50])
    with pytest.raises(UsageError, match="give 5,000"):
        digits.report(classifier, known.images[:50], known, few)


def test_divergence_is_the_closed_form() -> None:
    even = np.full(4, 0.25)
    assert digits.divergence(even, even) == 0
    assert digits.divergence(np.array([1.0, 0, 0, 0]), even) == pytest.approx(np.log(4))
    assert digits.divergence(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(
        0.5 * np.log(2) + 0.5 * np.log(2 / 3)
    )


@pytest.mark.skipif(not MNIST.is_dir(), reason="the digits are not beside the repository")
def test_the_real_files() -> None:
    found = digits.load(MNIST, "t10k")
    assert found.images.shape == (10_000, 32, 32, 3)
    assert np.bincount(found.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
