"""The report: static pages of one edition that open from disk and can be mailed as a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pipeline.storage import Root
from pipeline.web.facts import Facts
from pipeline.web.pages import STATIC, Files, Pages, static
from pipeline.web.pictures import Pictures
from pipeline.web.screens import navigation, screens

_SHEETS = re.compile(r"(cluster-\d+(-\d+)?|duplicates-\d+|faces|plants)\.html")


def build(root: Root, edition: Mapping[str, Any], out: Root) -> str:
    """Write the pages of `edition` into `out` and return the address of index.html.

    The tables and folders are those the edition names. Pictures that are there already are kept, those no page
    shows any more are deleted, and so are sheets of clusters that are no more. Raises Fatal when a table or a
    thematic folder is damaged or gone, NoSpace when the disk is full.
    """
    links, facts = Files(), Facts(root, edition)
    found = list(screens(facts, links))
    pictures = Pictures(root, out, f"{edition['folders']['prepared']}/shards")
    for screen in found:
        for picture in screen.originals:
            pictures.ask(picture)
        for picture in screen.prepared:
            pictures.ask_prepared(picture)
        for name, path in screen.files.items():
            pictures.ask_file(name, path)
    pictures.make()
    pages = Pages(links, {"edition": edition, "navigation": navigation(edition), "pictures": pictures})
    for screen in found:
        out.commit(screen.address, pages.render(screen.template, **screen.facts))
    for name in STATIC:
        out.commit(links.asset(name), static(name))
    _tidy(out, {screen.address for screen in found})
    return out.address("index.html")


def _tidy(out: Root, written: set[str]) -> None:
    """Delete sheets of an earlier edition, and the empty folder that writing leaves behind."""
    for name in out.names("", ".html"):
        if _SHEETS.fullmatch(name) and name not in written:
            out.delete(name)
    if out.local:
        with suppress(OSError):
            (out.local / "tmp").rmdir()
