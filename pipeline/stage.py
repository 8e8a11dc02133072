"""What a stage is: a pure function from a table batch to a table batch, in a folder named by its digest."""

from __future__ import annotations

import faulthandler
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from pipeline.errors import PartitionFailed, PipelineError, Reason, Rejected

Options = Mapping[str, Any]
Transform = Callable[[pa.Table, Options], pa.Table]
ROW_SECONDS = float(os.environ.get("PIPELINE_ROW_SECONDS", "60"))
_KEPT = ("id", "reason", "reason_value", "detail")
_WATCH_SECONDS = 1.0
_UNKNOWN_FLOOR = 20
_UNKNOWN_SHARE = 0.01


@dataclass(frozen=True)
class Stage:
    """A map over partitions.

    `transform` takes a batch with the columns `id`, `reason`, `reason_value`, `detail` of the first table read,
    the columns of `reads` named `table.column`, and `data` (the bytes of the picture, null when there are none),
    and returns as many rows in `schema`, plus `data` when the stage makes pictures.
    """

    name: str
    reads: Mapping[str, Sequence[str]]
    schema: pa.Schema
    transform: Transform
    bytes_from: Literal["original", "prepared", "either", None] = None
    makes_shards: bool = False
    batch_rows: int = 64
    optional: Sequence[str] = field(default=())


def digest(name: str, version: int, options: Options, parents: Sequence[str] = ()) -> str:
    """Ten hex digits that name a stage's folder: its version, its own options, the digests of what it reads."""
    text = json.dumps([name, version, options, list(parents)], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def map_rows(batch: pa.Table, schema: pa.Schema, *steps: Callable[[Any], Any]) -> pa.Table:
    """Apply `steps` to each row that is not rejected yet; rows are conserved, in order.

    The first step gets the row as a dict, each other what the one before made of it; the last returns columns of
    `schema` (and `data`, to make a picture). A step is done with the whole batch before the next begins: one thing
    over and over is faster than many in turn. What a step raises becomes the row's reason: `Rejected` as it says,
    anything else `undecodable` with the exception in `detail`. Raises PartitionFailed when too many rows fail in
    ways nobody foresaw: that is a bug, not bad files.
    """
    rows = batch.to_pylist()
    made: list[dict[str, Any]] = [{key: row[key] for key in _KEPT} for row in rows]
    alive: dict[int, Any] = {place: row for place, row in enumerate(rows) if row["reason"] is None}
    unknown: list[str] = []
    with _row_limit(ROW_SECONDS) as begin:
        for step in steps:
            passed: dict[int, Any] = {}
            for place, value in alive.items():
                begin()
                made[place] |= _guarded(step, value, place, passed, unknown)
            alive = passed
    for place, facts in alive.items():
        made[place] |= facts
    if len(unknown) > max(_UNKNOWN_FLOOR, _UNKNOWN_SHARE * batch.num_rows):
        raise PartitionFailed(f"{len(unknown)} of {batch.num_rows} pictures failed unexpectedly, first: {unknown[0]}")
    fields = list(schema)
    if any("data" in row for row in made):
        fields.append(pa.field("data", pa.binary()))
    return pa.Table.from_pylist(made, schema=pa.schema(fields))


def _guarded(
    step: Callable[[Any], Any], value: Any, place: int, passed: dict[int, Any], unknown: list[str]
) -> dict[str, Any]:
    """Put what the step makes of a row into `passed`; return why it does not get there."""
    try:
        passed[place] = step(value)
    except Rejected as rejected:
        return {"reason": str(rejected.reason), "reason_value": rejected.value, "detail": rejected.detail or None}
    except (PipelineError, MemoryError):
        raise
    # The one broad except of the tree: Pillow raises almost anything on bad files.
    except Exception as error:  # noqa: BLE001
        text = f"{type(error).__name__}: {error}"[:300]
        unknown.append(text)
        return {"reason": str(Reason.UNDECODABLE), "reason_value": None, "detail": text}
    return {}


@contextmanager
def _row_limit(seconds: float) -> Iterator[Callable[[], None]]:
    """A function to call before each row: when a row takes longer than `seconds` this process ends, for a decoder
    that hangs cannot be interrupted otherwise.

    The runner sees a dead worker and finds the picture to blame (`timed_out`). A watch costs a thread, so that one is
    set no more than once a second, and may let a row have that second too.
    """
    watched = -_WATCH_SECONDS

    def begin() -> None:
        nonlocal watched
        now = time.monotonic()
        if now - watched >= _WATCH_SECONDS:
            faulthandler.dump_traceback_later(seconds + _WATCH_SECONDS, exit=True, file=silence)
            watched = now

    with open(os.devnull, "w") as silence:
        try:
            yield begin
        finally:
            faulthandler.cancel_dump_traceback_later()
