"""Training: one GAN run per cluster, planned, resumed, and trained further where a theme grew."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from pipeline import membership
from pipeline.corpus import Corpus
from pipeline.errors import PartitionFailed, UsageError
from pipeline.manifest import Train
from pipeline.stage import digest
from pipeline.storage import Root

_TOO_FEW = "too few pictures"
_SHAPING = {"recipe", "size", "width", "kernel", "batch", "seed"}
BASE = -1  # in place of a cluster's number
BASE_SHARE = 0.25  # of total_minutes


@dataclass(frozen=True)
class RunTask:
    """One run to train or train further: where its pictures and its folder lie, and up to what budget."""

    root: str
    cluster: int
    name: str
    pictures: str
    members: int
    run: str
    kimg: float | None
    minutes: float | None
    options: Mapping[str, Any]
    more: tuple[str, ...] = ()
    """Folders of more pictures: the base has those of all clusters."""
    start: str | None = None
    """Where the run lies whose networks a fresh run begins with, if it has been trained."""

    @property
    def label(self) -> str:
        """What people call it."""
        return "the base" if self.cluster == BASE else f"cluster {self.cluster:02d} ({self.name})"


@dataclass
class Plan:
    """What training will do: runs to train, facts of runs that are finished, clusters refused with advice."""

    tasks: list[RunTask]
    finished: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    base: RunTask | None = None
    """One run on the whole corpus, to be trained before the others, which begin with its networks."""


def plan(
    corpus: Corpus, clusters: Sequence[Mapping[str, Any]], workers: int, whole: bool = True, start: str | None = None
) -> Plan:
    """Decide for each cluster whether its run starts, goes on, or is done. Starts nothing.

    With `whole`, these are all clusters, and a base is trained first for those that start (`train.warm`); without,
    they begin from the base that stands, if any. With `start`, a run's folder at the root or anywhere else, they
    begin with its networks instead, in runs of their own. Raises UsageError when there is no such run.
    """
    made = Plan([], [], [])
    options = corpus.manifest.train
    start = start and _trained_run(corpus.root, start)
    if options.total_minutes is not None and whole and options.warm and start is None:
        # A quarter of the time for the base. Where it stands already, the rest is not stretched: the same every time.
        options = options.model_copy(update={"total_minutes": options.total_minutes * (1 - BASE_SHARE)})
    able = [c for c in clusters if c["size"] >= options.min_pictures]
    made.refused.extend(_refusal(c, options) for c in clusters if c["size"] < options.min_pictures)
    everything = sum(c["size"] for c in able)
    for cluster in able:
        share = cluster["size"] / everything
        minutes = options.minutes
        if options.total_minutes is not None:
            minutes = min(options.total_minutes * share * workers, options.total_minutes)
        _plan_run(corpus, cluster, options, minutes, made, start)
    if options.warm and start is None:
        _plan_base(corpus, clusters, whole, made)
    return made


def _trained_run(root: Root, given: str) -> str:
    """Where the run lies that is meant by a folder below the root, or anywhere else."""
    for run in (root.sub(given.removeprefix(root.url).strip("/")), Root(given)):
        if run.names("", ".safetensors"):
            return run.url
    raise UsageError(
        f"There is no trained run {given}, at {root.url} or elsewhere: name a folder such as runs/NAME/07/00001-…, "
        "or one that `python -m gan train` made."
    )


def _plan_base(corpus: Corpus, clusters: Sequence[Mapping[str, Any]], whole: bool, made: Plan) -> None:
    """Let the runs begin from the base; train it first when several have not begun, and it is not there."""
    options, root = corpus.manifest.train, corpus.root
    fixed = options.model_dump(mode="json", include=_SHAPING)
    run = f"{corpus.folders['runs']}/base/{digest('base', 1, fixed, [corpus.digests['prepared']])}"
    made.tasks = [replace(task, start=root.sub(run).url) for task in made.tasks]
    fresh = [task for task in made.tasks if not root.names(task.run, ".safetensors")]
    if not whole or len(fresh) < 2 or root.exists(f"{run}/done.json"):
        return
    kimg, minutes = options.base_kimg or options.kimg, None if options.base_kimg else options.minutes
    if options.total_minutes is not None and options.base_kimg is None:
        minutes = options.total_minutes * BASE_SHARE
    first, *others = [str(cluster["path"]) for cluster in clusters]
    ids = {picture for folder in (first, *others) for picture in membership.members(root, folder)}
    membership.remember(root, run, ids.union(membership.trained_on(root, run)), corpus.partitions())
    members = sum(int(cluster["size"]) for cluster in clusters)
    made.base = RunTask(
        root=root.url, cluster=BASE, name="all themes", pictures=first, members=members, run=run, kimg=kimg,
        minutes=minutes, options=options.model_dump(mode="json"), more=tuple(others),
    )


def _refusal(cluster: Mapping[str, Any], options: Train) -> dict[str, Any]:
    return {
        "cluster": cluster["id"], "path": None, "kimg": 0.0, "pictures": cluster["size"], "status": _TOO_FEW,
        "advice": f"cluster {cluster['id']:02d} ({cluster['name']}) has {cluster['size']} pictures of the "
        f"{options.min_pictures} a GAN needs: gather more, ask for fewer clusters, or lower train.min_pictures",
    }


def _plan_run(
    corpus: Corpus, cluster: Mapping[str, Any], options: Train, minutes: float | None, made: Plan, start: str | None
) -> None:
    ids = membership.members(corpus.root, cluster["path"])
    run = _run_folder(corpus, int(cluster["id"]), options, ids, start)
    done_path = f"{run}/done.json"
    done = json.loads(corpus.root.read(done_path)) if corpus.root.exists(done_path) else None
    kimg = options.kimg
    if done is not None and not _refused_otherwise(done, cluster, options):
        reached = done["asked"] == _asked(options)
        grown = cluster["size"] >= done["pictures"] * (1 + options.grow)
        if reached and not grown:
            facts = _facts(done, run, int(cluster["id"]))
            (made.finished if facts["path"] else made.refused).append(facts)
            return
        if reached:
            kimg, minutes = done["kimg"] + options.grow_kimg, None
    membership.remember(corpus.root, run, ids, corpus.partitions())
    made.tasks.append(
        RunTask(
            root=corpus.root.url, cluster=int(cluster["id"]), name=cluster["name"], pictures=cluster["path"],
            members=cluster["size"], run=run, kimg=kimg, minutes=minutes, options=options.model_dump(mode="json"),
            start=start,
        )
    )


def _refused_otherwise(done: Mapping[str, Any], cluster: Mapping[str, Any], options: Train) -> bool:
    """Whether a run that was refused for too few different pictures may be tried anew."""
    judged = (done["pictures"], done.get("min_pictures"))
    return done["status"] == _TOO_FEW and judged != (cluster["size"], options.min_pictures)


def _asked(options: Train) -> dict[str, Any]:
    return options.model_dump(mode="json", include={"kimg", "minutes", "total_minutes", "patience"})


def _run_folder(corpus: Corpus, cluster: int, options: Train, ids: Sequence[str], start: str | None) -> str:
    """The folder of the run of these options on this cluster of `ids`: the one that stands, or a new one, claimed."""
    base = f"{corpus.folders['runs']}/{cluster:02d}"
    fixed = options.model_dump(mode="json", include=_SHAPING | {"warm"}) | ({"from": start} if start else {})
    key = digest("run", 1, fixed, [corpus.digests["clustered"]])
    standing = corpus.root.folders(base)
    for name in reversed(standing):
        if corpus.root.exists(f"{base}/{name}/run.json"):
            facts = json.loads(corpus.root.read(f"{base}/{name}/run.json"))
            if facts["key"] == key and membership.fits(corpus.root, f"{base}/{name}", ids):
                return f"{base}/{name}"
    number = max((int(name.split("-")[0]) for name in standing if name[:5].isdigit()), default=0) + 1
    name = f"{number:05d}-dcgan-{options.size}-seed{options.seed}"
    facts = {"key": key, "corpus": corpus.name, "cluster": cluster, "clustered": corpus.digests["clustered"]}
    corpus.root.claim(f"{base}/{name}/run.json", json.dumps(facts).encode())
    return f"{base}/{name}"


# what a worker does


def train_cluster(task: RunTask) -> dict[str, Any]:
    """Train one run up to its budget, resuming where it stopped; returns its facts, also kept in `done.json`."""
    from gan.options import TrainOptions
    from gan.train import TooFewPictures, train

    root = Root(task.root)
    options = Train.model_validate(task.options)
    folders = [f"{folder}/images" for folder in (task.pictures, *task.more)]
    images = np.concatenate([load_pictures(root, folder, options.size) for folder in folders])
    asked = options.model_dump(include=_SHAPING | {"patience", "min_pictures"}, exclude_none=True)
    chosen = TrainOptions(**asked, kimg=task.kimg, minutes=task.minutes)
    facts: dict[str, Any] = {
        "pictures": len(images), "asked": _asked(options), "min_pictures": options.min_pictures
    }
    start = Root(task.start) if task.start else None
    begun = start if start and start.names("", ".safetensors") else None
    try:
        done = train(images, root.sub(task.run), chosen, start=begun)
        facts |= {"status": done.status, "kimg": done.kimg, "images_per_second": done.images_per_second}
    except TooFewPictures as error:
        advice = f"{task.label}: {error}"
        facts |= {"status": _TOO_FEW, "kimg": 0.0, "images_per_second": 0.0, "advice": advice}
    root.commit(f"{task.run}/done.json", json.dumps(facts).encode())
    return _facts(facts, task.run, task.cluster)


def _facts(done: Mapping[str, Any], run: str, cluster: int) -> dict[str, Any]:
    """What an edition says of a run that is done; a refused one has no path."""
    return {**done, "path": None if done["status"] == _TOO_FEW else run, "cluster": cluster}


def load_pictures(root: Root, folder: str, size: int) -> np.ndarray:
    """The pictures of a thematic folder as uint8 (n, size, size, 3), in the order of their names."""
    names = root.names(folder)
    images = np.empty((len(names), size, size, 3), np.uint8)
    for start in range(0, len(names), 512):
        chunk = names[start : start + 512]
        for index, data in enumerate(root.read_many([f"{folder}/{name}" for name in chunk]), start):
            picture = Image.open(io.BytesIO(data)).convert("RGB")
            if picture.size != (size, size):
                picture = picture.resize((size, size), Image.Resampling.LANCZOS)
            images[index] = np.asarray(picture)
    return images


def rescue(task: RunTask) -> dict[str, Any]:
    """A run whose worker died keeps its last state. Raises PartitionFailed saying how to go on."""
    raise PartitionFailed(
        f"The worker that trained {task.label} died: run the same command again, "
        f"it goes on from the last state in {task.run}."
    )
