"""The pages in a real browser, opened from disk: no word runs, nothing is fetched, everything fits, keys are enough."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_browsing import browsing, focused, until, violations, watched
from web_corpus import HOSTILE, HOSTILE_NAMES, corpus_at

from pipeline import report
from pipeline.decisions import Journal
from pipeline.storage import Root

ENOUGH_WORDS = 60


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every kind of page, full of hostile words."""
    root, edition = corpus_at(tmp_path_factory.mktemp("root"), align=True)
    journal = Journal(root, "painted", by=HOSTILE[0])
    first = root.names("corpora/painted/clusters/dd/00/images") or ["0" * 64]
    journal.add("reject", pictures=[first[0].split(".")[0]])
    journal.add("rename", theme=0, name=HOSTILE[2])
    journal.undo()
    folder = tmp_path_factory.mktemp("report")
    report.build(root, {**edition, "created_at": "2099-01-01T00:00:00+00:00"}, Root(folder))
    return folder


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """A browser that runs as long as these tests."""
    with browsing(chromium) as running:
        yield running


def screens(out: Path) -> list[Path]:
    """One page of each kind, and every page that is the only one of its kind."""
    kinds = {}
    for path in sorted(out.rglob("*.html")):
        kinds.setdefault(path if path.parent == out else path.parent, path)
    return list(kinds.values())


def test_there_is_a_page_of_each_kind(out: Path) -> None:
    names = {str(path.relative_to(out)) for path in screens(out)}
    assert {"index.html", "clusters.html", "map.html", "runs.html", "rejects.html", "duplicates.html", "faces.html",
            "journal.html", "credits.html", "crawls.html", "clusters/00.html", "runs/00.html",
            "latent/00.html"} <= names
    assert sum(name.startswith("pictures/") for name in names) == 1
    assert len(HOSTILE) + len(HOSTILE_NAMES) >= ENOUGH_WORDS


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_nothing_runs_nothing_fails_and_nothing_sticks_out(browser: Any, out: Path, scheme: str, width: int) -> None:
    widths: dict[str, int] = {}
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with watched(browser, out.as_uri(), **options) as (page, trouble):
        for path in sorted(out.glob("*.html")) + sorted(out.glob("clusters/*.html")) + screens(out):
            page.goto(path.as_uri())
            widths[str(path)] = page.evaluate("document.documentElement.scrollWidth")
            page.evaluate("document.querySelectorAll('a, details, input').forEach(e => { e.focus(); e.open = true; })")
            page.evaluate("document.querySelectorAll('img').forEach(e => { e.loading = 'eager'; })")
            page.evaluate("Promise.all([...document.images].map(e => e.decode()))")
    assert trouble == []
    assert {name: found for name, found in widths.items() if found > width} == {}


def test_hostile_words_stay_words_on_the_page_of_every_picture(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri()) as (page, trouble):
        seen = ""
        for path in sorted(out.glob("pictures/*.html")):
            text = path.read_text()
            if "alert(" in text or "onerror" in text:
                page.goto(path.as_uri(), wait_until="domcontentloaded")
                seen += page.inner_text("main")
    assert trouble == []
    assert seen.count("alert(") > ENOUGH_WORDS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(browser: Any, out: Path, scheme: str) -> None:
    wrong = {}
    with watched(browser, out.as_uri(), color_scheme=scheme) as (page, _):
        for path in screens(out):
            page.goto(path.as_uri())
            if found := violations(page):
                wrong[str(path.relative_to(out))] = found
    assert wrong == {}


def test_every_screen_is_walked_by_tab_and_shows_where_one_is(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri()) as (page, trouble):
        for path in screens(out):
            page.goto(path.as_uri())
            stops = 0
            for _ in range(24):
                page.keyboard.press("Tab")
                shown = page.evaluate(
                    "(() => { const e = document.activeElement; if (e === document.body) return null;"
                    "const s = getComputedStyle(e); return [s.outlineStyle, parseFloat(s.outlineWidth)]; })()"
                )
                if shown is None:
                    break
                stops += 1
                assert shown[0] != "none", f"{path.name}: {focused(page)}"
                assert shown[1] >= 1, f"{path.name}: {focused(page)}"
            assert stops >= 10, path.name
    assert trouble == []


def test_a_sheet_is_walked_ordered_and_filtered_by_keys(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri(), viewport={"width": 1000, "height": 800}) as (page, trouble):
        page.goto((out / "clusters" / "02.html").as_uri())
        ids = page.eval_on_selector_all("ol.sheet > li", "found => found.map(e => e.dataset.id)")
        page.keyboard.press("ArrowRight")
        assert focused(page) == ids[0]
        page.keyboard.press("l")
        assert focused(page) == ids[1]
        page.keyboard.press("a")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        assert page.locator("li.picked").count() == 3
        page.keyboard.press("Escape")
        assert page.locator("li.picked").count() == 0
        page.keyboard.press(" ")
        assert page.locator("dialog.closer[open] img").count() == 1
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        assert focused(page) == "filter"
        page.keyboard.type('title:"forest 2" OR title:"forest 5"')
        until(page, "document.querySelectorAll('ol.sheet > li').length === 2")
        assert page.inner_text("#found") == "2 pictures of 12"
        page.keyboard.press("Enter")
        page.keyboard.press("/")
        page.fill("#filter", "w<9x")
        until(page, "document.querySelector('#found').textContent.startsWith('Not understood')")
        page.fill("#filter", "w>=330 AND NOT source:web")
        until(page, "document.querySelectorAll('ol.sheet > li').length === 12")
        page.select_option("#order", "far")
        shown = page.eval_on_selector_all("ol.sheet > li", "found => found.map(e => e.dataset.id)")
        assert shown == ids[::-1]
        assert trouble == []
        page.locator("li.tile .frame").first.focus()
        page.keyboard.press("x")
        assert "pipeline review" in page.text_content("#said")


def test_a_list_of_a_theme_can_be_had(browser: Any, out: Path, tmp_path: Path) -> None:
    with watched(browser, out.as_uri()) as (page, _):
        page.goto((out / "clusters" / "00.html").as_uri())
        with page.expect_download() as waiting:
            page.click("#list")
        waiting.value.save_as(tmp_path / "list.csv")
    lines = (tmp_path / "list.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("id,title,creator")
    assert len(lines) == 1 + 12
    assert waiting.value.suggested_filename == "painted-00.csv"


def test_the_map_is_drawn_and_chosen_from_by_lasso_and_by_keys(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri(), viewport={"width": 1280, "height": 900}) as (page, trouble):
        page.goto((out / "map.html").as_uri())
        page.wait_for_selector("#map[data-known=yes]")
        page.focus("#canvas")
        page.keyboard.press("v")
        assert page.inner_text("#status").startswith("72 pictures chosen")
        until(page, "document.querySelectorAll('#shown img').length > 50")
        page.keyboard.press("Escape")
        box = page.locator("#canvas").bounding_box()
        left, top, right, low = box["x"] + 5, box["y"] + 5, box["x"] + box["width"] - 5, box["y"] + box["height"] - 5
        page.mouse.move(left, top)
        page.mouse.down()
        for x, y in ((right, top), (right, low), (left, low)):
            page.mouse.move(x, y, steps=4)
        page.mouse.up()
        assert page.inner_text("#status").startswith("72 pictures chosen")
        for colour in ("source", "licence", "day", "theme"):
            page.select_option("#colour", colour)
            assert page.locator("#legend li").count() >= 1
        page.locator("#legend button").first.click()
        page.focus("#canvas")
        page.keyboard.press("v")
        assert page.inner_text("#status").startswith("60 pictures chosen")
        page.keyboard.press("+")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("0")
        assert page.locator("table tbody tr").count() == 6
    assert trouble == []


def test_a_limit_can_be_tried_out(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri()) as (page, trouble):
        page.goto((out / "rejects.html").as_uri())
        said = page.locator("#count-too_small")
        assert said.inner_text().startswith("64: rejects")
        page.focus("#limit-too_small")
        page.keyboard.press("End")
        assert int(said.inner_text().split("rejects ")[1].split(" of")[0]) > 31
        page.keyboard.press("Home")
        assert "rejects 0 of" in said.inner_text()
        idle = page.locator("#count-blurred")
        assert "rejects 0 of" in idle.inner_text()
        page.focus("#limit-blurred")
        page.keyboard.press("End")
        assert "rejects 0 of" not in idle.inner_text()
    assert trouble == []


def test_the_difference_of_two_pictures_is_drawn(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri()) as (page, trouble):
        page.goto((out / "duplicates.html").as_uri())
        summary = page.locator(".difference summary").first
        summary.focus()
        page.keyboard.press("Enter")
        assert page.locator(".difference[open] svg image").count() == 2
        assert page.locator(".difference[open] svg").first.bounding_box()["height"] > 50
    assert trouble == []


def test_the_steps_of_a_run_are_walked_with_the_arrow_keys(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri()) as (page, _):
        page.goto((out / "runs" / "00.html").as_uri())
        last, before = page.locator("input[name=run-00]").last, page.locator("input[name=run-00]").nth(14)
        shown = page.locator("fieldset").first.locator("figure:visible")
        assert shown.inner_text() == "after 100 thousand pictures"
        last.focus()
        page.keyboard.press("ArrowLeft")
        assert before.is_checked()
        assert shown.count() == 1
        assert shown.inner_text() != "after 100 thousand pictures"


def test_less_motion_is_honoured(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri(), reduced_motion="reduce") as (page, _):
        page.goto((out / "runs" / "00.html").as_uri())
        page.locator(".timeline img").scroll_into_view_if_needed()
        assert page.evaluate("document.querySelector('.timeline img').currentSrc").endswith(".webp")
        assert page.evaluate("getComputedStyle(document.querySelector('#said')).transitionDuration") == "0s"


def test_pages_can_be_read_at_twice_the_size(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri(), viewport={"width": 640, "height": 450}, device_scale_factor=2) as (page, _):
        for path in screens(out):
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 640, path.name


def test_the_first_key_skips_to_the_content_and_keys_are_listed(browser: Any, out: Path) -> None:
    with watched(browser, out.as_uri()) as (page, _):
        page.goto((out / "index.html").as_uri())
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("?")
        assert page.locator("#help").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#help").is_visible()
