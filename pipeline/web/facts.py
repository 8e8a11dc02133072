"""What the pages say: rows of one edition, read from the tables it names and never from newer ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from pipeline import attribution, overlay, tables
from pipeline.decisions import Event, never_duplicates
from pipeline.errors import Fatal, Reason, UsageError
from pipeline.naming import NO_NAMES
from pipeline.reasons import words
from pipeline.storage import Root

TABLES = ("crawled", "measured", "faces", "selected", "expanded", "prepared", "embedded", "clustered")
REJECT_SAMPLES = 24
GROUPS = 400
GROUP_PICTURES = 16
GROUP_ADDRESSES = 6
FACE_SAMPLES = 24
CREDITS = 2000

# Of a reason whose number must not fall under a limit the largest numbers lie nearest to it.
_LARGEST_FIRST = tuple(
    str(reason)
    for reason in (
        Reason.TOO_SMALL, Reason.BLURRED, Reason.TOO_DARK, Reason.LOW_CONTRAST, Reason.GREYSCALE,
        Reason.LOW_ENTROPY, Reason.LOW_JPEG_QUALITY,
        Reason.LOW_CONFIDENCE, Reason.FACE_TOO_SMALL, Reason.NEAR_DUPLICATE,
    )
)


_BLANK = re.compile(r"[\x00-\x20]")


@dataclass(frozen=True)
class Picture:
    """One row of the corpus. Width and height in pixels of the upright picture; null when not decoded."""

    id: str
    url: str | None
    page_url: str | None
    source: str | None
    source_id: str | None
    title: str | None
    creator: str | None
    year: str | None
    licence: str | None
    http_status: int | None
    format: str | None
    width: int | None
    height: int | None
    phash: int | None
    keeper: str | None
    distance: int | None
    rule: str | None
    transform: str | None
    inliers: int | None
    agreement: float | None
    model: Sequence[float] | None
    reason: str | None
    value: float | None
    detail: str | None
    shard: str | None
    offset: int | None
    size: int | None
    prepared_side: int | None

    @property
    def decoded(self) -> bool:
        """Whether the original lies in the store and was read as a picture."""
        return self.width is not None and self.format is not None

    @property
    def extent(self) -> tuple[int, int]:
        """Width and height, 1 × 1 when they are not known."""
        return self.width or 1, self.height or 1

    @property
    def link(self) -> str | None:
        """The page it was found on, or its own address, when that is an http(s) address."""
        return web_address(self.page_url) or web_address(self.url)

    @property
    def number(self) -> str | None:
        """What decided about it, in words; None when no number did."""
        if self.reason is None:
            return None
        if self.value is None and self.http_status and self.reason.startswith("http_"):
            return f"HTTP {self.http_status}"
        return self.proof or words(self.reason, self.value, self.detail)

    @property
    def proof(self) -> str | None:
        """How far its pixels agree with those of the picture kept instead; None where only hashes were compared."""
        if not self.inliers or self.agreement is None:
            return None
        return f"{self.inliers} features and {100 * self.agreement:.0f} % of the windows agree"


_COLUMNS = ", ".join(f'"{field.name}"' for field in fields(Picture))


@dataclass(frozen=True)
class Group:
    """The pictures that one keeper stands for: `near` look like it, `same` have the bytes of one of these."""

    keeper: Picture
    near: Sequence[Picture]
    same: Sequence[Picture]
    near_total: int
    same_total: int


@dataclass(frozen=True)
class Cluster:
    """A thematic folder. `members` are (id, distance), nearest first; `words` stand out in its metadata.

    `duplicates` counts the look-alikes and copies its members stand for; `silhouette` says how well it is set apart
    from the theme next to it, -1 to 1, null where nobody measured it; `path` is null for what people made since.
    """

    id: int
    name: str
    size: int
    members: Sequence[tuple[str, float]]
    medoids: Sequence[str]
    outliers: Sequence[str]
    words: Sequence[tuple[str, int]]
    duplicates: int
    silhouette: float | None
    path: str | None

    @cached_property
    def cohesion(self) -> float | None:
        """How alike the members are to the centre: mean cosine similarity, at most 1."""
        return 1 - sum(far for _, far in self.members) / len(self.members) if self.members else None


@dataclass(frozen=True)
class Faces:
    """A picture with the faces found in it: structs of `schema.FACE`; `eyes` are those of the prepared one."""

    picture: Picture
    faces: Sequence[Mapping[str, Any]]
    eyes: Sequence[float] | None


def web_address(text: str | None) -> str | None:
    """`text` when it is an http(s) address a page may link to, else None."""
    if not text or _BLANK.search(text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.netloc else None


class Facts:
    """The facts of one edition, and what the decisions `events` that stand make of them (None: pages of the edition).

    Raises Fatal when a table or a folder it names is damaged or gone.
    """

    def __init__(
        self, root: Root, edition: Mapping[str, Any], events: Sequence[Event] | None = None,
        said: pa.Table | None = None,
    ) -> None:
        self.root = root
        self.edition = edition
        self.live = events is not None
        self.events: Sequence[Event] = events or ()
        self.rescued = overlay.rescued(self.events)
        self.sliders: dict[str, Any] | None = None
        folders = edition["folders"]
        self._db = tables.connect(root, {table: {"": folders[table]} if table in folders else {} for table in TABLES})
        self._db.register("said", tables.read_latest(root, edition["partitions"], SAID) if said is None else said)
        out = {**edition.get("left_out", {}), **overlay.left_out(self.events)}
        left_out = {"id": pa.array(list(out), pa.string()), "reason": pa.array(list(out.values()), pa.string())}
        self._db.register("left_out", pa.table(left_out))
        self._db.execute(_ROWS, [list(edition["partitions"])])
        self._db.execute(_KEEPERS)
        self._db.execute(_WORDS)
        self._db.execute("CREATE TEMP TABLE everywhere AS SELECT word, count(*) AS total FROM words GROUP BY word")

    def _pictures(self, condition: str, values: Sequence[Any] = (), order: str = "partition, row") -> list[Picture]:
        query = f"SELECT {_COLUMNS} FROM rows WHERE {condition} ORDER BY {order}"
        return [Picture(*row) for row in self._db.execute(query, list(values)).fetchall()]

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows of a query over `rows` and the views of the tables, by column."""
        found = self._db.execute(query, list(values))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def columns(self, query: str, values: Sequence[Any] = ()) -> pa.Table:
        """The same as a table: for many rows."""
        found: pa.Table = self._db.sql(query, params=list(values)).to_arrow_table()
        return found

    @property
    def plane(self) -> tuple[pa.Array, np.ndarray] | None:
        """Ids and two principal components of the features where somebody has them at hand."""
        return None

    def register(self, name: str, table: pa.Table) -> None:
        """Let queries read a table by this name."""
        self._db.register(name, table)

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._db.execute(query, list(values)).fetchall()
        return found

    # the overview

    def sources(self) -> list[dict[str, Any]]:
        """For each source and query: pictures seen and kept, first and last fetch."""
        rows = self._rows(
            "SELECT source, query, count(*), count(*) FILTER (reason IS NULL), "
            "strftime(min(fetched_at), '%Y-%m-%dT%H:%M:%S'), strftime(max(fetched_at), '%Y-%m-%dT%H:%M:%S') "
            "FROM rows GROUP BY source, query ORDER BY count(*) DESC, source, query"
        )
        return [dict(zip(("source", "query", "seen", "kept", "first", "last"), row, strict=True)) for row in rows]

    def licences(self) -> list[tuple[str, int]]:
        """The licences of the kept pictures with their counts, most frequent first."""
        rows = self._rows(
            "SELECT licence, count(*) FROM rows WHERE reason IS NULL GROUP BY licence ORDER BY count(*) DESC, licence"
        )
        return [(name, count) for name, count in rows]

    def disk(self) -> list[tuple[str, int]]:
        """Bytes of the originals of these pictures, and of what they were prepared as."""
        (row,) = self._rows(
            "SELECT coalesce(sum(DISTINCT_BYTES.bytes), 0), (SELECT coalesce(sum(size), 0) FROM rows) "
            "FROM (SELECT id, any_value(bytes) AS bytes FROM rows GROUP BY id) AS DISTINCT_BYTES"
        )
        return [("originals", int(row[0])), ("prepared", int(row[1]))]

    @cached_property
    def credited(self) -> tuple[Sequence[attribution.Credit], int]:
        """The first 2,000 credits of the kept pictures, and how many there are; none before anything was judged."""
        try:
            found = attribution.credits(self.root, self.edition)
        except UsageError:
            found = []
        return found[:CREDITS], len(found)

    # rejects and duplicates

    def rejected(self) -> dict[str, int]:
        """How many rows each reason rejected, most frequent first."""
        return dict(
            self._rows(
                "SELECT reason, count(*) FROM rows WHERE reason IS NOT NULL "
                "GROUP BY reason ORDER BY count(*) DESC, reason"
            )
        )

    def samples(self, reason: str, limit: int = REJECT_SAMPLES) -> list[Picture]:
        """Some pictures that `reason` rejected, those nearest to the limit first."""
        direction = "DESC" if reason in _LARGEST_FIRST else "ASC"
        order = f"value {direction} NULLS LAST, partition, row LIMIT {limit}"
        return self._pictures("reason = ?", [reason], order)

    def duplicate_totals(self) -> dict[str, int]:
        """How many groups, near-duplicates and exact duplicates there are."""
        (row,) = self._rows(
            "SELECT count(DISTINCT keeper), count(*) FILTER (reason = 'near_duplicate'), "
            "count(*) FILTER (reason = 'exact_duplicate') FROM rows WHERE keeper IS NOT NULL"
        )
        return dict(zip(("groups", "near", "same"), row, strict=True))

    def groups(self, limit: int = GROUPS) -> list[Group]:
        """The duplicates with the picture kept of each: groups of look-alikes first, the largest before."""
        counts = self._rows(
            "SELECT keeper, count(*) FILTER (reason = 'near_duplicate') AS near, "
            "count(*) FILTER (reason = 'exact_duplicate') AS same FROM rows WHERE keeper IS NOT NULL "
            "GROUP BY keeper ORDER BY near DESC, same DESC, keeper LIMIT ?",
            [limit],
        )
        wanted = [[row[0] for row in counts]]
        keepers = {p.id: p for p in self._pictures("keeper IS NULL AND id IN (SELECT unnest(?))", wanted)}
        members: dict[str, list[Picture]] = {}
        for picture in self._pictures(
            "keeper IN (SELECT unnest(?))", [list(keepers)], "keeper, distance, partition, row"
        ):
            members.setdefault(str(picture.keeper), []).append(picture)
        return [
            _group(keepers[keeper], members.get(keeper, []), near, same)
            for keeper, near, same in counts
            if keeper in keepers
        ]

    @cached_property
    def different(self) -> frozenset[frozenset[str]]:
        """The pairs that people declared to be no duplicates."""
        return never_duplicates(self.root)

    def motifs(self, limit: int) -> list[tuple[Picture, Picture, float]]:
        """Pairs of kept pictures that may show the same motif, with their similarity, most alike first."""
        path = f"{self.edition['folders']['clusters']}/motifs.json"
        if not self.edition.get("clusters") or not self.root.exists(path):
            return []
        pairs = [one for one in json.loads(self.root.read(path))["suggestions"]
                 if frozenset(one["pair"]) not in self.different][:limit]
        found = self.by_id([picture for one in pairs for picture in one["pair"]])
        return [
            (found[one["pair"][0]], found[one["pair"][1]], float(one["similarity"]))
            for one in pairs if all(picture in found for picture in one["pair"])
        ]  # fmt: skip

    # clusters

    @cached_property
    def clusters(self) -> list[Cluster]:
        """The thematic folders of the edition as people left them, by number; hidden ones are left out."""
        folders = {int(facts["id"]): self._folder(facts) for facts in self.edition.get("clusters") or []}
        names = {int(facts["id"]): str(facts["name"]) for facts in self.edition.get("clusters") or []}
        names |= overlay.names(self.events)
        gone = overlay.hidden(self.events)
        return [
            self._cluster(number, names.get(number, f"theme {number:02d}"), members, folders.get(number))
            for number, members in sorted(self._members(folders).items())
            if number >= 0 and number not in gone
        ]

    def _members(self, folders: Mapping[int, Mapping[str, Any]]) -> dict[int, list[tuple[str, float]]]:
        """(id, distance) of each theme, nearest first, as decisions have it; rejected pictures are in none."""
        rows = [(m["id"], float(m["distance"]), n) for n, found in folders.items() for m in found["members"]]
        rows = [row for row in rows if row[0] in self.kept]
        themes = np.array([row[2] for row in rows], np.int32)
        themes, moved = overlay.themes_of([row[0] for row in rows], themes, self.events)
        made: dict[int, list[tuple[str, float]]] = {number: [] for number in folders} if not moved.any() else {}
        for (picture, distance, _), theme in zip(rows, themes.tolist(), strict=True):
            made.setdefault(theme, []).append((picture, distance))
        return {n: sorted(found, key=lambda m: m[1]) if moved.any() else found for n, found in made.items()}

    def _folder(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        path = f"{facts['path']}/cluster.json"
        try:
            found: dict[str, Any] = json.loads(self.root.read(path))
        except FileNotFoundError:
            raise Fatal(f"{self.root.address(path)} is gone: make the folders again with `pipeline cluster`.") from None
        return {**found, "path": facts["path"]}

    def _cluster(
        self, number: int, name: str, members: Sequence[tuple[str, float]], folder: Mapping[str, Any] | None
    ) -> Cluster:
        ids = [picture for picture, _ in members]
        here, told = set(ids), folder or {}
        near = [i for i in told.get("medoids", ()) if i in here]
        far = [i for i in told.get("outliers", ()) if i in here]
        return Cluster(
            id=number, name=name, size=len(ids), members=members, medoids=near or ids[:9],
            outliers=far or ids[-3:][::-1], words=self._words(ids), duplicates=sum(self._copies.get(i, 0) for i in ids),
            silhouette=self.fitted.get(number, {}).get("silhouette"), path=told.get("path"),
        )

    @cached_property
    def told(self) -> Mapping[str, Any]:
        """What the fit of the themes said besides their members: `themes.json`; empty where there is none."""
        path = f"{self.edition['folders']['clusters']}/themes.json"
        if not self.edition.get("clusters") or not self.root.exists(path):
            return {}
        found: dict[str, Any] = json.loads(self.root.read(path))
        return found

    @cached_property
    def fitted(self) -> dict[int, Mapping[str, Any]]:
        """What the fit said of each theme, by number."""
        return {int(theme["id"]): theme for theme in self.told.get("themes", ())}

    @cached_property
    def _copies(self) -> dict[str, int]:
        """How many copies each keeper stands for."""
        return dict(self._rows("SELECT keeper, count(*) FROM rows WHERE keeper IS NOT NULL GROUP BY keeper"))

    def _words(self, ids: Sequence[str]) -> list[tuple[str, int]]:
        """The creators, styles and genres that are more frequent among these pictures than in the corpus."""
        rows = self._rows(
            "WITH here AS (SELECT word, count(*) AS n FROM words WHERE id IN (SELECT unnest(?)) GROUP BY word) "
            "SELECT word, n FROM here JOIN everywhere USING (word) WHERE n > 1 AND n / total > 1.2 * ? "
            "AND lower(word) NOT IN (SELECT unnest(?)) ORDER BY n * n / total DESC, word LIMIT 3",
            [list(ids), len(ids) / max(self.kept_total, 1), sorted(NO_NAMES)],
        )
        return [(word, count) for word, count in rows]

    @cached_property
    def mapped(self) -> bool:
        """Whether the themes have a map: some of their pictures have features."""
        return bool(self.clusters) and bool(self._rows("SELECT 1 FROM embedded WHERE vector IS NOT NULL LIMIT 1"))

    def by_id(self, ids: Sequence[str]) -> dict[str, Picture]:
        """The kept pictures with these ids."""
        return {p.id: p for p in self._pictures("reason IS NULL AND id IN (SELECT unnest(?))", [list(ids)])}

    def any_by_id(self, ids: Sequence[str]) -> dict[str, Picture]:
        """The pictures with these ids, rejected ones too; of several rows the one that was kept, or the first."""
        found = self._pictures("id IN (SELECT unnest(?))", [list(ids)], "reason IS NULL, partition DESC, row DESC")
        return {picture.id: picture for picture in found}

    @cached_property
    def kept(self) -> frozenset[str]:
        """The ids of the pictures that no stage has rejected."""
        return frozenset(row[0] for row in self._rows("SELECT id FROM rows WHERE reason IS NULL"))

    @cached_property
    def kept_total(self) -> int:
        """How many those are."""
        return int(self._rows("SELECT count(DISTINCT id) FROM rows WHERE reason IS NULL")[0][0])

    # faces

    def aligned(self, limit: int = FACE_SAMPLES) -> list[Faces]:
        """Some pictures whose faces were aligned, in the order of their ids, which is as good as at random."""
        return self._with_faces(self._pictures("reason IS NULL AND eyes IS NOT NULL", (), f"id LIMIT {limit}"))

    def refused_faces(self, reason: str, limit: int = FACE_SAMPLES) -> list[Faces]:
        """Some pictures that `reason` rejected, with the faces that were found."""
        return self._with_faces(self.samples(reason, limit))

    def _with_faces(self, pictures: Sequence[Picture]) -> list[Faces]:
        rows = self._rows(
            "SELECT rows.id, any_value(f.faces), any_value(rows.eyes) FROM faces f JOIN rows USING (partition, row) "
            "WHERE rows.id IN (SELECT unnest(?)) GROUP BY rows.id",
            [[picture.id for picture in pictures]],
        )
        found = {row[0]: (row[1] or [], row[2]) for row in rows}
        return [Faces(picture, *found.get(picture.id, ([], None))) for picture in pictures]


def _group(keeper: Picture, members: Sequence[Picture], near: int, same: int) -> Group:
    def some(reason: Reason, limit: int) -> Iterator[Picture]:
        yield from [picture for picture in members if picture.reason == reason][:limit]

    return Group(
        keeper, list(some(Reason.NEAR_DUPLICATE, GROUP_PICTURES)),
        list(some(Reason.EXACT_DUPLICATE, GROUP_ADDRESSES)), near, same,
    )


SAID = ("page_url", "title", "creator", "year_text", "year", "licence", "style", "genre")
_ROWS = """
CREATE TEMP TABLE rows AS
SELECT c.partition, c.row, coalesce(x.id, c.id) AS id, c.url, d.page_url, c.source, c.source_id, d.title, d.creator,
       coalesce(regexp_replace(d.year_text, '^(\\d{4}-\\d\\d-\\d\\d)[T ].*$', '\\1'), d.year::VARCHAR) AS year,
       d.licence, c.http_status, c.format, c.query, d.style, d.genre,
       c.fetched_at, m.width, m.height, m.phash, s.keeper, s.distance, s.rule,
       s.transform, s.inliers, s.agreement, s.model, m.bytes, m.sharpness,
       coalesce(c.reason, m.reason, s.reason, x.reason, p.reason, e.reason, k.reason, o.reason) AS reason,
       coalesce(c.reason_value, m.reason_value, s.reason_value, x.reason_value,
                p.reason_value, e.reason_value, k.reason_value) AS value,
       coalesce(c.detail, m.detail, s.detail, x.detail, p.detail, e.detail, k.detail) AS detail,
       p.shard, p."offset", p.size, p.width AS prepared_side, p.eyes
FROM crawled c
JOIN said d USING (partition, row)
LEFT JOIN measured m USING (partition, row)
LEFT JOIN selected s USING (partition, row)
LEFT JOIN expanded x ON x.partition = c.partition AND x.origin = c.row
LEFT JOIN prepared p ON p.partition = c.partition AND p.row = coalesce(x.row, c.row)
LEFT JOIN embedded e ON e.partition = c.partition AND e.row = coalesce(x.row, c.row)
LEFT JOIN clustered k ON k.partition = c.partition AND k.row = coalesce(x.row, c.row)
LEFT JOIN left_out o ON o.id = c.id
WHERE c.partition IN (SELECT unnest(?))
"""

# The first of several files with the same bytes may itself have lost to a picture that looks like it.
_KEEPERS = """
UPDATE rows SET keeper = kept.keeper
FROM (SELECT id, any_value(keeper) AS keeper FROM rows WHERE keeper <> id GROUP BY id) AS kept
WHERE rows.keeper = kept.id
"""

_WORDS = """
CREATE TEMP TABLE words AS
WITH members AS (SELECT * FROM rows WHERE reason IS NULL),
     found AS (SELECT id, creator AS word FROM members UNION SELECT id, unnest(style) FROM members
               UNION SELECT id, unnest(genre) FROM members)
SELECT id, word FROM found WHERE word IS NOT NULL AND trim(word) <> ''
"""
