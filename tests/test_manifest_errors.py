"""A wrong manifest is refused in one sentence that names the key, its line, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline import manifest
from pipeline.errors import ManifestError

GOOD = "corpus: skulls\nsources:\n  - {import: folder, path: x}\n"

WRONG = {
    "": "holds no keys: it needs at least `corpus` and `sources`",
    "- a\n- b\n": "holds no keys",
    "just text": "holds no keys",
    "corpus: skulls\n": "the key `sources` is missing",
    "sources: []\n": "the key `corpus` is missing",
    GOOD + "clsuter: {k: 3}\n": r"line 4: `clsuter` is not a key of a manifest. Did you mean cluster\?",
    GOOD + "cluster:\n  seed: 1\n  kk: 3\n": r"line 6: `cluster.kk` is not a key of a manifest.",
    GOOD + "align:\n  max_yow: 3\n": r"line 5: `align.max_yow` is not a key of a manifest. Did you mean max_yaw",
    GOOD + "select:\n  min_side: small\n": r"line 5: `select.min_side` .* a valid integer.*\(got 'small'\)",
    GOOD + "select: {min_side: 0}\n": r"line 4: `select.min_side` .*greater than or equal to 1 \(got 0\)",
    GOOD + "dedupe: {distance: 15}\n": r"line 4: `dedupe.distance` .*less than or equal to 14",
    GOOD + "dedupe: {preset: lazy}\n": r"line 4: `dedupe.preset` .*'strict' or 'thorough' \(got 'lazy'\)",
    GOOD + "convert: {background: mauve}\n": r"line 4: `convert.background` is not a colour: use white",
    GOOD + "align: {eyes: [[0.7, 0.4], [0.3, 0.4]]}\n": r"line 4: `align` eyes: the first point must lie left",
    GOOD + "align: yes\n": r"line 4: `align`",
    GOOD + "embed: {model: resnet}\n": r"line 4: `embed.model` .*efficientnet-lite0",
    GOOD + "expect: {max_reject_rate: 3}\n": r"line 4: `expect.max_reject_rate` .*less than or equal to 1",
    "corpus: My Skulls\nsources: []\n": r"line 1: `corpus` is not a name: use up to 64 lower-case letters",
    "corpus: skulls\nsources:\n  - {path: x}\n": r"line 2: `sources` each source is \{crawl: SOURCE",
    "corpus: skulls\nsources:\n  - {crawl: wikiart, import: folder}\n": "each source is",
    "corpus: skulls\nsources: [\n": r"line \d+ is not YAML",
    "corpus: skulls\n\tsources: x\n": r"line 2 is not YAML",
    "corpus: 'skulls\n": "is not YAML",
    "corpus: 2026-99-99\nsources: []\n": "is not YAML",
    "1: x\n" + GOOD: "skulls.yaml",
    "corpus: !!python/object:os.system {}\nsources: []\n": "line 1 is not YAML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said(text: str) -> None:
    with pytest.raises(ManifestError, match=WRONG[text]) as caught:
        manifest.parse(text, "skulls.yaml")
    said = str(caught.value)
    assert said.startswith("skulls.yaml")
    assert "\n" not in said
    assert caught.value.exit_code == 2


def test_a_missing_or_unreadable_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"corpus: \xff\n")
    words = {"missing.yaml": "no manifest .*: check", ".": r"cannot be read \(is a directory", "latin.yaml": "UTF-8"}
    for name, said in words.items():
        with pytest.raises(ManifestError, match=said):
            manifest.load(tmp_path / name)


def refusal(text: str) -> str:
    """What is said against a manifest; nothing when it is taken."""
    try:
        manifest.parse(text)
    except ManifestError as error:
        return str(error)
    return ""


@given(text=st.text(max_size=200))
def test_any_text_is_a_manifest_or_refused_in_a_line(text: str) -> None:
    said = refusal(text)
    assert said
    assert "\n" not in said


SECTIONS = ["expect", "measure", "select", "dedupe", "convert", "align", "shard", "embed", "cluster", "train"]
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("none")


@given(section=st.sampled_from(SECTIONS), value=VALUES | st.dictionaries(st.text(max_size=5), VALUES, max_size=3))
def test_any_section_is_taken_or_refused(section: str, value: object) -> None:
    assert "\n" not in refusal(GOOD + yaml.safe_dump({section: value}))


def test_what_is_asked_for_in_vain_is_noted() -> None:
    notes = manifest.parse(GOOD + "train: {warm: false, base_kimg: 10}\n").notes
    assert notes == ["train.base_kimg is not used: without train.warm no base is trained"]
    assert manifest.parse(GOOD).notes == []
