"""A tiny WikiArt on loopback for tests that script each answer; the practice gallery is the faithful one."""

from __future__ import annotations

import csv
import io
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from pipeline import tables
from pipeline.storage import Root

Headers = dict[str, str]
Answer = tuple[int, Headers, bytes]
Script = Callable[["Site", int], "Answer | Iterable[bytes]"]
"""Gets the site and the how-many-th request for the path this is (from 1); pieces of bytes are sent raw."""


def png(seed: int) -> bytes:
    """A small picture unlike those of other seeds."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (seed % 256, seed // 256 % 256, 77)).save(stream, "PNG")
    return stream.getvalue()


def ok(body: bytes, kind: str = "image/png", **headers: str) -> Answer:
    return 200, {"Content-Type": kind, **{key.replace("_", "-"): value for key, value in headers.items()}}, body


def always(*answer: Any) -> Script:
    return lambda site, times: answer  # type: ignore[return-value]


def rows(root: Root) -> list[dict[str, Any]]:
    """All rows of `crawled`, by their ranks."""
    names = tables.names(root, tables.CRAWLED)
    found = [row for name in names for row in tables.read(root, tables.CRAWLED, name).to_pylist()]
    return sorted(found, key=lambda row: (row["rank"], row["source_id"]))


def indexed(folder: Path, header: list[str], lines: list[list[Any]]) -> Path:
    """A folder of small pictures, each different, and an index that says of number n what its line does."""
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", *header])
        for number, line in enumerate(lines):
            (folder / f"{number:03d}.png").write_bytes(png(number))
            writer.writerow([f"{number:03d}.png", *line])
    return folder


class Server(ThreadingHTTPServer):
    """Takes as many connections at once as a crawler opens, and is silent when one breaks."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Server6(Server):
    address_family = socket.AF_INET6


class Site:
    """Serves `count` works of one artist in the style Cubism; `scripts` override single paths.

    A work n has its picture at /images/a/n.png. `log` has (time, path with query) of every request.
    """

    def __init__(
        self, count: int = 3, scripts: dict[str, Script] | None = None, robots: str = "", address: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.address, self.tls = address, tls
        self.count, self.scripts, self.robots = count, scripts or {}, robots
        self.log: list[tuple[float, str]] = []
        self.headers: list[Any] = []
        self.bodies: list[bytes] = []
        self.images: dict[int, str] = {}
        self.titles: dict[int, str] = {}
        self._asked = threading.local()
        self._lock = threading.Lock()

    def __enter__(self) -> Site:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site._serve(self)

            def do_POST(self) -> None:
                site.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                site._serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = (Server6 if ":" in self.address else Server)((self.address, 0), Handler)
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        host = "[::1]" if ":" in self.address else "127.0.0.1"
        self.url = f"{'https' if self.tls else 'http'}://{host}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def asked(self, part: str) -> list[float]:
        """When addresses with `part` in them were asked."""
        return [when for when, path in self.log if part in path]

    @property
    def now(self) -> Any:
        """The headers of the request that a script answers."""
        return self._asked.headers

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        self._asked.headers = handler.headers
        with self._lock:
            self.log.append((time.monotonic(), handler.path))
            self.headers.append(handler.headers)
            times = sum(path == handler.path for _, path in self.log)
        path = urlsplit(handler.path).path
        script = self.scripts.get(path) or self.scripts.get(handler.path)
        answer = script(self, times) if script else self.answer(handler.path)
        with suppress(ConnectionError, TimeoutError):
            if isinstance(answer, tuple):
                self._send(handler, *answer)
            else:
                handler.close_connection = True
                for piece in answer:
                    handler.wfile.write(piece)
                    handler.wfile.flush()

    def _send(self, handler: BaseHTTPRequestHandler, status: int, headers: Headers, body: bytes) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def answer(self, target: str) -> Answer:
        """What the site says when no script does."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == "/robots.txt":
            return ok(self.robots.encode(), "text/plain") if self.robots else (404, {}, b"")
        if path == "/en/App/wiki/DictionariesJson/2":
            return self.json([{"title": "Cubism", "url": "cubism"}, {"title": "Pop Art", "url": "pop-art"}])
        if path == "/en/App/Artist/AlphabetJson":
            return self.json([{"url": "a", "artistName": "A. Artist", "deathDayAsString": "1900", "contentId": 1}])
        if path == "/en/App/Painting/PaintingsByArtist":
            return self.json([{"contentId": n, "image": self.image(n)} for n in range(self.count)])
        if path.startswith("/en/App/Painting/ImageJson/"):
            number = int(path.rpartition("/")[2])
            return self.json({"contentId": number, "artistUrl": "a", "url": f"w{number}", "style": "Cubism, Orphism",
                              "genre": "portrait", "tags": "hat", "completitionYear": 1911})  # fmt: skip
        if path in ("/en/paintings-by-style/cubism", "/en/a/mode/all-paintings"):
            start = (int(query["page"][0]) - 1) * 60
            works = [self.work(n) for n in range(start, min(start + 60, self.count))]
            return self.json({"Paintings": works or None, "AllPaintingsCount": self.count})
        if path == "/en/paintings-by-style/pop-art":
            return self.json({"Paintings": None, "AllPaintingsCount": 0})
        if path.startswith("/images/a/") and path.endswith(".png"):
            return ok(png(int(path.rpartition("/")[2].removesuffix(".png"))))
        return 404, {}, b"<h1>not found</h1>"

    def json(self, value: Any) -> Answer:
        return ok(json.dumps(value).encode(), "application/json")

    def image(self, number: int) -> str:
        return self.images.get(number, f"{self.url}/images/a/{number}.png")

    def work(self, number: int) -> dict[str, Any]:
        return {"id": f"{number:024x}", "title": self.titles.get(number, f"Work {number}"),
                "year": "1911", "width": 8, "height": 8,
                "artistName": "A. Artist", "image": self.image(number), "paintingUrl": f"/en/a/w{number}",
                "artistUrl": "/en/a"}  # fmt: skip
