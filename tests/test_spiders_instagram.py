"""Instagram's hashtag search against its replica: real HTTP, real Scrapy, limits, errors and expiring addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tables
from pipeline.errors import PipelineError, SourceRefused, UsageError
from pipeline.schema import CRAWLED
from pipeline.storage import Root
from spiders import run
from spiders.answers import Answers
from spiders.gallery.catalogue import Catalogue
from spiders.gallery.gallery import Gallery
from spiders.gallery.sites.graph import TOKEN, USER
from spiders.ledger import Ledger
from spiders.pages import instagram as pages
from spiders.pages.fields import Drift
from spiders.pages.hashtags import tags_of
from tests.spiders_site import png

FAST = {"PAUSE_SECONDS": 0.05, "PAUSE_MAX": 1.0}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(130):
        (folder / f"{number}.png").write_bytes(png(number))
    with Gallery(Catalogue.from_folder(folder, 130)) as made:
        yield made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    monkeypatch.setenv("INSTAGRAM_TOKEN", TOKEN)
    monkeypatch.setenv("INSTAGRAM_USER_ID", USER)
    monkeypatch.delenv("INSTAGRAM_APP_TOKEN", raising=False)
    return Root(str(tmp_path / "root"))


def crawl(gallery: Gallery, root: Root, tag: str = "skull", **more: Any) -> Any:
    return run.crawl("instagram", root, args={"tag": tag}, base_url=gallery.url, settings=FAST, **more)


def rows(root: Root) -> list[dict[str, Any]]:
    names = tables.names(root, tables.CRAWLED)
    return [row for name in names for row in tables.read(root, tables.CRAWLED, name).to_pylist()]


def ledger(root: Root) -> Ledger:
    (name,) = root.folders("ledgers")
    return Ledger(root, name)


def test_a_tag_is_taken_whole_with_albums_and_a_cursor_that_never_changes(gallery: Gallery, root: Root) -> None:
    before = gallery.counts()
    done = crawl(gallery, root)
    found = rows(root)
    assert (done.new, dict(done.failed)) == (130, {}) and len({row["source_id"] for row in found}) == 130
    assert [note for note in done.notes if "films were passed over" in note]
    asked = gallery.counts()["metadata"] - before.get("metadata", 0)
    assert asked == 2 + 2 + 1, "slots, the tag, two recent pages, one top page"
    one = found[0]
    assert one["page_url"].startswith("https://www.instagram.com/p/") and one["licence"] == "LicenseRef-InC"
    assert one["licence_url"] and one["query"] == "#skull" and one["year"] == 2026 and "practice" in one["tags"]
    assert json.loads(one["raw"])["id"] and one["robots"]
    assert {json.loads(row["extra"]).get("number") for row in found} == {None, 1, 2, 3}
    again = crawl(gallery, root)
    assert (again.new, again.unchanged) == (0, 130)
    assert [entry.what for entry in ledger(root).spent(datetime.now(UTC) - timedelta(days=7))] == ["#skull"]


def test_the_id_of_a_tag_is_asked_once(gallery: Gallery, root: Root) -> None:
    crawl(gallery, root, "Skull, #bones", limit=5)
    (folder,) = root.folders("answers")
    assert folder == "instagram" and Answers(root, "instagram").get({"q": "bones"}) is not None
    before = sum("ig_hashtag_search" in target for _, target, _ in gallery.log())
    crawl(gallery, root, "skull,bones", limit=5)
    assert sum("ig_hashtag_search" in target for _, target, _ in gallery.log()) == before


def test_an_address_that_expired_is_had_again_by_its_page(gallery: Gallery, root: Root) -> None:
    done = crawl(gallery, root, "expiring", limit=4)
    assert done.new + sum(done.failed.values()) == 4
    assert done.new == 4


def test_thirty_tags_in_seven_days_and_no_more(gallery: Gallery, root: Root) -> None:
    crawl(gallery, root, "skull", limit=1)
    book = ledger(root)
    for number in range(29):
        book.spend(1, f"#tag{number}")
    done = crawl(gallery, root, "skull,another", limit=1)
    said = " ".join(done.notes)
    assert "all 30 tags of 7 days are used, so #another was not asked. The next slot is free on" in said
    assert not [row for row in rows(root) if row["query"] == "#another"]


@pytest.mark.parametrize(
    ("token", "kind", "said"),
    [
        ("practice-expired", UsageError, "as it has expired: get a user token"),
        ("practice-password", UsageError, "its password was changed"),
        ("nonsense", UsageError, "it is not valid any more"),
        ("practice-no-permission", UsageError, "Instagram Public Content Access"),
        ("practice-wrong-user", UsageError, "check INSTAGRAM_USER_ID"),
        ("practice-limited", SourceRefused, "the app's allowance of calls is used up"),
        ("practice-spent", SourceRefused, "96 % of Instagram's allowance is used: run again in 19 minutes"),
    ],
)
def test_every_error_is_explained_in_one_sentence(
    token: str, kind: type[PipelineError], said: str, gallery: Gallery, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_TOKEN", token)
    with pytest.raises(kind) as caught:
        crawl(gallery, root)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_the_limit_of_tags_that_instagram_counts_skips_the_tag(
    gallery: Gallery, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_TOKEN", "practice-full")
    assert "code 18" in " ".join(crawl(gallery, root).notes)
    monkeypatch.setenv("INSTAGRAM_TOKEN", TOKEN)
    done = crawl(gallery, root, "unknowntag,skull", limit=3)
    assert done.new == 3 and "does not know #unknowntag" in " ".join(done.notes)


@pytest.mark.parametrize("token", ["practice-stumbling", "practice-busy"])
def test_passing_faults_and_a_busy_account_cost_time_and_no_picture(
    token: str, gallery: Gallery, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_TOKEN", token)
    assert crawl(gallery, root).new == 130


def test_the_token_is_checked_and_its_end_announced(
    gallery: Gallery, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_APP_TOKEN", "1|app")
    monkeypatch.setenv("INSTAGRAM_TOKEN", "practice-ending")
    notes = " ".join(crawl(gallery, root, limit=1).notes)
    assert "INSTAGRAM_TOKEN expires on" in notes and "fb_exchange_token" in notes
    monkeypatch.setenv("INSTAGRAM_TOKEN", "practice-expired")
    with pytest.raises(UsageError, match="INSTAGRAM_TOKEN is not valid any more"):
        crawl(gallery, root, limit=1)


def test_without_a_token_a_sentence_says_how_to_get_one_and_what_works_without(
    gallery: Gallery, root: Root, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("INSTAGRAM_TOKEN")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=r"INSTAGRAM_TOKEN is not set: .*instagram-export.*user token.*then set"):
        crawl(gallery, root)


def test_the_token_is_written_nowhere(gallery: Gallery, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_APP_TOKEN", "c4n4ry-app-token")
    said: list[str] = []
    done = run.crawl("instagram", root, args={"tag": "skull"}, base_url=gallery.url, limit=20, echo=said.append)
    assert root.local is not None
    kept = b"".join(path.read_bytes() for path in root.local.rglob("*") if path.is_file())
    written = [row for row in rows(root) if TOKEN in f"{row}" or USER in f"{row}"]
    assert not written and TOKEN not in f"{said}{done}"
    for secret in (TOKEN, USER, "c4n4ry-app-token"):
        assert secret.encode() not in kept


def test_a_dry_run_asks_nothing_and_counts_the_slots(gallery: Gallery, root: Root) -> None:
    before = gallery.counts().get("requests", 0)
    ahead = run.estimate({"crawl": "instagram", "tag": "skull,bones", "base_url": gallery.url}, root)
    assert gallery.counts().get("requests", 0) == before
    assert ahead.pictures is None and ahead.cost == "2 of 30 tags that are left" and not root.folders("ledgers")


def test_tags_are_letters_digits_and_underscores() -> None:
    assert tags_of("#Skull, memento_mori ,skull,tête") == ["skull", "memento_mori", "tête"]
    for wrong in ("💀", "two words", "123", "", "#", ",".join(f"t{n}" for n in range(31))):
        with pytest.raises(UsageError):
            tags_of(wrong)


def test_usage_is_the_fullest_count_of_both_headers() -> None:
    business = {"178": [{"type": "instagram", "call_count": 95, "total_cputime": 20, "total_time": 20,
                         "estimated_time_to_regain_access": 19}]}  # fmt: skip
    found = pages.usage({"x-app-usage": '{"call_count":28,"total_time":25}',
                         "x-business-use-case-usage": json.dumps(business)})  # fmt: skip
    assert (found.percent, found.regain) == (95.0, 1140.0)
    assert pages.usage({"x-app-usage": "nonsense"}) == pages.Usage()


@given(st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(
        ["data", "id", "media_type", "media_url", "children", "paging", "cursors", "after", "next", "caption", "error",
         "code", "timestamp", "permalink", "CAROUSEL_ALBUM"]), inner)),
))  # fmt: skip
def test_any_answer_is_read_or_drifts(value: Any) -> None:
    body = json.dumps(value).encode()
    for read in (pages.page, pages.tag_id, pages.token, pages.recent_tags):
        try:
            read(body)
        except Drift:
            continue
    try:
        pages.trouble(body, 200, "t")
        found = pages.page(body)
    except Drift:
        return
    for one in found.media:
        assert list(pages.to_record(one, "t", 0)) == CRAWLED.names
