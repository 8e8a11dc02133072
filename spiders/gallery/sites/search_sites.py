"""All search sites behind one function."""

from __future__ import annotations

from functools import cached_property

from spiders.gallery.catalogue import Catalogue
from spiders.gallery.faults import Faults
from spiders.gallery.http1 import Request, Response
from spiders.gallery.sites.search import Finder, Handler, Till
from spiders.gallery.sites.search_open import Open
from spiders.gallery.sites.search_web import Web


class Search:
    """Answers the paths of the search sites, made when the first of them is asked."""

    def __init__(self, catalogue: Catalogue, base: str, faults: Faults) -> None:
        self.catalogue, self.base, self.faults = catalogue, base, faults

    @cached_property
    def routes(self) -> dict[str, Handler]:
        """Handlers by path."""
        finder, till = Finder(self.catalogue, self.base), Till(self.faults)
        return {**Open(finder, till).routes, **Web(finder, till).routes}

    def answer(self, request: Request) -> Response | None:
        """The answer to a request, or None when the address is not one of theirs."""
        handler = self.routes.get(request.path)
        return handler(request) if handler else None
