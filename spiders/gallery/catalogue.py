"""The catalogue that a gallery serves: artists and works, from a folder or painted, with look-ups."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from spiders.gallery import folder
from spiders.gallery.score import Truth
from spiders.gallery.works import Artist, Work, slug

Progress = Callable[[int, int], None]


class Catalogue:
    """Artists and works in the order of the site. Treat as read-only."""

    def __init__(self, artists: Iterable[Artist], works: Iterable[Work]) -> None:
        self.artists = tuple(artists)
        self.works = tuple(works)

    @classmethod
    def from_folder(cls, path: str | Path, limit: int | None = None) -> Catalogue:
        """The pictures under `path`, with what an `index.csv` beside them says (see `folder.read`)."""
        return cls(*folder.read(Path(path), limit))

    @classmethod
    def painted(
        cls,
        seed: int,
        count: int,
        cache_dir: str | Path,
        faces: str | Path | None = None,
        progress: Progress | None = None,
    ) -> tuple[Catalogue, Truth]:
        """A gallery of `count` painted works, and the truth about its plants (see `painted.build`).

        Pictures are kept under `cache_dir`; `faces` is a folder with photographs that portraits may use;
        `progress` is called with how many pictures are painted and how many there are to paint.
        """
        from spiders.gallery import painted

        artists, works, truth = painted.build(seed, count, Path(cache_dir), Path(faces) if faces else None, progress)
        return cls(artists, works), truth

    @classmethod
    def from_json(cls, text: str) -> Catalogue:
        """What `to_json` wrote."""
        data = json.loads(text)
        return cls((Artist(**row) for row in data["artists"]), (_work(row) for row in data["works"]))

    def to_json(self) -> str:
        """All of it as one JSON object."""
        rows = {"artists": [asdict(a) for a in self.artists], "works": [asdict(w) for w in self.works]}
        return json.dumps(rows)

    @cached_property
    def artist(self) -> dict[str, Artist]:
        """Artists by slug."""
        return {artist.slug: artist for artist in self.artists}

    @cached_property
    def by_artist(self) -> dict[str, list[Work]]:
        """Works by artist slug."""
        return _grouped((work.artist, work) for work in self.works)

    @cached_property
    def by_content_id(self) -> dict[int, Work]:
        """Works by the integer id of surface A."""
        return {work.content_id: work for work in self.works}

    @cached_property
    def by_id(self) -> dict[str, Work]:
        """Works by the 24 hex digits of surfaces B and C."""
        return {work.id: work for work in self.works}

    @cached_property
    def by_slugs(self) -> dict[tuple[str, str], Work]:
        """Works by artist and work slug."""
        return {(work.artist, work.slug): work for work in self.works}

    @cached_property
    def by_path(self) -> dict[str, Work]:
        """Works by the URL path of their original."""
        return {work.path: work for work in self.works}

    @cached_property
    def listings(self) -> dict[str, dict[str, list[Work]]]:
        """Works by group (style, genre, media) and slug."""
        return {
            "style": _grouped((slug(name), work) for work in self.works for name in work.styles),
            "genre": _grouped((slug(name), work) for work in self.works for name in work.genres),
            "media": _grouped((slug(name), work) for work in self.works for name in _media(work)),
        }

    @cached_property
    def titles(self) -> dict[str, dict[str, str]]:
        """The title of each slug, by group."""
        return {
            "style": {slug(name): name for work in self.works for name in work.styles},
            "genre": {slug(name): name for work in self.works for name in work.genres},
            "media": {slug(name): name for work in self.works for name in _media(work)},
        }


def _media(work: Work) -> list[str]:
    return [part.strip() for part in (work.technique or "").split(",") if part.strip()]


def _grouped(pairs: Iterable[tuple[str, Work]]) -> dict[str, list[Work]]:
    groups: dict[str, list[Work]] = defaultdict(list)
    for name, work in pairs:
        groups[name].append(work)
    return dict(groups)


def _work(row: dict[str, object]) -> Work:
    """A work from its JSON object, whose lists were tuples."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Work(**values)  # type: ignore[arg-type]
