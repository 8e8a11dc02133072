"""What stands between the server and everybody else: hosts, origins, the token, sizes, headers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.web.pages import policy

LARGEST = 16 << 20
"""Bytes of the largest request: a decision about 200,000 pictures."""
TOKEN = "X-Wunderkammer"
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": f"{policy(live=True)}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}  # fmt: skip


class Guard:
    """Lets through what comes from pages of this server, by names this machine has for itself.

    A page of another site that reaches the server through a name of its own (DNS rebinding) has that name in Host;
    one that posts from elsewhere has its own Origin and no token. Answers 403, 405, 411, 413 or 415 in one sentence.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; web sockets are refused."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if refused := self._refusal(scope["method"], Headers(scope=scope)):
            await _said(*refused)(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        """Status and sentence when the request is not let through."""
        if headers.getlist("host") not in [[host] for host in self._hosts]:
            return 403, "This server answers only to 127.0.0.1 and localhost."
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self._hosts}:
            return 403, "This request comes from another site."
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "This request comes from another site."
        if method in ("GET", "HEAD"):
            return None
        if method != "POST":
            return 405, f"Nothing here can be asked by {method[:20]}."
        return self._refused_post(headers)

    def _refused_post(self, headers: Headers) -> tuple[int, str] | None:
        given = headers.get(TOKEN, "")
        if not secrets.compare_digest(given.encode(), self._token.encode()):
            return 403, "The token is missing or that of an earlier server: load the page again."
        if headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return 415, "Send JSON."
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return 411, "Say how long the request is."
        if int(length) > LARGEST:
            return 413, f"A request may have {LARGEST:,} bytes."
        return None


def _said(status: int, sentence: str) -> Response:
    return Response(json.dumps({"error": sentence}), status, media_type="application/json")
