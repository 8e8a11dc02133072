"""Imports of what other tools and people have on disk: one module for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline import licences
from pipeline.errors import Reason, UsageError
from pipeline.storage import Root
from spiders.estimate import Estimate
from spiders.folder import folder_items, shown
from spiders.importers import export, galleries, imagefolder, instagram, mnist, painters, photos, video, webdataset
from spiders.importers.given import Given
from spiders.intake import Echo, Item, Tally, foretell, take_in
from spiders.registry import described, source_prefix
from spiders.summary import CrawlSummary

KINDS: Mapping[str, Callable[[Given], Iterator[Item]]] = {
    "painter-by-numbers": painters.items,
    "mnist": mnist.items,
    "imagefolder": imagefolder.items,
    "webdataset": webdataset.items,
    "instaloader": instagram.items,
    "instagram-export": export.items,
    "gallery-dl": galleries.items,
    "video": video.items,
    "photos": photos.items,
}
"""What finds the pictures of each kind of import."""


def import_(spec: Mapping[str, Any], root: Root, *, limit: int | None = None, echo: Echo | None = None) -> CrawlSummary:
    """Import what `{import: KIND, path: PATH, …}` names; what the root has already, unchanged, is not read.

    Raises UsageError when there is no such path or nothing of that kind there, and what the storage raises.
    """
    given = _given(spec, root)
    return take_in(_found(given), given.tally, root, given.prefix, described(spec), limit=limit, echo=echo)


def estimate(spec: Mapping[str, Any], root: Root, *, limit: int | None = None) -> Estimate:
    """How many pictures `import_` would take that the root does not have; lists them and reads none.

    Raises what `import_` raises.
    """
    given = _given(spec, root)
    return foretell(_found(given), given.tally, root, given.prefix, described(spec), limit=limit)


def _found(given: Given) -> Iterator[Item]:
    """The items of an import; those whose licence its argument `license` does not let pass are not read."""
    kind = given.arguments["import"]
    found = folder_items(given.path, given.root, given.tally) if kind == "folder" else KINDS[kind](given)
    chosen = licences.wanted(given.arguments.get("license") or "any")
    for item in found:
        name = item.record["licence"]
        if licences.admits(chosen, name) or item.record["reason"]:
            yield item
        else:
            yield replace(item, record=item.record | {"reason": str(Reason.LICENCE), "detail": name}, read=None)


def _given(spec: Mapping[str, Any], root: Root) -> Given:
    path = Path(spec["path"]).expanduser()
    if not path.exists() and spec["import"] != "folder":
        raise UsageError(f"There is no file or folder {shown(spec['path'])}: check the path.")
    return Given(path, shown(spec["path"]), root, source_prefix(spec), spec, Tally())
