"""IIIF on the gallery: manifests of both versions, collections, and image services of three kinds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spiders.gallery.http1 import Request, Response
from spiders.gallery.pictures import make_variant
from spiders.gallery.sites.museum_records import CC0, IN_COPYRIGHT, MuseumRecords, is_open
from spiders.gallery.sites.museums import CHALLENGE, Limits
from spiders.gallery.works import Work

LEVELS = {"2": "level2", "3": "level2", "tiles": "level0"}
"""Services: Image API 2, Image API 3 with a limit, and a folder of tiles."""
MAX_WIDTH = 900
"""The most that the service of Image API 3 gives."""
TILE = 256
PAGE = 20
"""Manifests on a page of a collection of version 2."""


class IIIF:
    """Answers requests for manifests, collections, info.json and images."""

    def __init__(self, records: MuseumRecords, limits: Limits | None = None) -> None:
        self.records, self.limits = records, limits or Limits()
        self.by_id = {work.id: work for work in records.catalogue.works}
        self.routes: list[tuple[re.Pattern[str], Callable[..., Response]]] = [
            (re.compile(pattern), handler)
            for pattern, handler in (
                (r"/iiif/presentation/([23])/collection", self.collection),
                (r"/iiif/presentation/([23])/([^/]+)/manifest", self.manifest),
                (r"/iiif/(2|3|tiles)/([0-9a-f]+)/info\.json", self.info),
                (r"/iiif/(2|3|tiles)/([0-9a-f]+)/full/([^/]+)/0/default\.jpg", self.image),
            )
        ]

    def answer(self, request: Request) -> Response | None:
        """The answer to a request, or None when the address is not one of these."""
        for pattern, handler in self.routes:
            if match := pattern.fullmatch(request.path):
                return handler(request, *match.groups())
        return None

    def collection(self, request: Request, version: str) -> Response:
        """All artists' manifests: on one page in version 3, twenty a page in version 2."""
        base = f"{self.records.base}/iiif/presentation/{version}"
        slugs = list(self.records.catalogue.by_artist)
        if version == "3":
            items = [{"id": f"{base}/{slug}/manifest", "type": "Manifest", "label": _label(slug)} for slug in slugs]
            return _json({"@context": "http://iiif.io/api/presentation/3/context.json", "id": f"{base}/collection",
                          "type": "Collection", "label": _label("Artists"), "items": items})  # fmt: skip
        start = int(request.query.get("start", -1))
        whole = {"@id": f"{base}/collection", "@type": "sc:Collection", "label": "Artists", "total": len(slugs)}
        if start < 0:
            return _json({**whole, "first": f"{base}/collection?start=0"})
        manifests = [{"@id": f"{base}/{slug}/manifest", "@type": "sc:Manifest"} for slug in slugs[start : start + PAGE]]
        more = {"next": f"{base}/collection?start={start + PAGE}"} if start + PAGE < len(slugs) else {}
        return _json({**whole, "manifests": manifests, **more})

    def manifest(self, request: Request, version: str, slug: str) -> Response:
        """The works of one artist, each on a canvas."""
        works = self.records.catalogue.by_artist.get(slug)
        if not works:
            return Response(404, b'{"error": "not found"}', "application/json")
        return _json(self._three(slug, works) if version == "3" else self._two(slug, works))

    def _three(self, slug: str, works: list[Work]) -> dict[str, Any]:
        where, name = f"{self.records.base}/iiif/presentation/3/{slug}", self.records.creator(works[0])
        return {
            "@context": "http://iiif.io/api/presentation/3/context.json", "id": f"{where}/manifest",
            "type": "Manifest", "label": {"en": [f"Works of {name}"]}, "rights": CC0,
            "requiredStatement": {"label": {"en": ["Attribution"]}, "value": {"en": ["<b>Practice Gallery</b>"]}},
            "metadata": [{"label": {"en": ["Artist"]}, "value": {"none": [name]}},
                         {"label": {"en": ["Date"]}, "value": {"none": [works[0].year_text or "n.d."]}}],
            "homepage": [{"id": f"{self.records.base}/{slug}", "type": "Text", "label": {"en": ["Page"]}}],
            "items": [
                {"id": f"{where}/canvas/{work.id}", "type": "Canvas", "label": {"none": [work.title]},
                 "width": work.width, "height": work.height, **({} if is_open(work) else {"rights": IN_COPYRIGHT}),
                 "items": [{"id": f"{where}/page/{work.id}", "type": "AnnotationPage", "items": [
                     {"id": f"{where}/note/{work.id}", "type": "Annotation", "motivation": "painting",
                      "body": self._body(work, "3"), "target": f"{where}/canvas/{work.id}"}]}]}
                for work in works
            ],
        }  # fmt: skip

    def _body(self, work: Work, service: str) -> dict[str, Any]:
        where = f"{self.records.base}/iiif/{service}/{work.id}"
        entry = {"id": where, "type": f"ImageService{service}", "profile": LEVELS[service]}
        return {"id": f"{where}/full/max/0/default.jpg", "type": "Image", "format": "image/jpeg",
                "width": work.width, "height": work.height, "service": [entry]}  # fmt: skip

    def _two(self, slug: str, works: list[Work]) -> dict[str, Any]:
        where, name = f"{self.records.base}/iiif/presentation/2/{slug}", self.records.creator(works[0])
        return {
            "@context": "http://iiif.io/api/presentation/2/context.json", "@id": f"{where}/manifest",
            "@type": "sc:Manifest", "label": f"Works of {name}", "license": CC0, "attribution": "Practice Gallery",
            "metadata": [{"label": "Creator", "value": name},
                         {"label": [{"@value": "Date", "@language": "en"}], "value": works[0].year_text or "n.d."}],
            "related": {"@id": f"{self.records.base}/{slug}", "format": "text/html"},
            "sequences": [{"@type": "sc:Sequence", "canvases": [self._canvas(where, work) for work in works]}],
        }  # fmt: skip

    def _canvas(self, where: str, work: Work) -> dict[str, Any]:
        """A canvas; every third one's image is a folder of tiles."""
        kind = "tiles" if work.content_id % 3 == 0 else "2"
        service = f"{self.records.base}/iiif/{kind}/{work.id}"
        profile = f"http://iiif.io/api/image/2/{LEVELS[kind]}.json"
        resource = {
            "@id": f"{service}/full/full/0/default.jpg", "@type": "dctypes:Image", "format": "image/jpeg",
            "width": work.width, "height": work.height,
            "service": {"@context": "http://iiif.io/api/image/2/context.json", "@id": service, "profile": profile},
        }  # fmt: skip
        note = {"@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource}
        return {"@id": f"{where}/canvas/{work.id}", "@type": "sc:Canvas", "label": work.title, "images": [note],
                "width": work.width, "height": work.height}  # fmt: skip

    def info(self, request: Request, kind: str, number: str) -> Response:
        """What a service says of an image."""
        work = self.by_id.get(number)
        if work is None:
            return Response(404)
        where, size = f"{self.records.base}/iiif/{kind}/{number}", {"width": work.width, "height": work.height}
        if kind == "3":
            return _json({"@context": "http://iiif.io/api/image/3/context.json", "id": where, "type": "ImageService3",
                          "protocol": "http://iiif.io/api/image", "profile": LEVELS[kind], **size,
                          "maxWidth": MAX_WIDTH})  # fmt: skip
        tiles = {"tiles": [{"width": TILE, "scaleFactors": [1, 2, 4, 8, 16]}]} if kind == "tiles" else {}
        profile = [f"http://iiif.io/api/image/2/{LEVELS[kind]}.json"]
        return _json({"@context": "http://iiif.io/api/image/2/context.json", "@id": where,
                      "protocol": "http://iiif.io/api/image", **size, **tiles, "profile": profile})  # fmt: skip

    def image(self, request: Request, kind: str, number: str, size: str) -> Response:
        """The whole picture in a size; a service of tiles has it only where it fits one tile."""
        if self.limits.challenge:
            return Response(403, CHALLENGE, headers={"cf-mitigated": "challenge", "Server": "cloudflare"})
        work = self.by_id.get(number)
        wanted = self._wanted(kind, work, size) if work else None
        body = make_variant(Path(work.file), wanted) if work and wanted else b""
        return Response(200, body, "image/jpeg") if body else Response(404)

    def _wanted(self, kind: str, work: Work, size: str) -> int | None:
        """The longest side asked for; None when the service does not give it."""
        longest = max(work.width, work.height)
        if kind == "3":
            longest = min(longest, int(longest * min(1.0, MAX_WIDTH / work.width)))
        if size in ("max", "full"):
            return longest if kind != "tiles" and (size == "max" or kind == "2") else None
        found = re.fullmatch(r"(\d+),(\d*)", size)
        if found is None or not 0 < int(found[1]) <= work.width:
            return None
        if kind == "tiles" and (int(found[1]) > TILE or work.height * int(found[1]) / work.width > TILE):
            return None
        asked = round(max(work.width, work.height) * int(found[1]) / work.width)
        return asked if asked <= longest else None


def _label(text: str) -> dict[str, list[str]]:
    return {"en": [text]}


def _json(value: Any) -> Response:
    return Response(200, json.dumps(value, ensure_ascii=False).encode(), "application/ld+json")
