"""A stub DNS for this process and the crawler's: names that end in `.example` get the addresses that are given.

The crawler's process reads them through a `sitecustomize` on its path. Of several answers each look-up takes the
next one, and the last one stays; an empty answer is a name that does not exist.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

CODE = '''
import itertools, json, os, socket
_real, _times = socket.getaddrinfo, {}
_answers = json.loads(os.environ["STUB_NAMES"])
def getaddrinfo(host, port, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    if name not in _answers:
        if str(name).rstrip(".").endswith(".example"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return _real(host, port, *args, **kwargs)
    at = _times[name] = _times.get(name, -1) + 1
    answer = _answers[name][min(at, len(_answers[name]) - 1)]
    if not answer:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return [found for one in answer for found in _real(one, port, type=socket.SOCK_STREAM)]
socket.getaddrinfo = getaddrinfo
'''


def stub(monkeypatch: pytest.MonkeyPatch, folder: Path, **answers: list[list[str]]) -> None:
    """Let names (`_` for `.`) stand for addresses, here and in every child."""
    names = {name.replace("_", "."): found for name, found in answers.items()}
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(CODE)
    monkeypatch.setenv("STUB_NAMES", json.dumps(names))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    place: dict[str, Any] = {}
    exec(compile(CODE, "stub", "exec"), place)
