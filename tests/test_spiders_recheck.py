"""The next night: known pictures are asked for again in turn, and what became of them is told and kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tables
from pipeline.storage import Root
from spiders import crawls, recheck
from spiders.known import Check, Known, Row
from spiders.run import crawl
from spiders.summary import CrawlSummary
from tests.spiders_site import Answer, Script, Site, ok, png

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def rows(root: Root, table: str = tables.CRAWLED) -> list[dict[str, Any]]:
    return [row for name in tables.names(root, table) for row in tables.read(root, table, name).to_pylist()]


def night(site: Site, root: Root, mode: str = "all", **more: Any) -> CrawlSummary:
    return crawl("wikiart", root, args={"style": "cubism", "recheck": mode}, base_url=site.url, **more)


def tagged(number: int, tag: str = "v1") -> Script:
    """A picture with an ETag, that is not sent again to who has it."""

    def answer(site: Site, times: int) -> Answer:
        if site.now.get("If-None-Match") == f'"{tag}"':
            return 304, {"ETag": f'"{tag}"'}, b""
        return ok(png(number), ETag=f'"{tag}"')

    return answer


def places(count: int) -> dict[str, Script]:
    return {f"/images/a/{number}.png": tagged(number) for number in range(count)}


# which ones


def known(ages: dict[str, float], checks: dict[str, Check] | None = None) -> Known:
    found = {name: Row(None, sha256="a" * 64, fetched_at=NOW - timedelta(days=age)) for name, age in ages.items()}
    return Known(found, checks=checks or {})


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 400 * 86_400).map(lambda s: s / 86_400), max_size=90))
def test_the_rota_takes_the_share_that_waited_longest(ages: dict[str, float]) -> None:
    chosen = recheck.due(known(ages), "rota", NOW)
    rested = {name for name, age in ages.items() if age * 24 >= 20}
    assert len(chosen) <= -(-len(ages) // recheck.SHARE)
    assert chosen <= rested
    assert len(chosen) == min(len(rested), -(-len(ages) // recheck.SHARE))
    assert all(ages[out] <= min(ages[c] for c in chosen) for out in ages.keys() - chosen if chosen)
    assert recheck.due(known(ages), "all", NOW) == ages.keys()
    assert recheck.due(known(ages), "none", NOW) == set()


def test_within_a_month_of_nights_every_picture_had_its_turn() -> None:
    state, seen = known({f"w{n}": 10.0 for n in range(100)}), set()
    for day in range(recheck.SHARE):
        tonight = recheck.due(state, "rota", NOW + timedelta(days=day))
        seen |= tonight
        state.checks |= {name: Check("unchanged", 0, NOW + timedelta(days=day)) for name in tonight}
    assert seen == state.rows.keys()


def test_what_is_gone_or_withdrawn_has_no_turn_and_comes_back_when_listed() -> None:
    before = NOW - timedelta(days=9)
    state = known({"a": 40, "b": 40}, {"a": Check("gone", 3, before), "b": Check("withdrawn", 0, before)})
    assert recheck.due(state, "rota", NOW) == set()
    assert recheck.back(state, "a", NOW) and not recheck.back(state, "b", NOW)


@pytest.mark.parametrize(
    ("facts", "sha256", "misses", "expected"),
    [
        ({"http_status": 304}, None, 2, ("unchanged", 0)), ({"http_status": 200}, "old", 1, ("unchanged", 0)),
        ({"http_status": 200}, "new", 0, ("changed", 0)), ({"http_status": 404}, None, 0, ("missed", 1)),
        ({"http_status": 410}, None, 2, ("gone", 3)), ({"reason": "placeholder"}, None, 1, ("missed", 2)),
        ({"http_status": 451}, None, 0, ("withdrawn", 0)), ({"reason": "opted_out"}, None, 0, ("withdrawn", 0)),
        ({"reason": "timeout"}, None, 2, (None, 2)), ({"http_status": 403}, None, 1, (None, 1)),
        ({"http_status": 200, "reason": "not_a_picture"}, None, 1, (None, 1)),
    ],
)  # fmt: skip
def test_what_an_answer_says(facts: dict[str, Any], sha256: str | None, misses: int, expected: Any) -> None:
    record = {"reason": None, "http_status": None, **facts}
    assert recheck.verdict(record, sha256, "old", misses) == expected


def test_a_list_that_lost_half_is_not_believed() -> None:
    state = known({f"w{n}": 1 for n in range(20)})
    assert recheck.no_longer_listed(state, {f"w{n}" for n in range(18)}) == ["w18", "w19"]
    assert recheck.no_longer_listed(state, {"w1"}) is None


# real nights


def test_unchanged_pictures_are_not_sent_again(root: Root) -> None:
    with Site(12, places(12)) as site:
        assert night(site, root).new == 12
        second = night(site, root)
        assert (second.new, second.unchanged, second.changed, second.failed) == (0, 12, 0, {})
        assert "nothing new, unchanged 12" in str(second)
        assert len(rows(root)) == 12
        checks = rows(root, tables.CHECKED)
        assert {(row["outcome"], row["http_status"], row["etag"]) for row in checks} == {("unchanged", 304, '"v1"')}
        asked = len(site.asked("/images/"))
        assert night(site, root, "rota").unchanged == 12
        assert len(site.asked("/images/")) == asked, "what was looked at an hour ago waits for its turn"


def test_bytes_that_changed_are_a_new_row_and_both_originals_stay(root: Root) -> None:
    with Site(4, places(4)) as site:
        night(site, root)
        site.scripts["/images/a/2.png"] = tagged(77, "v2")
        second = night(site, root)
    assert (second.new, second.changed, second.unchanged) == (0, 1, 3)
    assert str(second).startswith("wikiart style=cubism: new 0, changed 1, unchanged 3")
    old, new = (row for row in rows(root) if row["source_id"] == f"{2:024x}")
    assert (old["changed_from"], new["changed_from"]) == (None, old["id"])
    for row, number in ((old, 2), (new, 77)):
        assert root.read(tables.original_path(row["id"], row["format"])) == png(number)
    (record,) = crawls.newest(root, 1)
    assert record["summary"]["changed"] == 1


def test_a_picture_that_is_not_there_three_times_is_gone_once(root: Root) -> None:
    with Site(3, places(3)) as site:
        night(site, root)
        site.scripts["/images/a/1.png"] = lambda site, times: (404, {}, b"")
        nights = [night(site, root) for _ in range(4)]
        assert [(found.missed, found.gone) for found in nights] == [(1, 0), (1, 0), (0, 1), (0, 0)]
        assert len(rows(root)) == 3, "a failure does not undo what is stored"
        site.scripts["/images/a/1.png"] = tagged(1)
        assert night(site, root).unchanged == 3
    assert [row["outcome"] for row in rows(root, tables.CHECKED)].count("gone") == 2


def test_what_left_a_complete_list_is_gone(root: Root) -> None:
    with Site(8, places(8)) as site:
        night(site, root)
        site.count = 6
        assert night(site, root, "none").gone == 0
        second = night(site, root, "rota")
        assert (second.gone, second.unchanged) == (2, 6)
        assert "gone 2" in str(second)
        assert night(site, root, "rota").gone == 0
        site.count = 1
        third = night(site, root, "rota")
        assert third.gone == 0 and any("may be at fault" in note for note in third.notes)


@pytest.mark.parametrize("answer", [(200, {"X-Robots-Tag": "noai"}), (304, {"X-Robots-Tag": "noai"}), (451, {})])
def test_a_new_reservation_withdraws_the_picture_at_once(root: Root, answer: tuple[int, dict[str, str]]) -> None:
    with Site(3, places(3)) as site:
        night(site, root)
        body = png(1) if answer[0] == 200 else b""
        site.scripts["/images/a/1.png"] = lambda site, times: (*answer, body)
        second = night(site, root)
    assert (second.withdrawn, second.unchanged) == (1, 2)
    assert any("left out of the next edition" in note for note in second.notes)
    (row,) = (row for row in rows(root, tables.CHECKED) if row["outcome"] == "withdrawn")
    assert row["id"] == next(r["id"] for r in rows(root) if r["source_id"] == row["source_id"])


def test_trouble_with_a_known_picture_says_nothing_of_it(root: Root) -> None:
    with Site(3, places(3)) as site:
        night(site, root)
        site.scripts["/images/a/0.png"] = lambda site, times: (500, {}, b"")
        site.scripts["/images/a/1.png"] = lambda site, times: ok(b"<html>come back later</html>")
        second = night(site, root)
    assert (second.unchanged, dict(second.failed), len(rows(root))) == (1, {}, 3)
    assert any("2 known pictures could not be asked for again" in note for note in second.notes)


def test_other_words_for_the_same_picture_are_a_new_row_of_it(root: Root) -> None:
    with Site(3, places(3)) as site:
        night(site, root)
        site.titles = {1: "Woman with a hat"}
        second = night(site, root)
        assert (second.described, second.changed, second.unchanged) == (1, 0, 2)
        assert night(site, root).described == 0
    first, last = (row for row in rows(root) if row["source_id"] == f"{1:024x}")
    assert (first["title"], last["title"]) == ("Work 1", "Woman with a hat")
    assert last["changed_from"] == last["id"] == first["id"]
    assert (last["bytes"], last["etag"], last["http_status"]) == (first["bytes"], first["etag"], 200)


def test_another_upload_host_is_the_same_address(root: Root) -> None:
    with Site(2, places(2)) as site:
        night(site, root)
        port = site.server.server_port
        site.images = {number: f"http://localhost:{port}/images/a/{number}.png" for number in range(2)}
        assert night(site, root).unchanged == 2
    assert {row["http_status"] for row in rows(root, tables.CHECKED)} == {304}
