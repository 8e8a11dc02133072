"""Catalogues: from any folder, with or without an index, and painted, growing without changing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.errors import UsageError
from spiders.gallery import Catalogue, Gallery
from spiders.gallery.names import HOSTILE, cast, title
from spiders.gallery.painted import EVERY, FAMILIES, Slot
from spiders.gallery.sites.wikiart_pages import in_public_domain
from spiders.gallery.works import LIVING_MS, completion_year, hex_id, image_folder, name_slug, slug
from tests.test_gallery_server import fetch

SHARED = Path(__file__).parents[2] / "shared"


def picture(path: Path, size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 10, 10)).save(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Naïve Art (Primitivism)", "na-ve-art-primitivism"),
        ("nude painting (nu)", "nude-painting-nu"),
        ("Art Nouveau (Modern)", "art-nouveau-modern"),
        ("trompe-l'œil", "trompe-l-il"),
    ],
)
def test_slugs_are_spelt_as_on_the_site(text: str, expected: str) -> None:
    assert slug(text) == expected


@pytest.mark.parametrize(
    ("text", "year"), [("1836", 1836), ("c.1900", 1900), ("1912 - 1914", 1914), ("?", None), (None, None)]
)
def test_completion_year_is_the_last_named(text: str | None, year: int | None) -> None:
    assert completion_year(text) == year


@given(st.text(max_size=40))
def test_names_always_give_safe_slugs(text: str) -> None:
    made = name_slug(text, "work-1")
    assert made and set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert image_folder(text) and "/" not in image_folder(text)
    assert len(hex_id(text)) == 24


def test_folder_without_an_index_takes_its_top_folders_as_genres(tmp_path: Path) -> None:
    picture(tmp_path / "skulls" / "deep" / "one.png")
    picture(tmp_path / "flowers" / "Ünïcode näme.jpg")
    (tmp_path / "flowers" / "notes.txt").write_text("no picture")
    catalogue = Catalogue.from_folder(tmp_path)
    assert [(work.key, work.genres, work.title) for work in catalogue.works] == [
        ("flowers/Ünïcode näme.jpg", ("flowers",), "Ünïcode näme"),
        ("skulls/deep/one.png", ("skulls",), "one"),
    ]
    assert catalogue.works[0].path == "/images/unknown-artist/unicode-name.jpg"
    assert (catalogue.works[1].width, catalogue.works[1].height) == (40, 30)


def test_folder_takes_the_columns_of_its_index(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    picture(tmp_path / "b.jpg")
    (tmp_path / "index.csv").write_text(
        "file,Title,creator,movement,label,date,tags,odd\n"
        'a.jpg,"Day, and night",Édouard Faux,Art_Nouveau_(Modern),"vanitas, still life",c.1899,"skull, book",x\n'
        "missing.jpg,Gone,Nobody,,,,,\nb.jpg,Second,Edouard Faux,,,,,\n",
        encoding="utf-8",
    )
    catalogue = Catalogue.from_folder(tmp_path)
    work = catalogue.works[0]
    assert (work.title, work.year_text, work.year) == ("Day, and night", "c.1899", 1899)
    assert (work.styles, work.genres, work.tags) == (
        ("Art Nouveau (Modern)",), ("vanitas", "still life"), ("skull", "book"))  # fmt: skip
    assert len(catalogue.works) == 2 and len({artist.slug for artist in catalogue.artists}) == 2
    assert set(catalogue.listings["genre"]) == {"vanitas", "still-life"}


def test_folder_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no pictures"):
        Catalogue.from_folder(tmp_path)
    (tmp_path / "index.csv").write_text("title\nx\n")
    with pytest.raises(UsageError, match="no `path` column"):
        Catalogue.from_folder(tmp_path)


def test_catalogue_survives_json(tmp_path: Path) -> None:
    picture(tmp_path / "x" / "a.jpg")
    first = Catalogue.from_folder(tmp_path)
    again = Catalogue.from_json(first.to_json())
    assert again.works == first.works and again.artists == first.artists


@pytest.mark.skipif(not (SHARED / "data" / "pbn64_pd").is_dir(), reason="the shared pictures are not here")
def test_shared_folders_map_to_their_labels() -> None:
    paintings = Catalogue.from_folder(SHARED / "data" / "pbn64_pd")
    assert len(paintings.works) == 4870
    assert len(paintings.listings["style"]["impressionism"]) == 3871
    assert len(paintings.listings["genre"]["landscape"]) == 1651
    louvre = Catalogue.from_folder(SHARED / "data" / "louvre_genres")
    assert {name: len(works) for name, works in louvre.listings["genre"].items()} == dict.fromkeys(
        ("genre", "landscape", "naturmort", "portrait"), 80
    )


@pytest.mark.skipif(not (SHARED / "data" / "formats").is_dir(), reason="the shared pictures are not here")
def test_a_folder_of_broken_files_can_be_listed() -> None:
    catalogue = Catalogue.from_folder(SHARED / "data" / "formats")
    assert len(catalogue.works) > 1000


def test_cast_has_living_unknown_and_ancient_artists_and_names_beyond_ascii() -> None:
    people = cast(0).artists
    deaths = [artist.death_ms for artist in people]
    assert LIVING_MS in deaths and None in deaths
    assert min(artist.birth_ms for artist in people if artist.birth_ms is not None) < -62_135_596_800_000
    assert any(not artist.name.isascii() for artist in people)
    assert len({artist.slug for artist in people}) == len(people) == len({artist.content_id for artist in people})
    assert {in_public_domain(artist) for artist in people} == {True, False}


def test_dates_agree_with_the_calendar() -> None:
    from datetime import UTC, datetime

    for artist in cast(0).artists:
        if artist.birth and artist.birth.count(",") and artist.birth_ms is not None:
            said = datetime.strptime(artist.birth, "%B %d, %Y").replace(tzinfo=UTC)
            assert artist.birth_ms == int(said.timestamp() * 1000)


def test_titles_include_hostile_ones() -> None:
    titles = [title(0, family, str(number)) for family in FAMILIES for number in range(300)]
    hostile = [text for text in titles if text in HOSTILE]
    assert 0.004 < len(hostile) / len(titles) < 0.03
    assert not any("{" in text for text in titles if text not in HOSTILE)


def test_slots_plant_every_twelfth_and_copy_what_came_before() -> None:
    slots = [Slot(3, index) for index in range(600)]
    assert sum(slot.kind is not None for slot in slots) == 600 // EVERY
    copies = [slot for slot in slots if slot.source is not slot]
    assert copies and all(0 < copy.index - copy.source.index < EVERY for copy in copies)
    assert all(copy.source.kind is None for copy in copies)
    counts = {family: sum(slot.family == family for slot in slots if slot.kind is None) for family in FAMILIES}
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def painted(cache: Path) -> tuple[Catalogue, dict]:
    return Catalogue.painted(1, 36, cache)


def test_painted_galleries_grow_without_changing(painted: tuple[Catalogue, dict], cache: Path) -> None:
    large, truth = painted
    small, less = Catalogue.painted(1, 24, cache)
    assert small.works == large.works[:24]
    assert less["planted"] == truth["planted"][:2]
    assert len({work.id for work in large.works}) == len({work.path for work in large.works}) == 36


def test_painted_galleries_are_the_same_bytes_in_another_cache(painted: tuple[Catalogue, dict], tmp_path: Path) -> None:
    again, truth = Catalogue.painted(1, 12, tmp_path)
    assert [sha256(Path(work.file).read_bytes()).hexdigest() for work in again.works] == [
        sha256(Path(work.file).read_bytes()).hexdigest() for work in painted[0].works[:12]
    ]
    assert {int(Path(w.file).stat().st_mtime) for w in again.works} == {
        int(Path(w.file).stat().st_mtime) for w in painted[0].works[:12]
    }
    assert json.loads(json.dumps(truth)) == truth


def test_truth_names_copies_and_their_originals_and_is_never_served(painted: tuple[Catalogue, dict]) -> None:
    catalogue, truth = painted
    by_id = {work.id: work for work in catalogue.works}
    copies = [plant for plant in truth["planted"] if plant["of"]]
    assert copies and all(plant["of"] in by_id for plant in copies)
    exact = [plant for plant in copies if plant["kind"] == "duplicate:exact"]
    for plant in exact:
        copy, original = by_id[plant["id"]], by_id[plant["of"]]
        assert copy.path != original.path
        assert Path(copy.file).read_bytes() == Path(original.file).read_bytes()
    with Gallery(catalogue) as gallery:
        full = [fetch(f"{gallery.url}/en/App/Painting/ImageJson/{work.content_id}")[1] for work in catalogue.works]
        assert not any(b"duplicate:" in body or b"planted" in body for body in full)
        assert fetch(f"{gallery.url}/_truth.json")[0].status == 404


def test_gallery_runs_alone_and_stops_on_interrupt(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    command = [sys.executable, "-m", "spiders.gallery", str(tmp_path), "--port", "0", "--no-faults"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split()[3]
        assert line.startswith("1 works at http://127.0.0.1:") and fetch(f"{url}/robots.txt")[0].status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    with pytest.raises(ConnectionRefusedError):
        fetch(f"{url}/robots.txt")


def test_gallery_alone_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spiders.gallery", str(tmp_path), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
