"""The live pages: routes from addresses to pages, pictures and actions. Imports starlette and uvicorn."""

from __future__ import annotations

import csv
import io
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from typing import Any

import anyio.to_thread
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.errors import NoSpace, PipelineError, UsageError
from pipeline.storage import Root
from pipeline.web import actions, mixing, pages, serving
from pipeline.web.atlas import Atlas
from pipeline.web.guard import LARGEST, Guard
from pipeline.web.jobs import Jobs
from pipeline.web.live import Live

HOST = "127.0.0.1"
_KEPT = {"Cache-Control": "private, max-age=86400"}
_SCRIPTS = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_KINDS = "thumb|large|prepared"
_LOOK = 2.0
Answer = dict[str, Any]


class Server:
    """The routes over one `Live`. Work is done in a thread, one request at a time."""

    def __init__(self, live: Live, jobs: Jobs) -> None:
        self.live = live
        self.jobs = jobs

    def routes(self) -> list[Route]:
        """Every address there is."""
        return [
            Route("/", self.page), Route("/static/{name}", self.static), Route("/data/{name}", self.data),
            Route("/picture/{id}/{kind}.webp", self.picture),
            Route("/api/decide", self.posted(actions.decide), methods=["POST"]),
            Route("/api/undo", self.posted(actions.undo), methods=["POST"]),
            Route("/api/runs", self.posted(self._train), methods=["POST"]),
            Route("/api/runs", self.asked(lambda live, q: {"runs": self.jobs.states()}), methods=["GET"]),
            Route("/api/mix", self.mix, methods=["POST"]),
            Route("/api/split", self.asked(lambda live, q: actions.split(live, _number(q, "theme"), _number(q, "k")))),
            Route("/api/count", self.asked(actions.count)), Route("/api/members", self.asked(_members)),
            Route("/api/journal", self.asked(lambda live, q: actions.history(live, _number(q, "limit", 500)))),
            Route("/api/themes", self.asked(lambda live, q: {"themes": live.catalogue.summary()})),
            Route("/api/map", self.map), Route("/api/export", self.export),
            Route("/{address:path}", self.page),
        ]  # fmt: skip

    # pages

    async def page(self, request: Request) -> Response:
        """A page, or a file of a run that pages show."""
        address = request.path_params.get("address") or "index.html"
        return await self._held(lambda: self._page(address))

    def _page(self, address: str) -> Response:
        if (found := self.live.page(address)) is not None:
            return Response(found, media_type="text/html")
        ending = address.rpartition(".")[2]
        path = self.live.site.files().get(address) if ending in serving.TYPES else None
        data = serving.file(self.live.root, address, path) if path else None
        if data is None:
            return _error(404, "There is no such page: begin at the top.")
        return Response(data, media_type=serving.TYPES[ending], headers=_KEPT)

    async def static(self, request: Request) -> Response:
        """A file that pages load."""
        name = request.path_params["name"]
        if name not in pages.STATIC:
            return _error(404, "There is no such file.")
        return Response(pages.static(name), media_type=_SCRIPTS[name.rpartition(".")[2]])

    async def data(self, request: Request) -> Response:
        """What scripts draw."""
        address = f"data/{request.path_params['name']}"

        def found() -> Response:
            data = self.live.site.data(address)
            return _error(404, "There is no such data.") if data is None else Response(data, media_type=_SCRIPTS["js"])

        return await self._held(found)

    async def picture(self, request: Request) -> Response:
        """A picture by its id: `thumb`, `large` or `prepared`."""
        picture, kind = request.path_params["id"], request.path_params["kind"]
        if kind not in _KINDS.split("|"):
            return _error(404, "There is no such picture.")
        data = await anyio.to_thread.run_sync(self._picture, picture, kind)
        if data is None:
            return _error(404, "There is no such picture.")
        return Response(data, media_type="image/webp", headers=_KEPT)

    def _picture(self, picture: str, kind: str) -> bytes | None:
        """Only looking it up holds the state: many pictures are made at a time."""
        with self.live.held():
            where = self.live.where(picture, kind)
        return serving.made(self.live.root, picture, kind, where) if where else None

    # actions

    def asked(self, act: Callable[[Live, dict[str, str]], Answer]) -> Callable[[Request], Any]:
        """An endpoint that answers a question put in the address."""

        async def answer(request: Request) -> Response:
            query = dict(request.query_params)
            return await self._held(lambda: _json(act(self.live, query)))

        return answer

    def posted(self, act: Callable[[Live, dict[str, Any]], Answer]) -> Callable[[Request], Any]:
        """An endpoint that does what a JSON object says."""

        async def answer(request: Request) -> Response:
            said = await _body(request)
            return said if isinstance(said, Response) else await self._held(lambda: _json(act(self.live, said)))

        return answer

    def _train(self, live: Live, said: Mapping[str, Any]) -> Answer:
        theme, action = said.get("theme"), said.get("action")
        if not isinstance(theme, int) or not live.catalogue.has(theme):
            raise UsageError("Say which theme, by its number.")
        if action not in ("start", "stop"):
            raise UsageError("Say whether to start or to stop.")
        (self.jobs.start if action == "start" else self.jobs.stop)(theme)
        return {"runs": self.jobs.states()}

    async def mix(self, request: Request) -> Response:
        """A picture made by adding and subtracting latent vectors of samples."""
        said = await _body(request)
        if isinstance(said, Response):
            return said

        def made() -> Response:
            with self.live.held():
                wanted = mixing.asked(self.live.edition, said)
            return Response(mixing.mixed(self.live.root, wanted), media_type="image/png")

        return await anyio.to_thread.run_sync(_told, made)

    async def map(self, _request: Request) -> Response:
        """The map: count as uint32, x, y as float32 (n,), themes as int32 (n,), little-endian, then ids of 32 bytes."""

        def found() -> Response:
            made = self.live.site.atlas
            if made is None:
                return _error(404, "Nothing was embedded yet.")
            return Response(_packed(made), media_type="application/octet-stream")

        return await self._held(found)

    async def export(self, request: Request) -> Response:
        """The members of a theme, or of all, as CSV or JSON lines, nearest to the middle first."""
        query = dict(request.query_params)
        form = query.get("format", "csv")

        def made() -> Response:
            if form not in ("csv", "jsonl"):
                raise UsageError("Export csv or jsonl.")
            theme = _number(query, "theme") if "theme" in query else None
            rows = list(_exported(self.live, theme))
            name = f"{self.live.corpus}-{'all' if theme is None else f'{theme:02d}'}.{form}"
            text = _csv(rows) if form == "csv" else "".join(f"{json.dumps(row, default=str)}\n" for row in rows)
            kind = "text/csv" if form == "csv" else "application/x-ndjson"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return Response(text, media_type=kind, headers=headers)

        return await self._held(made)

    async def _held(self, work: Callable[[], Response]) -> Response:
        """Do the work in a thread; what people did wrong is a sentence."""
        return await anyio.to_thread.run_sync(_told, lambda: self._do(work))

    def _do(self, work: Callable[[], Response]) -> Response:
        with self.live.held():
            return work()


def _told(work: Callable[[], Response]) -> Response:
    """What work answers; what went wrong is a sentence."""
    try:
        return work()
    except UsageError as error:
        return _error(400, str(error))
    except NoSpace as error:
        return _error(507, str(error))
    except PipelineError as error:
        return _error(500, str(error))


async def _body(request: Request) -> dict[str, Any] | Response:
    """The JSON object that was sent, or what is wrong with it."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > LARGEST:
            return _error(413, f"A request may have {LARGEST:,} bytes.")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return _error(400, "That is no JSON.")
    return said if isinstance(said, dict) else _error(400, "Send a JSON object.")


def _json(value: Answer) -> Response:
    return Response(json.dumps(value, separators=(",", ":")), media_type="application/json")


def _error(status: int, sentence: str) -> Response:
    return Response(json.dumps({"error": sentence}), status, media_type="application/json")


def _number(query: Mapping[str, str], name: str, otherwise: int | None = None) -> int:
    text = query.get(name, "" if otherwise is None else str(otherwise))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"`{name}` must be a number.")
    return int(text)


def _members(live: Live, query: Mapping[str, str]) -> Answer:
    order, text = query.get("order", "medoid"), query.get("q", "")
    theme, page = _number(query, "theme"), max(1, _number(query, "page", 1))
    return actions.members(live, theme, order, text, page, _number(query, "seed", 0))


def _exported(live: Live, theme: int | None) -> Iterator[dict[str, Any]]:
    """What is known of the members, with their place in the theme."""
    wanted = [one["id"] for one in live.catalogue.summary()] if theme is None else [theme]
    for number in wanted:
        rows = actions.ordered(live, number, "medoid", "", 0)
        said = live.catalogue.said.take(live.catalogue.of[rows]).to_pylist()
        far = live.distances(rows, number)
        order = sorted(range(len(rows)), key=lambda at, far=far: far[at])  # type: ignore[misc]
        for at in order:
            row = said[at]
            yield {
                "theme": number, "name": live.catalogue.name(number), "id": live.catalogue.ids[rows[at]],
                "distance": round(float(far[at]), 6),
                **{key: row[key] for key in ("title", "creator", "year", "source", "licence", "page_url", "format")},
            }


def _packed(made: Atlas) -> bytes:
    places = np.asarray(made.places, "<f4")
    ids = b"".join(bytes.fromhex(one[:64]) for one in made.ids)
    return b"".join((
        len(made.ids).to_bytes(4, "little"), places[:, 0].tobytes(), places[:, 1].tobytes(),
        np.asarray(made.themes, "<i4").tobytes(), ids,
    ))  # fmt: skip


def _csv(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV; no cell is a formula to a spreadsheet."""
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(rows[0] if rows else [])
    for row in rows:
        cells = ["" if value is None else str(value) for value in row.values()]
        writer.writerow([f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells])
    return sink.getvalue()


def application(live: Live, jobs: Jobs, port: int) -> Guard:
    """The whole server as an ASGI application."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> Any:
        yield
        await anyio.to_thread.run_sync(jobs.close)

    return Guard(Starlette(routes=Server(live, jobs).routes(), lifespan=lifespan), port, live.token)


def serve(root: Root, corpus: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve the pages of a corpus on 127.0.0.1 until stopped; `ready` is told the address once it answers.

    Raises UsageError when the port is taken.
    """
    with closing(_listening(port)) as listener:
        taken = int(listener.getsockname()[1])
        live, jobs = Live(root, corpus, secrets.token_urlsafe(24)), Jobs(root.url, corpus)
        config = uvicorn.Config(
            application(live, jobs, taken), log_level="warning", access_log=False, server_header=False, ws="none",
            h11_max_incomplete_event_size=64 << 10, timeout_keep_alive=75, timeout_graceful_shutdown=5,
        )
        live.warm()
        ready(f"http://{HOST}:{taken}/")
        with _following(live):
            uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _following(live: Live) -> Iterator[None]:
    """Look every other second whether there is a newer edition, so that it is read before anybody asks for it; and
    before that prepare for the first split of this one."""
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(_LOOK):
            with suppress(PipelineError):  # whoever asks for a page is told
                live.follow()

    def prepare() -> None:
        with suppress(PipelineError):  # who splits is told
            live.prepare()

    watcher = threading.Thread(target=follow, daemon=True)
    watcher.start()
    threading.Thread(target=prepare, daemon=True).start()  # not waited for: it is cut off as the server ends
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _listening(port: int) -> socket.socket:
    # Only of a socket that says it is TCP does asyncio send small answers at once.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"Port {port} cannot be used ({why}): choose another with --port, or 0 for any.") from None
    listener.listen(128)
    return listener
