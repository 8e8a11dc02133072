"""Requests for data, as opposed to pictures: tried again when they are odd, explained when they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.downloadermiddlewares.retry import get_retry_request

from pipeline.errors import Reason
from spiders.pages.fields import Drift
from spiders.records import redacted_url
from spiders.refusals import Stopped, outcome, refusal

BYTES = 32 * 2**20
PICTURE, DETAIL, LIST = 30, 20, 10
"""Priorities: what is begun is finished before more is listed."""

Callback = Callable[..., Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an answer could not be had; `missing` when the site has no such page, as opposed to failing."""

    url: str
    what: str
    missing: bool = False

    def __str__(self) -> str:
        """`www.wikiart.org does not answer (connection refused)`."""
        return f"{urlsplit(self.url).netloc} {self.what}"


class Data:
    """What a spider asks data with. Of the spider it needs `slot` and `refused`."""

    def slot(self, kind: str) -> str:
        """The download slot of a kind of request."""
        raise NotImplementedError

    def refused(self, trouble: Trouble) -> None:
        """The crawl cannot go on without what was asked for."""
        raise NotImplementedError

    def data(
        self, url: str, callback: Callback, failed: Callback | None = None, follow: bool = True, **carried: Any
    ) -> scrapy.Request:
        """A request for JSON; `callback(body, **carried)`, or `failed(trouble, **carried)` when it cannot be had.

        An answer in another shape than the documented one (`Drift`) is asked again twice. Without `failed` the
        crawl ends when what is under way is done.
        """
        return scrapy.Request(
            url, callback=self._on_data, errback=self._on_no_data, priority=LIST,
            headers={"X-Requested-With": "XMLHttpRequest", "Referer": url.partition("?")[0]},
            meta={"download_slot": self.slot("data"), "dont_redirect": not follow, "download_maxsize": BYTES},
            cb_kwargs={"then": callback, "failed": failed, "carried": carried},
        )  # fmt: skip

    def _on_data(
        self, response: Any, then: Callback, failed: Callback | None, carried: dict[str, Any]
    ) -> Iterator[Any]:
        try:
            yield from then(response.body, **carried)
        except Drift as drift:
            again = get_retry_request(response.request, spider=self, reason="drift")
            if again is not None:
                yield again
            else:
                trouble = Trouble(response.url, f"answered {redacted_url(response.url)} oddly: {drift}")
                yield from self._no_data(trouble, failed, carried)

    def _on_no_data(self, failure: Any) -> Iterator[Any]:
        if isinstance(failure.value, Stopped):
            return
        url, arguments = failure.request.url, failure.request.cb_kwargs
        found = outcome(failure.value)
        if found.status:
            what = f"answered HTTP {found.status} for {redacted_url(url)}{_why(failure.value)}"
        elif found.reason in (Reason.CONNECTION_FAILED, Reason.TIMEOUT):
            what = f"does not answer ({found.detail})"
        elif found.reason is Reason.TOO_LARGE:
            what = f"answered with more than {BYTES // 2**20} MiB"
        else:
            what = f"was not asked: {found.detail}"
        trouble = Trouble(url, what, found.status in (404, 410))
        yield from self._no_data(trouble, arguments["failed"], arguments["carried"])

    def _no_data(self, trouble: Trouble, failed: Callback | None, carried: dict[str, Any]) -> Iterator[Any]:
        if failed is not None:
            yield from failed(trouble, **carried)
        else:
            self.refused(trouble)


def headers_of(response: Any) -> dict[str, list[str]]:
    """All values of each header, by its name in lower case."""
    return {
        name.decode("latin-1").lower(): [value.decode("latin-1") for value in values]
        for name, values in dict.items(response.headers)
    }


def _why(error: Any) -> str:
    """What a failed answer says of the refusal, where it blocks us for good: a bot protection, say."""
    response = getattr(error, "response", None)
    if response is None:
        return ""
    headers = {name: values[0] for name, values in headers_of(response).items() if values}
    found = refusal(response.status, headers, response.body, datetime.now(UTC))
    return f", as {found.why}" if found is not None and not found.passing else ""
