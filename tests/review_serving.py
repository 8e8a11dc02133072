"""What tests of the live server share: the server as people start it, and a client over real HTTP."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Client:
    """One who has loaded a page: knows the token, posts from the page's own origin."""

    def __init__(self, address: str) -> None:
        self.host = address.removeprefix("http://").rstrip("/")
        self.token = re.search(r'name="token" content="([^"]+)"', self.raw("GET", "/")[2].decode())[1]

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request, exactly as it is said; `Host: …` replaces the true one."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.putrequest(method, path, skip_host="Host" in (headers or {}), skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None and "Content-Length" not in (headers or {}):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        found = answer.status, answer.headers, answer.read()
        connection.close()
        return found

    def get(self, path: str) -> Any:
        """The JSON of an answer that is well."""
        status, _, data = self.raw("GET", path)
        assert status == 200, data
        return json.loads(data)

    def post(self, path: str, _status: int = 200, **said: Any) -> dict[str, Any]:
        """The JSON of an answer to an order."""
        status, _, data = self.raw("POST", path, json.dumps(said).encode(), self.headers)
        assert status == _status, data
        return json.loads(data)

    @property
    def headers(self) -> dict[str, str]:
        """What a page sends with an order."""
        return {
            "Content-Type": "application/json", "X-Wunderkammer": self.token, "Origin": f"http://{self.host}",
            "Sec-Fetch-Site": "same-origin",
        }


@contextmanager
def serving(root: Path | str) -> Iterator[Client]:
    """`pipeline review` on a free port."""
    command = [sys.executable, "-m", "pipeline.cli", "review", "--root", str(root), "--port", "0", "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield Client(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.communicate(timeout=60)
