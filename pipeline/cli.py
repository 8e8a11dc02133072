"""The command `pipeline`: finds the verb, turns errors into one sentence and an exit code."""

from __future__ import annotations

import errno
import importlib
import json
import os
import signal
import sys
import traceback
from typing import Any

import click

from pipeline.errors import NoSpace, PipelineError, did_you_mean

VERBS: dict[str, tuple[str, str]] = {
    "demo": ("make", "The whole job on a practice gallery: crawl, curate, cluster, train, report."),
    "run": ("make", "Do everything a manifest asks for, or what is missing of it."),
    "ingest": ("make", "The nightly increment of a manifest: only what is new."),
    "crawl": ("gather", "Fetch pictures from a source on the web."),
    "import": ("gather", "Take in pictures that are on disk."),
    "measure": ("make", "Measure every original once: size, hash, sharpness."),
    "dedupe": ("make", "Judge the pictures and find duplicates."),
    "convert": ("make", "Convert to sRGB squares (with align and shard, in one pass)."),
    "align": ("make", "Align faces on the eyes (with convert and shard, in one pass)."),
    "shard": ("make", "Write WebDataset shards of the prepared pictures."),
    "embed": ("make", "Describe every picture by a pretrained CNN."),
    "cluster": ("make", "Split the corpus into thematic folders."),
    "train": ("make", "Train a GAN for each thematic folder."),
    "gan": ("inside", "Look into the GAN of a theme: walks, sums, directions, neurons; rank, export."),
    "report": ("keep", "Write the pages that show what was kept, rejected and made."),
    "review": ("review", "The pages live: correct themes, reject, rescue, undo, train."),
    "attribution": ("credit", "The credits of a corpus: whose pictures these are, under which licences."),
    "export": ("export", "The thematic folders for other trainers: WebDataset, Hugging Face, StyleGAN, kohya."),
    "status": ("look", "What stands at the root, and what comes next."),
    "rejects": ("look", "What was rejected, by reason, with examples."),
    "show": ("look", "Everything known of one picture."),
    "faces": ("who", "Faces before and after alignment: sheet, film, landmarks, what was refused."),
    "people": ("who", "Who is who: the persons in the pictures of a corpus."),
    "forget": ("takedown", "Take pictures down, wherever they stand, or all that tells persons apart."),
    "decide": ("review", "Reject, rescue, move, rename, merge, split, hide, undo: without the pages."),
    "sql": ("look", "Ask the tables in SQL."),
    "models": ("keep", "The model files: list them, fetch them."),
    "schedule": ("keep", "Install the nightly ingest."),
    "gallery": ("keep", "Serve the practice gallery alone."),
    "doctor": ("keep", "Check this machine and the root."),
}


class _Verbs(click.Group):
    """Knows the names and one line of every verb, and loads a verb when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"pipeline.verbs.{VERBS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], VERBS) or " `pipeline --help` lists them."
            raise click.UsageError(f"There is no verb '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="wunderkammer", prog_name="pipeline")
def cli() -> None:
    """\b
    pipeline demo                                the whole job in a few minutes, offline
    pipeline crawl wikiart --style cubism        pictures from the web, originals kept
    pipeline run manifests/skulls.yaml           from sources to thematic folders and a GAN for each

    Wunderkammer: from pictures on the web to thematic folders and a trained GAN for each.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    signal.signal(signal.SIGTERM, _stopped)
    sys.exit(_run(sys.argv[1:]))


def _run(args: list[str]) -> int:
    try:
        result = cli.main(args, prog_name="pipeline", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        return _fail(args, error.format_message(), error.exit_code, _usage(error))
    except PipelineError as error:
        return _fail(args, str(error), error.exit_code)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = f"No space is left ({error.filename or 'disk full'}): free some and run the same command again."
            return _fail(args, text, NoSpace.exit_code)
        if error.errno == errno.EPIPE:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        raise
    except (KeyboardInterrupt, click.Abort) as stop:
        number = signal.SIGTERM if isinstance(stop.__cause__ or stop, _Terminated) else signal.SIGINT
        return _fail(args, "Stopped; the same command goes on from here.", 128 + number)


def _fail(args: list[str], message: str, code: int, usage: str = "") -> int:
    if {"-v", "--verbose"} & set(args):
        traceback.print_exc()
    click.echo(f"{usage}Error: {message}", err=True)
    if "--json" in args:
        error: dict[str, Any] = {"message": message, "exit_code": code}
        click.echo(json.dumps({"schema_version": 1, "error": error}))
    return code


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.get_usage()}\n" if context is not None and context.parent is not None else ""


class _Terminated(KeyboardInterrupt):
    """SIGTERM unwinds like Ctrl-C: what is committed stays, nothing half-written is visible."""


def _stopped(_number: int, _frame: object) -> None:
    raise _Terminated


if __name__ == "__main__":
    main()
