"""The search providers: pure functions from queries to calls, and from answers to hits."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.errors import UsageError, did_you_mean
from spiders.pages.web.base import Provider
from spiders.pages.web.brave import Brave
from spiders.pages.web.commons import Commons
from spiders.pages.web.flickr import Flickr
from spiders.pages.web.google import Google
from spiders.pages.web.openverse import Openverse
from spiders.pages.web.searxng import SearXng
from spiders.pages.web.serpapi import SerpApi

PROVIDERS: Mapping[str, type[Provider]] = {
    kind.name: kind for kind in (Openverse, Commons, Brave, Google, SerpApi, Flickr, SearXng)
}
DEFAULT = "openverse,commons"


def chosen(names: str | None) -> list[Provider]:
    """The providers that a comma list names, Openverse and Commons without one. Raises UsageError."""
    found = []
    for name in dict.fromkeys(part.strip().lower() for part in (names or DEFAULT).split(",") if part.strip()):
        if name not in PROVIDERS:
            hint = did_you_mean(name, PROVIDERS) or f" Known: {', '.join(PROVIDERS)}."
            raise UsageError(f"There is no search provider called {name!r}.{hint}")
        found.append(PROVIDERS[name]())
    if not found:
        raise UsageError(f"Name a search provider: {', '.join(PROVIDERS)}.")
    return found
