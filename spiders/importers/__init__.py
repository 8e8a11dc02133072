"""Imports of what other tools and people have on disk: one module for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.storage import Root
from spiders.estimate import Estimate
from spiders.folder import folder_items, import_folder, shown
from spiders.importers import export, galleries, imagefolder, instagram, mnist, painters, video, webdataset
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
}
"""What finds the pictures of each kind of import."""


def import_(spec: Mapping[str, Any], root: Root, *, limit: int | None = None, echo: Echo | None = None) -> CrawlSummary:
    """Import what `{import: KIND, path: PATH, …}` names; what the root has already, unchanged, is not read.

    Raises UsageError when there is no such path or nothing of that kind there, and what the storage raises.
    """
    if spec["import"] == "folder":
        return import_folder(spec["path"], root, limit=limit, echo=echo)
    given = _given(spec, root)
    found = KINDS[spec["import"]](given)
    return take_in(found, given.tally, root, given.prefix, described(spec), limit=limit, echo=echo)


def estimate(spec: Mapping[str, Any], root: Root, *, limit: int | None = None) -> Estimate:
    """How many pictures `import_` would take that the root does not have; lists them and reads none.

    Raises what `import_` raises.
    """
    given = _given(spec, root)
    found = folder_items(given.path, root, given.tally) if spec["import"] == "folder" else KINDS[spec["import"]](given)
    return foretell(found, given.tally, root, given.prefix, described(spec), limit=limit)


def _given(spec: Mapping[str, Any], root: Root) -> Given:
    path = Path(spec["path"]).expanduser()
    if not path.exists():
        raise UsageError(f"There is no file or folder {shown(spec['path'])}: check the path.")
    return Given(path, shown(spec["path"]), root, source_prefix(spec), spec, Tally())
