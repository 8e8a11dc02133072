"""Verbs of faces: how they were aligned (faces), and who is who (people, with name, merge and split)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.verbs.common import Setting, common, machine

if TYPE_CHECKING:
    from pipeline.ingest import Job
    from pipeline.persons import Persons

_CORPUS = click.option("--corpus", default=None, help="Which corpus [the only one].")


@click.command("faces")
@_CORPUS
@click.option("--landmarks", is_flag=True, help="Draw boxes, eyes, irises and all points on the originals, too.")
@common
def faces_(setting: Setting, corpus: str | None, landmarks: bool) -> None:
    """\b
    pipeline faces
    pipeline faces --landmarks --corpus family

    Faces before and after they were aligned: a contact sheet, an animation (GIF and MP4) of the pictures as found and
    as aligned that ends in the mean face of each, and what was refused by reason, with the number that decided.
    """
    from pipeline import aligned
    from pipeline.corpus import newest

    edition = newest(setting.root, corpus)
    found = aligned.Aligned(setting.root, edition)
    drawn = {} if setting.dry_run else found.draw(landmarks)
    files = {what: setting.root.address(path) for what, path in drawn.items()}
    setting.data(
        {"corpus": edition["corpus"], "aligned": len(found.kept), "refused": found.reasons(), "files": files},
        aligned.text(edition, found, files),
    )


@click.group("people", invoke_without_command=True)
@_CORPUS
@click.option("--identify", is_flag=True, help="Tell persons apart, also where the manifest does not ask for it.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show so many persons.")
@click.option("--sheet/--no-sheet", default=True, help="Draw a contact sheet of each person shown, or none [sheet].")
@machine
@common
@click.pass_context
def people_(
    context: click.Context, setting: Setting, corpus: str | None, identify: bool, limit: int, sheet: bool,
    scheduler: str | None, workers: int | None,
) -> None:  # fmt: skip
    """\b
    pipeline people
    pipeline people --identify --corpus family
    pipeline people name 3 "Anna"
    pipeline people merge 3 7

    Who is who: one row a person, those in most pictures first, with a contact sheet. Faces are told apart in corpora
    alone whose manifest has `people`, or by --identify; the numbers that do so stay at the root, in the folders of
    that corpus, and `pipeline forget --identity` removes them.
    """
    if context.invoked_subcommand is not None:
        return
    from pipeline import persons

    job = _job(setting, corpus, scheduler, workers)
    if identify and not setting.dry_run:
        from pipeline.ingest import identify_now

        identify_now(job)
    found = _persons(job)
    shown = found.all[:limit]
    draws = sheet and not setting.dry_run
    rows = [one.plain(found.corpus, found.sheet(one) if draws else None) for one in shown]
    overview = setting.root.address(found.overview(shown)) if draws and shown else None
    name = found.corpus.name
    setting.data(
        {"corpus": name, "persons": len(found.all), "people": rows, "overview": overview},
        persons.text(name, rows, len(found.all), overview),
    )


@people_.command("name")
@click.argument("person")
@click.argument("name")
@_CORPUS
@common
def _name(setting: Setting, person: str, name: str, corpus: str | None) -> None:
    """\b
    pipeline people name 3 "Anna"

    Give a person a name, for ever or until another is given. A manifest may then say `people: {names: [Anna]}`.
    """
    found = _persons(_job(setting, corpus))
    number = found.named(person).number
    event = None if setting.dry_run else found.name(person, name)
    _said(setting, event, f"person {number} is called {name}")


@people_.command("merge")
@click.argument("persons", nargs=-1, required=True)
@_CORPUS
@common
def _merge(setting: Setting, persons: tuple[str, ...], corpus: str | None) -> None:
    """\b
    pipeline people merge 3 7

    These are one person, under the number of the first.
    """
    found = _persons(_job(setting, corpus))
    numbers = [found.named(word).number for word in persons]
    event = None if setting.dry_run else found.merge(persons)
    _said(setting, event, f"persons {', '.join(map(str, numbers))} are person {numbers[0]}")


@people_.command("split")
@click.argument("person")
@_CORPUS
@common
def _split(setting: Setting, person: str, corpus: str | None) -> None:
    """\b
    pipeline people split 3

    These are two persons: the smaller part gets a new number. Look at the sheets, then split again or merge.
    """
    job = _job(setting, corpus)
    with setting.root.lock(f"corpus-{job.manifest.corpus}"):
        found = _persons(job)
        number = found.named(person).number
        event = None if setting.dry_run else found.split(person)
    parts = f"{len(event['faces']):,} faces of person {number} are person {event['number']}" if event else ""
    _said(setting, event, parts or f"person {number} is two persons")


def _said(setting: Setting, event: dict[str, object] | None, what: str) -> None:
    done = "Recorded" if event else "Would record"
    setting.data({"event": event}, f"{done}: {what}. Next: `pipeline people`; `pipeline decide undo` takes it back.")


def _job(setting: Setting, corpus: str | None, scheduler: str | None = None, workers: int | None = None) -> Job:
    from pipeline.ingest import Job, load_or_default

    manifest = load_or_default(setting.root, corpus)
    return Job(setting.root, manifest, scheduler=scheduler, workers=workers, echo=setting.echo)


def _persons(job: Job) -> Persons:
    from pipeline.ingest import open_corpus
    from pipeline.persons import Persons

    return Persons(open_corpus(job))
