"""Files become upright pixels, or are refused for a reason; never anything between."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from vision_pictures import encode, exif, photo, rgb_profile

from pipeline.errors import REASON_HELP, Reason, Rejected
from pipeline.stages.measure import MEASURE
from pipeline.vision.decode import draft_grey, open_scaled, open_upright, read_header
from pipeline.vision.measure import measure

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")

FORMATS = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tiff",
           "AVIF": "avif", "JPEG2000": "jp2", "PPM": "pnm"}  # fmt: skip
PICTURES = (".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ppm", ".pgm")
FILES = {written: encode(photo(3, 160, 120), written) for written in FORMATS}


def reason_of(data: bytes, max_pixels: int = 10**8) -> Reason:
    with pytest.raises(Rejected) as caught:
        open_upright(data, max_pixels)
    return caught.value.reason


@pytest.mark.parametrize(("written", "name"), FORMATS.items())
def test_every_allowed_format_opens(written: str, name: str) -> None:
    header = read_header(FILES[written])
    assert (header.format, header.width, header.height) == (name, 160, 120)
    assert (header.orientation, header.frames, header.icc) == (1, 1, None)
    assert open_upright(FILES[written]).size == (160, 120)
    difference = np.asarray(open_upright(FILES[written]).convert("L"), int) - np.asarray(
        photo(3, 160, 120).convert("L")
    )
    assert np.abs(difference).mean() < 6


@pytest.mark.parametrize("written", FORMATS)
def test_a_file_cut_short_is_truncated(written: str) -> None:
    data = FILES[written]
    for share in (0.5, 0.8, 0.95):
        cut = data[: int(len(data) * share)]
        assert reason_of(cut) == Reason.TRUNCATED
        with pytest.raises(Rejected) as caught:
            measure(cut)
        assert caught.value.reason == Reason.TRUNCATED


def test_scaled_decodes_notice_cuts_as_full_ones_do() -> None:
    rng = np.random.default_rng(1)
    for options in ({}, {"progressive": True}, {"subsampling": 0}):
        data = encode(photo(5, 1100, 900), "JPEG", quality=80, **options)
        for cut in [*rng.integers(700, len(data), 12), len(data) - 64, len(data) - 8, len(data) - 2]:
            outcomes = []
            for decode in (open_upright, measure):
                try:
                    decode(data[:cut])
                    outcomes.append("whole")
                except Rejected as rejected:
                    outcomes.append(str(rejected.reason))
            assert outcomes[0] == outcomes[1], f"cut at {cut} of {len(data)}"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"<html><body>404</body></html>", Reason.NOT_A_PICTURE),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", Reason.NOT_A_PICTURE),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', Reason.NOT_A_PICTURE),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100), Reason.UNDECODABLE),
        (b"\xff\x0a" + bytes(100), Reason.UNDECODABLE),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 100 + b"IEND", Reason.UNDECODABLE),
    ],
)
def test_what_is_no_picture_says_why(data: bytes, reason: Reason) -> None:
    assert reason_of(data) == reason
    with pytest.raises(Rejected):
        measure(data)


def png_header(width: int, height: int) -> bytes:
    """A PNG that ends after its header: whoever looks at a pixel of it fails otherwise."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    idat = b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (body, idat)
    )


def test_bombs_are_refused_from_the_header() -> None:
    for width, height in ((20_000, 20_000), (2**31 - 1, 2**31 - 1), (100_000_001, 1)):
        with pytest.raises(Rejected) as caught:
            read_header(png_header(width, height))
        assert caught.value.reason == Reason.TOO_MANY_PIXELS
        assert caught.value.value == width * height
    assert read_header(png_header(10_000, 10_000)).width == 10_000
    gif = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x00\x00\x00;"
    webp = b"RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes(4) + b"\xff\xff\x3f\xff\xff\x3f" + bytes(10)
    for data in (gif, webp):
        assert reason_of(data) in (Reason.TOO_MANY_PIXELS, Reason.TRUNCATED, Reason.UNDECODABLE)


def test_a_bomb_is_refused_in_little_memory() -> None:
    code = (
        "import resource, sys\n"
        "from pipeline.errors import Rejected\n"
        "from pipeline.vision.decode import read_header\n"
        "now = int(open('/proc/self/statm').read().split()[5]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (now + 50 * 2**20,) * 2)\n"
        "try:\n"
        "    bytearray(100 * 2**20)\n"
        "except MemoryError:\n"
        "    print('limited')\n"
        "try:\n"
        "    read_header(sys.stdin.buffer.read())\n"
        "except Rejected as error:\n"
        "    print(error.reason)\n"
    )
    whole = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(whole, "PNG")
    done = subprocess.run([sys.executable, "-c", code], input=whole.getvalue(), capture_output=True, check=True)
    assert done.stdout.decode().split() == ["limited", "too_many_pixels"]


def test_the_limit_is_the_callers() -> None:
    assert reason_of(FILES["PNG"], 160 * 120 - 1) == Reason.TOO_MANY_PIXELS
    assert open_upright(FILES["PNG"], 160 * 120).size == (160, 120)


TURNED = [
    (2, Image.Transpose.FLIP_LEFT_RIGHT),
    (3, Image.Transpose.ROTATE_180),
    (4, Image.Transpose.FLIP_TOP_BOTTOM),
    (5, Image.Transpose.TRANSPOSE),
    (6, Image.Transpose.ROTATE_90),
    (7, Image.Transpose.TRANSVERSE),
    (8, Image.Transpose.ROTATE_270),
]


@pytest.mark.parametrize("written", ["PNG", "WEBP", "TIFF", "JPEG", "AVIF"])
@pytest.mark.parametrize(("orientation", "stored"), [(1, None), *TURNED])
def test_orientation_is_applied_once(written: str, orientation: int, stored: Image.Transpose | None) -> None:
    upright = photo(7, 96, 64)
    turned = upright if stored is None else upright.transpose(stored)
    lossless = {"lossless": True} if written == "WEBP" else {}
    data = encode(turned, written, exif=exif(orientation), **lossless)
    header, opened = read_header(data), open_upright(data)
    assert opened.size == (header.width, header.height) == upright.size
    assert header.orientation == orientation
    difference = np.abs(np.asarray(opened.convert("RGB"), int) - np.asarray(upright, int))
    assert difference.max() == 0 if written in ("PNG", "WEBP", "TIFF") else difference.mean() < 5
    assert draft_grey(data, 512).size == upright.size


def test_real_orientations_all_look_alike(shared: Path) -> None:
    folder = shared / "data" / "formats" / "exif_orientation"
    for kind in ("Landscape", "Portrait"):
        hashes = [measure((folder / f"{kind}_{n}.jpg").read_bytes()).phash for n in range(9)]
        assert max(int(a ^ b).bit_count() for a in hashes for b in hashes) <= 4


def test_a_late_exif_chunk_counts_and_a_damaged_picture_is_not_half_read() -> None:
    plain = encode(photo(1, 60, 40), "PNG")
    tags = exif(6)[6:]
    chunk = struct.pack(">I", len(tags)) + b"eXIf" + tags + struct.pack(">I", zlib.crc32(b"eXIf" + tags))
    late = plain[:-12] + chunk + plain[-12:]
    assert read_header(late).orientation == 6
    assert open_upright(late).size == (40, 60)
    assert reason_of(late[: len(plain) // 2] + b"eXIf" + late[-40:]) in (Reason.TRUNCATED, Reason.UNDECODABLE)


@pytest.mark.parametrize(
    "tags", [b"Exif\x00\x00", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"Exif\x00\x00junk" * 9, exif(9)]
)
def test_damaged_metadata_is_no_reason_to_lose_a_picture(tags: bytes) -> None:
    data = encode(photo(2, 60, 40), "JPEG", exif=tags)
    assert read_header(data).orientation == 1
    assert open_upright(data).size == (60, 40)


def test_headers_name_frames_mode_and_profile() -> None:
    frames = [photo(n, 40, 30) for n in range(3)]
    moving = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_header(moving).frames == 3
    assert encode(open_upright(moving).convert("RGB")) == encode(open_upright(encode(frames[0], "GIF")).convert("RGB"))
    profile = rgb_profile("A Space of Its Own", ((0.6, 0.3), (0.3, 0.6), (0.15, 0.06)), 1.8)
    header = read_header(encode(frames[0].convert("RGBA"), "PNG", icc_profile=profile))
    assert (header.mode, header.icc) == ("RGBA", "A Space of Its Own")
    assert read_header(encode(frames[0], "PNG", icc_profile=b"junk")).icc == "unreadable"


def test_scaled_decodes_keep_the_side_they_promise() -> None:
    for width, height in ((2000, 1500), (1024, 768), (1023, 100), (500, 400), (1, 1)):
        data = encode(photo(4, width, height), "JPEG")
        header, image = open_scaled(data, 512, "YCbCr")
        assert image.mode == "YCbCr"
        assert (header.width, header.height) == (width, height)
        assert min(512, max(width, height)) <= max(image.size) < 1024


def test_colour_encodings_of_jpeg_all_scale() -> None:
    picture = photo(6, 1200, 900)
    grey = np.asarray(picture.convert("L").resize((600, 450), Image.Resampling.BOX), int)
    for options in ({"keep_rgb": True}, {"subsampling": 0}, {"subsampling": 2}, {"progressive": True}):
        draft = draft_grey(encode(picture, "JPEG", quality=95, **options), 512)
        assert draft.mode == "L"
        assert np.abs(np.asarray(draft, int) - grey).mean() < 3
    for mode in ("L", "CMYK"):
        assert draft_grey(encode(picture.convert(mode), "JPEG"), 512).size == (600, 450)


def test_threads_decode_alike() -> None:
    files = [FILES[written] for written in FORMATS] * 6
    expected = [np.asarray(open_upright(data)).tobytes() for data in files]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda data: np.asarray(open_upright(data)).tobytes(), files)) == expected
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_any_damage_gives_a_picture_or_one_exception(written: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[written])
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        header, image = read_header(bytes(damaged), 10**6), open_upright(bytes(damaged), 10**6)
    except Rejected as refused:
        rejected = refused
    else:
        assert image.size == (header.width, header.height)
        return
    assert rejected.reason in REASON_HELP


def test_a_partition_of_nothing_but_damage_does_not_fail(shared: Path) -> None:
    """Only bugs of ours count towards the stage's guard, however many files are broken and in whatever way."""
    rng = np.random.default_rng(4)
    files = sorted(path for path in (shared / "data/formats").rglob("*") if path.suffix in PICTURES)
    damaged = [b"P6\n%d 6Q%d\n255\n" % (n, n) + bytes(99) for n in range(1, 60)]  # Pillow: ValueError
    for path in rng.choice(np.array(files, object), 140):
        data = bytearray(path.read_bytes())
        for at in rng.integers(0, max(1, len(data)), 6):
            data[at : at + int(rng.integers(0, 3))] = rng.bytes(1)
        damaged.append(bytes(data))
    batch = pa.table({
        "id": [f"{n:064x}" for n in range(len(damaged))],
        "reason": pa.nulls(len(damaged), pa.string()),
        "reason_value": pa.nulls(len(damaged), pa.float64()),
        "detail": pa.nulls(len(damaged), pa.string()),
        "data": pa.array(damaged, pa.binary()),
    })
    rows = MEASURE.transform(batch, {"hash": "fast", "blocks": True, "nsfw": False, "fineness": True}).to_pylist()
    assert len(rows) == len(damaged)
    assert all(row["reason"] == "undecodable" and row["detail"].startswith("ValueError: ") for row in rows[:59])
    assert sum(row["reason"] is not None for row in rows) > 100


def test_every_odd_and_broken_file_has_an_outcome(shared: Path) -> None:
    outcomes: Counter[str] = Counter()
    for folder, _, names in os.walk(shared / "data" / "formats"):
        for name in sorted(names):
            data = Path(folder, name).read_bytes()
            try:
                found = measure(data)
                assert open_upright(data).size == (found.width, found.height)
                outcomes["measured"] += 1
            except Rejected as rejected:
                outcomes[str(rejected.reason)] += 1
    assert outcomes["measured"] > 900
    assert outcomes["too_many_pixels"] >= 5
    assert outcomes["truncated"] >= 10


def test_what_the_reference_accepts_is_the_same_picture(shared: Path) -> None:
    """A sample; `benchmarks/decoding.py` takes all."""
    folder, seen = shared / "data" / "formats", Counter()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in PICTURES)[::9]:
        try:
            with Image.open(path) as opened:
                opened.load()
                reference = opened.convert("RGBA")
        except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError):
            continue
        found = open_upright(path.read_bytes())
        if read_header(path.read_bytes()).orientation == 1:
            assert found.convert("RGBA").tobytes() == reference.tobytes(), path.name
        seen[path.suffix] += 1
    assert sum(seen.values()) > 80 and len(seen) > 6


def test_pillow_agrees_on_what_can_be_read(shared: Path) -> None:
    sets = [shared / "data" / "formats" / name for name in ("pngsuite", "webp", "exif_orientation")]
    for path in (
        path for folder in sets for path in sorted(folder.iterdir()) if path.suffix in (".png", ".webp", ".jpg")
    ):
        data = path.read_bytes()
        try:
            with Image.open(io.BytesIO(data)) as reference:
                reference.load()
        except (OSError, SyntaxError):
            with pytest.raises(Rejected):
                open_upright(data)
        else:
            assert open_upright(data).mode == reference.mode
