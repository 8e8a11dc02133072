"""The Smithsonian's Open Access API: records of all its museums, a thousand a page, with a key of api.data.gov."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from pipeline.errors import UsageError
from spiders.pages.fields import Drift, Json, integer, load, rows, text
from spiders.pages.museum.model import Asked, Museum, Page, Picture, Work, address, first_text, side, stem, texts

_PATH = "/openaccess/api/v1.0/search"
_FIELDS = {
    "department": "unit_code", "type": "object_type", "artist": "name", "place": "place", "culture": "culture",
    "topic": "topic",
}  # fmt: skip
_IDS = "https://ids.si.edu/ids/deliveryService"
_MOST_DECADES = 60


class Smithsonian(Museum):
    """api.si.edu. Open access is `usage.access` CC0 of each medium; the record's own licence says nothing of them."""

    slug = "smithsonian"
    title = "Smithsonian Institution"
    home = "https://api.si.edu"
    page_size = 1000
    secret = "SMITHSONIAN_KEY"
    how = "get a free key at https://api.data.gov/signup/, which comes at once, or take DEMO_KEY for a try"
    quota = "a key of one's own has 1,000 requests an hour, DEMO_KEY 30 an hour and 50 a day"
    hint = (
        "A key of your own from https://api.data.gov/signup/ allows 1,000 requests an hour, the one for "
        "demonstrations 30 an hour and 50 a day."
    )

    def first(self, asked: Asked) -> str:
        """The first page."""
        return self._url(asked, 0)

    def headers(self, asked: Asked) -> dict[str, str]:
        """The key, in a header so that it stands in no address."""
        return {"X-Api-Key": asked.key} if asked.key else {}

    def _url(self, asked: Asked, start: int) -> str:
        sort = "relevancy" if asked.query else "id"
        return address(asked.base, _PATH, q=_query(asked), start=start, rows=asked.rows(self.page_size), sort=sort)

    def page(self, body: bytes, asked: Asked, url: str) -> Page:
        """A page of records. Raises Drift."""
        value = load(body)
        answer = value.get("response") if isinstance(value, dict) else None
        if not isinstance(answer, dict) or not isinstance(answer.get("rows"), list):
            raise Drift("the answer has no rows")
        start = integer(parse_qs(urlsplit(url).query).get("start", ["0"])[0]) or 0
        total, after = integer(answer.get("rowCount")), start + len(answer["rows"])
        more = bool(answer["rows"]) and (total is None or after < total)
        works = [work for work in (_work(row, asked.base) for row in rows(answer["rows"])) if work]
        return Page(works, total=total, next=self._url(asked, after) if more else None)

    def explain(self, status: int, body: bytes) -> str | None:
        """The errors of api.data.gov."""
        found = re.search(rb"API_KEY_(MISSING|INVALID|DISABLED|UNAUTHORIZED|UNVERIFIED)", body)
        if found:
            kind = found[1].decode().lower()
            return f"its key is {kind}: put one from https://api.data.gov/signup/ into {self.secret}"
        if b"OVER_RATE_LIMIT" in body or status == 429:
            return "the requests of this key are used up for now"
        return None


def _query(asked: Asked) -> str:
    """The query with its filters, which go into `q`."""
    parts = [f"({asked.query})"] if asked.query else []
    parts += [f"{_FIELDS[name]}:{_quoted(word)}" for name, word in asked.filters.items() if name in _FIELDS]
    parts += _decades(asked)
    parts += ['online_media_type:"Images"'] + (['media_usage:"CC0"'] if asked.open_only else [])
    return " AND ".join(parts)


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "").replace('"', "") + '"'


def _decades(asked: Asked) -> list[str]:
    """Dates are decades here: those that the years asked for touch. Raises UsageError for a span without an end."""
    years = asked.years()
    if years is None:
        return []
    first, last = years[0] - years[0] % 10, min(years[1], 2100)
    if first < 0 or (last - first) // 10 >= _MOST_DECADES:
        raise UsageError(
            "The Smithsonian knows dates by decades: give both --from-year and --to-year, "
            f"after Christ and within {_MOST_DECADES * 10} years."
        )
    return ["date:(" + " OR ".join(f'"{decade}s"' for decade in range(first, last + 1, 10)) + ")"]


def _work(row: Json, base: str) -> Work | None:
    content = _object(row, "content")
    parts = ("descriptiveNonRepeating", "freetext", "indexedStructured")
    about, said, index = (_object(content, part) for part in parts)
    number = text(about.get("record_ID")) or text(row.get("url")) or text(row.get("id"))  # the last one changes
    if number is None:
        return None
    names, dates = rows(said.get("name")), rows(said.get("date"))
    source = text(about.get("data_source"))
    return Work(
        id=number, title=text(row.get("title")) or text(_object(about, "title").get("content")),
        creator=text(names[0].get("content")) if names else first_text(index.get("name")),
        year_text=text(dates[0].get("content")) if dates else first_text(index.get("date")),
        style=texts(index.get("culture")), genre=texts(index.get("object_type")), tags=texts(index.get("topic")),
        rights=text(_object(about, "metadata_usage").get("access")),
        page=text(about.get("record_link")) or text(about.get("guid")),
        credit=", ".join(part for part in (Smithsonian.title, source) if part),
        changed=_date(row.get("lastTimeUpdated") or row.get("timestamp")),
        pictures=_pictures(number, _object(about, "online_media"), _delivery(base)),
        extra={"hash": text(row.get("hash")), "unit": text(row.get("unitCode")), "guid": text(about.get("guid"))},
        raw=row,
    )  # fmt: skip


def _date(seconds: Any) -> str | None:
    """A time in seconds since 1970, which comes as text, as a date."""
    number = integer(seconds)
    return datetime.fromtimestamp(number, UTC).isoformat() if number else None


def _delivery(base: str) -> str:
    """Where pictures are delivered: beside the API on a replica."""
    return _IDS if base == Smithsonian.home else f"{base}/ids/deliveryService"


def _pictures(number: str, media: Json, delivery: str) -> list[Picture]:
    """The pictures among the media, each with its own rights; other kinds, such as 3D models, are left out."""
    found: dict[str, Picture] = {}
    for medium in rows(media.get("media")):
        if text(medium.get("type")) != "Images":
            continue
        addresses, resource = _addresses(medium, delivery)
        if addresses:
            name = text(medium.get("idsId")) or text(medium.get("guid")) or addresses[0][1]
            name = stem(name) if "://" not in name else re.sub(r"[^\w.-]+", "-", name.partition("://")[2])
            rights = text(_object(medium, "usage").get("access")) or "NOASSERTION"
            size = side(resource.get("width")), side(resource.get("height"))
            found.setdefault(f"{number}-{name}", Picture(f"{number}-{name}", addresses, *size, rights=rights))
    return list(found.values())


def _addresses(medium: Json, delivery: str) -> tuple[list[tuple[str, str]], Json]:
    """The largest JPEG, then what the record names, then the delivery service; and the largest one's entry."""
    jpegs = [
        (resource, url) for resource in rows(medium.get("resources"))
        if (url := text(resource.get("url"))) and "jpeg" in (text(resource.get("label")) or "").lower()
    ]  # fmt: skip
    jpegs.sort(key=lambda pair: "high" not in (text(pair[0].get("label")) or "").lower())
    found = [("high-resolution", url) for _resource, url in jpegs[:1]]
    if content := text(medium.get("content")):
        found.append(("content", content))
    ids = text(medium.get("idsId"))
    if ids and "://" not in ids:
        found.append(("delivery", f"{delivery}?id={quote(ids, safe='')}"))
    unlike: dict[str, str] = {}
    for name, url in found:
        unlike.setdefault(url, name)
    return [(name, url) for url, name in unlike.items()], jpegs[0][0] if jpegs else {}


def _object(row: Any, name: str) -> Json:
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, dict) else {}
