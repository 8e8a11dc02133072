"""A practice gallery for tests of the web search: many small pictures, each different."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from spiders.gallery import Catalogue

SIDES = ((8, 8), (12, 8), (8, 12))


def catalogue(folder: Path, skulls: int = 620, flowers: int = 40) -> Catalogue:
    """So many pictures with the tag `skull`, and so many with `flower`; the former are vanitas or portraits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "title", "artist", "style", "genre", "year", "tags"])
        for number in range(skulls + flowers):
            name = f"{number:03d}.png"
            (folder / name).write_bytes(_png(number))
            word = "skull" if number < skulls else "flower"
            genre = ("vanitas", "portrait")[number % 2]
            writer.writerow(
                [name, f"A {word} {number}", ("Jane Doe", "Zoë")[number % 2], "Baroque", genre, "1650", word]
            )
    return Catalogue.from_folder(folder)


def _png(number: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", SIDES[number % 3], (number % 256, number // 256, 77)).save(stream, "PNG")
    return stream.getvalue()


KEYS: Mapping[str, str] = {
    "BRAVE_KEY": "canary-brave", "GOOGLE_KEY": "canary-google", "GOOGLE_CX": "canary-engine",
    "SERPAPI_KEY": "canary-serpapi", "FLICKR_KEY": "canary-flickr",
}  # fmt: skip
