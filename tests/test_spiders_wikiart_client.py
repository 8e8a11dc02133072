"""An independent client accepts the practice gallery: gallery-dl downloads the same works from it as we do."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline import tables
from pipeline.storage import Root
from spiders.gallery import Catalogue, Gallery
from spiders.run import crawl
from tests.spiders_site import png

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gallery_dl") is None, reason="gallery-dl is not installed (the dev extra has it)"
)
CLIENT = """
import sys
import gallery_dl
from gallery_dl.extractor.wikiart import WikiartExtractor
WikiartExtractor.root = sys.argv.pop(1)
sys.exit(gallery_dl.main())
"""
"""gallery-dl with the address of the site replaced; it runs in a process of its own."""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """130 works in Cubism, three pages of them, and 5 others; two artists, one with a letter beyond ASCII."""
    folder = tmp_path_factory.mktemp("pictures")
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "title", "artist", "style", "year"])
        for number in range(135):
            (folder / f"{number:03d}.png").write_bytes(png(number))
            artist = "Matthias Grünling" if number % 2 else "Jane Doe"
            style = "Rococo" if number > 129 else "Cubism"
            writer.writerow([f"{number:03d}.png", f"Work {number}", artist, style, 1900])
    with Gallery(Catalogue.from_folder(folder)) as running:
        yield running


def by_gallery_dl(gallery: Gallery, page: str, folder: Path) -> dict[str, str]:
    """The SHA-256 of each picture by the id that gallery-dl wrote beside it."""
    command = [
        sys.executable, "-c", CLIENT, gallery.url, "--config-ignore", "--write-metadata", "-o", "sleep-request=0",
        "-d", str(folder), f"https://www.wikiart.org/en/{page}",
    ]  # fmt: skip
    environment = {**os.environ, "NO_PROXY": "*", "HOME": str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = {}
    for path in folder.rglob("*.json"):
        said = json.loads(path.read_text(encoding="utf-8"))
        found[said["id"]] = sha256(path.with_suffix("").read_bytes()).hexdigest()
    return found


def by_us(gallery: Gallery, asked: dict[str, str], root: Root) -> dict[str, str]:
    crawl("wikiart", root, args=asked, base_url=gallery.url)
    names = tables.names(root, tables.CRAWLED)
    found = [row for name in names for row in tables.read(root, tables.CRAWLED, name).to_pylist()]
    return {row["source_id"]: row["sha256"] for row in found}


@pytest.mark.parametrize(
    ("page", "asked", "works"),
    [
        ("matthias-grunling", {"artist": "matthias-grunling"}, 67),
        ("paintings-by-style/cubism", {"style": "cubism"}, 130),
    ],
)
def test_gallery_dl_downloads_the_same_works_as_we(
    gallery: Gallery, tmp_path: Path, page: str, asked: dict[str, str], works: int
) -> None:
    theirs = by_gallery_dl(gallery, page, tmp_path / "theirs")
    ours = by_us(gallery, asked, Root(tmp_path / "ours"))
    assert len(ours) == works
    assert ours == theirs
