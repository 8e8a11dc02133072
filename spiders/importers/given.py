"""What every importer is given, and what several of them do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.storage import Root
from spiders import folder
from spiders.folder import Found, Reader, Tree
from spiders.intake import Tally
from spiders.pages.fields import text

_TAG = re.compile(r"#(\w+)")
_TITLE = 200


@dataclass(frozen=True, slots=True)
class Given:
    """The path to import from (it exists), as it was `shown`; where to, under which prefix; all arguments."""

    path: Path
    shown: str
    root: Root
    prefix: str
    arguments: Mapping[str, Any]
    tally: Tally

    def tree(self, indexes: Mapping[str, Reader] | None = None) -> Tree:
        """The files under the path at any depth, or the one file that it is; hidden ones are left out."""
        if self.path.is_dir():
            return folder.walk(self.path, self.root.local, indexes or {})
        return Tree([folder.one(self.path)])

    def with_extension(self, extensions: Iterable[str]) -> list[Found]:
        """The files whose names end so, in lower case; the others are counted as skipped."""
        tree = self.tree()
        endings = tuple(extensions)
        chosen = [found for found in tree.files if found.name.lower().endswith(endings)]
        self.tally.skipped += tree.skipped + len(tree.files) - len(chosen)
        return chosen


def title_of(caption: Any) -> str | None:
    """The first line of a caption, at most 200 characters."""
    lines = (text(caption) or "").splitlines()
    return text(lines[0][:_TITLE]) if lines else None


def hashtags(caption: Any) -> list[str]:
    """The hashtags in a caption, without #, in lower case and in order."""
    return list(dict.fromkeys(tag.lower() for tag in _TAG.findall(text(caption) or "")))


def labelled(row: dict[str, Any], label: str | None) -> dict[str, Any]:
    """The row with the name of its class as genre, unless it has one; underscores are read as spaces."""
    if label and not row.get("genre"):
        return {**row, "genre": [label.replace("_", " ")]}
    return row
