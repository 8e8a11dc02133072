"""Reasons in words: what each means, how the number that decided is said, which limit it was held against."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.errors import REASON_HELP, Reason

# Reason: how its number reads, the manifest's section and key that hold the limit.
_NUMBERS: dict[Reason, tuple[str, str | None]] = {
    Reason.TOO_SMALL: ("shorter side {:.0f} px", "select.min_side"),
    Reason.TOO_ELONGATED: ("{:.2f} : 1", "select.max_aspect"),
    Reason.BLURRED: ("sharpness {:.1f}", "select.min_sharpness"),
    Reason.TOO_DARK: ("brightness {:.0f}", "select.min_brightness"),
    Reason.TOO_BRIGHT: ("brightness {:.0f}", "select.max_brightness"),
    Reason.LOW_CONTRAST: ("contrast {:.1f}", "select.min_contrast"),
    Reason.GREYSCALE: ("{:.1%} coloured", None),
    Reason.LOW_ENTROPY: ("entropy {:.2f} bits", "select.min_entropy"),
    Reason.TOO_MUCH_BORDER: ("{:.0%} border", "select.max_border"),
    Reason.BLOCKY: ("blockiness {:.2f}", "select.max_blockiness"),
    Reason.LOW_JPEG_QUALITY: ("JPEG quality {:.0f}", "select.min_jpeg_quality"),
    Reason.NSFW: ("nsfw {:.2f}", "select.max_nsfw"),
    Reason.ANIMATED: ("{:.0f} pictures", None),
    Reason.NEAR_DUPLICATE: ("hashes {:.0f} bits apart", "dedupe.distance"),
    Reason.EXACT_DUPLICATE: ("the same bytes", None),
    Reason.TOO_MANY_PIXELS: ("{:,.0f} pixels declared", None),
    Reason.TOO_LARGE: ("{:,.0f} bytes", None),
    Reason.TOO_MANY_FACES: ("{:.0f} faces", "align.max_faces"),
    Reason.LOW_CONFIDENCE: ("confidence {:.2f}", "align.min_confidence"),
    Reason.FACE_TOO_SMALL: ("{:.1f} px between the eyes", "align.min_eye_distance"),
    Reason.FACE_CUT: ("{:.0%} cut off", None),
    Reason.ODD_ANGLE: ("turned {:.0f}°", None),
    Reason.FACE_BLURRED: ("sharpness {:.2f}", "align.min_face_sharpness"),
    Reason.SUNGLASSES: ("eyes {:.0%} as light as the face", None),
    Reason.OTHER_PERSON: ("the likeliest face {:.2f} away", "people.distance"),
}

_KEY = re.compile(r"\b(select|dedupe|people|align)\.(\w+)")

FACE_REASONS = (
    Reason.NO_FACE, Reason.TOO_MANY_FACES, Reason.LOW_CONFIDENCE, Reason.FACE_TOO_SMALL, Reason.FACE_CUT,
    Reason.ODD_ANGLE, Reason.SUNGLASSES, Reason.FACE_BLURRED, Reason.OTHER_PERSON,
)


def title(reason: str) -> str:
    """The reason as words: `near_duplicate` is 'Near duplicate', `http_4xx` 'HTTP 4xx'."""
    words = reason.replace("_", " ")
    return "HTTP " + words.removeprefix("http ") if words.startswith("http ") else words.capitalize()


def explanation(reason: str, manifest: Mapping[str, Any]) -> str:
    """What the reason means, as a sentence with the limits of the manifest: 'Its … is under select.min_side (64).'"""
    text = REASON_HELP[Reason(reason)]
    if reason == Reason.NEAR_DUPLICATE:
        text += ": their hashes are close" if _by_hash(manifest) else ": laid over each other their pixels agree"
    limit = _limit(reason, manifest)
    if limit is not None and limit not in text:
        text += f", by {limit}"
    text = _KEY.sub(lambda found: _with_value(found, manifest), text)
    return f"{text[0].upper()}{text[1:]}."


def has_limit(reason: str, manifest: Mapping[str, Any]) -> bool:
    """Whether a number held against a limit decides."""
    return _limit(reason, manifest) is not None


def words(reason: str | None, value: float | None, detail: str | None) -> str | None:
    """The number that decided with a reason, in words; None when none did."""
    if reason is None or value is None:
        return None
    if reason == Reason.ODD_ANGLE and detail:
        return f"{detail} {value:.0f}°"
    return _NUMBERS.get(Reason(reason), ("{:g}", None))[0].format(value)


def _limit(reason: str, manifest: Mapping[str, Any]) -> str | None:
    if reason == Reason.NEAR_DUPLICATE and not _by_hash(manifest):
        return None
    return _NUMBERS.get(Reason(reason), ("", None))[1]


def _by_hash(manifest: Mapping[str, Any]) -> bool:
    """Whether near-duplicates were told by the hash alone."""
    return (manifest.get("dedupe") or {}).get("preset") == "strict"


def _with_value(found: re.Match[str], manifest: Mapping[str, Any]) -> str:
    value = (manifest.get(found[1]) or {}).get(found[2])
    return f"{found[0]} ({value:g})" if isinstance(value, int | float) else found[0]
