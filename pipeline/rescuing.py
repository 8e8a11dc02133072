"""Which rejected pictures a person may rescue, and why not the others."""

from __future__ import annotations

from pipeline.errors import Reason

RESCUABLE = frozenset((
    Reason.TOO_SMALL, Reason.TOO_ELONGATED, Reason.BLURRED, Reason.TOO_DARK, Reason.TOO_BRIGHT, Reason.LOW_CONTRAST,
    Reason.GREYSCALE, Reason.LOW_ENTROPY, Reason.TOO_MUCH_BORDER, Reason.BLOCKY, Reason.LOW_JPEG_QUALITY,
    Reason.NSFW, Reason.ANIMATED, Reason.NEAR_DUPLICATE, Reason.EXACT_DUPLICATE, Reason.REJECTED_BY_PERSON,
    Reason.TOO_MANY_FACES, Reason.LOW_CONFIDENCE, Reason.FACE_TOO_SMALL, Reason.FACE_CUT, Reason.ODD_ANGLE,
    Reason.FACE_BLURRED, Reason.SUNGLASSES, Reason.OTHER_PERSON,
))  # fmt: skip
"""What a threshold or a look-alike rejected: a person knows better. All else is not there, damaged, or not ours."""
_RESERVED = frozenset((Reason.OPTED_OUT, Reason.LICENCE, Reason.FORGOTTEN, Reason.ROBOTS))


def refusal(reason: str | None) -> str | None:
    """Why a picture that was rejected for `reason` cannot be rescued, to go after its name; None when it can."""
    if reason is None or reason in RESCUABLE:
        return None
    if reason in _RESERVED:
        return f"may not be used ({reason}): nobody here can decide that"
    if reason == Reason.NO_FACE:
        return "has no face that could be aligned (no_face)"
    return f"cannot be read or is not there ({reason})"
