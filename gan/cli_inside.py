"""The commands that look at what a run has learned, and give it away: directions, neurons, rank, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan.cli_common import data_option, give, run_options
from gan.cli_measure import measure
from gan.cli_walks import mix, name, project, seeds, walk

if TYPE_CHECKING:
    from gan.export import Origin
    from gan.looking import Reals


@click.command(short_help="Directions along which pictures change most.")
@click.option("--method", default="sefa", show_default=True, type=click.Choice(["sefa", "pca"]),
              help="By the weights of the first layer, or by answers of the second (GANSpace).")
@click.option("--count", default=8, show_default=True, help="How many, the strongest first.")
@click.option("--seeds", "samples", default="0,1,2,3", show_default=True, help="Samples to show them on.")
@run_options
def directions(
    run: Any, step: int | None, out: Path | None, as_json: bool, method: Any, count: int, samples: str
) -> None:
    """\b
    Examples:
      python -m gan directions --run runs/first
      python -m gan directions --run runs/first --method pca --count 12 --seeds 3,17,42

    Directions in the space of latents along which pictures change most, found without labels: SeFa (Shen and Zhou
    2021) in closed form, or GANSpace (Härkönen et al. 2020). A strip for each, from −3σ to 3σ of the latents.
    """
    from gan import directions as found
    from gan.looking import open_run
    from gan.sums import numbers

    opened = open_run(run, step)
    give(opened, found.directions(opened, method, count, numbers(samples)), out, as_json)


@click.command(short_help="What excites the units of the discriminator, and what those of the generator draw.")
@click.option("--of", "whose", default="both", show_default=True, help="Whose units.",
              type=click.Choice(["both", "discriminator", "generator"]))
@click.option("--layer", type=int, help="Only this layer: 1 is next to the discriminator's picture, and the "
              "generator's coarsest.")
@click.option("--unit", type=int, help="Only this unit of --layer.")
@click.option("--top", default=6, show_default=True, type=click.IntRange(1, 64), help="Units of each layer to show.")
@click.option("--most", default=5000, show_default=True, type=click.IntRange(20), help="Look at so many pictures.")
@data_option(required=False)
@run_options
def neurons(
    run: Any, step: int | None, out: Path | None, as_json: bool, data: Reals | None, whose: str, layer: int | None,
    unit: int | None, top: int, most: int,
) -> None:  # fmt: skip
    """\b
    Examples:
      python -m gan neurons --run runs/first --data pictures/
      python -m gan neurons --run runs/first --data pictures/ --of discriminator --layer 3 --unit 17
      python -m gan neurons --run runs/first --of generator --layer 2

    Of the discriminator: for the units that tell pictures apart most, or a chosen one, the nine real pictures that
    excite it most, what in them does so (the deconvnet of Zeiler and Fergus 2014), and the picture that would excite
    it most of all. Of the generator: samples with one unit switched off, those first whose absence changes most.
    """
    from gan import deconvnet
    from gan import neurons as units
    from gan.looking import Found, open_run
    from pipeline.errors import UsageError

    if unit is not None and (layer is None or whose == "both"):
        raise UsageError("A unit is one of a layer and of one network: give --layer and --of as well.")
    if whose != "generator" and data is None:
        raise UsageError("What excites the discriminator is found among real pictures: give --data, or --of generator.")
    opened, choice = open_run(run, step), units.Choice(layer, unit, top)
    found: list[Found] = []
    if whose != "generator" and data is not None and not (whose == "both" and opened.options.recipe == "projected"):
        found += units.of_discriminator(opened, data, choice, most)
    if whose != "discriminator":
        found += units.of_generator(opened, choice)
    give(opened, found, out, as_json)
    if whose == "both" and opened.options.recipe == "projected":
        click.echo(deconvnet.NOT_PROJECTED, err=True)


@click.command(short_help="Rank the real pictures by their own discriminator, for cleaning.")
@click.option("--tail", default=48, show_default=True, type=click.IntRange(1, 1000), help="Pictures on each sheet.")
@data_option()
@run_options
def rank(run: Any, step: int | None, out: Path | None, as_json: bool, data: Reals, tail: int) -> None:
    """\b
    Examples:
      python -m gan rank --run runs/first --data pictures/
      python -m gan rank --run runs/first --data pictures/ --tail 200 -o ranked/

    Score every picture by the discriminator: scores.csv, lowest first, and a sheet of each end. The lowest are often
    bad crops and strangers; the highest hold oddities that it knows by heart. Both are worth a look, for cleaning.
    """
    from gan.looking import open_run
    from gan.ranking import rank as ranked

    opened = open_run(run, step)
    give(opened, ranked(opened, data, tail), out, as_json)


@click.command(short_help="The generator as ONNX and safetensors, with a model card.")
@run_options
def export(
    run: Any, step: int | None, out: Path | None, as_json: bool, origin: Origin | None = None
) -> None:
    """\b
    Examples:
      python -m gan export --run runs/first
      python -m gan export --run runs/first -o given-away/

    Write the averaged generator as generator.onnx, checked against the run's own pictures, and as
    generator.safetensors, with samples and a README.md as model hubs read it: what it was trained on, the licences
    of the pictures with their numbers, and a file of their credits. By default into the run's folder, export/.
    """
    from gan.export import export as exported
    from gan.looking import open_run
    from pipeline.storage import Root

    opened = open_run(run, step)
    made = exported(opened, origin)
    target = Root(out.expanduser().absolute()) if out else opened.out.sub("export")
    for file, data in made.files.items():
        target.commit(file, data)
    if as_json:
        facts = {"run": opened.out.url, "out": target.url, "files": list(made.files), "difference": made.difference}
        click.echo(json.dumps({"schema_version": 1, **facts}))
        return
    click.echo(f"{target.url}: {', '.join(made.files)}; ONNX draws the same pictures to {made.difference:.1e}")


LOOKS = (seeds, name, walk, mix, project, directions, neurons, rank, measure, export)
"""Every command that looks into a run, as `pipeline gan` has them as well."""
