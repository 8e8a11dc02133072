"""The Art Institute of Chicago: a search of 100 a page, pictures by IIIF behind a browser check since December 2025."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from spiders.pages.fields import Drift, Json, integer, load, rows, text
from spiders.pages.museum.model import Asked, Museum, Page, Picture, Work, address, side, texts

_PATH = "/api/v1/artworks/search"
_SITE = "https://www.artic.edu"
_IIIF = f"{_SITE}/iiif/2"
_WIDTHS = (1686, 843)
"""Widths that the image server keeps ready for works in the public domain, best first; others make it work."""
WINDOW = 1_000
"""So many results of a search can be paged through; what lies beyond is had in the order of ids."""
_FIELDS = (
    "id", "title", "image_id", "alt_image_ids", "artist_title", "artist_id", "artist_display", "date_display",
    "date_start", "date_end", "is_public_domain", "copyright_notice", "credit_line", "style_titles",
    "classification_titles", "artwork_type_title", "department_title", "place_of_origin", "medium_display",
    "subject_titles", "term_titles", "thumbnail", "updated_at", "main_reference_number",
)  # fmt: skip
_MATCHES = {
    "department": "department_title", "type": "artwork_type_title", "classification": "classification_titles",
    "artist": "artist_title", "style": "style_titles", "medium": "medium_display", "place": "place_of_origin",
}  # fmt: skip


class ArtInstitute(Museum):
    """api.artic.edu. Open access is `is_public_domain`."""

    slug = "artic"
    title = "The Art Institute of Chicago"
    home = "https://api.artic.edu"
    hint = (
        "The Art Institute of Chicago has had a browser check before its pictures since December 2025, which is not "
        "worked around: the descriptions are kept, and a later crawl tries the pictures again."
    )

    def first(self, asked: Asked) -> str:
        """The first page: by relevance for a query, else in the order of ids."""
        return self._by_rank(asked, 1) if asked.query else self._by_id(asked, 0)

    def headers(self, asked: Asked) -> dict[str, str]:
        """The museum asks for its own header with project and contact."""
        return {"AIC-User-Agent": asked.agent} if asked.agent else {}

    def tells_changes(self, asked: Asked) -> bool:
        """By `updated_at`."""
        return True

    def _by_rank(self, asked: Asked, page: int) -> str:
        return address(asked.base, _PATH, q=asked.query, page=page, **self._common(asked, None))

    def _by_id(self, asked: Asked, after: int) -> str:
        more = {"q": asked.query} if asked.query else {}
        return address(asked.base, _PATH, **more, sort="id", **self._common(asked, after))

    def _common(self, asked: Asked, after: int | None) -> dict[str, Any]:
        """Conditions, in the bracket spelling of an Elasticsearch query."""
        years = asked.years()
        given: list[tuple[str, Any]] = [("[exists][field]", "image_id")]
        given += [("[term][is_public_domain]", "true")] if asked.open_only else []
        given += [(f"[match_phrase][{_MATCHES[k]}]", word) for k, word in asked.filters.items() if k in _MATCHES]
        given += [("[range][date_end][gte]", years[0]), ("[range][date_start][lte]", years[1])] if years else []
        given += [("[range][updated_at][gte]", asked.since)] if asked.since else []
        given += [("[range][id][gt]", after)] if after else []
        conditions = {f"query[bool][filter][{number}]{name}": value for number, (name, value) in enumerate(given)}
        return {**conditions, "fields": ",".join(_FIELDS), "limit": asked.rows(self.page_size)}

    def page(self, body: bytes, asked: Asked, url: str) -> Page:
        """A page of works. After the window of the search the list goes on in the order of ids. Raises Drift."""
        value = load(body)
        if not isinstance(value, dict) or not isinstance(value.get("data"), list):
            raise Drift("the answer has no data")
        config = value["config"] if isinstance(value.get("config"), dict) else {}
        server = text(config.get("iiif_url")) or _IIIF
        site = text(config.get("website_url")) or _SITE
        found = rows(value["data"])
        paging = value["pagination"] if isinstance(value.get("pagination"), dict) else {}
        works = [work for work in (_work(row, server, site) for row in found) if work]
        return Page(works, total=integer(paging.get("total")), next=self._next(asked, url, found, paging))

    def _next(self, asked: Asked, url: str, found: list[Json], paging: Json) -> str | None:
        if not found:
            return None
        given = dict(parse_qsl(urlsplit(url).query))
        if given.get("sort") == "id":
            last = max((integer(row.get("id")) or 0 for row in found), default=0)
            full = len(found) >= asked.rows(self.page_size)
            return self._by_id(asked, last) if last and full else None
        page, pages = int(given.get("page", "1")), integer(paging.get("total_pages"))
        if pages is not None and page >= pages:
            return None
        beyond = (page + 1) * asked.rows(self.page_size) > WINDOW
        return self._by_id(asked, 0) if beyond else self._by_rank(asked, page + 1)

    def explain(self, status: int, body: bytes) -> str | None:
        """Throttling: sixty requests a minute without an agreement."""
        return "it gives a program sixty requests a minute" if status == 429 else None


def _work(row: Json, server: str, site: str) -> Work | None:
    number = integer(row.get("id"))
    if number is None:
        return None
    notice = text(row.get("copyright_notice"))
    return Work(
        id=str(number), title=text(row.get("title")),
        creator=text(row.get("artist_title")) or text(row.get("artist_display")),
        creator_id=text(row.get("artist_id")), year_text=text(row.get("date_display")),
        first_year=integer(row.get("date_start")), last_year=integer(row.get("date_end")),
        style=texts(row.get("style_titles")),
        genre=texts([row.get("artwork_type_title"), *texts(row.get("classification_titles"))]),
        tags=texts(row.get("subject_titles")) or texts(row.get("term_titles")),
        rights="CC0" if row.get("is_public_domain") is True else notice,
        page=f"{site}/artworks/{number}",
        credit=", ".join(part for part in (ArtInstitute.title, text(row.get("credit_line"))) if part),
        changed=text(row.get("updated_at")), pictures=_pictures(number, row, server),
        extra={"department": text(row.get("department_title")), "medium": text(row.get("medium_display"))}, raw=row,
    )  # fmt: skip


def _pictures(number: int, row: Json, server: str) -> list[Picture]:
    """The widths to ask for, none wider than the picture; sizes are known of the main picture only."""
    thumbnail = row["thumbnail"] if isinstance(row.get("thumbnail"), dict) else {}
    width, height = side(thumbnail.get("width")), side(thumbnail.get("height"))
    found: dict[str, Picture] = {}
    for position, image in enumerate(texts([row.get("image_id"), *texts(row.get("alt_image_ids"))])):
        known = width if position == 0 else None
        fitting = list(dict.fromkeys(min(one, known or one) for one in _WIDTHS))
        addresses = [(f"{one}px", f"{server}/{image}/full/{one},/0/default.jpg") for one in fitting]
        addresses += [("full", f"{server}/{image}/full/full/0/default.jpg")] if known is None else []
        size = (width, height) if position == 0 else (None, None)
        found[f"{number}-{image}"] = Picture(f"{number}-{image}", addresses, *size)
    return list(found.values())
