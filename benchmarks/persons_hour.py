"""A person's hour, scripted: real pictures, the real server over HTTP, and the next edition made of what was decided.

    python benchmarks/persons_hour.py --pictures ../shared/data/wikiart_styles_pd

Two themes are merged, one is split, thirty pictures are rejected, one reject is rescued, one decision is undone; then
the corpus is made again. Prints what each step took, and which GANs were trained anew. Exits with 1 when a GAN was
trained whose theme did not change, or a partition that stood was written anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from review import serving

from pipeline import ingest, tables
from pipeline.manifest import Manifest
from pipeline.storage import Root

KEPT = ("selected", "prepared", "embedded", "clustered")


def recipe(pictures: Path, count: int, themes: int) -> Manifest:
    """The manifest of the corpus: few thousand steps of tiny GANs, for it is not their looks that count here."""
    return Manifest.model_validate({
        "corpus": "hour", "sources": [{"import": "folder", "path": str(pictures), "limit": count}],
        "cluster": {"k": themes},
        "train": {"size": 32, "width": 8, "batch": 32, "kimg": 1, "min_pictures": 30},
    })


def decide(person: Any) -> list[tuple[str, float]]:
    """What a person does; the milliseconds of each."""
    def themes() -> list[dict[str, Any]]:
        return sorted(json.loads(person.get("/api/themes"))["themes"], key=lambda one: -one["size"])

    def order(action: str, **fields: Any) -> None:
        started = time.perf_counter()
        person.post("/api/decide", action=action, **fields)
        done.append((action, 1000 * (time.perf_counter() - started)))

    done: list[tuple[str, float]] = []
    ranked = themes()
    first, second, third, fourth = (one["id"] for one in ranked[:4])
    order("merge", themes=[ranked[-1]["id"]], into=first)
    plan = json.loads(person.get(f"/api/split?theme={second}&k=2"))
    order("split", token=plan["token"])
    out = json.loads(person.get(f"/api/members?theme={third}&order=outlier"))["ids"][:30]
    order("reject", pictures=out)
    order("rescue", pictures=out[:1])
    order("rename", theme=fourth, name="by mistake")
    started = time.perf_counter()
    person.post("/api/undo")
    done.append(("undo", 1000 * (time.perf_counter() - started)))
    return done


def standing(root: Root, facts: dict[str, Any]) -> dict[str, str]:
    """The hashes of the partitions that an edition names."""
    return {
        f"{table}/{name}": hashlib.sha256(root.read(f"{facts['folders'][table]}/{name}.parquet")).hexdigest()
        for table in KEPT for name in tables.names(root, facts["folders"][table])
    }  # fmt: skip


def made(root: Root, manifest: Manifest) -> tuple[dict[str, Any], float]:
    """The next edition, and the seconds it took."""
    started = time.perf_counter()
    facts = ingest.run(ingest.Job(root, manifest, until="train", echo=lambda text: print(text, file=sys.stderr)))
    return facts, time.perf_counter() - started


def members(root: Root, facts: dict[str, Any]) -> dict[int, list[str]]:
    """The pictures of each theme."""
    return {c["id"]: sorted(root.names(f"{c['path']}/images")) for c in facts["clusters"]}


def main() -> int:
    """Do it, print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--themes", type=int, default=8)
    parser.add_argument("--root", default=None)
    asked = parser.parse_args()
    root = Root(asked.root or tempfile.mkdtemp(prefix="hour-"))
    manifest = recipe(asked.pictures, asked.count, asked.themes)
    first, long = made(root, manifest)
    before, tables_before = members(root, first), standing(root, first)
    with serving(root.url) as person:
        done = decide(person)
    second, short = made(root, manifest)
    after = members(root, second)
    old = {run["cluster"]: run["path"] for run in first["runs"]}
    new = {run["cluster"]: run["path"] for run in second["runs"]}
    trained = sorted(theme for theme, path in new.items() if path and path != old.get(theme))
    changed = sorted(theme for theme in after if after[theme] != before.get(theme))
    rewritten = [name for name, found in standing(root, second).items() if tables_before.get(name, found) != found]
    print("| step | took |\n|---|---|")
    print(f"| first edition, {first['counts']['kept']:,} pictures in {len(before)} themes | {long:.0f} s |")
    for action, milliseconds in done:
        print(f"| {action} | {milliseconds:.0f} ms |")
    print(f"| next edition, {second['counts']['kept']:,} pictures in {len(after)} themes | {short:.0f} s |")
    print(f"\nThemes changed: {changed}. GANs trained anew: {trained}. Partitions written anew: {len(rewritten)}.")
    return 0 if set(trained) <= set(changed) and not rewritten else 1


if __name__ == "__main__":
    sys.exit(main())
