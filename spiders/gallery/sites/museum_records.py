"""The museums' records of the gallery's works: the JSON and XML of each, field by field as the museum spells them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from spiders.gallery.catalogue import Catalogue
from spiders.gallery.works import Work, digest, share

Json = dict[str, Any]
CC0 = "http://creativecommons.org/publicdomain/zero/1.0/"
IN_COPYRIGHT = "http://rightsstatements.org/vocab/InC/1.0/"


def is_open(work: Work) -> bool:
    """Whether a museum gives the picture of a work away: four in five."""
    return share("open", work.key) < 0.8


class MuseumRecords:
    """Makes the records. `hosts` are the base URLs of the hosts where pictures lie; `changes` are days on which works
    were changed (`2026-11-20`), by key, for works that were not left as they were made.
    """

    def __init__(self, catalogue: Catalogue, base: str, hosts: Sequence[str]) -> None:
        self.catalogue = catalogue
        self.base = base
        self.hosts = hosts
        self.changes: dict[str, str] = {}
        self.departments = {name: number for number, name in enumerate(catalogue.titles["style"].values(), 1)}

    def changed(self, work: Work) -> str:
        """The day of the latest change of a work."""
        return self.changes.get(work.key, f"2024-0{1 + digest('month', work.key) % 9}-1{digest('day', work.key) % 9}")

    def image(self, work: Work, folder: str, name: str = "") -> str:
        """An address of a work's picture on one of the hosts: the file is named by the work's number."""
        ending = work.path.rpartition(".")[2]
        host = self.hosts[digest("museum host", work.key) % len(self.hosts)]
        return f"{host}{folder}/{work.content_id}{name}.{ending}"

    def others(self, work: Work) -> list[Work]:
        """The works whose pictures are shown with this one as further views: one, for a quarter of the works."""
        same = self.catalogue.by_artist[work.artist]
        return [same[(same.index(work) + 1) % len(same)]] if share("views", work.key) < 0.25 and len(same) > 1 else []

    def creator(self, work: Work) -> str:
        """The artist's name."""
        return self.catalogue.artist[work.artist].name

    # The Met

    def met(self, work: Work) -> Json:
        """An object of the Met; one that is not open access has no pictures."""
        free, artist = is_open(work), self.catalogue.artist[work.artist]
        department = next(iter(work.styles), "")
        return {
            "objectID": work.content_id, "isHighlight": False, "accessionNumber": f"36.100.{work.content_id % 1000}",
            "accessionYear": "1936", "isPublicDomain": free,
            "primaryImage": self.image(work, "/CRDImages/ep/original") if free else "",
            "primaryImageSmall": self.image(work, "/CRDImages/ep/web-large") if free else "",
            "additionalImages": [self.image(o, "/CRDImages/ep/original") for o in self.others(work)] if free else [],
            "constituents": [{"role": "Artist", "name": artist.name, "gender": ""}], "department": department,
            "objectName": "Painting", "title": work.title, "culture": artist.nation or "", "period": work.period or "",
            "dynasty": "", "artistDisplayName": artist.name, "artistWikidata_URL": "",
            "objectDate": work.year_text or "", "objectBeginDate": work.year or 0, "objectEndDate": work.year or 0,
            "medium": work.technique or "Oil on canvas", "dimensions": "", "creditLine": "Gift of the practice gallery",
            "classification": next(iter(work.genres), "Paintings"), "rightsAndReproduction": "",
            "metadataDate": f"{self.changed(work)}T04:55:34.06Z",
            "objectURL": f"{self.base}/art/collection/search/{work.content_id}",
            "tags": [{"term": tag, "AAT_URL": "", "Wikidata_URL": ""} for tag in work.tags] or None,
        }  # fmt: skip

    # Cleveland

    def cleveland(self, work: Work) -> Json:
        """A record of Cleveland; numbers of pixels and bytes are texts there."""
        artist, free = self.catalogue.artist[work.artist], is_open(work)
        shown = {"print": "_print", "web": "_web"} if share("print", work.key) < 0.9 else {"web": "_web"}
        images = {name: self._file(work, ending) for name, ending in shown.items()} if free else {}
        return {
            "id": work.content_id, "accession_number": f"{work.content_id}.1", "title": work.title,
            "share_license_status": "CC0" if free else "Copyrighted",
            "tombstone": f"{work.title}, {work.year_text or 'n.d.'}. {artist.name}. The Cleveland Museum of Art",
            "creation_date": work.year_text, "creation_date_earliest": work.year, "creation_date_latest": work.year,
            "culture": [artist.nation] if artist.nation else [], "technique": work.technique or "oil on canvas",
            "department": next(iter(work.styles), None), "collection": None,
            "type": next(iter(work.genres), "Painting"), "creditline": "Gift of the practice gallery",
            "creators": [{
                "id": artist.content_id, "description": f"{artist.name} (practice, {artist.birth or ''})",
                "role": "artist", "birth_year": artist.birth, "death_year": artist.death}],
            "images": images or None,
            "alternate_images": [{"web": self._file(one, "_web")} for one in self.others(work)] if free else [],
            "url": f"{self.base}/art/{work.content_id}", "updated_at": f"{self.changed(work)} 09:00:26.170000",
        }  # fmt: skip

    def _file(self, work: Work, ending: str) -> Json:
        url = self.image(work, "/cma", ending)
        return {
            "url": url, "filename": url.rpartition("/")[2], "filesize": "222248", "width": str(work.width),
            "height": str(work.height),
        }  # fmt: skip

    # Smithsonian

    def smithsonian(self, work: Work) -> Json:
        """A row of the Smithsonian: the record is always CC0, its media each have their own terms."""
        number, access = f"saam_{work.content_id}", "CC0" if is_open(work) else "Usage conditions apply"
        media = [
            {
                "type": "Images", "idsId": f"SAAM-{one.content_id}", "usage": {"access": access},
                "guid": f"http://n2t.net/ark:/65665/{one.id}",
                "content": f"{self.base}/ids/deliveryService?id=SAAM-{one.content_id}",
                "thumbnail": f"{self.base}/ids/deliveryService?id=SAAM-{one.content_id}&max=150",
                "resources": [
                    {"label": "High-resolution JPEG", "url": self.image(one, "/ids/media/high"), "width": one.width,
                     "height": one.height},
                    {"label": "Screen Image", "url": self.image(one, "/ids/media/screen")},
                ],
            }
            for one in (work, *self.others(work))
        ]  # fmt: skip
        return {
            "id": f"ld1-{digest('row', work.key) % 10**13}-0", "title": work.title, "unitCode": "SAAM",
            "type": "edanmdm", "url": f"edanmdm:{number}", "hash": f"{digest(self.changed(work), work.key):040x}",
            "docSignature": "", "timestamp": "1653672694", "lastTimeUpdated": "1653672694", "version": "",
            "content": {
                "descriptiveNonRepeating": {
                    "record_ID": number, "unit_code": "SAAM", "data_source": "Practice Gallery of American Art",
                    "title": {"label": "Title", "content": work.title}, "metadata_usage": {"access": "CC0"},
                    "record_link": f"{self.base}/object/{number}", "guid": f"http://n2t.net/ark:/65665/{work.id}",
                    "online_media": {"mediaCount": len(media), "media": media},
                },
                "freetext": {
                    "name": [{"label": "Artist", "content": self.creator(work)}],
                    "date": [{"label": "Date", "content": work.year_text}] if work.year_text else [],
                },
                "indexedStructured": {
                    "object_type": list(work.genres), "topic": list(work.tags), "online_media_type": ["Images"],
                    "date": [f"{work.year // 10 * 10}s"] if work.year else [],
                },
            },
        }  # fmt: skip

    # Europeana

    def europeana(self, work: Work, key: str) -> Json:
        """An item of Europeana's search; its links repeat the key, and fields without values are missing."""
        number = f"/90402/{work.id}"
        item = {
            "id": number, "title": [work.title], "dcCreator": [self.creator(work)],
            "year": [str(work.year)] if work.year else None, "type": "IMAGE", "language": ["en"],
            "rights": [CC0 if is_open(work) else IN_COPYRIGHT], "dataProvider": ["Practice Gallery"],
            "provider": ["Practice Gallery"], "country": ["Netherlands"],
            "edmIsShownBy": [self.image(work, "/europeana/shown")], "edmIsShownAt": [f"{self.base}/object/{work.id}"],
            "edmPreview": [f"{self.image(work, '/europeana/preview')}"],
            "edmConceptPrefLabelLangAware": {"en": list(work.tags)} if work.tags else None,
            "dcTypeLangAware": {"en": list(work.genres)} if work.genres else None,
            "timestamp_update": f"{self.changed(work)}T12:48:32.594Z",
            "link": f"{self.base}/record/v2{number}.json?wskey={key}",
            "guid": f"https://www.europeana.eu/item{number}?utm_source=api&utm_campaign={key}",
        }  # fmt: skip
        return {name: value for name, value in item.items() if value is not None}

    # The Art Institute of Chicago

    def artic(self, work: Work) -> Json:
        """A work of the Art Institute; pictures are named by an id of its image server."""
        return {
            "id": work.content_id, "title": work.title, "image_id": work.id,
            "alt_image_ids": [other.id for other in self.others(work)], "artist_title": self.creator(work),
            "artist_id": self.catalogue.artist[work.artist].content_id, "artist_display": self.creator(work),
            "date_display": work.year_text, "date_start": work.year, "date_end": work.year,
            "is_public_domain": is_open(work), "copyright_notice": None if is_open(work) else "© the artist",
            "credit_line": "Gift of the practice gallery", "style_titles": list(work.styles),
            "classification_titles": list(work.genres), "artwork_type_title": "Painting",
            "department_title": next(iter(work.styles), None), "subject_titles": list(work.tags),
            "thumbnail": {"lqip": "data:image/gif;base64,R0lGOD", "width": work.width, "height": work.height,
                          "alt_text": work.title},
            "updated_at": f"{self.changed(work)}T18:12:48-05:00",
        }  # fmt: skip

    # Rijksmuseum

    def rijksmuseum(self, work: Work) -> str:
        """A record in the Europeana Data Model: names stand beside it, by their address."""
        where, artist = f"https://id.rijksmuseum.nl/{work.content_id}", self.catalogue.artist[work.artist]
        maker = f"https://id.rijksmuseum.nl/31{artist.content_id}"
        created = f"<dcterms:created>{escape(work.year_text)}</dcterms:created>" if work.year_text else ""
        types = "".join(f'<dc:type xml:lang="en">{escape(genre)}</dc:type>' for genre in work.genres)
        return (
            f"<record><header><identifier>{where}</identifier>"
            f"<datestamp>{self.changed(work)}T00:00:00Z</datestamp><setSpec>260214</setSpec></header><metadata>"
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
            'xmlns:edm="http://www.europeana.eu/schemas/edm/" xmlns:ore="http://www.openarchives.org/ore/terms/" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
            'xmlns:skos="http://www.w3.org/2004/02/skos/core#">'
            f'<edm:ProvidedCHO rdf:about="{where}"><dc:title xml:lang="nl">{escape(work.title)} (nl)</dc:title>'
            f'<dc:title xml:lang="en">{escape(work.title)}</dc:title><dc:creator rdf:resource="{maker}"/>'
            f"{created}{types}<dc:identifier>SK-A-{work.content_id}</dc:identifier></edm:ProvidedCHO>"
            f'<edm:Agent rdf:about="{maker}"><skos:prefLabel xml:lang="en">{escape(artist.name)}</skos:prefLabel>'
            f'</edm:Agent><ore:Aggregation rdf:about="{where}/aggregation"><edm:aggregatedCHO rdf:resource="{where}"/>'
            f'<edm:isShownAt rdf:resource="{self.base}/collection/{work.content_id}"/>'
            f'<edm:isShownBy rdf:resource="{self.base}/iiif/2/{work.id}/full/max/0/default.jpg"/>'
            f'<edm:rights rdf:resource="{CC0 if is_open(work) else IN_COPYRIGHT}"/></ore:Aggregation>'
            "</rdf:RDF></metadata></record>"
        )
