"""Import idx files, as MNIST comes in: every picture becomes a lossless PNG, its label its genre."""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import IO, Any

from pipeline.errors import Reason, UsageError
from spiders.folder import Found
from spiders.importers.given import Given
from spiders.intake import Item, failed, row_of

_PICTURES, _LABELS = b"\0\0\x08\x03", b"\0\0\x08\x01"
_HEAD = 16
_LARGEST = 8 * 2**30


def items(given: Given) -> Iterator[Item]:
    """The pictures of every idx file of three dimensions, in the order of the files' names.

    `source_id` is the file's name without .gz, # and the picture's index, as `train-images-idx3-ubyte#00042`. The
    labels are in the file beside it with labels for images and idx1 for idx3 in its name. Where a file ends before
    its header says so stands one row with reason `truncated`. Raises UsageError when there is no such file, or one
    that is no idx file.
    """
    files = given.tree().files
    chosen: dict[str, Found] = {}
    for found in files:
        if "idx3" in os.path.basename(found.name).lower():
            chosen.setdefault(found.name.removesuffix(".gz"), found)
    if not chosen:
        raise UsageError(
            f"There are no idx files in {given.shown}: name the folder with train-images-idx3-ubyte or "
            "t10k-images-idx3-ubyte, packed with gzip or not."
        )
    labels = {name: _labels_beside(found) for name, found in chosen.items()}
    given.tally.skipped = len({found.path for found in files} - {f.path for f in chosen.values()} - {*labels.values()})
    for name, found in chosen.items():
        yield from _pictures(name, found, labels[name], given)


def _labels_beside(found: Found) -> bytes | None:
    folder, name = os.path.split(found.path)
    wanted = name.replace(b"images", b"labels").replace(b"idx3", b"idx1").removesuffix(b".gz")
    beside = (os.path.join(folder, wanted + ending) for ending in (b"", b".gz"))
    return next((path for path in beside if path != found.path and os.path.isfile(path)), None)


def _pictures(name: str, found: Found, labels_path: bytes | None, given: Given) -> Iterator[Item]:
    with _opened(found.path) as file:
        count, height, width = _header(file, found.name, _PICTURES, 3)
        if not 0 < height * width <= _LARGEST or count * height * width > _LARGEST:
            raise UsageError(f"{found.name} promises {count:,} pictures of {width} × {height} pixels: it is damaged.")
        labels = _labels(labels_path) if labels_path else b""
        there = min(count, (os.fstat(file.fileno()).st_size - _HEAD) // (height * width))
        for at in range(there):
            said = _said(labels[at] if at < len(labels) else None, at, width, height)
            made = row_of("mnist", f"{name}#{at:05d}", found.path, said, part=str(at))
            yield Item(made, partial(_png, file, at, width, height), changed=found.changed)
    if labels_path is None or len(labels) < there:
        given.tally.notes["pictures have no label"] += there - len(labels)
    if there < count:
        detail = f"the file ends after {there:,} of {count:,} pictures"
        made = row_of("mnist", f"{name}#{there:05d}", found.path, part=str(there))
        yield failed(made, Reason.TRUNCATED, detail, found.changed)


def _said(label: int | None, at: int, width: int, height: int) -> dict[str, Any]:
    said = {"declared_width": width, "declared_height": height, "extra": {"index": at}}
    return said if label is None else {**said, "genre": [str(label)], "extra": {"index": at, "label": label}}


def _labels(path: bytes) -> bytes:
    """One label for each picture, as bytes."""
    with _opened(path) as file:
        (count,) = _header(file, os.fsdecode(os.path.basename(path)), _LABELS, 1)
        return file.read(count)


def _header(file: IO[bytes], name: str, magic: bytes, dimensions: int) -> tuple[int, ...]:
    head = file.read(4 + 4 * dimensions)
    if head[:4] != magic or len(head) < 4 + 4 * dimensions:
        what = "pictures" if magic == _PICTURES else "labels"
        raise UsageError(f"{name} is no idx file of {what} (bytes in {dimensions} dimensions): download it again.")
    return struct.unpack(f">{dimensions}I", head[4:])


def _opened(path: bytes) -> IO[bytes]:
    """The file, or what gzip packed in it, as far as it goes and at most 8 GiB, in a nameless file."""
    file = open(path, "rb")  # noqa: SIM115 - the caller closes it
    if file.read(2) != b"\x1f\x8b":
        file.seek(0)
        return file
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    packing = zlib.decompressobj(wbits=31)
    file.seek(0)
    with file, suppress(zlib.error):
        while unpacked.tell() < _LARGEST and (data := file.read(2**16)):
            unpacked.write(packing.decompress(data))
    unpacked.seek(0)
    return unpacked


def _png(file: IO[bytes], at: int, width: int, height: int) -> bytes:
    """A grey PNG (ISO/IEC 15948). Its pixels are stored uncompressed, so that the bytes depend on no library."""
    file.seek(_HEAD + at * width * height)
    pixels = file.read(width * height)
    lines = b"".join(b"\0" + pixels[start : start + width] for start in range(0, len(pixels), width))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
