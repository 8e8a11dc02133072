"""A browser for the tests of pages: one of them for a module, pages that note what goes wrong, axe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SOFTWARE = ("--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@contextmanager
def browsing(chromium: str) -> Iterator[Any]:
    """A running browser that draws WebGL in software."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium, args=list(SOFTWARE))
        yield running
        running.close()


@contextmanager
def watched(browser: Any, base: str, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """A page and a list of what goes wrong on it: dialogs, messages, errors, requests that fail or leave `base`."""
    page = browser.new_page(**options)
    trouble: list[str] = []
    page.on("dialog", lambda dialog: (trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("console", lambda message: "GPU stall" in message.text or trouble.append(f"console {message.text}"))
    page.on("pageerror", lambda error: trouble.append(f"error {error}"))
    # What is still on its way when the next page is opened is aborted: no fault of the page's.
    page.on("requestfailed", lambda r: "ERR_ABORTED" in (r.failure or "") or trouble.append(f"failed {r.url}"))
    page.on("request", lambda r: r.url.startswith((base, "blob:")) or trouble.append(f"asked {r.url}"))
    yield page, trouble
    page.close()


@cache
def axe() -> str:
    """axe-core."""
    package = pytest.importorskip("axe_playwright_python", reason="axe is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Any) -> list[str]:
    """What axe finds wrong with a page: rule and the first elements. Evaluated past the page's policy."""
    page.evaluate(axe())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
    return [f"{one['id']}: {', '.join(str(node['target']) for node in one['nodes'][:3])}" for one in found]


def focused(page: Any) -> str:
    """What has the focus, in words."""
    return str(page.evaluate(
        "(() => { const e = document.activeElement;"
        "return e.id || e.closest('[data-id]')?.dataset.id || e.className; })()"
    ))


def until(page: Any, expression: str, argument: object = None, seconds: float = 20) -> None:
    """Wait until an expression or function holds: Playwright's own way is against the page's policy."""
    from playwright.sync_api import Error

    for _ in range(round(seconds / 0.05)):
        with suppress(Error):  # the page is just being loaded anew
            if page.evaluate(expression, argument):
                return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")
