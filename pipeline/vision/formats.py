"""The allow-list of picture formats: who reads each, and which are read in a process of their own.

JPEG, PNG and WebP, which is nearly everything, are decoded where they are asked for: their decoders are small, used by
every browser and fuzzed without pause. All other formats are exotic, and so is a file of these three that behaves
oddly; `pipeline.vision.sandbox` has them decoded in a child process with limits on memory and time.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from pipeline.errors import Reason, Rejected

Reader = Callable[[io.BytesIO], ImageFile.ImageFile]

COMMON = frozenset({"jpeg", "png", "webp"})
"""Decoded in process, unless `is_suspicious`."""

UPRIGHT = frozenset({"heif", "jxl"})
"""Their decoders turn the picture themselves, so what EXIF says must not be done again (ISO/IEC 23008-12, 18181-1)."""

MANY_PIXELS = 50_000_000
MANY_PIXELS_PER_BYTE = 1000
MANY_SCANS = 100

_READERS: dict[str, Reader] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "jp2": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "pnm": PpmImagePlugin.PpmImageFile,
}
_EXTRAS = {"heif": "pi_heif", "jxl": "pylibjxl"}


def reader(kind: str) -> Reader:
    """What opens a file of `kind` (a name of `pipeline.sniff`); it reads the header and no pixel.

    Raises Rejected (UNSUPPORTED_FORMAT): not on the list, or the package that reads it is not installed.
    """
    if kind in _READERS:
        return _READERS[kind]
    if kind in _EXTRAS and find_spec(_EXTRAS[kind]):
        return _heif() if kind == "heif" else JpegXLFile
    hint = ": install wunderkammer[formats]" if kind in _EXTRAS else ""
    raise Rejected(Reason.UNSUPPORTED_FORMAT, detail=f"{kind}{hint}")


def is_suspicious(data: bytes, image: ImageFile.ImageFile) -> bool:
    """Whether a file of a common format is better decoded elsewhere, by its header: it is huge, packed as densely
    as only a bomb or a blank is, moves, or has more scans than any encoder writes (a progressive JPEG is decoded
    anew for each)."""
    pixels = image.width * image.height
    if pixels > MANY_PIXELS or pixels > MANY_PIXELS_PER_BYTE * max(len(data), 1000):
        return True
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return not _in_one_scan(data, image) and data.count(b"\xff\xda") > MANY_SCANS
    return bool(getattr(image, "is_animated", False))


def _in_one_scan(data: bytes, image: JpegImagePlugin.JpegImageFile) -> bool:
    """Whether libjpeg ends after the first scan of a JPEG, behind whose header Pillow stands when it has opened the
    file: it is sequential, and that scan has all components (jdinput.c, has_multiple_scans)."""
    assert image.fp is not None
    length = 6 + 2 * image.layers
    start = image.fp.tell() - length - 2
    whole = data[start : start + 5] == b"\xff\xda\0" + bytes((length, image.layers))
    return whole and "progressive" not in image.info


class JpegXLFile(ImageFile.ImageFile):
    """JPEG XL (ISO/IEC 18181) by libjxl, first frame, 8 bits a channel, upright; `profile` once it is loaded."""

    format = "JXL"

    def _open(self) -> None:
        import pylibjxl

        assert self.fp is not None
        self._data = self.fp.read()
        facts = pylibjxl.probe(self._data)
        self._size = facts["width"], facts["height"]
        self._mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[facts["channels"]]
        self.n_frames = 2 if facts["have_animation"] else 1  # libjxl counts them only by decoding all
        self.tile = []

    def load(self) -> Any:
        """Decode, in this thread."""
        if self._data:
            import pylibjxl

            with pylibjxl.JXL(threads=1) as decoder:
                pixels, notes = decoder.decode(self._data, metadata=True)
            decoded = Image.fromarray(np.squeeze(pixels))
            self.im, self._mode, self._size = decoded.im, decoded.mode, decoded.size
            self.info["icc_profile"] = notes.get("icc", b"")
            self._data = b""
        return super().load()


@cache
def _heif() -> Reader:
    """HEIF (ISO/IEC 23008-12) by libheif and libde265."""
    import pi_heif
    from pi_heif.as_plugin import HeifImageFile

    pi_heif.options.DECODE_THREADS = 1
    opened: Reader = HeifImageFile
    return opened
