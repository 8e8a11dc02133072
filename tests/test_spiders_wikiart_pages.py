"""WikiArt's parsers: folders of saved bodies, each with the JSON it must become."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from spiders.pages import wikiart
from spiders.pages.fields import Drift

CASES = Path(__file__).parent / "pages" / "wikiart"


def to_record(body: bytes) -> Any:
    given = json.loads(body)
    listed = wikiart.listing(json.dumps({"Paintings": [given["item"]], "AllPaintingsCount": 1}).encode())
    return wikiart.to_record(
        listed.items[0],
        wikiart.detail(json.dumps(given["detail"]).encode()) if given["detail"] else None,
        wikiart.artist(json.dumps(given["artist"]).encode()) if given["artist"] else None,
        wikiart.Asked(**given["asked"]),
        given["rank"],
    )


PARSERS = {
    "listing": wikiart.listing, "artists": wikiart.artists, "artist": wikiart.artist,
    "dictionary": wikiart.dictionary, "content_ids": wikiart.content_ids, "detail": wikiart.detail,
    "to_record": to_record,
}  # fmt: skip


def plain(value: Any) -> Any:
    """A parser's result as JSON, without the copies of the input that it carries."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if not (key == "raw" and isinstance(item, dict))}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def parsed(folder: Path) -> Any:
    (body,) = folder.glob("body.*")
    try:
        return plain(PARSERS[folder.parent.name](body.read_bytes()))
    except Drift as drift:
        return {"drift": str(drift)}


@pytest.mark.parametrize("folder", sorted(CASES.glob("*/*")), ids=lambda p: f"{p.parent.name}-{p.name}")
def test_saved_bodies_become_the_expected_json(folder: Path) -> None:
    assert parsed(folder) == json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def test_every_parser_has_cases() -> None:
    assert {p.name for p in CASES.iterdir()} == set(PARSERS)


def test_a_listing_goes_on_until_an_empty_page_or_the_cap_of_sixty() -> None:
    full = wikiart.listing((CASES / "listing/page/body.json").read_bytes())
    empty = wikiart.listing((CASES / "listing/end_null/body.json").read_bytes())
    assert wikiart.next_page(1, full) == 2
    assert wikiart.next_page(60, full) is None
    assert wikiart.next_page(1, empty) is None


def test_pictures_are_joined_by_path_whatever_host_suffix_and_spelling() -> None:
    keys = {
        wikiart.image_key(address)
        for address in (
            "https://uploads3.wikiart.org/images/matthias-grünling/das-tal.png",
            "https://uploads9.wikiart.org/images/matthias-gr%C3%BCnling/das-tal.png!Large.jpg",
            "http://127.0.0.10:8899/images/matthias-gru\u0308nling/das-tal.png!HD.jpg",
        )
    }
    assert keys == {"/images/matthias-grünling/das-tal.png"}


def test_variants_go_from_the_original_down() -> None:
    assert wikiart.variants("https://h/images/a.jpg!Large.jpg") == [
        ("original", "https://h/images/a.jpg"),
        ("HD", "https://h/images/a.jpg!HD.jpg"),
        ("Large", "https://h/images/a.jpg!Large.jpg"),
    ]


def test_a_detail_of_another_work_is_not_believed() -> None:
    item = wikiart.listing((CASES / "listing/page/body.json").read_bytes()).items
    detail = wikiart.detail((CASES / "detail/full/body.json").read_bytes())
    assert wikiart.belongs(detail, item[0])
    assert not wikiart.belongs(detail, item[1])


@pytest.mark.parametrize(
    ("word", "slug"),
    [
        ("cubism", "cubism"), ("Cubism", "cubism"), (" CUBISM ", "cubism"), ("pop art", "pop-art"),
        ("Pop_Art", "pop-art"), ("Naïve Art (Primitivism)", "na-ve-art-primitivism"),
        ("na-ve-art-primitivism", "na-ve-art-primitivism"), ("kubism", None), ("", None),
    ],
)  # fmt: skip
def test_a_style_is_known_by_slug_or_title(word: str, slug: str | None) -> None:
    names = {"cubism": "Cubism", "pop-art": "Pop Art", "na-ve-art-primitivism": "Naïve Art (Primitivism)"}
    assert wikiart.resolved(word, names) == slug
