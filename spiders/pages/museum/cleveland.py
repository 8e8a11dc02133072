"""The Cleveland Museum of Art: whole records, a page at a time, no key."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from spiders.pages.fields import Drift, Json, integer, load, rows, text
from spiders.pages.museum.model import Asked, Museum, Page, Picture, Work, address, side, stem, texts

_PATH = "/api/artworks/"
_SIZES = ("print", "web", "full")
"""Best first: `full` is a TIFF of some hundred megabytes, taken only where there is nothing else."""
_ENDINGS = tuple(f"_{size}" for size in _SIZES)


class Cleveland(Museum):
    """openaccess-api.clevelandart.org. Open access is `share_license_status` CC0."""

    slug = "cleveland"
    title = "The Cleveland Museum of Art"
    home = "https://openaccess-api.clevelandart.org"

    def first(self, asked: Asked) -> str:
        """The first page."""
        return self._url(asked, 0)

    def _url(self, asked: Asked, skip: int) -> str:
        filters, years = asked.filters, asked.years()
        return address(
            asked.base, _PATH, q=asked.query or None, has_image=1, cc0=1 if asked.open_only else None,
            department=filters.get("department"), type=filters.get("type"), artists=filters.get("artist"),
            medium=filters.get("medium"), created_after=years[0] if years else None,
            created_before=years[1] if years else None, limit=asked.rows(self.page_size), skip=skip,
        )  # fmt: skip

    def page(self, body: bytes, asked: Asked, url: str) -> Page:
        """A page of records; the list ends with an empty one, or once `total` is reached. Raises Drift."""
        value = load(body)
        if not isinstance(value, dict) or not isinstance(value.get("data"), list):
            raise Drift("the list has no data")
        info = value["info"] if isinstance(value.get("info"), dict) else {}
        total, skip = integer(info.get("total")), integer(parse_qs(urlsplit(url).query).get("skip", ["0"])[0]) or 0
        after = skip + len(value["data"])
        more = bool(value["data"]) and (total is None or after < total)
        works = [work for work in map(_work, rows(value["data"])) if work]
        return Page(works, total=total, next=self._url(asked, after) if more else None)


def _work(row: Json) -> Work | None:
    number = text(row.get("id"))
    if number is None:
        return None
    creators = rows(row.get("creators"))
    name, _, _life = (text(creators[0].get("description")) or "" if creators else "").partition(" (")
    status = text(row.get("share_license_status"))
    return Work(
        id=number, title=text(row.get("title")), creator=name.strip() or None,
        creator_id=text(creators[0].get("id")) if creators else None, year_text=text(row.get("creation_date")),
        first_year=integer(row.get("creation_date_earliest")), last_year=integer(row.get("creation_date_latest")),
        style=texts(row.get("culture")), genre=texts(row.get("type")),
        tags=texts([row.get("technique"), row.get("collection")]), rights=status, page=text(row.get("url")),
        credit=", ".join(part for part in (Cleveland.title, text(row.get("creditline"))) if part),
        caption=text(row.get("tombstone")), changed=text(row.get("updated_at")), pictures=_pictures(number, row),
        extra={"department": text(row.get("department")), "accession": text(row.get("accession_number"))}, raw=row,
    )  # fmt: skip


def _pictures(number: str, row: Json) -> list[Picture]:
    found = [_picture(number, images) for images in (row.get("images"), *rows(row.get("alternate_images")))]
    return list({picture.id: picture for picture in found if picture}.values())


def _picture(number: str, images: object) -> Picture | None:
    """One picture in its sizes, which may be empty objects or missing; numbers come as text."""
    sizes = images if isinstance(images, dict) else {}
    files = {name: sizes[name] for name in _SIZES if isinstance(sizes.get(name), dict)}
    addresses = [(name, url) for name, file in files.items() if (url := text(file.get("url")))]
    if not addresses:
        return None
    best = files[addresses[0][0]]
    name = stem(addresses[0][1])
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return Picture(f"{number}-{name}", addresses, side(best.get("width")), side(best.get("height")))
