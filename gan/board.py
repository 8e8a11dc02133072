"""TensorBoard files beside stats.jsonl, where the extra `tensorboard` is installed."""

from __future__ import annotations

import importlib.util
from typing import Any

from pipeline.storage import Root


class Board:
    """Writes each line of stats.jsonl into `tensorboard/` of a local run folder; else does nothing.

    `images` is where the training stands: what an earlier, killed call wrote beyond it is marked as void.
    """

    def __init__(self, out: Root, images: int) -> None:
        self._writer: Any = None
        if out.local is not None and importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(out.local / "tensorboard"), purge_step=images + 1)

    def add(self, line: dict[str, Any]) -> None:
        """Every number of a line, over pictures shown."""
        if self._writer is None:
            return
        for name, value in line.items():
            if isinstance(value, int | float) and name not in ("images", "kimg"):
                self._writer.add_scalar(name, value, line["images"])
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
