"""Our figures of pictures beside those of kept libraries, on the same features.

    python -m venv /tmp/peers && /tmp/peers/bin/pip install prdc scipy
    python benchmarks/gan_metrics_peers.py --pictures ../shared/data/pbn64_pd/images --peers /tmp/peers/bin/python

The peers run in an interpreter of their own: `prdc` 0.2 (its authors' code for density and coverage) as it is; and the
kernel and Fréchet distances as torch-fidelity and pytorch-fid compute them (the whole table of kernel values by numpy;
the root of the product of covariances by `scipy.linalg.sqrtm`), written out here, because those packages pull
torchvision. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gan import spaces
from gan.data import load
from gan.metrics import frechet, kid, prdc

PEERS = """
import json, sys
import numpy as np, scipy.linalg
from prdc import compute_prdc
a, b = (np.load(name).astype(np.float64) for name in sys.argv[1:3])
n = 1000
found = {name: float(value) for name, value in compute_prdc(a[:n], b[:n], nearest_k=3).items()}
k = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
x, y = a[:n], b[:n]
inner = sum(k(s, s).sum() - np.trace(k(s, s)) for s in (x, y))
found["kid"] = inner / (n * (n - 1)) - 2 * k(x, y).mean()
root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T))
mean = a.mean(0) - b.mean(0)
found["frechet"] = mean @ mean + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * np.real(root))
print(json.dumps(found))
"""


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--peers", required=True, help="the Python that has them")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = load(arguments.pictures, 64).images
    images = images[np.random.default_rng(0).permutation(len(images))]
    small = [np.asarray(Image.fromarray(image).resize((32, 32)).resize((64, 64))) for image in images]
    real, blurred = spaces.features(images), spaces.features(np.stack(small))
    # A Fréchet distance needs 5,000, so the pictures stand there twice: the numbers are compared, not the pictures.
    a, b = np.concatenate([real, real])[:5000], np.concatenate([blurred[1000:], blurred])[:5000]
    ours = {"kid": kid(a[:1000], b[:1000], subsets=1, subset_size=1000).mean, "frechet": frechet(a, b)}
    ours |= vars(prdc(a[:1000], b[:1000]))
    with tempfile.TemporaryDirectory() as scratch:
        for name, side in (("a", a), ("b", b)):
            np.save(f"{scratch}/{name}.npy", side)
        command = [arguments.peers, "-c", PEERS, f"{scratch}/a.npy", f"{scratch}/b.npy"]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        theirs = json.loads(said.splitlines()[-1])  # prdc prints as well
    print("| figure | ours | theirs | relative difference |\n|---|---|---|---|")
    for name, value in ours.items():
        print(f"| {name} | {value:.6f} | {theirs[name]:.6f} | {abs(value / theirs[name] - 1):.1e} |")


if __name__ == "__main__":
    main()
