"""How fast the pages are: a sheet of 10,000 pictures, a map of 200,000, both from disk in a real browser.

    python benchmarks/pages.py [--pictures 10000] [--dots 200000] [--peer regl-scatterplot.js]

The sheet is a real report over painted pictures. The map is the page of that report with coordinates that are made up.
`--peer` is a file that defines `Scatterplot` (npm's regl-scatterplot, bundled by esbuild): the same dots drawn by it,
on a page without a content security policy, which it cannot work under.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from web_corpus import FOLDERS, Corpus, build_corpus, encode

from pipeline import report
from pipeline.storage import Root
from pipeline.web.atlas import Atlas, ids_script, script

ROUNDS = 5
_BROWSER = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def sheet(folder: Path, count: int) -> Path:
    """A report with one theme of `count` pictures."""
    root = Root(str(folder / "sheet"))
    edition = build_corpus(root, per_family=2)
    corpus, random = Corpus(root), np.random.default_rng(0)
    for number in range(count):
        tint = Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8)).resize((128, 96), Image.Resampling.BICUBIC)
        corpus.add(
            encode(tint), format="jpeg", width=128, height=96, bytes=4000, cluster=0, distance=number / count,
            title=f"Picture no. {number}", sharpness=20.0,
        )  # fmt: skip
    corpus.write("wikiart-20261122T0100-00000")
    path = "corpora/painted/clusters/dd/00"
    members = [
        {"id": row["id"], "file": f"images/{row['id']}.png", "distance": row["distance"]} for row in corpus.rows
    ]
    ids = [row["id"] for row in corpus.rows]
    found = {"id": 0, "name": "all", "size": count, "medoids": ids[:9], "outliers": ids[-3:], "members": members}
    root.commit(f"{path}/cluster.json", json.dumps(found).encode())
    edition |= {
        "clusters": [{"id": 0, "name": "all", "size": count, "path": path}], "runs": [], "demo": None,
        "partitions": ["wikiart-20261122T0100-00000"], "counts": {"crawled": count, "kept": count, "rejected": {}},
    }  # fmt: skip
    assert set(FOLDERS) <= set(edition["folders"])
    out = folder / "report"
    report.build(root, edition, Root(str(out)))
    return out


def dots(out: Path, count: int) -> Atlas:
    """Put the map of `count` pictures in twenty themes in place of the report's own."""
    random = np.random.default_rng(1)
    themes = random.integers(0, 20, count)
    centres = random.uniform(0.15, 0.85, (20, 2))
    places = np.clip(centres[themes] + 0.05 * random.standard_normal((count, 2)), 0, 1).astype(np.float32)
    ids = [random.bytes(32).hex() for _ in range(count)]
    made = Atlas(
        ids, places, themes, pa.array(["wikiart"] * count), pa.array(["CC0-1.0"] * count), np.full(count, 20_000),
        "made up numbers",
    )
    (out / "data" / "map.js").write_bytes(script(made, {number: f"theme {number}" for number in range(20)}))
    (out / "data" / "map-ids.js").write_bytes(ids_script(made))
    return made


def peer_page(out: Path, bundle: Path, made: Atlas) -> Path:
    """The same dots drawn by regl-scatterplot."""
    shutil.copy(bundle, out / "peer.js")
    x, y = (base64.b64encode((2 * made.places[:, axis] - 1).astype("<f4").tobytes()).decode() for axis in (0, 1))
    theme = base64.b64encode(np.array(made.themes, "<f4").tobytes()).decode()
    (out / "peer-data.js").write_text(f'globalThis.data={{x:"{x}",y:"{y}",t:"{theme}"}};')
    (out / "peer.html").write_text(
        '<!doctype html><meta charset="utf-8"><canvas id="canvas" style="width:1200px;height:700px"></canvas>'
        '<script src="peer-data.js"></script><script src="peer.js"></script><script src="peer-draw.js"></script>'
    )
    (out / "peer-draw.js").write_text(
        "const f=t=>new Float32Array(Uint8Array.from(atob(t),c=>c.charCodeAt(0)).buffer);"
        "const s=Scatterplot.default({canvas:document.getElementById('canvas'),width:1200,height:700,"
        "colorBy:'valueA',pointColor:Array.from({length:20},(_,i)=>`#${(0x100000+i*0xb1a37).toString(16).slice(-6)}`),"
        "pointSize:2});"
        "s.draw({x:f(data.x),y:f(data.y),valueA:f(data.t)}).then(()=>{document.body.dataset.drawn=performance.now();});"
    )
    return out / "peer.html"


def opened(browser: Any, page_at: Path, ready: str) -> tuple[float, int, float]:
    """Milliseconds until `ready` (JavaScript) gives a number, requests until then, and the CPU the page took."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto(page_at.as_uri(), wait_until="commit")
    while not (taken := page.evaluate(ready)):
        page.wait_for_timeout(5)
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    page.wait_for_timeout(500)
    page.close()
    return float(taken), len(asked), 1000 * metrics["TaskDuration"]


_LOADED = (
    "(() => { const n = performance.getEntriesByType('navigation')[0];"
    "const seen = [...document.images].filter(e => e.getBoundingClientRect().top < innerHeight);"
    "if (!n || !n.loadEventEnd || !seen.every(e => e.complete)) return false;"
    "return Math.max(n.loadEventEnd, ...performance.getEntriesByType('resource').map(e => e.responseEnd)); })()"
)
_DRAWN = "Number(document.getElementById('map')?.dataset.drawn) || false"
_PEER_DRAWN = "Number(document.body?.dataset.drawn) || false"


def main() -> None:
    """Build, open, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--dots", type=int, default=200_000)
    parser.add_argument("--peer", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        out = sheet(Path(name), asked.pictures)
        made = dots(out, asked.dots)
        (out / "blank.html").write_text("<!doctype html><title>blank</title><p>blank")
        pages = [
            ("blank page", out / "blank.html", _LOADED),
            (f"sheet of {asked.pictures:,}", out / "clusters" / "00.html", _LOADED),
            (f"map of {asked.dots:,}", out / "map.html", _DRAWN),
        ]
        if asked.peer:
            pages.append((f"regl-scatterplot, {asked.dots:,}", peer_page(out, asked.peer, made), _PEER_DRAWN))
        executable = shutil.which("chromium")
        browser = play.chromium.launch(executable_path=executable, args=_BROWSER)
        taken: dict[str, list[tuple[float, int, float]]] = {}
        for _ in range(ROUNDS):
            for label, path, ready in pages:
                taken.setdefault(label, []).append(opened(browser, path, ready))
        for label, rounds in taken.items():
            times = [one[0] for one in rounds]
            print(f"{label:28} {median(times):7.0f} ms (best {min(times):.0f}), {rounds[-1][1]:4} requests, "
                  f"{median(one[2] for one in rounds):6.0f} ms of the page's CPU")
        browser.close()


if __name__ == "__main__":
    main()
