"""The whole job: crawl, measure, select, prepare, embed, cluster, train, report; each step only what is missing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import aligned, models, rescues, sources, training
from pipeline.corpus import CORPUS_TABLES, Corpus, add_edition, edition, editions
from pipeline.edition import STEP_OF, funnel, score_plants, totals, versions
from pipeline.errors import PipelineError, SourceRefused, TooManyRejects, UsageError
from pipeline.fitting import ask_refit, fit_themes, refit_in_words
from pipeline.folds import expand, select
from pipeline.manifest import Align, Manifest, changed
from pipeline.people import group_people
from pipeline.rescues import Rescue
from pipeline.runner import Runner, Summary, Task
from pipeline.stage import digest
from pipeline.stages.identify import ready
from pipeline.storage import Root
from pipeline.themes import build_folders, shows_left_out

STEPS = ("crawl", "measure", "dedupe", "shard", "embed", "cluster", "train", "report")
SYNONYMS = {"select": "dedupe", "faces": "measure", "convert": "shard", "align": "shard", "prepare": "shard"}
Echo = Callable[[str], None]


@dataclass
class Job:
    """What to do, where, and with what machine. `until` is the last step; `nightly` looks for what is new."""

    root: Root
    manifest: Manifest
    until: str = "report"
    nightly: bool = False
    refit: bool = False
    scheduler: str | None = None
    workers: int | None = None
    clusters: Sequence[int] | None = None
    start: str | None = None
    command: Sequence[str] = field(default_factory=lambda: list(sys.argv[1:]))
    echo: Echo = print

    def wants(self, step: str) -> bool:
        """Whether `step` is among those to do."""
        return STEPS.index(step) <= STEPS.index(self.until)


def step_named(name: str) -> str:
    """The step that `--until NAME` means. Raises UsageError for an unknown one."""
    step = SYNONYMS.get(name, name)
    if step not in STEPS:
        raise UsageError(f"There is no step '{name}': choose one of {', '.join(STEPS)}.")
    return step


def run(job: Job) -> dict[str, Any]:
    """Do the whole job and return the facts of the edition; holds the corpus's lock meanwhile.

    Raises LockHeld when another run holds it, and what the steps raise.
    """
    with job.root.lock(f"corpus-{job.manifest.corpus}"):
        job.root.sweep()
        return _run(job)


def _run(job: Job) -> dict[str, Any]:
    for note in job.manifest.notes:
        job.echo(f"Note: {note}.")
    seconds: dict[str, float] = {}
    refused, demo = _crawl_sources(job, seconds)
    if job.refit:
        ask_refit(open_corpus(job))
    corpus = open_corpus(job)
    if not corpus.partitions():
        if refused:
            raise refused
        raise UsageError(f"Corpus {corpus.name} has no pictures yet: crawl or import some first.")
    runs: list[dict[str, Any]] = []
    clusters: list[dict[str, Any]] = []
    with Runner(job.scheduler, job.workers) as runner:
        before = edition(job.root, corpus.name)
        changed = _pictures(job, corpus, runner, seconds)
        rescue = _rescue(job, corpus, runner)
        shown = rescue.shown if rescue else corpus
        if job.wants("cluster"):
            try:
                clusters, themed = _themes(job, corpus, rescue, runner, seconds, before, changed)
            except UsageError:
                if changed or before is None:  # what `pipeline rejects` is to explain
                    _edition(replace(job, until="embed"), shown, seconds, [], [], before, demo, changed)
                raise
            changed |= themed
        if job.wants("train"):
            runs, trained = _train(job, shown, runner, clusters, seconds, before)
            changed |= trained
    facts = _edition(job, shown, seconds, clusters, runs, before, demo, changed)
    if refused:
        raise refused
    _judge_run(job.manifest, facts)
    return facts


def open_corpus(job: Job) -> Corpus:
    """The corpus of the job's manifest: its partitions are those of its sources, or the whole pool."""
    prefixes = tuple(sorted({sources.prefix(source) for source in job.manifest.sources})) or ("",)
    before = edition(job.root, job.manifest.corpus)
    origin = prefixes
    if before and set(before["prefixes"]) <= set(prefixes):
        origin = tuple(before["origin"])
    elif before:
        origin = (*prefixes, f"after edition {before['edition']}")
    return Corpus(job.root, job.manifest, prefixes, origin)


# crawling


def _crawl_sources(job: Job, seconds: dict[str, float]) -> tuple[SourceRefused | None, dict[str, Any] | None]:
    """Crawl or import every source not taken in yet; all of them when nightly.

    Returns the last refusal (other sources go on) and the truth of a practice gallery's plants, if one was asked.
    """
    for source in job.manifest.sources:
        sources.check(source)
    refused: SourceRefused | None = None
    truth: dict[str, Any] | None = None
    for source in job.manifest.sources:
        marker = f"corpora/{job.manifest.corpus}/sources/{digest('source', 1, source)}.json"
        standing = json.loads(job.root.read(marker)) if job.root.exists(marker) else None
        if standing and not job.nightly:
            truth = truth or standing["truth"]
            continue
        started = time.monotonic()
        try:
            summary, planted = sources.take_in(source, job.root, job.echo)
        except SourceRefused as error:
            job.echo(f"{error}")
            refused = error
            continue
        truth = truth or planted
        seconds["crawl"] = seconds.get("crawl", 0.0) + time.monotonic() - started
        job.root.commit(marker, json.dumps({"source": source, "summary": summary, "truth": planted}).encode())
    return refused, truth


# pictures


def _pictures(job: Job, corpus: Corpus, runner: Runner, seconds: dict[str, float]) -> bool:
    """Measure, select, prepare and embed what is missing; whether anything was."""
    changed = False
    if job.wants("measure"):
        changed |= _map(job, corpus, runner, "measured", corpus.manifest.measuring, seconds)
        if corpus.manifest.align is not None or corpus.manifest.people is not None:
            changed |= _map(job, corpus, runner, "faces", {}, seconds)
        if corpus.manifest.people is not None:
            changed |= identify(job, corpus, runner, seconds)
    if job.wants("dedupe"):
        if corpus.manifest.dedupe.preset == "thorough":
            changed |= _map(job, corpus, runner, "sketched", {}, seconds)
        changed |= _select(job, corpus, runner, seconds)
    if job.wants("shard"):
        if "expanded" in corpus.chain:
            changed |= _expand(job, corpus, seconds)
        changed |= _map(job, corpus, runner, "prepared", _preparing(corpus, corpus.manifest.align), seconds)
    if job.wants("embed"):
        changed |= _map(job, corpus, runner, "embedded", corpus.manifest.describing, seconds)
    return changed


def _preparing(corpus: Corpus, align: Align | None) -> dict[str, Any]:
    m = corpus.manifest
    return {
        "convert": m.convert.model_dump(mode="json"), "align": align.model_dump(mode="json") if align else None,
        "shard": m.shard.model_dump(mode="json"), "left_out": dict(corpus.withdrawn),
    }  # fmt: skip


def _rescue(job: Job, corpus: Corpus, runner: Runner) -> Rescue | None:
    """Prepare and embed what people rescued, by itself, and lay it among the others."""
    found = rescues.find(corpus) if job.wants("dedupe") else None
    if found is None:
        return None
    job.echo(f"rescued  {len(found.rows)} pictures that people want kept")
    found.begin()
    if job.wants("shard"):
        align = corpus.manifest.align
        _map(job, found.delta, runner, "prepared", _preparing(corpus, rescues.unlimited(align) if align else None), {})
        for table in corpus.chain[1 : corpus.chain.index("embedded")]:
            found.lay(table)
    if job.wants("embed"):
        _map(job, found.delta, runner, "embedded", corpus.manifest.describing, {})
        found.lay("embedded")
    return found


def _select(job: Job, corpus: Corpus, runner: Runner, seconds: dict[str, float]) -> bool:
    started = time.monotonic()
    summaries = select(corpus, runner)
    _say(job.echo, "dedupe", summaries, len(summaries), time.monotonic() - started)
    if summaries:
        seconds["dedupe"] = time.monotonic() - started
    return bool(summaries)


def identify_now(job: Job) -> None:
    """Tell whose every face of the corpus is, whatever its manifest says. Raises LockHeld as `run` does."""
    with job.root.lock(f"corpus-{job.manifest.corpus}"), Runner(job.scheduler, job.workers) as runner:
        corpus = open_corpus(job)
        _map(job, corpus, runner, "measured", corpus.manifest.measuring, {})
        identify(job, corpus, runner, {})


def identify(job: Job, corpus: Corpus, runner: Runner, seconds: dict[str, float]) -> bool:
    """Tell whose every face is that has no person yet; whether there was any."""
    if not corpus.todo("people"):
        return False
    ready()
    _map(job, corpus, runner, "faces", {}, seconds)
    _map(job, corpus, runner, "identified", {}, seconds)
    started = time.monotonic()
    faces = group_people(corpus)
    seconds["people"] = time.monotonic() - started
    job.echo(f"people   {faces:,} faces given to persons, see `pipeline people --corpus {corpus.name}`")
    return True


def _expand(job: Job, corpus: Corpus, seconds: dict[str, float]) -> bool:
    started = time.monotonic()
    summaries = expand(corpus)
    _say(job.echo, "expand", summaries, len(summaries), time.monotonic() - started)
    seconds |= {"expand": time.monotonic() - started} if summaries else {}
    return bool(summaries)


def _map(
    job: Job,
    corpus: Corpus,
    runner: Runner,
    table: str,
    options: Mapping[str, Any],
    seconds: dict[str, float],
    arrays: Mapping[str, str] | None = None,
) -> bool:
    """Run one map stage over the partitions it lacks, with a line of progress now and then."""
    todo = corpus.todo(table)
    folders = _folders(corpus, table)
    tasks = [Task(table, name, corpus.root.url, folders, dict(options), dict(arrays or {})) for name in todo]
    step, started, said = STEP_OF[table], time.monotonic(), time.monotonic()
    done: list[Summary] = []
    for summary in runner.run(tasks):
        done.append(summary)
        if time.monotonic() - said > 5 or len(done) == len(tasks):
            _say(job.echo, step, done, len(tasks), time.monotonic() - started)
            said = time.monotonic()
    if done:
        seconds[step] = time.monotonic() - started
    return bool(done)


def _folders(corpus: Corpus, table: str) -> dict[str, str]:
    """The folders that a stage reads and writes, without what it could read and must not."""
    without = set()
    if table == "prepared":
        without = {"crawled", "selected", "faces"} if "expanded" in corpus.chain else {"expanded"}
        without |= set() if corpus.manifest.align else {"faces"}
    if table == "embedded" and (corpus.manifest.align or corpus.manifest.embed.pictures == "prepared"):
        without = {"crawled"}
    return {name: folder for name, folder in corpus.folders.items() if name not in without}


def _say(echo: Echo, step: str, done: Sequence[Summary], total: int, elapsed: float) -> None:
    if not done:
        return
    rows = sum(summary.rows for summary in done)
    rejected: dict[str, int] = {}
    for summary in done:
        for reason, count in summary.rejected.items():
            rejected[reason] = rejected.get(reason, 0) + count
    worst = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items(), key=lambda i: -i[1])[:4])
    left = elapsed / len(done) * (total - len(done))
    eta = f", {left:.0f} s left" if len(done) < total else ""
    echo(
        f"{step:8} {len(done)}/{total} partitions  {rows:,} pictures  {rows / max(elapsed, 1e-9):,.0f}/s"
        f"  {sum(rejected.values())} rejected{f' ({worst})' if worst else ''}{eta}"
    )


# themes and training


def _themes(
    job: Job, corpus: Corpus, rescue: Rescue | None, runner: Runner, seconds: dict[str, float],
    before: dict[str, Any] | None, changed: bool,
) -> tuple[list[dict[str, Any]], bool]:
    started = time.monotonic()
    fitted = corpus.root.exists(f"{corpus.folders['clusters']}/themes.npz")
    fit = {"themes": fit_themes(corpus)}
    assigned = _map(job, corpus, runner, "clustered", {}, {}, fit)
    if rescue is not None:
        _map(job, rescue.delta, runner, "clustered", {}, {}, fit)
        rescue.lay("clustered")
    stands = before is not None and (before["digests"], before["partitions"]) == (corpus.digests, corpus.partitions())
    stands = stands and before is not None and corpus.decided_as(before)
    stands = stands and before is not None and not shows_left_out(corpus, before["clusters"])
    if fitted and not assigned and not changed and stands and before is not None and before["clusters"]:
        return before["clusters"], False
    clusters = build_folders(rescue.shown if rescue else corpus)
    if job.refit:
        job.echo(f"cluster  {refit_in_words(corpus)}")
    seconds["cluster"] = time.monotonic() - started
    job.echo(f"cluster  {len(clusters)} thematic folders in {corpus.root.address(corpus.folders['clusters'])}")
    return clusters, True


def _train(
    job: Job, corpus: Corpus, runner: Runner, clusters: Sequence[Mapping[str, Any]], seconds: dict[str, float],
    before: dict[str, Any] | None,
) -> tuple[list[dict[str, Any]], bool]:
    """Train what the plan says; facts of all runs, whether they are others than in the edition `before`."""
    chosen, others = _chosen(job, corpus, clusters, before)
    plan = training.plan(corpus, chosen, runner.workers, whole=job.clusters is None, start=job.start)
    started = time.monotonic()
    for refusal in plan.refused:
        job.echo(f"train    not trained: {refusal['advice']}.")
    for outcome in runner.each(training.train_cluster, [plan.base] if plan.base else [], training.rescue, device=True):
        if isinstance(outcome, PipelineError):
            raise outcome
        job.echo(f"train    the base, on all themes  {outcome['kimg']:.1f} kimg  {outcome['status']}")
    if plan.tasks:
        job.echo(f"train    {len(plan.tasks)} runs, {min(runner.workers, len(plan.tasks))} at a time")
    facts: list[dict[str, Any]] = []
    failures: list[PipelineError] = []
    for outcome in runner.each(training.train_cluster, plan.tasks, training.rescue, device=True):
        if isinstance(outcome, PipelineError):
            failures.append(outcome)
            continue
        facts.append(outcome)
        if outcome["path"] is None:
            job.echo(f"train    not trained: {outcome['advice']}")
            continue
        job.echo(
            f"train    {len(facts)}/{len(plan.tasks)} cluster {outcome['cluster']:02d}  {outcome['kimg']:.1f} kimg"
            f"  {outcome['images_per_second']:.0f} images/s  {outcome['status']}  {outcome['path']}"
        )
    if failures:
        raise failures[0]
    if facts:
        seconds["train"] = time.monotonic() - started
    runs = sorted([*facts, *plan.finished, *plan.refused, *others], key=lambda r: int(r["cluster"]))
    return runs, bool(facts) or runs != (before or {}).get("runs")


def _chosen(
    job: Job, corpus: Corpus, clusters: Sequence[Mapping[str, Any]], before: dict[str, Any] | None
) -> tuple[list[Mapping[str, Any]], list[dict[str, Any]]]:
    """The clusters to train, and the runs that stand for the others. Raises UsageError for one that is not there."""
    if job.clusters is None:
        return list(clusters), []
    known = sorted(cluster["id"] for cluster in clusters)
    strange = sorted(set(job.clusters) - set(known))
    if strange:
        raise UsageError(f"There is no cluster {strange[0]}: choose among {', '.join(map(str, known))}.")
    standing = before["runs"] if before and before["digests"] == corpus.digests else []
    return (
        [cluster for cluster in clusters if cluster["id"] in job.clusters],
        [run for run in standing if run["cluster"] not in job.clusters],
    )


# looking ahead


def foresee(job: Job) -> dict[str, Any]:
    """What `run` would do, without doing it: sources to ask, partitions each step lacks."""
    for source in job.manifest.sources:
        sources.check(source)
    would: dict[str, str] = {}
    for source in job.manifest.sources:
        marker = f"corpora/{job.manifest.corpus}/sources/{digest('source', 1, source)}.json"
        state = "was taken in" if job.root.exists(marker) and not job.nightly else "would be asked for what is new"
        would["crawl"] = "; ".join(filter(None, [would.get("crawl"), f"{source} {state}"]))
    corpus = open_corpus(job)
    for table in ("measured", *CORPUS_TABLES):
        step = STEP_OF[table]
        if job.wants(step):
            would[step] = f"{len(corpus.todo(table))} of {len(corpus.partitions())} partitions known so far"
    return {"corpus": job.manifest.corpus, "notes": job.manifest.notes, "would": would}


# the edition


def _edition(
    job: Job,
    corpus: Corpus,
    seconds: dict[str, float],
    clusters: list[dict[str, Any]],
    runs: list[dict[str, Any]],
    before: dict[str, Any] | None,
    truth: dict[str, Any] | None,
    changed: bool,
) -> dict[str, Any]:
    """Write the report and the next edition when anything changed, else return the one that stands.

    The edition comes last: it says that all is done.
    """
    partitions = corpus.partitions()
    manifest = job.manifest.model_dump(mode="json")
    same = before is not None and (before["digests"], before["partitions"], before["manifest"]) == (
        corpus.digests, partitions, manifest
    )
    same = same and before is not None and corpus.decided_as(before)
    deeper = before is not None and STEPS.index(before["until"]) >= STEPS.index(job.until)
    if before is not None and same and deeper and not changed:
        job.echo(f"Nothing to do: edition {before['edition']} of {corpus.name} stands.")
        return before
    earlier = before or {}
    facts = {
        "corpus": corpus.name,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(job.command),
        "until": job.until,
        "manifest": manifest,
        "notes": job.manifest.notes,
        "digests": corpus.digests,
        "folders": corpus.folders,
        "prefixes": corpus.prefixes,
        "origin": corpus.origin,
        "partitions": partitions,
        "decisions": corpus.decided,
        "left_out": dict(corpus.left_out),
        "funnel": funnel(corpus, {**earlier.get("seconds", {}), **seconds}),
        "seconds": {**earlier.get("seconds", {}), **seconds},
        "clusters": clusters,
        "runs": runs,
        "demo": score_plants(corpus, truth),
        "versions": versions(),
        "models": models.digests(),
    }
    facts["counts"] = totals(facts["funnel"])
    if job.manifest.align and job.wants("report"):
        facts["faces"] = aligned.of_edition(job.root, facts, job.echo)
    facts["report"] = f"reports/{corpus.name}/index.html" if job.wants("report") else None
    if job.wants("report"):
        number = max(editions(corpus.root, corpus.name), default=0) + 1
        _report(job, {"schema_version": 1, "edition": number, **facts})
    number = add_edition(corpus.root, corpus.name, facts)
    return {"schema_version": 1, "edition": number, **facts}


def _report(job: Job, facts: dict[str, Any]) -> None:
    from pipeline import attribution, report

    out = job.root.sub(f"reports/{facts['corpus']}")
    address = report.build(job.root, facts, out)
    credits = attribution.written(attribution.credits(job.root, facts), facts, "html")
    out.commit("credits.html", credits.encode())
    job.echo(f"report   {address}")


def _judge_run(manifest: Manifest, facts: Mapping[str, Any]) -> None:
    limit = manifest.expect.max_reject_rate
    counts = facts["counts"]
    if limit is None or not counts.get("crawled"):
        return
    rate = 1 - counts["kept"] / counts["crawled"]
    if rate > limit:
        raise TooManyRejects(
            f"{rate:.0%} of {counts['crawled']:,} pictures were rejected, above expect.max_reject_rate {limit:.0%}: "
            "see `pipeline rejects` for the reasons."
        )


def load_or_default(root: Root, corpus: str | None) -> Manifest:
    """The manifest of a verb without one: that of the corpus's newest edition, or of the whole pool (`all`).

    Raises UsageError for a name that no corpus has where there are some, and for no name where there are several.
    """
    from pipeline.corpus import corpora, newest

    if corpus is not None and Path(corpus).suffix in (".yaml", ".yml"):
        from pipeline.manifest import load

        return load(corpus)
    known = corpora(root)
    if known and (corpus != "all" or corpus in known):
        return Manifest.model_validate(newest(root, corpus)["manifest"])
    return changed(Manifest(corpus="all", sources=(), about="everything in the pool"), corpus=corpus or "all")
