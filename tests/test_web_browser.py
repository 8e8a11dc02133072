"""The pages in a real browser, opened from disk: nothing runs, nothing is fetched, everything fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_corpus import corpus_at

from pipeline import report
from pipeline.storage import Root


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every kind of page, full of hostile words."""
    root, edition = corpus_at(tmp_path_factory.mktemp("root"), align=True)
    folder = tmp_path_factory.mktemp("report")
    report.build(root, edition, Root(folder))
    return folder


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """A browser that runs as long as these tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        yield running
        running.close()


def visit(browser: Any, out: Path, scheme: str, width: int) -> tuple[list[str], dict[str, int]]:
    """Open every page and hover and focus what can be; what went wrong, and the width of each page."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    trouble: list[str] = []
    widths: dict[str, int] = {}
    page.on("dialog", lambda dialog: (trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("console", lambda message: trouble.append(f"console {message.text}"))
    page.on("pageerror", lambda error: trouble.append(f"error {error}"))
    # An icon still on its way when the next page is opened is aborted: no fault of the page's.
    page.on("requestfailed", lambda r: "ERR_ABORTED" in (r.failure or "") or trouble.append(f"failed {r.url}"))
    page.on("request", lambda request: request.url.startswith(out.as_uri()) or trouble.append(f"asked {request.url}"))
    for path in sorted(out.glob("*.html")):
        page.goto(path.as_uri())
        widths[path.stem] = page.evaluate("document.documentElement.scrollWidth")
        page.evaluate("document.querySelectorAll('a, details, input').forEach(e => { e.focus(); e.open = true; })")
        page.evaluate("document.querySelectorAll('img').forEach(e => { e.loading = 'eager'; })")
        page.evaluate("Promise.all([...document.images].map(e => e.decode()))")
    page.close()
    return trouble, widths


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_nothing_runs_nothing_fails_and_nothing_sticks_out(browser: Any, out: Path, scheme: str, width: int) -> None:
    trouble, widths = visit(browser, out, scheme, width)
    assert trouble == []
    assert len(widths) == len(list(out.glob("*.html"))) >= 13
    assert {name: found for name, found in widths.items() if found > width} == {}


def test_the_steps_of_a_run_are_walked_with_the_arrow_keys(browser: Any, out: Path) -> None:
    page = browser.new_page(java_script_enabled=True)
    page.goto((out / "runs.html").as_uri())
    last, before = page.locator("input[name=run-00]").last, page.locator("input[name=run-00]").nth(14)
    shown = page.locator("fieldset").first.locator("figure:visible")
    assert shown.inner_text() == "after 100 kimg"
    last.focus()
    page.keyboard.press("ArrowLeft")
    assert before.is_checked()
    assert shown.count() == 1
    assert shown.inner_text() != "after 100 kimg"
    page.close()


def test_the_first_key_skips_to_the_content(browser: Any, out: Path) -> None:
    page = browser.new_page()
    page.goto((out / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.close()
