"""Who is who in a corpus: faces grouped by person, night by night, what people decided about persons, and who is meant.

Everything here stays on this machine, in the folders of the one corpus; `pipeline forget --identity` removes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import tables
from pipeline.corpus import Corpus, references
from pipeline.decisions import Event, Journal
from pipeline.errors import Rejected, UsageError, did_you_mean
from pipeline.manifest import People
from pipeline.schema import IDENTITY_DIM, PEOPLE
from pipeline.stages.faces import finder
from pipeline.stages.identify import identifier
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.identity import distances, join

LOT = 8_000
"""Faces that are compared with each other at once: 256 MB of distances. Those of a later lot join standing persons."""

Numbers = NDArray[np.int32]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Faces:
    """The faces of some partitions that have numbers, in order: partition, row and place in the row's list of each;
    `ids` are those of the pictures with `-1`, `-2`, … for the first, second, … face; vectors (n, 128)."""

    where: list[tuple[str, int, int]]
    ids: list[str]
    vectors: Vectors


def faces_of(corpus: Corpus, partitions: Sequence[str]) -> Faces:
    """The faces of `partitions` that were seen well enough to tell whose they are."""
    where: list[tuple[str, int, int]] = []
    ids: list[str] = []
    vectors: list[Any] = []
    for name in partitions:
        rows = tables.read(corpus.root, corpus.folders["identified"], name, ["id", "vectors"]).to_pylist()
        for row, found in enumerate(rows):
            for face, vector in enumerate(found["vectors"] or []):
                if vector is not None:
                    where.append((name, row, face))
                    ids.append(face_id(found["id"], face))
                    vectors.append(vector)
    return Faces(where, ids, np.array(vectors, np.float32).reshape(-1, IDENTITY_DIM))


def face_id(picture: str, face: int) -> str:
    """The id of the face at the place `face` of the picture's list."""
    return f"{picture}-{face + 1}"


# grouping


def group_people(corpus: Corpus) -> int:
    """Give the faces of partitions that have no persons yet to the standing persons, or to new ones; how many faces.

    Done in batches that are claimed before, so a killed run is repeated on the same faces, with the same numbers.
    """
    done, earlier = 0, list[str]()
    for count, batch in enumerate(corpus.batches("people"), 1):
        missing = set(batch) - set(tables.names(corpus.root, corpus.folders["people"]))
        if missing:
            faces = faces_of(corpus, batch)
            numbers, far = _numbered(faces.vectors, *standing(corpus, earlier), _free(corpus, count))
            for name in batch:
                if name in missing:
                    rows = _rows(corpus, name, faces, numbers, far)
                    tables.write(corpus.root, corpus.folders["people"], name, rows, PEOPLE)
            done += len(faces.ids)
        earlier += batch
    return done


def _free(corpus: Corpus, batch: int) -> int:
    """The first number that no split had taken when the batch was begun."""
    claim = f"{corpus.folders['people']}/numbers/{batch:05d}.json"
    if not corpus.root.exists(claim):
        corpus.root.claim(claim, json.dumps(1 + max([0, *split_numbers(corpus)])).encode())
    return int(json.loads(corpus.root.read(claim)))


def split_numbers(corpus: Corpus) -> list[int]:
    """The numbers that splits gave, undone or not: nobody else may get them."""
    events = Journal(corpus.root, corpus.name).events()
    return [event["number"] for event in events if event.action == "split_person"]


def standing(corpus: Corpus, partitions: Sequence[str]) -> tuple[Vectors, Numbers]:
    """The faces of partitions that have persons, (n, 128), and their persons by the grouping alone, (n,)."""
    faces = faces_of(corpus, partitions)
    return faces.vectors, grouped(corpus, faces, partitions)


def grouped(corpus: Corpus, faces: Faces, partitions: Sequence[str]) -> Numbers:
    """The person of each face as it was grouped, before what people decided: int32 (n,)."""
    lists = {
        name: tables.read(corpus.root, corpus.folders["people"], name, ["persons"])["persons"].to_pylist()
        for name in partitions
    }
    return np.array([lists[name][row][face] for name, row, face in faces.where], np.int32)


def _numbered(vectors: Vectors, known: Vectors, owners: Numbers, free: int) -> tuple[Numbers, Vectors]:
    """The person of each new face, and its mean distance to the person's other faces (nan when it has none)."""
    made: list[int] = []
    for start in range(0, len(vectors), LOT):
        lot = vectors[start : start + LOT]
        before = np.concatenate([known, vectors[:start]]), [*owners.tolist(), *made]
        made += join(lot, *before, first=free)
    numbers = np.array(made, np.int32)
    far = np.full(len(vectors), np.nan, np.float32)
    everybody, whose = np.concatenate([known, vectors]), np.concatenate([owners, numbers])
    for number in np.unique(numbers):
        here, members = np.flatnonzero(numbers == number), everybody[whose == number]
        if len(members) > 1:
            far[here] = distances(vectors[here], members).sum(axis=1) / (len(members) - 1)
    return numbers, far


def _rows(corpus: Corpus, name: str, faces: Faces, numbers: Numbers, far: Vectors) -> pa.Table:
    """Rows of `people` for one partition."""
    columns = ["id", "vectors", "reason", "reason_value", "detail"]
    found = tables.read(corpus.root, corpus.folders["identified"], name, columns)
    lists = [None if v is None else [None] * len(v) for v in found["vectors"].to_pylist()]
    persons: list[Any] = lists
    apart: list[Any] = [None if v is None else list(v) for v in lists]
    for (partition, row, face), number, distance in zip(faces.where, numbers, far, strict=True):
        if partition == name:
            persons[row][face] = int(number)
            apart[row][face] = None if np.isnan(distance) else float(distance)
    kept = {key: found[key].to_pylist() for key in ("id", "reason", "reason_value", "detail")}
    return tables.rows(kept | {"persons": persons, "distances": apart}, PEOPLE)


# what people decided


def decided(ids: Sequence[str], numbers: Numbers, events: Iterable[Event]) -> Numbers:
    """The person of each face after what people decided: merged and split persons, int32 (n,).

    A merge holds for faces that come later too; a split for the faces it names.
    """
    made = numbers.copy()
    rows = {face: row for row, face in enumerate(ids)}
    for event in events:
        if event.action == "merge_people":
            made[np.isin(made, event["persons"])] = event["into"]
        elif event.action == "split_person":
            here = np.array([rows[face] for face in event["faces"] if face in rows], np.int64)
            made[here[made[here] == event["person"]]] = event["number"]
    return made


def names(events: Iterable[Event]) -> dict[int, str]:
    """The names that people gave, by number; a person without a name inherits that of one merged into it."""
    made: dict[int, str] = {}
    for event in events:
        if event.action == "name_person":
            made[event["person"]] = event["name"]
        elif event.action == "merge_people":
            merged = [made.pop(n) for n in event["persons"] if n != event["into"] and n in made]
            if merged:
                made.setdefault(event["into"], merged[0])
    return made


def now_called(number: int, events: Iterable[Event]) -> int:
    """The number of the person that `number` has become by merges."""
    for event in events:
        if event.action == "merge_people" and number in event["persons"]:
            number = event["into"]
    return number


def person_named(word: str | int, known: Iterable[int], events: Sequence[Event]) -> int:
    """The number of a person by its name or number. Raises UsageError when there is none."""
    called = {name.casefold(): number for number, name in names(events).items()}
    text = str(word)
    if text.casefold() in called:
        return called[text.casefold()]
    if text.isdecimal() and now_called(int(text), events) in set(known):
        return now_called(int(text), events)
    hint = did_you_mean(text, names(events).values())
    raise UsageError(f"There is no person {text!r}.{hint} `pipeline people` shows all of them with their numbers.")


# who is meant


class Chosen:
    """Which faces are those of whom the manifest's `people` means."""

    def __init__(self, corpus: Corpus, people: People) -> None:
        self._corpus = corpus
        self._numbers = None if people.like else _meant(corpus, people)
        self._limit = people.distance
        self._likes = _likenesses(people) if people.like else self._means()

    def faces(self, partition: str) -> list[tuple[list[int], float | None]]:
        """For each row the places of the faces meant, the nearest first, and the distance of the nearest face at all
        (None when no face was seen well)."""
        faces = faces_of(self._corpus, [partition])
        rows = tables.read(self._corpus.root, self._corpus.folders["identified"], partition, ["id"]).num_rows
        near: NDArray[np.float32] = np.full(len(faces.ids), np.inf, np.float32)
        if len(faces.ids) and len(self._likes):
            near = distances(faces.vectors, self._likes).min(axis=1)
        meant = near <= self._limit
        if self._numbers is not None:
            meant = np.isin(self._persons(faces, partition), self._numbers)
        made: list[tuple[list[int], float | None]] = [([], None) for _ in range(rows)]
        for at in np.argsort(near, kind="stable"):
            _, row, face = faces.where[at]
            places, least = made[row]
            made[row] = (places + [face] * bool(meant[at]), float(near[at]) if least is None else least)
        return made

    def _persons(self, faces: Faces, partition: str) -> Numbers:
        return decided(faces.ids, grouped(self._corpus, faces, [partition]), self._corpus.people_events)

    def _means(self) -> Vectors:
        """The mean face of each person meant."""
        faces, numbers = everybody(self._corpus)
        found = [faces.vectors[numbers == number].mean(axis=0) for number in self._numbers or () if number in numbers]
        return np.array(found, np.float32).reshape(-1, IDENTITY_DIM)


def everybody(corpus: Corpus) -> tuple[Faces, Numbers]:
    """All faces that have a person, and their persons after what people decided."""
    done = set(tables.names(corpus.root, corpus.folders["people"]))
    partitions = [name for name in corpus.partitions() if name in done]
    faces = faces_of(corpus, partitions)
    return faces, decided(faces.ids, grouped(corpus, faces, partitions), corpus.people_events)


def by_size(faces: Faces, numbers: Numbers) -> list[int]:
    """The persons, those in most pictures first, ties by number."""
    seen = {(int(number), face.split("-")[0]) for number, face in zip(numbers, faces.ids, strict=True)}
    counts: dict[int, int] = {}
    for number, _ in seen:
        counts[number] = counts.get(number, 0) + 1
    return sorted(counts, key=lambda number: (-counts[number], number))


def _meant(corpus: Corpus, people: People) -> list[int]:
    """The persons by number. The largest are those that were so when it was first asked."""
    events = corpus.people_events
    faces, numbers = everybody(corpus)
    ranked = by_size(faces, numbers)
    if people.names:
        return [person_named(word, ranked, events) for word in people.names]
    claim = f"{corpus.folders['people']}/largest-{people.largest}.json"
    if not corpus.root.exists(claim):
        corpus.root.claim(claim, json.dumps(ranked[: people.largest]).encode())
    return sorted({now_called(number, events) for number in json.loads(corpus.root.read(claim))})


def _likenesses(people: People) -> Vectors:
    """The vector of each reference picture, (n, 128). Raises UsageError when one does not show one face."""
    found = []
    for name, data in zip(people.like, references(people), strict=True):
        try:
            picture = np.asarray(to_srgb(open_upright(data))[0])
        except Rejected as error:
            raise UsageError(f"{name} of people.like cannot be read as a picture ({error}): choose another.") from None
        faces = finder().find(picture)
        if len(faces) != 1:
            count = f"{len(faces)} faces" if faces else "no face"
            raise UsageError(f"{name} of people.like shows {count}: choose one with the one person alone, or crop it.")
        found.append(identifier().vector(picture, faces[0].points))
    return np.array(found, np.float32)

