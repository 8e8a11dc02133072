"""The screens of the themes: all of them, the sheet of one, the map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.web.charts import chart
from pipeline.web.facts import Cluster, Facts
from pipeline.web.pages import pagers, place
from pipeline.web.screens import Screen

SHEET = 200
MAX_ORIGINALS = 6000
LONE = 18
"""Pictures far from every theme that are shown."""


def as_prepared(facts: Facts) -> bool:
    """Whether sheets show the prepared pictures: of aligned corpora, and of large ones."""
    return bool(facts.edition["manifest"].get("align")) or facts.kept_total > MAX_ORIGINALS


def by_style(facts: Facts) -> bool:
    """Whether the themes were asked to follow style rather than subject."""
    return (facts.edition["manifest"].get("cluster") or {}).get("by") == "style"


def clusters(facts: Facts) -> Screen:
    """A card for each theme, the largest first."""
    found = sorted(facts.clusters, key=lambda cluster: (-cluster.size, cluster.id))
    wanted = [picture for cluster in found for picture in (*cluster.medoids, *cluster.outliers)]
    pictures = facts.by_id(wanted)
    runs = {run["cluster"]: run for run in facts.edition.get("runs") or []}
    prepared = bool(facts.edition["manifest"].get("align"))
    about = {
        "clusters": found, "shown": pictures, "runs": runs, "as_prepared": prepared, "by_style": by_style(facts),
        "most": max((cluster.size for cluster in found), default=1),
    }
    told = facts.told
    curve = told.get("criterion") or {}
    waiting = [one for one in told.get("proposals", ()) if not _taken(facts, one)]
    unsorted = told.get("unsorted") or {"size": 0, "pictures": []}
    placed = _placed(facts)
    lone = [one for one in unsorted["pictures"] if one not in placed]
    pictures |= facts.by_id([*lone[:LONE], *(i for one in waiting for i in one["medoids"])])
    about |= {
        "shown": pictures, "proposals": waiting, "lone": lone[:LONE],
        "unsorted": unsorted["size"] - len(unsorted["pictures"]) + len(lone),
        "curve": chart(curve["ks"], {"modularity": curve["modularity"]}) if curve.get("ks") else None,
        "chosen": curve.get("chosen"), "method": told.get("method"),
    }
    shown = list(pictures.values())
    return Screen("clusters.html", "clusters.html", about, () if prepared else shown, shown if prepared else ())


def _taken(facts: Facts, proposal: Mapping[str, Any]) -> bool:
    """Whether people made a theme of a proposal since."""
    return bool(_placed(facts) & set(proposal["pictures"]))


def _placed(facts: Facts) -> set[str]:
    """The pictures that people put into a theme."""
    return {one for event in facts.events if event.action in ("theme", "move") for one in event["pictures"]}


def sheet(facts: Facts, number: int, page: int) -> Screen | None:
    """One sheet of the members of a theme, nearest first."""
    cluster = next((one for one in facts.clusters if one.id == number), None)
    sheets = pagers(len(cluster.members), SHEET) if cluster else []
    if cluster is None or not 1 <= page <= len(sheets):
        return None
    prepared, pager = as_prepared(facts), sheets[page - 1]
    members = cluster.members[pager.first - 1 : pager.last]
    found = facts.by_id([picture for picture, _ in members])
    here = [(found[picture], distance) for picture, distance in members if picture in found]
    about: dict[str, Any] = {
        "cluster": cluster, "members": here, "pager": pager, "as_prepared": prepared,
        "page_of": f"clusters/{number:02d}", "near": neighbours(facts.clusters, cluster), "run": run_of(facts, number),
        "others": facts.clusters, "parts": parts(facts, cluster) if page == 1 else [],
    }
    shown = [*(picture for picture, _ in here), *(picture for part in about["parts"] for picture in part["shown"])]
    address = place(f"clusters/{number:02d}", page)
    return Screen(address, "cluster.html", about, () if prepared else shown, shown if prepared else ())


def parts(facts: Facts, cluster: Cluster) -> list[dict[str, Any]]:
    """The themes within a theme, as far as their pictures still are in it: how many, and the nine in the middle."""
    here = {picture for picture, _ in cluster.members}
    told = facts.fitted.get(cluster.id, {}).get("parts", ())
    found = [ids for part in told if (ids := [one for one in part["members"] if one in here])]
    pictures = facts.by_id([one for part in found for one in part[:9]])
    made = [{"size": len(part), "shown": [pictures[i] for i in part[:9] if i in pictures]} for part in found]
    return made if len(made) > 1 else []


def sheets(facts: Facts, cluster: Cluster) -> Iterator[str]:
    """The addresses of all sheets of a theme."""
    for pager in pagers(len(cluster.members), SHEET):
        yield place(f"clusters/{cluster.id:02d}", pager.page)


def run_of(facts: Facts, number: int) -> Any:
    """What the edition says of the GAN of a theme; None when it has none."""
    return next((r for r in facts.edition.get("runs") or [] if r["cluster"] == number and r.get("path")), None)


def neighbours(clusters: Sequence[Cluster], cluster: Cluster) -> tuple[Cluster | None, Cluster | None]:
    """The clusters before and after one, by number."""
    at = clusters.index(cluster)
    return clusters[at - 1] if at else None, clusters[at + 1] if at + 1 < len(clusters) else None


def atlas(facts: Facts) -> Screen:
    """The map; its table names every theme."""
    found = sorted(facts.clusters, key=lambda cluster: cluster.id)
    medoids = facts.by_id([cluster.medoids[0] for cluster in found if cluster.medoids])
    about = {"clusters": found, "mapped": facts.mapped, "as_prepared": as_prepared(facts), "by_style": by_style(facts)}
    shown = list(medoids.values())
    prepared = as_prepared(facts)
    return Screen("map.html", "map.html", about, () if prepared else shown, shown if prepared else ())
