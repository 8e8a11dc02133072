"""What a response or an exception says: refusals, waits, opt-outs, and reasons."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import exceptions
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError

from pipeline.errors import Reason
from spiders.guard import AddressRefused
from spiders.refusals import RobotsRefused, outcome, refusal, retry_after

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LIMIT = b'{"Exception":{"Message":"Free API limit exceeded"}}'
LIMIT_WITH_KEY = b'{"Exception":{"Message":"API limit of 400 operations per hour exceeded","Stacktrace":null}}'


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2", 2.0), (" 120 ", 120.0), ("0", 0.0), ("Sat, 21 Nov 2026 03:00:30 GMT", 30.0),
     ("Sat, 21 Nov 2026 02:00:00 GMT", 0.0), ("soon", None), ("", None), ("-5", None), (None, None),
     ("99999999999999", None)],
)  # fmt: skip
def test_retry_after_in_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.integers(0, 10**6))
def test_a_date_means_the_same_as_seconds(seconds: int) -> None:
    when = email.utils.format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after(when, NOW) == retry_after(str(seconds), NOW) == seconds


@given(st.text())
def test_any_retry_after_is_read_without_a_fault(value: str) -> None:
    found = retry_after(value, NOW)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("status", "headers", "body", "passing", "wait"),
    [
        (429, {"retry-after": "2"}, b"", True, 2.0), (429, {}, b"", True, None), (500, {}, LIMIT, True, None),
        (500, {}, LIMIT_WITH_KEY, True, None), (503, {"retry-after": "7"}, b"", True, 7.0),
        (403, {}, b"", False, None), (401, {}, b"", False, None),
        (403, {"server": "cloudflare"}, b"<html>", False, None),
        (503, {"server": "cloudflare"}, b"<html>", False, None),
        (200, {"cf-mitigated": "challenge"}, b"<html>", False, None),
    ],
)  # fmt: skip
def test_refusals(status: int, headers: dict[str, str], body: bytes, passing: bool, wait: float | None) -> None:
    found = refusal(status, headers, body, NOW)
    assert found is not None and (found.passing, found.wait) == (passing, wait)
    assert found.why.startswith("it")


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (404, b""), (500, b"<h1>oops</h1>"), (503, b""), (302, b""), (451, b"")]
)
def test_what_is_no_refusal(status: int, body: bytes) -> None:
    assert refusal(status, {"server": "nginx"}, body, NOW) is None


def answered(status: int, **headers: str) -> HttpError:
    return HttpError(Response("http://h.example/a", status=status, headers=headers))


@pytest.mark.parametrize(
    ("error", "reason", "status"),
    [
        (answered(404), Reason.HTTP_4XX, 404), (answered(429), Reason.HTTP_429, 429),
        (answered(503), Reason.HTTP_5XX, 503),
        (answered(302, Location="file:///etc/passwd"), Reason.ADDRESS_REFUSED, 302),
        (answered(302, Location="/elsewhere"), Reason.HTTP_4XX, 302),
        (AddressRefused("x"), Reason.ADDRESS_REFUSED, None), (RobotsRefused("x"), Reason.ROBOTS, None),
        (exceptions.DownloadTimeoutError("x"), Reason.TIMEOUT, None),
        (exceptions.DownloadCancelledError("x"), Reason.TOO_LARGE, None),
        (exceptions.IgnoreRequest("… exceeded DOWNLOAD_MAXSIZE (9 B)"), Reason.TOO_LARGE, None),
        (exceptions.IgnoreRequest("max redirections reached"), Reason.HTTP_4XX, None),
        (exceptions.ResponseDataLossError("x"), Reason.CONNECTION_FAILED, None),
        (exceptions.CannotResolveHostError("x"), Reason.CONNECTION_FAILED, None),
        (exceptions.UnsupportedURLSchemeError("x"), Reason.ADDRESS_REFUSED, None),
        (ValueError("x"), Reason.CONNECTION_FAILED, None),
    ],
)  # fmt: skip
def test_every_failure_has_a_reason(error: Exception, reason: Reason, status: int | None) -> None:
    found = outcome(error)
    assert (found.reason, found.status) == (reason, status)
