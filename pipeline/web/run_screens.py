"""The screens of the GANs: all runs, the training of one, a look into its latent space."""

from __future__ import annotations

from pipeline.web.facts import Facts
from pipeline.web.looks import SHELVES
from pipeline.web.runs import Run, read_runs
from pipeline.web.screens import Screen

_LATENT = ("walks", "directions", "mix", "project", "neurons")


def runs(facts: Facts) -> Screen:
    """Every run with its newest samples, and why a theme has none."""
    found, files = read_runs(facts.root, facts.edition)
    shown = {run.snapshots[-1].address for run in found if run.snapshots}
    advice = {run.cluster: None if run.path else run.advice for run in found}
    trained = {run.cluster for run in found if run.path}
    waiting = [(one, advice.get(one.id)) for one in facts.clusters if one.id not in trained]
    about = {"runs": found, "waiting": waiting}
    return Screen("runs.html", "runs.html", about, files={name: path for name, path in files.items() if name in shown})


def run(facts: Facts, number: int) -> Screen | None:
    """One training: samples by step, real pictures, curves, warnings, what the discriminator thinks of the pictures."""
    found, files = _one(facts, number)
    if found is None:
        return None
    return Screen(f"runs/{number:02d}.html", "run.html", {"run": found, "shelves": SHELVES}, files=files)


def latent(facts: Facts, number: int) -> Screen | None:
    """Walks, arithmetic, directions and neurons of one generator."""
    found, files = _one(facts, number)
    if found is None:
        return None
    about = {"run": found, "shelves": SHELVES, "here": [shelf for shelf in _LATENT if shelf in found.looks]}
    shown = {look.address for shelf in _LATENT for look in found.looks.get(shelf, ())}
    shown |= {found.snapshots[-1].address} if found.snapshots else set()
    return Screen(f"latent/{number:02d}.html", "latent.html", about,
                  files={name: path for name, path in files.items() if name in shown})


def numbers(facts: Facts) -> list[int]:
    """The themes that have a GAN."""
    return [int(run["cluster"]) for run in facts.edition.get("runs") or [] if run.get("path")]


def _one(facts: Facts, number: int) -> tuple[Run | None, dict[str, str]]:
    mine = [run for run in facts.edition.get("runs") or [] if run["cluster"] == number and run.get("path")]
    found, files = read_runs(facts.root, {**facts.edition, "runs": mine})
    return (found[0], files) if found else (None, {})


def files(facts: Facts) -> dict[str, str]:
    """Every file of a run that a page shows: path below the root by name."""
    return read_runs(facts.root, facts.edition)[1]
