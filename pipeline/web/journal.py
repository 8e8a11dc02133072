"""The journal of decisions in words: who decided what when, and what was taken back since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.decisions import Event, undone
from pipeline.overlay import names


@dataclass(frozen=True)
class Entry:
    """A decision as the pages show it. `pictures` are all it names; `stands` unless it was undone."""

    id: str
    at: str
    by: str
    action: str
    said: str
    pictures: Sequence[str]
    stands: bool


def entries(events: Sequence[Event], themes: Mapping[int, str]) -> list[Entry]:
    """The decisions, newest first. `themes` are the names of the edition's themes by number."""
    dead, known = undone(events), {**themes, **names(events)}
    by_id = {event.id: event for event in events}
    return [
        Entry(
            event.id, event.at, event.by, event.action, _said(event, known, by_id), pictures_of(event),
            event.id not in dead,
        )
        for event in reversed(events)
    ]


def pictures_of(event: Event) -> list[str]:
    """The pictures an event names."""
    return [*event.fields.get("pictures", ()), *(one for part in event.fields.get("parts", ()) for one in part)]


def _said(event: Event, themes: Mapping[int, str], by_id: Mapping[str, Event]) -> str:
    """What was decided, as a sentence without its end."""
    count = _count(len(event.fields.get("pictures", ())), "picture")

    def theme(number: int) -> str:
        return f"{number:02d} {themes[number]}" if number in themes else f"{number:02d}"

    match event.action:
        case "reject" | "rescue":
            return f"{count} {'rejected' if event.action == 'reject' else 'rescued'}"
        case "move":
            return f"{count} moved into {theme(event['into'])}"
        case "rename":
            return f"theme {event['theme']:02d} called {event['name']}"
        case "merge":
            others = [theme(number) for number in event["themes"] if number != event["into"]]
            return f"{', '.join(others)} merged into {theme(event['into'])}"
        case "split":
            parts = ", ".join(f"{number:02d} with {len(part):,}" for number, part in
                              zip(event["numbers"], event["parts"], strict=True))
            return f"{theme(event['theme'])} split: {parts}"
        case "theme":
            return f"{count} made into a theme of their own, {event['number']:02d} {event['name']}"
        case "hide":
            return f"{theme(event['theme'])} hidden"
        case "different":
            return "two pictures declared to be no duplicates"
        case "undo" if event["event"] in by_id:
            return f"taken back: {_said(by_id[event['event']], themes, by_id)}"
        case _:
            return _said_of_persons(event)


def _said_of_persons(event: Event) -> str:
    match event.action:
        case "name_person":
            return f"person {event['person']} called {event['name']}"
        case "merge_people":
            others = ", ".join(str(number) for number in event["persons"] if number != event["into"])
            return f"person {others} merged into {event['into']}"
        case "split_person":
            return f"person {event['person']} split: {_count(len(event['faces']), 'face')} now of {event['number']}"
        case _:
            return event.action


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}{'s' if count != 1 else ''}"
