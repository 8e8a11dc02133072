"""What was done to a picture, in words: mirrored, turned, cropped, bordered, squeezed, scaled, covered."""

from __future__ import annotations

from math import atan2, degrees

import numpy as np

from pipeline.vision.agreement import Agreement
from pipeline.vision.sketch import Sketch

Size = tuple[int, int]


def words(found: Agreement, kept: tuple[Sketch, Size], copy: tuple[Sketch, Size]) -> str:
    """How a copy came from the kept picture, each given with its width and height in pixels.

    Such as `mirrored, turned 90°, cropped 36 %, 7 % added, squeezed 10 %, scaled to 50 %`; angles clockwise, shares
    of areas; `same frame` when none of it.
    """
    model = found.model[:, :2]
    angle = round(degrees(atan2(model[1, 0] - model[0, 1], model[0, 0] + model[1, 1])))
    angle = 180 if angle == -180 else angle
    lengths = np.linalg.svd(model, compute_uv=False)
    squeezed, scale = 1 - lengths[1] / lengths[0], float(lengths.prod()) ** 0.5 * _finer(copy) / _finer(kept)
    said = [
        (found.mirrored, "mirrored"),
        (angle != 0, f"turned {angle}°"),
        (found.seen < 0.98, f"cropped {1 - found.seen:.0%}"),
        (found.filled < 0.98, f"{1 - found.filled:.0%} added"),
        (squeezed > 0.03, f"squeezed {squeezed:.0%}"),
        (abs(scale - 1) > 0.02, f"scaled to {scale:.0%}"),
        (found.covered > 0, "partly covered"),
    ]
    return ", ".join(text.replace("%", " %") for true, text in said if true) or "same frame"


def _finer(picture: tuple[Sketch, Size]) -> float:
    """How many pixels of the picture make one of its frame."""
    made, size = picture
    return float((size[0] * size[1] / (made.size[0] * made.size[1])) ** 0.5)
