"""What owners say about machine learning in the headers of a picture: seen, recorded, and obeyed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WORDS = frozenset({"noai", "noimageai", "noindex", "noimageindex"})
"""Words of X-Robots-Tag that reserve a picture."""


def signals(headers: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The signals among a response's headers (names in lower case, each with its values).

    X-Robots-Tag (also after an agent's name), `tdm-reservation` of the TDM reservation protocol, and
    `Content-Usage` of the IETF's AI preferences draft.
    """
    found = {}
    tags = [word.strip().lower() for value in headers.get("x-robots-tag", ()) for word in _parts(value)]
    if seen := [word for word in tags if word in WORDS]:
        found["x_robots_tag"] = ", ".join(dict.fromkeys(seen))
    for name in ("tdm-reservation", "content-usage"):
        if values := [value.strip() for value in headers.get(name, ()) if value.strip()]:
            found[name.replace("-", "_")] = ", ".join(values)
    return found


def reserved(found: Mapping[str, str]) -> bool:
    """Whether the signals keep a picture from training a model."""
    usage = {part.strip() for part in found.get("content_usage", "").lower().split(",")}
    return (
        "x_robots_tag" in found
        or found.get("tdm_reservation") == "1"
        or not usage.isdisjoint({"train-ai=n", "train-ai=?0", "train-ai=no"})
    )


def _parts(value: str) -> list[str]:
    return [word for part in value.split(",") for word in part.split(":")]
