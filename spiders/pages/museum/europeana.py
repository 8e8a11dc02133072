"""Europeana: the collections of Europe's museums and libraries, by cursor, with a key; pictures lie on any host."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from spiders.pages.fields import Drift, Json, integer, load, rows, text
from spiders.pages.museum.model import Asked, Museum, Page, Picture, Work, address, first_text, stem, texts

_PATH = "/record/v2/search.json"
_SITE = "https://www.europeana.eu"


class Europeana(Museum):
    """api.europeana.eu. Open access is what its `reusability=open` means: CC0, public domain, CC BY, CC BY-SA."""

    slug = "europeana"
    title = "Europeana"
    home = "https://api.europeana.eu"
    secret = "EUROPEANA_KEY"
    how = "get a free key at https://pro.europeana.eu/pages/get-api"
    hint = "Keys come from https://pro.europeana.eu/pages/get-api."

    def first(self, asked: Asked) -> str:
        """The first page: the cursor `*` begins, as paging by number stops after 1,000."""
        return self._url(asked, "*")

    def tells_changes(self, asked: Asked) -> bool:
        """By `timestamp_update`."""
        return True

    def _url(self, asked: Asked, cursor: str) -> str:
        filters, years = asked.filters, asked.years()
        words = [asked.query, *(f"{name}:{_quoted(filters[key])}" for key, name in _FIELDS if key in filters)]
        limits = ["TYPE:IMAGE"]
        limits += [f"DATA_PROVIDER:{_quoted(filters['institution'])}"] if "institution" in filters else []
        limits += [f"COUNTRY:{_quoted(filters['country'])}"] if "country" in filters else []
        limits += [f"YEAR:[{years[0]} TO {years[1]}]"] if years else []
        limits += [f"timestamp_update:[{asked.since}T00:00:00Z TO *]"] if asked.since else []
        return address(
            asked.base, _PATH, wskey=asked.key, query=" AND ".join(filter(None, words)) or "*:*", qf=limits,
            reusability="open" if asked.open_only else None, media="true", profile="rich",
            rows=asked.rows(self.page_size), cursor=cursor,
        )  # fmt: skip

    def page(self, body: bytes, asked: Asked, url: str) -> Page:
        """A page of items; the list has ended when there is no `nextCursor`, or it stays the same. Raises Drift."""
        value = load(body)
        if not isinstance(value, dict) or not isinstance(value.get("items"), list):
            raise Drift("the answer has no items")
        query = parse_qsl(urlsplit(url).query)
        cursor = text(value.get("nextCursor"))
        more = cursor if cursor and value["items"] and cursor != dict(query).get("cursor") else None
        again = urlencode([(name, more if name == "cursor" else given) for name, given in query]) if more else None
        following = f"{url.partition('?')[0]}?{again}" if again else None
        works = [work for work in map(_work, rows(value["items"])) if work]
        return Page(works, total=integer(value.get("totalResults")), next=following)

    def explain(self, status: int, body: bytes) -> str | None:
        """A key that is missing or wrong, or used up."""
        if status in (400, 401, 403) and re.search(rb"api ?key|wskey|Not Authorized|Unauthorized", body, re.IGNORECASE):
            return f"it does not know the key: put one from https://pro.europeana.eu/pages/get-api into {self.secret}"
        return "the requests of this key are used up for now" if status == 429 else None


_FIELDS = (("artist", "who"), ("place", "where"), ("type", "what"))


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "").replace('"', "") + '"'


def _work(row: Json) -> Work | None:
    number = text(row.get("id"))
    if number is None:
        return None
    provider, country = first_text(row.get("dataProvider")), first_text(row.get("country"))
    held = ", ".join(part for part in (provider, country) if part)
    years = [year for year in map(integer, texts(row.get("year"))) if year]
    return Work(
        id=number.strip("/"), title=first_text(row.get("title")), creator=_creator(row), creator_id=_entity(row),
        year_text=first_text(row.get("year")), first_year=min(years, default=None), last_year=max(years, default=None),
        genre=_plain(_any(row.get("dcTypeLangAware"))), tags=_plain(_labels(row.get("edmConceptPrefLabelLangAware"))),
        rights=first_text(row.get("rights")), page=f"{_SITE}/item{number}", credit=held or None,
        changed=text(row.get("timestamp_update")), pictures=_pictures(number.strip("/"), row),
        extra={"at": first_text(row.get("edmIsShownAt")), "provider": provider}, raw=_kept(row),
    )  # fmt: skip


def _kept(row: Json) -> Json:
    """The item without the key, which Europeana puts into the links it gives."""
    return {**row, "guid": (text(row.get("guid")) or "").partition("?")[0]}


def _pictures(number: str, row: Json) -> list[Picture]:
    """What the holder shows, with Europeana's own preview as the last resort of the first one."""
    previews = [("preview", url) for url in texts(row.get("edmPreview"))[:1]]
    found: dict[str, Picture] = {}
    for position, url in enumerate(texts(row.get("edmIsShownBy"))):
        if re.match(r"https?://", url, re.IGNORECASE):
            name = f"{number}-{stem(url)}" if position else number
            found.setdefault(name, Picture(name, [("original", url), *(previews if not position else [])]))
    return list(found.values())


def _creator(row: Json) -> str | None:
    """The creator by name: `dcCreator` often holds addresses of entities, whose names stand among the agents."""
    named = _plain(texts(row.get("dcCreator"))) or _plain(_any(row.get("dcCreatorLangAware")))
    agents = [name for agent in rows(row.get("edmAgentLabel")) for name in texts(agent.get("def"))]
    return next(iter([*named, *agents]), None)


def _entity(row: Json) -> str | None:
    return next((one for one in texts(row.get("dcCreator")) if "://" in one), None)


def _plain(found: list[str]) -> list[str]:
    return [one for one in found if "://" not in one]


def _labels(value: object) -> list[str]:
    """Labels in English, or in whatever language there is."""
    if not isinstance(value, dict):
        return []
    return texts(value.get("en")) or _any(value)


def _any(value: object) -> list[str]:
    return [one for group in value.values() for one in texts(group)] if isinstance(value, dict) else []
