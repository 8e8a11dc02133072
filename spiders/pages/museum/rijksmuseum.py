"""The Rijksmuseum: sets by OAI-PMH, fifty records a page; searches give ids, whose records come one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import UsageError
from spiders.pages import xml
from spiders.pages.fields import Drift, integer, load, rows, text
from spiders.pages.museum.model import Asked, Museum, Page, Picture, Work, address, texts
from spiders.pages.xml import Element

_OAI, _SEARCH = "/oai", "/search/collection"
_SEARCHED = {
    "type": "type", "artist": "creator", "medium": "material", "technique": "technique", "year": "creationDate",
}  # fmt: skip
_FULL = "/full/max/0/default.jpg"
_LANGUAGES = ("en", "nl", None)


class Rijksmuseum(Museum):
    """data.rijksmuseum.nl. Open access is the address of rights in each record: CC0 or the public domain mark."""

    slug = "rijksmuseum"
    title = "Rijksmuseum"
    home = "https://data.rijksmuseum.nl"
    page_size = 50

    def first(self, asked: Asked) -> str:
        """A set is harvested whole; anything else is searched. Raises UsageError when both are asked for."""
        chosen = asked.filters.get("set")
        if chosen and (asked.query or len(asked.filters) > 1):
            raise UsageError("The Rijksmuseum harvests a set or searches: give --set alone, or the others without it.")
        if chosen or not (asked.query or asked.filters):
            window = {"from": asked.since} if asked.since else {}
            return address(asked.base, _OAI, verb="ListRecords", metadataPrefix="edm", set=chosen, **window)
        given = {_SEARCHED[name]: word for name, word in asked.filters.items()}
        return address(asked.base, _SEARCH, title=asked.query or None, imageAvailable="true", **given)

    def tells_changes(self, asked: Asked) -> bool:
        """A harvest has `from`; a search has nothing like it."""
        return not asked.query and not set(asked.filters) - {"set"}

    def page(self, body: bytes, asked: Asked, url: str) -> Page:
        """A page of a harvest, or of a search. Raises Drift."""
        return _harvested(body, asked) if urlsplit(url).path.endswith(_OAI) else _searched(body, asked)

    def detail_url(self, asked: Asked, work: str) -> str:
        """One record."""
        return address(
            asked.base, _OAI, verb="GetRecord", metadataPrefix="edm", identifier=f"https://id.rijksmuseum.nl/{work}"
        )

    def detail(self, body: bytes, asked: Asked) -> Work | None:
        """The record of one object; None when there is none with a picture. Raises Drift."""
        root = _answer(body)
        return next((work for one in xml.every(root, "record") if (work := _work(one))), None)

    def explain(self, status: int, body: bytes) -> str | None:
        """The old API, which is gone."""
        return f"its API of that address is gone; the present one is {self.home}" if status == 410 else None


def _answer(body: bytes) -> Element:
    """The root of an OAI-PMH answer. Raises Drift for an error other than that nothing was found."""
    root = xml.load(body)
    if xml.local(root) != "OAI-PMH":
        raise Drift("the answer is not OAI-PMH")
    for error in xml.children(root, "error"):
        code = xml.attribute(error, "code") or "error"
        if code not in ("noRecordsMatch", "idDoesNotExist"):
            raise Drift(f"it says {code} ({(error.text or '').strip()[:120]})")
    return root


def _harvested(body: bytes, asked: Asked) -> Page:
    root = _answer(body)
    works = [work for work in map(_work, xml.every(root, "record")) if work]
    token = xml.first(root, "resumptionToken")
    more = (token.text or "").strip() if token is not None else ""
    following = address(asked.base, _OAI, verb="ListRecords", resumptionToken=more) if more else None
    total = integer(xml.attribute(token, "completeListSize")) if token is not None else None
    return Page(works, total=total if total is not None else len(works) if not more else None, next=following)


def _searched(body: bytes, asked: Asked) -> Page:
    """A page of a search: ids alone, and the address of the next page, whose host is that of the API."""
    value = load(body)
    if not isinstance(value, dict) or value.get("type") != "OrderedCollectionPage":
        raise Drift("the answer is no page of a collection")
    ids = [(text(row.get("id")) or "").rstrip("/").rpartition("/")[2] for row in rows(value.get("orderedItems"))]
    after, whole = value.get("next"), value.get("partOf")
    following = text(after.get("id")) if isinstance(after, dict) else None
    total = integer(whole.get("totalItems")) if isinstance(whole, dict) else None
    if following:
        following = f"{asked.base}{_SEARCH}?{urlsplit(following).query}"
    return Page(ids=list(dict.fromkeys(filter(None, ids))), total=total, next=following)


def _work(entry: Element) -> Work | None:
    """A record in the Europeana Data Model: names stand beside it as concepts and agents, by their address."""
    head, shown = xml.first(entry, "header"), xml.first(entry, "Aggregation")
    about = xml.first(entry, "ProvidedCHO")
    if head is None or shown is None or about is None or xml.attribute(head, "status") == "deleted":
        return None
    identifier, stamp = xml.first(head, "identifier"), xml.first(head, "datestamp")
    number = ((identifier.text if identifier is not None else None) or "").rstrip("/").rpartition("/")[2]
    if not number:
        return None
    names = _names(entry)
    dates = _said(about, "created", names) or _said(about, "date", names)
    return Work(
        id=number, title=_title(about), creator=next(iter(_said(about, "creator", names)), None),
        creator_id=_resource(about, "creator"), year_text=next(iter(dates), None),
        genre=_said(about, "type", names), tags=_said(about, "subject", names)[:50],
        rights=_resource(shown, "rights") or _resource(entry, "rights"),
        page=_resource(shown, "isShownAt"), credit="Rijksmuseum, Amsterdam",
        changed=text(stamp.text) if stamp is not None else None, pictures=_pictures(number, shown),
        extra={"accession": next(iter(_said(about, "identifier", names)), None)}, raw=_raw(about, shown),
    )  # fmt: skip


def _pictures(number: str, shown: Element) -> list[Picture]:
    found: dict[str, Picture] = {}
    for element in (*xml.children(shown, "isShownBy"), *xml.children(shown, "hasView"), *xml.children(shown, "object")):
        url = _url(element)
        if url and url.endswith(_FULL):
            name = url.removesuffix(_FULL).rpartition("/")[2]
            smaller = url.removesuffix(_FULL) + "/full/!2000,2000/0/default.jpg"
            found.setdefault(f"{number}-{name}", Picture(f"{number}-{name}", [("max", url), ("2000px", smaller)]))
        elif url:
            found.setdefault(number, Picture(number, [("original", url)]))
    return list(found.values())


def _url(element: Element) -> str | None:
    """The address that an element names, as an attribute or in an element within it."""
    inner = next((xml.attribute(one, "about") for one in element if xml.attribute(one, "about")), None)
    return xml.attribute(element, "resource") or inner


def _resource(element: Element, name: str) -> str | None:
    found = xml.first(element, name)
    return text(_url(found)) if found is not None else None


def _names(entry: Element) -> dict[str, str]:
    """Labels of concepts, agents and places by their address, in English where there is one."""
    found = {}
    for one in entry.iter():
        where = xml.attribute(one, "about")
        labels = {xml.attribute(label, "lang"): text(label.text) for label in xml.children(one, "prefLabel")}
        best = next((labels[tongue] for tongue in (*_LANGUAGES, *labels) if labels.get(tongue)), None)
        if where and best:
            found[where] = best
    return found


def _said(about: Element, name: str, names: Mapping[str, str]) -> list[str]:
    """The texts of a field: its own, or the labels of what it refers to."""
    said = [names.get(_url(one) or "") or (one.text or "") for one in xml.children(about, name)]
    return texts(said)


def _title(about: Element) -> str | None:
    titles = {xml.attribute(one, "lang"): text(one.text) for one in xml.children(about, "title")}
    return next((titles[tongue] for tongue in (*_LANGUAGES, *titles) if titles.get(tongue)), None)


def _raw(*elements: Element) -> list[list[Any]]:
    """What stood in the record, as names with their values."""
    return [
        [xml.local(one), _url(one) or (one.text or "").strip(), *filter(None, [xml.attribute(one, "lang")])]
        for element in elements
        for one in element
        if xml.local(one) != "description"
    ]
