"""TensorBoard files beside stats.jsonl: read again by TensorBoard itself, where the extra is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gan.board import Board
from pipeline.storage import Root

reading = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="the extra `tensorboard` is not installed"
)


def line(images: int, loss: float) -> dict[str, Any]:
    return {"kimg": images / 1000, "images": images, "loss_d": loss, "alarms": ["mode collapse"], "space": "random@32"}


def written(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found = reading.EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    tags = found.Tags()["scalars"]
    return {tag: [(event.step, round(event.value, 4)) for event in found.Scalars(tag)] for tag in tags}


def test_every_number_of_a_line_stands_over_pictures_shown(tmp_path: Path) -> None:
    board = Board(Root(tmp_path), 0)
    board.add(line(1000, 0.5))
    board.add(line(2000, 0.25))
    board.close()
    assert written(tmp_path) == {"loss_d": [(1000, 0.5), (2000, 0.25)]}


def test_what_a_killed_call_wrote_beyond_its_state_is_void(tmp_path: Path) -> None:
    killed = Board(Root(tmp_path), 0)
    for images in (1000, 2000, 3000):
        killed.add(line(images, 9.0))
    board = Board(Root(tmp_path), 1000)  # the state was saved at 1,000
    board.add(line(2000, 0.25))
    board.close()
    assert written(tmp_path) == {"loss_d": [(1000, 9.0), (2000, 0.25)]}
