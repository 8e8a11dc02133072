"""The manifests that come along can be used as they are, and the guide to manifests says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pipeline import demo, manifest, sources
from pipeline.manifest import Manifest
from spiders import registry

REPOSITORY = Path(__file__).parents[1]
FILES = sorted((REPOSITORY / "manifests").glob("*.yaml"))
GUIDE = (REPOSITORY / "docs" / "manifests.md").read_text()
SECTIONS: dict[str, type[BaseModel]] = {
    "The manifest": Manifest, "expect": manifest.Expect, "measure": manifest.Measure, "select": manifest.Select,
    "dedupe": manifest.Dedupe, "convert": manifest.Convert, "people": manifest.People, "align": manifest.Align,
    "shard": manifest.Shard, "embed": manifest.Embed, "cluster": manifest.Cluster, "train": manifest.Train,
}  # fmt: skip


def section(name: str) -> str:
    """The text of the guide under the heading `name`."""
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/manifests.md has no section {name}"
    return found[1]


def documented(name: str) -> dict[str, str]:
    """The keys of a section of the guide and their defaults as written there."""
    return dict(re.findall(r"^\| `(\w+)` \| *(.*?) *\| ", section(name), re.MULTILINE))


# the files


def test_the_founding_corpora_are_there() -> None:
    assert {path.stem for path in FILES} == {"demo", "wikiart", "skulls", "flowers", "portraits", "mnist"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_manifest_can_be_read(path: Path) -> None:
    found = manifest.load(path)
    assert found.corpus == path.stem
    assert found.about
    assert found.expect.model_dump(exclude_none=True) or path.stem == "demo"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_source_exists(path: Path) -> None:
    for source in manifest.load(path).sources:
        sources.check(source)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_manifest_says_what_to_expect_of_itself(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# ")
    assert f"manifests/{path.stem}.yaml" in text
    assert manifest.load(path).notes == []


def test_the_demo_is_the_same_as_a_file() -> None:
    assert manifest.load(REPOSITORY / "manifests" / "demo.yaml") == demo.demo_manifest()


# the guide


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_is_documented_with_its_default(name: str) -> None:
    fields = SECTIONS[name].model_fields
    written = documented(name)
    assert list(written) == list(fields)
    for key, field in fields.items():
        if field.is_required():
            assert written[key] == "required"
        elif isinstance(field.default, BaseModel) or field.default == "":
            assert written[key] == ""
        else:
            assert _read(written[key]) == _plain(field.default), key


def _read(text: str) -> Any:
    return None if text == "none" else yaml.safe_load(text)


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", [name for name in SECTIONS if name != "The manifest"])
def test_every_choice_is_documented(name: str) -> None:
    for key, field in SECTIONS[name].model_fields.items():
        for choice in _choices(field.annotation):
            assert f"`{choice}`" in section(name) or documented(name)[key] == choice, f"{name}.{key}: {choice}"


def _choices(annotation: Any) -> list[str]:
    parts = getattr(annotation, "__args__", ())
    return [part for part in parts if isinstance(part, str)] + [c for part in parts for c in _choices(part)]


def test_every_source_is_documented() -> None:
    text = section("sources")
    for name, source in registry.SOURCES.items():
        assert f"{{crawl: {name}" in text
        if source.built:
            assert all(re.search(rf"[`, ]{argument}[`:]", text) for argument in source.arguments)
    for name, source in registry.IMPORTS.items():
        assert (f"{{import: {name}" if source.built else f"`{name}`") in text


def test_the_guide_s_example_works() -> None:
    example = re.search(r"^    corpus: skulls\n(?:    .*\n)+", GUIDE, re.MULTILINE)
    assert example
    assert manifest.parse(re.sub("^    ", "", example[0], flags=re.MULTILINE)).corpus == "skulls"


@pytest.mark.parametrize("reason", sorted(set(re.findall(r"\(`(\w+)`\)", GUIDE))))
def test_reasons_in_the_guide_are_reasons(reason: str) -> None:
    from pipeline.errors import Reason

    assert reason in set(Reason)
