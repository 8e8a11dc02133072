"""Hashtags as people type them. Imports little: the registry checks tags with it."""

from __future__ import annotations

import re

from pipeline.errors import UsageError

SLOTS, SLOT_DAYS = 30, 7
"""So many different tags an account of Instagram may ask in so many days; asking one again is free."""

_TAG = re.compile(r"\w+")


def tags_of(text: str | None) -> list[str]:
    """The tags that a comma list names, without #, in lower case. Raises UsageError for what is no tag."""
    tags = list(dict.fromkeys(part.strip().lstrip("#").lower() for part in (text or "").split(",") if part.strip("# ")))
    for tag in tags:
        if not _TAG.fullmatch(tag) or tag.isdecimal():
            raise UsageError(f"{tag!r} is no hashtag that the API takes: letters, digits and _, no spaces or emoji.")
    if not tags:
        raise UsageError("Name a hashtag, such as --tag skull, or several parted by commas.")
    if len(tags) > SLOTS:
        raise UsageError(f"An account may ask {SLOTS} different tags in {SLOT_DAYS} days: name fewer than {len(tags)}.")
    return tags
