"""Films: frames as GIF, which shows everywhere, and as MP4, smaller and in full colour."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from gan.sample import Pictures
from pipeline.errors import Fatal

FRAME_MS = 120
LAST_MS = 2500
_CODEC = "vp09"  # VP9, which browsers play and OpenCV carries; its H.264 does not come along
_PALETTE = 64
_LEAST_SIDE = 256  # players show small films small


def gif(frames: Sequence[Pictures], frame_ms: int = FRAME_MS, last_ms: int = LAST_MS) -> bytes:
    """An endless GIF of `frames`, uint8 (h, w, 3) each. Raises ValueError without any.

    One palette for all frames keeps it small and forty times as fast as a palette for each.
    """
    pictures = [Image.fromarray(frame) for frame in _some(frames)]
    palette = _shared_palette(pictures)
    flat = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    pauses = [frame_ms] * (len(flat) - 1) + [last_ms]
    buffer = io.BytesIO()
    flat[0].save(
        buffer, "GIF", save_all=True, append_images=flat[1:], duration=pauses, loop=0, optimize=False
    )  # fmt: skip
    return buffer.getvalue()


def mp4(frames: Sequence[Pictures], frame_ms: int = FRAME_MS, last_ms: int = LAST_MS) -> bytes:
    """An MP4 (VP9) of `frames`, uint8 (h, w, 3) each, enlarged by whole pixels to 256 a side or more.

    The last frame stands for `last_ms`. Raises ValueError without any, Fatal where OpenCV has no VP9.
    """
    shown = [_enlarged(frame) for frame in _some(frames)]
    shown += shown[-1:] * (last_ms // frame_ms - 1)
    height, width = shown[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        code = cv2.VideoWriter_fourcc(*_CODEC)  # type: ignore[attr-defined]
        writer = cv2.VideoWriter(str(path), code, 1000 / frame_ms, (width, height))
        try:
            if not writer.isOpened():
                raise Fatal("This OpenCV writes no VP9 films: install opencv-python-headless of constraints.txt.")
            for frame in shown:
                writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
        finally:
            writer.release()
        return path.read_bytes()


def _some(frames: Sequence[Pictures]) -> Sequence[Pictures]:
    if not frames:
        raise ValueError("a film needs frames")
    return frames


def _enlarged(frame: Pictures) -> Pictures:
    """By a whole factor, and cut to even sides, which the codec wants."""
    factor = -(-_LEAST_SIDE // max(frame.shape[:2]))
    larger = frame.repeat(factor, 0).repeat(factor, 1)
    return larger[: larger.shape[0] // 2 * 2, : larger.shape[1] // 2 * 2]


def _shared_palette(frames: Sequence[Image.Image]) -> Image.Image:
    """Colours of the later half: early frames are noise and would spend the palette on it."""
    late = frames[len(frames) // 2 :]
    strip = np.concatenate([np.asarray(frame) for frame in late[:: max(1, len(late) // 6)]])
    return Image.fromarray(strip).quantize(_PALETTE, Image.Quantize.MEDIANCUT)
