"""What was made of a trained GAN to look into it: walks, mixes, directions, neurons and ranks, out of its folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.storage import Root

# Folder of a run: what the page calls it, and the command that fills it.
SHELVES = {
    "walks": "Walks", "directions": "Directions", "mix": "Arithmetic", "neurons": "Neurons",
    "project": "Real pictures found again", "nearest": "Nearest real pictures", "rank": "Ranked by the discriminator",
}
MOST = 60
_KINDS = {"png": "image", "jpg": "image", "webp": "image", "gif": "moving", "mp4": "film", "webm": "film"}
_SHOWN = re.compile(r"[\w][\w.+-]*\.(png|jpg|webp|gif|mp4|webm)")


@dataclass(frozen=True)
class Look:
    """A picture or film: its address in the report, `image`, `moving` or `film`, what it shows, how it was made.

    `still` is a picture that does not move, for those who asked for less motion.
    """

    name: str
    address: str
    kind: str
    caption: str
    still: str | None
    facts: Mapping[str, Any]


def looks(root: Root, run: str, prefix: str, files: dict[str, str]) -> dict[str, list[Look]]:
    """What lies in the folders of a run, by folder, newest names last; adds to `files` what is shown."""
    found: dict[str, list[Look]] = {}
    for shelf in SHELVES:
        names = root.names(f"{run}/{shelf}")
        shown = [_look(root, f"{run}/{shelf}", name, names, f"{prefix}-{shelf}", files)
                 for name in sorted(names) if _is_shown(name, names)][:MOST]
        if shown:
            found[shelf] = shown
    return found


def _is_shown(name: str, names: list[str]) -> bool:
    """Pictures and films; of a film that is there as MP4 and as GIF, the first."""
    twice = name.endswith(".gif") and f"{name.removesuffix('.gif')}.mp4" in names
    return bool(_SHOWN.fullmatch(name)) and not twice


def _look(
    root: Root, folder: str, name: str, names: list[str], prefix: str, files: dict[str, str]
) -> Look:
    stem, _, ending = name.rpartition(".")
    kind = _KINDS[ending]
    about = _about(root, f"{folder}/{stem}.json") if f"{stem}.json" in names else {}
    address = f"{prefix}-{stem.lower()}.{'webp' if kind == 'image' else ending}"
    files[address] = f"{folder}/{name}"
    still = next((beside for end in _STILLS if (beside := f"{stem}{end}.png") in names), None)
    caption = str(about.pop("caption", about.pop("title", stem.replace("-", " ").replace("_", " "))))
    known = f"{prefix}-{still.removesuffix('.png').lower()}.webp" if still and kind != "image" else None
    return Look(stem, address, kind, caption, known, {k: v for k, v in about.items() if isinstance(v, _PLAIN)})


_PLAIN = (str, int, float)
_STILLS = ("", "-first", "-strip", "-still")


def _about(root: Root, path: str) -> dict[str, Any]:
    """What stands beside a picture; nothing when it cannot be read."""
    try:
        found = json.loads(root.read(path))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def scores(root: Root, run: str) -> dict[str, float]:
    """The discriminator's score of each real picture, by id; empty when they were not ranked."""
    names = root.names(f"{run}/rank")
    if "scores.json" not in names:
        return {}
    found = _about(root, f"{run}/rank/scores.json")
    return dict(zip(found.get("ids", ()), found.get("scores", ()), strict=False))
