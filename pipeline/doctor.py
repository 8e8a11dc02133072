"""Checks of this machine and the root, each with what was found and what to do."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import sys
from collections.abc import Callable
from typing import Any

from pipeline import models
from pipeline.edition import versions
from pipeline.errors import PipelineError
from pipeline.storage import Root

_MIN_FREE = 2 << 30


def check(root: Root, probe: bool = True) -> list[dict[str, Any]]:
    """`{name, ok, found}` for each check; without `probe` nothing is written to the root."""
    checks: list[tuple[str, Callable[[], tuple[bool, str]]]] = [
        ("python", _python), ("machine", _machine), ("packages", _packages), ("models", _models),
    ]
    if probe:
        checks += [("root", lambda: _root(root)), ("claims", lambda: _claims(root)), ("space", lambda: _space(root))]
    found = []
    for name, ask in checks:
        try:
            ok, text = ask()
        except (PipelineError, OSError) as error:
            ok, text = False, str(error)
        found.append({"name": name, "ok": ok, "found": text})
    return found


def _python() -> tuple[bool, str]:
    return (3, 11) <= sys.version_info < (3, 13), f"Python {platform.python_version()} (3.11 or 3.12 is needed)"


def _machine() -> tuple[bool, str]:
    return True, f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def _packages() -> tuple[bool, str]:
    found = versions()
    return True, ", ".join(f"{name} {version}" for name, version in found.items())


def _models() -> tuple[bool, str]:
    missing = [model["name"] for model in models.status() if not (model["present"] or model["optional"])]
    return not missing, f"missing {', '.join(missing)}: run `pipeline models fetch`" if missing else "all here"


def _root(root: Root) -> tuple[bool, str]:
    probe = f"tmp/doctor-{secrets.token_hex(4)}"
    root.commit(probe, b"ok")
    whole = root.read(probe) == b"ok"
    root.delete(probe)
    return whole, f"{root.url} can be written"


def _claims(root: Root) -> tuple[bool, str]:
    """Some object stores accept a conditional write and ignore the condition: then two runs would both win."""
    probe = f"tmp/doctor-{secrets.token_hex(4)}"
    first, second = root.claim(probe, b"1"), root.claim(probe, b"2")
    root.delete(probe)
    if first and not second:
        return True, "two writers exclude each other"
    return False, "this store lets two writers claim the same name: never run two ingests on it at once"


def _space(root: Root) -> tuple[bool, str]:
    if root.local is None:
        return True, "an object store"
    free = shutil.disk_usage(root.local).free
    return free >= _MIN_FREE, f"{free / 1e9:,.1f} GB free" + ("" if free >= _MIN_FREE else ": make room")
