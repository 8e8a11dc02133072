"""The command line of the room: `python -m gan train`, `sample` and, from files of their own, the other commands."""

from __future__ import annotations

import dataclasses
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from gan.cli_inside import LOOKS
from gan.options import TrainOptions
from pipeline.errors import PipelineError, UsageError
from pipeline.storage import Root

_SIGNAL_EXIT = 128


class _Group(click.Group):
    """Turns the errors that people read into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group)
def main() -> None:
    """\b
    Examples:
      python -m gan train --data pictures/ --out runs/first --minutes 60
      python -m gan train --data shards/00000.tar --out runs/second --size 32 --kimg 200
      python -m gan sample --run runs/first --out grid.png

    Train a DCGAN on a folder, tar or zip of pictures, look at what it makes, and into what it has learned.
    """


for look in LOOKS:
    main.add_command(look)


@main.command(short_help="Train on a folder, tar or zip of pictures, or continue.")
@click.option("--data", required=True, metavar="DIR|TAR|ZIP", type=Path, help="The pictures.")
@click.option("--out", required=True, metavar="DIR", help="The run folder; the same one continues a run.")
@click.option("--kimg", type=float, help="Thousands of pictures to show in all.  [default: 25 epochs or more]")
@click.option("--minutes", type=float, help="Minutes to train in all; with --kimg, whichever is first.")
@click.option("--recipe", default="radford", show_default=True, help="radford, small or projected: see above.")
@click.option("--size", default=64, show_default=True, help="Side of the pictures: 32, 64 or 128.")
@click.option("--width", type=int, help="Channels before the picture: 128 as published.")
@click.option("--kernel", type=int, help="Side of the filters: 5 as published, or 4.")
@click.option("--batch", type=int, help="Pictures in an update: 128 as published.")
@click.option("--lr", type=float, help="Step size of Adam: 0.0002 as published.")
@click.option("--lr-d", type=float, help="Step size of the discriminator, if another: two time scales.")
@click.option("--augment", metavar="KINDS", help="none, or some of mirror,colour,translation,cutout.")
@click.option("--augment-epochs", type=float, help="Change all pictures only after so many epochs, before fewer.")
@click.option("--ema-kimg", type=float, help="Half-life of the averaged generator, 0 for none.  [default: 10]")
@click.option("--r1", type=float, help="γ of the gradient penalty; with --norm none.")
@click.option("--norm", help="Of the discriminator: batch, spectral or none.")
@click.option("--loss", help="original, hinge or relativistic.")
@click.option("--blocks", help="plain or residual networks.")
@click.option("--held-out", type=float, help="Share of the pictures never trained on, to tell learning by heart.")
@click.option("--patience", type=int, help="End when the distance did not fall in so many looks; 0 never.")
@click.option("--from", "start", metavar="RUN", help="Begin with the networks of another run's newest state.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same run.")
@click.option("--snapshot-kimg", type=int, help="Thousands of pictures between grids.  [default: 25 in all]")
@click.option("--grid", default=8, show_default=True, help="Rows and columns of a sample grid.")
@click.option("--min-pictures", default=300, show_default=True, help="Refuse to train on fewer.")
@click.option("--precision", default="auto", show_default=True, help="bf16, fp32, or what is faster here.")
@click.option("--dry-run", is_flag=True, help="Write options.json and reals.png, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what went wrong.")
def train(data: Path, out: str, start: str | None, dry_run: bool, as_json: bool, quiet: bool, **choices: Any) -> None:
    """\b
    Examples:
      python -m gan train --data pictures/ --out runs/first --minutes 60
      python -m gan train --data pictures/ --out runs/first --minutes 120      goes on for another hour
      python -m gan train --data pictures/ --out runs/roses --recipe small --minutes 60
      python -m gan train --data roses/ --out runs/roses --recipe small --from runs/flowers --kimg 100

    Train a DCGAN (Radford et al. 2015) on all pictures below a folder, or in a tar or zip.

    \b
    Recipes decide every choice that you do not make:
      radford              as published; on a CPU, --width 64 --kernel 4 is five times as fast
      small                for 300 to 20,000 pictures: what helps against learning them by heart
      projected            judged through a network that already sees; needs `pipeline models fetch`

    \b
    Pictures of another size are cropped to their central square and resized. The run folder gets:
      options.json         everything that was decided before the first step
      reals.png            the first batch, as the discriminator sees it: look at it first
      fakes-000200.png     samples after 200 thousand pictures, always of the same latents
      stats.jsonl          a line per thousand pictures: losses, speed
      state-*.safetensors  to continue from; the last two are kept
      timeline.gif, .mp4   the grids as a film

    Ctrl-C or SIGTERM saves and stops; the same command continues, after kill -9 too.
    """
    from gan import data as pictures
    from gan.train import begun
    from gan.train import train as run

    _say(logging.WARNING if quiet else logging.INFO)
    options = _options({name: value for name, value in choices.items() if value is not None})
    folder = Root(out)
    begun(folder, options)
    corpus = pictures.load(data, options.size)
    logging.getLogger(__name__).info("%s", corpus.summary(options.size))
    with _stop_on_signals() as received:
        begin = Root(start) if start else None
        summary = run(corpus.images, folder, options, lambda: bool(received), dry_run, begin)
    if as_json:
        click.echo(json.dumps({"schema_version": 1, **dataclasses.asdict(summary)}))
    else:
        click.echo(f"{summary.status}: {summary.message} Look in {summary.url}.")
    if summary.status == "diverged":
        sys.exit(1)
    if summary.status == "stopped":
        sys.exit(_SIGNAL_EXIT + received[0])


@main.command(short_help="Draw new pictures from a trained run.")
@click.option("--run", required=True, metavar="RUN", help="The run folder.")
@click.option("-o", "--out", required=True, type=Path, metavar="PNG", help="Where the grid is written.")
@click.option("--rows", default=8, show_default=True, type=click.IntRange(1))
@click.option("--columns", default=8, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True, help="Other seeds give other pictures.")
def sample(run: str, out: Path, rows: int, columns: int, seed: int) -> None:
    """\b
    Examples:
      python -m gan sample --run runs/first --out grid.png
      python -m gan sample --run runs/first --out many.png --rows 20 --columns 30 --seed 7

    Draw new pictures with the averaged generator of a run's newest state, as one grid.
    """
    from gan import sample as samples
    from gan import state as states

    data = states.read_state(run)
    generator, progress = states.generator_from(data), states.read_header(data).progress
    pictures = samples.generate(generator, samples.fixed_latents(rows * columns, seed))
    Root(out.absolute().parent).commit(out.name, samples.png(samples.grid(pictures, columns)))
    click.echo(f"{out}: {rows * columns} pictures after {progress.kimg:g} kimg")


class _ToStderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


def _say(level: int) -> None:
    """Messages of this room go to stderr, as plain lines; stdout is for results."""
    room = logging.getLogger("gan")
    room.setLevel(level)
    room.handlers = [_ToStderr()]


def _options(choices: dict[str, Any]) -> TrainOptions:
    try:
        return TrainOptions(**choices)
    except ValidationError as error:
        wrong = error.errors()[0]
        said = wrong["msg"].removeprefix("Value error, ")
        if not wrong["loc"]:
            raise UsageError(f"{said[0].upper()}{said[1:]}.") from None
        flag = "--" + str(wrong["loc"][0]).replace("_", "-")
        raise UsageError(f"{flag} {wrong['input']}: {said[0].lower()}{said[1:]}.") from None


@contextmanager
def _stop_on_signals() -> Iterator[list[int]]:
    """A list that gets the number of the first SIGINT or SIGTERM; the second ends the process at once."""
    received: list[int] = []
    before: dict[signal.Signals, Callable[..., Any] | int | None] = {}

    def note(number: int, _frame: object) -> None:
        received.append(number)
        click.echo("Finishing this step and saving; once more to stop at once.", err=True)
        for watched in before:
            signal.signal(watched, signal.SIG_DFL)

    for watched in (signal.SIGINT, signal.SIGTERM):
        before[watched] = signal.signal(watched, note)
    try:
        yield received
    finally:
        for watched, handler in before.items():
            signal.signal(watched, handler)
