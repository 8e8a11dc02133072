"""What the search sites have in common: finding works by words, and facts that the catalogue does not hold.

Facts such as a licence, a colour or a time of upload depend on the work's key alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from spiders.gallery.catalogue import Catalogue
from spiders.gallery.faults import Faults
from spiders.gallery.http1 import Request, Response
from spiders.gallery.works import Work, digest, share

Json = dict[str, Any]
LICENSES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
COLOURS = ("black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "teal", "white", "yellow")
OPENED, CLOSED = 1_100_000_000, 1_790_000_000


class Finder:
    """Finds works by words; every site lists them in the same order, of relevance."""

    def __init__(self, catalogue: Catalogue, base: str) -> None:
        self.catalogue = catalogue
        self.base = base
        self.texts = {work.key: self._text(work) for work in catalogue.works}

    def _text(self, work: Work) -> str:
        words = (work.title, self.creator(work), *work.styles, *work.genres, *work.tags)
        return " ".join(words).lower()

    def find(self, text: str, keeps: Callable[[Work], bool] = lambda work: True) -> list[Work]:
        """The works whose texts hold every word."""
        words = text.lower().split()
        found = [
            work for work in self.catalogue.works if all(word in self.texts[work.key] for word in words) and keeps(work)
        ]
        return sorted(found, key=lambda work: digest("relevance", text.lower(), work.key))

    def creator(self, work: Work) -> str:
        """The artist's name."""
        return self.catalogue.artist[work.artist].name

    def image(self, work: Work) -> str:
        """Where the picture lies."""
        return f"{self.base}{work.path}"

    def page(self, work: Work) -> str:
        """The page of the work for people."""
        return f"{self.base}/en/{work.artist}/{work.slug}"


def pick(kind: str, work: Work, values: tuple[str, ...]) -> str:
    """One of the values, by the work alone."""
    return values[int(share(kind, work.key) * len(values))]


def uploaded(work: Work) -> int:
    """When it was uploaded: a Unix time between 2004 and 2026."""
    return OPENED + int(share("uploaded", work.key) * (CLOSED - OPENED))


def aspect(work: Work) -> str:
    """tall, wide or square."""
    if work.width == work.height:
        return "square"
    return "wide" if work.width > work.height else "tall"


def is_wrong(key: str | None) -> bool:
    """Whether a key is refused: none, and each that begins with `wrong`."""
    return not key or key.startswith("wrong")


def answered(value: Any, status: int = 200, **headers: str) -> Response:
    """JSON as these sites send it."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, json.dumps(value).encode(), "application/json; charset=utf-8", named)


class Till:
    """Counts the calls of each provider."""

    def __init__(self, limits: Faults) -> None:
        self.limits = limits
        self.calls: Counter[str] = Counter()

    def is_over(self, name: str, real: int) -> bool:
        """Count a call; whether it is one too many."""
        self.calls[name] += 1
        return self.calls[name] > (self.limits.search_calls or real)


Handler = Callable[[Request], Response]
