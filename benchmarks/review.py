"""How long the live pages' server takes for each action at 200,000 rows: a synthetic corpus, real server, real HTTP.

    python benchmarks/review.py --rows 200000

Prints a table in Markdown: median and 95th percentile of the time from sending a request to having the whole answer,
and the mean of what the server's processor did meanwhile, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from pipeline import tables
from pipeline.corpus import add_edition
from pipeline.manifest import Manifest
from pipeline.schema import SCHEMAS, VECTOR_DIM
from pipeline.storage import Root

THEMES = 20
PARTITION = 1024
REJECTED = 0.05
FOLDERS = {
    "crawled": "tables/crawled/v1", "measured": "tables/measured/v3", "selected": "corpora/large/selected/aa",
    "prepared": "corpora/large/prepared/bb", "embedded": "corpora/large/embedded/cc",
    "clustered": "corpora/large/clustered/dd", "clusters": "corpora/large/clusters/dd", "runs": "runs/large",
}  # fmt: skip
STYLES = ("cubism", "realism", "baroque", "impressionism", "symbolism")


def build(root: Root, rows: int) -> None:
    """Write a corpus of `rows` pictures in 20 themes: every table, the thematic folders' lists, one edition."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(THEMES, VECTOR_DIM)).astype(np.float32)
    themes: dict[int, list[tuple[str, float]]] = {theme: [] for theme in range(THEMES)}
    names = []
    for first in range(0, rows, PARTITION):
        name = f"web-large-{first // PARTITION:05d}-20261122T000000-{first // PARTITION:05d}"
        names.append(name)
        _partition(root, name, first, min(PARTITION, rows - first), rng, centres, themes)
    _edition(root, names, themes, rows)


def _partition(
    root: Root, name: str, first: int, count: int, rng: np.random.Generator, centres: np.ndarray,
    themes: dict[int, list[tuple[str, float]]],
) -> None:
    ids = [hashlib.sha256(str(first + row).encode()).hexdigest() for row in range(count)]
    theme = rng.integers(0, THEMES, count)
    far = rng.random(count).astype(np.float32)
    out = rng.random(count) < REJECTED
    reason = [("too_small" if row % 2 else "near_duplicate") if out[row] else None for row in range(count)]
    short = np.where(out & (np.arange(count) % 2 == 1), 40, rng.integers(64, 2000, count))
    vectors = (centres[theme] + rng.normal(size=(count, VECTOR_DIM))).astype(np.float16).astype(np.float32)
    for row in np.flatnonzero(~out):
        themes[int(theme[row])].append((ids[row], float(far[row])))
    said = {
        "id": ids, "url": [f"https://example.org/{i}" for i in ids],
        "source": ["web" if t % 2 else "wikiart" for t in theme],
        "source_id": ids, "title": [f"Picture {i[:6]}" for i in ids], "creator": [f"Painter {t}" for t in theme],
        "year": (1700 + theme * 10).tolist(), "licence": ["CC0-1.0"] * count, "style": [[STYLES[t % 5]] for t in theme],
        "sha256": ids, "format": ["png"] * count, "fetched_at": list(range(first, first + count)),
    }  # fmt: skip
    unit = {key: rng.random(count).astype(np.float32) for key in ("brightness", "contrast", "sharpness", "border")}
    scaled = {key: values * (1 if key == "border" else 255) for key, values in unit.items()}
    measured = {
        "id": ids, "format": ["png"] * count, "width": short, "height": short + rng.integers(0, 500, count),
        "bytes": rng.integers(1_000, 900_000, count), "frames": [1] * count, "entropy": 8 * rng.random(count),
        "coloured": rng.random(count), "jpeg_quality": [None] * count, "phash": rng.integers(0, 2**63, count), **scaled,
    }  # fmt: skip
    keeper = [ids[0] if one == "near_duplicate" else None for one in reason]
    kept = [None if one else row for row, one in enumerate(out)]
    parts = {
        "crawled": said, "measured": measured, "selected": {"id": ids, "reason": reason, "keeper": keeper},
        "prepared": {"id": ids, "reason": reason, "key": ids, "width": [64] * count, "height": [64] * count},
        "embedded": {"id": ids, "reason": reason, "vector": [None if row is None else vectors[row] for row in kept]},
        "clustered": {
            "id": ids, "reason": reason, "cluster": [None if row is None else int(theme[row]) for row in kept],
            "distance": [None if row is None else float(far[row]) for row in kept],
        },
    }  # fmt: skip
    for table, columns in parts.items():
        schema = SCHEMAS[table]
        made = {f.name: pa.array(columns.get(f.name, [None] * count), f.type) for f in schema}
        tables.write(root, FOLDERS[table], name, pa.table(made, schema=schema), schema)


def _edition(root: Root, names: list[str], themes: dict[int, list[tuple[str, float]]], rows: int) -> None:
    clusters = []
    for theme, members in themes.items():
        members.sort(key=lambda one: one[1])
        ids = [one for one, _ in members]
        found = {
            "id": theme, "name": f"theme {theme:02d}", "size": len(ids), "medoids": ids[:9], "outliers": ids[-3:],
            "members": [{"id": i, "file": f"images/{i}.png", "distance": d} for i, d in members],
        }
        path = f"{FOLDERS['clusters']}/{theme:02d}"
        root.commit(f"{path}/cluster.json", json.dumps(found).encode())
        clusters.append({"id": theme, "name": found["name"], "size": len(ids), "path": path})
        root.commit_many((tables.original_path(picture, "png"), _tiny(theme)) for picture in ids[:200])
    kept = sum(len(members) for members in themes.values())
    rejected = {"too_small": (rows - kept) // 2, "near_duplicate": rows - kept - (rows - kept) // 2}
    add_edition(root, "large", {
        "corpus": "large", "created_at": "2026-11-22T00:00:00+00:00", "command": [], "until": "cluster", "notes": [],
        "manifest": Manifest(corpus="large", sources=()).model_dump(mode="json"),
        "digests": {}, "folders": FOLDERS, "prefixes": [""], "origin": [""], "partitions": names, "left_out": {},
        "funnel": [], "seconds": {}, "clusters": clusters, "runs": [], "demo": None, "versions": {}, "models": {},
        "counts": {"crawled": rows, "kept": kept, "rejected": rejected}, "report": None,
    })  # fmt: skip


def _tiny(shade: int) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (64, 64), (12 * shade, 120, 200)).save(sink, "PNG")
    return sink.getvalue()


class Client:
    """A browser's part: one connection that is kept, the token of the page."""

    def __init__(self, address: str, server: int) -> None:
        self._server = server
        self._host = address.removeprefix("http://").rstrip("/")
        self._connection = http.client.HTTPConnection(self._host, timeout=600)
        page = self.get("/journal.html").decode()
        self._token = re.search(r'name="token" content="([^"]+)"', page)[1]  # type: ignore[index]

    def cpu(self) -> float:
        """Milliseconds of the processor that the server has used so far."""
        used = Path(f"/proc/{self._server}/stat").read_text().rpartition(")")[2].split()[11:13]
        return 1000 * sum(map(int, used)) / os.sysconf("SC_CLK_TCK")

    def get(self, path: str) -> bytes:
        """The answer to a question."""
        self._connection.request("GET", path)
        return self._answer()

    def post(self, path: str, **said: Any) -> dict[str, Any]:
        """The answer to an order."""
        headers = {"Content-Type": "application/json", "X-Wunderkammer": self._token, "Origin": f"http://{self._host}"}
        self._connection.request("POST", path, json.dumps(said), headers)
        return json.loads(self._answer())

    def _answer(self) -> bytes:
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {data[:300]!r}")
        return data


@contextmanager
def serving(root: str) -> Iterator[Client]:
    """The server as a person starts it."""
    command = [sys.executable, "-m", "pipeline.cli", "review", "--root", root, "--port", "0", "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Client(process.stdout.readline().strip(), process.pid)
    finally:
        process.terminate()
        process.wait(30)


def timed(work: Callable[[int], Any], times: int) -> list[float]:
    """Milliseconds of each of so many calls."""
    found = []
    for turn in range(times):
        started = time.perf_counter()
        work(turn)
        found.append(1000 * (time.perf_counter() - started))
    return found


def measure(client: Client, times: int) -> Iterator[tuple[str, list[float]]]:
    """Every action in turn; what is decided stays decided, so that the journal grows as it does with people."""
    def ids(theme: int, page: int = 1) -> list[str]:
        return json.loads(client.get(f"/api/members?theme={theme}&page={page}"))["ids"]

    def decide(action: str, **fields: Any) -> dict[str, Any]:
        return client.post("/api/decide", action=action, **fields)

    tokens: list[str] = []

    def look(turn: int) -> None:
        tokens.append(json.loads(client.get(f"/api/split?theme={2 + turn % 3}&k=2"))["token"])

    yield ("split, the first look", timed(look, 1))
    yield ("split, the next looks", timed(look, 3))
    plans = iter(tokens[1:])
    three, many, shown = ids(5)[:3], [one for page in range(1, 11) for one in ids(6, page)], ids(11)[:times]
    ask = client.get
    yield ("reject 3 pictures", timed(lambda t: decide("reject", pictures=three), times))
    yield ("reject 2,000 pictures", timed(lambda t: decide("reject", pictures=many), times))
    yield ("undo the last", timed(lambda t: client.post("/api/undo"), times))
    yield ("rescue", timed(lambda t: decide("rescue", pictures=three[:1]), times))
    yield ("move 200 pictures", timed(lambda t: decide("move", pictures=many[:200], into=7 + t % 2), times))
    yield ("rename", timed(lambda t: decide("rename", theme=7, name=f"name {t}"), times))
    yield ("merge two themes of 9,500", timed(lambda t: decide("merge", themes=[13 + t % 2], into=12), 2))
    yield ("new theme of 200", timed(lambda t: decide("theme", pictures=many[200:400], name=f"lasso {t}"), times))
    yield ("split, decided", timed(lambda t: decide("split", token=next(plans)), min(times, 3)))
    yield ("split, preview of 3 parts", timed(lambda t: ask("/api/split?theme=9&k=3"), times))
    yield ("threshold moved", timed(lambda t: ask(f"/api/count?min_side={64 + 10 * t}&min_sharpness={t}"), times))
    yield ("sheet by distance", timed(lambda t: ask(f"/api/members?theme=10&page={1 + t}"), times))
    yield ("sheet, outliers first", timed(lambda t: ask("/api/members?theme=10&order=outlier"), times))
    yield ("sheet filtered", timed(
        lambda t: ask("/api/members?theme=10&order=size&q=w%3C900+AND+source:web+AND+NOT+style:cubism"), times))
    yield ("journal", timed(lambda t: ask("/api/journal?limit=200"), times))
    yield ("themes", timed(lambda t: ask("/api/themes"), times))
    yield ("thumbnail, first time", timed(lambda t: ask(f"/picture/{shown[t]}/thumb.webp"), times))
    yield ("thumbnail, again", timed(lambda t: ask(f"/picture/{shown[t]}/thumb.webp"), times))


def pages(client: Client) -> Iterator[tuple[str, list[float]]]:
    """Pages after a decision, when everything they say is asked anew, and once more."""
    for page in ("clusters.html", "clusters/10.html", "rejects.html", "duplicates.html", "map.html", "data/map.js"):
        client.post("/api/decide", action="rename", theme=7, name=page)
        yield f"{page} after a decision", timed(lambda t, page=page: client.get(f"/{page}"), 1)
        yield f"{page} again", timed(lambda t, page=page: client.get(f"/{page}"), 3)


def main() -> None:
    """Build, serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--root", default=None, help="Keep the corpus here, and use it when it is there.")
    asked = parser.parse_args()
    place = asked.root or tempfile.mkdtemp(prefix="review-")
    started = time.perf_counter()
    if not (Path(place) / "corpora").exists():
        build(Root(place), asked.rows)
    print(f"corpus of {asked.rows:,} rows: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    started = time.perf_counter()
    with serving(place) as client:
        print(f"server up: {time.perf_counter() - started:.1f} s", file=sys.stderr)
        print("| action | median ms | 95th percentile ms | ms of the server's processor |\n|---|---|---|---|")
        before = client.cpu()
        for name, found in chain(measure(client, asked.times), pages(client)):
            spent = (client.cpu() - before) / len(found)
            print(f"| {name} | {np.median(found):.0f} | {np.percentile(found, 95):.0f} | {spent:.0f} |", flush=True)
            before = client.cpu()
    if asked.root is None:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
