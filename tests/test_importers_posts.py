"""Imports of what instaloader and gallery-dl downloaded."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.schema import CRAWLED
from pipeline.storage import Root
from spiders.importers import galleries, instagram
from spiders.intake import row_of
from spiders.run import take
from tests.importing import imported, original, put
from tests.spiders_site import png


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "root")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "given"
    path.mkdir()
    return path


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)

# instaloader


def node(**more: Any) -> dict[str, Any]:
    return {
        "id": "3001", "shortcode": "AbC", "__typename": "GraphImage", "is_video": False,
        "display_url": "https://x.example/1.jpg?oh=1&access_token=s3cr", "taken_at_timestamp": 1700000000,
        "dimensions": {"height": 1350, "width": 1080}, "owner": {"id": "99", "username": "jane"},
        "edge_media_to_caption": {"edges": [{"node": {"text": "A #Skull today\nand #bones #skull"}}]},
        **more,
    }  # fmt: skip


def sidecar(path: Path, value: dict[str, Any], kind: str = "Post") -> None:
    text = json.dumps({"node": value, "instaloader": {"version": "4.15.1", "node_type": kind}})
    if path.suffix == ".xz":
        put(path, lzma.compress(text.encode(), check=lzma.CHECK_NONE))
    else:
        put(path, text)


def children(*are_videos: bool) -> dict[str, Any]:
    edges = [
        {"node": {"is_video": is_video, "dimensions": {"width": 100 + at}}} for at, is_video in enumerate(are_videos)
    ]
    return {"edges": edges}


@pytest.mark.parametrize("ending", [".json.xz", ".json"])
def test_a_post_with_one_picture(folder: Path, root: Root, ending: str) -> None:
    put(folder / "#skull" / "2023-11-14_22-13-20_UTC.jpg", png(1))
    put(folder / "#skull" / "2023-11-14_22-13-20_UTC.txt", "something else")
    sidecar(folder / "#skull" / f"2023-11-14_22-13-20_UTC{ending}", node())
    found, summary = imported(root, "instaloader", folder)
    row = found["#skull/2023-11-14_22-13-20_UTC.jpg"]
    assert (row["title"], row["tags"], row["query"]) == ("A #Skull today", ["skull", "bones"], "#skull")
    assert (row["creator"], row["creator_id"], row["licence"]) == ("jane", "99", "LicenseRef-InC")
    assert row["page_url"] == "https://www.instagram.com/p/AbC/" and row["source"] == "instaloader"
    assert (row["year"], row["year_text"], row["declared_height"]) == (2023, "2023-11-14T22:13:20+00:00", 1350)
    assert "s3cr" not in row["raw"] and json.loads(row["raw"])["id"] == "3001"
    assert original(root, row) == png(1) and (summary.skipped, summary.notes) == (0, ())


def test_other_spellings_of_a_post(folder: Path, root: Root) -> None:
    put(folder / "a_UTC.jpg", png(1))
    sidecar(folder / "a_UTC.json", {"code": "XyZ", "date": 1700000000.0, "caption": "plain #one", "iphone_struct": {}})
    row = imported(root, "instaloader", folder)[0]["a_UTC.jpg"]
    assert (row["page_url"], row["title"], row["tags"]) == ("https://www.instagram.com/p/XyZ/", "plain #one", ["one"])
    assert row["year"] == 2023


def test_albums_films_and_what_is_gone(folder: Path, root: Root) -> None:
    sidecar(folder / "a_UTC.json.xz", node(edge_sidecar_to_children=children(False, True, False, False)))
    put(folder / "a_UTC_1.jpg", png(1))
    put(folder / "a_UTC_2.mp4", "film")
    put(folder / "a_UTC_2.jpg", png(2))
    put(folder / "a_UTC_4.webp", png(4))
    sidecar(folder / "film_UTC.json.xz", node(is_video=True))
    put(folder / "film_UTC.mp4", "film")
    sidecar(folder / "gone_UTC.json.xz", node(shortcode="Gone"))
    sidecar(folder / "jane_99.json.xz", {"username": "jane"}, "Profile")
    put(folder / "2020-01-01_UTC_profile_pic.jpg", png(5))
    put(folder / "captioned_UTC.txt", "Only a #caption\n")
    put(folder / "captioned_UTC.jpg", png(6))
    put(folder / "broken_UTC.json.xz", b"\xfd7zXZ no")
    put(folder / "broken_UTC.jpg", png(7))
    for name in ("iterator_xyz.json.xz", "a_UTC_comments.json", "a_UTC_location.txt"):
        put(folder / name, "{}")
    found, summary = imported(root, "instaloader", folder)
    assert {name for name, row in found.items() if row["reason"] == "missing"} == {"a_UTC_3.jpg", "gone_UTC.jpg"}
    assert found["gone_UTC.jpg"]["page_url"] == "https://www.instagram.com/p/Gone/"
    assert found["a_UTC_4.webp"]["declared_width"] == 103 and found["a_UTC_2.jpg"]["variant"] == "preview"
    assert found["captioned_UTC.jpg"]["tags"] == ["caption"]
    assert {"2020-01-01_UTC_profile_pic.jpg", "broken_UTC.jpg", "a_UTC_1.jpg"} <= set(found) and summary.new == 6
    assert summary.skipped == 7  # two films and the JSON of one, a profile, and the three others
    assert set(summary.notes) == {"1 JSON files cannot be read", "3 pictures have no JSON that can be read"}


def test_a_folder_that_is_not_of_instaloader_is_said(folder: Path, root: Root) -> None:
    put(folder / "a.jpg", png(1))
    with pytest.raises(UsageError, match="nothing of instaloader"):
        take({"import": "instaloader", "path": str(folder)}, root)
    with pytest.raises(UsageError, match="no JSON of gallery-dl"):
        take({"import": "gallery-dl", "path": str(folder)}, root)


@given(st.dictionaries(st.sampled_from([*node(), "caption", "code", "date", "edge_sidecar_to_children"]), ANYTHING))
def test_any_post_becomes_columns(value: dict[str, Any]) -> None:
    made = row_of("instaloader", "x", b"/x", instagram.said(value, 1, "#a/x_1.jpg"))
    assert pa.Table.from_pylist([made | {"id": "x"}], CRAWLED).num_rows == 1 and made["licence"] == "LicenseRef-InC"


# gallery-dl

WIKIART = {
    "id": "577260adedc2cb3880b50d4b", "title": "A Valley", "year": "1836", "width": 2000, "height": 1403,
    "artistName": "Jane Doe", "image": "https://uploads3.wikiart.org/images/jane-doe/a-valley-1836.jpg",
    "paintingUrl": "/en/jane-doe/a-valley-1836", "artistUrl": "/en/jane-doe", "category": "wikiart",
    "subcategory": "artworks", "group": "style", "type": "pop-art", "extension": "jpg", "filename": "a-valley-1836",
}  # fmt: skip
POST = {
    "post_id": "1", "post_shortcode": "AbC", "post_url": "https://www.instagram.com/p/AbC/", "tags": ["#skull", "#b"],
    "description": "First line\nsecond", "username": "jane", "fullname": "Jane D", "owner_id": "99", "media_id": "22",
    "sidecar_media_id": "11", "date": "2023-11-14 22:13:20", "width": 10, "height": 20, "category": "instagram",
    "tag": "skull", "extension": "jpg", "filename": "abc_n", "display_url": "https://x.example/?sig=s3cr",
}  # fmt: skip


def test_wikiart_and_instagram_with_a_json_each(folder: Path, root: Root) -> None:
    wikiart = "wikiart/Artworks by Style/pop-art/577260adedc2cb3880b50d4b_A Valley.jpg"
    put(folder / wikiart, png(1))
    put(folder / f"{wikiart}.json", json.dumps(WIKIART))
    put(folder / "instagram" / "tag" / "skull" / "11_22.jpg", png(2))
    put(folder / "instagram" / "tag" / "skull" / "11_22.jpg.json", json.dumps(POST))
    put(folder / "instagram" / "tag" / "skull" / "11_23.jpg.json", json.dumps(POST | {"media_id": "23"}))
    put(folder / "instagram" / "tag" / "skull" / "11_24.mp4", "film")
    put(folder / "instagram" / "tag" / "skull" / "11_24.mp4.json", json.dumps(POST))
    put(folder / "bare.jpg", png(3))
    put(folder / "other.jpg", png(4))
    put(folder / "other.json", "{broken")
    found, summary = imported(root, "gallery-dl", folder)
    one, two = found[wikiart], found["instagram/tag/skull/11_22.jpg"]
    assert (one["title"], one["creator"], one["creator_id"]) == ("A Valley", "Jane Doe", "/en/jane-doe")
    assert (one["style"], one["year"], one["query"]) == (["pop art"], 1836, "style=pop-art")
    assert one["page_url"] == "https://www.wikiart.org/en/jane-doe/a-valley-1836"
    assert (one["licence"], one["declared_width"]) == ("NOASSERTION", 2000)
    assert json.loads(one["raw"])["id"] == WIKIART["id"] and original(root, one) == png(1)
    assert (two["title"], two["creator"], two["tags"]) == ("First line", "Jane D", ["skull", "b"])
    assert (two["page_url"], two["year"], two["query"]) == (POST["post_url"], 2023, "#skull")
    assert two["licence"] == "LicenseRef-InC" and "s3cr" not in two["raw"]
    assert found["instagram/tag/skull/11_23.jpg"]["reason"] == "missing"
    assert summary.new == 4 and summary.skipped == 2
    assert set(summary.notes) == {"1 JSON texts cannot be read", "2 pictures have no JSON that can be read"}


def test_one_file_of_lines(folder: Path, root: Root) -> None:
    put(folder / "a" / "11_22.jpg", png(1))
    put(folder / "a" / "abc.png", png(2))
    put(folder / "a" / "5772_A_B? C.png", png(3))
    other = {"filename": "abc", "extension": "png", "artist": {"name": "Jo"}, "tags": "one two", "license": "CC0-1.0"}
    third = {"id": "5772", "title": "A/B? C", "extension": "jpg", "filename": "w"}
    lines = [POST, other, third,
             {"filename": "gone", "extension": "jpg"}, {"filename": "film", "extension": "mp4"}]  # fmt: skip
    put(folder / "a" / "data.jsonl", "\n".join(map(json.dumps, lines)) + "\n{broken\n")
    found, summary = imported(root, "gallery-dl", folder)
    assert found["a/11_22.jpg"]["title"] == "First line"
    two = found["a/abc.png"]
    assert (two["creator"], two["tags"], two["licence"]) == ("Jo", ["one", "two"], "CC0-1.0")
    assert found["a/gone.jpg"]["reason"] == "missing"
    assert found["a/5772_A_B? C.png"]["title"] == "A/B? C"
    assert summary.new == 3 and summary.notes == ("1 JSON texts cannot be read",)


@given(st.dictionaries(st.sampled_from([*WIKIART, *POST, "artist", "author", "user", "license", "style"]), ANYTHING))
def test_any_json_becomes_columns(value: dict[str, Any]) -> None:
    made = row_of("gallery-dl", "x", b"/x", galleries.said(value))
    assert pa.Table.from_pylist([made | {"id": "x"}], CRAWLED).num_rows == 1 and made["licence"]
