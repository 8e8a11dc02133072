"""Taking in one source of a manifest: a crawl, an import, or a crawl of the practice gallery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pipeline import models
from pipeline.errors import UsageError
from pipeline.storage import Root
from spiders import registry
from spiders.estimate import Estimate

Echo = Callable[[str], None]
_PRACTICE = {"pictures": "painted", "count": 2000, "seed": 0}


def check(source: Mapping[str, Any]) -> None:
    """Refuse a source that is unknown, not built yet, or wrongly asked, in one sentence (UsageError)."""
    registry.check(_spec(source))


def prefix(source: Mapping[str, Any]) -> str:
    """How the partitions of this source begin."""
    return registry.source_prefix(_spec(source))


def take_in(source: Mapping[str, Any], root: Root, echo: Echo) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Crawl or import what is new; the summary, and the truth about the plants of a practice gallery.

    Raises SourceRefused when the site blocks, limits or is down, UsageError for a name it does not know.
    """
    from spiders.run import take

    base_url, truth = None, None
    with ExitStack() as stack:
        if "gallery" in source:
            base_url, truth = _open_gallery(_practice(source["gallery"]), stack, echo)
        summary = take(_spec(source), root, base_url=base_url, echo=echo)
    echo(f"crawl    {summary}")
    for note in summary.notes:
        echo(f"Note: {note}")
    return summary.to_json(), truth


def estimate(source: Mapping[str, Any], root: Root) -> Estimate:
    """What taking in a source would fetch and cost; stores nothing. Raises what `take_in` raises."""
    from spiders import run

    return run.estimate(_spec(source), root)


def enquire(source: Mapping[str, Any], root: Root) -> list[str]:
    """The names with which a source answers, such as all styles; stores nothing. Raises what `take_in` raises."""
    from spiders import run

    return run.enquire(_spec(source), root)


def failed(root: Root, reasons: str | None, names: Sequence[str]) -> list[dict[str, Any]]:
    """What `retry` would ask for: each source with the number of pictures by reason. Raises what it raises."""
    from spiders import again

    found = again.failed(root, again.reasons_named(reasons), names)
    return [{"source": one.name, "failed": dict(one.counts)} for one in found]


def retry(root: Root, reasons: str | None, names: Sequence[str], echo: Echo) -> list[dict[str, Any]]:
    """Try the pictures again that failed for these reasons; the summary of each source that had some.

    Raises UsageError for an unknown reason or source, and what `take_in` raises.
    """
    from spiders import again, run

    summaries = run.retry(root, again.reasons_named(reasons), names, echo=echo)
    for summary in summaries:
        echo(f"retry    {summary}")
    return [summary.to_json() for summary in summaries]


def _spec(source: Mapping[str, Any]) -> dict[str, Any]:
    """The source as the spiders take it: a practice gallery is named by what it shows."""
    spec = dict(source)
    if "gallery" in spec:
        asked = _practice(spec["gallery"])
        spec["gallery"] = f"{asked['pictures']} {asked['count']} {asked['seed']}"
    return spec


def _practice(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What `gallery:` asks for, with defaults: painted pictures or a folder, how many, the seed."""
    if not isinstance(asked, Mapping) or not asked.keys() <= _PRACTICE.keys():
        raise UsageError("`gallery` takes {pictures: painted or a folder, count: 2000, seed: 0}.")
    return {**_PRACTICE, **asked}


def serve_gallery(asked: Mapping[str, Any], port: int, echo: Echo) -> None:
    """Serve the practice gallery until this process is stopped."""
    with ExitStack() as stack:
        url, _ = _open_gallery(_practice(asked), stack, echo, port)
        echo(f"Next: pipeline crawl wikiart --base-url {url}   (Ctrl-C stops the gallery)")
        threading.Event().wait()


def _open_gallery(
    asked: Mapping[str, Any], stack: ExitStack, echo: Echo, port: int = 0
) -> tuple[str, dict[str, Any] | None]:
    from spiders.gallery import Catalogue, Faults, Gallery

    truth: dict[str, Any] | None = None
    if asked["pictures"] == "painted":
        cache = models.cache_folder().parent / "gallery"
        faces, tell = models.find("demo_faces"), _progress(echo)
        catalogue, truth = Catalogue.painted(asked["seed"], asked["count"], cache, faces, tell)
    else:
        catalogue = Catalogue.from_folder(Path(asked["pictures"]).expanduser())
    gallery = stack.enter_context(Gallery(catalogue, Faults.few(asked["seed"]), port))
    echo(f"gallery  {len(catalogue.works):,} works on {gallery.url}")
    return gallery.url, truth


def _progress(echo: Echo) -> Callable[[int, int], None]:
    """Tells how far the painting is, every ten seconds."""
    said = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said > 10:
            echo(f"gallery  painted {done:,} of {total:,} pictures")
            said = time.monotonic()

    return tell
