"""What people decided while looking: a journal of events, one small file each, written once and never changed.

An event is undone by a later one that names it, and that one by a third. Events of a corpus lie in `decisions/CORPUS/`;
that two pictures are no duplicates holds for all corpora and lies in `decisions/not-duplicate/`.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.errors import Fatal, UsageError, did_you_mean
from pipeline.storage import Root

SHARED = "not-duplicate"
NOT_DUPLICATE = f"decisions/{SHARED}"
LONGEST_NAME = 120
MOST_PARTS = 5
_ID = re.compile(r"[0-9a-f]{64}(-[1-9]\d{0,3})?")  # of a picture, or of a face in it
_IDS = re.compile(rf"{_ID.pattern}(\n{_ID.pattern})*")
_FACE = re.compile(r"[0-9a-f]{64}-[1-9]\d{0,3}")
_EVENT = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")
_PAIR = re.compile(r"([0-9a-f]{64})-([0-9a-f]{64})")
_STAMP = "%Y%m%dT%H%M%S%fZ"

FIELDS: Mapping[str, Mapping[str, str]] = {
    "reject": {"pictures": "ids"},
    "rescue": {"pictures": "ids"},
    "move": {"pictures": "ids", "into": "number"},
    "rename": {"theme": "number", "name": "name"},
    "merge": {"themes": "numbers", "into": "number"},
    "split": {"theme": "number", "parts": "parts", "numbers": "numbers"},
    "theme": {"pictures": "ids", "name": "name", "number": "number"},
    "hide": {"theme": "number"},
    "name_person": {"person": "number", "name": "name"},
    "merge_people": {"persons": "numbers", "into": "number"},
    "split_person": {"person": "number", "faces": "faces", "number": "number"},
    "different": {"pictures": "pair"},
    "undo": {"event": "event"},
}
"""What each action says, and what kind of thing each of it is."""


@dataclass(frozen=True)
class Event:
    """One thing a person decided: `at` in UTC, `fields` as `FIELDS` has them for the action."""

    id: str
    at: str
    by: str
    action: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def plain(self) -> dict[str, Any]:
        """The event as it is written."""
        return {"id": self.id, "at": self.at, "by": self.by, "action": self.action, **self.fields}


class Journal:
    """The decisions of one corpus, with those that hold for all; `by` is who decides from now on.

    Any number of processes may add at once: each event is a file of its own, claimed by its name. Raises Fatal when
    a file of the journal cannot be understood.
    """

    def __init__(self, root: Root, corpus: str, by: str | None = None) -> None:
        self.root = root
        self.corpus = corpus
        self.by = by or os.environ.get("LOGNAME") or os.environ.get("USER") or "someone"
        self._read: dict[str, Event] = {}

    def events(self) -> list[Event]:
        """All events, in order: also the undoings and what they undid."""
        folders = dict.fromkeys((f"decisions/{self.corpus}", NOT_DUPLICATE))
        return sorted((event for folder in folders for event in self._events(folder)), key=_order)

    def live(self) -> list[Event]:
        """The events that stand, in order: neither undone nor undoings."""
        return standing(self.events())

    def add(self, action: str, **fields: Any) -> Event:
        """Write an event; it comes after all that this process could see.

        Raises UsageError when the action is unknown or a field of it is missing, surplus or not what it must be.
        """
        fields = checked(action, fields)
        folder = NOT_DUPLICATE if self._is_shared(action, fields) else f"decisions/{self.corpus}"
        while True:
            moment = max([_now(), *(_moment(event.at) + timedelta(microseconds=1) for event in self.events()[-1:])])
            name = f"{moment.strftime(_STAMP)}-{secrets.token_hex(4)}"
            event = Event(name, moment.isoformat(timespec="microseconds"), self.by, action, fields)
            if self.root.claim(f"{folder}/{name}.json", json.dumps(event.plain()).encode()):
                self._read[f"{folder}/{name}"] = event
                return event

    def undo(self, event: str | None = None) -> Event:
        """Undo the event with this id, or the last that stands; of an undoing, what it undid stands again.

        Raises UsageError when there is none, or it is undone already.
        """
        events = self.events()
        if event is None:
            found = standing(events)
            if not found:
                raise UsageError("Nothing is left to undo.")
            event = found[-1].id
        elif event not in {known.id for known in events}:
            raise UsageError(f"There is no decision {event[:80]}: `pipeline decide list` shows all.")
        elif event in undone(events):
            raise UsageError(f"Decision {event} is undone already.")
        return self.add("undo", event=event)

    def fresh_number(self, taken: Iterable[int]) -> int:
        """A number for a new theme that is not in `taken` and that nobody was given before: it is claimed."""
        folder = f"decisions/{self.corpus}/numbers"
        number = max([-1, *taken, *self.claimed()]) + 1
        while not self.root.claim(f"{folder}/{number:05d}.json", b"{}"):
            number += 1
        return number

    def claimed(self) -> frozenset[int]:
        """The numbers that were ever claimed for a theme."""
        names = self.root.names(f"decisions/{self.corpus}/numbers", ".json")
        return frozenset(int(name.removesuffix(".json")) for name in names)

    def _is_shared(self, action: str, fields: Mapping[str, Any]) -> bool:
        if action == "undo":
            return any(event.id == fields["event"] for event in self._events(NOT_DUPLICATE))
        return action == "different"

    def _events(self, folder: str) -> list[Event]:
        """The events of one folder; each file is read once, as none ever changes."""
        found: list[Event] = []
        for name in (file.removesuffix(".json") for file in self.root.names(folder, ".json")):
            path = f"{folder}/{name}"
            if path not in self._read and (_EVENT.fullmatch(name) or _PAIR.fullmatch(name)):
                self._read[path] = _parsed(self.root, path, name)
            if path in self._read:
                found.append(self._read[path])
        return found


def undone(events: Sequence[Event]) -> frozenset[str]:
    """The ids of the events that an undoing takes back which is not taken back itself."""
    dead: set[str] = set()
    for event in sorted(events, key=_order, reverse=True):
        if event.action == "undo" and event.id not in dead:
            dead.add(event["event"])
    return frozenset(dead)


def standing(events: Sequence[Event]) -> list[Event]:
    """The events that stand, in order: neither undone nor undoings."""
    dead = undone(events)
    return [event for event in sorted(events, key=_order) if event.id not in dead and event.action != "undo"]


def _order(event: Event) -> tuple[str, str]:
    return event.at, event.id


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _now() -> datetime:
    return datetime.now(UTC)


def _parsed(root: Root, path: str, name: str) -> Event:
    """An event from its file; older pairs of not-duplicates say less. Raises Fatal when it is none."""
    try:
        said = json.loads(root.read(f"{path}.json"))
        if pair := _PAIR.fullmatch(name):
            at = _moment(said["at"]).isoformat(timespec="microseconds")
            return Event(name, at, said.get("by", "someone"), "different", {"pictures": list(pair.groups())})
        known = {key: said.pop(key) for key in ("id", "at", "by", "action")}
        known["at"] = _moment(known["at"]).isoformat(timespec="microseconds")
        return Event(**known, fields=checked(known["action"], said))
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise Fatal(
            f"{root.address(path)}.json is no decision that this version understands ({error}): "
            "update the program, or move the file away."
        ) from None


# what an event may say


def checked(action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event, each as it must be.

    Raises UsageError when the action is unknown or a field is missing, surplus or wrong.
    """
    if action not in FIELDS:
        raise UsageError(f"There is no decision '{str(action)[:40]}'.{did_you_mean(str(action), FIELDS)}")
    wanted = FIELDS[action]
    if wrong := sorted(fields.keys() ^ wanted.keys()):
        word = "lacks" if wrong[0] in wanted else "knows no"
        raise UsageError(f"The decision {action} {word} `{wrong[0][:40]}`: it takes {', '.join(wanted)}.")
    made = {name: _CHECKS[kind](fields[name], name) for name, kind in wanted.items()}
    if action == "split":
        _check_split(made)
    if action == "merge" and not set(made["themes"]) - {made["into"]}:
        raise UsageError("A merge needs a theme besides the one it goes into.")
    return made


def _ids(value: Any, name: str) -> list[str]:
    good = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    text = "\n".join(value) if good else ""
    if not _IDS.fullmatch(text) or text.count("\n") != len(value) - 1:
        raise UsageError(f"`{name}` must be a list of pictures by their ids, 64 hex digits each.")
    return list(dict.fromkeys(value))


def _faces(value: Any, name: str) -> list[str]:
    good = isinstance(value, list | tuple) and all(isinstance(one, str) and _FACE.fullmatch(one) for one in value)
    if not good or not value:
        raise UsageError(f"`{name}` must be a list of faces: the id of a picture, - and the number of the face in it.")
    return list(dict.fromkeys(value))


def _pair(value: Any, name: str) -> list[str]:
    try:
        made = sorted(_ids(value, name))
    except UsageError:
        made = []
    if [len(one) for one in made] != [64, 64]:
        raise UsageError("Name two different pictures by their ids, 64 hex digits each.")
    return made


def _number(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 100_000:
        raise UsageError(f"`{name}` must be the number of a theme.")
    return value


def _numbers(value: Any, name: str) -> list[int]:
    if not isinstance(value, list | tuple) or not value:
        raise UsageError(f"`{name}` must be a list of numbers of themes.")
    return list(dict.fromkeys(_number(one, name) for one in value))


def _parts(value: Any, name: str) -> list[list[str]]:
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= MOST_PARTS:
        raise UsageError(f"`{name}` must be a list of 2 to {MOST_PARTS} lists of pictures.")
    return [_ids(part, name) for part in value]


def _name(value: Any, name: str) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise UsageError(f"A {name} is one line of 1 to {LONGEST_NAME} characters.")
    return text


def _event(value: Any, name: str) -> str:
    if not isinstance(value, str) or not (_EVENT.fullmatch(value) or _PAIR.fullmatch(value)):
        raise UsageError(f"`{name}` must be the id of a decision, as `pipeline decide list` shows them.")
    return value


_CHECKS: Mapping[str, Callable[[Any, str], Any]] = {
    "ids": _ids, "faces": _faces, "pair": _pair, "number": _number, "numbers": _numbers, "parts": _parts,
    "name": _name, "event": _event,
}  # fmt: skip


def _check_split(fields: Mapping[str, Any]) -> None:
    parts, numbers = fields["parts"], fields["numbers"]
    if len(numbers) != len(parts) or numbers[0] != fields["theme"]:
        raise UsageError("A split needs a number for each part, the first of them the theme's own.")
    if len({picture for part in parts for picture in part}) != sum(map(len, parts)):
        raise UsageError("In a split each picture belongs to one part.")


# pictures that are no duplicates


def declare_different(root: Root, one: str, other: str) -> bool:
    """Record that two pictures, by id, are no duplicates of each other; False when that is known already.

    Raises UsageError when these are not two ids.
    """
    first, second = _pair([one, other], "pictures")
    now = _now().isoformat(timespec="microseconds")
    said = {"decision": "not a duplicate", "pair": [first, second], "at": now}
    if root.claim(f"{NOT_DUPLICATE}/{first}-{second}.json", json.dumps(said).encode()):
        return True
    if frozenset((first, second)) in never_duplicates(root):
        return False
    Journal(root, SHARED).add("different", pictures=[first, second])
    return True


def never_duplicates(root: Root) -> frozenset[frozenset[str]]:
    """The pairs of ids that people declared to be no duplicates."""
    live = Journal(root, SHARED).live()
    return frozenset(frozenset(event["pictures"]) for event in live if event.action == "different")
