"""Exotic and suspicious files are decoded in a child, with the same result, within limits, and it may die of them."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from vision_pictures import encode, exif, grey_profile, photo

from pipeline.errors import Reason, Rejected
from pipeline.vision import child, formats, sandbox
from pipeline.vision.decode import Opened, open_scaled, open_upright, read_header
from pipeline.vision.measure import measure

GIF = encode(photo(1, 60, 40), "GIF")


@pytest.fixture(autouse=True)
def _no_child_left() -> Iterator[None]:
    yield
    sandbox.close()


def running() -> psutil.Process:
    """The child that serves this process."""
    (found,) = [one for one in psutil.Process().children() if "pipeline.vision.child" in one.cmdline()]
    return found


def refused(data: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        open_upright(data)
    return caught.value


MODES = {
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"],
    "GIF": ["L", "P"], "BMP": ["1", "L", "P", "RGB"], "JPEG2000": ["L", "LA", "RGB", "RGBA"], "PPM": ["1", "L", "RGB"],
    "AVIF": ["RGB", "RGBA"], "WEBP": ["RGB", "RGBA"], "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
}  # fmt: skip


@pytest.mark.parametrize(("written", "mode"), [(name, mode) for name, modes in MODES.items() for mode in modes])
def test_a_picture_comes_out_of_the_child_as_it_went_in(written: str, mode: str) -> None:
    picture = photo(2, 67, 45)
    if mode == "LAB":
        picture = Image.frombytes("LAB", picture.size, picture.tobytes())
    elif mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    data = encode(picture, written)
    opened = Opened(data, 10**6)
    here = opened.load()
    facts, there = sandbox.decode(data, 10**6, "upright")
    assert there is not None
    assert (there.mode, there.size) == (here.mode, here.size)
    assert there.tobytes() == here.tobytes()
    assert there.convert("RGB").tobytes() == here.convert("RGB").tobytes()
    assert {key: here.info.get(key) for key in child._KEPT} == {key: there.info.get(key) for key in child._KEPT}
    assert facts == vars(opened.header) == vars(read_header(data))


def test_palettes_transparency_profiles_and_turns_survive() -> None:
    keyed = Image.new("P", (30, 20), 0)
    keyed.putpalette([200, 10, 10, 0, 0, 250])
    keyed.paste(1, (2, 0, 4, 2))
    for options in ({"transparency": 0}, {}):
        data = encode(keyed, "GIF", **options)
        here, there = Opened(data, 10**6).load(), open_upright(data)
        assert there.info.get("transparency") == here.info.get("transparency")
        assert there.convert("RGBA").tobytes() == here.convert("RGBA").tobytes()
    profile = grey_profile("Grey", 1.8)
    tagged = open_upright(encode(photo(1, 30, 20).convert("L"), "TIFF", icc_profile=profile))
    assert tagged.info["icc_profile"] == profile
    assert open_upright(encode(photo(1, 30, 20), "AVIF", exif=exif(6))).size == (20, 30)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3000), st.integers(1, 400), st.sampled_from(["1", "L", "RGB"]))
def test_bands_of_any_height_make_the_whole(width: int, height: int, mode: str) -> None:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    data = encode(Image.fromarray(pixels).convert(mode), "PPM")
    assert open_upright(data).tobytes() == Opened(data, 10**7).load().tobytes()


def test_common_formats_stay_here_and_one_child_serves_all_others() -> None:
    sandbox.close()
    others = set(psutil.Process().children())
    for written in ("JPEG", "PNG", "WEBP"):
        open_upright(encode(photo(1, 60, 40), written))
    assert set(psutil.Process().children()) <= others
    open_upright(GIF)
    first = running().pid
    measure(encode(photo(1, 60, 40), "BMP"))
    assert running().pid == first


def test_what_is_suspicious_goes_to_the_child() -> None:
    frames = [photo(n, 40, 30) for n in range(3)]
    blank = encode(Image.new("L", (9000, 6000), 90), "PNG")
    for data in (
        encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        encode(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        encode(photo(1, 60, 40), "JPEG", progressive=True) + b"\xff\xda" * (formats.MANY_SCANS + 1),
        blank,
    ):
        sandbox.close()
        header, image = open_scaled(data, 512, "L")
        assert image.size == (header.width, header.height)
        assert running()
    assert Opened(encode(photo(1, 1200, 900), "JPEG", progressive=True), 10**7).suspicious is False


def test_a_child_that_dies_costs_one_picture() -> None:
    open_upright(GIF)
    victim = running().pid
    os.kill(victim, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (victim, signal.SIGKILL)).start()
    death = refused(GIF)
    assert (death.reason, death.detail) == (Reason.CRASHED, "the decoder's process died (SIGKILL)")
    assert open_upright(GIF).size == (60, 40)
    assert running().pid != victim
    os.kill(running().pid, signal.SIGKILL)
    time.sleep(0.1)
    assert open_upright(GIF).size == (60, 40), "one that died between two pictures is nobody's fault"


def test_a_child_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    open_upright(GIF)
    victim = running()
    monkeypatch.setattr(sandbox, "START_SECONDS", 0.2)
    os.kill(victim.pid, signal.SIGSTOP)
    assert refused(GIF).reason == Reason.TIMED_OUT
    assert not victim.is_running()
    monkeypatch.undo()
    assert open_upright(GIF).size == (60, 40)


SLOW = """
import sys
from pipeline.vision import child, sandbox
from pipeline.vision.decode import Opened
def load(self):
    {body}
Opened.load = load
child.main()
"""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("while True: pass", Reason.TIMED_OUT),
        ("held = [bytearray(2**20) for _ in range(2**14)]", Reason.TOO_MUCH_MEMORY),
    ],
)
def test_the_child_keeps_to_its_limits(body: str, reason: Reason, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen

    def start(command: list[str], **options: object) -> object:
        return real([sys.executable, "-c", SLOW.format(body=body)], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", start)
    assert refused(GIF).reason == reason


def test_memory_is_allowed_by_the_pixels_the_header_declares() -> None:
    open_upright(GIF)
    idle = running().memory_info().rss
    open_upright(encode(photo(1, 3000, 2000), "PPM"))
    assert running().memory_info().rss < idle + 300 * 2**20 + 4 * 6_000_000
    soft = psutil.Process(running().pid).rlimit(psutil.RLIMIT_AS)[0]
    assert 0 < soft < 2**31


def gif_bomb() -> bytes:
    """2,000 frames of 16 Mpx in a few kilobytes."""
    frame = b",\0\0\0\0" + struct.pack("<HH", 4000, 4000) + b"\0\x02\x02\x44\x01\0"
    return b"GIF89a" + struct.pack("<HHBBB", 4000, 4000, 0x80, 0, 0) + bytes(6) + frame * 2000 + b";"


def test_bombs_end_soon_and_small() -> None:
    rows = zlib.compress(bytes(1001 * 8000), 9)
    png = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", struct.pack(">IIBBBBB", 8000, 8000, 1, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")):
        png += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    before = psutil.Process().memory_info().rss
    start = time.process_time()
    assert open_upright(png).size == (8000, 8000)
    with pytest.raises(Rejected):
        open_upright(gif_bomb()).load()
    assert time.process_time() - start < 5
    assert psutil.Process().memory_info().rss - before < 400 * 2**20


def test_a_fork_has_a_child_of_its_own() -> None:
    open_upright(GIF)
    mine = running().pid
    read, write = os.pipe()
    if os.fork() == 0:
        code = 1
        try:
            open_upright(GIF)
            os.write(write, b"ok")
            sandbox.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    assert os.read(read, 9) == b"ok"
    assert running().pid == mine
    assert open_upright(GIF).size == (60, 40)


def test_heif_and_jpeg_xl_are_read(shared: Path) -> None:
    folder = shared / "data" / "formats"
    pug = (folder / "heif" / "zPug_3.heic").read_bytes()
    assert read_header(pug).format == "heif"
    assert open_upright(pug).size == (read_header(pug).width, read_header(pug).height)
    for name, mode, frames in (
        ("sunset_logo_input", "RGBA", 1),
        ("grayscale_input", "L", 1),
        ("animation_spline_input", "RGB", 2),
    ):
        data = (folder / "jxl" / f"{name}.jxl").read_bytes()
        header, image = open_scaled(data, 512, "L")
        assert (header.format, header.mode, header.frames) == ("jxl", mode, frames)
        assert (image.mode, image.size) == (mode, (header.width, header.height))
    assert open_scaled((folder / "jxl/grayscale_input.jxl").read_bytes(), 512, "L")[0].icc
