"""A canary for each secret: after runs that fail in every way, over a server that repeats whatever it is told, it is
found nowhere: not in what was printed, nor in any file under the root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spiders.pages.web import PROVIDERS
from spiders.registry import SOURCES, source_prefix
from spiders.secrets import NAMES
from tests.museum_site import MuseumSite, catalogue
from tests.spiders_site import Answer, Site

REPOSITORY = Path(__file__).parents[1]
CANARY = "c4n4ry"
SPECS: dict[str, dict[str, Any]] = {
    "wikiart-api": {"crawl": "wikiart", "artist": "a", "api": "yes"},
    "instagram": {"crawl": "instagram", "tag": "skull"},
    "museum-smithsonian": {"crawl": "museum", "museum": "smithsonian", "query": "skull"},
    "museum-europeana": {"crawl": "museum", "museum": "europeana", "query": "skull"},
    **{
        f"web-{name}": {"crawl": "web", "query": "skull", "provider": name}
        for name, kind in PROVIDERS.items() if set(kind.keys) & set(NAMES) or name == "openverse"
    },
}  # fmt: skip
"""A run of each source that takes a key."""


class Parrot(Site):
    """Repeats the address and headers of each request in its answer, with another status each time."""

    def _serve(self, handler: Any) -> None:
        self.said = {"target": handler.path, "headers": dict(handler.headers)}
        super()._serve(handler)

    def answer(self, target: str) -> Answer:
        if target.startswith("/robots.txt"):
            return 404, {}, b""
        if target.startswith(("/en/", "/images/")) and "/api/" not in target:
            return super().answer(target)
        if "/skull.png" in target:
            return super().answer("/images/a/1.png")
        gate = any(word in target.lower() for word in ("token", "login"))
        status = 200 if gate else (200, 500, 200, 401)[len(self.log) % 4]
        leak = json.dumps(self.said)
        page = f"{self.url}{target}"
        body = {
            "error": {"message": leak, "type": "OAuthException", "code": 190, "fbtrace_id": leak}, "detail": leak,
            "message": page, "access_token": f"{CANARY}-issued-1234", "SessionKey": f"{CANARY}-session-1234",
            "id": page, "expires_in": 3600,
            "data": [{"id": "1", "permalink": page, "media_type": "IMAGE", "media_url": f"{page}#/skull.png"}],
            "paging": {"next": page, "cursors": {"after": leak}}, "results": [{"id": page, "url": page, "title": leak}],
            "items": [{"title": leak, "link": f"{page}&/skull.png"}], "Exception": {"Message": leak},
        }  # fmt: skip
        return status, {"Content-Type": "application/json", "X-Leak": leak, "Link": page}, json.dumps(body).encode()


def arguments(spec: dict[str, Any]) -> list[str]:
    """The command line of a spec."""
    given = {key: value for key, value in spec.items() if key != "crawl"}
    source = SOURCES[spec["crawl"]]
    made = [spec["crawl"]]
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        made += [value] if name == source.positional else [option] if name in source.switches else [option, value]
    return made


@pytest.mark.parametrize("name", SPECS)
def test_no_secret_is_left_anywhere(name: str, tmp_path: Path) -> None:
    spec, root = SPECS[name], tmp_path / "root"
    given = {secret: f"{CANARY}+{secret.lower()}/1=" for secret in NAMES}
    env = {**os.environ, **given, "XDG_CONFIG_HOME": str(tmp_path), "SEARXNG_URL": ""}
    with Parrot(1) as site:
        command = [sys.executable, "-m", "pipeline.cli", "crawl", *arguments(spec), "--limit", "3", "-v", "--json",
                   "--base-url", site.url, "--root", str(root)]  # fmt: skip
        done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
        asked = " ".join(path for _, path in site.log) + str([dict(headers) for headers in site.headers] + site.bodies)
    assert CANARY in asked, f"the run never used its key:\n{done.stdout}\n{done.stderr}"
    assert CANARY not in done.stdout and CANARY not in done.stderr
    leaks = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and leaked(path)]
    assert not leaks
    assert CANARY not in " ".join(str(path) for path in root.rglob("*"))


def test_a_key_that_works_is_left_nowhere_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, given = tmp_path / "root", {name: f"{CANARY}+{name.lower()}/1=" for name in NAMES}
    monkeypatch.setattr("spiders.gallery.sites.museums.KEYS", {given["SMITHSONIAN_KEY"]})
    env = {**os.environ, **given, "XDG_CONFIG_HOME": str(tmp_path)}
    with MuseumSite(catalogue(tmp_path / "works", 8)) as site:
        asked = ["crawl", "museum", "--museum", "smithsonian", "--query", "skull", "-v", "--json"]
        command = [sys.executable, "-m", "pipeline.cli", *asked, "--base-url", site.url, "--root", str(root)]
        done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
        used = f"{site.log} {site.headers}"
    assert done.returncode == 0 and json.loads(done.stdout)["new"] > 0, done.stderr
    assert CANARY in used and CANARY not in done.stdout + done.stderr
    assert not [path for path in root.rglob("*") if path.is_file() and leaked(path)]


def leaked(path: Path) -> bool:
    """Whether a file holds the canary, also inside the compressed columns of a table."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return CANARY in str(pq.read_table(path).to_pylist()) or CANARY in str(pq.read_schema(path).metadata)
    return CANARY.encode() in path.read_bytes()


def test_every_source_that_takes_a_key_is_here() -> None:
    """A new source with a secret must come into SPECS: the modules that read secrets are named there."""
    reading = {
        path.stem for path in (REPOSITORY / "spiders").glob("*.py")
        if "secret(" in path.read_text() or "required(" in path.read_text()
    } - {"secrets", "asking"}  # fmt: skip
    assert reading <= {"wikiart_api", "instagram", "museum", "web", "search"}
    assert all(source_prefix(spec) for spec in SPECS.values())
