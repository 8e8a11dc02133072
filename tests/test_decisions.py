"""Decisions are written once, hold for ever, and name two pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.decisions import declare_different, never_duplicates
from pipeline.errors import UsageError
from pipeline.storage import Root

ONE, OTHER = "a" * 64, "b" * 64


def test_a_decision_is_kept_once_whatever_the_order(tmp_path: Path) -> None:
    root = Root(tmp_path)
    assert never_duplicates(root) == frozenset()
    assert declare_different(root, OTHER, ONE)
    assert not declare_different(root, ONE, OTHER)
    assert never_duplicates(root) == {frozenset((ONE, OTHER))}


@pytest.mark.parametrize("pair", [(ONE, ONE), (ONE, "b" * 63), ("../" + ONE[3:], OTHER), ("", OTHER)])
def test_only_two_ids_are_accepted(tmp_path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="two different pictures"):
        declare_different(Root(tmp_path), *pair)
