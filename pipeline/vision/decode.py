"""From bytes to pixels: limits read from the header, allow-listed decoders only, always upright.

Formats are told by `pipeline.sniff`; Pillow is never asked to guess. Nothing here sets a global flag of
Pillow, so threads and processes may call it at will. Damage that is recognised raises `Rejected`; other
exceptions of the decoders escape.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
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
from pipeline.sniff import HEAD, sniff
from pipeline.vision import ending
from pipeline.vision.colour import visible
from pipeline.vision.icc import profile_name

MAX_PIXELS = 100_000_000

# Pillow warns about damaged metadata of a picture; its row in the table says what is wrong with it.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_READERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
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
_DAMAGE = (OSError, SyntaxError, EOFError, RuntimeError)
_MAYBE_DAMAGE = (ValueError, TypeError, LookupError, ArithmeticError, struct.error)
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

    `width` and `height` are those of the upright picture in pixels, `mode` is Pillow's name of the stored
    pixel layout, `orientation` the EXIF value 1 to 8 (1 when absent or absurd), `icc` the name of the
    embedded profile.
    """

    format: str
    width: int
    height: int
    mode: str
    frames: int
    orientation: int
    icc: str | None


def read_header(data: bytes, max_pixels: int = MAX_PIXELS) -> Header:
    """What the file says of its picture; no pixel is decoded.

    Raises Rejected: EMPTY, NOT_A_PICTURE, UNSUPPORTED_FORMAT, TOO_MANY_PIXELS (`value` is the number of
    pixels declared), TRUNCATED or UNDECODABLE.
    """
    return _describe(data, *_open(data, max_pixels))


def open_upright(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The first frame, all pixels, turned as its EXIF orientation says (once).

    The mode is the file's own. `info` keeps `icc_profile` and `transparency`; for 16-bit grey it also has
    `bits` (how many of them count) and `white_is_zero`. Raises Rejected as `read_header` does.
    """
    kind, image = _open(data, max_pixels)
    return _load(data, kind, image)


def open_scaled(
    data: bytes, side: int, mode: Literal["L", "YCbCr"], max_pixels: int = MAX_PIXELS
) -> tuple[Header, Image.Image]:
    """Header and upright first frame, decoded at 1/2, 1/4 or 1/8 scale where the format can (JPEG).

    The longer side is at least `side` pixels, or the picture's own. Scaling happens in the DCT domain, and
    all of the file's entropy-coded data is still read, so a file cut short is noticed as by a full decode.
    A colour JPEG comes in `mode` straight from the decoder, anything else in its own mode.
    """
    kind, image = _open(data, max_pixels)
    header = _describe(data, kind, image)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        longest = max(image.size)
        wanted = (image.width * side // longest or 1, image.height * side // longest or 1)
        image.draft(mode if _stores_luma(image) else None, wanted)
    return header, _load(data, kind, image)


def draft_grey(data: bytes, side: int, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The upright picture in 8-bit grey (mode L), decoded as small as `open_scaled` may."""
    _, image = open_scaled(data, side, "L", max_pixels)
    return visible(image).convert("L")


def _open(data: bytes, max_pixels: int) -> tuple[str, ImageFile.ImageFile]:
    """Format and header. The class is called directly, for `Image.open` has a fixed limit of its own."""
    if not data:
        raise Rejected(Reason.EMPTY)
    kind = sniff(data[:HEAD])
    if kind is None:
        raise Rejected(Reason.NOT_A_PICTURE, detail=f"starts with {data[:12]!r}")
    if kind not in _READERS:
        raise Rejected(Reason.UNSUPPORTED_FORMAT, detail=kind)
    with _judged(data, kind):
        image = _READERS[kind](io.BytesIO(data))
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise Rejected(Reason.TOO_MANY_PIXELS, pixels, f"{image.width} × {image.height}")
    return kind, image


def _describe(data: bytes, kind: str, image: ImageFile.ImageFile) -> Header:
    orientation = _orientation(data, kind, image)
    turned = orientation >= 5 and kind != "tiff"  # Pillow reports a TIFF's size upright
    width, height = image.size[::-1] if turned else image.size
    icc = image.info.get("icc_profile")
    name = profile_name(icc) if icc else None
    return Header(kind, width, height, image.mode, _frames(data, kind, image), orientation, name)


def _load(data: bytes, kind: str, image: ImageFile.ImageFile) -> Image.Image:
    turn = _TURN.get(_orientation(data, kind, image))
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        turn = None  # Pillow turns TIFF as it loads
        _note_depth(image)
    with _judged(data, kind):
        image.load()
    return image if turn is None else image.transpose(turn)


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
    except (*_DAMAGE, *_MAYBE_DAMAGE):
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
        counted = _READERS[kind](io.BytesIO(data)) if kind in ("gif", "tiff") else image
        return int(getattr(counted, "n_frames", 1))
    except (*_DAMAGE, *_MAYBE_DAMAGE):
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
    """Turn what Pillow raises on damaged files into `Rejected`; what it may also raise for a bug escapes."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise Rejected(Reason.TOO_MANY_PIXELS, detail=str(error)[:200]) from error
    except (*_DAMAGE, *_MAYBE_DAMAGE) as error:
        detail = f"{type(error).__name__}: {error}"[:200]
        if "truncated" in detail.lower() or ending.is_missing(data, kind):
            raise Rejected(Reason.TRUNCATED, detail=detail) from error
        if isinstance(error, _DAMAGE):
            raise Rejected(Reason.UNDECODABLE, detail=detail) from error
        raise
