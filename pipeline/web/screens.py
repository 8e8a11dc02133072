"""The screens of a report: which template shows which facts, and which pictures it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.web.charts import segments
from pipeline.web.crawls import read_sources
from pipeline.web.facts import Cluster, Facts, Picture
from pipeline.web.pages import Links, pagers
from pipeline.web.reasons import FACE_REASONS
from pipeline.web.runs import read_runs

SHEET = 200
GROUPS_A_PAGE = 40
MAX_ORIGINALS = 6000
FACES_A_REASON = 12
_PLANTS = {
    "duplicate": (0, "Copies, to be found and rejected in favour of the original"),
    "fault": (1, "Faults, to be rejected for the right reason or worked around"),
    "format": (2, "Odd but sound files, to be read and kept"),
}


@dataclass(frozen=True)
class Screen:
    """One page: its address, template and facts; `originals`, `prepared` and `files` are the pictures it shows."""

    address: str
    template: str
    facts: Mapping[str, Any]
    originals: Sequence[Picture] = ()
    prepared: Sequence[Picture] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def navigation(edition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The pages of a report and what they are called."""
    found = [("index", "Overview"), ("crawls", "Crawls"), ("clusters", "Clusters"), ("runs", "Runs"),
             ("rejects", "Rejects"), ("duplicates", "Duplicates")]
    if edition["manifest"].get("align"):
        found.append(("faces", "Faces"))
    if edition.get("demo"):
        found.append(("plants", "Planted"))
    return found


def screens(facts: Facts, links: Links) -> Iterator[Screen]:
    """All pages of a report."""
    yield _overview(facts, links)
    yield _crawls(facts, links)
    yield _rejects(facts, links)
    yield from _duplicates(facts, links)
    yield _clusters(facts, links)
    for cluster in facts.clusters:
        yield from _sheets(facts, links, cluster)
    yield _runs(facts, links)
    if facts.edition["manifest"].get("align"):
        yield _faces(facts, links)
    if facts.edition.get("demo"):
        yield _plants(facts, links)


def _overview(facts: Facts, links: Links) -> Screen:
    edition = facts.edition
    counts = edition.get("counts") or {}
    rejected = sorted((counts.get("rejected") or {}).items(), key=lambda item: (-item[1], item[0]))
    pictures = facts.by_id([cluster.medoids[0] for cluster in facts.clusters if cluster.medoids])
    frieze = [(c, pictures[c.medoids[0]]) for c in facts.clusters if c.medoids and c.medoids[0] in pictures]
    parts = [("kept", counts.get("kept", 0)), *rejected]
    shown = {
        "counts": counts, "rejected": rejected, "frieze": frieze, "bar": segments(parts, counts.get("crawled")),
        "sources": facts.sources(), "licences": facts.licences(), "expected": expectations(edition),
        "steps": steps(edition), "commands": next_commands(edition),
        "trained": [run for run in edition.get("runs") or [] if run.get("path")],
    }
    return Screen(links.page("index"), "index.html", shown, [picture for _, picture in frieze])


def steps(edition: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The funnel with pictures a second for each step; training, which has no rows, at its end."""
    made = []
    for step in edition.get("funnel") or []:
        seconds = step.get("seconds") or 0.0
        made.append({**step, "speed": step["rows_in"] / seconds if seconds else None})
    return made


def expectations(edition: Mapping[str, Any]) -> list[tuple[str, float, float, str]]:
    """What the manifest expects beside what was reached: (what, expected, reached, unit)."""
    expect, counts = edition["manifest"].get("expect") or {}, edition.get("counts") or {}
    made = [
        (key, expect[key], counts.get(key, 0), "pictures") for key in ("crawled", "kept") if expect.get(key) is not None
    ]
    if expect.get("minutes") is not None:
        made.append(("time", expect["minutes"], round(sum((edition.get("seconds") or {}).values()) / 60, 1), "minutes"))
    if expect.get("max_reject_rate") is not None and counts.get("crawled"):
        share = 100 * (1 - counts["kept"] / counts["crawled"])
        made.append(("rejected, at most", 100 * expect["max_reject_rate"], round(share, 1), "%"))
    return made


def next_commands(edition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What to type next, and what it is good for."""
    corpus = edition["corpus"]
    made = [
        (f"pipeline rejects --corpus {corpus}", "more examples of what was rejected"),
        ("pipeline show ID", "everything known of one picture"),
        (f"pipeline cluster --k 20 --corpus {corpus}", "themes, or themes in another number"),
    ]
    if edition.get("clusters"):
        made.append((f"pipeline train --all --kimg 200 --corpus {corpus}", "a GAN for each theme"))
    return made


def _crawls(facts: Facts, links: Links) -> Screen:
    about = {"sources": read_sources(facts.root, facts.edition), "rejected": facts.rejected()}
    return Screen(links.page("crawls"), "crawls.html", about)


def _rejects(facts: Facts, links: Links) -> Screen:
    found, shown = [], []
    for reason, count in facts.rejected().items():
        samples = facts.samples(reason)
        shown += samples
        found.append({"reason": reason, "count": count, "samples": samples})
    total = sum(facts.rejected().values())
    return Screen(links.page("rejects"), "rejects.html", {"reasons": found, "total": total}, shown)


def _duplicates(facts: Facts, links: Links) -> Iterator[Screen]:
    totals, groups = facts.duplicate_totals(), facts.groups()
    for pager in pagers(len(groups), GROUPS_A_PAGE):
        here = groups[pager.first - 1 : pager.last]
        shown = [picture for group in here for picture in (group.keeper, *group.near)]
        about = {"totals": totals, "groups": here, "pager": pager, "page_of": ("duplicates", None)}
        yield Screen(links.page("duplicates", pager.page), "duplicates.html", about, shown)


def _clusters(facts: Facts, links: Links) -> Screen:
    clusters = sorted(facts.clusters, key=lambda cluster: (-cluster.size, cluster.id))
    wanted = [picture for cluster in clusters for picture in (*cluster.medoids, *cluster.outliers)]
    pictures = facts.by_id(wanted)
    runs = {run["cluster"]: run for run in facts.edition.get("runs") or []}
    about = {"clusters": clusters, "shown": pictures, "runs": runs}
    if facts.edition["manifest"].get("align"):
        return Screen(links.page("clusters"), "clusters.html", about, prepared=list(pictures.values()))
    return Screen(links.page("clusters"), "clusters.html", about, list(pictures.values()))


def _sheets(facts: Facts, links: Links, cluster: Cluster) -> Iterator[Screen]:
    """The members of a cluster, nearest first. Aligned corpora and large ones are shown as prepared."""
    prepared = bool(facts.edition["manifest"].get("align")) or len(facts.kept) > MAX_ORIGINALS
    near = neighbours(facts.clusters, cluster)
    run = next((r for r in facts.edition.get("runs") or [] if r["cluster"] == cluster.id and r.get("path")), None)
    path = next(entry["path"] for entry in facts.edition["clusters"] if entry["id"] == cluster.id)
    for pager in pagers(len(cluster.members), SHEET):
        members = cluster.members[pager.first - 1 : pager.last]
        found = facts.by_id([picture for picture, _ in members])
        here = [(found[picture], distance) for picture, distance in members if picture in found]
        shown = [picture for picture, _ in here]
        about = {
            "cluster": cluster, "members": here, "pager": pager, "as_prepared": prepared,
            "page_of": ("cluster", cluster.id), "near": near, "run": run, "path": path,
        }
        address = links.cluster(cluster.id, pager.page)
        yield Screen(address, "cluster.html", about, () if prepared else shown, shown if prepared else ())


def neighbours(clusters: Sequence[Cluster], cluster: Cluster) -> tuple[Cluster | None, Cluster | None]:
    """The clusters before and after one, by number."""
    at = clusters.index(cluster)
    return clusters[at - 1] if at else None, clusters[at + 1] if at + 1 < len(clusters) else None


def _runs(facts: Facts, links: Links) -> Screen:
    runs, files = read_runs(facts.root, facts.edition)
    return Screen(links.page("runs"), "runs.html", {"runs": runs}, files=files)


def _faces(facts: Facts, links: Links) -> Screen:
    aligned, counts = facts.aligned(), facts.rejected()
    found: list[dict[str, Any]] = []
    shown = [face.picture for face in aligned]
    for reason in FACE_REASONS:
        if reason not in counts:
            continue
        samples = facts.refused_faces(reason, FACES_A_REASON)
        shown += [face.picture for face in samples]
        found.append({"reason": str(reason), "count": counts[reason], "samples": samples})
    about = {"aligned": aligned, "refused": found, "align": facts.edition["manifest"]["align"]}
    return Screen(links.page("faces"), "faces.html", about, shown, [face.picture for face in aligned])


def _plants(facts: Facts, links: Links) -> Screen:
    """The plants in groups, by what stands before the colon of their kind; the rest is what was not planted."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in facts.edition["demo"]:
        group, _, kind = row["kind"].rpartition(":")
        groups.setdefault(group, []).append({**row, "kind": kind.replace("-", " ").replace("_", " ")})
    others = groups.pop("", [])
    for rows in groups.values():
        rows.sort(key=lambda row: (-row["planted"], row["kind"]))
    ordered = {name: groups[name] for name in sorted(groups, key=lambda name: _PLANTS.get(name, (9, ""))[0])}
    words = {name: _PLANTS.get(name, (9, name.capitalize()))[1] for name in ordered}
    return Screen(links.page("plants"), "plants.html", {"groups": ordered, "words": words, "others": others})
