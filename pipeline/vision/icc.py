"""ICC profiles (ICC.1:2010, ISO 15076-1): their name, the space they describe, and the way from it to sRGB."""

from __future__ import annotations

import io
import struct
from functools import cache, lru_cache

import numpy as np
from PIL import Image, ImageCms

_NAME_LENGTH = 80
_BORN = slice(24, 36)
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
# LittleCMS shortens its way by tables of its own. For RGB they are right to a level; for grey they are up to 10
# levels off near black and for CMYK up to 20 (10 with its finest tables), so there it goes the long way, at 0.3 s a
# megapixel; `colour.to_srgb` is therefore given CMYK pictures no larger than they are needed.
_SHORTENED = ("RGB",)
_GRID = np.linspace(0, 255, 9).round().astype(np.uint8)


@lru_cache(maxsize=256)
def profile_name(icc: bytes) -> str:
    """The description of a profile, one line of at most 80 characters; `unreadable` when it is damaged."""
    try:
        text = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc)))
    except (ImageCms.PyCMSError, OSError):
        return "unreadable"
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words[:_NAME_LENGTH] or "unnamed"


@lru_cache(maxsize=64)
def to_srgb_transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | str | None:
    """How 8-bit pixels of `mode` (L, RGB, CMYK or LAB) come from the profile's space to sRGB.

    Relative colorimetric with black point compensation. None when the profile is sRGB itself: all of a
    9×9×9 grid (256 levels for grey) moves by at most one level. A string says why the profile is ignored.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        space = profile.profile.xcolor_space.strip()
        if space != _SPACES[mode]:
            return f"{space} profile on {mode} picture"
        return _unless_srgb(_build(profile, mode), mode)
    except (ImageCms.PyCMSError, OSError) as error:
        return f"unusable profile ({error})"[:_NAME_LENGTH]


@cache
def srgb_profile() -> bytes:
    """A profile of sRGB to tag files with (ICC.1:2010, 588 bytes), the same at every call."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[_BORN] = struct.pack(">6H", 2026, 11, 1, 0, 0, 0)
    return bytes(made)


def _build(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    exact = ImageCms.Flags.NONE if mode in _SHORTENED else ImageCms.Flags.NOOPTIMIZE
    return ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | exact,
    )


def _unless_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None when `transform` leaves colours where they are."""
    if mode not in ("L", "RGB"):
        return transform
    before = _grid(mode)
    after = ImageCms.applyTransform(before, transform)
    assert after is not None
    moved = np.asarray(after, np.int16) - np.asarray(before.convert("RGB"), np.int16)
    return transform if np.abs(moved).max() > 1 else None


def _grid(mode: str) -> Image.Image:
    """Every grey level, or 729 colours that span the cube."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    cube = np.stack(np.meshgrid(_GRID, _GRID, _GRID), axis=-1).reshape(27, 27, 3)
    return Image.fromarray(cube)
