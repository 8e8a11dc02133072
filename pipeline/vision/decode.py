"""From bytes to pixels: limits read from the header, allow-listed decoders only, always upright.

Formats are told by `pipeline.sniff` and read by what `pipeline.vision.formats` lists; Pillow is never asked to guess.
JPEG, PNG and WebP are decoded here, everything else and what is suspicious in a child process (`sandbox`). Nothing here
sets a global flag of Pillow, so threads and processes may call it at will. Whatever a decoder raises as it opens or
loads a file becomes `Rejected`: of strangers' files any of it may be the file's fault, and none is ours.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from PIL import ExifTags, Image, ImageFile, JpegImagePlugin, TiffImagePlugin

from pipeline.errors import Reason, Rejected
from pipeline.sniff import HEAD, sniff
from pipeline.vision import ending, sandbox
from pipeline.vision.colour import visible
from pipeline.vision.formats import COMMON, UPRIGHT, is_suspicious, reader
from pipeline.vision.icc import profile_name
from pipeline.vision.jpeg import quality

MAX_PIXELS = 100_000_000

# Pillow warns about damaged metadata of a picture; its row in the table says what is wrong with it.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_DAMAGE = (
    OSError, SyntaxError, EOFError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError,
    AssertionError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow, pi-heif and pylibjxl raise on damaged files, seen in tens of thousands of them."""
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262


@dataclass(frozen=True)
class Header:
    """What a file says of its picture.

    `width` and `height` are those of the upright picture in pixels, `mode` is Pillow's name of the stored pixel layout,
    `frames` how many pictures it holds (2 for any number of a JPEG XL), `orientation` the EXIF value 1 to 8 (1 when
    absent, absurd, or the decoder's own business), `icc` the name of the embedded profile, `jpeg_quality` the quality 1
    to 100 at which a JPEG was written (`jpeg.quality`), null for other formats.
    """

    format: str
    width: int
    height: int
    mode: str
    frames: int
    orientation: int
    icc: str | None
    jpeg_quality: float | None


class Opened:
    """A file whose header was read in this process, within the limit; its pixels are decoded once, by `load`.

    Raises Rejected as `read_header` and, when it loads, as `open_upright` do.
    """

    def __init__(self, data: bytes, max_pixels: int) -> None:
        self.kind = kind_of(data)
        self._data = data
        with _judged(data, self.kind):
            self.image = reader(self.kind)(io.BytesIO(data))
        pixels = self.image.width * self.image.height
        if pixels > max_pixels:
            raise Rejected(Reason.TOO_MANY_PIXELS, pixels, f"{self.image.width} × {self.image.height}")
        self._orientation = 1 if self.kind in UPRIGHT else _orientation(data, self.kind, self.image)
        self.header = self._described()

    @property
    def suspicious(self) -> bool:
        """Whether the pixels are better decoded elsewhere."""
        return is_suspicious(self._data, self.image)

    def scale(self, side: int, mode: Literal["L", "YCbCr"]) -> None:
        """Decode no larger than needed: see `open_scaled`."""
        if isinstance(self.image, JpegImagePlugin.JpegImageFile):
            longest = max(self.image.size)
            wanted = (self.image.width * side // longest or 1, self.image.height * side // longest or 1)
            self.image.draft(mode if _stores_luma(self.image) else None, wanted)

    def load(self) -> Image.Image:
        """The first frame, upright."""
        turn = _TURN.get(self._orientation)
        if isinstance(self.image, TiffImagePlugin.TiffImageFile):
            turn = None  # Pillow turns TIFF as it loads
            _note_depth(self.image)
        self.image.decodermaxblock = max(len(self._data), ImageFile.MAXBLOCK)  # at once, not pieced together
        with _judged(self._data, self.kind):
            self.image.load()
        if self.kind == "jxl":  # its profile comes with the pixels
            self.header = self._described()
        return self.image if turn is None else self.image.transpose(turn)

    def _described(self) -> Header:
        turned = self._orientation >= 5 and self.kind != "tiff"  # Pillow reports a TIFF's size upright
        width, height = self.image.size[::-1] if turned else self.image.size
        icc = self.image.info.get("icc_profile")
        return Header(
            self.kind, width, height, self.image.mode, _frames(self._data, self.kind, self.image), self._orientation,
            profile_name(icc) if icc else None,
            quality(self.image.quantization) if isinstance(self.image, JpegImagePlugin.JpegImageFile) else None,
        )  # fmt: skip


def kind_of(data: bytes) -> str:
    """The format of a file. Raises Rejected: EMPTY or NOT_A_PICTURE."""
    if not data:
        raise Rejected(Reason.EMPTY)
    kind = sniff(data[:HEAD])
    if kind is None:
        raise Rejected(Reason.NOT_A_PICTURE, detail=f"starts with {data[:12]!r}")
    return kind


def read_header(data: bytes, max_pixels: int = MAX_PIXELS) -> Header:
    """What the file says of its picture; no pixel is decoded.

    Raises Rejected: EMPTY, NOT_A_PICTURE, UNSUPPORTED_FORMAT, TOO_MANY_PIXELS (`value` is the number of
    pixels declared), TRUNCATED or UNDECODABLE, and what `sandbox.decode` raises.
    """
    if kind_of(data) in COMMON:
        return Opened(data, max_pixels).header
    return Header(**sandbox.decode(data, max_pixels, "header")[0])


def open_upright(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The first frame, all pixels, turned as its EXIF orientation says (once).

    The mode is the file's own. `info` keeps `icc_profile` and `transparency`; for 16-bit grey it also has
    `bits` (how many of them count) and `white_is_zero`. Raises Rejected as `read_header` does.
    """
    if kind_of(data) in COMMON and not (opened := Opened(data, max_pixels)).suspicious:
        return opened.load()
    return _elsewhere(data, max_pixels, "upright")[1]


def open_scaled(
    data: bytes, side: int, mode: Literal["L", "YCbCr"], max_pixels: int = MAX_PIXELS
) -> tuple[Header, Image.Image]:
    """Header and upright first frame, decoded at 1/2, 1/4 or 1/8 scale where the format can (JPEG).

    The longer side is at least `side` pixels, or the picture's own. Scaling happens in the DCT domain, and
    all of the file's entropy-coded data is still read, so a file cut short is noticed as by a full decode.
    A colour JPEG comes in `mode` straight from the decoder, anything else in its own mode.
    """
    if kind_of(data) in COMMON and not (opened := Opened(data, max_pixels)).suspicious:
        opened.scale(side, mode)
        return opened.header, opened.load()
    return _elsewhere(data, max_pixels, "scaled", side=side, mode=mode)


def draft_grey(data: bytes, side: int, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The upright picture in 8-bit grey (mode L), decoded as small as `open_scaled` may."""
    _, image = open_scaled(data, side, "L", max_pixels)
    return visible(image).convert("L")


def _elsewhere(data: bytes, max_pixels: int, job: str, **options: object) -> tuple[Header, Image.Image]:
    facts, image = sandbox.decode(data, max_pixels, job, **options)
    assert image is not None
    return Header(**facts), image


def _note_depth(image: TiffImagePlugin.TiffImageFile) -> None:
    """Keep what `colour` needs of the tags: the pixels alone do not tell 12 bits from 16."""
    bits = image.tag_v2.get(_BITS_PER_SAMPLE, (16,))
    image.info["bits"] = bits[0] if isinstance(bits, tuple) else bits
    image.info["white_is_zero"] = image.tag_v2.get(_PHOTOMETRIC) == 0


def _orientation(data: bytes, kind: str, image: ImageFile.ImageFile) -> int:
    """The EXIF (or XMP) orientation; damaged metadata is no reason to lose a picture."""
    if kind == "png" and "exif" not in image.info and (exif := _exif_chunk(data)):
        image.info["exif"] = exif
    try:
        # Not image.getexif(): that of PNG decodes the picture in search of a late chunk, and of a damaged one
        # it keeps a half-filled picture that then loads without complaint.
        value = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
        return 1
    return value if value in _TURN else 1


def _exif_chunk(data: bytes) -> bytes:
    """The eXIf chunk of a PNG, wherever it stands; empty when there is none."""
    at = 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"eXIf":
            return data[at + 8 : at + 8 + size]
        at += size + 12
    return b""


def _frames(data: bytes, kind: str, image: ImageFile.ImageFile) -> int:
    """How many pictures the file holds. By a new reader: counting may leave that of a damaged file astray."""
    try:
        counted = reader(kind)(io.BytesIO(data)) if kind in ("gif", "tiff") else image
        return int(getattr(counted, "n_frames", 1))
    except _DAMAGE:
        return 1


def _stores_luma(image: JpegImagePlugin.JpegImageFile) -> bool:
    """Whether a JPEG holds YCbCr: the rules of libjpeg's default_decompress_parms for three components."""
    if image.mode != "RGB":
        return False
    if "jfif" in image.info:
        return True
    if "adobe_transform" in image.info:
        return bool(image.info["adobe_transform"])
    return bytes(layer[0] for layer in image.layer) != b"RGB"


@contextmanager
def _judged(data: bytes, kind: str) -> Iterator[None]:
    """Around a decoder's own calls and nothing else: what it raises becomes `Rejected`."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise Rejected(Reason.TOO_MANY_PIXELS, detail=str(error)[:200]) from error
    except _DAMAGE as error:
        detail = f"{type(error).__name__}: {error}"[:200]
        if "truncated" in detail.lower() or ending.is_missing(data, kind):
            raise Rejected(Reason.TRUNCATED, detail=detail) from error
        raise Rejected(Reason.UNDECODABLE, detail=detail) from error
