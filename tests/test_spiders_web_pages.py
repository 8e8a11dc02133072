"""The parsers of the search providers: folders of saved answers, each with the JSON it must become; refusals; real
answers where they lie beside the checkout."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from spiders.pages.fields import Drift
from spiders.pages.web import PROVIDERS, chosen
from spiders.pages.web.addresses import address_id, address_key
from spiders.pages.web.base import Params, Provider, Query, Refused
from spiders.pages.web.flickr import Flickr
from spiders.pages.web.google import Google
from spiders.pages.web.openverse import token_of
from spiders.records import redacted

CASES = Path(__file__).parent / "pages" / "web"
SKULL = Query("skull")
STARTS = {"offers_start_101": {"start": "91"}}


def asked(provider: Provider, case: str = "") -> Params:
    return {**provider.first(SKULL, provider.size), **STARTS.get(case, {})}


def read(folder: Path) -> Any:
    """A page as JSON: of what the next request is, only what differs from this one."""
    (body,) = folder.glob("body.*")
    provider = PROVIDERS[folder.parent.name]()
    given = asked(provider, folder.name)
    try:
        page = provider.read(body.read_bytes(), given)
    except Drift as drift:
        return {"drift": str(drift)}
    following = page.following and {key: value for key, value in page.following.items() if given.get(key) != value}
    hits = [{key: value for key, value in asdict(hit).items() if key != "raw"} for hit in page.hits]
    return json.loads(json.dumps({**asdict(page), "hits": hits, "following": following}))


@pytest.mark.parametrize("folder", sorted(CASES.glob("*/*")), ids=lambda p: f"{p.parent.name}-{p.name}")
def test_saved_answers_become_the_expected_json(folder: Path) -> None:
    assert read(folder) == json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def test_every_provider_has_cases() -> None:
    assert {path.name for path in CASES.iterdir()} == set(PROVIDERS)


@pytest.mark.parametrize("name", PROVIDERS)
@given(body=st.one_of(st.binary(max_size=60), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["results", "query", "pages", "photos", "photo", "items", "image", "images_results", "error",
                         "imageinfo", "extmetadata", "continue", "queries", "nextPage", "properties", "url", "link",
                         "img_src", "original", "tags", "total", "stat", "code", "batchcomplete"]), inner, max_size=4),
    max_leaves=12).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_whatever_comes_is_a_page_or_drift(name: str, body: bytes) -> None:
    provider = PROVIDERS[name]()
    try:
        provider.refusal(200, {}, body, asked(provider))
        page = provider.read(body, asked(provider))
    except Drift:
        return
    for hit in page.hits:
        assert hit.addresses and hit.licence
        assert all(url.lower().startswith(("http://", "https://")) for _, url in hit.addresses)


# refusals

GOOGLE_429 = (
    b'{"error":{"code":429,"message":"Quota exceeded for quota metric Queries per day","status":"RESOURCE_EXHAUSTED"}}'
)
REFUSALS = [
    ("openverse", 200, {}, b'{"results": []}', None),
    ("openverse", 401, {}, b'{"detail":"page_size must be between 1 & 20"}', "page_size"),
    ("openverse", 401, {}, b'{"detail":"Invalid token."}', "key"),
    ("openverse", 429, {}, b'{"detail":"Request was throttled. Expected available in 3 seconds."}', "rate"),
    ("openverse", 400, {}, b'{"error":"InputError","detail":"Invalid input given.","fields":["q"]}', "query"),
    ("openverse", 502, {}, b"<html>", "down"),
    ("commons", 200, {}, b'{"error":{"code":"maxlag","info":"Waiting for a database server"}}', "rate"),
    ("commons", 200, {"mediawiki-api-error": "badvalue"}, b"{}", "query"),
    ("commons", 200, {}, b'{"batchcomplete":true}', None),
    ("commons", 403, {}, b"Please set a user-agent", "setup"),
    ("flickr", 200, {}, b'{"stat":"fail","code":100,"message":"Invalid API Key"}', "key"),
    ("flickr", 200, {}, b'{"stat":"fail","code":105,"message":"Service currently unavailable"}', "down"),
    ("flickr", 200, {}, b'{"stat":"fail","code":3,"message":"Parameterless searches"}', "query"),
    ("flickr", 200, {}, b'{"photos":{},"stat":"ok"}', None),
    ("brave", 422, {}, b'{"error":{"code":"SUBSCRIPTION_TOKEN_INVALID","detail":"invalid"}}', "key"),
    ("brave", 422, {}, b'{"error":{"code":"VALIDATION","detail":"Unable to validate"}}', "query"),
    ("brave", 429, {"x-ratelimit-remaining": "0, 1500", "x-ratelimit-reset": "1, 90000"}, b"{}", "rate"),
    ("brave", 429, {"x-ratelimit-remaining": "0, 0", "x-ratelimit-reset": "1, 90000"}, b"{}", "quota"),
    ("google", 429, {}, GOOGLE_429, "quota"),
    ("google", 403, {}, b'{"error":{"code":403,"errors":[{"reason":"dailyLimitExceeded"}]}}', "quota"),
    ("google", 429, {}, GOOGLE_429.replace(b"day", b"minute"), "rate"),
    ("google", 400, {}, b'{"error":{"code":400,"message":"API key not valid. Please pass a valid API key."}}', "key"),
    ("google", 403, {}, b'{"error":{"code":403,"message":"forbidden"}}', "key"),
    ("serpapi", 401, {}, b'{"error":"Invalid API key. Your API key should be here"}', "key"),
    ("serpapi", 200, {}, b'{"error":"Google hasn\'t returned any results for this query."}', None),
    ("serpapi", 429, {}, b'{"error":"Your account has run out of searches."}', "quota"),
    ("serpapi", 429, {}, b'{"error":"You have exceeded your hourly throughput limit"}', "rate"),
    ("serpapi", 200, {}, b'{"error":"Unsupported value"}', "query"),
    ("searxng", 403, {}, b"<html>", "setup"),
    ("searxng", 429, {}, b"", "rate"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "status", "headers", "body", "kind"), REFUSALS)
def test_a_refusal_is_told_by_its_kind(
    name: str, status: int, headers: dict[str, str], body: bytes, kind: str | None
) -> None:
    provider = PROVIDERS[name]()
    found = provider.refusal(status, headers, body, asked(provider))
    assert (found.kind if found else None) == kind
    assert found is None or provider.title in found.why


def test_a_start_beyond_google_s_last_page_is_the_end_of_the_query_not_of_google() -> None:
    found = Google().refusal(
        400, {}, b'{"error":{"code":400,"message":"invalid"}}', {**asked(Google()), "start": "101"}
    )
    assert isinstance(found, Refused) and found.kind == "end"


# queries


def test_filters_are_in_the_words_of_each_provider() -> None:
    query = SKULL.having("colour", "red").having("isz", "l").having("sur", "cl")
    assert PROVIDERS["serpapi"]().first(query, 100)["tbs"] == "ic:specific,isc:red,isz:l,sur:cl"
    assert PROVIDERS["flickr"]().first(SKULL.having("uploaded", "5-9"), 500)["min_upload_date"] == "5"
    assert (
        PROVIDERS["commons"]().first(SKULL.having("filew", "1,9"), 50)["gsrsearch"] == "skull filetype:bitmap filew:1,9"
    )
    assert len(PROVIDERS["brave"]().first(Query("word " * 90), 200)["q"].split()) == 50


def test_licences_become_the_filter_that_each_provider_has() -> None:
    wanted = ("cc0", "public-domain")
    filters = {name: dict(kind().licensed(SKULL, wanted).filters) for name, kind in PROVIDERS.items()}
    assert filters["openverse"] == {"license": "cc0,pdm"}
    assert filters["flickr"] == {"license": "8,9,10"}
    assert filters["google"] == {"rights": "cc_publicdomain"}
    assert filters["serpapi"] == {"sur": "cl"}
    assert filters["commons"] == filters["brave"] == filters["searxng"] == {}


def test_windows_of_time_are_halved_without_a_gap_or_an_overlap() -> None:
    later, earlier = Flickr(now=1_800_000_000).narrower(SKULL, 9000)
    low, middle = dict(earlier.filters)["uploaded"].split("-")
    after, high = dict(later.filters)["uploaded"].split("-")
    assert int(after) == int(middle) + 1 and high == "1800000000" and int(low) < int(middle)
    assert Flickr().narrower(SKULL.having("uploaded", "100-200"), 9000) == ()


def test_secrets_never_stand_among_what_was_asked() -> None:
    keys = dict.fromkeys(("BRAVE_KEY", "GOOGLE_KEY", "GOOGLE_CX", "SERPAPI_KEY", "FLICKR_KEY", "token"), "canary")
    for kind in PROVIDERS.values():
        provider = kind()
        params = asked(provider)
        provider.signed(params, keys)
        assert "canary" not in json.dumps(params)


def test_providers_are_chosen_by_name() -> None:
    assert [one.name for one in chosen(None)] == ["openverse", "commons"]
    assert [one.name for one in chosen("Flickr, brave,flickr")] == ["flickr", "brave"]
    with pytest.raises(UsageError, match=r"Did you mean flickr"):
        chosen("flikr")


def test_a_token_is_read_with_its_time() -> None:
    assert token_of(b'{"access_token": "abc", "expires_in": 36000, "token_type": "Bearer"}') == ("abc", 36000.0)
    with pytest.raises(Drift):
        token_of(b'{"error": "invalid_client"}')


# addresses


def test_addresses_of_the_same_picture_have_one_key() -> None:
    same = [
        "https://www.Host.example/a%20b.jpg?b=2&a=1#top", "http://host.example:80/a%20b.jpg?a=1&b=2&utm_source=x",
        "https://host.example./a b.jpg?a=1&b=2",
    ]  # fmt: skip
    assert len({address_key(url) for url in same}) == 1
    different = [*same[:1], "https://host.example/A b.jpg?a=1&b=2", "https://host.example:8080/a b.jpg?a=1&b=2"]
    assert len({address_key(url) for url in different}) == 3
    assert len(address_id(same[0])) == 24


@given(st.text(max_size=40))
def test_any_text_has_a_key_that_keeps_its_own(text: str) -> None:
    url = f"https://host.example/{text}"
    assert address_key(url) == address_key(url)
    assert isinstance(address_key(text), str)


# real answers


def fixture(shared: Path, *parts: str) -> bytes:
    path = shared.joinpath("data", "api_fixtures", *parts)
    if not path.is_file():
        pytest.skip(f"{'/'.join(parts)} is not among the shared data")
    return path.read_bytes()


def test_a_real_answer_of_google_is_read(shared: Path) -> None:
    google = Google()
    page = google.read(fixture(shared, "google_cse", "image_search_dogs.json"), asked(google))
    assert len(page.hits) == 10 and page.following and page.following["start"] == "11"
    assert all(hit.page_url and hit.width and hit.title and hit.licence == "NOASSERTION" for hit in page.hits)
    assert "x2czbw1hz" not in redacted([hit.raw for hit in page.hits])


def test_real_photos_of_flickr_are_read(shared: Path) -> None:
    photos = json.loads(fixture(shared, "openverse_catalog", "flickr", "flickr_example_photo_list.json"))
    flickr = Flickr()
    body = {"photos": {"page": 1, "pages": 1, "perpage": 500, "total": len(photos), "photo": photos}, "stat": "ok"}
    page = flickr.read(json.dumps(body).encode(), asked(flickr))
    assert page.hits
    assert all(hit.licence != "NOASSERTION" and hit.creator and hit.attribution for hit in page.hits)


def test_a_real_answer_of_wikimedia_commons_is_read(shared: Path) -> None:
    commons = PROVIDERS["commons"]()
    row = json.loads(fixture(shared, "openverse_catalog", "wikimedia", "image_data_example.json"))
    body = json.dumps({"batchcomplete": True, "query": {"pages": [row]}}).encode()
    (hit,) = commons.read(body, asked(commons)).hits
    assert hit.licence.startswith("CC") and hit.creator and "<" not in hit.creator and hit.page_url
