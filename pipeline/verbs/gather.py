"""Verbs that gather pictures: crawl and import. Each source is a command made from its entry in the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from pipeline.errors import UsageError, did_you_mean
from pipeline.verbs.common import Setting, common
from spiders.registry import IMPORTS, RECHECKS, SOURCES, Source

_NOTHING = "Nothing to retry: no picture failed for these reasons when it was last asked for."
_HIDDEN = {"gallery"}
"""Arguments of manifests alone."""
_KINDS: Mapping[str, dict[str, Any]] = {
    "limit": {"type": click.IntRange(min=1), "metavar": "N"},
    "base_url": {"metavar": "URL"},
    "recheck": {"type": click.Choice(RECHECKS), "metavar": "|".join(RECHECKS)},
    "every": {"type": float, "metavar": "SECONDS"},
    "path": {"type": click.Path()},
    "license": {"metavar": "LICENCES"},
}
"""What options are called on the command line when it is not a word."""


class _Sources(click.Group):
    """A command for each source; an unknown one gets the nearest known ones."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:
            what = "source" if self.name == "crawl" else "kind of import"
            raise UsageError(
                f"Name a {what}: {', '.join(self.commands)}. `pipeline {self.name} --help` tells more of them."
            )
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not args[0].startswith("-") and args[0] not in self.commands:
            what = "source" if self.name == "crawl" else "kind of import"
            hint = did_you_mean(args[0], self.commands) or f" Known: {', '.join(self.commands)}."
            raise UsageError(f"There is no {what} called {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group("crawl", cls=_Sources, subcommand_metavar="SOURCE [OPTIONS]")
def crawl_() -> None:
    """\b
    pipeline crawl wikiart --style cubism --limit 500
    pipeline crawl wikiart --artist claude-monet --dry-run
    pipeline crawl wikiart --help

    Fetch pictures from SOURCE. Originals are kept byte-exact with their provenance; a picture that could not be
    fetched is a row with a reason. A second crawl fetches only what is new.
    """


@click.group("import", cls=_Sources, subcommand_metavar="KIND PATH [OPTIONS]")
def import_() -> None:
    """\b
    pipeline import folder ~/pictures/skulls
    pipeline import mnist ~/mnist --root s3://bucket/corpus
    pipeline import video ~/films --every 5

    Take in pictures that are on disk. What is known of them (title, artist, style, genre, year, …) comes along.
    A second import takes only what is new.
    """


@crawl_.command("retry")
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@click.option("--reason", default=None, metavar="REASON[,REASON…]",
              help="Which failures [those that may pass: connection_failed,http_429,http_5xx,timeout].")
@common
def _retry(setting: Setting, names: tuple[str, ...], reason: str | None) -> None:
    """\b
    pipeline crawl retry
    pipeline crawl retry --reason timeout,http_5xx wikiart

    Try exactly those pictures again that could not be fetched for these reasons, of all sources or those named.
    No list is asked, only the pictures.
    """
    from pipeline import sources

    if setting.dry_run:
        found = sources.failed(setting.root, reason, names)
        text = "\n".join(f"{one['source']}: {sum(one['failed'].values()):,} pictures" for one in found)
        setting.data({"sources": found}, text or _NOTHING)
        return
    retried = sources.retry(setting.root, reason, names, setting.echo)
    setting.data({"sources": retried})
    if not retried:
        setting.echo(_NOTHING)


def _command(verb: str, name: str, source: Source) -> click.Command:
    """The command of one source."""

    def gather(setting: Setting, **asked: Any) -> None:
        given = {key: _worded(value) for key, value in asked.items() if value is not None}
        _gather(setting, {verb: name, **given}, any(given.get(question) for question in source.questions))

    made: Callable[..., Any] = common(gather)
    positional = source.positional or ("path" if verb == "import" else "")
    for argument, text in reversed(list(source.arguments.items())):
        if argument not in _HIDDEN:
            made = _parameter(argument, text, source, argument == positional)(made)
    return click.command(name, help=_help(verb, name, source), short_help=source.about)(made)


def _parameter(argument: str, text: str, source: Source, positional: bool) -> Callable[..., Any]:
    kind = _KINDS.get(argument, {})
    if positional:
        kind = {key: value for key, value in kind.items() if key == "type"}
        return click.argument(argument, required=argument in source.required and not source.questions, **kind)
    flag = argument.replace("_", "-")
    text = text[:1].upper() + text[1:] + (" (needed)" if argument in source.required else "")
    if argument in source.switches:
        return click.option(f"--{flag}/--no-{flag}", default=None, help=f"{text}.")
    return click.option(f"--{flag}", default=None, help=f"{text}.", **{"metavar": "TEXT", **kind})


def _worded(value: Any) -> Any:
    """A switch as manifests write it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _help(verb: str, name: str, source: Source) -> str:
    own = source.examples or (("PATH",) if verb == "import" else ("",))
    lines = "\n".join(f"pipeline {verb} {name} {ending}".rstrip() for ending in own)
    about = f"{source.about[:1].upper()}{source.about[1:]}."
    one = f" Choose one of {', '.join(f'--{key}' for key in source.one_of)}." if source.one_of else ""
    return f"\b\n{lines}\n\n{about}{one}"


for _name, _source in SOURCES.items():
    crawl_.add_command(_command("crawl", _name, _source))
for _name, _source in IMPORTS.items():
    import_.add_command(_command("import", _name, _source))


def _gather(setting: Setting, spec: dict[str, Any], question: bool) -> None:
    from pipeline import sources

    sources.check(spec)
    if question:
        names = sources.enquire(spec, setting.root)
        setting.data({"answer": names}, "\n".join(names))
        return
    if setting.dry_run:
        ahead = sources.estimate(spec, setting.root)
        setting.data(ahead.to_json(), str(ahead))
        setting.echo("Nothing was stored. Next: the same command without --dry-run.")
        return
    with setting.root.lock(f"source-{sources.prefix(spec)}"):
        found, _ = sources.take_in(spec, setting.root, setting.echo)
    setting.data(found)
    setting.echo("Next: `pipeline cluster --k 20`, or `pipeline status` to see what stands.")
