"""Fetching pictures: from the first address that has one, with what its owner says, into a row either way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import scrapy

from pipeline import licences
from pipeline.errors import Reason
from spiders import optout, recheck
from spiders.data import PICTURE, headers_of
from spiders.desk import Seen
from spiders.known import Known
from spiders.politeness import host_slot
from spiders.records import redacted_url
from spiders.refusals import OptedOut, Stopped, outcome


class Pictures:
    """What a spider fetches pictures with. Of the spider it needs the attributes named here, `slot` and `_flow`."""

    placeholder: ClassVar[str | None] = None
    pictures_anywhere: ClassVar[bool] = False
    """Whether pictures lie on any hosts: each has its own slot and rate, and one that refuses is given up alone."""
    dry_run: bool
    licences: tuple[str, ...]
    ignored: frozenset[str]
    known: Known
    _pending: int

    def slot(self, kind: str) -> str:
        """The download slot of a kind of request."""
        raise NotImplementedError

    def _flow(self) -> Iterator[scrapy.Request]:
        raise NotImplementedError

    def picture(self, record: dict[str, Any], addresses: list[tuple[str, str]]) -> Iterator[Any]:
        """Fetch a picture from the first of (variant, address) that has it; the row is handed over either way.

        One whose licence the argument `license` does not let pass is not fetched.
        """
        if self.dry_run:
            return
        record["url"] = redacted_url(addresses[0][1])
        if not licences.admits(self.licences, record["licence"]):
            yield from self.without_picture(record, Reason.LICENCE, record["licence"])
            return
        try:
            request = self._attempt(record, addresses)
        except ValueError as error:
            yield from self.without_picture(record, Reason.ADDRESS_REFUSED, str(error))
        else:
            record["url"] = redacted_url(request.url)
            self._pending += 1
            yield request

    def _attempt(self, record: dict[str, Any], addresses: list[tuple[str, str]]) -> scrapy.Request:
        (variant, url), *others = addresses
        return scrapy.Request(
            url, callback=self._on_picture, errback=self._on_no_picture, priority=PICTURE,
            headers={"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity",
                     **self._validators(record["source_id"], variant, url)},
            meta=self._place(url),
            cb_kwargs={"record": record, "variant": variant, "others": others},
        )  # fmt: skip

    def _place(self, url: str) -> dict[str, Any]:
        """The slot of a picture: of all pictures of the site, or of its host when they lie anywhere."""
        kind = self.slot("pictures")
        if not self.pictures_anywhere:
            return {"download_slot": kind, "picture": True}
        return {"download_slot": host_slot(kind, url), "by_host": kind, "picture": True}

    def _validators(self, source_id: str, variant: str, url: str) -> dict[str, str]:
        """For the address that a stored picture came from, headers that ask for it only if it changed."""
        before = self.known.rows.get(source_id)
        if before is None or before.reason is not None or before.variant != variant:
            return {}
        came_from = {self.canonical(place) for place in (before.final_url, before.url) if place}
        here = self.canonical(redacted_url(url))
        return recheck.validators(self.known, source_id) if here in came_from else {}

    def canonical(self, url: str) -> str:
        """One spelling for the addresses of one picture; spiders whose pictures lie on several hosts override."""
        return url

    def _on_picture(self, response: Any, record: dict[str, Any], variant: str, others: Any) -> Iterator[Any]:
        found = _signals(record, response, response.body)
        record |= _facts(response) | {"variant": variant}
        if self.placeholder and self.placeholder in response.url:
            yield from self.done(Seen(record | {"reason": str(Reason.PLACEHOLDER)}))
        else:
            record |= optout.columns(found, self.ignored)
            yield from self.done(Seen(record, None if record["reason"] else response.body))

    def _on_no_picture(self, failure: Any) -> Iterator[Any]:
        if isinstance(failure.value, Stopped):
            return
        arguments = failure.request.cb_kwargs
        record, others = arguments["record"], arguments["others"]
        found = outcome(failure.value)
        if others and found.status in (400, 404, 410):
            yield self._attempt(record, others)
            return
        if response := getattr(failure.value, "response", None):
            seen = optout.columns(_signals(record, response, b""), self.ignored)
            record |= _facts(response) | {key: value for key, value in seen.items() if key == "optout_signals"}
            if found.status == 304:
                yield from self.done(Seen(record | seen | {"variant": arguments["variant"]}))
                return
        if isinstance(failure.value, OptedOut):
            record |= optout.columns(failure.value.found, self.ignored)
        record |= {
            "fetched_at": datetime.now(UTC), "http_status": found.status, "variant": arguments["variant"],
            "robots": "disallow" if found.reason is Reason.ROBOTS else failure.request.meta.get("robots"),
            "reason": str(found.reason), "detail": found.detail or None,
        }  # fmt: skip
        yield from self.done(Seen(record))

    def done(self, seen: Seen) -> Iterator[Any]:
        """Hand a picture over, and ask for more of the list if there is room."""
        self._pending -= 1
        yield seen
        yield from self._flow()

    def without_picture(self, record: dict[str, Any], reason: Reason, detail: str = "") -> Iterator[Any]:
        """Hand over a row for which nothing was fetched."""
        record |= {"reason": str(reason), "detail": detail or None}
        yield Seen(record)


def _signals(record: Mapping[str, Any], response: Any, body: bytes) -> dict[str, str]:
    """What owners say: on the page (if the spider saw it), of the host, in the headers, in the file."""
    page = json.loads(record["optout_signals"] or "{}")
    host = response.meta.get("optout", {}) if response.request is not None else {}
    return {**page, **host, **optout.signals(headers_of(response)), **optout.in_file(body)}


def _facts(response: Any) -> dict[str, Any]:
    """The columns of `crawled` that a response fills."""

    def header(name: str) -> str | None:
        value = response.headers.get(name)
        return value.decode("latin-1")[:500] if value else None

    return {
        "fetched_at": datetime.now(UTC), "http_status": response.status, "etag": header("ETag"),
        "last_modified": header("Last-Modified"), "content_type": header("Content-Type"),
        "final_url": redacted_url(response.url), "robots": response.meta.get("robots"),
        "redirects": [redacted_url(url) for url in response.meta.get("redirect_urls", [])],
    }  # fmt: skip
