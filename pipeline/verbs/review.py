"""Verbs that let people judge: review, the live pages, and decide, the same without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from pipeline.errors import UsageError
from pipeline.verbs.common import Setting, common

_CORPUS = click.option("--corpus", default=None, help="Which corpus [the only one].")


@click.command("review")
@_CORPUS
@click.option("--port", type=click.IntRange(0, 65535), default=8020, show_default=True, help="0 for any free one.")
@click.option("--open/--no-open", "open_", default=False, help="Open the pages in the browser.")
@common
def review_(setting: Setting, corpus: str | None, port: int, open_: bool) -> None:
    """\b
    pipeline review
    pipeline review --corpus skulls --port 8020 --open

    The pages of the report, live, on 127.0.0.1 until stopped: rename, merge and split themes, move, reject and rescue
    pictures, say what is no duplicate, undo any of it, move thresholds, start and stop trainings. What is decided is
    kept as it is decided; the next `pipeline run` makes the folders and the GANs from it. From another machine:
    ssh -L 8020:127.0.0.1:8020 HOST.
    """
    from pipeline.corpus import newest

    facts = newest(setting.root, corpus)
    if setting.dry_run:
        setting.data({"would": {"corpus": facts["corpus"], "port": port}},
                     f"Would serve {facts['corpus']}, edition {facts['edition']}, on 127.0.0.1:{port}.")
        return
    from pipeline.web.app import serve

    def ready(address: str) -> None:
        setting.data({"address": address}, address)
        setting.echo(f"Edition {facts['edition']} of {facts['corpus']} at {address}  Ctrl-C ends it.")
        if open_:
            click.launch(address)

    serve(setting.root, str(facts["corpus"]), port, ready)


@click.group("decide")
def decide_() -> None:
    """\b
    pipeline decide reject 3fa94c01 b81e22d0
    pipeline decide merge 3 5 --into 5
    pipeline decide undo
    pipeline decide list

    Say what the next `pipeline run` is to make of pictures and themes. Pictures are named by their ids or the first
    digits of them, themes by their numbers. Decisions are kept for ever, and each can be undone.
    """


def _pictures(setting: Setting, prefixes: Sequence[str]) -> list[str]:
    from pipeline.inspection import full_id

    return [full_id(setting.root, prefix) for prefix in prefixes]


def _live(setting: Setting, corpus: str | None) -> Any:
    """What the pages know of the corpus, without serving it."""
    from pipeline.corpus import newest
    from pipeline.web.live import Live

    return Live(setting.root, str(newest(setting.root, corpus)["corpus"]), token="")


def _done(setting: Setting, corpus: str | None, action: str, **fields: Any) -> None:
    """Check the decision against the newest edition, write it, and say so."""
    from pipeline.web import actions

    live = _live(setting, corpus)
    with live.held():
        if setting.dry_run:
            actions.check(live, action, fields)
            setting.data({"would": {"action": action, **fields}}, f"Would record: {action}.")
            return
        answer = actions.decide(live, {"action": action, **fields})
    setting.data(answer, f"{answer['said']} Recorded as {answer['event']}. Next: `pipeline run MANIFEST`.")


def _of_pictures(action: str, help: str) -> None:
    @decide_.command(action, help=help)
    @click.argument("pictures", nargs=-1, required=True)
    @_CORPUS
    @common
    def command(setting: Setting, corpus: str | None, pictures: tuple[str, ...]) -> None:
        _done(setting, corpus, action, pictures=_pictures(setting, pictures))


_of_pictures("reject", "Leave pictures out of every theme.")
_of_pictures("rescue", "Keep pictures, whatever a threshold or a look-alike says.")


@decide_.command("move")
@click.argument("pictures", nargs=-1, required=True)
@click.option("--into", type=click.IntRange(min=0), required=True, metavar="THEME", help="The theme they belong to.")
@_CORPUS
@common
def _move(setting: Setting, corpus: str | None, pictures: tuple[str, ...], into: int) -> None:
    """Move pictures into another theme."""
    _done(setting, corpus, "move", pictures=_pictures(setting, pictures), into=into)


@decide_.command("rename")
@click.argument("theme", type=click.IntRange(min=0))
@click.argument("name")
@_CORPUS
@common
def _rename(setting: Setting, corpus: str | None, theme: int, name: str) -> None:
    """Give a theme a name of your own; it keeps its number."""
    _done(setting, corpus, "rename", theme=theme, name=name)


@decide_.command("hide")
@click.argument("theme", type=click.IntRange(min=0))
@_CORPUS
@common
def _hide(setting: Setting, corpus: str | None, theme: int) -> None:
    """Show a theme no more and train nothing on it; its pictures stay where they are."""
    _done(setting, corpus, "hide", theme=theme)


@decide_.command("merge")
@click.argument("themes", nargs=-1, type=click.IntRange(min=0), required=True)
@click.option("--into", type=click.IntRange(min=0), required=True, metavar="THEME", help="The theme that stays.")
@_CORPUS
@common
def _merge(setting: Setting, corpus: str | None, themes: tuple[int, ...], into: int) -> None:
    """Make one theme of several, also for pictures that come later."""
    _done(setting, corpus, "merge", themes=list(themes), into=into)


@decide_.command("split")
@click.argument("theme", type=click.IntRange(min=0))
@click.option("--k", type=click.IntRange(2, 5), default=2, show_default=True, help="Into how many parts.")
@_CORPUS
@common
def _split(setting: Setting, corpus: str | None, theme: int, k: int) -> None:
    """Part a theme by what its pictures look like; the largest part keeps the number. --dry-run shows the parts."""
    from pipeline.web import actions

    live = _live(setting, corpus)
    with live.held():
        preview = actions.split(live, theme, k)
    sizes = ", ".join(f"{part['size']:,}" for part in preview["parts"])
    if setting.dry_run:
        setting.data({"would": {"split": theme, **preview}}, f"Would split theme {theme:02d} into {sizes}.")
        return
    with live.held():
        answer = actions.decide(live, {"action": "split", "token": preview["token"]})
    setting.data(answer, f"{answer['said']} Recorded as {answer['event']}. Next: `pipeline run MANIFEST`.")


@decide_.command("theme")
@click.argument("name")
@click.argument("pictures", nargs=-1, required=True)
@_CORPUS
@common
def _theme(setting: Setting, corpus: str | None, name: str, pictures: tuple[str, ...]) -> None:
    """Make a theme of its own, NAME, from pictures."""
    _done(setting, corpus, "theme", pictures=_pictures(setting, pictures), name=name)


@decide_.command("not-duplicate")
@click.argument("pictures", nargs=2)
@common
def _not_duplicate(setting: Setting, pictures: tuple[str, ...]) -> None:
    """Two pictures are no duplicates of each other: it holds in every corpus, and none of them removes the other."""
    from pipeline.decisions import declare_different

    one, other = _pictures(setting, pictures)
    fresh = False if setting.dry_run else declare_different(setting.root, one, other)
    done = "Would record" if setting.dry_run else "Recorded" if fresh else "Known already"
    setting.data(
        {"decision": "not-duplicate", "pair": [one, other], "new": fresh},
        f"{done}: {one[:12]} and {other[:12]} are no duplicates. Next: `pipeline run` or `pipeline dedupe`.",
    )


@decide_.command("undo")
@click.argument("event", required=False)
@_CORPUS
@common
def _undo(setting: Setting, corpus: str | None, event: str | None) -> None:
    """Take back the decision EVENT, or the last one that stands; an undoing can be undone too."""
    from pipeline.web import actions

    live = _live(setting, corpus)
    with live.held():
        if setting.dry_run:
            last = live.live[-1].id if live.live else None
            setting.data({"would": {"undo": event or last}}, f"Would take back {event or last or 'nothing'}.")
            return
        answer = actions.undo(live, {"event": event})
    setting.data(answer, f"{answer['said']} Recorded as {answer['event']}. Next: `pipeline run MANIFEST`.")


@decide_.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Only the last so many.")
@_CORPUS
@common
def _list(setting: Setting, corpus: str | None, limit: int) -> None:
    """What was decided, newest first; what was taken back is marked."""
    from pipeline.web import actions

    live = _live(setting, corpus)
    with live.held():
        found = actions.history(live, limit)
    if not found["total"]:
        raise UsageError(f"Nothing was decided about {live.corpus} yet: `pipeline decide --help` or `pipeline review`.")
    lines = [
        f"{e['at'][:16].replace('T', ' ')}  {e['by']:10} {'' if e['stands'] else 'undone: '}{e['said']}\n    {e['id']}"
        for e in found["events"]
    ]
    setting.data(found, "\n".join(lines))
