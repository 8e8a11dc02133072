"""Verbs that gather pictures: crawl and import."""

from __future__ import annotations

from typing import Any

import click

from pipeline.verbs.common import Setting, common


@click.command("crawl")
@click.argument("source")
@click.option("--style", default=None, help="WikiArt: one style, such as cubism.")
@click.option("--genre", default=None, help="WikiArt: one genre, such as landscape.")
@click.option("--artist", default=None, help="WikiArt: one artist, such as thomas-cole.")
@click.option("--tag", default=None, help="Instagram: one hashtag.")
@click.option("--query", default=None, help="Web search: what to look for.")
@click.option("--details/--no-details", default=True, help="Ask for each work's styles, genres and tags [yes].")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="At most so many pictures.")
@click.option("--base-url", default=None, metavar="URL", help="A mirror or practice gallery instead of the site.")
@common
def crawl_(setting: Setting, source: str, details: bool, **asked: Any) -> None:
    """\b
    pipeline crawl wikiart --style cubism --limit 500
    pipeline crawl wikiart --artist claude-monet
    pipeline crawl wikiart --base-url http://127.0.0.1:8899     (see `pipeline gallery`)

    Fetch pictures from SOURCE. Originals are kept byte-exact with their provenance; a picture that could not be
    fetched is a row with a reason. A second crawl fetches only what is new.
    """
    spec = {"crawl": source, **{key: value for key, value in asked.items() if value is not None}}
    if not details:
        spec["details"] = "no"
    _gather(setting, spec)


@click.command("import")
@click.argument("kind")
@click.argument("path", type=click.Path())
@click.option("--every", type=float, default=None, metavar="SECONDS", help="Films: from one frame to the next [1].")
@click.option("--scenes", is_flag=True, help="Films: the first frame of each scene instead.")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="At most so many pictures.")
@common
def import_(setting: Setting, kind: str, path: str, scenes: bool, **asked: Any) -> None:
    """\b
    pipeline import folder ~/pictures/skulls
    pipeline import mnist ~/mnist --root s3://bucket/corpus
    pipeline import video ~/films --every 5

    Take in pictures that are on disk. KIND is folder, imagefolder, painter-by-numbers, mnist, webdataset,
    instaloader, gallery-dl or video; what is known of the pictures (title, artist, style, genre, year, …) comes
    along. A second import takes only what is new.
    """
    chosen = {key: value for key, value in asked.items() if value is not None}
    _gather(setting, {"import": kind, "path": path, **chosen, **({"scenes": "yes"} if scenes else {})})


def _gather(setting: Setting, spec: dict[str, Any]) -> None:
    from pipeline import sources

    sources.check(spec)
    if setting.dry_run:
        setting.data({"would": spec}, f"Would take in {spec} as partitions {sources.prefix(spec)}-….")
        return
    with setting.root.lock(f"source-{sources.prefix(spec)}"):
        found, _ = sources.take_in(spec, setting.root, setting.echo)
    setting.data(found)
    setting.echo("Next: `pipeline cluster --k 20`, or `pipeline status` to see what stands.")
