"""The parsers of Instagram's Graph API: folders of saved bodies, each with the JSON it must become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spiders.pages import instagram as pages
from spiders.pages.fields import Drift

CASES = Path(__file__).parent / "pages" / "instagram"
FOLDERS = sorted(CASES.glob("*/*"))


def result(folder: Path) -> Any:
    """What a body becomes: `page/CASE`, `tag_id/CASE`, `token/CASE`, `recent_tags/CASE`, `trouble/STATUS_CASE`."""
    body = next(folder.glob("body.*")).read_bytes()
    kind = folder.parent.name
    try:
        if kind == "trouble":
            found = pages.trouble(body, int(folder.name.partition("_")[0]), "skull")
            return None if found is None else {key: str(getattr(found, key)) for key in found.__dataclass_fields__}
        if kind == "page":
            page = pages.page(body)
            rows = [pages.to_record(one, "skull", rank) for rank, one in enumerate(page.media)]
            kept = [{key: value for key, value in row.items() if value not in (None, [])} for row in rows]
            urls = [one.url for one in page.media]
            return {"posts": page.posts, "films": page.films, "after": page.after, "urls": urls, "records": kept}
        read = getattr(pages, kind)(body)
        if kind == "token":
            ends = read.ends.isoformat() if read.ends else None
            return {"valid": read.valid, "ends": ends, "scopes": sorted(read.scopes)}
        return sorted(read) if isinstance(read, set) else read
    except Drift as drift:
        return {"drift": str(drift)}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: "/".join(folder.parts[-2:]))
def test_a_saved_body_becomes_its_expected_json(folder: Path) -> None:
    assert result(folder) == json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def test_every_parser_has_saved_bodies() -> None:
    assert {folder.parent.name for folder in FOLDERS} == {"page", "recent_tags", "tag_id", "token", "trouble"}
