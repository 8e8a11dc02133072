"""Choose every limit by which faces are found and judged, on pictures that `faces.py` does not report.

    python benchmarks/faces_limits.py ../shared/data [PART …]      parts: judged found

Of every set the first half of its persons, or of its pictures where nobody is named, by the SHA-256 of the name, sets
limits; `faces.py` reports the other half. A rule for each kind of limit, printed beside the value that is built in:

- Judged (sunglasses, yaw, looking up): halfway between both kinds; between their nearest tenths where they overlap.
- Found (`vision.faces.Limits`): of a few values each, with the others as built in, those that see faces in at most
  0.5 % of the pictures without (flowers, still lifes, landscapes), lose at most 1 % of turned, scaled and mirrored
  faces, keep them steady (1.5 % at the median, 3.8 % at the 95th percentile), and ask for no more looks of the
  detector than take about as long as plain MediaPipe; of these the one that finds the most usable faces in paintings;
  of several the one with the fewest looks, and of equals the built-in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

import faces
import numpy as np
from faces import Floats, Pixels

from pipeline import models
from pipeline.stages.judge import DARK_EYES
from pipeline.vision.facenets import FaceNets
from pipeline.vision.faces import FaceFinder, Limits

LOOKS = 1_725
"""Of the detector at all these pictures, with which paintings take at most 1.2 times what MediaPipe takes."""
TRIED = {
    "hint": (0.2, 0.25, 0.3, 0.35), "found": (0.35, 0.4, 0.45, 0.5), "in_part": (0.5, 0.6, 0.7),
    "confirmed": (0.66, 0.7, 0.74, 0.78), "likely": (0.6, 0.65, 0.7), "together": (1.4, 1.45, 1.5),
    "sure": (0.78, 0.82, 0.86), "unlikely": (0.85, 0.95, 1.05), "doubtful": (0.6, 0.65, 0.7),
    "certain": (0.85, 0.9, 0.95), "clear": (0.75, 0.8, 0.85),
}  # fmt: skip
FACELESS = ("Naturmort", "Landscape")


# judged


def judged(data: Path) -> None:
    """Limits between open eyes and sunglasses, straight and turned, straight and upturned heads of faces_cmu."""
    kinds: dict[str, list[float]] = {}
    for row in faces.half(data, "faces_cmu", "person", setting=True):
        for face in faces.finder().find(faces.pixels(data / "faces_cmu" / row["path"]))[:1]:
            kinds.setdefault(f"light {row['eyes']}", []).append(face.eye_light)
            kinds.setdefault(f"yaw {row['pose']}", []).append(abs(face.yaw))
            kinds.setdefault(f"pitch {row['pose']}", []).append(face.pitch)
    print("persons", sorted(faces.first_half(row["person"] for row in faces.rows(data / "faces_cmu"))))
    pairs = (
        ("sunglasses", kinds["light sunglasses"], kinds["light open"], f"{DARK_EYES}"),
        ("max_yaw", kinds["yaw straight"], kinds["yaw left"] + kinds["yaw right"], f"{faces.PORTRAIT.max_yaw}"),
        ("max_up", kinds["pitch straight"], kinds["pitch up"], f"{faces.PORTRAIT.max_up}"),
    )
    for name, low, high, built_in in pairs:
        limit, how = between(low, high)
        print(f"{name:11} {limit:6.2f} ({how}; {len(low)} to {max(low):.2f}, {len(high)} from {min(high):.2f}); "
              f"built in {built_in}")


def between(low: Sequence[float], high: Sequence[float]) -> tuple[float, str]:
    """Halfway between the greatest of the low and the least of the high; where they overlap, between their tenths."""
    if max(low) < min(high):
        return (max(low) + min(high)) / 2, "apart"
    return float(np.percentile(low, 90) + np.percentile(high, 10)) / 2, "overlapping"


# found


@dataclass(frozen=True)
class Result:
    """What limits give: pictures with usable faces and these, share of faceless pictures with a face, share of
    variations of a face lost, spread of the others (median, 95th percentile) in percent, looks of the detector."""

    usable: int
    false: float
    lost: float
    steady: tuple[float, float]
    looks: int

    @property
    def admitted(self) -> bool:
        """Whether the rule lets it stand."""
        sound = self.false <= 0.005 and self.lost <= 0.01 and self.steady[0] <= 1.5 and self.steady[1] <= 3.8
        return sound and self.looks <= LOOKS


def found(data: Path) -> None:
    """Try values of each limit, the others as built in."""
    built_in = Limits()
    for name, values in TRIED.items():
        results = {value: tried(data, replace(built_in, **{name: value})) for value in values}
        for value, one in results.items():
            print(f"{name:10} {value:4}{'*' if value == getattr(built_in, name) else ' '} {one.usable:4} usable faces, "
                  f"{100 * one.false:.2f} % false, {100 * one.lost:.1f} % lost, steady {one.steady[0]:.2f} / "
                  f"{one.steady[1]:.2f} %, {one.looks} looks{'' if one.admitted else '   refused'}", flush=True)
        print(f"{name:10} by the rule {best(results, getattr(built_in, name))}", flush=True)


def best(results: dict[float, Result], built_in: float) -> float | None:
    """The value that the rule takes, if any."""
    standing = [value for value, one in results.items() if one.admitted]

    def rank(value: float) -> tuple[int, int, bool]:
        return -results[value].usable, results[value].looks, value != built_in

    return min(standing, key=rank, default=None)


def tried(data: Path, limits: Limits) -> Result:
    """Look at all pictures that set limits."""
    with patch.object(FaceNets, "detect", autospec=True, side_effect=FaceNets.detect) as looks:
        finder = FaceFinder(models.path("face_landmarker"), limits)
        seen = [[face.eye_distance for face in finder.find(picture)] for picture, _ in pictures(data)]
        faceless = [len(one) > 0 for one, (_, empty) in zip(seen, pictures(data), strict=True) if empty]
        usable = sum(eyes >= faces.USABLE for one, (_, empty) in zip(seen, pictures(data), strict=True) for eyes in one
                     if not empty)  # fmt: skip
        off = [moved(finder, *one) for one in varied(data)]
    known = [one for one in off if one is not None]
    steady = float(np.median(known)), float(np.percentile(known, 95))
    return Result(usable, float(np.mean(faceless)), 1 - len(known) / len(off), steady, looks.call_count)


@lru_cache(maxsize=1)
def pictures(data: Path) -> list[tuple[Pixels, bool]]:
    """The paintings and flowers that set limits, and whether there is no face in it."""
    made = []
    for folder, every in (("louvre_genres", 1), ("wikiart_styles_pd", 1), ("flowers5", 2)):
        made += [(data / folder / row["path"], folder == "flowers5" or row.get("genre") in FACELESS)
                 for row in faces.half(data, folder, setting=True)[::every]]  # fmt: skip
    return [(faces.pixels(path), empty) for path, empty in made]


@lru_cache(maxsize=1)
def varied(data: Path) -> list[tuple[Pixels, Floats]]:
    """Turned, scaled, mirrored and recompressed pictures of every second person that sets limits, and where the eyes
    must be by what is found in the picture as it was."""
    first: dict[str, Path] = {}
    for row in faces.half(data, "faces_68pts", "person", setting=True):
        first.setdefault(row["person"], data / "faces_68pts" / row["path"])
    made = []
    for path in list(first.values())[::2]:
        picture = faces.pixels(path)
        (still, *_) = faces.ours(picture)
        for what, changed, matrix in faces.variants(picture):
            there = still @ matrix[:, :2].T + matrix[:, 2]
            made.append((changed, there[::-1] if what == "mirrored" else there))
    return made


def moved(finder: FaceFinder, picture: Pixels, there: Floats) -> float | None:
    """How far the eyes land from where they must, as a percentage of their distance; None when the face is lost."""
    match = faces.nearest([np.array(face.eyes).reshape(2, 2) for face in finder.find(picture)], there)
    if match is None:
        return None
    return float(100 * np.hypot(*(match - there).T).mean() / np.hypot(*(there[1] - there[0])))


if __name__ == "__main__":
    faces.run({part.__name__: part for part in (judged, found)})
