"""The live pages in a real browser with the real server: what people decide by keys and by buttons is written down."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import free_ports
from web_browsing import browsing, focused, until, violations, watched
from web_corpus import corpus_at

from pipeline.corpus import add_edition
from pipeline.decisions import Event, Journal
from pipeline.storage import Root

TOKEN = "a-token-of-the-tests"


class Running:
    """A server in a thread over a corpus of its own."""

    def __init__(self, folder: Path) -> None:
        uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
        from pipeline.web.app import application
        from pipeline.web.jobs import Jobs
        from pipeline.web.live import Live

        self.root, edition = corpus_at(folder, waiting=5)
        edition.pop("edition")
        add_edition(self.root, "painted", edition)
        (port,) = free_ports(1)
        self.address = f"http://127.0.0.1:{port}"
        app = application(Live(self.root, "painted", TOKEN), Jobs(self.root.url, "painted"), port)
        self.server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none"))
        self.thread = threading.Thread(target=lambda: asyncio.run(self.server.serve()), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)

    def events(self) -> list[Event]:
        return Journal(Root(self.root.url), "painted").events()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server."""
    found = Running(tmp_path_factory.mktemp("live"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """A browser that runs as long as these tests."""
    with browsing(chromium) as running:
        yield running


@pytest.fixture
def page(browser: Any, running: Running) -> Iterator[Any]:
    """A page on which nothing goes wrong."""
    with watched(browser, running.address, viewport={"width": 1200, "height": 900}) as (made, trouble):
        for _ in range(100):
            if running.server.started:
                break
            made.wait_for_timeout(100)
        yield made
    assert trouble == []


def said(page: Any, word: str) -> None:
    """Wait until the page tells what was decided."""
    until(page, "word => document.querySelector('#said.shown')?.textContent.includes(word)", word)


def test_pictures_are_rejected_kept_moved_and_brought_back_by_keys(page: Any, running: Running) -> None:
    before = len(running.events())
    page.goto(f"{running.address}/clusters/02.html")
    ids = page.eval_on_selector_all("ol.sheet > li", "found => found.map(e => e.dataset.id)")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.wait_for_selector(f"li.rejected[data-id='{ids[0]}']")
    until(page, "id => document.activeElement.closest('li')?.dataset.id === id", ids[1])
    page.keyboard.press("u")
    page.wait_for_selector("li.rejected", state="detached")
    page.keyboard.press("a")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("m")
    page.wait_for_selector("#moving[open]")
    page.select_option("#into", "3")
    page.locator("#moving button.main").focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('li.moved').length === 2")
    made = running.events()[before:]
    assert [event.action for event in made] == ["reject", "undo", "move"]
    assert made[0]["pictures"] == [ids[0]]
    assert made[1]["event"] == made[0].id
    assert made[2]["pictures"] == ids[1:3]
    assert made[2]["into"] == 3
    page.goto(f"{running.address}/clusters/03.html")
    assert page.locator("ol.sheet > li").count() == 14
    page.keyboard.press("u")
    said(page, "")
    page.goto(f"{running.address}/clusters/03.html")
    assert page.locator("ol.sheet > li").count() == 12


def test_all_after_a_point_are_rejected_in_one_step(page: Any, running: Running) -> None:
    page.goto(f"{running.address}/clusters/05.html")
    page.select_option("#order", "far")
    page.locator("li.tile .frame").first.focus()
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    page.click("#after")
    page.wait_for_selector("#sure[open]")
    assert "3 pictures" in page.inner_text("#sure-said")
    page.click("#sure button.main")
    until(page, "document.querySelectorAll('li.rejected').length === 3")
    page.click("#said button")
    page.wait_for_selector("li.rejected", state="detached")


def test_a_theme_is_renamed_hidden_and_merged(page: Any, running: Running) -> None:
    page.goto(f"{running.address}/clusters.html")
    card = page.locator(".card[data-theme='2']")
    card.locator(".rename").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("<b>Woods</b>")
    page.keyboard.press("Enter")
    said(page, "Woods")
    assert card.locator(".name").inner_text() == "<b>Woods</b>"
    page.reload()
    assert page.locator(".card[data-theme='2'] .name").inner_text() == "<b>Woods</b>"
    page.locator(".card[data-theme='0'] .tick input").check()
    page.locator(".card[data-theme='4'] .tick input").check()
    assert page.inner_text("#ticked-count") == "2 themes ticked"
    page.click("#merge")
    page.wait_for_selector(".card[data-theme='4']", state="detached")
    assert page.locator(".card[data-theme='0'] .count").inner_text() == "24"
    page.keyboard.press("u")
    page.wait_for_selector(".card[data-theme='4']")


def test_a_split_is_looked_at_before_it_is_made(page: Any, running: Running) -> None:
    page.goto(f"{running.address}/clusters.html")
    before = len(running.events())
    page.locator(".card[data-theme='3'] .split").click()
    page.wait_for_selector("#split-yes:not([disabled])")
    assert page.locator("#preview section").count() == 2
    assert len(running.events()) == before
    page.click("#split-yes")
    until(page, "document.querySelectorAll('.card[data-theme]').length === 7")
    assert running.events()[-1].action == "split"
    page.keyboard.press("u")
    until(page, "document.querySelectorAll('.card[data-theme]').length === 6")


def test_rejects_are_rescued_and_limits_counted(page: Any, running: Running) -> None:
    page.goto(f"{running.address}/rejects.html")
    tile = page.locator("ul.walk[aria-label='Too small'] li.tile").first
    tile.locator(".frame").focus()
    page.keyboard.press("r")
    said(page, "rescued")
    assert running.events()[-1]["pictures"] == [tile.get_attribute("data-id")]
    page.focus("#limit-too_small")
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('#count-too_small').textContent.includes('kept with all limits')")


def test_what_is_no_duplicate_is_said_and_taken_back_from_the_journal(page: Any, running: Running) -> None:
    page.goto(f"{running.address}/duplicates.html")
    page.locator("button.apart").first.click()
    said(page, "duplicate")
    event = running.events()[-1]
    assert event.action == "different"
    page.goto(f"{running.address}/journal.html")
    page.locator(f"button.undo[data-event='{event.id}']").click()
    page.wait_for_selector(f"li.gone[data-event='{event.id}']")


def test_a_theme_is_made_of_what_is_chosen_on_the_map(page: Any, running: Running) -> None:
    page.goto(f"{running.address}/map.html")
    page.wait_for_selector("#map[data-known=yes]")
    page.focus("#canvas")
    for _ in range(4):
        page.keyboard.press("+")
    page.keyboard.press("v")
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    page.keyboard.press("v")
    page.keyboard.press("t")
    page.wait_for_selector("#naming[open]")
    page.keyboard.type("everything")
    page.keyboard.press("Enter")
    said(page, "everything")
    assert running.events()[-1].action == "theme"
    Journal(running.root, "painted").undo()


def drawn_around(page: Any, left: float, top: float, right: float, bottom: float) -> None:
    """Draw a lasso on the map; sides are shares of the canvas."""
    box = page.locator("#canvas").bounding_box()
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def test_a_theme_drawn_around_on_the_map_is_made_shown_and_taken_back(page: Any, running: Running) -> None:
    page.goto(f"{running.address}/map.html")
    page.wait_for_selector("#map[data-known=yes]")
    drawn_around(page, 0.0, 0.0, 0.5, 0.99)
    chosen = page.locator("#status").inner_text()
    drawn_around(page, 0.0, 0.0, 0.99, 0.99)
    assert page.locator("#status").inner_text() != chosen
    drawn_around(page, 0.0, 0.0, 0.5, 0.99)
    assert page.locator("#status").inner_text() == chosen
    count = int(chosen.split()[0])
    assert 0 < count < 72
    page.locator("#theme").click()
    page.wait_for_selector("#naming[open]")
    assert f"{count} pictures" in page.inner_text("#naming-title")
    page.fill("#new-name", "the left half")
    page.locator("#naming button.main").click()
    said(page, "the left half")
    event = running.events()[-1]
    assert (event.action, event["name"], len(event["pictures"])) == ("theme", "the left half", count)
    page.goto(f"{running.address}/clusters/{event['number']:02d}.html")
    shown = page.eval_on_selector_all("ol.sheet > li", "found => found.map(e => e.dataset.id)")
    assert set(shown) == set(event["pictures"])
    page.goto(f"{running.address}/map.html")
    page.wait_for_selector("#map[data-known=yes]")
    assert page.locator("#legend").inner_text().count("the left half") == 1
    Journal(running.root, "painted").undo()
    page.reload()
    page.wait_for_selector("#map[data-known=yes]")
    assert "the left half" not in page.locator("#legend").inner_text()


def test_a_proposed_theme_is_accepted(page: Any, running: Running) -> None:
    page.goto(f"{running.address}/clusters.html")
    card = page.locator(".card.proposal")
    assert "strangers" in card.inner_text()
    assert "5" in page.inner_text("#unsorted")
    card.locator(".accept").focus()
    page.keyboard.press("Enter")
    said(page, "strangers")
    until(page, "document.querySelectorAll('.card.proposal').length === 0")
    event = running.events()[-1]
    assert (event.action, event["name"], len(event["pictures"])) == ("theme", "strangers", 5)
    assert page.locator(f".card[data-theme='{event['number']}'] .count").inner_text() == "5"
    assert page.locator("#unsorted").count() == 0
    page.goto(f"{running.address}/clusters/{event['number']:02d}.html")
    assert page.locator("ol.sheet > li").count() == 5
    Journal(running.root, "painted").undo()
    page.goto(f"{running.address}/clusters.html")
    assert page.locator(".card.proposal").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_live(browser: Any, running: Running, scheme: str) -> None:
    wrong = {}
    with watched(browser, running.address, color_scheme=scheme) as (page, _):
        for name in ("clusters", "clusters/01", "map", "rejects", "duplicates", "journal", "runs/00", "latent/00"):
            page.goto(f"{running.address}/{name}.html")
            if name == "clusters":
                page.locator(".tick input").first.check()
            if found := violations(page):
                wrong[name] = found
    assert wrong == {}


def test_samples_are_chosen_by_keys(page: Any, running: Running) -> None:
    page.goto(f"{running.address}/latent/00.html")
    page.wait_for_selector("#cells button")
    page.locator("#cells button").first.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("-")
    assert page.inner_text("#sum") == "mean of samples 0 less mean of samples 1"
    assert focused(page) == "minus"
    assert page.locator("#make").is_enabled()
