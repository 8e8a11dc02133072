"""The members of a theme as columns for the page's script, which orders, filters and pages them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.web.facts import Cluster, Facts
from pipeline.web.pages import Shown


def script(facts: Facts, cluster: Cluster, shown: Shown, prepared: bool, scores: Mapping[str, float]) -> bytes:
    """The rows of a sheet as a script, nearest to the centre first. `scores` are the discriminator's, by id."""
    ids = [picture for picture, _ in cluster.members]
    rows = {row["id"]: row for row in facts.ask(_ROWS, [ids])}
    pictures = facts.by_id(ids)
    address = shown.prepared_address if prepared else shown.address
    ids = [one for one in ids if one in pictures]
    distance = dict(cluster.members)
    columns: dict[str, Sequence[Any]] = {
        name: [rows[one][name] for one in ids]
        for name in ("title", "creator", "year", "source", "licence", "w", "h", "bytes", "sharpness", "day", "words")
    }
    columns |= {
        "ids": ids, "far": [round(distance[one], 4) for one in ids], "src": [address(pictures[one]) for one in ids],
        "link": [pictures[one].link for one in ids],
    }
    if scores:
        columns["score"] = [scores.get(one) for one in ids]
    return f"globalThis.wkSheet={json.dumps(columns, separators=(',', ':'))};\n".encode()


_ROWS = """
SELECT id, any_value(title) AS title, any_value(creator) AS creator, any_value(year) AS year,
       any_value(source) AS source, any_value(licence) AS licence, any_value(width) AS w, any_value(height) AS h,
       any_value(bytes) AS bytes, any_value(round(sharpness, 1)) AS sharpness,
       coalesce(epoch(max(fetched_at))::BIGINT // 86400, 0) AS day,
       coalesce(lower(array_to_string(any_value(style), ' ')), '') || ' '
       || coalesce(lower(array_to_string(any_value(genre), ' ')), '') AS words
FROM rows WHERE reason IS NULL AND id IN (SELECT unnest(?)) GROUP BY id
"""
