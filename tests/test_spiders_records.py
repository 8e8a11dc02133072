"""Rows and their ids, secrets blanked, the registry, and what earlier runs know."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.schema import CRAWLED
from spiders.records import SECRETS, missing_id, original_id, record, redacted, redacted_url
from spiders.registry import IMPORTS, SOURCES, check, source_prefix
from spiders.summary import CrawlSummary

CANARY = "c4n4rySecret"


def test_a_record_has_every_column_and_a_licence() -> None:
    row = record(source="wikiart", url="u")
    assert list(row) == CRAWLED.names
    assert row["licence"] == "NOASSERTION"
    with pytest.raises(ValueError, match="licens"):
        record(license="cc0")


def test_ids_are_64_hex_digits() -> None:
    assert original_id(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert re.fullmatch(r"[0-9a-f]{64}", missing_id("wikiart", "http://x/\udcff"))
    assert missing_id("a", "bc") != missing_id("ab", "c")


@given(
    st.sampled_from(sorted(SECRETS)), st.text(alphabet="abcXYZ019-_/.", max_size=12),
    st.sampled_from([str.upper, str.lower, str.title]),
)  # fmt: skip
def test_no_secret_is_left_in_an_address(name: str, path: str, spelling: Any) -> None:
    key = spelling(name)
    for url in (
        f"https://h.example/{path}?{key}={CANARY}&q=1", f"https://h.example/{path}?q=1&{key}={CANARY}",
        f"https://h.example/{path}#{key}={CANARY}", f"https://user:{CANARY}@h.example/{path}",
    ):  # fmt: skip
        assert CANARY not in redacted_url(url)
        assert CANARY not in redacted({"a": [{"next": f"see {url} and more"}], key: CANARY})


@given(st.text())
def test_an_address_without_secrets_is_left_as_it_is(text: str) -> None:
    url = f"https://h.example/?q={text}"
    if not any(name in url.lower() for name in SECRETS) and "@" not in url and "[" not in url and "]" not in url:
        assert redacted_url(url) == url
    assert isinstance(json.loads(redacted({"text": text.encode("utf-8", "replace").decode()})), dict)


def test_numbers_under_a_secret_name_are_kept() -> None:
    assert json.loads(redacted({"key": 7, "token": "x"})) == {"key": 7, "token": "REDACTED"}


# the registry


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"crawl": "wikiart", "style": "cubism", "genre": "portrait"}, "one of style and genre"),
        ({"crawl": "wikiart", "stlye": "cubism"}, "Did you mean style"),
        ({"crawl": "wikart"}, "Did you mean wikiart"),
        ({"crawl": "zzz"}, "Known: wikiart"),
        ({"crawl": "instagram"}, "needs 'tag'"),
        ({"crawl": "instagram", "tag": "💀"}, "no hashtag that the API takes"),
        ({"crawl": "web", "query": "skull", "provider": "gogle"}, "Did you mean google"),
        ({"crawl": "museum"}, "needs 'museum'"),
        ({"crawl": "wikiart", "license": "cc-bye"}, "Did you mean cc-by"),
        ({"import": "folder"}, "needs 'path'"),
        ({"import": "floder", "path": "x"}, "Did you mean folder"),
        ({"import": "urls", "path": "x", "url-col": "y"}, "Did you mean url_col"),
        ({"import": "video", "path": "x", "every": 2, "scenes": "yes"}, "one of every and scenes"),
        ({"crawl": "wikiart", "limit": 0}, "limit of 0"),
        ({"crawl": "wikiart", "limit": "ten"}, "limit of 'ten'"),
        ({"crawl": "wikiart", "base_url": "127.0.0.1:80"}, "begins with http"),
        ({"sort": "x"}, "A source is"),
    ],
)
def test_wrong_sources_are_explained_in_one_sentence(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        check(spec)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_built_sources_pass() -> None:
    assert check({"crawl": "wikiart", "style": "cubism", "limit": "5", "base_url": "http://127.0.0.1:8"}).built
    assert check({"import": "folder", "path": "x"}).built
    assert check({"crawl": "instagram", "tag": "skull, #bones"}).built
    assert check({"import": "urls", "path": "x"}).fetched
    assert all(source.built for source in (*SOURCES.values(), *IMPORTS.values()))


def test_a_filter_of_licences_and_tags_have_one_spelling() -> None:
    def of(**given: Any) -> str:
        return source_prefix({"crawl": "instagram", **given})

    assert of(tag="Skull,#bones") == of(tag="bones, skull") != of(tag="skull")
    assert of(tag="a", license="CC0, by") == of(tag="a", license="cc-by,cc0") != of(tag="a")
    assert of(tag="a", license="any") == of(tag="a")


def test_a_prefix_says_what_is_crawled_not_how_much_or_where_from() -> None:
    prefix = source_prefix({"crawl": "wikiart", "style": "cubism"})
    assert re.fullmatch(r"wikiart-style-cubism-[0-9a-f]{8}", prefix)
    same = [
        {"crawl": "wikiart", "style": "Cubism", "limit": 100}, {"style": "cubism ", "crawl": "wikiart"},
        {"crawl": "wikiart", "style": "cubism", "base_url": "http://127.0.0.1:9", "genre": None},
        {"crawl": "wikiart", "style": "cubism", "details": "yes"},
    ]  # fmt: skip
    assert {source_prefix(spec) for spec in same} == {prefix}
    others = [{"crawl": "wikiart"}, {"crawl": "wikiart", "genre": "cubism"},
              {"crawl": "wikiart", "style": "cubism", "details": False}]  # fmt: skip
    assert prefix not in {source_prefix(spec) for spec in others}
    assert source_prefix({"crawl": "wikiart"}).startswith("wikiart-all-")


def test_a_folder_is_its_resolved_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "My pictures ☠").mkdir()
    monkeypatch.chdir(tmp_path)
    prefix = source_prefix({"import": "folder", "path": "My pictures ☠"})
    assert prefix == source_prefix({"import": "folder", "path": str(tmp_path / "x" / ".." / "My pictures ☠")})
    assert re.fullmatch(r"folder-my-pictures-[0-9a-f]{8}", prefix)


@given(st.text())
def test_a_prefix_is_always_a_safe_file_name(word: str) -> None:
    prefix = source_prefix({"crawl": "wikiart", "artist": word})
    assert re.fullmatch(r"[a-z0-9-]{1,80}", prefix)


def test_a_summary_survives_json_and_reads_well() -> None:
    made = CrawlSummary(
        "wikiart style=cubism", "p", 12, 4310, failed={"empty": 1, "http_4xx": 2}, partitions=("a",), seconds=9.0,
        requests=14,
    )  # fmt: skip
    assert CrawlSummary.from_json(json.loads(json.dumps(made.to_json()))) == made
    assert str(made) == (
        "wikiart style=cubism: new 12, failed 3 (empty 1, http_4xx 2), unchanged 4,310; 14 requests in 9 s"
    )
    assert str(CrawlSummary("folder x", "p", unchanged=3)).startswith("folder x: nothing new, unchanged 3")
