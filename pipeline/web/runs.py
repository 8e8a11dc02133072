"""The runs of an edition: options, sample grids by step, losses; read from the folders that training wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from pipeline.storage import Root
from pipeline.web.charts import Chart, chart
from pipeline.web.looks import Look, looks

SNAPSHOTS = 16
_PLAIN = frozenset({
    "kimg", "images", "seconds", "images_per_second", "step", "tick", "epoch", "lr", "partial", "memory",
    "pictures",
})
_WORDS = {
    "loss_d": "discriminator",
    "loss_g": "generator",
    "d_real": "how real real pictures are to the discriminator, 0 to 1",
    "d_fake": "how real made pictures are to the discriminator, 0 to 1",
    "ranking": "pairs in which it takes the real picture for the more real one, 0.5 to 1",
    "distance": "distance to the real pictures (KID)",
    "floor": "the same between two halves of the real pictures",
    "spread": "how different made pictures are, beside real ones: 1 when all is well",
    "twins": "made pictures that have a twin: 0.05 when all is well",
    "copied": "made pictures as near to a real one as a copy: 0.05 when all is well",
    "by_heart": "pictures held out, from 0, like those learned from, to 1, like made ones",
}
"""What the numbers of stats.jsonl are called on the page."""
_MEANS = {
    "mode collapse": ": it draws the same pictures again and again. Begin again with "
    "`recipe: small`, or with another seed.",
    "learned by heart": ": the discriminator knows its pictures from others of the same kind. Add pictures, train with "
    "`recipe: small`, or stop here.",
    "discriminator has won": ": it is never wrong any more, so the generator learns nothing. Train with "
    "`recipe: small`, or begin again with another seed.",
    "memorised pictures": ": what it draws repeats pictures of the theme. Add pictures, train with `recipe: small`, or "
    "take an earlier state.",
}
_FAKES = re.compile(r"fakes-(\d+)\.png")


@dataclass(frozen=True)
class Snapshot:
    """A sample grid: how many thousand pictures were shown before it, and its address in the report."""

    kimg: str
    address: str


@dataclass(frozen=True)
class Run:
    """One GAN, or the reason why a cluster has none (`advice`). `grids` counts all snapshots in the folder."""

    cluster: int
    name: str
    status: str
    pictures: int
    path: str | None
    advice: str | None
    kimg: float
    images_per_second: float | None
    options: Mapping[str, Any]
    snapshots: Sequence[Snapshot]
    grids: int
    reals: str | None
    timeline: str | None
    losses: Chart | None
    measures: Mapping[str, Chart]
    last: Mapping[str, float]
    alarms: Sequence[str]
    looks: Mapping[str, Sequence[Look]]


def read_runs(root: Root, edition: Mapping[str, Any]) -> tuple[list[Run], dict[str, str]]:
    """The runs of an edition, trained ones first, by cluster; and the files they show: path by name in the report."""
    names = {cluster["id"]: cluster["name"] for cluster in edition.get("clusters") or []}
    files: dict[str, str] = {}
    runs = [_run(root, facts, names, files) for facts in edition.get("runs") or []]
    return sorted(runs, key=lambda run: (run.path is None, run.cluster)), files


def _run(root: Root, facts: Mapping[str, Any], names: Mapping[int, str], files: dict[str, str]) -> Run:
    cluster, path = int(facts["cluster"]), facts.get("path")
    there = root.names(path) if path else []
    prefix = f"runs/{cluster:02d}-{path.rsplit('/', 1)[-1].lower()}" if path else ""
    steps = sorted((int(found[1]), name) for name in there if (found := _FAKES.fullmatch(name)))
    kimg = float(facts.get("kimg") or 0)
    lines = _lines(root.read(f"{path}/stats.jsonl")) if "stats.jsonl" in there else []

    def shown(name: str, address: str) -> str | None:
        if name not in there:
            return None
        files[f"{prefix}-{address}"] = f"{path}/{name}"
        return f"{prefix}-{address}"

    return Run(
        cluster=cluster, name=names.get(facts["cluster"], f"cluster {cluster:02d}"),
        status=str(facts.get("status", "")), pictures=int(facts.get("pictures") or 0), path=path,
        advice=facts.get("advice"), kimg=kimg, images_per_second=facts.get("images_per_second"),
        options=json.loads(root.read(f"{path}/options.json")) if "options.json" in there else {},
        snapshots=[
            Snapshot(f"{step:,}", str(shown(name, f"fakes-{step}.webp"))) for step, name in spread(steps, SNAPSHOTS)
        ],
        grids=len(steps), reals=shown("reals.png", "reals.webp"),
        timeline=shown("timeline.gif", f"timeline-{round(1000 * kimg)}.gif"),
        losses=curves(lines, [name for name in _numbers(lines) if "loss" in name]),
        measures=_measures(lines), last=_last(lines), alarms=_alarms(lines),
        looks=looks(root, path, prefix, files) if path else {},
    )


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _lines(data: bytes) -> list[dict[str, Any]]:
    """The lines of stats.jsonl in which something is counted; a last line cut short is left out."""
    lines: list[dict[str, Any]] = []
    for text in data.decode("utf-8", "replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and _is_number(line.get("kimg")):
            lines.append(line)
    return lines


def _numbers(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({key for line in lines for key, value in line.items() if _is_number(value)})


def curves(lines: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Chart | None:
    """Curves of some numbers over thousands of pictures shown, from the lines that have all of them."""
    whole = [line for line in lines if all(_is_number(line.get(name)) for name in names)] if names else []
    return chart([line["kimg"] for line in whole], {_said(name): [line[name] for line in whole] for name in names})


def _said(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _measures(lines: Sequence[Mapping[str, Any]]) -> dict[str, Chart]:
    """A curve for each number that says how good the pictures are; the floor of the distance stays as it is."""
    names = (name for name in _numbers(lines) if "loss" not in name and name not in _PLAIN | {"floor"})
    found = {name: curves(lines, [name]) for name in names}
    return {_said(name): made for name, made in found.items() if made is not None}


def _last(lines: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The newest of each of these numbers."""
    return {
        _said(name): float(line[name]) for line in lines for name in line
        if name not in _PLAIN and "loss" not in name and _is_number(line[name])
    }  # fmt: skip


def _alarms(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the newest line that was looked at warns of, each as a sentence."""
    found: Sequence[Any] = next((line["alarms"] for line in reversed(lines) if "alarms" in line), [])
    return [f"{str(name).capitalize()}{_MEANS.get(str(name), '.')}" for name in found]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
