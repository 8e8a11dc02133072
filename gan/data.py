"""Pictures from a folder, tar or zip as one array in memory.

Every picture becomes upright, 8-bit sRGB and `size`×`size`, by this rule: what has that size already is taken as
it is; all others are cropped to their central square and resized with Lanczos's filter. Colours that an ICC profile
places in another space are converted. Transparent parts are shown on white. Nothing is ever unpacked onto the disk.
"""

from __future__ import annotations

import io
import logging
import os
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from gan.sample import Pictures
from pipeline.errors import Fatal, UsageError

log = logging.getLogger(__name__)

# What Pillow was seen to raise on damaged files, beside OSError for most.
_DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)
_NOT_PICTURES = frozenset(
    [".json", ".jsonl", ".txt", ".csv", ".tsv", ".parquet", ".cls", ".xml", ".yaml", ".yml", ".md", ".html"]
)
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
_DEEP = ("I", "F")
_PROFILED = ("RGB", "RGBA", "CMYK", "L")  # modes that a profile can describe


@dataclass
class Corpus:
    """Pictures uint8 (n, size, size, 3), and what became of the files they came from."""

    images: Pictures
    names: list[str] = field(default_factory=list)
    """The file of each picture, below the folder or in the archive."""
    cropped: int = 0
    """How many were not square."""
    resized: int = 0
    """How many had another size, the cropped ones among them."""
    enlarged: int = 0
    """How many were smaller than `size`."""
    damaged: dict[str, str] = field(default_factory=dict)
    """Files that could not be read, and what was wrong with them."""

    def summary(self, size: int) -> str:
        """One line for people."""
        parts = [f"{len(self.images):,} pictures"]
        if self.resized:
            parts.append(f"{self.resized:,} resized to {size}×{size}")
        if self.cropped:
            parts.append(f"{self.cropped:,} cropped to their central square")
        if self.enlarged:
            parts.append(f"{self.enlarged:,} enlarged")
        if self.damaged:
            name, why = next(iter(self.damaged.items()))
            parts.append(f"{len(self.damaged):,} damaged files left out, the first {name} ({why})")
        return "; ".join(parts)


def load(path: str | Path, size: int) -> Corpus:
    """All pictures below a folder, or in a tar (as WebDataset makes them) or zip, in order of their names.

    Archives inside a folder are read as well. Raises UsageError when there is no such path, Fatal when an
    archive is damaged or no picture can be read.
    """
    path = Path(path).expanduser()
    corpus = Corpus(np.empty((0, size, size, 3), np.uint8))
    pixels = bytearray()
    for name, data in _files(path):
        try:
            picture = _decode(data, size, corpus)
        except _DAMAGED as error:
            corpus.damaged[name] = type(error).__name__
        else:
            pixels += picture.tobytes()
            corpus.names.append(name)
    if not pixels:
        raise Fatal(
            f"No pictures in {path} ({len(corpus.damaged)} files could not be read): "
            "name a folder, tar or zip of JPEG, PNG or other common pictures."
        )
    corpus.images = np.frombuffer(pixels, np.uint8).reshape(-1, size, size, 3)
    return corpus


def load_one(file: Path, size: int) -> Pictures:
    """One picture file, uint8 (size, size, 3). Raises UsageError when it cannot be read."""
    try:
        return _decode(file.expanduser().read_bytes(), size, Corpus(np.empty((0, size, size, 3), np.uint8)))
    except _DAMAGED as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise UsageError(f"{file} cannot be read as a picture ({why}): name a JPEG, PNG or the like.") from None


# where the bytes are


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        yield from _in_folder(path)
    elif not path.exists():
        raise UsageError(f"There is no {path}: name a folder, tar or zip of pictures.")
    elif _starts_as_zip(path):
        yield from _in_zip(path)
    else:
        yield from _in_tar(path)


def _starts_as_zip(path: Path) -> bool:
    """A tar may end in a zip, so only the first bytes tell."""
    with open(path, "rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _in_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(here) / name
            if not file.is_file() or not _may_be_picture(name):
                continue
            if name.lower().endswith(_ARCHIVES):
                yield from _files(file)
            elif (data := _read(file)) is not None:
                yield str(file.relative_to(folder)), data


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError as error:
        log.warning("%s is left out: %s", file, error.strerror)
        return None


def _in_tar(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None and _may_be_picture(member.name):
                    yield member.name, stream.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise Fatal(f"{path} is not a whole tar or zip ({error}): make it again, or name a folder.") from None


def _in_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.infolist(), key=lambda item: item.filename):
                if not member.is_dir() and _may_be_picture(member.filename):
                    yield member.filename, archive.read(member)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError) as error:
        raise Fatal(f"{path} is not a whole zip ({error}): make it again, or name a folder.") from None


def _may_be_picture(name: str) -> bool:
    """False for hidden files, for what archives keep beside pictures, and for WebDataset's other members."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "__MACOSX")) and part not in (".", "..") for part in parts)
    return not hidden and PurePosixPath(name).suffix.lower() not in _NOT_PICTURES


# what the bytes show


def _decode(data: bytes, size: int, corpus: Corpus) -> NDArray[np.uint8]:
    """One picture (size, size, 3), counted in `corpus`. Raises one of _DAMAGED."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of harmless oddities; what matters is whether it loads
        with Image.open(io.BytesIO(data)) as file:
            file.draft("RGB", (2 * size, 2 * size))
            upright = ImageOps.exif_transpose(file)
            picture = _rgb(_in_srgb(upright))
    width, height = picture.size
    if (width, height) != (size, size):
        corpus.resized += 1
        corpus.cropped += width != height
        corpus.enlarged += min(width, height) < size
        picture = _central_square(picture).resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3)
    return np.asarray(picture)


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The picture with the colours that its ICC profile means; as it is without one, or with one that is no use."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in _PROFILED:
        return picture
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    colours = picture.convert("RGB") if alpha else picture
    try:
        found = ImageCms.profileToProfile(
            colours, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return picture
    if found is None:
        return picture
    if alpha:
        found.putalpha(alpha)
    return found


def _central_square(picture: Image.Image) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def _rgb(picture: Image.Image) -> Image.Image:
    """8-bit RGB on white."""
    if picture.mode.startswith("I;16") or picture.mode in _DEEP:
        picture = _eight_bit(picture)
    if picture.has_transparency_data:
        colour = picture.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        return Image.alpha_composite(white, colour).convert("RGB")
    return picture.convert("RGB")


def _eight_bit(picture: Image.Image) -> Image.Image:
    """16-bit grey keeps its upper byte; other deep pictures are clipped to 0…255."""
    levels = np.asarray(picture)
    if levels.max(initial=0) > 255 and picture.mode != "F":
        levels = levels // 256
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
