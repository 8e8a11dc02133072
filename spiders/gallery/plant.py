"""Plants: copies, odd formats and faults that a gallery mixes among its works, with the truth known.

Each kind is a function from the bytes of a painted JPEG to the bytes that are served.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from pipeline.errors import Reason
from spiders.gallery.icc import ADOBE_RGB, DISPLAY_P3, Space, from_srgb, profile

Rng = np.random.Generator
Make = Callable[[bytes, Rng], bytes]
HUGE = 20_000
ALL_VARIANTS = ("", "HD", "Large", "HalfHD", "Blog", "Portrait", "PinterestSmall", "PinterestLarge")


@dataclass(frozen=True)
class Plant:
    """One kind of plant.

    `expect` holds the reasons any of which is right, none for a picture that must be kept; copies have none
    and are caught when they and their original are not both kept. `suffix` is the extension in the address.
    """

    make: Make
    expect: tuple[Reason, ...] = ()
    copy: bool = False
    suffix: str = ".jpg"
    gone: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()
    marks: str = field(default="")


def _open(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _same(data: bytes, rng: Rng) -> bytes:
    return data


# copies


def _recompressed(data: bytes, rng: Rng) -> bytes:
    return _saved(_open(data), "JPEG", quality=int(rng.integers(35, 70)))


def _resized(data: bytes, rng: Rng) -> bytes:
    picture = _open(data)
    scale = rng.uniform(0.45, 0.85)
    size = (round(picture.width * scale), round(picture.height * scale))
    return _saved(picture.resize(size, Image.Resampling.LANCZOS), "JPEG", quality=88)


def _bordered(data: bytes, rng: Rng) -> bytes:
    picture = _open(data)
    wide = round(max(picture.size) * rng.uniform(0.015, 0.05))
    tone = [(255, 255, 255), (20, 18, 16), (212, 200, 176)][int(rng.integers(3))]
    return _saved(ImageOps.expand(picture, wide, tone), "JPEG", quality=88)


def _greyscale(data: bytes, rng: Rng) -> bytes:
    return _saved(_open(data).convert("L"), "JPEG", quality=88)


def _cropped(data: bytes, rng: Rng) -> bytes:
    picture = _open(data)
    cut = rng.uniform(0.005, 0.03, 4) * (picture.width, picture.height, picture.width, picture.height)
    left, top, right, bottom = (round(float(c)) for c in cut)
    return _saved(picture.crop((left, top, picture.width - right, picture.height - bottom)), "JPEG", quality=88)


def _recoloured(data: bytes, rng: Rng) -> bytes:
    picture = ImageEnhance.Color(_open(data)).enhance(rng.uniform(0.5, 1.5))
    return _saved(ImageEnhance.Brightness(picture).enhance(rng.uniform(0.8, 1.2)), "JPEG", quality=88)


# odd formats


def _cmyk(data: bytes, rng: Rng) -> bytes:
    return _saved(_open(data).convert("CMYK"), "JPEG", quality=88)


def _sixteen_bit(data: bytes, rng: Rng) -> bytes:
    picture = ImageOps.contain(_open(data), (360, 360))
    deep = np.asarray(picture)[..., ::-1].astype(np.uint16) * 257
    return bytes(cv2.imencode(".png", deep)[1])


def _palette(data: bytes, rng: Rng) -> bytes:
    picture = ImageOps.contain(_open(data), (500, 500)).quantize(200)
    return _saved(picture, "PNG", transparency=int(rng.integers(200)))


def _alpha(data: bytes, rng: Rng) -> bytes:
    picture = ImageOps.contain(_open(data), (500, 500)).convert("RGBA")
    y, x = np.ogrid[-1 : 1 : picture.height * 1j, -1 : 1 : picture.width * 1j]
    veil = np.clip((1.15 - np.sqrt(x**2 + y**2) / 1.1) * 4, 0, 1) * 255
    picture.putalpha(Image.fromarray(veil.astype(np.uint8)))
    return _saved(picture, "PNG")


def _turned(orientation: int, turn: Image.Transpose) -> Make:
    def make(data: bytes, rng: Rng) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        return _saved(_open(data).transpose(turn), "JPEG", quality=88, exif=exif)

    return make


def _tagged(space: Space) -> Make:
    def make(data: bytes, rng: Rng) -> bytes:
        pixels = from_srgb(np.asarray(_open(data)), space)
        return _saved(Image.fromarray(pixels), "JPEG", quality=92, icc_profile=profile(space))

    return make


def _animated(data: bytes, rng: Rng) -> bytes:
    first = ImageOps.contain(_open(data), (420, 420))
    frames = [ImageEnhance.Brightness(first).enhance(share).quantize(128) for share in (1, 0.8, 0.6, 0.8)]
    return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=120, loop=0)


def _as(kind: str, **options: object) -> Make:
    def make(data: bytes, rng: Rng) -> bytes:
        return _saved(_open(data), kind, **options)

    return make


def _small_as(kind: str) -> Make:
    def make(data: bytes, rng: Rng) -> bytes:
        return _saved(ImageOps.contain(_open(data), (420, 420)), kind)

    return make


# faults


def _truncated(data: bytes, rng: Rng) -> bytes:
    return data[: int(len(data) * rng.uniform(0.3, 0.8))]


def _html(data: bytes, rng: Rng) -> bytes:
    return b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Please wait</body></html>"


def _svg(data: bytes, rng: Rng) -> bytes:
    return b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4"/></svg>'


def _one_pixel(data: bytes, rng: Rng) -> bytes:
    return _saved(Image.new("RGB", (1, 1), (120, 110, 100)), "JPEG")


def _empty(data: bytes, rng: Rng) -> bytes:
    return b""


def _huge(data: bytes, rng: Rng) -> bytes:
    """A PNG that declares 20,000 × 20,000 pixels of one colour in some fifty kilobytes."""
    packer = zlib.compressobj(9)
    row = b"\0" + bytes(HUGE // 8)
    body = b"".join(packer.compress(row * 100) for _ in range(HUGE // 100)) + packer.flush()
    head = struct.pack(">IIBBBBB", HUGE, HUGE, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in chunks
    )


def _frame(data: bytes, rng: Rng) -> bytes:
    frame = ImageOps.expand(Image.new("RGB", (560, 440), (236, 236, 232)), 20, (120, 96, 60))
    return _saved(frame, "JPEG")


_DAMAGED = (Reason.TRUNCATED, Reason.UNDECODABLE)
_NOT_A_PICTURE = (Reason.NOT_A_PICTURE, Reason.UNSUPPORTED_FORMAT)
PLANTS = {
    "duplicate:exact": Plant(_same, copy=True),
    "duplicate:recompressed": Plant(_recompressed, copy=True),
    "duplicate:resized": Plant(_resized, copy=True),
    "duplicate:greyscale": Plant(_greyscale, copy=True),
    "duplicate:recoloured": Plant(_recoloured, copy=True),
    "duplicate:bordered": Plant(_bordered, copy=True),
    "duplicate:cropped": Plant(_cropped, copy=True),
    "format:cmyk": Plant(_cmyk),
    "format:16-bit": Plant(_sixteen_bit, suffix=".png"),
    "format:palette": Plant(_palette, suffix=".png"),
    "format:transparent": Plant(_alpha, suffix=".png"),
    "format:turned-3": Plant(_turned(3, Image.Transpose.ROTATE_180)),
    "format:turned-6": Plant(_turned(6, Image.Transpose.ROTATE_90)),
    "format:turned-8": Plant(_turned(8, Image.Transpose.ROTATE_270)),
    "format:adobe-rgb": Plant(_tagged(ADOBE_RGB)),
    "format:display-p3": Plant(_tagged(DISPLAY_P3)),
    "format:animated-gif": Plant(_animated, suffix=".gif"),
    "format:webp": Plant(_as("WEBP", quality=80), suffix=".webp"),
    "format:tiff": Plant(_small_as("TIFF"), suffix=".tif"),
    "format:bmp": Plant(_small_as("BMP"), suffix=".bmp"),
    "format:grey": Plant(_greyscale),
    "format:progressive": Plant(_as("JPEG", quality=88, progressive=True)),
    "format:png-named-jpg": Plant(_small_as("PNG")),
    "fault:truncated": Plant(_truncated, _DAMAGED),
    "fault:html": Plant(_html, _NOT_A_PICTURE),
    "fault:svg": Plant(_svg, _NOT_A_PICTURE),
    "fault:one-pixel": Plant(_one_pixel, (Reason.TOO_SMALL,)),
    "fault:huge-header": Plant(_huge, (Reason.TOO_MANY_PIXELS,), suffix=".png"),
    "fault:empty": Plant(_empty, (Reason.EMPTY,)),
    "fault:gone": Plant(_same, (Reason.HTTP_4XX,), gone=ALL_VARIANTS),
    "fault:large-gone": Plant(_same, gone=("Large",)),
    "fault:original-gone": Plant(_same, gone=("",), forced=("Large", "HD")),
    "fault:placeholder": Plant(_frame, (Reason.PLACEHOLDER,), marks="FRAME-600x480"),
}
"""Every kind of plant by name."""
COPIES = tuple(name for name, plant in PLANTS.items() if plant.copy)
OTHERS = tuple(name for name, plant in PLANTS.items() if not plant.copy)


def kind_of(number: int) -> str:
    """The kind of a gallery's plant by its number: copies and the other kinds in turn."""
    kinds = COPIES if number % 2 == 0 else OTHERS[::3] + OTHERS[1::3] + OTHERS[2::3]
    return kinds[number // 2 % len(kinds)]


def planted(kind: str, data: bytes, seed: int) -> bytes:
    """The bytes that a plant of a kind serves, made from a painted JPEG."""
    return PLANTS[kind].make(data, np.random.default_rng(seed))
