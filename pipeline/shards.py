"""Shards: WebDataset tars of prepared pictures, byte-identical for the same input."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence


def pack(names: Sequence[str], blobs: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """A USTAR archive of `blobs` under `names`, and the offset of each blob in it, in bytes.

    Time, owner and mode are fixed, so the same pictures in the same order give the same bytes. A name is
    `KEY.EXTENSION`; readers of the WebDataset convention see one sample for each key.
    """
    sink = io.BytesIO()
    offsets = []
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, blob in zip(names, blobs, strict=True):
            header = tarfile.TarInfo(name)
            header.size = len(blob)
            header.mode = 0o644
            archive.addfile(header, io.BytesIO(blob))
            offsets.append(archive.offset - (len(blob) + 511) // 512 * 512)
    return sink.getvalue(), offsets
