"""The 34 edits by which finding duplicates is measured, and the split of real pictures into tuning and reporting."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageDraw, ImageEnhance, ImageFont, ImageOps

LARGE = ("louvre_genres", "wikiart_styles_pd", "caltech101_10x60", "flowers5")
_ADOBE = "formats/icc_profiles/AdobeCompat-v2.icc"
_TUNING = 77  # of 256: the share of pictures that thresholds were chosen on
_LONGEST = 640
Edit = Callable[[Image.Image, random.Random], bytes]


def large(data: Path) -> list[Path]:
    """The pictures of at least 200 pixels, sorted."""
    return [path for name in LARGE for path in sorted((data / name).glob("*/*.jpg"))]


def small(data: Path) -> list[Path]:
    """Paintings of 64 pixels, sorted."""
    return sorted(path for path in (data / "pbn64_pd").rglob("*") if path.suffix in (".jpg", ".png"))


def is_tuning(path: Path, data: Path) -> bool:
    """Whether thresholds were chosen on this picture: told by a hash of its name, three tenths of all."""
    return hashlib.sha256(str(path.relative_to(data)).encode()).digest()[0] < _TUNING


def bases(data: Path, tuning: bool, each: int) -> list[Path]:
    """So many pictures of each large set, shuffled by a fixed seed."""
    chosen = []
    for name in LARGE:
        mine = [path for path in large(data) if path.relative_to(data).parts[0] == name]
        mine = [path for path in mine if is_tuning(path, data) == tuning]
        random.Random(name).shuffle(mine)
        chosen += mine[:each]
    return chosen


def make(data: Path, folder: Path, paths: list[Path]) -> None:
    """Write every base as PNG, at most 640 pixels long, and its edits: `folder/NNN/EDIT`."""
    edits = all_edits((data / _ADOBE).read_bytes())
    for number, path in enumerate(paths):
        place = folder / f"{number:03d}"
        if (place / "done").exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.open(path).convert("RGB")
        picture.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
        (place / "base").write_bytes(_encoded(picture))
        for name, edit in edits.items():
            (place / name).write_bytes(edit(picture, random.Random(f"{number} {name}")))
        (place / "done").write_text(str(path.relative_to(data)))


def all_edits(adobe: bytes) -> dict[str, Edit]:
    """The edits by name, in the order of the table; `adobe` is an ICC profile of Adobe RGB."""
    return {
        **{f"jpeg {q}": _jpeg(q) for q in (90, 60, 30, 10)},
        "webp 50": lambda i, _: _encoded(i, "WEBP", quality=50),
        "64 colours": lambda i, _: _encoded(i.quantize(64)),
        "cmyk": lambda i, _: _encoded(i.convert("CMYK"), "JPEG", quality=90),
        "half": lambda i, _: _encoded(_scaled(i, 0.5, 0.5)),
        "quarter": lambda i, _: _encoded(_scaled(i, 0.25, 0.25)),
        "thumbnail 64": lambda i, _: _encoded(_scaled(i, 64 / max(i.size), 64 / max(i.size))),
        "enlarged 1.5": lambda i, _: _encoded(_scaled(i, 1.5, 1.5), "JPEG", quality=90),
        "squeezed 10 %": lambda i, _: _encoded(_scaled(i, 1, 0.9)),
        "grey": lambda i, _: _encoded(i.convert("L")),
        "saturation 1.5": lambda i, _: _encoded(ImageEnhance.Color(i).enhance(1.5)),
        "gamma 0.7": lambda i, _: _encoded(_gamma(i, 0.7)),
        "gamma 1.5": lambda i, _: _encoded(_gamma(i, 1.5)),
        "brightness 1.2": lambda i, _: _encoded(ImageEnhance.Brightness(i).enhance(1.2)),
        "contrast 1.4": lambda i, _: _encoded(ImageEnhance.Contrast(i).enhance(1.4)),
        "Adobe RGB": lambda i, _: _in_profile(i, adobe),
        "watermark": lambda i, _: _encoded(_watermarked(i), "JPEG", quality=90),
        "caption": lambda i, _: _encoded(_captioned(i), "JPEG", quality=90),
        **{f"crop {round(100 * share)} % a side": _crop(share) for share in (0.05, 0.1, 0.2)},
        "white border": lambda i, _: _encoded(ImageOps.expand(i, round(max(i.size) * 0.05), "white")),
        "black border": lambda i, _: _encoded(ImageOps.expand(i, round(max(i.size) * 0.05), "black")),
        "letterbox": lambda i, _: _encoded(_letterboxed(i)),
        "turned 3°, inside": lambda i, _: _encoded(_turned_inside(i, 3)),
        "turned 3°, corners": lambda i, _: _encoded(i.rotate(3, Image.Resampling.BICUBIC)),
        "turned 10°, corners": lambda i, _: _encoded(i.rotate(10, Image.Resampling.BICUBIC)),
        "mirrored": lambda i, _: _encoded(ImageOps.mirror(i)),
        "turned 90°": lambda i, _: _encoded(i.transpose(Image.Transpose.ROTATE_90)),
        "turned 180°": lambda i, _: _encoded(i.transpose(Image.Transpose.ROTATE_180)),
        "EXIF turned": lambda i, _: _exif_turned(i),
    }


def stickers() -> dict[str, Edit]:
    """Opaque stickers by name, over 5, 10 and 15 % of the area: a plain one, a block of text, and another picture."""
    kinds = {"plain": _plain, "text": _text, "picture": _foreign}
    return {
        f"{name} {percent} %": _stuck(paint, percent / 100) for name, paint in kinds.items() for percent in (5, 10, 15)
    }


def _stuck(paint: Callable[[tuple[int, int], random.Random], Image.Image], share: float) -> Edit:
    """A rectangle, up to twice as wide as high or the other way round, at a random place."""

    def edit(picture: Image.Image, chance: random.Random) -> bytes:
        ratio = 2 ** chance.uniform(-1, 1)
        area = share * picture.width * picture.height
        width = min(picture.width, round((area * ratio) ** 0.5))
        height = min(picture.height, round(area / width))
        x, y = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
        made = picture.copy()
        made.paste(paint((width, height), chance), (x, y))
        return _encoded(made, "JPEG", quality=90)

    return edit


def _plain(size: tuple[int, int], chance: random.Random) -> Image.Image:
    return Image.new("RGB", size, (chance.randrange(256), chance.randrange(256), chance.randrange(256)))


def _text(size: tuple[int, int], chance: random.Random) -> Image.Image:
    """Four lines of black or white text on the other."""
    ground, ink = chance.sample(("white", "black"), 2)
    made = Image.new("RGB", size, ground)
    font, draw = ImageFont.load_default(max(6, size[1] // 5)), ImageDraw.Draw(made)
    for line, text in enumerate(("Gallery Wunder & Co", "New works 2019", "Order by telephone", "No. 0815 / 4711 A")):
        draw.text((size[0] * 0.05, size[1] * (0.05 + 0.23 * line)), text, fill=ink, font=font)
    return made


def _foreign(size: tuple[int, int], chance: random.Random) -> Image.Image:
    """A picture of nothing: clouds of three sizes in each colour."""
    total = np.zeros((size[1], size[0], 3))
    for cells, weight in ((3, 1.0), (8, 0.7), (24, 0.5)):
        noise = np.random.default_rng(chance.getrandbits(32)).normal(size=(cells, cells, 3)) * 64 * weight
        for plane in range(3):
            clouds = Image.fromarray(noise[..., plane].astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
            total[..., plane] += np.asarray(clouds)
    return Image.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8))


def _encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, kind, **options)
    return sink.getvalue()


def _jpeg(quality: int) -> Edit:
    return lambda picture, _: _encoded(picture, "JPEG", quality=quality)


def _scaled(picture: Image.Image, x: float, y: float) -> Image.Image:
    size = max(8, round(picture.width * x)), max(8, round(picture.height * y))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _gamma(picture: Image.Image, gamma: float) -> Image.Image:
    return picture.point([round(255 * (level / 255) ** gamma) for level in range(256)] * 3)


def _in_profile(picture: Image.Image, profile: bytes) -> bytes:
    target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    made = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), target)
    assert made is not None
    return _encoded(made, "JPEG", quality=90, icc_profile=profile)


def _watermarked(picture: Image.Image) -> Image.Image:
    """Three lines of half-transparent text over the whole width."""
    layer = Image.new("RGBA", picture.size)
    draw, size = ImageDraw.Draw(layer), max(10, picture.width // 12)
    for line in range(3):
        draw.text(
            (picture.width * 0.08, picture.height * (0.12 + 0.32 * line)), "© SAMPLE STOCK", fill=(255, 255, 255, 150),
            font=ImageFont.load_default(size), stroke_width=max(1, size // 18), stroke_fill=(0, 0, 0, 110),
        )  # fmt: skip
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def _captioned(picture: Image.Image) -> Image.Image:
    """A white bar of 12 % of the height below, with text."""
    bar = round(picture.height * 0.12)
    made = Image.new("RGB", (picture.width, picture.height + bar), "white")
    made.paste(picture, (0, 0))
    font = ImageFont.load_default(max(8, int(bar * 0.6)))
    ImageDraw.Draw(made).text((8, picture.height + bar * 0.15), "When you see it 2019", fill="black", font=font)
    return made


def _crop(share: float) -> Edit:
    """Take `share` off both sides of both axes, all in all, at a random place."""

    def edit(picture: Image.Image, chance: random.Random) -> bytes:
        width, height = round(picture.width * (1 - 2 * share)), round(picture.height * (1 - 2 * share))
        x, y = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
        return _encoded(picture.crop((x, y, x + width, y + height)))

    return edit


def _letterboxed(picture: Image.Image) -> Image.Image:
    side = max(picture.size)
    made = Image.new("RGB", (side, side), "black")
    made.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return made


def _turned_inside(picture: Image.Image, angle: float) -> Image.Image:
    """Turned, and cropped to where nothing is black."""
    lean = np.tan(np.radians(angle)) / 2
    x, y = int(picture.height * lean) + 2, int(picture.width * lean) + 2
    turned = picture.rotate(angle, Image.Resampling.BICUBIC)
    return turned.crop((x, y, picture.width - x, picture.height - y))


def _exif_turned(picture: Image.Image) -> bytes:
    """Stored on its side, with the EXIF orientation that puts it upright."""
    exif = Image.Exif()
    exif[274] = 6
    return _encoded(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90, exif=exif.tobytes())
