"""The IIIF spider: every picture of a manifest, or of all manifests of a collection, in the best size there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

from pipeline.errors import UsageError
from spiders.estimate import Estimate
from spiders.pages import iiif as pages
from spiders.pages import iiif_image
from spiders.pages.iiif import Collection, Image, Manifest
from spiders.pages.museum.model import is_open, rights_of
from spiders.spider import DETAIL, Callback, PictureSpider, Trouble

MOST_DOCUMENTS = 100_000
"""Collections that name more manifests than this, or that grow while they are read, are cut here."""


class IIIFSpider(PictureSpider):
    """Crawls a IIIF manifest or collection, Presentation API 2 or 3.

        scrapy crawl iiif -a manifest=https://example.org/manifest.json

    One request for each manifest, one for each image's info.json, one for the image. `size` is the longest side
    wanted, `choices=yes` takes every image of a choice, `rights=any` also what is not open access.
    """

    name = "iiif"
    home = ""
    rates: ClassVar[dict[str, float]] = {"data": 1.0, "pictures": 1.0}
    pictures_anywhere = True
    checked: ClassVar[dict[str, str]] = {"manifest": "http://127.0.0.1/manifest.json"}
    data_per_picture = 1.0

    def __init__(
        self, manifest: str = "", size: Any = None, rights: Any = None, choices: Any = None, **arguments: Any
    ) -> None:
        parts = urlsplit(manifest)
        given = {"manifest": manifest, "size": size, "rights": rights, "choices": choices, **arguments}
        super().__init__(base_url=f"{parts.scheme}://{parts.netloc}", **given)
        self.manifest = manifest
        self.longest = int(size) if size else None
        self.open_only = rights != "any"
        self.choices = str(choices).lower() in ("yes", "true", "1")
        self.queue: list[str] = [manifest]
        self.visited: set[str] = {manifest}
        self.closed_off = self.unread = self.small = self.manifests = 0

    def ask(self, url: str, callback: Callback, failed: Callback | None = None, **carried: Any) -> Any:
        """A request for a document of the documented API."""
        request = self.data(url, callback, failed, **carried)
        headers = {"Accept": "application/ld+json, application/json;q=0.9, */*;q=0.1"}
        return request.replace(headers=headers, meta={**request.meta, "documented_api": True})

    async def start(self) -> AsyncIterator[Any]:
        """Begin with what was named."""
        yield self.document(self.queue.pop())

    def document(self, url: str) -> Any:
        """A manifest or a collection; the first one must be there."""
        return self.ask(url, self.on_document, self.no_document if url != self.manifest else None, at=url)

    def on_document(self, body: bytes, at: str) -> Iterator[Any]:
        """Take a manifest's images, or line up a collection's members.

        @saved iiif/document/manifest_3/body.json {"at": "http://127.0.0.1/manifest.json"}
        @asks 1 /info.json
        """
        found = pages.document(body, self.choices)
        if isinstance(found, Collection):
            self.line_up(found, at)
        else:
            yield from self.on_manifest(found)
        if self.queue:
            yield from () if self.dry_run else self.next_list(self.document(self.queue.pop()))
            return
        self.list_ended = not self.full and not self.unread
        if not self.rank and not self.closed_off and not self.unread:
            self.give_up(UsageError(f"{at} names no images: check that it is a manifest or a collection of IIIF."))

    def line_up(self, found: Collection, url: str) -> None:
        """Members that were not met before, in order; the last of the queue is asked next."""
        members = [member for one in found.members if (member := urljoin(url, one)) not in self.visited]
        room = MOST_DOCUMENTS - len(self.visited)
        if len(members) > room:
            self.cut(f"The collection has more than {MOST_DOCUMENTS:,} manifests; the others are left out.")
        self.visited.update(members[:room])
        self.queue += reversed(members[:room])

    def on_manifest(self, found: Manifest) -> Iterator[Any]:
        """The images of a manifest whose rights are those asked for."""
        self.manifests += 1
        if self.limit is None and not self.queue:
            self.expected = self.rank + len(found.images)
        for image in found.images:
            if self.open_only and not is_open(rights_of(image.rights or found.rights)[0]):
                self.closed_off += 1
            elif (rank := self.turn(image.id)) is not None:
                yield from self.image(image, pages.to_record(found, image, self.manifest, rank))

    def image(self, image: Image, record: dict[str, Any]) -> Iterator[Any]:
        """Ask the image's service for its sizes; an image without one is fetched as it is named."""
        if image.service is None:
            yield from self.picture(record, [("given", image.url)])
        else:
            url = iiif_image.info_url(image.service)
            given = {"image": image, "record": record}
            yield self.ask(url, self.on_info, self.no_info, **given).replace(priority=DETAIL)

    def on_info(self, body: bytes, image: Image, record: dict[str, Any]) -> Iterator[Any]:
        """The sizes of an image: the best first, and what the manifest names as the last resort."""
        info = iiif_image.info(body, image.service or "")
        found = iiif_image.addresses(info, self.longest)
        self.small += info.tiles_alone
        record |= {"declared_width": info.width, "declared_height": info.height}
        if image.url not in {url for _name, url in found}:
            found.append(("given", image.url))
        yield from self.picture(record, found)

    def no_info(self, trouble: Trouble, image: Image, record: dict[str, Any]) -> Iterator[Any]:
        """Without an info.json the address of the manifest must do."""
        yield from self.picture(record, [("given", image.url)])

    def no_document(self, trouble: Trouble, at: str) -> Iterator[Any]:
        """A member that cannot be had is passed over, and nothing is then taken for gone."""
        self.unread += 1
        if self.queue:
            yield from self.next_list(self.document(self.queue.pop()))

    def foresee(self) -> Estimate:
        """What a crawl would take; of a collection no more is known than how many documents it names."""
        ahead = len(self.queue)
        if not ahead:
            return super().foresee()
        note = f"Documents named by the collection, which a dry run does not open: {ahead:,}."
        return self.estimated(None, {"data": 1 + ahead}, notes=(note,))

    def closed(self, reason: str) -> None:
        """Leave word of what was passed over."""
        if self.closed_off:
            self.notes.append(
                f"{self.closed_off:,} images are not open access, or their manifest says nothing of rights: "
                "--rights any takes them too."
            )
        if self.unread:
            self.notes.append(f"{self.unread:,} manifests could not be read: run the same command again to get them.")
        if self.small:
            self.notes.append(f"{self.small:,} images exist only as tiles: the largest whole picture was taken.")
        super().closed(reason)
