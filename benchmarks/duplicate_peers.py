"""Hashes of files by imagededup, imagehash and PDQ, and what they cost; runs in an environment of its own.

    python -m venv peers && peers/bin/pip install --no-deps imagededup imagehash pdqhash
    peers/bin/pip install pillow numpy scipy scikit-learn PyWavelets matplotlib tqdm
    peers/bin/python benchmarks/duplicate_peers.py FILES.txt OUT.npz

imagededup imports torchvision for its networks only, so a stub stands in its place. FILES.txt has a path a line.
"""

from __future__ import annotations

import sys
import time
import types
import warnings

import numpy as np
from PIL import Image


class _Everything(type):
    """Every attribute of such a class is the class itself."""

    def __getattr__(cls, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


class _Nothing(metaclass=_Everything):
    def __init__(self, *_: object, **__: object) -> None:
        pass


class _Stub(types.ModuleType):
    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing


for stubbed in (
    "torch", "torch.nn", "torch.utils", "torch.utils.data", "torchvision", "torchvision.models",
    "torchvision.models.vision_transformer", "torchvision.transforms",
):  # fmt: skip
    sys.modules[stubbed] = _Stub(stubbed)
    parent, _, child = stubbed.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, sys.modules[stubbed])
warnings.filterwarnings("ignore")


def methods() -> dict:
    """By name: a function of a path that gives rows of bits, one for each hash of the picture."""
    import imagehash
    import pdqhash
    from imagededup.methods import DHash, PHash

    phash, dhash = PHash(verbose=False), DHash(verbose=False)

    def of_hex(text: str) -> np.ndarray:
        return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))[None]

    def pdq(path: str) -> np.ndarray:
        return pdqhash.compute(np.asarray(Image.open(path).convert("RGB")))[0][None]

    def dihedral(path: str) -> np.ndarray:
        return np.stack(pdqhash.compute_dihedral(np.asarray(Image.open(path).convert("RGB")))[0])

    return {
        "imagededup phash": lambda path: of_hex(phash.encode_image(image_file=path)),
        "imagededup dhash": lambda path: of_hex(dhash.encode_image(image_file=path)),
        "imagehash phash": lambda path: imagehash.phash(Image.open(path)).hash.reshape(1, -1),
        "pdq": pdq,
        "pdq dihedral": dihedral,
    }


def main() -> None:
    """Hash the files and save the bits, with CPU milliseconds a picture."""
    files, output = sys.argv[1:3]
    with open(files) as listed:
        paths = listed.read().split("\n")
    made = {}
    for name, hashed in methods().items():
        started = time.process_time()
        bits = np.stack([np.packbits(np.asarray(hashed(path), bool), axis=1) for path in paths])
        made[name] = bits
        made[f"ms {name}"] = np.array(1000 * (time.process_time() - started) / len(paths))
        print(name, bits.shape, made[f"ms {name}"], file=sys.stderr)
    np.savez_compressed(output, **made)


if __name__ == "__main__":
    main()
