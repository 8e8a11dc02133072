"""The Metropolitan Museum of Art: a list of ids without paging, then one request for each object."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

from pipeline.errors import UsageError, did_you_mean
from spiders.pages.fields import Drift, Json, integer, load, rows, text
from spiders.pages.museum.model import Asked, Museum, Page, Picture, Work, address, stem, texts

_ROOT = "/public/collection/v1"


class Met(Museum):
    """collectionapi.metmuseum.org. Open access is `isPublicDomain`; other objects come without pictures."""

    slug = "met"
    title = "The Metropolitan Museum of Art"
    home = "https://collectionapi.metmuseum.org"
    hint = (
        "The Met's firewall shuts a program out for some minutes after about thirty quick requests: "
        "wait ten minutes before you go on."
    )

    def vocabulary(self, asked: Asked) -> str | None:
        """The departments, when one is asked for by name."""
        given = asked.filters.get("department")
        return None if given is None or given.isdigit() else f"{asked.base}{_ROOT}/departments"

    def settled(self, body: bytes, asked: Asked) -> Asked:
        """What is asked, with the department's number in place of its name. Raises UsageError and Drift."""
        value = load(body)
        if not isinstance(value, dict) or not isinstance(value.get("departments"), list):
            raise Drift("the list of departments has none")
        pairs = ((text(row.get("displayName")), integer(row.get("departmentId"))) for row in rows(value["departments"]))
        known = {name: number for name, number in pairs if name and number is not None}
        word = asked.filters["department"]
        number = next((number for name, number in known.items() if name.lower() == word.strip().lower()), None)
        if number is None:
            hint = did_you_mean(word.title(), known) or f" It has: {', '.join(known)}."
            raise UsageError(f"The Met has no department {word!r}.{hint}")
        return replace(asked, filters={**asked.filters, "department": str(number)})

    def first(self, asked: Asked) -> str:
        """Search, or the plain list of a department when nothing else is asked."""
        filters, years = asked.filters, asked.years()
        if not asked.query and not set(filters) - {"department"}:
            return address(asked.base, f"{_ROOT}/objects", departmentIds=filters.get("department"))
        if asked.query and filters.get("artist"):
            raise UsageError("The Met searches either for words or for an artist: give --query or --artist, not both.")
        return address(
            asked.base, f"{_ROOT}/search", hasImages="true", departmentId=filters.get("department"),
            medium=filters.get("medium"), geoLocation=filters.get("place"),
            artistOrCulture="true" if filters.get("artist") else None,
            dateBegin=years[0] if years else None, dateEnd=years[1] if years else None,
            q=asked.query or filters.get("artist") or "*",
        )  # fmt: skip

    def page(self, body: bytes, asked: Asked, url: str) -> Page:
        """All ids at once; `objectIDs` is null when nothing is found."""
        value = load(body)
        if not isinstance(value, dict) or "objectIDs" not in value:
            raise Drift("the list has no objectIDs")
        found = value["objectIDs"] if isinstance(value["objectIDs"], list) else []
        ids = list(dict.fromkeys(str(number) for number in map(integer, found) if number is not None))
        return Page(ids=ids, total=integer(value.get("total")) or len(ids))

    def detail_url(self, asked: Asked, work: str) -> str:
        """One object."""
        return f"{asked.base}{_ROOT}/objects/{quote(work, safe='')}"

    def changes_url(self, asked: Asked, since: str) -> str | None:
        """The objects whose `metadataDate` is since a day, of the department if one is asked for."""
        department = asked.filters.get("department")
        return address(asked.base, f"{_ROOT}/objects", departmentIds=department, metadataDate=since)

    def detail(self, body: bytes, asked: Asked) -> Work | None:
        """One object. Raises Drift."""
        row = load(body)
        if not isinstance(row, dict) or integer(row.get("objectID")) is None:
            raise Drift("the object has no objectID")
        number, medium = str(row["objectID"]), text(row.get("medium"))
        return Work(
            id=number, title=text(row.get("title")) or text(row.get("objectName")),
            creator=text(row.get("artistDisplayName")), creator_id=_wikidata(row),
            year_text=text(row.get("objectDate")) or text(row.get("period")),
            first_year=integer(row.get("objectBeginDate")), last_year=integer(row.get("objectEndDate")),
            style=texts([row.get("culture"), row.get("period"), row.get("dynasty")]),
            genre=texts([row.get("classification"), row.get("objectName")]),
            tags=texts([tag.get("term") for tag in rows(row.get("tags"))]),
            rights="CC0" if row.get("isPublicDomain") is True else text(row.get("rightsAndReproduction")),
            page=text(row.get("objectURL")), credit=_credit(row), changed=text(row.get("metadataDate")),
            pictures=_pictures(number, row), raw=row,
            extra={"medium": medium, "department": text(row.get("department"))},
        )  # fmt: skip

    def explain(self, status: int, body: bytes) -> str | None:
        """The firewall's page."""
        if status == 403:
            return (
                "its firewall shuts a program out for some minutes after about thirty quick requests: "
                "wait ten minutes before you go on"
            )
        return None


def _credit(row: Json) -> str:
    return ", ".join(part for part in (Met.title, text(row.get("creditLine"))) if part)


def _wikidata(row: Json) -> str | None:
    found = re.search(r"Q\d+$", text(row.get("artistWikidata_URL")) or "")
    return found[0] if found else None


def _pictures(number: str, row: Json) -> list[Picture]:
    """The main picture with its small form as second choice, then the others."""
    found: list[Picture] = []
    for url in texts([row.get("primaryImage"), *_list(row.get("additionalImages"))]):
        small = text(row.get("primaryImageSmall")) if url == text(row.get("primaryImage")) else None
        small = small or url.replace("/original/", "/web-large/")
        others = [("web-large", small)] if small != url else []
        found.append(Picture(f"{number}-{stem(url)}", [("original", url), *others]))
    return found


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
