"""Answers that cost money or quota, kept so that nothing is bought twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.storage import Root
from spiders.records import SECRETS, redacted
from spiders.secrets import redact


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was bought: what was asked, when (UTC), and the JSON of its body without secrets."""

    asked: Mapping[str, Any]
    at: datetime
    body: Any


class Answers:
    """The kept answers of one provider, `answers/PROVIDER/<digest of what was asked>.json` of a root.

    What was asked is the parameters of the call; keys and tokens among them are left out, so that a new key finds
    what an old one bought. A file is whole or not there.
    """

    def __init__(self, root: Root, provider: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.root, self.provider, self._now = root, provider, now

    def get(self, asked: Mapping[str, Any], within: timedelta | None = None) -> Kept | None:
        """The answer to `asked`, unless there is none, or it is older than `within`."""
        path = self._path(asked)
        if not self.root.exists(path):
            return None
        value = json.loads(self.root.read(path))
        kept = Kept(value["asked"], datetime.fromisoformat(value["at"]), value["body"])
        return kept if within is None or self._now() - kept.at <= within else None

    def keep(self, asked: Mapping[str, Any], body: Any) -> Kept:
        """Keep an answer, durable when this returns; it takes the place of an earlier one."""
        kept = Kept(_public(asked), self._now().astimezone(UTC), _blank(json.loads(redacted(body))))
        value = {"asked": kept.asked, "at": kept.at.isoformat(), "body": kept.body}
        self.root.commit(self._path(asked), json.dumps(value, ensure_ascii=False).encode())
        return kept

    def _path(self, asked: Mapping[str, Any]) -> str:
        text = json.dumps(_public(asked), sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return f"answers/{self.provider}/{digest[:32]}.json"


def _public(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Without keys and tokens, and without what was left empty."""
    return {str(name): value for name, value in asked.items() if str(name).lower() not in SECRETS and value is not None}


def _blank(value: Any) -> Any:
    """JSON whose texts hold no secret that this process knows."""
    if isinstance(value, dict):
        return {name: _blank(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_blank(inner) for inner in value]
    return redact(value) if isinstance(value, str) else value
