"""The layouts: how samples become files of WebDataset, Hugging Face, StyleGAN and kohya."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from PIL import Image

from pipeline import shards
from pipeline.errors import UsageError
from pipeline.export.samples import Sample

File = tuple[str, Iterable[bytes]]
"""A path below the export, and its bytes in parts."""
Read = Callable[[Sequence[Sample]], Sequence[bytes]]
"""Gives the bytes of prepared pictures."""

TAR_SAMPLES = 5000
TAR_BYTES = 256 << 20
_BATCH = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)


def imagefolder(samples: Sequence[Sample], read: Read) -> Iterator[File]:
    """Hugging Face's ImageFolder: `train/03-skulls/ID.png`, and `train/metadata.jsonl` with a line for each, whose
    `label` is the name of the theme."""
    lines = [_line(one) for one in samples]
    for one, data in _with_bytes(samples, read):
        yield f"train/{one.theme.folder}/{one.id}.{one.suffix}", [data]
    yield "train/metadata.jsonl", ["".join(lines).encode()]


def webdataset(samples: Sequence[Sample], read: Read) -> Iterator[File]:
    """WebDataset: `00000.tar` and on, at most 5,000 samples or 256 MiB each, of `ID.png`, `ID.json` and `ID.cls` (the
    theme's place from 0), in the order of the ids, which are hashes: mixed. The same samples give the same bytes."""
    names: list[str] = []
    blobs: list[bytes] = []
    number = size = 0
    for one, data in _with_bytes(sorted(samples, key=lambda one: one.id), read):
        if len(names) >= 3 * TAR_SAMPLES or (size + len(data) > TAR_BYTES and names):
            yield f"{number:05d}.tar", [shards.pack(names, blobs)[0]]
            names, blobs, size, number = [], [], 0, number + 1
        names += [f"{one.id}.{ending}" for ending in ("cls", "json", one.suffix)]
        blobs += [str(one.theme.label).encode(), json.dumps(one.told, ensure_ascii=False).encode(), data]
        size += len(data)
    yield f"{number:05d}.tar", [shards.pack(names, blobs)[0]]


def stylegan(samples: Sequence[Sample], read: Read, name: str, side: int) -> Iterator[File]:
    """The zip of StyleGAN2-ADA's and StyleGAN3's dataset_tool: stored, not compressed, `00000/img00000000.png` in RGB,
    and `dataset.json` with the theme of each as its class. Raises UsageError unless `side` is a power of two."""
    if side & (side - 1):
        powers = [2**n for n in range(5, 11)]
        better = min(powers, key=lambda power: abs(power - side))
        raise UsageError(
            f"StyleGAN takes squares whose side is a power of two, and these have {side} pixels: "
            f"set shard.size to {better} in the manifest and run it again."
        )
    yield f"{name}-{side}x{side}.zip", _zipped(samples, read)


def kohya(samples: Sequence[Sample], read: Read) -> Iterator[File]:
    """A folder for each theme, each picture beside its caption (`ID.txt`), and `dataset.toml` that names them, as
    kohya's sd-scripts read them."""
    for one, data in _with_bytes(samples, read):
        yield f"{one.theme.folder}/{one.id}.{one.suffix}", [data]
        yield f"{one.theme.folder}/{one.id}.txt", [f"{caption(one)}\n".encode()]
    themes = {one.theme.folder: one.theme.name for one in samples}
    with Image.open(io.BytesIO(read(samples[:1])[0])) as image:
        side = max(image.size)
    yield "dataset.toml", ["\n".join(_toml(themes, side)).encode()]


def caption(one: Sample) -> str:
    """`still life, Fruit by Anna Example, 1836, Realism`: what is known, on one line."""
    told = one.told
    who = f" by {told['creator']}" if told["creator"] else ""
    title = f"{told['title'] or 'picture'}{who}" if told["title"] or who else None
    words = [one.theme.name, title, told["year"], *(told["style"] or ()), *(told["genre"] or ()), *(told["tags"] or ())]
    return re.sub(r"\s+", " ", ", ".join(dict.fromkeys(word for word in words if word)))


def _with_bytes(samples: Sequence[Sample], read: Read) -> Iterator[tuple[Sample, bytes]]:
    for at in range(0, len(samples), _BATCH):
        some = samples[at : at + _BATCH]
        yield from zip(some, read(some), strict=True)


def _line(one: Sample) -> str:
    name = f"{one.theme.folder}/{one.id}.{one.suffix}"
    told: Mapping[str, object] = {"file_name": name, "label": one.theme.name, **one.told}
    return f"{json.dumps(told, ensure_ascii=False)}\n"


def _toml(themes: Mapping[str, str], side: int) -> Iterator[str]:
    # A JSON string is a basic string of TOML: DEL, which TOML wants escaped, is in no name of a theme.
    yield "[[datasets]]"
    yield f"resolution = {side}"
    for folder, name in themes.items():
        yield "\n  [[datasets.subsets]]"
        yield f"  image_dir = {json.dumps(folder)}"
        yield f"  class_tokens = {json.dumps(name, ensure_ascii=False)}"
        yield "  caption_extension = \".txt\""
        yield "  num_repeats = 1"
    yield ""


class _Parts(io.RawIOBase):
    """What a zip writes, to be taken away as it grows."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self.parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        whole, self.parts = b"".join(self.parts), []
        return whole


def _zipped(samples: Sequence[Sample], read: Read) -> Iterator[bytes]:
    sink, labels = _Parts(), []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for at, (one, data) in enumerate(_with_bytes(samples, read)):
            name = f"{at // 1000:05d}/img{at:08d}.png"
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), _plain_png(data))
            labels.append([name, one.theme.label])
            yield sink.taken()
        archive.writestr(zipfile.ZipInfo("dataset.json", _EPOCH), json.dumps({"labels": labels}))
    yield sink.taken()


def _plain_png(data: bytes) -> bytes:
    """As RGB, not compressed: a loader then spends its time on reading alone."""
    sink = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.convert("RGB").save(sink, "PNG", compress_level=0)
    return sink.getvalue()
