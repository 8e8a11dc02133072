"""What people decided about pictures, kept for ever: one small file each, written once and never changed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from pipeline.errors import UsageError
from pipeline.storage import Root

NOT_DUPLICATE = "decisions/not-duplicate"
_ID = re.compile(r"[0-9a-f]{64}")


def declare_different(root: Root, one: str, other: str) -> bool:
    """Record that two pictures, by id, are no duplicates of each other; False when that is known already.

    Raises UsageError when these are not two ids.
    """
    if not (_ID.fullmatch(one) and _ID.fullmatch(other)) or one == other:
        raise UsageError("Name two different pictures by their ids, 64 hex digits each.")
    first, second = sorted((one, other))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    said = {"decision": "not a duplicate", "pair": [first, second], "at": now}
    return root.claim(f"{NOT_DUPLICATE}/{first}-{second}.json", json.dumps(said).encode())


def never_duplicates(root: Root) -> frozenset[frozenset[str]]:
    """The pairs of ids that people declared to be no duplicates."""
    names = (name.removesuffix(".json").split("-") for name in root.names(NOT_DUPLICATE, ".json"))
    return frozenset(frozenset(pair) for pair in names if len(pair) == 2)
