"""What a run prints at its end: the funnel, where things lie, what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.storage import Root


def funnel_text(root: Root, facts: Mapping[str, Any]) -> str:
    """The facts of an edition as lines for a terminal."""
    lines = [f"Corpus {facts['corpus']}, edition {facts['edition']}", ""]
    for step in facts["funnel"]:
        rejected = sum(step["rejected"].values())
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(step["rejected"].items(), key=lambda i: -i[1]))
        lines.append(
            f"  {step['stage']:8} {step['rows_in']:>8,} in  {step['kept']:>8,} kept"
            + (f"  {rejected:>6,} rejected: {reasons}" if rejected else "")
        )
    lines += _clusters(facts) + _runs(facts) + _plants(facts) + _expected(facts) + ["", *_places(root, facts)]
    return "\n".join(lines)


def _clusters(facts: Mapping[str, Any]) -> list[str]:
    if not facts["clusters"]:
        return []
    named = ", ".join(f"{c['id']:02d} {c['name']} ({c['size']:,})" for c in facts["clusters"])
    return [f"  {len(facts['clusters'])} clusters: {named}"]


def _runs(facts: Mapping[str, Any]) -> list[str]:
    trained = [run for run in facts["runs"] if run["path"]]
    refused = [run for run in facts["runs"] if not run["path"]]
    lines = []
    if trained:
        shown = sum(run["kimg"] for run in trained)
        lines.append(f"  {len(trained)} GANs trained, {shown:,.0f} thousand pictures shown")
    if refused:
        lines.append(f"  {len(refused)} clusters not trained: too few pictures")
    return lines


def _plants(facts: Mapping[str, Any]) -> list[str]:
    if not facts.get("demo"):
        return []
    rows = [f"    {row['kind']:28} {row['caught']:>4} of {row['planted']:>4}" for row in facts["demo"]]
    return ["", "  Planted in the gallery, and caught:", *rows]


def _expected(facts: Mapping[str, Any]) -> list[str]:
    expect, counts = facts["manifest"]["expect"], facts["counts"]
    asked = [(key, expect[key], counts.get(key)) for key in ("crawled", "kept") if expect.get(key) is not None]
    return [f"  expected {wanted:,} {key}, got {got:,}" for key, wanted, got in asked]


def _places(root: Root, facts: Mapping[str, Any]) -> list[str]:
    folders, corpus = facts["folders"], facts["corpus"]
    lines = [f"  originals  {root.address('originals')}"]
    if facts["clusters"]:
        lines.append(f"  folders    {root.address(folders['clusters'])}/NN/images, sheet.jpg")
    if any(run["path"] for run in facts["runs"]):
        lines.append(f"  samples    {root.address(folders['runs'])}/NN/*/fakes-*.png, timeline.gif")
    if facts.get("report"):
        lines.append(f"  report     {root.address(facts['report'])}")
    first = "open the report, then" if facts.get("report") else f"pipeline report --root {root.url} --corpus {corpus}"
    lines += ["", f"Next: {first}", f"  pipeline rejects --root {root.url} --corpus {corpus}"]
    if facts["clusters"]:
        lines.append(f"  pipeline cluster --k 20 --root {root.url} --corpus {corpus}")
        lines.append(f"  pipeline train --cluster 0 --size 64 --minutes 60 --root {root.url} --corpus {corpus}")
    return lines
