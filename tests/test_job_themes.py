"""Themes over nights, by vectors of the user's: what is strange waits, is proposed, accepted, joined, and refitted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from job import manifest, picture, pipeline

from pipeline import tables
from pipeline.corpus import edition
from pipeline.storage import Root
from pipeline.vision.standing import UNSORTED
from pipeline.web.catalogue import Catalogue

KINDS = ("stripes", "discs", "noise")
NIGHTS = (
    {"stripes": range(14), "discs": range(13)},
    {"noise": range(8), "discs": range(13, 15)},
    {"noise": range(8, 12)},
)
WIDTH = 24
pytestmark = pytest.mark.timeout(600)


def draw(folder: Path, night: dict[str, range]) -> dict[str, str]:
    """The kind of each picture of a night, by id; the files are written."""
    made = {}
    for kind, numbers in night.items():
        for number in numbers:
            path = folder / f"{kind} {number:03d}.png"
            picture(kind, number).save(path)
            made[hashlib.sha256(path.read_bytes()).hexdigest()] = kind
    return made


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], dict[str, str], str]:
    """The root, what was known after each night and after a refit, the kind of each picture, and one without vector."""
    folder = tmp_path_factory.mktemp("themes")
    kinds: dict[str, str] = {}
    for number, night in enumerate(NIGHTS):
        (folder / f"night {number}").mkdir()
        kinds |= draw(folder / f"night {number}", night)
    without = next(picture for picture, kind in kinds.items() if kind == "stripes")
    known = [picture for picture in kinds if picture != without]
    directions = np.linalg.qr(np.random.default_rng(3).normal(size=(WIDTH, 3)))[0].T
    noise = np.random.default_rng(4).normal(size=(len(known), WIDTH)) * 0.03
    vectors = directions[[KINDS.index(kinds[picture]) for picture in known]] + noise
    np.save(folder / "vectors.npy", vectors.astype(np.float32))
    (folder / "ids.txt").write_text("\n".join(known))
    pictures, root = folder / "pictures", folder / "root"
    recipe = manifest(
        folder, pictures, cluster={"k": 2, "propose": 6, "min_size": 4}, dedupe={"preset": "strict", "distance": 0},
        embed={"vectors": str(folder / "vectors.npy"), "ids": str(folder / "ids.txt")},
    )  # fmt: skip
    (folder / "night 0").rename(pictures)
    told = ("--until", "cluster", "--workers", "1")
    pipeline("run", recipe, *told, root=root)
    seen = [known_of(root)]
    arrive(folder / "night 1", pictures)
    pipeline("ingest", recipe, *told, root=root)
    seen.append(known_of(root))
    pipeline("decide", "theme", "grain", *seen[1]["themes"]["proposals"][0]["pictures"], root=root)
    arrive(folder / "night 2", pictures)
    pipeline("ingest", recipe, *told, root=root)
    seen.append(known_of(root))
    pipeline("cluster", "--refit", "--k", "3", "--workers", "1", root=root)
    seen.append(known_of(root))
    return root, seen, kinds, without


def arrive(night: Path, pictures: Path) -> None:
    for file in night.iterdir():
        file.rename(pictures / file.name)


def known_of(root: Path) -> dict[str, Any]:
    """The themes of the newest edition: members and names by number, `themes.json`, what waits."""
    facts = edition(Root(str(root)), "small")
    assert facts is not None
    clusters = root / facts["folders"]["clusters"]
    members = {c["id"]: {p.stem for p in (clusters / f"{c['id']:02d}" / "images").iterdir()} for c in facts["clusters"]}
    waiting = clusters / "unsorted/images"
    return {
        "members": members, "names": {c["id"]: c["name"] for c in facts["clusters"]}, "edition": facts["edition"],
        "themes": json.loads((clusters / "themes.json").read_text()),
        "waiting": {p.stem for p in waiting.iterdir()} if waiting.exists() else set(),
    }  # fmt: skip


def test_vectors_of_the_users_make_the_themes_and_a_picture_without_one_says_so(
    nights: tuple[Path, list[dict[str, Any]], dict[str, str], str],
) -> None:
    root, (first, *_), kinds, without = nights
    found = sorted(sorted(kinds[picture] for picture in members) for members in first["members"].values())
    assert found == [["discs"] * 13, ["stripes"] * 13]
    facts = edition(Root(str(root)), "small", 1)
    assert facts is not None
    rows = tables.read_all(Root(str(root)), facts["folders"]["embedded"], facts["partitions"], ["id", "reason"])
    assert {row["id"]: row["reason"] for row in rows.to_pylist() if row["reason"]} == {without: "no_vector"}


def test_what_is_strange_waits_and_is_proposed(
    nights: tuple[Path, list[dict[str, Any]], dict[str, str], str],
) -> None:
    root, (first, second, *_), kinds, _ = nights
    assert {kinds[picture] for picture in second["waiting"]} == {"noise"}
    assert len(second["waiting"]) == second["themes"]["unsorted"]["size"] == 8
    (proposal,) = second["themes"]["proposals"]
    assert set(proposal["pictures"]) == second["waiting"]
    assert proposal["number"] == 2
    assert all(members <= second["members"][number] for number, members in first["members"].items())
    facts = edition(Root(str(root)), "small", second["edition"])
    assert facts is not None
    catalogue = Catalogue(Root(str(root)), facts)
    assert not catalogue.has(UNSORTED), "those that wait are no theme that could be renamed or trained"
    sizes = {theme["id"]: theme["size"] for theme in catalogue.summary()}
    assert sizes == {number: len(members) for number, members in second["members"].items()}


def test_an_accepted_theme_gathers_what_comes_later(
    nights: tuple[Path, list[dict[str, Any]], dict[str, str], str],
) -> None:
    _, (_, second, third, _), kinds, _ = nights
    assert third["names"][2] == "grain"
    assert third["members"][2] == {picture for picture, kind in kinds.items() if kind == "noise"}
    assert not third["waiting"]
    assert {n: third["members"][n] for n in second["members"]} == second["members"]


def test_a_refit_goes_on_with_numbers_and_names(
    nights: tuple[Path, list[dict[str, Any]], dict[str, str], str],
) -> None:
    _, (_, _, third, fourth), _, _ = nights
    assert fourth["members"] == third["members"]
    assert fourth["names"] == third["names"]
    assert fourth["themes"]["refit"]["moved"] == 0
