"""Tell from a response, or from an exception, that a site refuses us, and what became of a picture."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scrapy import exceptions
from scrapy.spidermiddlewares.httperror import HttpError

from pipeline.errors import Reason
from spiders.guard import AddressRefused

_LIMIT = re.compile(rb"API limit|limit (?:of [\d,.]+ operations )?(?:per hour )?exceeded", re.IGNORECASE)
_HEAD = 4096


class RobotsRefused(exceptions.IgnoreRequest):  # type: ignore[misc]
    """robots.txt forbids the address, or could not be read for sure, which may pass."""

    def __init__(self, said: str, reason: Reason = Reason.ROBOTS) -> None:
        super().__init__(said)
        self.reason = reason


class OptedOut(exceptions.IgnoreRequest):  # type: ignore[misc]
    """The host reserves its pictures from machine learning, so the picture was not asked for."""

    def __init__(self, found: Mapping[str, str], names: Sequence[str]) -> None:
        super().__init__(", ".join(f"{name}: {found[name]}" for name in names))
        self.found = found


class Stopped(exceptions.IgnoreRequest):  # type: ignore[misc]
    """The crawl is ending: the request was never sent, and says nothing about its picture."""


class HostGivenUp(exceptions.IgnoreRequest):  # type: ignore[misc]
    """The host of a picture refused too often, for a reason that may pass: the request was never sent."""

    def __init__(self, reason: Reason, said: str) -> None:
        super().__init__(said)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """`passing`: the site asks to wait, `wait` seconds if it says how long; else it blocks us. `why` for people."""

    passing: bool
    wait: float | None
    why: str


def refusal(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Refusal | None:
    """How a response refuses us, or None when it does not. Header names in lower case.

    429; 503 with Retry-After; 500 whose text says that an API limit is used up (WikiArt's way); 401 and 403;
    a challenge page of a bot protection, whatever its status.
    """
    wait = retry_after(headers.get("retry-after"), now)
    if is_challenge(status, headers, body):
        return Refusal(False, None, f"it is behind a bot protection (HTTP {status}), which is not worked around")
    if status == 429:
        return Refusal(True, wait, "it says that we ask too often (HTTP 429)")
    if status == 500 and _LIMIT.search(body[:_HEAD]):
        return Refusal(True, wait, "its limit of requests is used up (HTTP 500, API limit exceeded)")
    if status == 503 and wait is not None:
        return Refusal(True, wait, "it asks to come back later (HTTP 503)")
    if status in (401, 403):
        return Refusal(False, None, f"it refuses us (HTTP {status})")
    return None


def is_challenge(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer is the page of a bot protection, which another night may be without."""
    cloudflare = headers.get("server", "").lower() == "cloudflare" and status in (403, 503)
    return headers.get("cf-mitigated") == "challenge" or (cloudflare and b"<" in body[:_HEAD])


def _plain(headers: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): headers[name].decode("latin-1") for name in headers}


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110 10.2.3: seconds or a date); None without a valid one."""
    if value is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", value):
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why a picture could not be had."""

    reason: Reason
    status: int | None
    detail: str


_BY_EXCEPTION: tuple[tuple[type[BaseException], Reason], ...] = (
    (AddressRefused, Reason.ADDRESS_REFUSED),
    (OptedOut, Reason.OPTED_OUT),
    (exceptions.UnsupportedURLSchemeError, Reason.ADDRESS_REFUSED),
    (exceptions.NotSupported, Reason.ADDRESS_REFUSED),
    (exceptions.DownloadTimeoutError, Reason.TIMEOUT),
    (exceptions.DownloadCancelledError, Reason.TOO_LARGE),
)
_IN_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.DownloadConnectionRefusedError, "the connection is refused"),
    (exceptions.CannotResolveHostError, "its name is not known"),
    (exceptions.DownloadTimeoutError, "nothing came in time"),
    (exceptions.ResponseDataLossError, "the answer broke off"),
)


def outcome(error: BaseException) -> Outcome:
    """What an exception of the download says about the picture; a broken connection when nothing better fits."""
    if isinstance(error, HttpError):
        return _of_status(error.response)
    if isinstance(error, HostGivenUp | RobotsRefused):
        return Outcome(error.reason, None, str(error)[:300])
    detail = next((text for kind, text in _IN_WORDS if isinstance(error, kind)), _detail(error))
    for kind, reason in _BY_EXCEPTION:
        if isinstance(error, kind):
            return Outcome(reason, None, detail)
    if isinstance(error, exceptions.IgnoreRequest):
        large = "DOWNLOAD_MAXSIZE" in str(error)
        return Outcome(Reason.TOO_LARGE if large else Reason.HTTP_4XX, None, detail)
    return Outcome(Reason.CONNECTION_FAILED, None, detail)


def _detail(error: BaseException) -> str:
    if "certificate verify failed" in str(error) or "VerificationError" in str(error):
        return "its certificate is not valid"
    text = f"{error}" if isinstance(error, exceptions.IgnoreRequest) else f"{type(error).__name__}: {error}"
    return text[:300]


def _of_status(response: Any) -> Outcome:
    status = int(response.status)
    location = response.headers.get("Location", b"").decode("latin-1")
    if 300 <= status < 400 and re.match(r"(?!https?:)[a-z][a-z0-9+.-]*:", location, re.IGNORECASE):
        return Outcome(Reason.ADDRESS_REFUSED, status, f"redirected to {location[:200]}")
    if status == 429:
        return Outcome(Reason.HTTP_429, status, "")
    if is_challenge(status, _plain(response.headers), response.body):
        return Outcome(Reason.CONNECTION_FAILED, status, f"its host has a bot protection (HTTP {status})")
    return Outcome(Reason.HTTP_5XX if status >= 500 else Reason.HTTP_4XX, status, "")
