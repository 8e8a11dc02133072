"""A corpus on disk: which partitions belong to it, the folder of each of its tables, its editions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from pipeline import models, overlay, tables
from pipeline.decisions import Event, Journal, never_duplicates, standing
from pipeline.errors import UsageError, did_you_mean
from pipeline.manifest import COSTLY, PACKAGED, Align, Dedupe, Manifest, People
from pipeline.stage import digest
from pipeline.storage import Root
from pipeline.withdrawn import left_out

CORPUS_TABLES = ("selected", "prepared", "embedded", "clustered")
PEOPLE_TABLES = ("identified", "people")
"""Tables of a corpus that are made only where it asks who is who."""
PEOPLE_ACTIONS = ("name_person", "merge_people", "split_person")
"""Decisions about persons."""
POOL_TABLES = ("crawled", "checked", "measured", "faces", "sketched")
FACES = "tables/faces/v4"
"""The faces as this version finds them: what is decided by them, or tells them by their order, depends on it."""
VERSIONS = {"selected": 5, "prepared": 2, "embedded": 2, "clustered": 3, "expanded": 1, "identified": 1, "people": 1}
"""Raised when a stage changes what it makes: the digest moves, and all that depends on it is redone."""
NO_DECISIONS = {"last": None, "count": 0}
"""What an edition without decisions, or from before there were any, knows of them."""


@dataclass(frozen=True)
class Corpus:
    """The place of one manifest's work under a root.

    `prefixes` are the beginnings of the names of its partitions ('' for the whole pool), one per source;
    `origin` are those it began with: sources added later join what stands, a source taken away starts anew.
    """

    root: Root
    manifest: Manifest
    prefixes: tuple[str, ...]
    origin: tuple[str, ...]

    @property
    def name(self) -> str:
        """The corpus's name."""
        return self.manifest.corpus

    def partitions(self) -> list[str]:
        """The crawled partitions of this corpus, sorted: those there at the first look, whoever crawls meanwhile."""
        return self._partitions

    @cached_property
    def _partitions(self) -> list[str]:
        starts = tuple(f"{prefix}-" if prefix else "" for prefix in self.prefixes)
        return [name for name in tables.names(self.root, tables.CRAWLED) if name.startswith(starts)]

    @cached_property
    def never(self) -> frozenset[frozenset[str]]:
        """The pairs of ids that people had declared to be no duplicates when this run began."""
        return never_duplicates(self.root)

    @cached_property
    def withdrawn(self) -> Mapping[str, str]:
        """Pictures that stand and yet may not be used from now on, with the reason."""
        return left_out(self.root, self._partitions, self.manifest.select.license)

    @cached_property
    def left_out(self) -> Mapping[str, str]:
        """Pictures that stand and yet are in no theme from now on, with the reason: withdrawn, or rejected by people.

        What people reject is selected and prepared all the same: a look-alike does not come back in its place, and
        nothing has to be made anew when they think better of it.
        """
        return overlay.left_out(self.events) | dict(self.withdrawn)

    @cached_property
    def _journal(self) -> list[Event]:
        return Journal(self.root, self.name).events()

    @cached_property
    def events(self) -> list[Event]:
        """What people had decided when this run began and still stands, in order."""
        return standing(self._journal)

    @property
    def spoken_for(self) -> frozenset[int]:
        """The numbers that people's themes have or had: no other theme may be given one of them."""
        return Journal(self.root, self.name).claimed() | overlay.numbers(self._journal)

    @property
    def decided(self) -> dict[str, Any]:
        """Which decisions this run knows of: the id of the last event, and how many there are."""
        last = self._journal[-1].id if self._journal else None
        return NO_DECISIONS | {"last": last, "count": len(self._journal)}

    @cached_property
    def people_events(self) -> list[Event]:
        """What people had decided about persons when this run began, in order."""
        return [event for event in self.events if event.action in PEOPLE_ACTIONS]

    @cached_property
    def _who(self) -> dict[str, Any]:
        """What decides which person's pictures are kept; empty when all are."""
        people = self.manifest.people
        if people is None or not people.chooses:
            return {}
        shown = [hashlib.sha256(picture).hexdigest() for picture in references(people)]
        moved = [] if people.like else [event.plain() for event in self.people_events]
        asked = people.model_dump(mode="json", exclude={"like"})
        return {"people": {"asked": asked, "like": shown, "moved": moved, "grouped": self.digests_of_people["people"]}}

    @cached_property
    def digests_of_people(self) -> dict[str, str]:
        """The digests of the tables that tell who is who."""
        model = {"model": models.digests()["face_identity"], "faces": FACES}
        made = {"identified": digest("identified", VERSIONS["identified"], model)}
        grouped = digest("people", VERSIONS["people"], {"origin": self.origin}, [made["identified"]])
        return made | {"people": grouped}

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digest of each table of the corpus and of its clusters."""
        m = self.manifest
        judged = {**m.align.model_dump(mode="json"), "found": FACES} if m.align else None
        landed = _landing(m.align)
        options: dict[str, Any] = {
            "selected": {
                "select": m.select.model_dump(mode="json"), "dedupe": _deciding(m.dedupe), "align": judged,
                "origin": self.origin, "hash": m.measure.hash,
                **self._who,
            },
            "prepared": {
                "convert": m.convert.model_dump(mode="json"), "align": landed, "shard": m.shard.model_dump(mode="json")
            },
            "expanded": {},
            "embedded": _described(m),
            "clustered": {**m.cluster.model_dump(mode="json"), "refits": len(self.refits)},
        }
        made: dict[str, str] = {}
        parent: list[str] = []
        for table in self.chain:
            made[table] = digest(table, VERSIONS[table], options[table], parent)
            parent = [made[table]]
        return made

    @cached_property
    def refits(self) -> list[str]:
        """The files of the times that people asked for themes to be found anew, in order."""
        folder = f"corpora/{self.name}/refits"
        return [f"{folder}/{name}" for name in self.root.names(folder, ".json")]

    @cached_property
    def folders(self) -> dict[str, str]:
        """The folder of every table, relative to the root, and of the thematic folders (`clusters`)."""
        made = {
            "crawled": tables.CRAWLED,
            "measured": _measured(**self.manifest.measuring),
            "faces": FACES,
            "sketched": "tables/sketched/v2",
        }
        digests = self.digests | self.digests_of_people
        made |= {table: f"corpora/{self.name}/{table}/{made_as}" for table, made_as in digests.items()}
        made["clusters"] = f"corpora/{self.name}/clusters/{self.digests['clustered']}"
        made["runs"] = f"runs/{self.name}"
        return made

    def decided_as(self, before: Mapping[str, Any]) -> bool:
        """Whether no decision, withdrawal or take-down came since the edition `before`."""
        now = self.decided, self.left_out
        return (before.get("decisions", NO_DECISIONS), before.get("left_out", {})) == now

    @property
    def chain(self) -> tuple[str, ...]:
        """The tables that are made one from the other, in order."""
        expanded = ("expanded",) if self.manifest.align and self.manifest.align.faces == "all" else ()
        return (CORPUS_TABLES[0], *expanded, *CORPUS_TABLES[1:])

    def batches(self, table: str) -> list[list[str]]:
        """The partitions that a fold decides together, in order: each batch is claimed before it is worked on, so
        that a killed fold is done again on the same ones. One more when there are partitions in none.
        """
        folder = f"{self.folders[table]}/batches"
        claimed: list[list[str]] = [json.loads(self.root.read(f"{folder}/{n}")) for n in self.root.names(folder)]
        known = {name for batch in claimed for name in batch}
        fresh = sorted((name for name in self.partitions() if name not in known), key=tables.by_time)
        if fresh:
            if not self.root.claim(f"{folder}/{len(claimed) + 1:05d}.json", json.dumps(fresh).encode()):
                return self.batches(table)
            claimed.append(fresh)
        return claimed

    def todo(self, table: str) -> list[str]:
        """The partitions that `table` does not have yet."""
        done = set(tables.names(self.root, self.folders[table]))
        return [name for name in self.partitions() if name not in done]


def references(people: People) -> list[bytes]:
    """The pictures that show who is meant. Raises UsageError when one cannot be read."""
    found = []
    for name in people.like:
        try:
            found.append(Path(name).expanduser().read_bytes())
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise UsageError(f"The picture {name} of people.like cannot be read ({why}): check the path.") from None
    return found


def _measured(hash: str, **more: bool) -> str:
    """The folder of what was measured so: `more` are the columns that are measured only where they are asked for."""
    return "-".join(["tables/measured/v3", *(["exact"] if hash == "exact" else []), *(n for n in more if more[n])])


def _ways() -> tuple[str, ...]:
    """The folders of all ways to measure, those that say most first."""
    chosen = sorted(product((True, False), repeat=len(COSTLY)), key=sum, reverse=True)
    return tuple(
        _measured(hash, **dict(zip(COSTLY, wanted, strict=True))) for hash in ("exact", "fast") for wanted in chosen
    )


def _described(manifest: Manifest) -> dict[str, Any]:
    """What decides the vectors: of files of the user's what is in them."""
    embed = manifest.embed
    if embed.vectors:
        return {"vectors": [_contents(file) for file in (embed.vectors, embed.ids) if file]}
    made = embed.model_dump(mode="json", exclude={"vectors", "ids", "scale"})
    made["pictures"] = "prepared" if manifest.align else embed.pictures
    if embed.model not in PACKAGED:
        made |= {"model": _contents(embed.model), "scale": embed.scale}
    return made


def _contents(name: str) -> str:
    """The SHA-256 of a file that the manifest names."""
    try:
        with Path(name).expanduser().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"The file {name} that `embed` names cannot be read ({error.strerror}).") from None


def _deciding(dedupe: Dedupe) -> dict[str, Any]:
    """What of `dedupe` decides under its preset."""
    strict = {"preset", "distance", "keep", "prefer_source"}
    if dedupe.preset == "strict":
        return dedupe.model_dump(mode="json", include=strict)
    return dedupe.model_dump(mode="json", exclude={"distance"})


def _landing(align: Align | None) -> Any:
    """What of `align` moves pixels."""
    moving = {"crop", "eyes", "faces", "max_outside", "max_upscale"}
    return align.model_dump(mode="json", include=moving) if align else None


# editions


def editions(root: Root, corpus: str) -> list[int]:
    """The numbers of the editions of a corpus, rising."""
    return [int(name.removesuffix(".json")) for name in root.names(f"corpora/{corpus}/editions", ".json")]


def edition(root: Root, corpus: str, number: int | None = None) -> dict[str, Any] | None:
    """One edition, by default the newest; None when there is none."""
    found = editions(root, corpus)
    if not found:
        return None
    loaded: dict[str, Any] = json.loads(root.read(f"corpora/{corpus}/editions/{number or found[-1]:05d}.json"))
    return loaded


def add_edition(root: Root, corpus: str, facts: dict[str, Any]) -> int:
    """Write `facts` as the next edition and return its number; two writers get two numbers."""
    number = max(editions(root, corpus), default=0) + 1
    while not root.claim(
        f"corpora/{corpus}/editions/{number:05d}.json",
        json.dumps({"schema_version": 1, "edition": number, **facts}, indent=1, sort_keys=True).encode(),
    ):
        number += 1
    return number


def corpora(root: Root) -> list[str]:
    """The names of the corpora that have an edition."""
    return [name for name in root.folders("corpora") if editions(root, name)]


def newest(root: Root, name: str | None) -> dict[str, Any]:
    """The newest edition of the corpus `name`, or of the only one there is.

    Raises UsageError when there is none, or several and no name.
    """
    known = corpora(root)
    if name is None:
        if len(known) == 1:
            name = known[0]
        elif known:
            raise UsageError(f"There are several corpora ({', '.join(known)}): name one with --corpus.")
        else:
            raise UsageError(f"No corpus stands at {root.url} yet: make one with `pipeline run MANIFEST`.")
    found = edition(root, name)
    if found is None:
        hint = did_you_mean(name, known) or f" There {'is' if len(known) == 1 else 'are'}: {', '.join(known)}."
        raise UsageError(f"There is no corpus '{name}' at {root.url}.{hint if known else ''}")
    return found


def views(root: Root) -> dict[str, dict[str, str | tuple[str, ...]]]:
    """The folders behind each SQL view: the pool's tables, and each corpus's tables in its newest edition.

    A partition that was measured in several ways is shown as it was most exactly.
    """
    made: dict[str, dict[str, str | tuple[str, ...]]] = {table: {"": f"tables/{table}/v1"} for table in POOL_TABLES}
    made["faces"] = {"": FACES}
    made["measured"] = {"": _ways()}
    newest_of = {name: edition(root, name) for name in corpora(root)}
    for table in (*CORPUS_TABLES, *PEOPLE_TABLES, "expanded"):
        made[table] = {
            name: facts["folders"][table] for name, facts in newest_of.items() if facts and table in facts["folders"]
        }
    return made
