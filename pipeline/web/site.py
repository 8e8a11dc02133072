"""The pages of one edition by their addresses: the same for files in a folder and for the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence

from pipeline.web import atlas, looks, rows, run_screens, screens, theme_screens
from pipeline.web.facts import Facts
from pipeline.web.pages import Pages, Shown, pagers, place, policy
from pipeline.web.screens import Screen

MAX_PICTURES = 6000
"""Of corpora up to so many rows every picture has a page of its own."""

Show = Callable[..., Screen | None]
_PAGES: Sequence[tuple[str, Show]] = (
    (r"index\.html", screens.overview),
    (r"crawls\.html", screens.crawls),
    (r"rejects\.html", screens.rejects),
    (r"duplicates(?:-(?P<page>\d{1,6}))?\.html", screens.duplicates),
    (r"clusters\.html", theme_screens.clusters),
    (r"clusters/(?P<number>\d{1,6})(?:-(?P<page>\d{1,6}))?\.html", theme_screens.sheet),
    (r"map\.html", theme_screens.atlas),
    (r"runs\.html", run_screens.runs),
    (r"runs/(?P<number>\d{1,6})\.html", run_screens.run),
    (r"latent/(?P<number>\d{1,6})\.html", run_screens.latent),
    (r"faces\.html", screens.faces),
    (r"journal\.html", screens.decisions),
    (r"credits\.html", screens.credits),
    (r"plants\.html", screens.plants),
    (r"pictures/(?P<id>[0-9a-f]{64}(-\d+)?)\.html", screens.picture),
)
_SHEET = re.compile(r"data/cluster-(\d{1,6})\.js")


class Every:
    """Holds everything: live, each picture has a page."""

    def __contains__(self, item: object) -> bool:
        return True


def screen(facts: Facts, address: str) -> Screen | None:
    """The screen at an address from the top; None when there is none."""
    for pattern, show in _PAGES:
        if found := re.fullmatch(pattern, address):
            said = found.groupdict()
            numbers = {key: int(said[key] or 1) for key in ("number", "page") if key in said}
            return show(facts, **numbers, **({"id": said["id"]} if "id" in said else {}))
    return None


def addresses(facts: Facts) -> Iterator[str]:
    """The pages of an edition, those of single pictures left out."""
    for name, _ in navigation(facts):
        yield place(name)
    for pager in pagers(len(facts.groups()), screens.GROUPS_A_PAGE)[1:]:
        yield place("duplicates", pager.page)
    for cluster in facts.clusters:
        yield from theme_screens.sheets(facts, cluster)
    for number in run_screens.numbers(facts):
        yield f"runs/{number:02d}.html"
        yield f"latent/{number:02d}.html"


def navigation(facts: Facts) -> list[tuple[str, str]]:
    """The pages that every page leads to, and what they are called."""
    manifest = facts.edition["manifest"]
    found = [
        ("index", "Overview"), ("crawls", "Crawls"), ("clusters", "Clusters"), ("map", "Map"), ("runs", "Runs"),
        ("rejects", "Rejects"), ("duplicates", "Duplicates"), ("faces", "Faces"), ("journal", "Decisions"),
        ("credits", "Credits"), ("plants", "Planted"),
    ]
    hidden = set() if manifest.get("align") else {"faces"}
    hidden |= set() if facts.edition.get("demo") else {"plants"}
    return [entry for entry in found if entry[0] not in hidden]


class Site:
    """Renders the pages of an edition. With a `token` they are live: they post what people decide with it.

    `paged` holds the ids of the pictures that have a page of their own.
    """

    def __init__(
        self, facts: Facts, pictures: Shown, token: str | None = None, paged: Container[str] | None = None
    ) -> None:
        self._facts = facts
        self._pictures = pictures
        live = token is not None
        self._pages = Pages({
            "edition": facts.edition, "navigation": navigation(facts), "pictures": pictures, "live": live,
            "token": token, "policy": policy(live), "paged": Every() if paged is None else paged,
        })
        self._atlas: atlas.Atlas | None = None
        self._places: atlas.Places | None = None

    def render(self, address: str) -> bytes | None:
        """The page at an address such as `clusters/07.html`; None when there is none."""
        found = screen(self._facts, address)
        return self.page(found) if found else None

    def page(self, found: Screen) -> bytes:
        """A screen as a page."""
        return self._pages.render(found.template, found.address, found.facts)

    def data(self, address: str) -> bytes | None:
        """What scripts draw: `data/map.js`, `data/map-ids.js`, `data/cluster-07.js`; None when there is none."""
        if address in ("data/map.js", "data/map-ids.js"):
            return self._map(address)
        found = _SHEET.fullmatch(address)
        cluster = next((one for one in self._facts.clusters if found and one.id == int(found[1])), None)
        if cluster is None:
            return None
        run = theme_screens.run_of(self._facts, cluster.id)
        scores = looks.scores(self._facts.root, run["path"]) if run else {}
        prepared = theme_screens.as_prepared(self._facts)
        return rows.script(self._facts, cluster, self._pictures, prepared, scores)

    def _map(self, address: str) -> bytes | None:
        found = self.atlas
        if found is None:
            return None
        if address == "data/map-ids.js":
            return atlas.ids_script(found)
        return atlas.script(found, {cluster.id: cluster.name for cluster in self._facts.clusters})

    @property
    def atlas(self) -> atlas.Atlas | None:
        """Where each picture lies on the map; None when nothing was embedded."""
        if self._atlas is None:
            self._places = self._places or atlas.places(self._facts)
            self._atlas = atlas.atlas(self._facts, self._places)
        return self._atlas

    def redraw(self) -> None:
        """Draw the map anew when it is asked for: the facts have changed."""
        self._atlas = None

    def files(self) -> dict[str, str]:
        """The files of runs, and films of faces, that pages show: path below the root by name."""
        return run_screens.files(self._facts) | screens.face_files(self._facts)


def data_addresses(facts: Facts) -> list[str]:
    """The scripts with data that the pages of an edition load."""
    maps = ["data/map.js", "data/map-ids.js"] if facts.mapped else []
    return [*(f"data/cluster-{cluster.id:02d}.js" for cluster in facts.clusters), *maps]
