"""Tonight's 10,000 pictures beside a corpus of 100,000 that stands: candidates and proofs, CPU seconds and memory.

    python benchmarks/duplicates_tonight.py --pictures ../shared/data

So many real pictures are not at hand, so that the keys are put together: those of a made-up picture are what four real
ones show in one quarter each. Those that stand come from one half of the real pictures, tonight's from the other, but
for one in fifty that is a standing picture with three bits of each code changed. So codes of both are as often near
each other as they are between different pictures; among tonight's, every quarter comes about three times, which makes
far more candidates than a night has. Some of the pairs are then proved or refused by the sketch of one of the four
pictures. No table is read.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from duplicate_edits import large, small
from duplicates import RULES, sketch_of

from pipeline.stages.proofs import Asked, looked
from pipeline.vision.agreement import Limits
from pipeline.vision.candidates import Candidates, Keys, candidates
from pipeline.vision.sketch import Sketch, codes, poses

_COPIES = 50  # one in so many of tonight's stands already
_LOOKED_AT = 5000  # candidates


class Fragments:
    """What real pictures show in each quarter, to be put together anew."""

    def __init__(self, sketches: Sequence[Sketch]) -> None:
        self.turns = np.stack([one.turns for one in sketches])
        self.codes = np.concatenate([codes(one) for one in sketches])
        self.mirrored = np.concatenate([codes(one, True) for one in sketches])
        self.poses = np.concatenate([poses(one) for one in sketches])
        owners = np.repeat(np.arange(len(sketches)), [len(poses(one)) for one in sketches])
        quarter = (self.poses & 255 >= 128).astype(np.int64) + 2 * (self.poses >> 8 & 255 >= 128)
        self._by = np.lexsort((quarter, owners))
        self._starts = np.searchsorted((owners * 4 + quarter)[self._by], np.arange(4 * len(sketches) + 1))

    def made(self, count: int, rng: np.random.Generator) -> tuple[Keys, np.ndarray]:
        """Keys of so many pictures, and whose the first quarter of each is."""
        givers = rng.integers(0, len(self.turns), (count, 4))
        part = (givers * 4 + np.arange(4)).reshape(-1)
        sizes = self._starts[part + 1] - self._starts[part]
        which = np.repeat(self._starts[part] - (sizes.cumsum() - sizes), sizes) + np.arange(sizes.sum())
        rows, owners = self._by[which], np.repeat(np.arange(count), sizes.reshape(count, 4).sum(1))
        turns = _changed(self.turns[givers[:, 0]], 12, rng)
        return Keys(self.codes[rows], owners, self.mirrored[rows], self.poses[rows], turns), givers[:, 0]


def _changed(hashes: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
    for _ in range(bits):
        hashes = hashes ^ (np.uint64(1) << rng.integers(0, 64, hashes.shape, dtype=np.uint64))
    return hashes


def beside(standing: Keys, new: Keys) -> Keys:
    """Both, those that stand first; one in fifty of the new ones is a standing one with three bits of each changed."""
    rng = np.random.default_rng(1)
    first, known = len(standing.turns), len(new.turns) // _COPIES
    mine, theirs = new.owners >= known, standing.owners < known
    copies = [_changed(found[theirs], 3, rng) for found in (standing.codes, standing.mirrored)]
    return Keys(
        np.concatenate([standing.codes, copies[0], new.codes[mine]]),
        np.concatenate([standing.owners, standing.owners[theirs] + first, new.owners[mine] + first]),
        np.concatenate([standing.mirrored, copies[1], new.mirrored[mine]]),
        np.concatenate([standing.poses, standing.poses[theirs], new.poses[mine]]),
        np.concatenate([standing.turns, new.turns]),
    )


def searched(keys: Keys, first: int) -> Candidates:
    """The candidates of tonight's, with what finding them took, printed."""
    before, began = _peak(), time.process_time()
    pairs = candidates(keys, first, np.arange(len(keys.turns)), RULES.code_distance, RULES.votes, RULES.turn_distance)
    spent, new = time.process_time() - began, len(keys.turns) - first
    copies = new // _COPIES
    hits = np.count_nonzero((pairs.i - first == pairs.j) & (pairs.i - first < copies))
    memory = f"{(_peak() - before) / 2**20:.0f} MiB above the {_size(keys) / 2**20:.0f} of the keys"
    print(f"{new:,} beside {first:,}: {spent:.1f} CPU s, {memory}; {len(pairs.i):,} candidates, ", end="")
    print(f"{hits} of {copies} copies among them", flush=True)
    return pairs


def _size(keys: Keys) -> int:
    return sum(part.nbytes for part in (keys.codes, keys.owners, keys.mirrored, keys.poses, keys.turns))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True)
    data = parser.parse_args().pictures.resolve()
    real = [sketch_of(path) for path in (*large(data), *small(data))]
    halves = [[real[n] for n in half] for half in np.array_split(np.random.default_rng(0).permutation(len(real)), 2)]
    a, b = (Fragments(half) for half in halves)
    standing, givers = a.made(100_000, np.random.default_rng(2))
    tonight, more = b.made(10_000, np.random.default_rng(3))
    pairs = searched(beside(standing, tonight), len(standing.turns))
    shown = [halves[0][n] for n in givers] + [halves[1][n] for n in more]
    some = np.random.default_rng(4).permutation(len(pairs.i))[:_LOOKED_AT]
    questions = [
        Asked(int(pairs.j[n]), int(pairs.i[n]), bool(pairs.plain[n]), bool(pairs.mirrored[n]), int(pairs.turn[n]))
        for n in some
    ]
    began = time.process_time()
    looked(shown.__getitem__, questions, Limits())
    print(f"{len(some) / (time.process_time() - began):,.0f} pairs proved or refused a CPU second", flush=True)


if __name__ == "__main__":
    main()
