"""What `scrapy check` runs: callbacks of the spiders on saved answers of their sites, without network."""

from __future__ import annotations

import json
import threading
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scrapy.contracts import Contract
from scrapy.exceptions import ContractFail

SAVED = Path(__file__).resolve().parents[1] / "tests" / "pages"
"""Saved answers, which a checkout has and an installed package has not."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@cache
def served() -> str:
    """The address below which the saved answers are served, on loopback, as long as this process lives."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SAVED)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


class Saved(Contract):  # type: ignore[misc]
    """`@saved wikiart/listing/page/input.json {"page": 1}`: the callback gets this body, and the arguments."""

    name = "saved"

    def adjust_request_args(self, args: dict[str, Any]) -> dict[str, Any]:
        """Ask for the saved answer, and call back as `PictureSpider.data` does."""
        path, *carried = self.args
        callback = args["callback"]
        given = json.loads(" ".join(carried) or "{}")
        return {
            **args, "url": f"{served()}/{path}", "meta": {"documented_api": True},
            "callback": lambda response: callback(response.body, **given),
        }  # fmt: skip


class Asks(Contract):  # type: ignore[misc]
    """`@asks 3 /images/`: the callback makes so many requests whose address has this in it."""

    name = "asks"

    def post_process(self, output: list[Any]) -> None:
        """Count them."""
        count, part = int(self.args[0]), self.args[1]
        found = [request.url for request in output if part in getattr(request, "url", "")]
        if len(found) != count:
            raise ContractFail(f"asked for {len(found)} addresses with {part}, not {count}: {found[:5]}")
