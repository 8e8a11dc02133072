"""The museums' replicas in this process, so that a test can script answers, change works, and see what was asked."""

from __future__ import annotations

import asyncio
import csv
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spiders.gallery import Catalogue
from spiders.gallery.http1 import Request, Response, serve
from spiders.gallery.pictures import Pictures
from spiders.gallery.server import UPLOADS, listen
from spiders.gallery.sites.iiif import IIIF
from spiders.gallery.sites.museum_records import MuseumRecords
from spiders.gallery.sites.museums import Limits, Museums
from tests.spiders_site import png

Script = Callable[[Request, int], Response | None]
"""Gets a request and the how-many-th for its address it is; None lets the replica answer."""


def catalogue(folder: Path, count: int = 40) -> Catalogue:
    """Works by four artists in two styles, dated from 1600 on, each with a picture of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "title", "artist", "style", "genre", "year", "tags"])
        for number in range(count):
            name = f"{number:04d}.png"
            (folder / name).write_bytes(png(number))
            artist = ("Jane Doe", "Matthias Grünling", "Zoë", "Ann Other")[number % 4]
            subject = "Skull" if number % 5 == 0 else "Flower"
            style = ("Baroque", "Pop Art")[number % 2]
            writer.writerow([name, f"{subject} {number}", artist, style, "still life", f"c. {1600 + number}", "table"])
    return Catalogue.from_folder(folder)


class MuseumSite:
    """Serves the museums and IIIF on loopback while the context lasts; pictures lie on ten other addresses.

    `log` has the paths with query of every request and `images` those for pictures; `scripts` go before the replica,
    by what an address begins with.
    """

    def __init__(self, works: Catalogue, limits: Limits | None = None, robots: str | None = None) -> None:
        self.works, self.limits, self.robots = works, limits or Limits(), robots
        self.log: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.scripts: dict[str, Script] = {}

    def __enter__(self) -> MuseumSite:
        sockets = listen(0)
        port = sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        hosts = [f"http://{address}:{port}" for address in UPLOADS] if len(sockets) > 1 else [self.url] * 10
        self.records = MuseumRecords(self.works, self.url, hosts)
        self.museums = Museums(self.records, Pictures(self.works), self.limits)
        self.iiif = IIIF(self.records, self.limits)
        self.loop, self.stop = asyncio.new_event_loop(), asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(serve(self, sockets, self.stop),))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(10)
        self.loop.close()

    def __call__(self, request: Request) -> Response:
        self.log.append(request.target)
        self.headers.append(dict(request.headers))
        for start, script in self.scripts.items():
            if request.target.startswith(start) and (found := script(request, self.log.count(request.target))):
                return found
        if request.path == "/robots.txt":
            return Response(200, self.robots.encode(), "text/plain") if self.robots else Response(404)
        return self.museums.answer(request) or self.iiif.answer(request) or Response(404, b"<h1>404</h1>")

    def asked(self, part: str) -> list[str]:
        """The requests with `part` in their address."""
        return [target for target in self.log if part in target]

    def clear(self) -> None:
        """Forget what was asked."""
        self.log.clear()
        self.headers.clear()


def refuse(status: int, body: bytes = b"", **headers: Any) -> Script:
    """A script that always answers so."""
    return lambda request, times: Response(status, body, headers={k.replace("_", "-"): v for k, v in headers.items()})
