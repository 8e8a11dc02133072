"""The gallery's own process: sockets, the sites behind the fault gate, and counters.

It reads the catalogue and the faults as one line of JSON from its standard input, prints the base URL
once it listens, and stops when its standard input ends, so that it never outlives its starter.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections import Counter, deque
from dataclasses import asdict

from pipeline.errors import UsageError
from spiders.gallery.catalogue import Catalogue
from spiders.gallery.faults import Faults, Gate
from spiders.gallery.http1 import Request, Response, serve
from spiders.gallery.pictures import Pictures
from spiders.gallery.sites.graph import Graph
from spiders.gallery.sites.iiif import IIIF
from spiders.gallery.sites.museum_records import MuseumRecords
from spiders.gallery.sites.museums import Museums
from spiders.gallery.sites.search_sites import Search
from spiders.gallery.sites.wikiart import Records
from spiders.gallery.sites.wikiart_api import Api
from spiders.gallery.sites.wikiart_pages import WikiArt

MAIN = "127.0.0.1"
UPLOADS = [f"127.0.0.{10 + number}" for number in range(10)]
"""The addresses that stand for uploads0 to uploads9: ten hosts to a client, as on the real site."""
PRIVATE = "/-/"
BACKLOG = 128
LOG_LENGTH = 100_000


class Site:
    """All sites of the gallery behind one function, with the faults in front and a log of what was asked."""

    def __init__(self, catalogue: Catalogue, faults: Faults, base: str, hosts: list[str]) -> None:
        self.pictures = Pictures(catalogue)
        records = Records(catalogue, hosts)
        self.wikiart = WikiArt(records, base, Api(records, faults.api_calls, faults.api_hour))
        objects = MuseumRecords(catalogue, base, hosts)
        self.museums = (Museums(objects, self.pictures), IIIF(objects))
        self.search = Search(catalogue, base, faults)
        self.graph = Graph(catalogue, base)
        self.gate = Gate(faults)
        self.counts: Counter[str] = Counter()
        self.log: deque[tuple[float, str, int]] = deque(maxlen=LOG_LENGTH)

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        if request.path.startswith(PRIVATE):
            return self._private(request.path.removeprefix(PRIVATE))
        kind, response = self._answer(request)
        self.counts[kind] += 1
        self.counts[f"http_{response.status}"] += 1
        self.counts["requests"] += 1
        self.log.append((asyncio.get_running_loop().time(), request.target, response.status))
        return response

    def _answer(self, request: Request) -> tuple[str, Response]:
        metadata = self.wikiart.is_metadata(request)
        if request.path != "/robots.txt" and (fault := self.gate.fault(request, metadata)):
            return f"fault_{fault[0]}", fault[1]
        if (response := self.pictures.answer(request)) is not None:
            return "image", response
        if (response := self.graph.answer(request)) is not None:
            return "image" if response.kind == "image/jpeg" else "metadata", response
        if (response := self.search.answer(request)) is not None:
            return "search", response
        for site in self.museums:
            if (response := site.answer(request)) is not None:
                return "image" if response.kind.startswith("image/") else "metadata", response
        if (response := self.wikiart.answer(request)) is not None:
            return "metadata" if metadata else "page", response
        return "page", Response(404, b"<h1>404: not found</h1>")

    def _private(self, name: str) -> Response:
        value: object = dict(self.counts) if name == "counts" else list(self.log) if name == "log" else None
        return Response(200 if value is not None else 404, json.dumps(value).encode(), "application/json")


def listen(port: int) -> list[socket.socket]:
    """Sockets on the site's address and, where the system has them, on the ten upload addresses."""
    try:
        main = _bound(MAIN, port)
    except OSError as error:
        raise UsageError(f"Port {port} is taken ({error.strerror}); choose another one, or 0.") from error
    uploads: list[socket.socket] = []
    try:
        uploads.extend(_bound(address, main.getsockname()[1]) for address in UPLOADS)
    except OSError:
        for sock in uploads:
            sock.close()
        uploads = []
    return [main, *uploads]


def _bound(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


async def run(catalogue: Catalogue, faults: Faults, port: int) -> None:
    """Serve until standard input ends."""
    sockets = listen(port)
    port = sockets[0].getsockname()[1]
    base = f"http://{MAIN}:{port}"
    hosts = [f"http://{address}:{port}" for address in UPLOADS] if len(sockets) > 1 else [base] * 10
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    print(base, flush=True)
    await serve(Site(catalogue, faults, base, hosts), sockets, stop)


def order(catalogue: Catalogue, faults: Faults) -> str:
    """The line of JSON that tells the process what to serve."""
    return json.dumps({"catalogue": catalogue.to_json(), "faults": asdict(faults)}) + "\n"


def main() -> None:
    """Entry of the process."""
    given = json.loads(sys.stdin.readline())
    catalogue = Catalogue.from_json(given["catalogue"])
    try:
        asyncio.run(run(catalogue, Faults(**given["faults"]), int(sys.argv[1])))
    except UsageError as error:
        print(f"error: {error}", flush=True)
        sys.exit(error.exit_code)
