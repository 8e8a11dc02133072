"""Pages from templates. Everything scraped is escaped; what a page may link to decides `web_address`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Protocol

import jinja2
import yaml

from pipeline import reasons
from pipeline.web import charts
from pipeline.web.facts import Picture, web_address

STATIC = ("style.css", "icon.svg", "page.js", "deciding.js", "sheet.js", "themes.js", "map.js", "looks.js", "tiles.js")
LIVE = ("themes.js", "looks.js")
"""Those of `STATIC` that only live pages load."""
_POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; media-src 'self'; style-src 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)


def policy(live: bool) -> str:
    """The content security policy of every page: nothing from elsewhere, no script or style inside the page."""
    return f"{_POLICY}; connect-src 'self'" if live else _POLICY


@dataclass(frozen=True)
class Links:
    """Addresses relative to the page that links, the same for files in a folder and for the server.

    `up` leads from that page to the top: '' or '../'.
    """

    up: str = ""

    @classmethod
    def of(cls, address: str) -> Links:
        """The links of the page at `address`, such as `clusters/07.html`."""
        return cls("../" * address.count("/"))

    def to(self, address: str) -> str:
        """An address given from the top."""
        return self.up + address

    def page(self, name: str, page: int = 1) -> str:
        """`rejects.html`, `duplicates-2.html`."""
        return self.up + place(name, page)

    def cluster(self, number: int, page: int = 1) -> str:
        """`clusters/07.html`, `clusters/07-2.html`."""
        return self.page(f"clusters/{number:02d}", page)

    def run(self, number: int) -> str:
        """`runs/07.html`."""
        return self.page(f"runs/{number:02d}")

    def latent(self, number: int) -> str:
        """`latent/07.html`."""
        return self.page(f"latent/{number:02d}")

    def picture(self, picture: str) -> str:
        """`pictures/ID.html`."""
        return self.page(f"pictures/{picture}")

    def asset(self, name: str) -> str:
        """`static/style.css`."""
        return f"{self.up}static/{name}"


def place(name: str, page: int = 1) -> str:
    """The address of a page, or of a later sheet of it, from the top."""
    return f"{name}.html" if page == 1 else f"{name}-{page}.html"


class Shown(Protocol):
    """Where the pictures of the pages lie, from the top; None for those that cannot be shown."""

    def address(self, picture: Picture) -> str | None:
        """The picture as it came, small."""

    def large_address(self, picture: Picture) -> str | None:
        """The picture as it came, as large as its own page shows it."""

    def prepared_address(self, picture: Picture) -> str | None:
        """The picture as the networks see it."""

    def file(self, name: str) -> str | None:
        """A file of a run."""


@dataclass(frozen=True)
class Pager:
    """Which of `pages` a page is, and the range of items (from 1) it shows of `total`."""

    page: int
    pages: int
    first: int
    last: int
    total: int


def pagers(total: int, size: int) -> list[Pager]:
    """The pages that `total` items fill at `size` a page; one empty page when there are none."""
    count = max(1, -(-total // size))
    return [Pager(n, count, (n - 1) * size + 1, min(n * size, total), total) for n in range(1, count + 1)]


class Pages:
    """Renders templates; `common` are facts every page has (edition, the pages there are, the pictures, live)."""

    def __init__(self, common: Mapping[str, Any]) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("pipeline.web"), autoescape=True, undefined=jinja2.StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )
        self._environment.filters |= {
            "n": count, "percent": percent, "when": when, "day": day, "lasting": lasting, "web": web_address,
            "reason": reasons.title, "explained": reasons.explanation, "limited": reasons.has_limit,
            "alt": alt, "hash": phash, "readable": readable, "bytes": size, "pair": frozenset,
        }
        self._environment.globals |= {"charts": charts, **common}

    def render(self, template: str, address: str, facts: Mapping[str, Any]) -> bytes:
        """The page at `address` as UTF-8."""
        found = self._environment.get_template(template)
        return found.render(link=Links.of(address), **facts).encode("utf-8", "replace")


def static(name: str) -> bytes:
    """A file that pages load: one of `STATIC`."""
    return resources.files("pipeline.web").joinpath("static", name).read_bytes()


def alt(picture: Picture, position: int) -> str:
    """What stands for a picture where it cannot be seen: title and creator, or its position."""
    return ", ".join(word for word in (picture.title, picture.creator) if word) or f"untitled picture {position}"


def readable(value: Any) -> str:
    """Nested facts as YAML."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


def phash(value: int | None) -> str:
    """A 64-bit hash as 16 hex digits."""
    return f"{value:016x}" if value is not None else ""


def count(number: float | None) -> str:
    """12345 as '12,345'."""
    return f"{number:,.0f}" if number is not None else "–"


def percent(part: float, whole: float) -> str:
    """A share such as '3.1 %'; '<0.1 %' for a little, '99.7 %' for nearly all."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "<0.1 %"
    if 99.5 <= share < 100:
        return f"{min(share, 99.9):.1f} %"
    return f"{share:.0f} %" if share >= 10 or share == 0 else f"{share:.1f} %"


def when(stamp: str | None) -> str:
    """An ISO time as '22 November 2026, 00:24 UTC'."""
    if not stamp:
        return "–"
    moment = _moment(stamp)
    return f"{day(stamp)}, {moment:%H:%M} UTC"


def day(stamp: str | None) -> str:
    """An ISO time as '22 November 2026'."""
    if not stamp:
        return "–"
    moment = _moment(stamp)
    return f"{moment.day} {moment:%B %Y}"


def _moment(stamp: str) -> datetime:
    moment = datetime.fromisoformat(stamp)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def size(number: float | None) -> str:
    """Bytes as people say them: '9.4 kB', '1.2 GB'."""
    if number is None:
        return "–"
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def lasting(seconds: float | None) -> str:
    """A time span: '0.4 s', '12 s', '3 min 5 s', '2 h 10 min'."""
    if not seconds:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
