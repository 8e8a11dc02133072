"""Measure: what every original is, once, whoever asks: size, hash, sharpness; damaged files get a reason."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import Any

import pyarrow as pa

from pipeline import models
from pipeline.schema import MEASURED
from pipeline.stage import Options, Stage, map_rows
from pipeline.vision.hashing import EXACT, FAST
from pipeline.vision.measure import Look, Measurement, look, numbers
from pipeline.vision.nsfw import NsfwNet

_COLUMNS = tuple(field.name for field in fields(Measurement) if field.name in MEASURED.names)


@lru_cache(maxsize=1)
def nsfw_net() -> NsfwNet:
    """The network of this process. Raises UsageError when it is not on this machine."""
    return NsfwNet(models.path("open_nsfw"))


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `measured` for rows of `crawled`. Options: `hash`, `fast` or `exact`; `blocks`, `nsfw` and `fineness`,
    whether they are wanted."""

    exact = options["hash"] == "exact"

    def seen(row: dict[str, Any]) -> tuple[Look, dict[str, Any]]:
        data = row["data"]
        found = look(data, exact_hash=exact, blocks=options["blocks"], fine=options["fineness"])
        more = {"nsfw": nsfw_net().judge(data)} if options["nsfw"] else {}
        return found, {"bytes": len(data), "hash": EXACT if exact else FAST, **more}

    def measured(found: tuple[Look, dict[str, Any]]) -> dict[str, Any]:
        facts = vars(numbers(found[0]))
        return {name: facts[name] for name in _COLUMNS} | {"aspect": facts["width"] / facts["height"], **found[1]}

    return map_rows(batch, MEASURED, seen, measured)


MEASURE = Stage("measured", {"crawled": ["format"]}, MEASURED, transform, bytes_from="original")
