"""The whole job on real paintings: crawled over HTTP from the practice gallery, clustered, a GAN for the largest.

    python benchmarks/real_corpus.py --pictures ../shared/data --root /tmp/real --minutes 4

Prints Markdown: pictures a second for each stage, rejects by reason, how well the folders agree with the known
labels, and the runs. Nothing is fetched from beyond loopback.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

SETS = ("pbn64_pd", "louvre_genres")


def recipe(pictures: Path, k: int, minutes: float, width: int) -> dict[str, object]:
    """A manifest that crawls both sets from practice galleries."""
    sources = [{"crawl": "wikiart", "gallery": {"pictures": str((pictures / name).resolve())}} for name in SETS]
    train = {"width": width, "kernel": 4, "batch": 16, "minutes": minutes, "min_pictures": 300}
    return {
        "corpus": "real", "about": "5,190 public-domain paintings", "sources": sources,
        "select": {"min_side": 48}, "cluster": {"k": k}, "train": train,
    }  # fmt: skip


def pipeline(*arguments: object) -> str:
    """Run the command and return what it printed as data."""
    command = [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def agreement(root: Path, label: str) -> tuple[int, float, float, float]:
    """Pictures with one label, NMI, ARI and purity of the folders against it."""
    query = f"select cluster, {label}[1] label from clustered join crawled using (partition, row)"
    found = json.loads(pipeline("sql", query, "--json", "--root", root))
    rows = [row for row in found if row["label"] and row["cluster"] is not None]
    clusters, labels = [row["cluster"] for row in rows], [row["label"] for row in rows]
    pairs = Counter(zip(clusters, labels, strict=True))
    best = {cluster: max(n for (c, _), n in pairs.items() if c == cluster) for cluster in set(clusters)}
    purity = sum(best.values()) / len(rows)
    nmi, ari = normalized_mutual_info_score(labels, clusters), adjusted_rand_score(labels, clusters)
    return len(rows), float(nmi), float(ari), purity


def main() -> None:
    """Run it and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--k", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--largest", type=int, default=4)
    asked = parser.parse_args()
    asked.root.mkdir(parents=True, exist_ok=True)
    manifest = asked.root / "real.yaml"
    manifest.write_text(json.dumps(recipe(asked.pictures, asked.k, asked.minutes, asked.width)))
    began = time.monotonic()
    pipeline("run", manifest, "--until", "cluster", "--root", asked.root, "--json")
    sifted = time.monotonic() - began
    chosen = [word for number in range(asked.largest) for word in ("--cluster", number)]
    pipeline("train", *chosen, "--minutes", asked.minutes, "--root", asked.root, "--corpus", "real")
    facts = json.loads(pipeline("run", manifest, "--until", "cluster", "--root", asked.root, "--json"))
    edition = max((asked.root / "corpora/real/editions").glob("*.json"))
    print(report(json.loads(edition.read_text()), asked.root, sifted))
    print(f"\n{len(facts['clusters'])} folders, {facts['kept']:,} pictures kept of {facts['crawled']:,}.")


def report(facts: dict[str, Any], root: Path, sifted: float) -> str:
    """The tables in Markdown."""
    lines = ["| stage | rows in | kept | rejected | seconds | pictures/s |", "|---|---|---|---|---|---|"]
    for step in facts["funnel"]:
        rate = f"{step['rows_in'] / step['seconds']:,.0f}" if step["seconds"] else ""
        reasons = ", ".join(f"{n} {reason}" for reason, n in step["rejected"].items()) or "0"
        lines.append(
            f"| {step['stage']} | {step['rows_in']:,} | {step['kept']:,} | {reasons} | {step['seconds']:.1f} | {rate} |"
        )
    lines += ["", f"From the first request to the folders: {sifted:.0f} s.", ""]
    lines += ["| label | pictures | NMI | ARI | purity |", "|---|---|---|---|---|"]
    for label in ("genre", "style"):
        count, nmi, ari, purity = agreement(root, label)
        lines.append(f"| {label} | {count:,} | {nmi:.3f} | {ari:.3f} | {purity:.3f} |")
    lines += ["", "| cluster | name | pictures | kimg | images/s |", "|---|---|---|---|---|"]
    runs = {run["cluster"]: run for run in facts["runs"]}
    for cluster in facts["clusters"]:
        run = runs.get(cluster["id"], {})
        trained = f"{run['kimg']:.0f} | {run['images_per_second']:.0f}" if run.get("path") else "not trained |"
        lines.append(f"| {cluster['id']:02d} | {cluster['name']} | {cluster['size']:,} | {trained} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
