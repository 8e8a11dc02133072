"""The screens over the pool: overview, crawls, rejects, duplicates, faces, decisions, credits, one picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline import attribution
from pipeline.decisions import Event, Journal
from pipeline.reasons import FACE_REASONS
from pipeline.vision.faces import points_of
from pipeline.web import journal, limits
from pipeline.web.charts import overlay, segments
from pipeline.web.crawls import read_sources
from pipeline.web.facts import Faces, Facts, Group, Picture
from pipeline.web.known import known
from pipeline.web.pages import pagers, place

GROUPS_A_PAGE = 40
FACES_A_REASON = 12
ENTRIES = 500
ENTRY_PICTURES = 8
SUGGESTIONS = 24
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


def overview(facts: Facts) -> Screen:
    """What came in, what was kept, how fast, from where, and what to type next."""
    edition = facts.edition
    counts = edition.get("counts") or {}
    rejected = sorted((counts.get("rejected") or {}).items(), key=lambda item: (-item[1], item[0]))
    pictures = facts.by_id([cluster.medoids[0] for cluster in facts.clusters if cluster.medoids])
    frieze = [(c, pictures[c.medoids[0]]) for c in facts.clusters if c.medoids and c.medoids[0] in pictures]
    parts = [("kept", counts.get("kept", 0)), *rejected]
    sources = read_sources(facts.root, edition)
    shown = {
        "counts": counts, "rejected": rejected, "frieze": frieze, "bar": segments(parts, counts.get("crawled")),
        "sources": facts.sources(), "licences": facts.licences(), "expected": expectations(edition),
        "steps": steps(edition), "commands": next_commands(edition), "disk": facts.disk(),
        "nights": [(source.name, source.crawls[0]) for source in sources if source.crawls],
        "trained": [run for run in edition.get("runs") or [] if run.get("path")],
    }
    return Screen("index.html", "index.html", shown, [picture for _, picture in frieze])


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


def crawls(facts: Facts) -> Screen:
    """What each source gave, night by night."""
    about = {"sources": read_sources(facts.root, facts.edition), "rejected": facts.rejected()}
    return Screen("crawls.html", "crawls.html", about)


def rejects(facts: Facts) -> Screen:
    """Samples of each reason, with the limit that decides as a slider."""
    found, shown = [], []
    for reason, count in facts.rejected().items():
        samples = facts.samples(reason)
        shown += samples
        found.append({"reason": reason, "count": count, "samples": samples})
    sliders, counts = limits.sliders(facts), facts.rejected()
    about = {
        "reasons": found, "total": sum(counts.values()), "sliders": sliders, "plain": limits.plain(sliders),
        "idle": [slider for reason, slider in sliders.items() if reason not in counts], "rescued": facts.rescued,
    }
    return Screen("rejects.html", "rejects.html", about, shown)


def duplicates(facts: Facts, page: int) -> Screen | None:
    """One sheet of groups: what was kept beside what it stands for; on the first also pairs to look at."""
    groups = facts.groups()
    sheets = pagers(len(groups), GROUPS_A_PAGE)
    if not 1 <= page <= len(sheets):
        return None
    pager = sheets[page - 1]
    here = groups[pager.first - 1 : pager.last]
    pairs = facts.motifs(SUGGESTIONS) if page == 1 else []
    shown = [picture for group in here for picture in (group.keeper, *group.near)]
    shown += [picture for one, other, _ in pairs for picture in (one, other)]
    about = {
        "totals": facts.duplicate_totals(), "groups": here, "pager": pager, "page_of": "duplicates", "motifs": pairs,
        "overlays": _overlays(here), "different": facts.different,
    }
    return Screen(place("duplicates", page), "duplicates.html", about, shown)


def _overlays(groups: Sequence[Group]) -> dict[str, Any]:
    """How each copy lies over what was kept of it, by the copy's id."""
    return {
        picture.id: overlay(group.keeper.extent, picture.extent, picture.model, picture.transform or "")
        for group in groups for picture in group.near
    }  # fmt: skip


def faces(facts: Facts) -> Screen | None:
    """Faces as found and as aligned, and those that were refused."""
    if not facts.edition["manifest"].get("align"):
        return None
    aligned, counts = facts.aligned(), facts.rejected()
    found: list[dict[str, Any]] = []
    shown = [face.picture for face in aligned]
    for reason in FACE_REASONS:
        if reason not in counts:
            continue
        samples = facts.refused_faces(reason, FACES_A_REASON)
        shown += [face.picture for face in samples]
        found.append({"reason": str(reason), "count": counts[reason], "samples": samples})
    every = [*aligned, *(face for entry in found for face in entry["samples"])]
    about = {
        "aligned": aligned, "refused": found, "align": facts.edition["manifest"]["align"],
        "points": {face.picture.id: _points(face) for face in every},
    }
    files = face_files(facts)
    drawn = {name.split("/")[-1].split("-")[0]: name for name in files}
    about |= {"drawn": {what: drawn.get(what) for what in ("gif", "mp4", "means")}}
    return Screen("faces.html", "faces.html", about, shown, [face.picture for face in aligned], files)


def face_files(facts: Facts) -> dict[str, str]:
    """The films and mean faces that an edition has drawn and that stand: path below the root by name in the report."""
    drawn = facts.edition.get("faces") or {}
    shown = (drawn[what] for what in ("gif", "mp4", "means") if what in drawn)
    return {f"faces/{path.rsplit('/', 1)[-1]}": path for path in shown if facts.root.exists(path)}


def _points(face: Faces) -> list[str]:
    """For each face the path that has a dot at every landmark; empty where they were not kept."""
    made = []
    for one in face.faces:
        points = points_of(one["landmarks"], one["box"]) if one.get("landmarks") else ()
        made.append("".join(f"M{x:.1f} {y:.1f}h0" for x, y in points))
    return made


def decisions(facts: Facts) -> Screen:
    """The journal: newest first."""
    events = said_until(facts)
    names = {int(one["id"]): str(one["name"]) for one in facts.edition.get("clusters") or []}
    found = journal.entries(events, names)
    shown = found[:ENTRIES]
    pictures = facts.any_by_id(list({i for entry in shown for i in entry.pictures[:ENTRY_PICTURES]}))
    about = {"entries": shown, "total": len(found), "named": pictures, "most": ENTRY_PICTURES}
    return Screen("journal.html", "journal.html", about, list(pictures.values()))


def said_until(facts: Facts) -> list[Event]:
    """All decisions of the corpus; on pages of an edition those that were made before it."""
    events = Journal(facts.root, facts.edition["corpus"]).events()
    if facts.live:
        return events
    made = datetime.fromisoformat(facts.edition["created_at"])
    return [event for event in events if datetime.fromisoformat(event.at) <= made]


def credits(facts: Facts) -> Screen:
    """Whose the kept pictures are, by licence."""
    found, total = facts.credited
    groups: dict[str, list[attribution.Credit]] = {}
    for credit in found:
        groups.setdefault(credit.licence, []).append(credit)
    about = {
        "groups": [(attribution.named(licence), rows[0].licence_url, rows) for licence, rows in groups.items()],
        "total": total, "shown": len(found),
        "changes": attribution.changes(facts.edition["manifest"], facts.edition.get("until", "")),
    }
    return Screen("credits.html", "credits.html", about)


def picture(facts: Facts, id: str) -> Screen | None:
    """Everything known of one picture."""
    return next(pictures(facts, [id]), None)


def pictures(facts: Facts, ids: Sequence[str]) -> Iterator[Screen]:
    """The pages of many pictures, each with its neighbours in its theme."""
    found = facts.any_by_id(ids)
    told = known(facts, list(found))
    names = {int(one["id"]): str(one["name"]) for one in facts.edition.get("clusters") or []}
    said: dict[str, list[journal.Entry]] = {}
    for entry in journal.entries(said_until(facts), names):
        for one in entry.pictures:
            said.setdefault(one, []).append(entry)
    theme = {one: cluster for cluster in facts.clusters for one, _ in cluster.members if one in found}
    for id, row in found.items():
        about = {
            "picture": row, "sections": told.get(id, []), "decisions": said.get(id, []), "theme": theme.get(id),
            "kept": row.reason is None,
        }
        yield Screen(place(f"pictures/{id}"), "picture.html", about, [row], [row])


def plants(facts: Facts) -> Screen | None:
    """The plants in groups, by what stands before the colon of their kind; the rest is what was not planted."""
    if not facts.edition.get("demo"):
        return None
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in facts.edition["demo"]:
        group, _, kind = row["kind"].rpartition(":")
        groups.setdefault(group, []).append({**row, "kind": kind.replace("-", " ").replace("_", " ")})
    others = groups.pop("", [])
    for rows in groups.values():
        rows.sort(key=lambda row: (-row["planted"], row["kind"]))
    ordered = {name: groups[name] for name in sorted(groups, key=lambda name: _PLANTS.get(name, (9, ""))[0])}
    words = {name: _PLANTS.get(name, (9, name.capitalize()))[1] for name in ordered}
    return Screen("plants.html", "plants.html", {"groups": ordered, "words": words, "others": others})
