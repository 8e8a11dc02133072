"""Read the dates that museums write: ranges, centuries, decades, `c.`, BC and AD, in a few languages."""

from __future__ import annotations

import re

from spiders.pages.fields import LATEST_YEAR

Span = tuple[int, int]

EARLIEST_YEAR = -100_000
_DASH = r"\s*(?:[-–—/]|\bto\b|\band\b|\bor\b|\bbis\b|\btot\b)\s*"
_ERA = r"(?:\s*(?P<{name}>b\.?\s?c\.?(?:\s?e\.?)?|a\.?\s?d\.?|c\.?\s?e\.?|v\.?\s?chr\.?)(?![a-z]))?"
_CENTURY = re.compile(
    r"(?:(?P<part>early|mid|middle|late|first half|second half|first quarter|last quarter)[\s-]+(?:of\s+)?(?:the\s+)?)?"
    r"(?P<from>\d{1,2})(?:st|nd|rd|th)(?:\s+century)?"
    r"(?:(?:" + _DASH + r")(?:early|mid|late)?[\s-]*(?P<to>\d{1,2})(?:st|nd|rd|th))?"
    r"\s+(?:century|centuries|c\.)" + _ERA.format(name="era"),
    re.IGNORECASE,
)  # fmt: skip
_YEARS = re.compile(
    r"(?P<ad>a\.?\s?d\.?\s*)?(?:(?<!\d)(?<!\d[.,])|(?<!\d)(?=\d{4}(?!\d)))(?P<minus>(?<!\w)-)?(?P<from>\d{1,6})(?P<s>0s|'s|s)?(?![\d.,]\d|\d)"
    + _ERA.format(name="era1")
    + r"(?:" + _DASH + r"(?:c(?:a|irca)?\.?\s*)?(?:a\.?\s?d\.?\s*)?(?P<to>\d{1,6})(?P<s2>s)?(?![\d.,]\d|\d)"
    + _ERA.format(name="era2") + r")?",
    re.IGNORECASE,
)  # fmt: skip
_PARTS = {
    "early": (0, 33), "mid": (33, 66), "middle": (33, 66), "late": (67, 99), "first half": (0, 49),
    "second half": (50, 99), "first quarter": (0, 24), "last quarter": (75, 99),
}  # fmt: skip


def span(text: str | None) -> Span | None:
    """The first and last year that a text names, negative before Christ (1 BC is -1); None when it names none.

    `1912–14` is 1912 to 1914, `c. 1660` 1660 to 1660, `1700s` 1700 to 1799, `1950s` 1950 to 1959, `late 17th century`
    1667 to 1699, `2nd century BC` -200 to -101, `664–332 BCE` -664 to -332, `30 BC–AD 14` -30 to 14.
    """
    if not text:
        return None
    found = _century(text) or _numbers(text)
    if found is None or not EARLIEST_YEAR <= found[0] <= found[1] <= LATEST_YEAR:
        return None
    return found


def year(text: str | None, first: int | None = None, last: int | None = None) -> int | None:
    """One year for a work: the one its text names, when it names just one within the museum's own bounds; else the
    last one of the bounds, or of the text. Year 0, which museums write for unknown, is None.
    """
    said = span(text)
    low, high = (first or None), (last or None)
    exact = said is not None and said[0] == said[1]
    if said is not None and exact and (low or said[0]) <= said[0] <= (high or said[0]):
        return said[0]
    chosen = high or (said[1] if said else None) or low
    return chosen if chosen is not None and EARLIEST_YEAR <= chosen <= LATEST_YEAR else None


def _century(text: str) -> Span | None:
    found = _CENTURY.search(text)
    if found is None:
        return None
    first, last = int(found["from"]), int(found["to"] or found["from"])
    low, high = _PARTS.get((found["part"] or "").lower(), (0, 99))
    if _is_bc(found["era"]):
        return -first * 100 + low, -last * 100 + high
    return max(1, (first - 1) * 100 + low), (last - 1) * 100 + high


def _numbers(text: str) -> Span | None:
    for found in _YEARS.finditer(text):
        if (read := _read(found)) is not None:
            return read
    return None


def _read(found: re.Match[str]) -> Span | None:
    start, end = found["from"], found["to"]
    era1, era2 = found["era1"], found["era2"]
    marked = bool(era1 or era2 or found["ad"] or found["minus"])
    if len(start) < 3 and not marked:
        return None
    before = bool(found["minus"]) or _is_bc(era1) or (era1 is None and not found["ad"] and _is_bc(era2))
    first = -int(start) if before else int(start)
    if end is None:
        return first, first + _length(found["s"], start)
    if len(end) < len(start) and not before and not era1:
        end = start[: -len(end)] + end
    last = -int(end) if _is_bc(era2) else int(end)
    if first > last:
        return first, first
    return first, last + _length(found["s2"], end)


def _length(plural: str | None, digits: str) -> int:
    """How many more years a plural covers: `1700s` a century, `1950s` a decade."""
    if not plural:
        return 0
    return 99 if digits.endswith("00") else 9 if digits.endswith("0") else 0


def _is_bc(era: str | None) -> bool:
    return bool(era) and re.match(r"b|v", era or "", re.IGNORECASE) is not None
