"""Measure: what every original is, once, whoever asks: size, hash, sharpness; damaged files get a reason."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pyarrow as pa

from pipeline import models
from pipeline.schema import MEASURED
from pipeline.stage import Options, Stage, map_rows
from pipeline.vision.hashing import EXACT, FAST
from pipeline.vision.measure import measure
from pipeline.vision.nsfw import NsfwNet


@lru_cache(maxsize=1)
def nsfw_net() -> NsfwNet:
    """The network of this process. Raises UsageError when it is not on this machine."""
    return NsfwNet(models.path("open_nsfw"))


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `measured` for rows of `crawled`. Options: `hash`, `fast` or `exact`; `blocks` and `nsfw`, whether they
    are wanted."""

    def one(row: dict[str, Any]) -> dict[str, Any]:
        exact = options["hash"] == "exact"
        facts = vars(measure(row["data"], exact_hash=exact, blocks=options["blocks"]))
        made_by = {"bytes": len(row["data"]), "hash": EXACT if exact else FAST}
        made_by["aspect"] = facts["width"] / facts["height"]
        if options["nsfw"]:
            made_by["nsfw"] = nsfw_net().judge(row["data"])
        return {key: value for key, value in facts.items() if key in MEASURED.names} | made_by

    return map_rows(batch, MEASURED, one)


MEASURE = Stage("measured", {"crawled": ["format"]}, MEASURED, transform, bytes_from="original")
