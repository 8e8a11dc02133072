"""The verb that gives thematic folders to other trainers: export."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.verbs.common import Setting, common


@click.command("export")
@click.argument("form", type=click.Choice(["webdataset", "huggingface", "stylegan", "kohya"]), metavar="FORMAT")
@click.option("-o", "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Write here.")
@click.option("--corpus", default=None, help="Which corpus [the only one].")
@click.option("--cluster", "clusters", multiple=True, type=click.IntRange(min=0), help="Only this theme; repeatable.")
@click.option(
    "--license", "license_", default="any", metavar="LICENCES",
    help="Only pictures under these licences, such as cc0,cc-by,public-domain [any].",
)  # fmt: skip
@common
def export_(
    setting: Setting, form: str, out: Path, corpus: str | None, clusters: tuple[int, ...], license_: str
) -> None:
    """\b
    pipeline export stylegan -o skulls-stylegan
    pipeline export huggingface --license cc0,public-domain -o skulls-open
    pipeline export kohya --cluster 3 -o vanitas
    pipeline export webdataset -o skulls-tars

    The thematic folders for other trainers, as squares of the corpus's size, with a card and the credits:
    webdataset (tars), huggingface (ImageFolder with metadata.jsonl and Croissant), stylegan (the zip of
    StyleGAN2-ADA and StyleGAN3, themes as classes) or kohya (captions and dataset.toml). Run again, it brings
    the folder up to date, and takes out what was taken down.
    """
    from pipeline import licences
    from pipeline.corpus import newest
    from pipeline.export import samples, writing

    edition = newest(setting.root, corpus)
    found = samples.chosen(setting.root, edition, clusters, licences.wanted(license_))
    themes = len({one.theme.number for one in found})
    what = f"{len(found):,} pictures in {themes} thematic folder{'s' if themes > 1 else ''} of {edition['corpus']}"
    if not setting.dry_run:
        writing.write(setting.root, edition, found, form, out)
    setting.data(
        {"out": str(out), "format": form, "pictures": len(found), "themes": themes},
        f"{'Would write' if setting.dry_run else 'Wrote'} {what} to {out}.",
    )
