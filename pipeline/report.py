"""The report: static pages of one edition that open from disk and can be mailed as a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pipeline.storage import Root
from pipeline.web import pages, site
from pipeline.web.facts import Facts, Picture
from pipeline.web.pictures import Pictures
from pipeline.web.screens import Screen, pictures
from pipeline.web.site import Site

_BATCH = 256
_OURS = {
    "": re.compile(r"(cluster-\d+(-\d+)?|duplicates-\d+|faces|plants)\.html"),
    "clusters": re.compile(r"\d+(-\d+)?\.html"), "runs": re.compile(r"\d+\.html"),
    "latent": re.compile(r"\d+\.html"), "pictures": re.compile(r"[0-9a-f]{64}(-\d+)?\.html"),
    "data": re.compile(r"(map|map-ids|cluster-\d+)\.js"),
}


def build(root: Root, edition: Mapping[str, Any], out: Root) -> str:
    """Write the pages of `edition` into `out` and return the address of index.html.

    The tables and folders are those the edition names. Pictures that are there already are kept, those no page
    shows any more are deleted, and so are sheets of clusters that are no more. Raises Fatal when a table or a
    thematic folder is damaged or gone, NoSpace when the disk is full.
    """
    facts = Facts(root, edition)
    found = [screen for address in site.addresses(facts) if (screen := site.screen(facts, address))]
    paged = {picture.id: picture for picture in _paged(facts, found)}
    shown = Pictures(root, out, f"{edition['folders']['prepared']}/shards")
    for screen in found:
        _ask(shown, screen)
    shown.ask_large(list(paged.values()))
    shown.make()
    made = Site(facts, shown, paged=frozenset(paged))
    written = set[str]()
    for batch in _batches(_files(made, facts, found, list(paged))):
        out.commit_many(batch)
        written.update(name for name, _ in batch)
    _tidy(out, written)
    return out.address("index.html")


def _ask(shown: Pictures, screen: Screen) -> None:
    for picture in screen.originals:
        shown.ask(picture)
    for picture in screen.prepared:
        shown.ask_prepared(picture)
    for name, path in screen.files.items():
        shown.ask_file(name, path)


def _paged(facts: Facts, found: Sequence[Screen]) -> Iterator[Picture]:
    """The pictures that get a page: all that are shown; of large corpora those that do not stand in sheets alone."""
    small = facts.edition.get("counts", {}).get("crawled", 0) <= site.MAX_PICTURES
    shown = [screen for screen in found if small or screen.template != "cluster.html"]
    return (picture for screen in shown for picture in (*screen.originals, *screen.prepared))


def _files(
    made: Site, facts: Facts, found: Sequence[Screen], paged: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Every file of the report besides its pictures, index.html last."""
    for screen in found[1:]:
        yield screen.address, made.page(screen)
    for at in range(0, len(paged), _BATCH):
        for screen in pictures(facts, paged[at : at + _BATCH]):
            yield screen.address, made.page(screen)
    for address in site.data_addresses(facts):
        if data := made.data(address):
            yield address, data
    for name in sorted(set(pages.STATIC) - set(pages.LIVE)):
        yield f"static/{name}", pages.static(name)
    yield found[0].address, made.page(found[0])


def _batches(files: Iterator[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    for file in files:
        batch.append(file)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


def _tidy(out: Root, written: set[str]) -> None:
    """Delete pages of an earlier edition, and the empty folder that writing leaves behind."""
    for folder, ours in _OURS.items():
        for name in out.names(folder):
            path = f"{folder}/{name}" if folder else name
            if ours.fullmatch(name) and path not in written:
                out.delete(path)
    if out.local:
        with suppress(OSError):
            (out.local / "tmp").rmdir()
