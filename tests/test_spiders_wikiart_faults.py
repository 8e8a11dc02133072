"""What WikiArt does to a crawler, row by row of the fault matrix: nothing is lost or overwritten."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image

from pipeline import tables
from pipeline.errors import Rejected, SourceRefused, UsageError
from pipeline.storage import Root
from pipeline.vision.decode import open_upright
from spiders.run import crawl
from tests.spiders_site import Site, ok, png, rows

CHALLENGE = b"<!DOCTYPE html><title>Just a moment...</title><h1>Checking your browser</h1>"
LISTING = "/en/paintings-by-style/cubism"


def cubism(site: Site, root: Root) -> Any:
    return crawl("wikiart", root, args={"style": "cubism", "details": "no"}, base_url=site.url)


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (200, {}, "oddly: the answer is a web page"),
        (403, {"cf-mitigated": "challenge"}, "bot protection"),
        (503, {"cf-mitigated": "challenge"}, "bot protection"),
    ],
)
def test_a_challenge_in_place_of_a_list_ends_the_crawl_without_a_storm(
    root: Root, status: int, headers: dict[str, str], said: str
) -> None:
    with Site(3, {LISTING: lambda site, times: (status, {"Content-Type": "text/html", **headers}, CHALLENGE)}) as site:
        with pytest.raises(SourceRefused, match=said):
            cubism(site, root)
        assert len(site.asked(LISTING)) <= 3


def test_an_unknown_slug_has_null_in_place_of_works(root: Root) -> None:
    with Site(3) as site, pytest.raises(UsageError, match="shows no works for style=pop-art"):
        crawl("wikiart", root, args={"style": "pop-art"}, base_url=site.url)


def test_a_list_cut_off_in_the_middle_is_asked_again(root: Root) -> None:
    def listing(site: Site, times: int) -> Any:
        status, headers, body = site.answer(f"{LISTING}?page=1")
        return status, {**headers, "Content-Length": str(len(body[:50]))}, body[:50]

    once = {LISTING: lambda site, times: listing(site, times) if times == 1 else site.answer(f"{LISTING}?page=1")}
    with Site(3, once) as site:  # type: ignore[arg-type]
        assert cubism(site, root).new == 3


def test_the_used_up_limit_is_waited_for_and_not_a_server_fault(root: Root) -> None:
    limit = json.dumps({"Exception": {"Message": "API limit of 400 operations per hour exceeded"}, "Status": 500})

    def artists(site: Site, times: int) -> Any:
        return (500, {}, limit.encode()) if times < 3 else site.answer("/en/App/Artist/AlphabetJson")

    with Site(3, {"/en/App/Artist/AlphabetJson": artists}) as site:
        summary = cubism(site, root)
        asked = site.asked("AlphabetJson")
    assert summary.new == 3 and len(asked) == 3
    assert asked[1] - asked[0] >= 0.2, "the pause of a practice gallery"
    assert asked[2] - asked[1] >= 1.8 * 0.25, "doubled the second time"


def test_the_same_picture_under_two_hosts_is_one_original_and_two_rows(root: Root) -> None:
    with Site(2) as site:
        other = site.url.replace("127.0.0.1", "localhost")
        site.images = {0: f"{site.url}/images/a/7.png", 1: f"{other}/images/a/7.png"}
        summary = cubism(site, root)
    found = rows(root)
    assert summary.new == 2 and found[0]["id"] == found[1]["id"] and found[0]["url"] != found[1]["url"]
    assert root.local is not None and len(list(root.local.glob("originals/*/*"))) == 1


def test_the_same_file_name_of_two_artists_is_two_originals(root: Root) -> None:
    paths = [f"/images/{artist}/self-portrait.png" for artist in "xy"]
    scripts = {path: lambda site, times, n=n: ok(png(n)) for n, path in enumerate(paths)}
    with Site(2, scripts) as site:  # type: ignore[arg-type]
        site.images = {n: f"{site.url}{path}" for n, path in enumerate(paths)}
        cubism(site, root)
    kept = [root.read(tables.original_path(row["id"], row["format"])) for row in rows(root)]
    assert kept == [png(0), png(1)]


def test_a_jpeg_cut_on_the_server_with_matching_length_is_kept_and_quarantined_later(root: Root) -> None:
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 90).convert("RGB").save(whole, "JPEG", quality=95)
    cut = whole.getvalue()[: len(whole.getvalue()) // 2]
    with Site(1, {"/images/a/0.png": lambda site, times: ok(cut, "image/jpeg")}) as site:
        cubism(site, root)
    (row,) = rows(root)
    assert (row["reason"], row["format"]) == (None, "jpeg")
    with pytest.raises(Rejected) as rejected:
        open_upright(root.read(tables.original_path(row["id"], "jpeg")))
    assert str(rejected.value.reason) == "truncated"
