"""Any picture to 8-bit sRGB: depth, palettes, transparency, CMYK and ICC profiles.

Depth: 16-bit and float greys are scaled by their declared depth, never clipped. Profiles: applied before
transparency is resolved, when their colour space fits the picture, else ignored for a stated reason.
Transparency: composited over a background in sRGB, as browsers do, before the alpha channel is dropped.
CMYK: by its profile, else by a stated default; Adobe's inverted inks come the right way round from Pillow's decoder.
The gAMA, cHRM and cICP chunks of PNG and the colour properties of AVIF and JPEG XL without a profile are not honoured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pipeline.vision.cmyk import default_profile
from pipeline.vision.icc import profile_name, to_srgb_transform

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)

_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
_GREYS = np.arange(256, dtype=np.uint8)[None]
_PLAIN = ("L", "RGB", "CMYK", "LAB")


def to_srgb(image: Image.Image, background: Colour = WHITE) -> tuple[Image.Image, str]:
    """The picture as 8-bit RGB whose values mean sRGB, with no profile attached, and how it came to it.

    The second value is one of:
        srgb               the file says it is sRGB, by profile or by PNG chunk
        assumed_srgb       the file says nothing
        icc:NAME           converted from the embedded profile
        icc_ignored:WHY    the embedded profile does not fit or cannot be used; values taken as sRGB
        cmyk_default       CMYK without a profile, by that of `cmyk.default_profile`: coated paper, CGATS TR 001
        cmyk_default:WHY   the same, for the profile could not be used
        lab_default        CIE L*a*b*, D50, the same with WHY
    `background` (sRGB) lies behind transparent pixels. Expects an upright picture of `decode.open_upright`.
    """
    alpha = _alpha(image)
    plain = _plain(image)
    rgb, how = _managed(plain, image.info)
    return _over(rgb, alpha, background), how


def visible(image: Image.Image, background: Colour = WHITE) -> Image.Image:
    """The picture as eyes see it but for colour management: 8-bit L or RGB, composited over `background`."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode == "YCbCr":
        return image.convert("RGB")
    alpha = _alpha(image)
    plain = _plain(image)
    if plain.mode == "L" and alpha is None:
        return plain
    return _over(plain.convert("RGB"), alpha, background)


def eight_bits(image: Image.Image) -> Image.Image:
    """A 16-bit, 32-bit or float grey picture (modes I;16, I, F) as 8-bit grey (mode L), by its depth.

    Integers are divided by the depth's largest value: `info['bits']` (default 16). Floats in 0 to 1 are
    stretched by 255. Integers and floats that fit neither are stretched from their least to their greatest.
    """
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        values = np.nan_to_num(values)
    low, high = float(values.min()), float(values.max())
    top = 1.0 if image.mode == "F" else float(2 ** min(int(image.info.get("bits", 16)), 16) - 1)
    if low < 0 or high > top:
        values, top = values - low, high - low
    grey: NDArray[np.uint8] = np.rint(values * (255 / top)).astype(np.uint8)
    if image.info.get("white_is_zero"):
        grey = 255 - grey
    return Image.fromarray(grey)


def _alpha(image: Image.Image) -> Image.Image | None:
    """The alpha channel (mode L), or None where nothing is transparent."""
    if image.mode in _DEEP or not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return alpha if alpha.getextrema() != (255, 255) else None


def _plain(image: Image.Image) -> Image.Image:
    """The picture without alpha in one of the modes L, RGB, CMYK, LAB: what profiles are made for."""
    mode = image.mode
    if mode in _PLAIN:
        return image
    if mode in _DEEP:
        return eight_bits(image)
    if mode in ("1", "LA"):
        return image.convert("L")
    if mode in ("P", "PA", "RGBa"):
        image = image.convert("RGBA")
    return image.convert("RGB")


def _managed(plain: Image.Image, info: dict[str | tuple[int, int], object]) -> tuple[Image.Image, str]:
    """A picture of mode L, RGB, CMYK or LAB in sRGB, and how."""
    icc = info.get("icc_profile")
    why = ""
    if isinstance(icc, bytes) and icc:
        transform = to_srgb_transform(icc, plain.mode)
        if transform is None:
            return plain.convert("RGB"), "srgb"
        if not isinstance(transform, str):
            return _applied(plain, transform), f"icc:{profile_name(icc)}"
        why = transform
    if plain.mode == "CMYK":
        default = to_srgb_transform(default_profile(), "CMYK")
        assert isinstance(default, ImageCms.ImageCmsTransform)
        return _applied(plain, default), _unmanaged("CMYK", why, False)
    return plain.convert("RGB"), _unmanaged(plain.mode, why, "srgb" in info)


def _unmanaged(mode: str, why: str, declared: bool) -> str:
    """What to say of a picture that no profile converts, and `why` where one was to."""
    if mode in ("CMYK", "LAB"):
        default = f"{mode.lower()}_default"
        return f"{default}:{why}" if why else default
    if why:
        return f"icc_ignored:{why}"
    return "srgb" if declared else "assumed_srgb"


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    """RGB by way of the profile; grey by a table of the 256 greys."""
    if image.mode == "L":
        table = np.asarray(_applied_to_all(Image.fromarray(_GREYS), transform))[0]
        return Image.merge("RGB", [image.point(table[:, channel].tolist()) for channel in range(3)])
    return _applied_to_all(image, transform)


def _applied_to_all(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    result = ImageCms.applyTransform(image, transform)
    assert result is not None
    return result


def _over(rgb: Image.Image, alpha: Image.Image | None, background: Colour) -> Image.Image:
    """RGB over the background, in a picture that carries nothing but pixels."""
    clean = Image.new("RGB", rgb.size, background)
    clean.paste(rgb, mask=alpha)
    return clean
