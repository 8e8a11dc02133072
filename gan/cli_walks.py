"""The commands that move through the space of latents: seeds, name, walk, mix, project."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan.cli_common import data_option, give, run_options

if TYPE_CHECKING:
    from gan.looking import Opened, Reals
    from gan.sample import Pictures

_TEMPERATURE = click.option(
    "--temperature", default=1.0, show_default=True, type=click.FloatRange(0, 4),
    help="Below 1 nearer to the middle, safer and more alike (truncation); above 1 further out.",
)  # fmt: skip


@click.command(short_help="Samples with their numbers, to choose from.")
@click.option("--first", default=0, show_default=True, type=click.IntRange(0), help="Number of the first one.")
@click.option("--count", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@run_options
def seeds(run: Any, step: int | None, out: Path | None, as_json: bool, first: int, count: int) -> None:
    """\b
    Examples:
      python -m gan seeds --run runs/first
      python -m gan seeds --run runs/first --first 100 --count 400 -o more.png

    A sheet of samples with their numbers. The first ones are those of the run's sample grids, row by row.
    """
    from gan.looking import open_run
    from gan.mixes import numbered

    opened = open_run(run, step)
    give(opened, [numbered(opened, first, count)], out, as_json)


@click.command(short_help="Give samples a name, for walks and sums.")
@click.argument("name", required=False)
@click.option("--seeds", metavar="3,17,42", help="The samples, by number: three or more of a kind are best.")
@click.option("--run", required=True, metavar="RUN", help="The run folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def name(run: Any, name: str | None, seeds: str | None, as_json: bool) -> None:
    """\b
    Examples:
      python -m gan name --run runs/first --seeds 3,17,42 "smiling woman"
      python -m gan name --run runs/first

    Call some samples by a name, which then stands for their mean; without a name, list those given. They are kept
    in the run's folder, in names.json.
    """
    from gan.looking import open_run
    from gan.sums import Named, numbers
    from pipeline.errors import UsageError

    names = open_run(run).names
    if (name is None) != (seeds is None):
        raise UsageError('Give both, a name and its samples: name --seeds 3,17,42 "smiling woman".')
    if name is not None and seeds is not None:
        names.give(name, Named(seeds=tuple(numbers(seeds))))
    known = names.all()
    if as_json:
        said = {key: {"seeds": one.seeds} if one.seeds else {"latent": one.latent} for key, one in known.items()}
        click.echo(json.dumps({"schema_version": 1, "names": said}, ensure_ascii=False))
        return
    for key, one in known.items():
        click.echo(f"{key}: {', '.join(map(str, one.seeds)) or 'a picture that was found again'}")
    if not known:
        click.echo('No samples have names yet: name --seeds 3,17,42 "smiling woman".')


def _way(function: Any) -> Any:
    ways = ("spherical", "linear")
    return click.option("--way", default=ways[0], show_default=True, type=click.Choice(ways),
                        help="Along an arc, where all points are equally likely, or straight.")(function)  # fmt: skip


def _rows_by_columns(_ctx: object, _param: object, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,2})[x×](\d{1,2})", value)
    if not found or "0" in found.groups():
        raise click.BadParameter("write rows and columns, such as 2x4.")
    return int(found[1]), int(found[2])


@click.command(short_help="A film from sample to sample.")
@click.argument("points", nargs=-1)
@_way
@click.option("--loop", is_flag=True, help="Lead back to the first one: the film goes round.")
@click.option("--steps", default=24, show_default=True, type=click.IntRange(1), help="Pictures from one to the next.")
@click.option("--grid", metavar="2x4", callback=_rows_by_columns, help="So many walks at once, of samples by chance.")
@click.option("--first", default=0, show_default=True, type=click.IntRange(0), help="With --grid: its first sample.")
@click.option("--plane", metavar="SIDE", type=click.IntRange(2, 32), help="No film: a square between four points.")
@_TEMPERATURE
@run_options
def walk(
    run: Any, step: int | None, out: Path | None, as_json: bool, points: tuple[str, ...], way: Any, loop: bool,
    steps: int, grid: tuple[int, int] | None, first: int, plane: int | None, temperature: float,
) -> None:  # fmt: skip
    """\b
    Examples:
      python -m gan walk --run runs/first 3 17 42
      python -m gan walk --run runs/first --loop --steps 48 3 17 "smiling woman" -o walk.mp4
      python -m gan walk --run runs/first --grid 2x4 --loop
      python -m gan walk --run runs/first --plane 8 3 17 42 5 -o plane.png

    Walk from POINT to POINT, samples by number or by name: a film as MP4 and GIF, and a strip of nine pictures for
    each leg. Where a generator changes smoothly it has learned a space rather than a list. Without points, the
    first four samples.
    """
    from gan import walks
    from gan.looking import open_run

    opened = open_run(run, step)
    how = walks.Walk(way, steps, loop, temperature)
    stops = points or ("0", "1", "2", "3")
    if plane is not None:
        found = walks.plane(opened, stops, plane, how)
    elif grid is not None:
        found = walks.many(opened, *grid, first, how)
    else:
        found = walks.through(opened, stops, how)
    give(opened, [found], out, as_json)


@click.command(short_help="Add and subtract samples: smiling woman − neutral woman + neutral man.")
@click.argument("sum_", metavar="SUM")
@click.option("--seed", default=0, show_default=True, help="Other seeds give other neighbours.")
@_TEMPERATURE
@run_options
def mix(
    run: Any, step: int | None, out: Path | None, as_json: bool, sum_: str, seed: int, temperature: float
) -> None:
    """\b
    Examples:
      python -m gan mix --run runs/first "smiling woman - neutral woman + neutral man"
      python -m gan mix --run runs/first "3,17,42 - 5,8,13 + 40" -o sum.png

    Arithmetic on latents (Radford et al. 2015): each group is the mean of its samples, by number or by name; the
    result stands amid eight neighbours. Signs stand between spaces.
    """
    from gan.looking import open_run
    from gan.mixes import mix as mixed

    opened = open_run(run, step)
    give(opened, [mixed(opened, sum_, temperature, seed)], out, as_json)


@click.command(short_help="Find a real picture again among what the generator can draw.")
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...")
@click.option("--name", help="Keep what is found by this name, for walks and sums; of one picture.")
@click.option("--steps", default=300, show_default=True, type=click.IntRange(0), help="Steps of the search.")
@data_option(required=False)
@run_options
def project(
    run: Any, step: int | None, out: Path | None, as_json: bool, pictures: tuple[str, ...], name: str | None,
    steps: int, data: Reals | None,
) -> None:  # fmt: skip
    """\b
    Examples:
      python -m gan project --run runs/first photo.jpg
      python -m gan project --run runs/first photo.jpg --name "our rose" -o found.png

    Find the latent whose picture is nearest to a real one: from the best of 1,000 samples on, in pixels and in
    features. PICTURE is a file, or the beginning of the name of one of --data. Needs `pipeline models fetch`.
    """
    from gan.looking import open_run
    from gan.projection import found_again
    from pipeline.errors import UsageError

    if name is not None and len(pictures) > 1:
        raise UsageError("One name is for one picture: give the others names of their own, one by one.")
    opened = open_run(run, step)
    shown = [(called, _picture(called, opened, data)) for called in pictures]
    found = [found_again(opened, picture, Path(called).stem, name, steps) for called, picture in shown]
    give(opened, found, out, as_json)


def _picture(called: str, run: Opened, data: Reals | None) -> Pictures:
    """A picture by its file, or by the beginning of its name among the real ones."""
    from gan.data import load_one
    from pipeline.errors import UsageError

    if data is None or Path(called).is_file():
        return load_one(Path(called), run.options.size)
    images, names = data(run.options.size)
    among = [at for at, one in enumerate(names) if one.startswith(called)]
    if len(among) != 1:
        many = f"{len(among):,} begin so" if among else "none begins so, and there is no such file"
        raise UsageError(f"'{called}' names no picture here ({many}): give more of its name or id, or a file.")
    chosen: Pictures = images[among[0]]
    return chosen
