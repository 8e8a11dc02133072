"""Import frames of films: one every so many seconds, or the first of each scene, as lossless PNGs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import tables
from pipeline.errors import Reason, UsageError
from spiders.folder import Found
from spiders.importers.given import Given
from spiders.intake import Item, failed, row_of
from spiders.registry import is_detailed

if TYPE_CHECKING:
    import numpy as np

FILMS = (
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv", ".mts", ".m2ts",
)  # fmt: skip
EVERY = 1.0
SCENE = 27.0
SCENE_SECONDS = 0.5
_SMALL = (64, 36)
_QUIET = "-8"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its number from 0, its time in seconds, and `slot`, the time it was taken for; BGR, uint8."""

    number: int
    seconds: float
    slot: float
    pixels: np.ndarray[Any, Any]


def items(given: Given) -> Iterator[Item]:
    """The frames of every film in the order of names: one every `every` seconds (1), or one a scene with `scenes`.

    `source_id` is the film's path, # and the time in seconds, as `birds.mp4#00012.3`. A film that cannot be opened
    is a row with reason `undecodable`. One that was taken to its end and has not changed is not opened again.
    Raises UsageError when there is no film, or `every` makes no sense.
    """
    every = _every(given.arguments)
    films = given.with_extension(FILMS)
    if not films:
        raise UsageError(f"There are no films in {given.shown}: name a folder with files like a.mp4, or one of them.")
    done = _finished(given)
    for found in films:
        if names := done.get((found.name, found.changed)):
            yield from (Item(row_of("video", name, found.path), changed=found.changed) for name in names)
        else:
            yield from _frames(found, every, given)


def _every(arguments: Any) -> float | None:
    """Seconds between frames; None for scenes."""
    if arguments.get("scenes") is not None and is_detailed(arguments["scenes"]):
        return None
    try:
        every = float(arguments["every"] if arguments.get("every") is not None else EVERY)
    except ValueError:
        every = 0.0
    if not 0.001 <= every <= 86_400:
        raise UsageError(
            f"`every` {arguments['every']!r} makes no sense: give the seconds between two frames, such as 5."
        )
    return every


def _finished(given: Given) -> dict[tuple[str, str], list[str]]:
    """The frames of films that an earlier import took to the end, by the film's name and time of change."""
    frames: dict[tuple[str, str], list[str]] = {}
    ended = set()
    for partition in tables.names(given.root, tables.CRAWLED):
        if not partition.startswith(f"{given.prefix}-"):
            continue
        columns = ("source_id", "last_modified", "extra")
        for row in tables.read(given.root, tables.CRAWLED, partition, columns).to_pylist():
            film = (row["source_id"].rpartition("#")[0], row["last_modified"])
            frames.setdefault(film, []).append(row["source_id"])
            if json.loads(row["extra"] or "{}").get("last"):
                ended.add(film)
    return {film: list(dict.fromkeys(frames[film])) for film in ended}


def _frames(found: Found, every: float | None, given: Given) -> Iterator[Item]:
    """The items of a film, one behind, so that the last one can say that it is."""
    before: Frame | None = None
    decimals = 1 if every is None or every >= 0.1 else 3
    for frame in _chosen(found.path, every):
        if before is not None:
            yield _item(found, before, decimals)
        before = frame
    if before is not None:
        yield _item(found, before, decimals, last=True)
    else:
        detail = "no frame of this film can be decoded"
        yield failed(row_of("video", found.name, found.path), Reason.UNDECODABLE, detail, found.changed)


def _item(found: Found, frame: Frame, decimals: int, last: bool = False) -> Item:
    time = f"{frame.slot:0{6 + decimals}.{decimals}f}"
    height, width = frame.pixels.shape[:2]
    extra = {"film": found.name, "seconds": round(frame.seconds, 3), "frame": frame.number}
    said = {
        "title": found.name.rpartition("/")[2], "variant": "frame", "declared_width": width, "declared_height": height,
        "extra": {**extra, "last": True} if last else extra,
    }  # fmt: skip
    made = row_of("video", f"{found.name}#{time}", found.path, said, part=f"t={time}")
    return Item(made, lambda: _png(frame.pixels), changed=found.changed)


def _png(pixels: np.ndarray[Any, Any]) -> bytes:
    import cv2

    whole, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    assert whole
    return bytes(data.tobytes())


# choosing


def _chosen(path: bytes, every: float | None) -> Iterator[Frame]:
    """The frames to take. Nothing when OpenCV cannot open the film; what can be decoded of a damaged one."""
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _QUIET)
    loud = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    film = cv2.VideoCapture(os.fsdecode(path), cv2.CAP_FFMPEG)
    cv2.utils.logging.setLogLevel(loud)
    try:
        yield from _by_rate(film, every) if every is not None else _by_scene(film)
    finally:
        film.release()


def _by_rate(film: Any, every: float) -> Iterator[Frame]:
    """The first frame at or after each multiple of `every` seconds."""
    taken = -1
    for number, seconds in _grabbed(film):
        slot = int(seconds / every + 1e-6)
        if slot > taken:
            whole, pixels = film.retrieve()
            if whole:
                taken = slot
                yield Frame(number, seconds, slot * every, pixels)


def _by_scene(film: Any) -> Iterator[Frame]:
    """The first frame, then each that differs from the one before by more than a cut does, half a second apart.

    The difference is the mean over hue, saturation and value of their mean absolute differences (0 to 255).
    """
    import cv2
    import numpy as np

    before, cut = None, 0.0
    for number, seconds in _grabbed(film):
        whole, pixels = film.retrieve()
        if not whole:
            continue
        small = cv2.resize(pixels, _SMALL, interpolation=cv2.INTER_AREA)
        now = cv2.cvtColor(small, cv2.COLOR_BGR2HSV).astype(np.int16)
        changed = before is None or float(np.abs(now - before).mean()) > SCENE
        before = now
        if number == 0 or (changed and seconds - cut >= SCENE_SECONDS):
            cut = seconds
            yield Frame(number, seconds, seconds, pixels)


def _grabbed(film: Any) -> Iterator[tuple[int, float]]:
    """Number and time in seconds of every frame, which waits to be retrieved."""
    import cv2

    number = 0
    while film.grab():
        yield number, max(film.get(cv2.CAP_PROP_POS_MSEC), 0.0) / 1000
        number += 1
