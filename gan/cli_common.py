"""What the commands that look into a run share: their options, and how they say what they made."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gan.looking import Found, Opened

_LONG = ("latent", "vectors", "ids", "scores")  # in the file beside a picture, not on the terminal


class Pictures(click.ParamType[Any]):
    """A folder, tar or zip, as a function that loads its pictures at a size, with their names."""

    name = "DIR|TAR|ZIP"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The function; nothing is read before it is called."""

        def load(size: int) -> tuple[Any, list[str]]:
            from gan.data import load as load_all

            found = load_all(value, size)
            return found.images, found.names

        return load


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --run, --step, -o and --json."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("-o", "--out", type=Path, metavar="PATH", help="Write here, not into the run's folder."),
        click.option("--step", type=int, help="Thousands of pictures shown of the state to take.  [default: newest]"),
        click.option("--run", required=True, metavar="RUN", help="The run folder."),
    ):
        function = option(function)
    return function


def data_option(required: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --data."""
    return click.option("--data", required=required, type=Pictures(), help="The pictures it was trained on.")


def give(run: Opened, found: Sequence[Found], out: Path | None, as_json: bool) -> None:
    """Write what was found, into the run's folder or to `out`, a file or a folder; say where, and what it shows."""
    written = [_write(run, one, out, len(found) == 1) for one in found]
    if as_json:
        looks = [
            {"files": files, **{key: value for key, value in one.about.items() if key not in _LONG}}
            for one, files in zip(found, written, strict=True)
        ]
        click.echo(json.dumps({"schema_version": 1, "run": run.out.url, "looks": looks}, ensure_ascii=False))
        return
    for one, files in zip(found, written, strict=True):
        facts = [f"{key.replace('_', ' ')} {value}" for key, value in one.about.items() if _short(key, value)]
        click.echo(f"{' '.join(files)}\n  {one.about['caption']}; {', '.join(facts)}")


def _short(key: str, value: object) -> bool:
    return key != "caption" and isinstance(value, str | int | float)


def _write(run: Opened, one: Found, out: Path | None, alone: bool) -> list[str]:
    from pipeline.storage import Root

    if out is None:
        return [run.out.address(file) for file in one.put(run.out)]
    if out.suffix and alone:
        return one.put_as(out)
    return [str(out / file) for file in one.put_flat(Root(out.expanduser().absolute()))]
