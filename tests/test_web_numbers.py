"""What the scripts of the pages are given: limits as sliders, places on the map, one picture laid over another."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decisions import Event
from pipeline.manifest import Select
from pipeline.web import atlas, charts, journal, limits
from pipeline.web.pages import Links, size

VALUES = st.lists(st.floats(0, 500), min_size=1, max_size=60)


@given(VALUES, st.floats(0, 500), st.booleans())
def test_a_slider_counts_what_each_stop_rejects(values: list[float], limit: float, below: bool) -> None:
    made = limits.slider(np.array(values), ("min_side", "too_small"), limit, below)
    assert made.stops[made.at] == limit
    assert list(made.stops) == sorted(set(made.stops))
    for stop, lost in zip(made.stops, made.lost, strict=True):
        assert lost == sum(value < stop if below else value > stop for value in values)


def test_every_limit_on_a_number_has_a_slider() -> None:
    numbers = {name for name in Select.model_fields if name.startswith(("min_", "max_"))}
    assert {key for key, _, _ in limits._LIMITS.values()} == numbers


@given(st.integers(2, 40), st.integers(0, 5))
def test_places_stay_within_the_map_and_keep_their_proportions(count: int, seed: int) -> None:
    places = np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32) * [5, 1]
    made = atlas.within(places.astype(np.float32))
    assert made.shape == (count, 2)
    assert made.min() >= 0
    assert made.max() <= 1


def test_two_components_are_those_of_the_largest_spread() -> None:
    random = np.random.default_rng(0)
    spread = np.zeros((300, 40), np.float32)
    spread[:, 0], spread[:, 1] = 10, random.normal(0, 3, 300)
    spread[:, 2] = random.normal(0, 2, 300)
    spread[:, 3:] = random.normal(0, 0.05, (300, 37))
    made = atlas.components(spread)
    unit = spread / np.linalg.norm(spread, axis=1, keepdims=True)
    for axis, column in ((0, 1), (1, 2)):
        assert abs(np.corrcoef(made[:, axis], unit[:, column])[0, 1]) > 0.97
    assert np.array_equal(made, atlas.components(spread))


def test_the_map_says_of_each_picture_what_colours_it() -> None:
    ids = [f"{number:064x}" for number in range(3)] + ["ab" * 32 + "-258"]
    found = atlas.Atlas(ids, np.array([[0, 0], [1, 1], [0.5, 0.25], [1, 0]], np.float32), np.array([7, -2, 7, 3]),
                        pa.array(["b", "a", "b", "b"]), pa.array(["CC0-1.0"] * 4),
                        np.array([20_000, 20_000, 20_002, 20_001]), "hand")
    said = json.loads(atlas.script(found, {7: "</script>", 3: "three"}).decode().removeprefix("globalThis.wkMap=")[:-2])

    def numbers(name: str, kind: str) -> list[int]:
        return np.frombuffer(base64.b64decode(said[name]), kind).tolist()

    assert said["n"] == 4
    assert [theme["id"] for theme in said["themes"]] == [-2, 3, 7]
    assert [theme["name"] for theme in said["themes"]] == ["in no theme", "three", "</script>"]
    assert numbers("theme", "<u2") == [2, 0, 2, 1]
    assert numbers("x", "<u2") == [0, 65535, 32768, 65535]
    assert said["sources"] == ["b", "a"]
    assert numbers("source", "u1") == [0, 1, 0, 0]
    assert numbers("day", "<u2") == [0, 0, 2, 1]
    packed = atlas.ids_script(found).decode().split('"')[1]
    plain = b"".join(bytes.fromhex(one) + b"\0\0" for one in ids[:3])
    assert base64.b64decode(packed) == plain + bytes.fromhex("ab" * 32) + b"\1\2"


def test_a_picture_is_laid_over_its_copy_as_the_proof_says() -> None:
    made = charts.overlay((352, 176), (176, 176), [0.5, 0.0, 10.0, 0.0, 0.5, 20.0], "mirrored, scaled to 50 %")
    assert (made.width, made.height) == (176, 176)
    assert made.over == (176, 88)
    numbers = [float(text) for text in re.findall(r"-?[\d.]+", made.transform)]
    assert numbers[:6] == [0.5, 0, 0, 0.5, 10, 20]
    assert made.transform.endswith("translate(176.000 0) scale(-1 1)")
    plain = charts.overlay((352, 176), (100, 100), None, "")
    assert plain.transform.startswith("scale(")
    assert (plain.width, plain.height) == (100, 100)


def test_decisions_are_said_in_words_newest_first() -> None:
    def event(at: int, action: str, **fields: object) -> Event:
        stamp = f"2026-11-22T00:00:{at:02d}+00:00"
        return Event(f"20261122T0000{at:02d}000000Z-0000000{at}", stamp, "anna", action, fields)

    ids = [f"{number:064x}" for number in range(3)]
    first = event(1, "reject", pictures=ids)
    events = [
        first, event(2, "merge", themes=[3, 4], into=4), event(3, "undo", event=first.id),
        event(4, "split", theme=4, parts=[ids[:1], ids[1:]], numbers=[4, 9]), event(5, "rename", theme=4, name="sea"),
    ]
    found = journal.entries(events, {3: "ponds", 4: "water"})
    assert [entry.said for entry in found] == [
        "theme 04 called sea", "04 sea split: 04 with 1, 09 with 2", "taken back: 3 pictures rejected",
        "03 ponds merged into 04 sea", "3 pictures rejected",
    ]
    assert [entry.stands for entry in found] == [True, True, True, True, False]
    assert found[1].pictures == ids

    persons = [
        event(1, "name_person", person=3, name="Anna"), event(2, "merge_people", persons=[3, 7], into=3),
        event(3, "split_person", person=3, faces=[f"{ids[0]}-1"], number=8),
    ]
    assert [entry.said for entry in journal.entries(persons, {})] == [
        "person 3 split: 1 face now of 8", "person 7 merged into 3", "person 3 called Anna",
    ]


@pytest.mark.parametrize(("address", "up"), [("index.html", ""), ("clusters/07.html", "../")])
def test_links_lead_up_to_the_top(address: str, up: str) -> None:
    link = Links.of(address)
    assert link.cluster(7, 2) == f"{up}clusters/07-2.html"
    assert link.asset("style.css") == f"{up}static/style.css"


@pytest.mark.parametrize(("count", "text"), [
    (None, "–"), (0, "0 bytes"), (999, "999 bytes"), (9_400, "9.4 kB"), (2_500_000_000, "2.5 GB"), (4e15, "4,000.0 TB"),
])  # fmt: skip
def test_sizes_read_well(count: float | None, text: str) -> None:
    assert size(count) == text
