"""The persons of an edition as decisions leave them, and what a decision about persons may name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline import tables
from pipeline.decisions import Event
from pipeline.errors import UsageError
from pipeline.people import decided, face_id
from pipeline.storage import Root


def persons(root: Root, edition: Mapping[str, Any], events: Sequence[Event]) -> dict[int, set[str]]:
    """The ids of the faces of each person by number, after `events`; empty when it was never asked who is who."""
    folder = edition["folders"].get("people")
    done = set(tables.names(root, folder)) if folder else set()
    ids: list[str] = []
    numbers: list[int] = []
    for name in (name for name in edition["partitions"] if name in done):
        for row in tables.read(root, str(folder), name, ["id", "persons"]).to_pylist():
            for face, number in enumerate(row["persons"] or []):
                if number is not None:
                    ids.append(face_id(row["id"], face))
                    numbers.append(number)
    made: dict[int, set[str]] = {}
    for one, now in zip(ids, decided(ids, np.array(numbers, np.int32), events).tolist(), strict=True):
        made.setdefault(now, set()).add(one)
    return made


def check(known: Mapping[int, set[str]], taken: Sequence[int], fields: Mapping[str, Any]) -> None:
    """Raises UsageError when a decision names a person that is not there, a face that is not of the person that is
    split, or a number that a person has (`taken` are those that splits gave)."""
    if not known:
        raise UsageError("Nobody was told apart in this corpus: ask who is who by `pipeline people --identify`.")
    for person in [fields[name] for name in ("person", "into") if name in fields] + fields.get("persons", []):
        if person not in known:
            raise UsageError(f"There is no person {person}: `pipeline people` shows all of them with their numbers.")
    if "faces" in fields:
        faces = known[fields["person"]]
        for face in fields["faces"]:
            if face not in faces:
                raise UsageError(f"The face {face[:12]}…{face[64:]} is none of person {fields['person']}.")
        if len(set(fields["faces"])) == len(faces):
            raise UsageError(f"These are all faces of person {fields['person']}: leave one with it.")
        if fields["number"] in known or fields["number"] in taken:
            raise UsageError(f"A person has, or had, the number {fields['number']}: choose a free one.")
