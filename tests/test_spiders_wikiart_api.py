"""WikiArt's documented API: sessions, the hour's calls, tokens, and what it adds to the pages."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import tables
from pipeline.errors import SourceRefused, UsageError
from pipeline.storage import Root
from spiders.gallery import Catalogue, Faults, Gallery
from spiders.ledger import Ledger
from spiders.pages import wikiart_api
from spiders.run import crawl
from tests.spiders_site import indexed, png, rows


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventy works by seventy artists, all Cubism."""
    lines = [[f"Work {number}", f"Artist {number}", "Cubism", "portrait", "hat, sky"] for number in range(70)]
    header = ["title", "artist", "style", "genre", "tags"]
    folder = indexed(tmp_path_factory.mktemp("pictures"), header, lines)
    for path in folder.glob("*.png"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


@pytest.fixture(scope="module")
def gallery(pictures: Path) -> Iterator[Gallery]:
    with Gallery(Catalogue.from_folder(pictures)) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    """An empty root, and a user who has the gallery's codes."""
    monkeypatch.setenv("WIKIART_KEY", "practice")
    (tmp_path / "secret").write_text("practice\n")
    monkeypatch.setenv("WIKIART_SECRET_FILE", str(tmp_path / "secret"))
    return Root(tmp_path / "root")


def checks(root: Root) -> list[dict[str, Any]]:
    names = tables.names(root, tables.CHECKED)
    return [row for name in names for row in tables.read(root, tables.CHECKED, name).to_pylist()]


def calls(gallery: Gallery, name: str) -> int:
    return sum(f"/api/2/{name}?" in target for _, target, _ in gallery.log())


def test_details_come_from_the_api_and_no_key_stays(gallery: Gallery, root: Root) -> None:
    summary = crawl("wikiart", root, args={"style": "cubism", "api": "yes"}, limit=20, base_url=gallery.url)
    found = rows(root)
    assert summary.new == 20 and calls(gallery, "Painting") == 20
    assert not any("ImageJson" in target or "PaintingsByArtist" in target for _, target, _ in gallery.log())
    assert (found[0]["style"], found[0]["genre"], found[0]["tags"]) == (["Cubism"], ["portrait"], ["hat", "sky"])
    assert json.loads(found[0]["raw"])["detail"]["styles"] == ["Cubism"]
    assert len(Ledger(root, "wikiart").spent(datetime.now(UTC) - timedelta(hours=1))) == 20
    session = next(target for _, target, _ in gallery.log() if "authSessionKey=" in target)
    key = session.partition("authSessionKey=")[2].partition("&")[0]
    assert root.local is not None
    for path in root.local.rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes(), path


def test_the_hours_calls_are_kept_to_and_the_others_wait(pictures: Path, root: Root) -> None:
    with Gallery(Catalogue.from_folder(pictures), Faults(api_calls=8, api_hour=1.0)) as gallery:
        summary = crawl(
            "wikiart", root, args={"style": "cubism", "api": "yes"}, limit=20, base_url=gallery.url,
            settings={"WIKIART_API_HOUR": 2.5},  # a busy machine may pass a call on a second late
        )  # fmt: skip
        asked = [(when, status) for when, target, status in gallery.log() if "/api/2/Painting?" in target]
    assert summary.new == 20
    assert [status for _, status in asked] == [200] * 20
    assert asked[8][0] - asked[0][0] >= 1.0


def test_what_others_spent_with_the_key_is_waited_for(pictures: Path, root: Root) -> None:
    with Gallery(Catalogue.from_folder(pictures), Faults(api_calls=8, api_hour=1.0)) as gallery:
        summary = crawl("wikiart", root, args={"style": "cubism", "api": "yes"}, limit=12, base_url=gallery.url,
                        settings={"WIKIART_API_HOUR": 0.01})  # fmt: skip
        log = gallery.log()
    assert summary.new == 12 and sum(status == 500 for _, target, status in log if "/api/2/Painting" in target) >= 1
    assert {tuple(row["tags"]) for row in rows(root)} == {("hat", "sky")}, "nothing is lost to the limit"


def test_artists_of_a_style_come_from_the_api_page_by_page(gallery: Gallery, root: Root) -> None:
    args = {"style": "cubism", "api": "yes", "strategy": "artists"}
    summary = crawl("wikiart", root, args=args, limit=65, base_url=gallery.url)
    assert summary.new == 65 and calls(gallery, "ArtistsByDictionary") == 2
    tokens = [target for _, target, _ in gallery.log() if "paginationToken=" in target]
    assert len(tokens) == 1 and "%3D" in tokens[0] and "%253D" not in tokens[0]


def test_the_next_night_lists_only_artists_that_changed(pictures: Path, root: Root) -> None:
    with Gallery(Catalogue.from_folder(pictures)) as gallery:
        assert crawl("wikiart", root, args={"api": "yes"}, base_url=gallery.url).new == 70
    (pictures / "069.png").write_bytes(png(69))
    with Gallery(Catalogue.from_folder(pictures)) as gallery:
        again = crawl("wikiart", root, args={"api": "yes"}, base_url=gallery.url)
        assert sum("all-paintings" in target for _, target, _ in gallery.log()) == 1
    assert (again.new, again.unchanged, again.gone) == (0, 1, 0), "who is not listed is not gone"
    assert any("Of 70 artists the 1 were listed" in note for note in again.notes)
    os.utime(pictures / "069.png", (1_600_000_000, 1_600_000_000))
    with Gallery(Catalogue.from_folder(pictures)) as gallery:
        third = crawl("wikiart", root, args={"api": "yes", "recheck": "all"}, base_url=gallery.url)
        assert not any("all-paintings" in target for _, target, _ in gallery.log())
    assert (third.new, third.gone, third.missed) == (0, 0, 0)
    assert not any(row["outcome"] == "gone" for row in checks(root))


def test_keys_that_are_missing_or_wrong(gallery: Gallery, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIKIART_KEY", "mistaken")
    with pytest.raises(UsageError, match=r"does not accept WIKIART_KEY and WIKIART_SECRET.*GetKeys.*without --api"):
        crawl("wikiart", root, args={"style": "cubism", "api": "yes"}, base_url=gallery.url)
    monkeypatch.delenv("WIKIART_KEY")
    with pytest.raises(UsageError, match=r"WIKIART_KEY is not set: make an access code.*GetKeys"):
        crawl("wikiart", root, args={"style": "cubism", "api": "yes"}, base_url=gallery.url)


def test_ten_sessions_an_hour(gallery: Gallery, root: Root) -> None:
    sessions = Ledger(root, "wikiart-sessions")
    for _ in range(wikiart_api.SESSIONS_PER_HOUR):
        sessions.spend(1, "login")
    with pytest.raises(SourceRefused, match=r"10 sessions an hour.*run again in 60 minutes, or without --api"):
        crawl("wikiart", root, args={"style": "cubism", "api": "yes"}, base_url=gallery.url)
