"""IIIF Presentation API 2 and 3: manifests and collections to pictures, and pictures to rows."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.licences import UNKNOWN
from spiders.licences import licence
from spiders.pages.fields import Drift, Json, integer, load, rows, text
from spiders.pages.iiif_image import is_service, service_id
from spiders.pages.museum.model import spelled
from spiders.pages.years import span
from spiders.pages.years import year as one_year
from spiders.records import record, redacted

_CREATORS = ("artist", "creator", "author", "maker", "artist/maker", "painter", "photographer", "contributor")
_DATES = ("date", "date created", "dated", "created", "creation date", "date of creation", "period", "date issued")
_SUBJECTS = ("subject", "subjects", "topic", "topics", "keywords")
_GENRES = ("type", "genre", "object type", "classification", "work type", "format")


@dataclass(frozen=True, slots=True)
class Image:
    """One image painted on a canvas: the address that the manifest gives, its service if it has one, its size."""

    url: str
    service: str | None
    width: int | None
    height: int | None
    canvas: str
    label: str | None
    rights: str | None = None
    raw: Json = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        """What the picture is known by: the address of its service, or of its file."""
        return self.service or self.url


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object. `rights` is an address or a text, `credit` the line that must be shown, `about` its metadata."""

    id: str
    label: str | None
    rights: str | None
    credit: str | None
    page: str | None
    about: dict[str, list[str]]
    images: list[Image]


@dataclass(frozen=True, slots=True)
class Collection:
    """Addresses of manifests and of further collections, in order; pages of a long collection are among them."""

    id: str
    label: str | None
    members: list[str]


def document(body: bytes, choices: bool = False) -> Manifest | Collection:
    """A manifest or a collection of either version. Raises Drift when it is neither.

    Of a choice between images the first is taken, which the API calls the default, or all with `choices`.
    """
    value = load(body)
    if not isinstance(value, dict):
        raise Drift("the answer is no IIIF document")
    kind = (text(value.get("type")) or text(value.get("@type")) or "").rpartition(":")[2]
    if kind in ("Collection", "CollectionPage", "Layer"):
        return Collection(_id(value) or "", _label(value.get("label")), list(dict.fromkeys(_members(value))))
    if kind != "Manifest":
        raise Drift(f"the answer is no manifest and no collection of IIIF{f' but {kind}' if kind else ''}")
    images = list(_images_3(value, choices) if isinstance(value.get("items"), list) else _images_2(value, choices))
    return Manifest(
        _id(value) or "", _label(value.get("label")), _rights(value), _credit(value), _page(value),
        dict(_metadata(value)), list({image.id: image for image in images}.values()),
    )  # fmt: skip


def to_record(found: Manifest, image: Image, manifest: str, rank: int) -> Json:
    """The columns of `crawled` that a manifest fills; the fetch fills the others."""
    name, where = licence(image.rights or found.rights)
    dates, creators = _about(found, _DATES), _about(found, _CREATORS)
    title = " · ".join(dict.fromkeys(part for part in (found.label, image.label) if part)) or None
    dated = next((date for date in dates if span(date)), next(iter(dates), None))
    line = ", ".join(part for part in (next(iter(creators), None), found.label or "Untitled", dated) if part)
    extra = {"manifest": found.id or manifest, "canvas": image.canvas}
    return record(
        source="iiif", source_id=image.id, page_url=found.page or found.id or manifest, title=title,
        creator=next(iter(creators), None), year_text=dated, year=one_year(dated), genre=_about(found, _GENRES),
        tags=_about(found, _SUBJECTS), licence=name, licence_url=where,
        attribution=". ".join(filter(None, (line, found.credit))) + (f" ({spelled(name)})" if name != UNKNOWN else ""),
        query=manifest, rank=rank, declared_width=image.width, declared_height=image.height,
        extra=json.dumps(extra, ensure_ascii=False, sort_keys=True),
        raw=redacted({"image": image.raw, "metadata": found.about}),
    )  # fmt: skip


def _about(found: Manifest, labels: tuple[str, ...]) -> list[str]:
    """The values of the first of these labels that a manifest has."""
    return next((found.about[label] for label in labels if found.about.get(label)), [])


# documents


def _members(value: Json) -> Iterator[str]:
    for key in ("items", "manifests", "collections", "members"):
        for row in rows(value.get(key)):
            kind = (text(row.get("type")) or text(row.get("@type")) or "Manifest").rpartition(":")[2]
            if kind in ("Manifest", "Collection") and (found := _id(row)):
                yield found
    for key in ("first", "next"):
        place = value.get(key)
        found = _id(place) if isinstance(place, dict) else text(place)
        if found:
            yield found


def _images_3(value: Json, choices: bool) -> Iterator[Image]:
    for canvas in rows(value.get("items")):
        for page in rows(canvas.get("items")):
            for note in rows(page.get("items")):
                if note.get("motivation") in ("painting", ["painting"], None):
                    yield from _bodies(note.get("body"), canvas, choices)


def _images_2(value: Json, choices: bool) -> Iterator[Image]:
    for sequence in rows(value.get("sequences"))[:1]:  # the others show the same canvases in another order
        for canvas in rows(sequence.get("canvases")):
            for note in rows(canvas.get("images")):
                yield from _bodies(note.get("resource"), canvas, choices)


def _bodies(body: Any, canvas: Json, choices: bool) -> Iterator[Image]:
    """The images of an annotation: one, one out of a choice, or one within a specific resource."""
    if isinstance(body, list):
        for one in body:
            yield from _bodies(one, canvas, choices)
    if not isinstance(body, dict):
        return
    kind = (text(body.get("type")) or text(body.get("@type")) or "").rpartition(":")[2]
    if kind == "Choice":
        among = [body.get("default"), *rows(body.get("items")), *rows(body.get("item"))]
        present = [one for one in among if isinstance(one, dict)]
        for one in present if choices else present[:1]:
            yield from _bodies(one, canvas, choices)
    elif kind == "SpecificResource" and isinstance(body.get("source") or body.get("full"), dict):
        yield from _bodies(body.get("source") or body.get("full"), canvas, choices)
    elif kind == "Image":
        yield from _image(body, canvas)


def _image(body: Json, canvas: Json) -> Iterator[Image]:
    services = body.get("service")
    among = rows(services) if isinstance(services, list) else rows([services])
    service = next((service_id(one) for one in among if is_service(one)), None)
    url = _id(body) or (f"{service.rstrip('/')}/full/max/0/default.jpg" if service else None)
    if url:
        yield Image(
            url, service.rstrip("/") if service else None, integer(body.get("width")), integer(body.get("height")),
            _id(canvas) or "", _label(canvas.get("label")), _rights(canvas) or _rights(body), body,
        )  # fmt: skip


# values


def _id(value: Json) -> str | None:
    return text(value.get("id")) or text(value.get("@id"))


def _rights(value: Json) -> str | None:
    said = value.get("rights") or value.get("license")
    return next(iter(_texts(said)), None)


def _credit(value: Json) -> str | None:
    """The statement that must be shown: version 3 gives it a label of its own."""
    said = value.get("requiredStatement")
    found = _texts(said.get("value")) if isinstance(said, dict) else _texts(value.get("attribution"))
    return "; ".join(map(_stripped, found)) or None


def _page(value: Json) -> str | None:
    """The page for people: `homepage` in version 3, `related` in version 2."""
    for key in ("homepage", "related"):
        place = value.get(key)
        for one in place if isinstance(place, list) else [place]:
            found = _id(one) if isinstance(one, dict) else text(one)
            if found and found.startswith("http"):
                return found
    return None


def _metadata(value: Json) -> Iterator[tuple[str, list[str]]]:
    for row in rows(value.get("metadata")):
        label = _label(row.get("label"))
        if label:
            yield label.rstrip(":").lower(), [_stripped(one) for one in _texts(row.get("value"))]


def _label(value: Any) -> str | None:
    return next((_stripped(one) for one in _texts(value)), None)


def _texts(value: Any) -> list[str]:
    """The texts of a value of either version: text, list, `{"@value": …}`, or lists by language, English first."""
    if isinstance(value, list):
        tongues = {str(one.get("@language")): one for one in value if isinstance(one, dict)}
        english = next((one for tongue, one in tongues.items() if tongue.startswith("en")), None)
        return _texts(english) if english else [part for one in value for part in _texts(one)]
    if isinstance(value, dict):
        if "@value" in value:
            return _texts(value["@value"])
        chosen = next((key for key in value if key.startswith("en")), next(iter(value), None))
        return _texts(value[chosen]) if chosen is not None and not chosen.startswith("@") else []
    return [found] if (found := text(value)) else []


def _stripped(value: str) -> str:
    """A text without its HTML."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", value))).strip()
