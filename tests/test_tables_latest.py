"""Of several rows of one picture the last counts: what it is called, whose it is, under which licence."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from job import answer, make_pictures, manifest, pipeline

from pipeline import tables
from pipeline.schema import CRAWLED
from pipeline.storage import Root

PICTURES = 24


def crawled(root: Root, name: str, *rows: dict[str, Any]) -> None:
    tables.write(root, tables.CRAWLED, name, pa.Table.from_pylist(list(rows), CRAWLED), CRAWLED)


def row(picture: str, title: str, source_id: str = "1", url: str = "u", **more: Any) -> dict[str, Any]:
    return {"id": picture, "source_id": source_id, "url": url, "title": title, "licence": "NOASSERTION", **more}


def test_the_last_words_count_whatever_the_name_of_the_partition(tmp_path: Path) -> None:
    root = Root(tmp_path)
    crawled(root, "a-20261122T000000-00001", row("x", "newest"), row("y", "other"), row("x", "twin", source_id="2"))
    crawled(root, "b-20261121T000000-00001", row("x", "old"), row("x", "elsewhere", url="v"))
    crawled(root, "c-20261121T000000-00002", row("x", "older than newest"))
    names = tables.names(root, tables.CRAWLED)
    found = tables.read_latest(root, names, ["title", "id"])
    assert found["title"].to_pylist() == ["newest", "other", "twin", "newest", "elsewhere", "newest"]
    assert found.column_names == ["partition", "row", "title", "id"]
    assert tables.read_latest(root, names[1:], ["title"])["title"].to_pylist() == [
        "older than newest", "elsewhere", "older than newest",
    ]  # fmt: skip
    assert tables.read_latest(root, [], ["title"]).num_rows == 0


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=1, max_size=4))
def test_rows_and_their_order_are_kept(tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]) -> None:
    root = Root(tmp_path_factory.mktemp("root"))
    for number, ids in enumerate(parts, 1):
        crawled(root, f"p-20261122T00000{number}-00001", *(row(i, f"{i}{number}") for i in ids))
    names = tables.names(root, tables.CRAWLED)
    found = tables.read_latest(root, names, ["id", "title"])
    assert found["id"].to_pylist() == [picture for ids in parts for picture in ids]
    last = {picture: number for number, ids in enumerate(parts, 1) for picture in ids}
    assert found["title"].to_pylist() == [f"{i}{last[i]}" for ids in parts for i in ids]


# the whole job


def described(folder: Path, **changed: str) -> None:
    """Write the index.csv of a folder anew, with more of the first picture."""
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for one in rows:
        one.setdefault("licence", "CC0-1.0")
    rows[0] |= changed
    with open(folder / "index.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def folders(place: Path) -> dict[str, str]:
    """The thematic folder of each member's id."""
    found = {}
    for path in place.glob("corpora/small/clusters/*/*/cluster.json"):
        found |= {member["id"]: path.parent.name for member in json.loads(path.read_text())["members"]}
    return found


def test_a_licence_that_changed_is_judged_again_in_the_next_edition(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures", PICTURES)
    described(pictures, title="First words")
    recipe = manifest(tmp_path, pictures, cluster={"k": 1}, select={"license": "cc0"})
    place = tmp_path / "root"
    first = answer("ingest", recipe, "--until", "cluster", root=place)
    everything = folders(place)
    (picture,) = (
        one["id"] for name in tables.names(Root(place), tables.CRAWLED)
        for one in tables.read(Root(place), tables.CRAWLED, name).to_pylist() if one["title"] == "First words"
    )  # fmt: skip
    assert picture in everything

    described(pictures, title="Last words", licence="In copyright")
    second = answer("ingest", recipe, "--until", "cluster", root=place)
    assert second["edition"] == first["edition"] + 1
    assert folders(place).keys() == everything.keys() - {picture}
    assert second["kept"] == first["kept"] - 1
    assert not list(place.glob(f"corpora/small/clusters/*/*/images/{picture}.*"))
    assert "words" not in pipeline("attribution", "--corpus", "small", root=place).stdout

    described(pictures, title="Free at last", licence="CC0-1.0")
    third = answer("ingest", recipe, "--until", "cluster", root=place)
    assert third["kept"] == first["kept"] and folders(place).keys() == everything.keys()
    credits = pipeline("attribution", "--corpus", "small", root=place).stdout
    assert "Free at last" in credits and "First words" not in credits and "Last words" not in credits
