"""Known pictures asked for again: which ones are due, and what the answer says. Imports no crawler."""

from __future__ import annotations

import heapq
from collections.abc import Container, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.errors import Reason
from spiders.known import GONE, WITHDRAWN, Known

SHARE = 30
"""The rota takes one known picture in so many at a time, those first that were not looked at for longest."""
REST = timedelta(hours=20)
"""A picture that was looked at so recently waits for its next turn: a crawl started again checks none twice."""
MISSES = 3
"""So many times in a row a picture is not there before it counts as gone."""
LOST_AT_ONCE = 0.5
"""More than this share of the known works missing from a list is taken for a fault of the list."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def due(known: Known, mode: str, now: datetime, share: int = SHARE) -> set[str]:
    """The `source_id`s of stored pictures to ask for again: none, all, or those whose turn it is in the rota.

    Pictures that are gone or withdrawn have no turn; `back` has those that are listed again.
    """
    if mode == "none":
        return set()
    stored = [source_id for source_id in known.rows if known.stored(source_id)]
    if mode == "all":
        return set(stored)
    waiting = [
        (looked_at(known, source_id), source_id)
        for source_id in stored if known.outcome(source_id) not in (GONE, WITHDRAWN)
    ]  # fmt: skip
    turn = heapq.nsmallest(-(-len(waiting) // share), waiting)
    return {source_id for when, source_id in turn if now - when >= REST}


def back(known: Known, source_id: str, now: datetime) -> bool:
    """Whether a picture that counts as gone, and is listed now, should be asked for."""
    return known.outcome(source_id) == GONE and now - looked_at(known, source_id) >= REST


def looked_at(known: Known, source_id: str) -> datetime:
    """When a picture was fetched or checked last."""
    check, row = known.checks.get(source_id), known.rows[source_id]
    when = check.checked_at if check else row.fetched_at
    return when or _LONG_AGO


def validators(known: Known, source_id: str) -> dict[str, str]:
    """Headers that make a server answer 304 when the picture is unchanged; empty when it gave none (RFC 9110 13.1)."""
    check, row = known.checks.get(source_id), known.rows[source_id]
    etag = (check.etag if check else None) or row.etag
    modified = (check.last_modified if check else None) or row.last_modified
    if etag:
        return {"If-None-Match": etag}
    return {"If-Modified-Since": modified} if modified else {}


def verdict(record: Mapping[str, Any], sha256: str | None, before: str | None, misses: int) -> tuple[str | None, int]:
    """What the answer for a stored picture says, and how often in a row it was missed now.

    `sha256` is that of the bytes that came, None for none; `before` that of the stored ones. The outcome is None when
    the answer says nothing of the picture: a broken connection, a refusal, a page in place of a picture.
    """
    reason, status = record["reason"], record["http_status"]
    if reason == Reason.OPTED_OUT or status == 451:
        return WITHDRAWN, 0
    if status == 304 or (sha256 is not None and sha256 == before):
        return "unchanged", 0
    if status in (404, 410) or reason in (Reason.PLACEHOLDER, Reason.MISSING):
        return (GONE if misses + 1 >= MISSES else "missed"), misses + 1
    if sha256 is not None:
        return "changed", 0
    return None, misses


def no_longer_listed(known: Known, listed: Container[str]) -> list[str] | None:
    """Stored pictures that a complete list does not have any more and that were not known to be gone.

    None when so many are missing that the list is not to be believed.
    """
    stored = [i for i in known.rows if known.stored(i) and known.outcome(i) not in (GONE, WITHDRAWN)]
    lost = [source_id for source_id in stored if source_id not in listed]
    return None if len(lost) > max(3, LOST_AT_ONCE * len(stored)) else lost
