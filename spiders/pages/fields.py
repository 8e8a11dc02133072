"""Read untrusted JSON field by field: what is missing or of another type becomes None or an empty list."""

from __future__ import annotations

import json
import math
import re
from typing import Any

Json = dict[str, Any]

LATEST_YEAR = 2100
_YEAR = r"(?<!\d)\d{3,4}(?!\d)"
_YEARS = re.compile(rf"(?P<minus>(?<![\d\s])-|^\s*-)?(?P<year>{_YEAR})(?:\s*[-–—/]\s*(?P<end>{_YEAR}))?")
_BEFORE_CHRIST = re.compile(r"\bB\.?\s?C", re.IGNORECASE)
_DATE = re.compile(r"/Date\((-?\d+)\)/")
_MS_PER_DAY = 86_400_000


class Drift(ValueError):
    """A body is not in the documented shape: a web page, cut off, or a format that changed."""


def load(body: bytes) -> Any:
    """The JSON value of a body. Raises Drift when it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        start = body[:64].lstrip().lower()
        what = "a web page" if start.startswith((b"<!doctype", b"<html", b"<h")) else "no valid JSON"
        raise Drift(f"the answer is {what}") from None


def rows(value: Any) -> list[Json]:
    """The objects of a list; anything else in it, or in its place, is left out."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """A text without surrounding space; None when it is empty or no text. Numbers become text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    return value.encode("utf-8", "replace").decode().strip() or None


def integer(value: Any) -> int | None:
    """A whole number that fits 32 bits, also from a float or digits; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,10}", value.strip()):
        value = int(value)
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
        return None
    return value


def words(value: Any) -> list[str]:
    """The parts of a comma string, or the texts of a list, without doubles, in order."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return list(dict.fromkeys(part for part in map(text, parts) if part))


def year_of(value: str | None) -> int | None:
    """The year that a free text names: of `1912 - 1914` the last, of `c.1900` 1900; negative before Christ.

    None for texts without a number of three or four digits, and for years after 2100.
    """
    found = _YEARS.search(value or "")
    if found is None or value is None:
        return None
    year = int(found["end"] or found["year"])
    if found["minus"] or _BEFORE_CHRIST.search(value):
        return -year
    return year if year <= LATEST_YEAR else None


def date_year(value: Any) -> int | None:
    """The year of `/Date(ms)/`, milliseconds since 1970: negative ones and the year 9999 included."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    return civil_year(int(found[1]) // _MS_PER_DAY) if found else None


def civil_year(days: int) -> int:
    """The year of the proleptic Gregorian calendar (year 0 exists) that lies `days` after 1970-01-01."""
    shifted = days + 719_468
    era, day = divmod(shifted, 146_097)
    year_of_era = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day_of_year = day - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    return era * 400 + year_of_era + (day_of_year >= 306)
