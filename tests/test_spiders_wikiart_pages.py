"""WikiArt's parsers: folders of saved bodies, each with the JSON it must become."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema import CRAWLED
from spiders.pages import wikiart, wikiart_api, wikiart_facets, wikiart_records
from spiders.pages.fields import Drift

CASES = Path(__file__).parent / "pages" / "wikiart"


def to_record(body: bytes) -> Any:
    said = json.loads(body)
    listed = wikiart.listing(json.dumps({"Paintings": [said["item"]], "AllPaintingsCount": 1}).encode())
    return wikiart_records.to_record(
        listed.items[0],
        wikiart.detail(json.dumps(said["detail"]).encode()) if said["detail"] else None,
        wikiart.artist(json.dumps(said["artist"]).encode()) if said["artist"] else None,
        wikiart.Asked(**said["asked"]),
        said["rank"],
    )


PARSERS = {
    "listing": wikiart.listing, "artists": wikiart.artists, "artist": wikiart.artist,
    "dictionary": wikiart_facets.entries, "members": wikiart_facets.members, "content_ids": wikiart.content_ids,
    "detail": wikiart.detail, "to_record": to_record, "api_page": wikiart_api.page,
    "api_session": wikiart_api.session, "api_painting": wikiart_api.painting,
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


KEYS = st.sampled_from([
    "id", "title", "year", "width", "height", "artistName", "image", "paintingUrl", "artistUrl", "url", "contentId",
    "style", "genre", "tags", "completitionYear", "yearAsString", "deathDay", "deathDayAsString", "Paintings",
    "AllPaintingsCount", "Dictionaries", "slug",
])  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9) | st.sampled_from(
    ["http://[zz/a.png", "/Date(99999999999999999999)/", "/Date(-99999999999999999999)/", "!Large.jpg", "a,b", "\ud800"]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=8), max_leaves=20
)


@given(st.dictionaries(KEYS, VALUES, max_size=10) | st.lists(st.dictionaries(KEYS, VALUES), max_size=3) | VALUES)
def test_any_json_is_parsed_or_drifts(value: Any) -> None:
    body = json.dumps(value).encode()
    for name, parser in PARSERS.items():
        if name == "to_record":
            continue
        with suppress(Drift):
            parser(body)


@given(st.dictionaries(KEYS, LEAVES), st.dictionaries(KEYS, LEAVES), st.dictionaries(KEYS, LEAVES))
def test_any_work_becomes_a_row_that_can_be_stored(item: Any, detail: Any, artist: Any) -> None:
    work = {
        "item": {**item, "id": "x"}, "detail": {**detail, "contentId": 1}, "artist": {**artist, "url": "a"}, "rank": 0,
        "asked": {"base": "b", "group": "style", "slug": "s", "title": "S", "this_year": 2026},
    }  # fmt: skip
    row = to_record(json.dumps(work).encode())
    row["id"] = "0"
    assert pa.Table.from_pylist([row], CRAWLED).num_rows == 1
    assert row["licence"]


def test_real_objects_of_the_site_are_understood() -> None:
    folder = Path(__file__).parents[2] / "shared" / "data" / "api_fixtures" / "wikiart"
    if not folder.is_dir():
        pytest.skip("the shared data sets are not here")
    artist = wikiart.artist((folder / "artist_thomas-cole.json").read_bytes())
    assert (artist.slug, artist.death, artist.living) == ("thomas-cole", 1848, False)
    numbers = wikiart.content_ids((folder / "painting_list_v1.json").read_bytes())
    assert numbers["/images/leonardo-da-vinci/mona-lisa.jpg"] == 225189
    detail = wikiart.detail((folder / "painting_detail_v1.json").read_bytes())
    assert (detail.style, detail.genre, detail.year) == (["Expressionism"], ["genre painting"], 1900)
    assert detail.tags == ["animals", "horses", "horsemen", "hunting-and-racing", "bulls", "Fiction"]
    assert detail.page == "/en/pablo-picasso/picador-1900"
