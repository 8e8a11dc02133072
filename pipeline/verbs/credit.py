"""The verb that writes the credits of a corpus: attribution."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.errors import NoSpace, UsageError
from pipeline.verbs.common import Setting, common


@click.command("attribution")
@click.option("--corpus", default=None, help="Which corpus [the only one].")
@click.option("-o", "--out", default=None, type=click.Path(dir_okay=False), help="Write to this file [the terminal].")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "html", "csv", "json", "txt"]),
    default=None,
    help="What to write [by the ending of --out, else md].",
)
@click.option(
    "--license",
    "license_",
    default="any",
    metavar="LICENCES",
    help="Only pictures under these licences, such as cc0,cc-by,public-domain [any].",
)
@common
def attribution_(setting: Setting, corpus: str | None, out: str | None, form: str | None, license_: str) -> None:
    """\b
    pipeline attribution
    pipeline attribution --corpus skulls -o CREDITS.html
    pipeline attribution --license cc-by,cc-by-sa --format csv

    The credits of a corpus: a line for each picture that was kept, with title, creator, year, the page it was seen
    on and its licence with its address, and what was changed. A picture of several sources is credited to each.
    """
    from pipeline import attribution, licences
    from pipeline.corpus import newest

    chosen = licences.wanted(license_)
    ending = Path(out).suffix.lower().lstrip(".") if out else "md"
    form = form or {"htm": "html", "markdown": "md"}.get(ending, ending)
    if form not in attribution.FORMATS:
        raise UsageError(f"Nothing writes .{ending}: choose with --format {', '.join(attribution.FORMATS)}.")
    edition = newest(setting.root, corpus)
    found = attribution.credits(setting.root, edition, chosen)
    text = attribution.written(found, edition, "json" if setting.json and not out else form)
    if out is None:
        click.echo(text, nl=False)
        return
    if not setting.dry_run:
        _write(Path(out), text)
    setting.data(
        {"file": out, "credits": len(found), "format": form},
        f"{'Would write' if setting.dry_run else 'Wrote'} {len(found):,} credits of {edition['corpus']} to {out}.",
    )
    if not found:
        setting.echo("No picture of the corpus is under such a licence.")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        kind = NoSpace if error.errno == 28 else UsageError
        raise kind(f"{path} cannot be written ({error.strerror}): choose another file.") from None
