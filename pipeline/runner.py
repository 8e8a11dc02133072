"""The runner: gives partitions to Dask, takes back small summaries, and finds the picture that kills a worker.

The only module that imports dask.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as feather

from pipeline import shards, tables
from pipeline.errors import Fatal, PartitionFailed, Reason, UsageError
from pipeline.stage import ROW_SECONDS, Stage
from pipeline.storage import Root

_NATIVE_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_REJECT = ("reason", "reason_value", "detail")
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Task:
    """One partition of one stage: names only, no data.

    `folders` gives the folder of every table read and, under the stage's own name, the one written; `arrays`
    are .npy files that become options.
    """

    stage: str
    partition: str
    root: str
    folders: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """What one task did; `rejected` counts only the rows this stage rejected."""

    stage: str
    partition: str
    rows: int
    rejected: Mapping[str, int]
    seconds: float


# what a worker does


def work(task: Task) -> Summary:
    """Compute and publish one partition. Harmless when it runs twice."""
    started = time.monotonic()
    table = compute(task)
    return publish(task, table, started)


def compute(task: Task, start: int = 0, stop: int | None = None) -> pa.Table:
    """The rows `start` to `stop` of a partition, with `data` when the stage makes pictures."""
    from pipeline.stages.registry import named

    root, stage = Root(task.root), named(task.stage)
    joined = _join(root, stage, task)
    joined = joined.slice(start, None if stop is None else stop - start)
    options = dict(task.options)
    options |= {name: np.load(io.BytesIO(root.read(path)), allow_pickle=False) for name, path in task.arrays.items()}
    made = []
    for offset in range(0, max(joined.num_rows, 1), stage.batch_rows):
        batch = joined.slice(offset, stage.batch_rows)
        if stage.bytes_from:
            batch = batch.append_column("data", pa.array(_bytes(root, stage, task, batch), pa.binary()))
        result = stage.transform(batch, options)
        if result["id"].to_pylist() != batch["id"].to_pylist():
            raise Fatal(f"Stage {stage.name} did not conserve the rows of {task.partition}: this is a bug, report it.")
        made.append(result)
    return pa.concat_tables(made, promote_options="default")


def _parents(stage: Stage, task: Task) -> dict[str, Sequence[str]]:
    """The tables that this task reads, with their columns; the first gives the rows."""
    return {name: c for name, c in stage.reads.items() if name not in stage.optional or name in task.folders}


def _join(root: Root, stage: Stage, task: Task) -> pa.Table:
    """The parents' rows side by side: `id` and the reason of the first, columns of all as `table.column`."""
    joined: pa.Table | None = None
    for parent, columns in _parents(stage, task).items():
        extra = ["id", *_REJECT] if joined is None else ["id"]
        table = tables.read(root, task.folders[parent], task.partition, [*dict.fromkeys([*extra, *columns])])
        if joined is None:
            joined = table.select(extra)
        elif joined["id"].combine_chunks() != table["id"].combine_chunks():
            raise Fatal(f"Tables {parent} and {stage.name} disagree on {task.partition}: run `pipeline verify`.")
        for column in columns:
            joined = joined.append_column(f"{parent}.{column}", table[column])
    assert joined is not None
    return joined


def _bytes(root: Root, stage: Stage, task: Task, batch: pa.Table) -> list[bytes | None]:
    live = np.flatnonzero(np.asarray(pc.is_null(batch["reason"])))
    found: list[bytes | None] = [None] * batch.num_rows
    if not len(live):
        return found
    try:
        blobs = _blobs(root, stage, task, batch, live)
    except FileNotFoundError as error:
        raise PartitionFailed(
            f"A picture of {task.partition} is gone ({error.filename or error}): put it back, or crawl again."
        ) from error
    for row, blob in zip(live, blobs, strict=True):
        found[row] = blob
    return found


def _blobs(root: Root, stage: Stage, task: Task, batch: pa.Table, live: np.ndarray) -> list[bytes | None]:
    """The bytes of the live rows; of a stage that takes either, the originals where it is given their formats, None
    for those that are gone since they were prepared."""
    if stage.bytes_from == "prepared" or not any(name.endswith(".format") for name in batch.column_names):
        return list(_prepared(root, task, batch, live))
    paths = _originals(batch, live)
    try:
        return list(root.read_many(paths))
    except FileNotFoundError:
        if stage.bytes_from != "either":
            raise
        return [root.read(path) if root.exists(path) else None for path in paths]


def _originals(batch: pa.Table, live: np.ndarray) -> list[str]:
    column = next(name for name in batch.column_names if name.endswith(".format"))
    ids, formats = batch["id"].to_pylist(), batch[column].to_pylist()
    return [tables.original_path(ids[row], formats[row]) for row in live]


def _prepared(root: Root, task: Task, batch: pa.Table, live: np.ndarray) -> list[bytes]:
    """The pictures of a batch lie together in its shard: one read."""
    names = batch["prepared.shard"].to_pylist()
    starts, sizes = (np.asarray(batch[f"prepared.{c}"].take(pa.array(live))) for c in ("offset", "size"))
    first, last = int(starts[0]), int(starts[-1] + sizes[-1])
    span = root.read_range(f"{task.folders['prepared']}/shards/{names[live[0]]}", first, last - first)
    return [span[start - first : start - first + size] for start, size in zip(starts, sizes, strict=True)]


def publish(task: Task, table: pa.Table, started: float) -> Summary:
    """Write a computed partition: its shard first, then its rows, which say that it is done."""
    from pipeline.stages.registry import named

    root, stage = Root(task.root), named(task.stage)
    folder = task.folders[stage.name]
    if stage.makes_shards:
        table = _write_shard(root, folder, task, table)
    tables.write(root, folder, task.partition, table, stage.schema)
    first = next(iter(_parents(stage, task)))
    before = tables.read(root, task.folders[first], task.partition, ["reason"])["reason"]
    new = table.filter(pc.and_(pc.is_null(before), pc.is_valid(table["reason"])))
    counts = {item["values"]: item["counts"] for item in new["reason"].value_counts().to_pylist()}
    return Summary(stage.name, task.partition, table.num_rows, counts, time.monotonic() - started)


def _write_shard(root: Root, folder: str, task: Task, table: pa.Table) -> pa.Table:
    if "data" not in table.column_names:
        return table
    blobs = table["data"].to_pylist()
    live = [row for row, blob in enumerate(blobs) if blob is not None]
    keys = table["key"].to_pylist()
    extension = {"png": "png", "jpeg": "jpg"}[task.options["shard"]["format"]]
    data, offsets = shards.pack([f"{keys[row]}.{extension}" for row in live], [blobs[row] for row in live])
    name = f"{task.partition}.tar"
    root.commit(f"{folder}/shards/{name}", data)
    where: list[int | None] = [None] * len(blobs)
    for row, offset in zip(live, offsets, strict=True):
        where[row] = offset
    table = table.drop_columns(["data", "shard", "offset"])
    table = table.append_column("shard", pa.array([name if w is not None else None for w in where], pa.string()))
    return table.append_column("offset", pa.array(where, pa.int64()))


# who is to blame for a dead worker


def isolate(task: Task) -> Summary:
    """Compute a partition whose worker died in child processes, halving it until the deadly picture stands alone.

    That picture becomes a row with reason `crashed` or `timed_out`; its neighbours lose nothing.
    """
    started = time.monotonic()
    first = next(iter(_parents(_stage_of(task), task)))
    count = tables.read(Root(task.root), task.folders[first], task.partition, ["id"]).num_rows
    return publish(task, _bisect(task, 0, count), started)


def _stage_of(task: Task) -> Stage:
    from pipeline.stages.registry import named

    return named(task.stage)


def _bisect(task: Task, start: int, stop: int) -> pa.Table:
    table, reason = _in_child(task, start, stop)
    if table is not None:
        return table
    if stop - start == 1:
        return _blamed(task, start, reason)
    middle = (start + stop) // 2
    halves = [_bisect(task, start, middle), _bisect(task, middle, stop)]
    return pa.concat_tables(halves, promote_options="default")


def _in_child(task: Task, start: int, stop: int) -> tuple[pa.Table | None, Reason]:
    """The rows computed in a child process, or why it did not live to tell."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "rows.arrow"
        job = json.dumps({"task": asdict(task), "start": start, "stop": stop, "output": str(output)})
        limit = 2 * ROW_SECONDS + 2 * (stop - start)
        try:
            child = subprocess.run(
                [sys.executable, "-m", "pipeline.runner"], input=job, text=True, timeout=limit,
                stderr=subprocess.PIPE, check=False,
            )
        except subprocess.TimeoutExpired:
            return None, Reason.TIMED_OUT
        if output.exists():
            return feather.read_table(output), Reason.CRASHED
        if child.returncode == 1 and "Traceback" in child.stderr:
            raise PartitionFailed(f"{task.stage} failed on {task.partition}: {child.stderr.strip().splitlines()[-1]}")
        return None, Reason.TIMED_OUT if child.returncode == 1 else Reason.CRASHED


def _blamed(task: Task, row: int, reason: Reason) -> pa.Table:
    stage = _stage_of(task)
    joined = _join(Root(task.root), stage, task).slice(row, 1)
    detail = {Reason.CRASHED: "the process died", Reason.TIMED_OUT: "no result in time"}[reason]
    facts = {"id": joined["id"].to_pylist(), "reason": [str(reason)], "detail": [detail]}
    return tables.rows(facts, stage.schema)


def _child() -> None:
    job = json.loads(sys.stdin.read())
    table = compute(Task(**job["task"]), job["start"], job["stop"])
    feather.write_feather(table, job["output"] + ".part")
    os.replace(job["output"] + ".part", job["output"])


# Dask


@dataclass(frozen=True)
class _Numbered(Generic[_T, _R]):
    """A function of an item that keeps its number."""

    function: Callable[[_T], _R]

    def __call__(self, item: tuple[int, _T]) -> tuple[int, _R]:
        return item[0], self.function(item[1])


class Runner:
    """Runs tasks on Dask: processes of this machine by default, or the scheduler at `scheduler` (`tcp://…`).

    Nothing is started before the first task, so a run with nothing to do costs nothing.
    Raises UsageError when no scheduler answers.
    """

    def __init__(self, scheduler: str | None = None, workers: int | None = None) -> None:
        self.scheduler = scheduler
        self.workers = workers or os.cpu_count() or 1
        self.started = 0
        self._client: Any = None
        self._cluster: Any = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the local workers; a scheduler of others is left alone."""
        for part in (self._client, self._cluster):
            if part is not None:
                with suppress(TimeoutError):  # workers that dawdle die with this process
                    part.close(timeout=5)
        self._client = self._cluster = None

    def run(self, tasks: Sequence[Task]) -> Iterator[Summary]:
        """Summaries as partitions are done. Partitions that fail leave the others be.

        Raises PartitionFailed at the end when some failed, and other PipelineErrors at once.
        """
        failed: list[str] = []
        for outcome in self.each(work, tasks, isolate):
            if isinstance(outcome, PartitionFailed):
                failed.append(str(outcome))
            else:
                yield outcome
        if failed:
            raise PartitionFailed(f"{len(failed)} partitions failed: {failed[0]} The next run tries them again.")

    def each(
        self, function: Callable[[_T], _R], items: Sequence[_T], rescue: Callable[[_T], _R], device: bool = False
    ) -> Iterator[_R | PartitionFailed]:
        """Results of `function` over `items` as they come; `rescue` is called here for items whose worker died.

        With `device`, workers that declare a resource `GPU` get one item for each, and others none.
        """
        if not items:
            return
        from distributed import CancelledError, KilledWorker, as_completed

        client = self._connect()
        needs = {"GPU": 1} if device and _declares_gpu(client) else None
        waiting = iter(items)
        window = 4 * max(self.workers, 1)
        flying: dict[Any, _T] = {}

        def submit() -> list[Any]:
            item = next(waiting, None)
            if item is None:
                return []
            self.started += 1
            future = client.submit(function, item, pure=False, resources=needs)
            flying[future] = item
            return [future]

        queue = as_completed([future for _ in range(window) for future in submit()], loop=client.loop)
        for future in queue:
            item = flying.pop(future)
            error = future.exception()
            if error is None:
                result: _R | PartitionFailed = future.result()
            elif isinstance(error, KilledWorker | CancelledError):
                result = _rescued(rescue, item)
            elif isinstance(error, PartitionFailed):
                result = error
            else:
                raise error
            future.release()
            yield result
            for fresh in submit():
                queue.add(fresh)

    def spread(self, function: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[_R]:
        """Results of `function` over `items` in their order; an item whose worker died is done here.

        Raises PartitionFailed when one failed.
        """
        whole = _Numbered(function)
        results: dict[int, _R] = {}
        for outcome in self.each(whole, list(enumerate(items)), whole):
            if isinstance(outcome, PartitionFailed):
                raise outcome
            results[outcome[0]] = outcome[1]
        yield from (results[number] for number in range(len(items)))

    def _connect(self) -> Any:
        if self._client is None:
            self._client = self._join_scheduler() if self.scheduler else self._start_local()
        return self._client

    def _join_scheduler(self) -> Any:
        from distributed import Client

        try:
            client = Client(self.scheduler, timeout=10, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(
                f"No Dask scheduler answers at {self.scheduler} ({type(error).__name__}): "
                "start one with `dask scheduler`, or leave --scheduler out to use this machine."
            ) from None
        self.workers = max(1, sum(client.nthreads().values()))
        return client

    def _start_local(self) -> Any:
        import dask
        from distributed import Client, LocalCluster

        for name in _NATIVE_THREADS:
            os.environ.setdefault(name, "1")
        os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
        with dask.config.set({
            "distributed.scheduler.allowed-failures": 1,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.target": False,
            "logging.distributed": "critical",
        }), _starting_workers():
            self._cluster = LocalCluster(
                n_workers=self.workers, threads_per_worker=1, processes=True, dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"}, silence_logs="CRITICAL", host="127.0.0.1",
            )
            return Client(self._cluster, set_as_default=False)


@contextmanager
def _starting_workers() -> Iterator[None]:
    """Keep signals off while workers start: half a cluster cannot be closed, so this process hears of them after.

    The workers never see a Ctrl-C, which a terminal sends to all processes: this one stops them.
    """
    resource_tracker.ensure_running()  # else it starts among the workers, and takes the mask off
    late: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGTERM, lambda number, _: late.append(number)) if main else None
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if main:
            signal.signal(signal.SIGTERM, handler)
        for number in late[:1]:
            signal.raise_signal(number)


def _declares_gpu(client: Any) -> bool:
    """Whether a worker was started with `--resources GPU=1`."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return any("GPU" in worker.get("resources", {}) for worker in workers)


def _rescued(rescue: Callable[[_T], _R], item: _T) -> _R | PartitionFailed:
    try:
        return rescue(item)
    except PartitionFailed as error:
        return error


if __name__ == "__main__":
    _child()
