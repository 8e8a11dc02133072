"""WikiArt's lists: facets, names, the cap of 3,600 works, the public domain, dry runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SourceRefused, UsageError
from pipeline.storage import Root
from spiders.gallery import Catalogue, Gallery
from spiders.run import crawl, enquire, estimate
from tests.spiders_site import Answer, Site, indexed, ok, png, rows

ARTISTS = {"Jane Doe": "1801-1848", "Zoë Late": "1930-2001", "No Dates": "", "Old Master": "1400-1460"}
NATIONS = {"Jane Doe": "Dutch", "Zoë Late": "Dutch", "No Dates": "Greek", "Old Master": "Italian"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty works: ten by each of four artists, every other one Cubism, the others Rococo."""
    lines = [
        [f"Work {number}", list(ARTISTS)[number % 4], ("Cubism", "Rococo")[number // 4 % 2], "portrait", 1850]
        for number in range(40)
    ]
    return indexed(tmp_path_factory.mktemp("pictures"), ["title", "artist", "style", "genre", "year"], lines)


@pytest.fixture(scope="module")
def catalogue(pictures: Path) -> Catalogue:
    """The works, by artists with years of death and nations."""
    from dataclasses import replace

    from spiders.gallery.works import LIVING_MS

    plain = Catalogue.from_folder(pictures)
    artists = []
    for artist in plain.artists:
        born, _, died = ARTISTS[artist.name].partition("-")
        dates = {"birth": born, "death": died, "birth_ms": (int(born) - 1970) * 31_556_952_000 + 10**10} if born else {}
        artists.append(replace(artist, nation=NATIONS[artist.name], **dates))  # type: ignore[arg-type]
    living = replace(artists[1], death=None, death_ms=LIVING_MS)
    return Catalogue([artists[0], living, *artists[2:]], plain.works)


@pytest.fixture(scope="module")
def gallery(catalogue: Catalogue) -> Iterator[Gallery]:
    with Gallery(catalogue) as running:
        yield running


# facets and names


@pytest.mark.parametrize(
    ("asked", "artists"),
    [
        ({"nation": "Dutch"}, {"jane-doe", "zoe-late"}),
        ({"century": "19th century"}, {"jane-doe"}),
        ({"school": "greek-school"}, {"no-dates"}),
        ({"movement": "rococo"}, {"jane-doe", "zoe-late", "no-dates", "old-master"}),
    ],
)
def test_the_artists_of_a_facet(gallery: Gallery, root: Root, asked: dict[str, str], artists: set[str]) -> None:
    summary = crawl("wikiart", root, args={**asked, "details": "no"}, base_url=gallery.url)
    found = rows(root)
    assert summary.new == len(found) == 10 * len(artists)
    assert {row["creator_id"] for row in found} == artists
    ((group, _),) = asked.items()
    assert {row["query"].partition("=")[0] for row in found} == {group}


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("styles", ["cubism", "rococo"]), ("genres", ["portrait"]), ("nations", ["dutch", "greek", "italian"]),
        ("artists", ["jane-doe", "no-dates", "old-master", "zoe-late"]), ("movements", ["cubism", "rococo"]),
        ("centuries", ["15th-century", "19th-century", "20th-century"]),
    ],
)  # fmt: skip
def test_names_are_listed_and_nothing_is_stored(gallery: Gallery, root: Root, kind: str, some: list[str]) -> None:
    names = enquire({"crawl": "wikiart", "list": kind, "base_url": gallery.url}, root)
    assert sorted(name.partition("\t")[0] for name in names) == some
    assert all(("\t" in name) == (kind in ("movements", "nations", "centuries")) for name in names)
    assert rows(root) == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"style": "cubsim"}, "no style 'cubsim'; did you mean cubism.*--list styles"),
        ({"nation": "Dutsch"}, "no nation 'Dutsch'; did you mean dutch.*--list nations"),
        ({"artist": "jane-do"}, "no artist 'jane-do'; did you mean jane-doe"),
        ({"list": "stiles"}, "'stiles'.*styles"),
        ({"style": "cubism", "strategy": "fast"}, "`strategy` takes no 'fast'.*auto"),
        ({"style": "cubism", "public_domain": "perhaps"}, "`public_domain` is only or all"),
        ({"style": "cubism", "nation": "dutch"}, "one of style and nation, not both"),
    ],
)
def test_wrong_names_get_one_helpful_sentence(gallery: Gallery, root: Root, asked: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        crawl("wikiart", root, args=asked, base_url=gallery.url)


# rights


def test_the_public_domain_alone_is_explained(gallery: Gallery, root: Root) -> None:
    before = gallery.counts()
    summary = crawl("wikiart", root, args={"style": "cubism", "public_domain": "only"}, base_url=gallery.url)
    found = rows(root)
    assert {row["creator_id"] for row in found} == {"jane-doe", "old-master"}
    assert {row["licence"] for row in found} == {"CC-PDM-1.0"} and summary.new == len(found) == 10
    assert json.loads(found[0]["extra"])["licence_reason"] == "Jane Doe died in 1848, more than 70 full years ago"
    (note,) = [note for note in summary.notes if "left out" in note]
    assert re.match(r"10 works were left out: of 5 the artist lives or died after \d{4}, of 5 .* not known", note)
    assert gallery.counts()["image"] - before.get("image", 0) == 10
    again = crawl("wikiart", root, args={"style": "cubism", "public_domain": "yes"}, base_url=gallery.url)
    assert (again.new, again.unchanged) == (0, 10)


def test_with_a_key_the_public_domain_alone_costs_calls(
    gallery: Gallery, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIKIART_KEY", "practice")
    monkeypatch.setenv("WIKIART_SECRET", "practice")
    before = sum("/api/2/Painting?" in target for _, target, _ in gallery.log())
    args = {"style": "cubism", "public_domain": "only", "api": "yes"}
    summary = crawl("wikiart", root, args=args, base_url=gallery.url)
    assert summary.new == 10 and {row["licence"] for row in rows(root)} == {"CC-PDM-1.0"}
    assert sum("/api/2/Painting?" in target for _, target, _ in gallery.log()) - before == 10
    assert any("10 works were left out" in note for note in summary.notes)


def test_without_the_switch_each_row_says_its_licence_and_why(gallery: Gallery, root: Root) -> None:
    summary = crawl("wikiart", root, args={"style": "cubism", "details": "no"}, base_url=gallery.url)
    said = {row["creator_id"]: (row["licence"], json.loads(row["extra"])["licence_reason"]) for row in rows(root)}
    assert said["zoe-late"] == ("LicenseRef-InC", "Zoë Late lives")
    assert said["no-dates"] == ("NOASSERTION", "the year of death of No Dates is not known")
    assert any("10 works are in the public domain, 5 in copyright" in note for note in summary.notes)


# long lists


class Long(Site):
    """A style of 3,660 works in pages of one, of which 60 are shown; artists b and c have the others and more.

    Work n is by artist b for odd n, c for even n; of their own lists every third work is of another style.
    """

    def answer(self, target: str) -> Answer:
        page = int(found[1]) if (found := re.search(r"page=(\d+)", target)) else 1
        if "/paintings-by-style/cubism" in target:
            return self.json({"Paintings": [self.by("bc"[page % 2], page)], "AllPaintingsCount": 3_660})
        if "AlphabetJson" in target:
            return self.json([
                {"url": name, "artistName": name, "contentId": 1, "dictonaries": [7] if name == "d" else []}
                for name in "bcde"
            ])
        if "DictionariesJson/2" in target:
            return self.json([{"title": "Cubism", "url": "cubism", "contentId": 7}])
        if "Artists-by-art-movement" in target:
            names = [{"artistUrl": "/en/c", "artistName": "c"}] if page == 1 else None
            return self.json({"Artists": names, "AllArtistsCount": 1})
        if works := re.search(r"/en/([a-e])/mode/all-paintings", target):
            own = [self.by(works[1], number) for number in range(100, 109)]
            return self.json({"Paintings": own if page == 1 else None, "AllPaintingsCount": 9})
        if works := re.search(r"PaintingsByArtist\?artistUrl=([a-e])", target):
            return self.json([
                {"contentId": n + 1000 * ord(works[1]), "image": self.by(works[1], n)["image"]} for n in range(120)
            ])
        if works := re.search(r"ImageJson/(\d+)", target):
            artist, number = chr(int(works[1]) // 1000), int(works[1]) % 1000
            style = "Rococo" if number % 3 == 0 else "Cubism"
            return self.json({"contentId": int(works[1]), "artistUrl": artist, "url": f"w{number}", "style": style})
        if picture := re.search(r"/images/([a-e])/(\d+)\.png", target):
            return ok(png(ord(picture[1]) * 200 + int(picture[2])))
        return super().answer(target)

    def by(self, artist: str, number: int) -> dict[str, Any]:
        work = super().work(number)
        return {**work, "id": f"{artist}{number:023x}", "artistUrl": f"/en/{artist}", "artistName": artist,
                "paintingUrl": f"/en/{artist}/w{number}",
                "image": f"{self.url}/images/{artist}/{number}.png"}  # fmt: skip


def test_a_list_that_is_cut_off_goes_on_by_artists(root: Root) -> None:
    with Long() as site:
        summary = crawl("wikiart", root, args={"style": "cubism"}, base_url=site.url)
        assert site.asked("page=60") and not site.asked("page=61")
        assert not site.asked("/en/e/mode")
        details = len(site.asked("ImageJson"))
        again = crawl("wikiart", root, args={"style": "cubism"}, base_url=site.url)
        assert len(site.asked("ImageJson")) == details, "what was looked at and left is not asked for again"
    found = rows(root)
    assert summary.new == len(found) == 60 + 3 * 6
    assert {row["creator_id"] for row in found[60:]} == {"b", "c", "d"}
    assert [row["rank"] for row in found] == list(range(78))
    assert {tuple(row["style"]) for row in found[60:]} == {("Cubism",)}
    assert "cubism has 3,660 works and WikiArt shows 3,600 of a list: looked among all works of 3 artists." in (
        summary.notes
    )
    assert (again.new, again.unchanged) == (0, 78)


def test_by_artists_from_the_start_and_by_listing_alone(root: Root, tmp_path: Path) -> None:
    with Long() as site:
        artists = crawl("wikiart", root, args={"style": "cubism", "strategy": "artists"}, base_url=site.url)
        assert not site.asked("paintings-by-style") and not site.asked("/en/b/mode")
        other = Root(tmp_path / "other")
        listing = crawl("wikiart", other, args={"style": "cubism", "strategy": "listing"}, base_url=site.url)
        few = crawl("wikiart", Root(tmp_path / "few"), args={"style": "cubism"}, limit=60, base_url=site.url)
    assert artists.new == 12
    assert {row["creator_id"] for row in rows(root)} == {"c", "d"}
    assert listing.new == 60 and any("--strategy artists" in note for note in listing.notes)
    assert few.new == 60 and not any("3,600" in note for note in few.notes)


def test_a_listing_that_shifts_while_it_is_paged_gives_each_work_once(root: Root) -> None:
    class Shifting(Site):
        """A work comes in at the front while page 2 is asked: the last of page 1 shows again."""

        def answer(self, target: str) -> Answer:
            if page := re.search(r"paintings-by-style/cubism.*page=(\d+)", target):
                self.order = list(range(130)) if page[1] == "1" else [999, *range(130)]
                start = (int(page[1]) - 1) * 60
                works = [self.work(number) for number in self.order[start : start + 60]]
                return self.json({"Paintings": works or None, "AllPaintingsCount": len(self.order)})
            return super().answer(target)

    with Shifting(130) as site:
        summary = crawl("wikiart", root, args={"style": "cubism", "details": "no"}, base_url=site.url)
        assert len(site.asked("/images/a/")) == 130
    found = rows(root)
    assert summary.new == len(found) == len({row["source_id"] for row in found}) == 130


def test_a_short_last_page_ends_the_list_without_an_empty_one(root: Root) -> None:
    with Site(70) as site:
        crawl("wikiart", root, args={"style": "cubism", "details": "no"}, base_url=site.url)
        assert len(site.asked("page=")) == 2


# dry runs


def test_a_dry_run_counts_and_says_what_is_cut_off(root: Root) -> None:
    with Site(130) as site:
        ahead = estimate({"crawl": "wikiart", "style": "cubism", "base_url": site.url}, root)
        assert not site.asked("/images/a/") and not site.asked("ImageJson") and len(site.asked("page=")) == 1
    assert ahead.pictures == 130 and 130 * 2 < ahead.requests < 130 * 2 + 10
    assert 65 <= ahead.seconds <= 75 and rows(root) == []
    with Long() as site:
        long = estimate({"crawl": "wikiart", "style": "cubism", "base_url": site.url}, root)
        short = estimate({"crawl": "wikiart", "style": "cubism", "strategy": "listing", "base_url": site.url}, root)
        some = estimate({"crawl": "wikiart", "style": "cubism", "limit": 100, "base_url": site.url}, root)
        whole = estimate({"crawl": "wikiart", "base_url": site.url}, root)
    assert long.pictures == 3_660 and "3,600 works of a list: the others" in long.notes[0]
    assert short.pictures == 3_600 and "shows 3,600 works of a list; cubism has 3,660" in short.caps[0]
    assert some.pictures == 100 and not some.notes and not some.caps
    assert whole.pictures is None and "4 artists" in whole.notes[0]


def test_a_site_without_artists_of_a_facet_is_said(root: Root) -> None:
    with Site(3, {"/en/artists-by-nation": lambda site, times: site.json({"Dictionaries": [{"slug": "dutch"}]})}) as (
        site
    ), pytest.raises(UsageError, match="shows no works for nation=dutch"):
        crawl("wikiart", root, args={"nation": "dutch"}, base_url=site.url)
    with Site(3, {"/en/artists-by-nation": lambda site, times: (503, {}, b"")}) as site, pytest.raises(
        SourceRefused, match="HTTP 503"
    ):
        crawl("wikiart", root, args={"nation": "dutch"}, base_url=site.url)
