"""A child process that decodes what this process should not: limits on memory and time, and only pixels come back.

One child serves a process, for as many pictures as it survives. It is started at the first exotic picture, killed when
it takes too long, and replaced when it dies; what killed it becomes the picture's reason. The child's side is
`pipeline.vision.child`. A message is a length (4 bytes), so much JSON, and then so many bytes as the JSON says.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from PIL import Image

from pipeline.errors import Reason, Rejected

SECONDS = 2
SECONDS_PER_MEGAPIXEL = 0.5
"""CPU time that a picture may take: the header and what surrounds it, and each million pixels."""

SPARE_BYTES = 256 * 2**20
BYTES_PER_PIXEL = 12
"""Address space that the child may add to what it has when idle: whatever it decodes, and for each pixel (the picture,
a turned copy of it, and the decoder's own planes). Nothing is allowed for pixels before the header was read."""

PATIENCE = 8
"""Seconds of waiting allowed for each second of CPU time: the machine may be busy."""

START_SECONDS = 60.0
"""Allowed until the header is read: Python may have to start first, on a busy machine."""

PICTURES = 1000
"""A child that has decoded so many is replaced, so that what decoders leak does not add up."""

PIPE_BYTES = 2**20

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


def decode(data: bytes, max_pixels: int, job: str, **options: Any) -> tuple[dict[str, Any], Image.Image | None]:
    """Have the child do `job` (`header`, `upright` or `scaled`): the header's fields, and the picture if it made one.

    Raises Rejected as `pipeline.vision.decode` does, and CRASHED when the child died, TIMED_OUT when it took too long
    (`value` is the limit in CPU seconds), TOO_MUCH_MEMORY when it wanted more than it may have; ValueError with the
    exception of a decoder that nobody foresaw.
    """
    with _lock:
        return _child().ask(data, {"job": job, "max_pixels": max_pixels, "bytes": len(data), **options})


def read_message(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next message's JSON; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    message: dict[str, Any] = json.loads(stream.read(int.from_bytes(head, "big")))
    return message


def write_message(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Send JSON; the bytes it announces are to be written next."""
    text = json.dumps(message).encode()
    stream.write(len(text).to_bytes(4, "big") + text)


class _Child:
    """The process and the two pipes to it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.asked = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.vision.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=os.environ | _ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
        self._deadline = 0.0
        self._widen()

    def _widen(self) -> None:
        """Larger pipes, where the system has such: pictures come through in a third of the time."""
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(AttributeError, OSError):
                assert pipe is not None
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    @property
    def usable(self) -> bool:
        """Whether it lives, is this process's own, and is not worn out."""
        return self.owner == os.getpid() and self._process.poll() is None and self.asked < PICTURES

    def ask(self, data: bytes, request: dict[str, Any]) -> tuple[dict[str, Any], Image.Image | None]:
        assert self._process.stdin is not None
        self.asked += 1
        self._deadline = time.monotonic() + START_SECONDS
        try:
            write_message(self._process.stdin, request)
            self._process.stdin.write(data)
            self._process.stdin.flush()
            answer = self._hear()
            if "seconds" in answer:  # the header is known, and with it how long the pixels may take
                answer = self._hear(answer["seconds"])
            return self._understood(answer)
        except (EOFError, BrokenPipeError):
            self._process.wait(10)
            raise self._death() from None
        except TimeoutError:
            self.close()
            raise Rejected(Reason.TIMED_OUT, detail="the decoder's process did not answer in time") from None

    def close(self) -> None:
        """End the process at once."""
        if self.owner == os.getpid():
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    def _understood(self, answer: dict[str, Any]) -> tuple[dict[str, Any], Image.Image | None]:
        if "reason" in answer:
            raise Rejected(Reason(answer["reason"]), answer["value"], answer["detail"])
        if "unforeseen" in answer:
            raise ValueError(answer["unforeseen"])
        if "picture" not in answer:
            return answer["header"], None
        return answer["header"], self._picture(answer["picture"])

    def _picture(self, facts: dict[str, Any]) -> Image.Image:
        """Put together from bands of rows, so that its bytes never lie here twice."""
        image = Image.new(facts["mode"], facts["size"], None)
        top = 0
        for rows, size in facts["bands"]:
            band = Image.frombytes(facts["mode"], (image.width, rows), self._read(size))
            image.paste(band, (0, top))
            top += rows
        if facts["palette"]:
            image.putpalette(bytes.fromhex(facts["palette"]), facts["palette_mode"])
        image.info |= {key: _restored(value) for key, value in facts["info"].items()}
        return image

    def _hear(self, seconds: float = 0) -> dict[str, Any]:
        self._deadline = max(self._deadline, time.monotonic() + PATIENCE * seconds)
        message: dict[str, Any] = json.loads(self._read(int.from_bytes(self._read(4), "big")))
        return message

    def _read(self, size: int) -> bytes:
        """Exactly `size` bytes, or EOFError, or TimeoutError at the deadline."""
        return b"".join(self._pieces(size))

    def _pieces(self, size: int) -> Iterator[bytes]:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while size:
            if not select.select([pipe], [], [], max(0.0, self._deadline - time.monotonic()))[0]:
                raise TimeoutError
            piece = os.read(pipe, size)
            if not piece:
                raise EOFError
            size -= len(piece)
            yield piece

    def _death(self) -> Rejected:
        """What to say of a picture that the child died of."""
        code = self._process.returncode
        self.close()
        if code == -signal.SIGXCPU:
            return Rejected(Reason.TIMED_OUT, detail="the decoder used up its CPU time")
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Rejected(Reason.CRASHED, detail=f"the decoder's process died ({how})")


def _restored(value: Any) -> Any:
    """What `pipeline.vision.child` made of a value that JSON has no word for."""
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return tuple(value) if isinstance(value, list) else value


_lock = threading.Lock()
_current: list[_Child] = []


def _child() -> _Child:
    if _current and not _current[0].usable:
        _current.pop().close()
    if not _current:
        _current.append(_Child())
    return _current[0]


@atexit.register
def close() -> None:
    """End the child, if there is one."""
    while _current:
        _current.pop().close()
