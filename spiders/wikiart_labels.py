"""What is known of works that were looked at and left: so that the next night does not ask for them again."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from pipeline.storage import Root

FOLDER = "answers/wikiart-labels"
BATCH = 500


class Labels:
    """Styles and genres by the id of a work, kept under `answers/wikiart-labels` of a root, a file for each 500."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.known: dict[str, dict[str, list[str]]] = {}
        self.fresh: dict[str, dict[str, list[str]]] = {}
        paths = [f"{FOLDER}/{name}" for name in root.names(FOLDER, ".json")]
        for data in root.read_many(paths):
            self.known |= json.loads(data)

    def of(self, work: str, group: str) -> list[str] | None:
        """The names of a group (style, genre) that a work has; None when it was never looked at."""
        found = self.known.get(work)
        return found.get(group, []) if found is not None else None

    def add(self, work: str, style: list[str], genre: list[str]) -> None:
        """Remember a work; written down with 499 others, or by `save`."""
        self.known[work] = self.fresh[work] = {"style": style, "genre": genre}
        if len(self.fresh) >= BATCH:
            self.save()

    def save(self) -> None:
        """Write down what is not yet."""
        if self.fresh:
            data = json.dumps(self.fresh, ensure_ascii=False, separators=(",", ":")).encode()
            stamp = datetime.now(UTC)
            while not self.root.claim(f"{FOLDER}/{stamp:%Y%m%dT%H%M%S.%f}.json", data):
                stamp = datetime.now(UTC)
            self.fresh = {}
