"""Measure: what every original is, once, whoever asks: size, hash, sharpness; damaged files get a reason."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pipeline.schema import MEASURED
from pipeline.stage import Options, Stage, map_rows
from pipeline.vision.hashing import EXACT, FAST
from pipeline.vision.measure import measure


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `measured` for rows of `crawled`. Options: `hash`, `fast` or `exact`; `blocks`, whether they matter."""

    def one(row: dict[str, Any]) -> dict[str, Any]:
        exact = options["hash"] == "exact"
        facts = vars(measure(row["data"], exact_hash=exact, blocks=options["blocks"]))
        made_by = {"bytes": len(row["data"]), "hash": EXACT if exact else FAST}
        made_by["aspect"] = facts["width"] / facts["height"]
        return {key: value for key, value in facts.items() if key in MEASURED.names} | made_by

    return map_rows(batch, MEASURED, one)


MEASURE = Stage("measured", {"crawled": ["format"]}, MEASURED, transform, bytes_from="original")
