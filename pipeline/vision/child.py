"""The child's side of `pipeline.vision.sandbox`: decode what stands on standard input, within limits, and answer.

    python -m pipeline.vision.child

Started by the sandbox, never by people. Ends when its input does.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from PIL import AvifImagePlugin, Image

from pipeline.errors import Reason, Rejected
from pipeline.vision import sandbox
from pipeline.vision.decode import Header, Opened

BAND_BYTES = 4 * 2**20
_KEPT = ("icc_profile", "transparency", "bits", "white_is_zero", "srgb")
_UNFORESEEN = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, struct.error)


def main() -> None:
    """Answer until the input ends."""
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what native code prints must not stand among the answers
    idle = _address_space()
    while (request := sandbox.read_message(source)) is not None:
        data = source.read(request["bytes"])
        _limit(idle + len(data), 0)
        answer(sink, data, request, idle)
        sink.flush()


def answer(sink: IO[bytes], data: bytes, request: dict[str, Any], idle: int) -> None:
    """Write the header and the picture, or why there is none."""
    try:
        header, image = _decoded(sink, data, request, idle)
    except Rejected as no:
        sandbox.write_message(sink, {"reason": str(no.reason), "value": no.value, "detail": no.detail})
    except MemoryError:
        detail = f"more than {sandbox.SPARE_BYTES >> 20} MiB beside {sandbox.BYTES_PER_PIXEL} bytes a pixel"
        sandbox.write_message(sink, {"reason": str(Reason.TOO_MUCH_MEMORY), "value": None, "detail": detail})
    except _UNFORESEEN as error:
        sandbox.write_message(sink, {"unforeseen": f"{type(error).__name__}: {error}"[:300]})
    else:
        send(sink, header, image)


def _decoded(
    sink: IO[bytes], data: bytes, request: dict[str, Any], idle: int
) -> tuple[Header, Image.Image | None]:
    """The header first; then the limits are those of its picture, and the sandbox is told so."""
    opened = Opened(data, request["max_pixels"])
    if request["job"] == "header":
        return opened.header, None
    pixels = opened.header.width * opened.header.height
    seconds = _limit(idle + len(data), pixels)
    sandbox.write_message(sink, {"seconds": seconds})
    sink.flush()
    if request["job"] == "scaled":
        opened.scale(request["side"], request["mode"])
    image = opened.load()
    return opened.header, image


def send(sink: IO[bytes], header: Header, image: Image.Image | None) -> None:
    """The whole answer; the pixels go in bands of rows."""
    if image is None:
        sandbox.write_message(sink, {"header": asdict(header)})
        return
    line = len(image.crop((0, 0, image.width, 1)).tobytes())
    step = max(1, BAND_BYTES // line)
    tops = range(0, image.height, step)
    rows = [min(step, image.height - top) for top in tops]
    palette = image.palette
    facts = {
        "mode": image.mode, "size": image.size, "bands": [(height, height * line) for height in rows],
        "palette": bytes(image.getpalette(palette.mode) or ()).hex() if palette else "",
        "palette_mode": palette.mode if palette else None,
        "info": {key: _plain(image.info[key]) for key in _KEPT if key in image.info},
    }
    sandbox.write_message(sink, {"header": asdict(header), "picture": facts})
    for top, height in zip(tops, rows, strict=True):
        sink.write(image.crop((0, top, image.width, top + height)).tobytes())


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _limit(idle: int, pixels: int) -> int:
    """Set the limits for a picture of so many pixels; the CPU seconds it may take."""
    seconds = round(sandbox.SECONDS + sandbox.SECONDS_PER_MEGAPIXEL * pixels / 1e6)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(usage.ru_utime + usage.ru_stime) + 1
    _soft(resource.RLIMIT_CPU, spent + seconds)
    if idle > 0:
        _soft(resource.RLIMIT_AS, idle + sandbox.SPARE_BYTES + sandbox.BYTES_PER_PIXEL * pixels)
    return seconds


def _soft(what: int, limit: int) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with suppress(ValueError, OSError):  # some systems know the limit by name only
        resource.setrlimit(what, (limit, hard))


def _address_space() -> int:
    """Bytes of address space this process has now; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
