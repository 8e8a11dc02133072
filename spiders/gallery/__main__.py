"""Run the practice gallery alone: `python -m spiders.gallery [FOLDER]`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import click

from pipeline.errors import PipelineError
from spiders.gallery.catalogue import Catalogue
from spiders.gallery.faults import Faults
from spiders.gallery.gallery import Gallery


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--port", default=8899, show_default=True, help="0 takes any free one.")
@click.option("--seed", default=0, show_default=True, help="Decides what is painted and which requests meet a fault.")
@click.option("--count", default=2000, show_default=True, help="Serve at most that many pictures.")
@click.option("--cache", type=click.Path(path_type=Path), default=Path("gallery-cache"), show_default=True,
              help="Where painted pictures are kept.")  # fmt: skip
@click.option(
    "--faces", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Photographs for portraits."
)
@click.option("--faults/--no-faults", default=True, show_default=True, help="Refuse a request now and then.")
def main(folder: Path | None, port: int, seed: int, count: int, cache: Path, faces: Path | None, faults: bool) -> None:
    """Serve the pictures of FOLDER, or painted ones, as a small WikiArt on this machine until Ctrl-C.

    \b
    python -m spiders.gallery --count 200
    python -m spiders.gallery ~/pictures --port 8899
    pipeline crawl wikiart --base-url http://127.0.0.1:8899
    """
    try:
        if folder:
            catalogue = Catalogue.from_folder(folder, count)
        else:
            catalogue, _ = Catalogue.painted(seed, count, cache, faces, _progress)
        with Gallery(catalogue, Faults.few(seed) if faults else Faults(), port) as gallery:
            click.echo(f"{len(catalogue.works):,} works at {gallery.url} (Ctrl-C stops)")
            threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("stopped")
    except PipelineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


def _progress(done: int, count: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\rpainting {done:,} of {count:,}", nl=done == count, err=True)


if __name__ == "__main__":
    main()
