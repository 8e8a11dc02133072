"""Verbs that make things: run, ingest, demo, and each step alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from pipeline.errors import UsageError
from pipeline.verbs.common import Setting, common, machine

_UNTIL = click.option("--until", default="report", metavar="STEP",
                      help="Stop after crawl, measure, dedupe, shard, embed, cluster or train.")


@click.command("run")
@click.argument("manifest", type=click.Path())
@_UNTIL
@machine
@common
def run_(setting: Setting, manifest: str, until: str, scheduler: str | None, workers: int | None) -> None:
    """\b
    pipeline run manifests/skulls.yaml
    pipeline run manifests/skulls.yaml --until cluster --json

    Do everything MANIFEST asks for: crawl, measure, select, prepare, embed, cluster, train, report.
    A second run does only what is missing; a killed one goes on where it stopped.
    """
    from pipeline.manifest import load

    _do(setting, load(manifest), until, scheduler=scheduler, workers=workers)


@click.command("ingest")
@click.argument("manifest", type=click.Path())
@_UNTIL
@machine
@common
def ingest_(setting: Setting, manifest: str, until: str, scheduler: str | None, workers: int | None) -> None:
    """\b
    pipeline ingest manifests/skulls.yaml
    pipeline schedule manifests/skulls.yaml --at 02:00

    One night: ask every source for what is new, compare it with all that stands, assign it to the standing
    themes, and train on only where a theme grew. Exit code 5 when another run holds the lock.
    """
    from pipeline.manifest import load

    _do(setting, load(manifest), until, nightly=True, scheduler=scheduler, workers=workers)


@click.command("demo")
@click.option("--count", type=click.IntRange(min=60), default=None, help="Pictures in the gallery [2000].")
@click.option("--seed", type=int, default=None, help="Seed of the painted pictures [0].")
@_UNTIL
@machine
@common
def demo_(
    setting: Setting, count: int | None, seed: int | None, until: str, scheduler: str | None, workers: int | None
) -> None:
    """\b
    pipeline demo
    pipeline demo --count 400 --root /tmp/demo

    The whole job, offline: a practice gallery on this machine speaks WikiArt's formats and serves pictures it
    paints itself, with planted duplicates and faults; the pipeline crawls it, and says how many it caught.
    """
    from pipeline.demo import demo_manifest
    from pipeline.verbs.common import DEFAULT_ROOT

    if setting.root_url == DEFAULT_ROOT:
        setting.root_url = "wunderkammer-demo"
    _do(setting, demo_manifest(count, seed), until, scheduler=scheduler, workers=workers)


def _step(name: str, until: str, text: str) -> click.Command:
    """A verb that brings a corpus up to one step."""

    @click.command(name, help=text)
    @click.option("--corpus", default=None, metavar="NAME|MANIFEST", help="Which corpus [the only one, or the pool].")
    @machine
    @common
    def verb(setting: Setting, corpus: str | None, scheduler: str | None, workers: int | None) -> None:
        from pipeline.ingest import load_or_default

        _do(setting, load_or_default(setting.root, corpus), until, scheduler=scheduler, workers=workers)

    return verb


@click.command("measure")
@click.option("--hash", "hashing", type=click.Choice(["fast", "exact"]), default=None,
              help="fast: from a decode scaled in the DCT domain; exact: bit-equal to imagehash.phash [fast].")
@click.option("--corpus", default=None, metavar="NAME|MANIFEST", help="Which corpus [the only one, or the pool].")
@machine
@common
def measure_(
    setting: Setting, hashing: str | None, corpus: str | None, scheduler: str | None, workers: int | None
) -> None:
    """\b
    pipeline measure
    pipeline measure --hash exact

    Measure every original once: size, format, colour mode, orientation, profile, perceptual hash, brightness,
    contrast, sharpness. Damaged files get a reason.
    """
    from pipeline.ingest import load_or_default

    manifest = load_or_default(setting.root, corpus)
    if hashing is not None:
        manifest = manifest.model_copy(update={"measure": manifest.measure.model_copy(update={"hash": hashing})})
    _do(setting, manifest, "measure", scheduler=scheduler, workers=workers)


convert_ = _step("convert", "shard", "\b\npipeline convert\n\nUpright, ICC-aware sRGB, 8-bit RGB squares; aligned and "
                 "sharded in the same pass.")
align_ = _step("align", "shard", "\b\npipeline align\n\nFaces with both eyes on the manifest's two points; in the same "
               "pass as convert and shard.")
shard_ = _step("shard", "shard", "\b\npipeline shard\n\nWebDataset tars of the prepared pictures with a Parquet index, "
               "byte-identical for the same input.")
embed_ = _step("embed", "embed", "\b\npipeline embed\n\nPenultimate-layer features of a pretrained CNN for every "
               "prepared picture.")


@click.command("dedupe")
@click.option("--preset", type=click.Choice(["strict", "thorough"]), default=None, help="How duplicates are told.")
@click.option("--distance", type=click.IntRange(0, 14), default=None, help="Bits two hashes may differ in (strict).")
@click.option("--corpus", default=None, metavar="NAME|MANIFEST", help="Which corpus [the only one, or the pool].")
@machine
@common
def dedupe_(
    setting: Setting,
    preset: str | None,
    distance: int | None,
    corpus: str | None,
    scheduler: str | None,
    workers: int | None,
) -> None:
    """\b
    pipeline dedupe
    pipeline dedupe --preset strict --distance 8

    Judge every picture by the manifest's thresholds, then keep one of each group of duplicates: the largest,
    then the sharpest, and so on as the manifest says. `thorough` proves every duplicate by its pixels, whatever
    was cropped or turned; `strict` goes by the perceptual hash alone. A --distance alone asks for strict.
    """
    from pipeline.ingest import load_or_default

    manifest = load_or_default(setting.root, corpus)
    asked = {"preset": preset or (None if distance is None else "strict"), "distance": distance}
    chosen = {key: value for key, value in asked.items() if value is not None}
    manifest = manifest.model_copy(update={"dedupe": manifest.dedupe.model_copy(update=chosen)})
    _do(setting, manifest, "dedupe", scheduler=scheduler, workers=workers)


def _count(text: str) -> int | str:
    """A whole number of at least 1, or `auto`."""
    if text == "auto":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is neither auto nor a whole number of at least 1.")
    return int(text)


@click.command("cluster")
@click.option("--k", type=_count, default=None, metavar="N|auto", help="How many thematic folders, or auto [20].")
@click.option("--by", type=click.Choice(["subject", "style", "colour"]), default=None, help="What is alike [subject].")
@click.option("--method", type=click.Choice(["graph", "kmeans", "hdbscan"]), default=None, help="How to find [graph].")
@click.option("--levels", type=click.IntRange(1, 2), default=None, help="2 parts each theme again [1].")
@click.option("--min-size", type=click.IntRange(min=2), default=None, help="Least size, for auto and hdbscan [15].")
@click.option("--seed", type=int, default=None, help="Seed of the start [0].")
@click.option("--refit", is_flag=True, help="Find the themes anew; numbers and names go on by best overlap.")
@click.option("--corpus", default=None, metavar="NAME|MANIFEST", help="Which corpus [the only one, or the pool].")
@machine
@common
def cluster_(
    setting: Setting, corpus: str | None, refit: bool, scheduler: str | None, workers: int | None, **asked: Any
) -> None:
    """\b
    pipeline cluster --k 20
    pipeline cluster --k auto --by style --corpus wikiart
    pipeline cluster --refit

    Split the corpus into thematic folders of real files, a contact sheet each. The same input and seed give
    the same folders; pictures that come later join the themes that stand, or wait in `unsorted`.
    """
    from pipeline.ingest import load_or_default
    from pipeline.manifest import changed

    manifest = load_or_default(setting.root, corpus)
    chosen = {key: value for key, value in asked.items() if value is not None}
    manifest = manifest.model_copy(update={"cluster": changed(manifest.cluster, **chosen)})
    _do(setting, manifest, "cluster", scheduler=scheduler, workers=workers, refit=refit)


@click.command("train")
@click.option("--cluster", "clusters", type=int, multiple=True, help="Only this cluster; may be given again.")
@click.option("--all", "everything", is_flag=True, help="Every cluster that is large enough.")
@click.option("--kimg", type=float, default=None, help="Thousands of pictures to show each GAN.")
@click.option("--minutes", type=float, default=None, help="Minutes for each GAN.")
@click.option("--total-minutes", type=float, default=None, help="Minutes for all, shared out by size.")
@click.option("--min-pictures", type=click.IntRange(min=1), default=None, help="Refuse clusters under this size.")
@click.option("--size", type=click.Choice(["32", "64", "128"]), default=None, help="Side of the pictures [64].")
@click.option(
    "--recipe", type=click.Choice(["radford", "small", "projected"]), default=None, help="Networks and rules [radford]."
)
@click.option("--from", "start", metavar="RUN", help="Begin with the networks of this run, not of the base.")
@click.option("--scratch", is_flag=True, help="Begin from nothing, not from a base trained on all themes.")
@click.option("--patience", type=int, default=None, help="End when the distance did not fall in so many looks.")
@click.option("--width", type=int, default=None, help="Channels of the layer next to the picture [the recipe's].")
@click.option("--batch", type=int, default=None, help="Pictures in each update [the recipe's].")
@click.option("--seed", type=int, default=None, help="Seed of weights, noise and order [0].")
@click.option("--corpus", default=None, metavar="NAME|MANIFEST", help="Which corpus [the only one, or the pool].")
@machine
@common
def train_(
    setting: Setting, clusters: tuple[int, ...], everything: bool, start: str | None, scratch: bool,
    corpus: str | None, scheduler: str | None, workers: int | None, **asked: Any,
) -> None:
    """\b
    pipeline train --all --recipe small --kimg 200
    pipeline train --cluster 7 --minutes 30
    pipeline train --all --total-minutes 240 --scratch
    pipeline train --cluster 7 --from runs/paintings/04/00001-dcgan-64-seed0 --kimg 100

    Train a GAN on each thematic folder: sample grids, stats.jsonl, a timeline as GIF and MP4.
    With --all, one base is trained on all themes first, and each theme begins with its networks; --from
    takes those of any run of the same recipe, size and width, into a run of its own.
    A run that was stopped goes on; clusters under the minimum are refused with advice.
    """
    from pipeline.ingest import load_or_default
    from pipeline.manifest import changed

    if everything == bool(clusters):
        raise UsageError("Say what to train: --all, or --cluster N (`pipeline status` lists the clusters).")
    if start and scratch:
        raise UsageError("--from RUN begins with a run's networks, --scratch with none: leave one of them out.")
    manifest = load_or_default(setting.root, corpus)
    chosen = {key: int(value) if key == "size" else value for key, value in asked.items() if value is not None}
    if scratch:
        chosen["warm"] = False
    if chosen.keys() & {"kimg", "minutes", "total_minutes"}:
        chosen = {"kimg": None, "minutes": None, "total_minutes": None} | chosen
    manifest = manifest.model_copy(update={"train": changed(manifest.train, **chosen)})
    how: dict[str, Any] = {"clusters": list(clusters) or None, "scheduler": scheduler, "workers": workers}
    _do(setting, manifest, "train", start=start, **how)


def _do(setting: Setting, manifest: Any, until: str, **how: Any) -> None:
    """Run a job, or say what it would do, and print what came of it."""
    from pipeline import ingest

    job = ingest.Job(setting.root, manifest, until=ingest.step_named(until), echo=setting.echo, **how)
    if setting.dry_run:
        found = ingest.foresee(job)
        setting.data(found, "\n".join(f"{step:10} {text}" for step, text in found["would"].items()))
        return
    facts = ingest.run(job)
    setting.data(result(setting, facts), summary(setting, facts))


def result(setting: Setting, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The object that `--json` ends with."""
    root = setting.root
    trained = [run for run in facts["runs"] if run["path"]]
    return {
        **facts["counts"],
        "corpus": facts["corpus"],
        "edition": facts["edition"],
        "clusters": [{**cluster, "path": root.address(cluster["path"])} for cluster in facts["clusters"]],
        "runs": [{**run, "path": root.address(run["path"])} for run in trained],
        "refused": [run for run in facts["runs"] if not run["path"]],
        "demo": facts["demo"],
        "report": root.address(facts["report"]) if facts["report"] else None,
    }


def summary(setting: Setting, facts: Mapping[str, Any]) -> str:
    """The funnel, where things lie, and what to type next."""
    from pipeline.summary import funnel_text

    return funnel_text(setting.root, facts)
