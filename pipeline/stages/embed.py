"""Embed: what a pretrained network sees in every kept picture, or the user's own vectors."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pipeline import models
from pipeline.errors import Reason, Rejected, UsageError
from pipeline.manifest import PACKAGED, Convert, Embed
from pipeline.schema import EMBEDDED
from pipeline.stage import Options, Stage, map_rows
from pipeline.vision.borders import trim_box
from pipeline.vision.colour import to_srgb
from pipeline.vision.decode import open_upright
from pipeline.vision.features import Embedder, Pixels
from pipeline.vision.foreign import Foreign
from pipeline.vision.resize import fit_square, preshrunk


@lru_cache(maxsize=1)
def _network(model: str, scale: Any) -> Embedder | Foreign:
    if model in PACKAGED:
        return Embedder(models.path(model))
    if not Path(model).expanduser().is_file():
        raise UsageError(f"There is no network file {model}: see embed.model.")
    return Foreign(Path(model).expanduser(), scale)


def transform(batch: pa.Table, options: Options) -> pa.Table:
    """Rows of `embedded` for rows of `prepared`. Options: `embed` and `convert` of the manifest.

    Where the batch has the originals' formats, `data` are originals; else prepared pictures.
    """
    embed, convert = Embed.model_validate(options["embed"]), Convert.model_validate(options["convert"])
    original = "crawled.format" in batch.column_names
    theirs = _vectors(embed.vectors, embed.ids) if embed.vectors else None

    def one(row: dict[str, Any]) -> dict[str, Any]:
        if theirs is not None:
            if row["id"] not in theirs[0]:
                raise Rejected(Reason.NO_VECTOR)
            return {"vector": theirs[1][theirs[0][row["id"]]]}
        if row["data"] is None:
            raise Rejected(Reason.MISSING, detail="the original is gone")
        if original:
            pixels = _original(row["data"], convert, max(embed.sides))
        else:
            pixels = np.asarray(Image.open(io.BytesIO(row["data"])).convert("RGB"))
        found = _network(embed.model, embed.scale).describe(pixels, embed.sides)
        return {
            "vector": found.vector,
            "colour": found.colour,
            "style": found.style if found.style.size else None,
            "classes": found.classes if found.classes.size else None,
        }

    return map_rows(batch, EMBEDDED, one)


def _original(data: bytes, convert: Convert, size: int) -> Pixels:
    """The square that is prepared of an original, as large as the network wants it or as it is, if that is smaller."""
    picture, _ = to_srgb(preshrunk(open_upright(data), size), background=convert.rgb)
    box = trim_box(picture, convert.trim)
    if box != (0, 0, *picture.size):
        picture = picture.crop(box)
    return np.asarray(fit_square(picture, min(size, *picture.size), convert.fit, convert.rgb))


@lru_cache(maxsize=1)
def _vectors(path: str, ids: str | None) -> tuple[dict[str, int], np.ndarray]:
    """The user's vectors, float32 (n, d), and the row of each id. Raises UsageError when the file does not say so."""
    file = Path(path).expanduser()
    try:
        names, vectors = _from_parquet(file) if file.suffix == ".parquet" else _from_npy(file, ids or "")
    except (FileNotFoundError, pa.ArrowInvalid, ValueError, KeyError) as error:
        raise UsageError(f"embed.vectors {path} cannot be used ({error}).") from None
    if vectors.ndim != 2 or len(names) != len(vectors):
        raise UsageError(f"embed.vectors {path} has {len(names)} ids for vectors of shape {vectors.shape}.")
    if not np.isfinite(vectors).all():
        bad = names[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
        raise UsageError(f"embed.vectors {path}: the vector of {bad} holds numbers that are not finite.")
    rows = {name: row for row, name in enumerate(names)}
    if len(rows) < len(names):
        raise UsageError(f"embed.vectors {path} has {len(names) - len(rows)} ids more than once.")
    return rows, vectors


def _from_parquet(file: Path) -> tuple[list[str], np.ndarray]:
    table = pq.ParquetFile(file).read(["id", "vector"], use_threads=False)
    lengths = {len(vector) for vector in table["vector"].to_pylist() if vector is not None}
    if len(lengths) != 1 or table["vector"].null_count:
        raise ValueError("the vectors must all have the same length")
    flat = np.asarray(table["vector"].combine_chunks().flatten(), np.float32)
    return table["id"].to_pylist(), flat.reshape(table.num_rows, lengths.pop())


def _from_npy(file: Path, ids: str) -> tuple[list[str], np.ndarray]:
    names = Path(ids).expanduser().read_text(encoding="utf-8").split()
    return names, np.asarray(np.load(file, allow_pickle=False), np.float32)


EMBED = Stage(
    "embedded", {"prepared": ["shard", "offset", "size"], "crawled": ["format"]}, EMBEDDED, transform,
    bytes_from="either", batch_rows=32, optional=("crawled",),
)
