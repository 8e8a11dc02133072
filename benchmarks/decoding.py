"""What comes of odd and broken files, and whether colours are right: against libvips and Pillow.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install pyvips-binary pyvips pillow numpy pillow-heif pillow-jxl-plugin
    OMP_NUM_THREADS=1 python benchmarks/decoding.py ../shared/data --vips /tmp/peers/bin/python

1. The behaviour matrix: pictures of every kind and profile, converted here and by libvips, in a process of its own;
   AVIF, HEIF and JPEG XL decoded there by Pillow's plugins.
2. Every file of `formats` and 10,000 mutations of them: seconds, memory above the picture's own (4 bytes a pixel) here
   and in the child, and the outcome.
3. What the child process costs for exotic formats.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import resource
import struct
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pylibjxl
from PIL import Image, PngImagePlugin, features

from pipeline.errors import Rejected
from pipeline.vision import sandbox
from pipeline.vision.cmyk import default_profile
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import Opened, open_upright
from pipeline.vision.measure import measure

MUTATIONS = 10_000
TABLES = ("index.csv", "SOURCE.txt")

BY_PILLOW = ("AVIF", "HEIF", "JPEG XL")
"""What libvips's package cannot read, or turns into RGB with other rounding: the other side decodes it with Pillow's
plugins, of which those for HEIF and JPEG XL are not ours, and libvips does the colours alone."""

WRITTEN_THERE = "HEIF"
"""What nothing here can write."""

BY_VIPS = """
import json, sys
import numpy as np
import pillow_heif, pillow_jxl
import pyvips
from PIL import Image, ImageOps
pillow_heif.register_heif_opener()
def decoded(path):
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened)
        meaning = "b-w" if upright.mode == "L" else "srgb"
        image = pyvips.Image.new_from_array(np.asarray(upright)).copy(interpretation=meaning)
    if icc := opened.info.get("icc_profile"):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return image
for line in sys.stdin:
    path, profile, background, by_pillow = json.loads(line)
    if profile and background is None:
        with Image.open(path) as picture:
            picture.save(path + "." + profile, lossless=True, quality=100, icc_profile=picture.info.get("icc_profile"))
        print("done", flush=True)
        continue
    image = decoded(path) if by_pillow else pyvips.Image.new_from_file(path, access="sequential").autorot()
    options = {"intent": "relative", "black_point_compensation": True, "depth": 8}
    if profile:
        options["input_profile"] = profile
    if profile or image.get_typeof("icc-profile-data"):
        image = image.icc_transform("srgb", embedded=not profile, **options)
    elif image.interpretation in ("rgb16", "grey16"):
        image = image.colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=background)
    if image.bands < 3:
        image = image.colourspace("srgb")
    image = image.cast("uchar")
    pixels = np.ndarray((image.height, image.width, image.bands), np.uint8, image.write_to_memory())
    np.save(path + ".npy", pixels[..., :3])
    print("done", flush=True)
"""


def main() -> None:
    """All three parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--vips", help="a Python that has pyvips; the matrix is left out without it")
    parser.add_argument("--mutations", type=int, default=MUTATIONS)
    options = parser.parse_args()
    if options.vips:
        matrix(options.data, options.vips)
    outcomes(options.data, options.mutations)
    overhead()


# the matrix


def matrix(data: Path, python: str) -> None:
    """Largest and mean difference from libvips for each cell."""
    print("## Colour against libvips\n\n| case | how | largest | mean |\n|---|---|---|---|")
    command = [python, "-c", BY_VIPS]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as vips,
    ):
        assert vips.stdin and vips.stdout
        for number, (name, file, profile) in enumerate(cells(data)):
            path, given = Path(folder, f"{number}.bin"), Path(folder, f"{number}.icc")
            path.write_bytes(file)
            given.write_bytes(profile)
            by_pillow = name.endswith(BY_PILLOW)
            if name.endswith(WRITTEN_THERE):
                ask(vips, name, [str(path), "heic", None, False])
                path = Path(f"{path}.heic")
                file = path.read_bytes()
            ask(vips, name, [str(path), str(given) if profile else "", [255, 255, 255], by_pillow])
            ours, how = to_srgb(open_upright(file))
            difference = np.abs(np.asarray(ours, int) - np.load(f"{path}.npy"))
            print(f"| {name} | {how[:40]} | {difference.max()} | {difference.mean():.2f} |", flush=True)


def ask(vips: subprocess.Popen[str], name: str, request: list[Any]) -> None:
    """Have the other side do it."""
    assert vips.stdin and vips.stdout
    print(json.dumps(request), file=vips.stdin, flush=True)
    if vips.stdout.readline() != "done\n":
        raise SystemExit(f"libvips gave up on {name}")


def cells(data: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """Name, file, and the profile libvips is to assume where the file has none."""
    path = sorted((data / "wikiart_styles_pd").rglob("*.jpg"))[7]
    with Image.open(path) as image:
        photo = image.convert("RGB").resize((320, 240))
    profiles = {path.stem: path.read_bytes() for path in sorted((data / "formats/icc_profiles").glob("*.icc"))}
    for name in ("AdobeCompat-v4", "DisplayP3-v4", "Rec2020-v4", "ProPhoto-v4", "sRGB-v4", "AppleCompat-v4"):
        yield f"{name}, PNG", encoded(photo, "PNG", icc_profile=profiles[name]), b""
    yield "AdobeCompat-v2, TIFF", encoded(photo, "TIFF", icc_profile=profiles["AdobeCompat-v2"]), b""
    yield "DisplayP3-v4, WebP", encoded(photo, "WEBP", lossless=True, icc_profile=profiles["DisplayP3-v4"]), b""
    fine = {"quality": 95, "subsampling": 0}
    yield "AdobeCompat-v4, JPEG", encoded(photo, "JPEG", icc_profile=profiles["AdobeCompat-v4"], **fine), b""
    yield "sGrey-v4, grey PNG", encoded(photo.convert("L"), "PNG", icc_profile=profiles["sGrey-v4"]), b""
    inks, press = photo.convert("CMYK"), profiles["CGATS001Compat-v2-micro"]
    yield "CMYK with profile, TIFF", encoded(inks, "TIFF", icc_profile=press), b""
    yield "CMYK with profile, Adobe JPEG", encoded(inks, "JPEG", icc_profile=press, **fine), b""
    yield "CMYK without, Adobe JPEG", encoded(inks, "JPEG", **fine), default_profile()
    yield "CMYK without, TIFF", encoded(inks, "TIFF"), default_profile()
    whole = {"quality": 100, "subsampling": "4:4:4"}
    yield "DisplayP3-v4, AVIF", encoded(photo, "AVIF", icc_profile=profiles["DisplayP3-v4"], **whole), b""
    for name in ("DisplayP3-v4", "AdobeCompat-v4", ""):
        yield f"{name or 'no profile'}, HEIF", encoded(photo, "PNG", icc_profile=profiles.get(name)), b""
        yield f"{name or 'no profile'}, JPEG XL", jpeg_xl(photo, profiles.get(name)), b""
    yield "RGBA, HEIF", encoded(with_alpha(photo), "PNG"), b""
    yield "RGBA, JPEG XL", jpeg_xl(with_alpha(photo)), b""
    for written in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        for orientation in (3, 6, 7):
            tags = Image.Exif()
            tags[0x0112] = orientation
            more: dict[str, Any] = {"lossless": True} if written == "WEBP" else whole if written == "AVIF" else {}
            yield f"EXIF {orientation}, {written}", encoded(photo, written, exif=tags.tobytes(), **more), b""
    deep = (np.asarray(photo.convert("L"), np.uint16) * 257)[:, ::-1] // 3
    yield "16-bit grey PNG", encoded(Image.fromarray(np.ascontiguousarray(deep)), "PNG"), b""
    yield "16-bit RGB PNG", deep_png(np.asarray(photo, np.uint16) * 257 // 2, 2), b""
    clear = with_alpha(photo)
    yield "RGBA PNG", encoded(clear, "PNG"), b""
    yield "RGBA with profile, PNG", encoded(clear, "PNG", icc_profile=profiles["AdobeCompat-v4"]), b""
    yield "16-bit RGBA PNG", deep_png(np.asarray(clear, np.uint16) * 257, 6), b""
    hidden = Image.new("RGBA", (64, 64), (255, 0, 255, 0))
    yield "hidden colour under alpha 0", encoded(hidden, "PNG"), b""
    yield "LA PNG", encoded(clear.convert("LA"), "PNG"), b""
    palette = photo.quantize(64)
    yield "palette PNG", encoded(palette, "PNG"), b""
    yield "palette with transparency, PNG", encoded(palette, "PNG", transparency=3), b""
    frames = [photo, photo.transpose(Image.Transpose.ROTATE_180)]
    yield "animated GIF", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), b""
    yield "animated WebP", encoded(frames[0], "WEBP", lossless=True, save_all=True, append_images=frames[1:]), b""


def jpeg_xl(image: Image.Image, icc: bytes | None = None) -> bytes:
    """A lossless JPEG XL."""
    made: bytes = pylibjxl.encode(np.asarray(image), lossless=True, icc=icc)
    return made


def with_alpha(photo: Image.Image) -> Image.Image:
    """The lighter, the less transparent."""
    clear = photo.convert("RGBA")
    clear.putalpha(photo.convert("L"))
    return clear


def encoded(image: Image.Image, written: str, **options: Any) -> bytes:
    """`image` as a file."""
    sink = io.BytesIO()
    image.save(sink, written, **options)
    return sink.getvalue()


def deep_png(samples: np.ndarray, colour: int) -> bytes:
    """A PNG of 16 bits a sample, which Pillow does not write."""
    import zlib

    height, width, _ = samples.shape
    rows = samples.astype(">u2").reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    made = PngImagePlugin._MAGIC
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")):
        made += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return made


# every file, whole and damaged


def outcomes(data: Path, mutations: int) -> None:
    """Counts of outcomes, the slowest, and the most memory above the picture's own."""
    folder = data / "formats"
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in TABLES]
    print(f"\n## {len(files)} files\n")
    counts, slow, large = Counter(), [], []
    for path in files:
        tally(path.name, path.read_bytes(), counts, slow, large)
    report(counts, slow, large)
    agreement(folder, files)
    print(f"\n## {mutations} mutations of them\n")
    counts, slow, large = Counter(), [], []
    for name, damaged in mutated(files, mutations):
        tally(name, damaged, counts, slow, large)
    report(counts, slow, large)


def tally(name: str, data: bytes, counts: Counter[str], slow: list[Any], large: list[Any]) -> None:
    """Measure and decode one file as the stages do."""
    start, spent = time.perf_counter(), time.process_time()
    before, idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, in_child("VmRSS", forget=True)
    own = 0
    try:
        found = measure(data)
        own = 4 * found.width * found.height
        to_srgb(open_upright(data))
        counts["a picture"] += 1
    except Rejected as rejected:
        counts[str(rejected.reason)] += 1
    slow.append((round(time.perf_counter() - start, 2), round(time.process_time() - spent, 2), name))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    large.append(((grown - own) / 2**20, name))
    if idle:
        large.append(((in_child("VmHWM") - idle - own) / 2**20, f"{name}, in the child"))


def in_child(what: str, forget: bool = False) -> int:
    """Bytes that the child holds (VmRSS), or held at most (VmHWM) since it was told to `forget`; 0 without one."""
    for child in sandbox._current:
        place = Path(f"/proc/{child._process.pid}")
        with suppress(OSError):
            if forget:
                (place / "clear_refs").write_text("5")
            lines = (place / "status").read_text().split("\n")
            return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(what))
    return 0


def report(counts: Counter[str], slow: list[Any], large: list[Any]) -> None:
    """What was tallied."""
    for outcome, count in counts.most_common():
        print(f"{count:6}  {outcome}")
    print("slowest (wall s, CPU s here, file):", sorted(slow, reverse=True)[:4])
    print("grew most above its own size (MiB, file):", [(round(size), name) for size, name in sorted(large)[-3:]])
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB here, "
          f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10} MiB in children that have ended")


def agreement(folder: Path, files: list[Path]) -> None:
    """Pixel by pixel with Pillow, where the reference accepts a file of a format on the allow-list."""
    verdicts = {}
    for table in folder.rglob("index.csv"):
        with open(table, newline="") as lines:
            rows = list(csv.DictReader(lines))
        verdicts |= {table.parent / row["path"]: row["open"] == "" and row["load"] == "ok" for row in rows}
    counts: Counter[str] = Counter()
    for path in files:
        if verdicts.get(path):
            counts[compared(path)] += 1
    print(f"accepted by the reference: {sum(counts.values())}")
    for outcome, count in counts.most_common():
        print(f"{count:6}  {outcome}")


def compared(path: Path) -> str:
    """equal, or what is different."""
    try:
        with Image.open(path) as opened:
            opened.load()
            reference = opened.convert("RGBA") if opened.has_transparency_data else opened
    except (OSError, SyntaxError):
        return "refused by the reference when asked again"
    try:
        ours = Opened(path.read_bytes(), 10**9)
        raw = open_upright(path.read_bytes())
    except Rejected as rejected:
        return f"{rejected.reason}: {opened.format}"
    if ours.header.orientation != 1 and ours.kind != "tiff":
        return "turned" if raw.size in (opened.size, opened.size[::-1]) else f"size differs: {path.name}"
    raw = raw.convert("RGBA") if raw.has_transparency_data else raw
    same = raw.size == reference.size and raw.convert("RGBA").tobytes() == reference.convert("RGBA").tobytes()
    return "equal" if same else f"differs: {path.name}"


def mutated(files: list[Path], count: int) -> Iterator[tuple[str, bytes]]:
    """Bytes changed, cut out, doubled, or the end cut off; the same at every run."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        path = files[int(rng.integers(len(files)))]
        data = bytearray(path.read_bytes())
        for _ in range(int(rng.integers(1, 8))):
            if not data:
                break
            at, way, size = int(rng.integers(len(data))), int(rng.integers(5)), int(rng.integers(1, 64))
            if way <= 1:
                data[at] = int(rng.integers(256))
            elif way == 2:
                del data[at : at + size]
            elif way == 3:
                data[at:at] = data[at : at + size]
            elif rng.random() < 0.3:
                del data[at:]
        yield path.name, bytes(data)


# the child


def overhead() -> None:
    """The same file decoded here and in the child, in turn; CPU seconds of both processes."""
    print("\n## What the child costs\n\n| format | here ms | by the child ms |\n|---|---|---|")
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)).resize((1024, 768))
    for written in ("GIF", "BMP", "TIFF", "JPEG2000", "AVIF") if features.check("avif") else ("GIF", "BMP", "TIFF"):
        data = encoded(photo, written)
        sandbox.decode(data, 10**8, "upright")
        here, there = [], []
        for _ in range(7):
            start = time.perf_counter()
            Opened(data, 10**8).load()
            middle = time.perf_counter()
            sandbox.decode(data, 10**8, "upright")
            here.append(middle - start)
            there.append(time.perf_counter() - middle)
        print(f"| {written} 1024 × 768 | {min(here) * 1000:.1f} | {min(there) * 1000:.1f} |")
    start = time.perf_counter()
    sandbox.close()
    sandbox.decode(data, 10**8, "header")
    print(f"starting one: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
