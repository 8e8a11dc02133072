"""The verb that takes pictures down: forget."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from pipeline.errors import UsageError
from pipeline.verbs.common import Setting, common

if TYPE_CHECKING:
    from pipeline.forget import Lineage

_SHOWN = 10


@click.command("forget")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--url", default=None, help="The pictures seen at this address, or on this page.")
@click.option("--host", default=None, help="All pictures of this host and those below it, such as example.org.")
@click.option("--author", "--creator", "author", default=None, help="All pictures of this creator.")
@click.option("--person", default=None, help="All pictures that show this person, by name or number.")
@click.option("--identity", is_flag=True, help="No picture, but all numbers that tell persons apart in the corpus.")
@click.option("--corpus", default=None, help="Whose persons --person and --identity mean [the only one].")
@click.option("--copies", is_flag=True, help="Also the pictures that were rejected as duplicates of these.")
@click.option("--why", default="", help="Why, for the record.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def forget_(
    setting: Setting, ids: tuple[str, ...], url: str | None, host: str | None, author: str | None, person: str | None,
    identity: bool, corpus: str | None, copies: bool, why: str, yes: bool,
) -> None:  # fmt: skip
    """\b
    pipeline forget ab3f09 --why "asked by the owner"
    pipeline forget --host example.org --dry-run
    pipeline forget --person Anna --corpus family --yes
    pipeline forget --identity --corpus family

    Take pictures down: originals, rows, shards, vectors, thematic folders, sheets and report pages, in every corpus.
    A tombstone stays, an id with the day and the reason, so that no crawl takes the picture in again. What a GAN has
    learnt from it cannot be taken back: the runs that saw it are named, and those that began with the networks of one
    that did, to be deleted or trained anew.
    """
    asked = {"--url": url, "--host": host, "--author": author, "--person": person, "--identity": identity or None}
    given = [name for name, value in asked.items() if value is not None] + ["ID"] * bool(ids)
    if len(given) != 1:
        instead = f", not by {' and '.join(given)}" if given else ""
        raise UsageError(f"Say what to forget by one of {', '.join(asked)} or ids{instead}.")
    if identity:
        _forget_identity(setting, corpus, yes)
        return
    from pipeline import forget

    if not setting.dry_run:
        forget.settle(setting.root)
        if left := forget.finish(setting.root, setting.echo):
            setting.echo(f"A take-down of {left:,} pictures that was interrupted is complete now.")
    found = _found(setting, ids, url, host, author, person, corpus)
    lineage = forget.trace(setting.root, frozenset(found))
    if copies and lineage.copies:
        found |= forget.called(setting.root, lineage.copies)
        lineage = forget.trace(setting.root, frozenset(found))
    setting.echo(_text(found, lineage, copies))
    if not setting.dry_run:
        _sure(yes, f"Remove {len(found):,} pictures for ever?")
        word = f"{given[0].lstrip('-')} {asked.get(given[0]) or ''}".strip()
        lineage = forget.forget(setting.root, frozenset(found), word, why, setting.echo)
    answer = {"pictures": sorted(found), "removed": not setting.dry_run, **lineage.plain()}
    setting.data(answer, _ending(setting, lineage))


def _found(
    setting: Setting, ids: tuple[str, ...], url: str | None, host: str | None, author: str | None, person: str | None,
    corpus: str | None,
) -> dict[str, str]:  # fmt: skip
    """The pictures meant, with what they are called."""
    from pipeline import forget

    if ids:
        from pipeline.inspection import full_id

        return forget.called(setting.root, [full_id(setting.root, prefix) for prefix in ids])
    if person is not None:
        from pipeline.ingest import Job, load_or_default, open_corpus
        from pipeline.persons import Persons

        persons = Persons(open_corpus(Job(setting.root, load_or_default(setting.root, corpus))))
        return forget.called(setting.root, sorted({face.split("-")[0] for face in persons.named(person).faces}))
    return forget.find(setting.root, url=url, host=host, creator=author)


def _text(found: Mapping[str, str], lineage: Lineage, copies: bool) -> str:
    shown = [f"  {picture[:12]}  {name}" for picture, name in list(found.items())[:_SHOWN]]
    more = [f"  and {len(found) - _SHOWN:,} more"] if len(found) > _SHOWN else []
    lines = [f"{len(found):,} pictures:", *shown, *more]
    if lineage.copies and not copies:
        lines.append(f"{len(lineage.copies):,} duplicates of them stand too: --copies takes them along.")
    return "\n".join(lines)


def _ending(setting: Setting, lineage: Lineage) -> str:
    facts = lineage.plain()
    seen = f"Editions that used them: {', '.join(facts['editions']) or 'none'}."
    runs = [f"GAN runs that were trained on them, and cannot forget: {', '.join(facts['runs']) or 'none'}."]
    if facts["heirs"]:
        runs.append(f"Runs that began with the networks of these: {', '.join(facts['heirs'])}.")
    if facts["runs"]:
        runs.append("Where that is not right, delete these folders, the base's first, and train anew.")
        gone = "would go" if setting.dry_run else "are gone"
        runs.append(f"Credits that were exported with them {gone} too: `pipeline gan export` writes them anew.")
    ending = "Nothing was removed. Next: the same command without --dry-run." if setting.dry_run else (
        "Reports written outside the root, and pictures handed on, are not reached. Next: `pipeline run`, for an "
        "edition without them."
    )
    return "\n".join([seen, *runs, ending])


def _forget_identity(setting: Setting, corpus: str | None, yes: bool) -> None:
    from pipeline import forget
    from pipeline.ingest import load_or_default

    manifest = load_or_default(setting.root, corpus)
    name = manifest.corpus
    if setting.dry_run:
        setting.data({"corpus": name, "removed": 0}, f"Would remove all that tells persons apart in {name}.")
        return
    _sure(yes, f"Remove all that tells persons apart in {name}?")
    count = forget.forget_identity(setting.root, name)
    again = " Take `people` out of its manifest, or the next run makes them anew." if manifest.people else ""
    said = f"Removed {count:,} files that tell persons apart in {name}.{again}"
    setting.data({"corpus": name, "removed": count}, said)


def _sure(yes: bool, question: str) -> None:
    if yes:
        return
    try:
        sure = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        sure = False
    if not sure:
        raise UsageError("Nothing was removed: answer yes, or add --yes.")
