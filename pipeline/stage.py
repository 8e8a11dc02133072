"""What a stage is: a pure function from a table batch to a table batch, in a folder named by its digest."""

from __future__ import annotations

import faulthandler
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from pipeline.errors import PartitionFailed, PipelineError, Reason, Rejected

Options = Mapping[str, Any]
Transform = Callable[[pa.Table, Options], pa.Table]
ROW_SECONDS = float(os.environ.get("PIPELINE_ROW_SECONDS", "60"))
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


def map_rows(
    batch: pa.Table, schema: pa.Schema, measure: Callable[[dict[str, Any]], dict[str, Any]]
) -> pa.Table:
    """Apply `measure` to each row that is not rejected yet; rows are conserved, in order.

    `measure` gets the row as a dict and returns columns of `schema` (and `data`, to make a picture). What it
    raises becomes the row's reason: `Rejected` as it says, anything else `undecodable` with the exception in
    `detail`. Raises PartitionFailed when too many rows fail in ways nobody foresaw: that is a bug, not bad files.
    """
    made: list[dict[str, Any]] = []
    unknown: list[str] = []
    for row in batch.to_pylist():
        result = {key: row[key] for key in ("id", "reason", "reason_value", "detail")}
        if row["reason"] is None:
            result |= _guarded(measure, row, unknown)
        made.append(result)
    if len(unknown) > max(_UNKNOWN_FLOOR, _UNKNOWN_SHARE * batch.num_rows):
        raise PartitionFailed(f"{len(unknown)} of {batch.num_rows} pictures failed unexpectedly, first: {unknown[0]}")
    fields = list(schema)
    if any("data" in row for row in made):
        fields.append(pa.field("data", pa.binary()))
    return pa.Table.from_pylist(made, schema=pa.schema(fields))


def _guarded(
    measure: Callable[[dict[str, Any]], dict[str, Any]], row: dict[str, Any], unknown: list[str]
) -> dict[str, Any]:
    try:
        with time_limit(ROW_SECONDS):
            return measure(row)
    except Rejected as rejected:
        return {"reason": str(rejected.reason), "reason_value": rejected.value, "detail": rejected.detail or None}
    except (PipelineError, MemoryError):
        raise
    # The one broad except of the tree: Pillow raises almost anything on bad files.
    except Exception as error:  # noqa: BLE001
        text = f"{type(error).__name__}: {error}"[:300]
        unknown.append(text)
        return {"reason": str(Reason.UNDECODABLE), "reason_value": None, "detail": text}


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End this process when the block takes longer: a decoder that hangs cannot be interrupted otherwise.

    The runner sees a dead worker and finds the picture to blame (`timed_out`).
    """
    with open(os.devnull, "w") as silence:
        faulthandler.dump_traceback_later(seconds, exit=True, file=silence)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
