"""The persons of a corpus as people see them: a row and a contact sheet each, names, merges and splits."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline import tables
from pipeline.corpus import Corpus
from pipeline.decisions import Journal
from pipeline.errors import UsageError
from pipeline.people import LOT, Faces, Numbers, by_size, everybody, names, person_named, split_numbers
from pipeline.schema import ID_DIGITS
from pipeline.vision import alignment
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.identity import parts

_TILE, _COLUMNS, _ROWS, _LABEL = 96, 10, 8, 20
_OVERVIEW = 40


@dataclass(frozen=True)
class Person:
    """One person: `faces` are ids of faces, the likest to all others first; `pictures` counts different pictures."""

    number: int
    name: str | None
    faces: tuple[str, ...]
    pictures: int

    def plain(self, corpus: Corpus, sheet: str | None) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "person": self.number, "name": self.name, "faces": len(self.faces), "pictures": self.pictures,
            "representative": self.faces[0], "sheet": corpus.root.address(sheet) if sheet else None,
        }  # fmt: skip


class Persons:
    """The persons of a corpus, those in most pictures first.

    Raises UsageError when the corpus was never asked who is who.
    """

    def __init__(self, corpus: Corpus) -> None:
        if not tables.names(corpus.root, corpus.folders["people"]):
            raise UsageError(
                f"Corpus {corpus.name} was never asked who is who: write `people: {{}}` into its manifest, or ask once "
                f"with `pipeline people --identify --corpus {corpus.name}`."
            )
        self.corpus = corpus
        self.where: Faces
        self.numbers: Numbers
        self.where, self.numbers = everybody(corpus)
        called = names(corpus.people_events)
        self.all = [self._person(number, called.get(number)) for number in by_size(self.where, self.numbers)]

    def _person(self, number: int, name: str | None) -> Person:
        rows = np.flatnonzero(self.numbers == number)
        vectors = self.where.vectors[rows]
        likest = rows[np.argsort(np.square(vectors - vectors.mean(axis=0)).sum(axis=1), kind="stable")]
        faces = tuple(dict.fromkeys(self.where.ids[row] for row in likest))
        return Person(number, name, faces, len({face[:ID_DIGITS] for face in faces}))

    def named(self, word: str | int) -> Person:
        """A person by name or number. Raises UsageError when there is none."""
        number = person_named(word, [one.number for one in self.all], self.corpus.people_events)
        found = [one for one in self.all if one.number == number]
        if not found:
            raise UsageError(f"Nobody is left in person {word}: undo the decision that emptied it.")
        return found[0]

    # decisions

    def name(self, word: str, name: str) -> dict[str, Any]:
        """Give a person a name; the event."""
        journal = Journal(self.corpus.root, self.corpus.name)
        return journal.add("name_person", person=self.named(word).number, name=name).plain()

    def merge(self, words: Sequence[str]) -> dict[str, Any]:
        """Make one person of several, under the number of the first; the event."""
        numbers = [self.named(word).number for word in words]
        if len(set(numbers)) < 2:
            raise UsageError("Name two different persons to merge, the one whose number stays first.")
        journal = Journal(self.corpus.root, self.corpus.name)
        return journal.add("merge_people", persons=numbers, into=numbers[0]).plain()

    def split(self, word: str) -> dict[str, Any]:
        """Make two persons of one, where it comes apart most easily; the event."""
        person = self.named(word)
        rows = [row for row in range(len(self.numbers)) if self.numbers[row] == person.number]
        if not 2 <= len(rows) <= LOT:
            raise UsageError(f"Person {person.number} has {len(rows):,} faces: a split needs 2 to {LOT:,}.")
        in_part = parts(self.where.vectors[rows], 2)
        smaller = [self.where.ids[row] for row, part in zip(rows, in_part, strict=True) if part]
        journal = Journal(self.corpus.root, self.corpus.name)
        merged = [n for event in self.corpus.people_events if event.action == "merge_people" for n in event["persons"]]
        fresh = 1 + max([int(self.numbers.max()), *merged, *split_numbers(self.corpus)])
        return journal.add("split_person", person=person.number, faces=smaller, number=fresh).plain()

    # sheets

    def sheet(self, person: Person) -> str:
        """The path of the contact sheet of a person, made unless it stands: up to 80 faces, the likest first."""
        path = self._path(f"{person.number:04d}", person.faces)
        if not self.corpus.root.exists(path):
            shown = person.faces[: _COLUMNS * _ROWS]
            rows = [(shown[at : at + _COLUMNS], "") for at in range(0, len(shown), _COLUMNS)]
            self.corpus.root.commit(path, self._drawn(rows, 0))
        return path

    def overview(self, people: Sequence[Person]) -> str:
        """The path of a picture of the first 40 of these persons, a labelled row each, made unless it stands."""
        people = people[:_OVERVIEW]
        rows = [(one.faces[:_COLUMNS], f"{one.number}  {one.name or ''}  {len(one.faces):,} faces") for one in people]
        path = self._path("people", [label + face for faces, label in rows for face in faces])
        if not self.corpus.root.exists(path):
            self.corpus.root.commit(path, self._drawn(rows, _LABEL))
        return path

    def _path(self, name: str, members: Iterable[str]) -> str:
        made_of = hashlib.sha256(" ".join(members).encode()).hexdigest()[:8]
        return f"{self.corpus.folders['people']}/sheets/{name}-{made_of}.jpg"

    def _drawn(self, rows: Sequence[tuple[Sequence[str], str]], label: int) -> bytes:
        tiles = self._tiles([face for faces, _ in rows for face in faces])
        sheet = Image.new("RGB", (_COLUMNS * _TILE, max(len(rows), 1) * (_TILE + label)), (32, 32, 32))
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
        for line, (faces, text) in enumerate(rows):
            top = line * (_TILE + label)
            draw.text((4, top + 2), text, (230, 230, 230), font)
            for column, face in enumerate(faces):
                if face in tiles:
                    sheet.paste(tiles[face], (column * _TILE + 1, top + label + 1))
        sink = io.BytesIO()
        sheet.save(sink, "JPEG", quality=88)
        return sink.getvalue()

    def _tiles(self, wanted: Sequence[str]) -> dict[str, Image.Image]:
        """The faces as squares, each original decoded once; those whose original is gone are left out."""
        places = dict(zip(self.where.ids, self.where.where, strict=True))
        by_partition: dict[str, dict[str, list[tuple[str, int, int]]]] = {}
        for face in wanted:
            partition, row, number = places[face]
            by_partition.setdefault(partition, {}).setdefault(face[:ID_DIGITS], []).append((face, row, number))
        made: dict[str, Image.Image] = {}
        for partition, pictures in by_partition.items():
            found = tables.read(self.corpus.root, self.corpus.folders["faces"], partition, ["faces"])["faces"]
            formats = tables.read(self.corpus.root, self.corpus.folders["crawled"], partition, ["format"])["format"]
            for picture, faces in pictures.items():
                row = faces[0][1]
                boxes = {face: found[row].as_py()[number]["box"] for face, _, number in faces}
                made |= self._cut(tables.original_path(picture, formats[row].as_py()), boxes)
        return made

    def _cut(self, path: str, boxes: Mapping[str, Sequence[float]]) -> dict[str, Image.Image]:
        if not self.corpus.root.exists(path):
            return {}
        picture, _ = to_srgb(open_upright(self.corpus.root.read(path)))
        side = _TILE - 2
        return {face: alignment.draw(picture, alignment.by_box(box, side), side) for face, box in boxes.items()}


def text(corpus: str, people: Sequence[Mapping[str, Any]], total: int, overview: str | None) -> str:
    """The persons for a terminal."""
    heads = f"{'person':>6}  {'name':24} {'faces':>7} {'pictures':>9}  sheet"
    lines = [f"Corpus {corpus}: {total:,} persons", "", heads]
    for one in people:
        name = one["name"] or "–"
        lines.append(f"{one['person']:>6}  {name:24} {one['faces']:>7,} {one['pictures']:>9,}  {one['sheet'] or ''}")
    if len(people) < total:
        lines.append(f"        and {total - len(people):,} more: --limit {total} shows all.")
    lines += ["", f"All in one picture: {overview}"] if overview else []
    lines += ["", 'Next: `pipeline people name NUMBER "Anna"`, and `people: {names: [Anna]}` in a manifest.']
    return "\n".join(lines)
