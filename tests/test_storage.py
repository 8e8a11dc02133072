"""Storage: whole files or none, on a folder and on a real S3 server."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import free_ports

from pipeline import storage
from pipeline.errors import Fatal, LockHeld, NoSpace, UsageError
from pipeline.storage import Root

ODD = ["spaces and it's", "[brackets]*?", "per%cent$", "ünïcödé 絵", "-dash", "#hash&amp;"]


def python(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """A child that runs `code` with this interpreter."""
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, **options)


# both kinds of place


def test_what_is_committed_is_read_back(any_root: str) -> None:
    root = Root(any_root)
    root.commit("a/b/c.bin", b"\x00one")
    assert root.read("a/b/c.bin") == b"\x00one"
    root.commit("a/b/c.bin", b"two")
    assert root.read("a/b/c.bin") == b"two"
    assert root.exists("a/b/c.bin")
    assert not root.exists("a/b")
    assert not root.exists("a/b/d.bin")


def test_a_missing_file_is_said_to_be_missing(any_root: str) -> None:
    root = Root(any_root)
    root.commit("there", b"")
    for read in (
        lambda: root.read("missing"),
        lambda: root.read_many(["there", "missing"]),
        lambda: root.read_range("missing", 0, 1),
        lambda: root.delete("missing", missing_ok=False),
    ):
        with pytest.raises(FileNotFoundError):
            read()
    root.delete("missing")


def test_read_many_keeps_the_order_asked_for(any_root: str) -> None:
    root = Root(any_root)
    root.commit_many((f"o/{n}", str(n).encode()) for n in range(20))
    order = [f"o/{n}" for n in random.Random(1).sample(range(20), 20)] + ["o/3", "o/3"]
    assert root.read_many(order) == [name.removeprefix("o/").encode() for name in order]
    assert root.read_many([]) == []


def test_read_range_reads_that_range(any_root: str) -> None:
    root = Root(any_root)
    root.commit("tar", bytes(range(200)))
    assert root.read_range("tar", 100, 5) == bytes(range(100, 105))
    assert root.read_range("tar", 195, 50) == bytes(range(195, 200))


def test_names_and_folders_are_sorted_and_near(any_root: str) -> None:
    root = Root(any_root)
    for path in ("t/b.parquet", "t/a.parquet", "t/note.txt", "t/deep/x.parquet", "other/y"):
        root.commit(path, b"x")
    assert root.names("t") == ["a.parquet", "b.parquet", "note.txt"]
    assert root.names("t", ".parquet") == ["a.parquet", "b.parquet"]
    assert root.folders("t") == ["deep"]
    assert {"t", "other"} <= set(root.folders(""))
    assert root.names("nowhere") == root.folders("nowhere") == []


def test_names_never_show_a_file_in_the_making(tmp_path: Path) -> None:
    root = Root(tmp_path)
    root.commit("t/a", b"x")
    half = root._stage(tmp_path / "t" / "b", b"half", sync=False)
    assert half.exists()
    assert root.names("t") == ["a"]
    assert root.sub("t").names("") == ["a"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_names(any_root: str, name: str) -> None:
    root = Root(any_root).sub(name)
    root.commit(f"{name}/{name}.bin", name.encode())
    assert root.folders("") == [name]
    assert root.names(name) == [f"{name}.bin"]
    assert root.read(f"{name}/{name}.bin") == name.encode()
    assert root.read_many([f"{name}/{name}.bin"]) == [name.encode()]
    assert root.read_range(f"{name}/{name}.bin", 0, 1) == name.encode()[:1]
    assert not root.claim(f"{name}/{name}.bin", b"")


def test_commit_many_leaves_what_is_there(any_root: str) -> None:
    root = Root(any_root)
    root.commit("o/1", b"first")
    assert root.commit_many([("o/1", b"second"), ("o/2", b"new"), ("o/2", b"again")]) == 1
    assert root.read("o/1") == b"first"
    assert root.read("o/2") in (b"new", b"again")
    assert root.commit_many([]) == 0


def test_a_sub_root_is_the_same_place(any_root: str) -> None:
    root = Root(any_root)
    root.sub("a").sub("b").commit("c", b"x")
    assert root.read("a/b/c") == b"x"
    assert root.sub("a/b").address("c") == root.address("a/b/c")


CLAIM = """
    import sys
    from pipeline.storage import Root
    root, mine = Root(sys.argv[1]), sys.argv[2]
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(root.claim(f"claims/{n}", mine.encode()) for n in range(30)), flush=True)
"""


def test_a_name_is_claimed_by_one_of_two_processes(any_root: str) -> None:
    racers = [python(CLAIM, any_root, name) for name in ("one", "two")]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    root = Root(any_root)
    owners = root.read_many([f"claims/{n}" for n in range(30)])
    assert won == [owners.count(b"one"), owners.count(b"two")]
    assert sum(won) == 30


# locks


def test_a_lock_is_held_by_one(any_root: str) -> None:
    first, second = Root(any_root), Root(any_root)
    with first.lock("run"):
        with second.lock("other"):
            pass
        said = rf"'run' \(process {os.getpid()} on .*, for 0 minutes\)"
        with pytest.raises(LockHeld, match=said), second.lock("run"):
            pass
    with second.lock("run"):
        pass


def test_a_lock_is_let_go_when_the_work_fails(any_root: str) -> None:
    root = Root(any_root)
    with pytest.raises(ZeroDivisionError), root.lock("run"):
        _ = 1 / 0
    with root.lock("run"):
        pass


HOLD = """
    import sys
    from pipeline.storage import Root
    with Root(sys.argv[1]).lock("run"):
        print("held", flush=True)
        sys.stdin.readline()
"""


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    holder = python(HOLD, str(tmp_path))
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockHeld, match=f"process {holder.pid} "), Root(tmp_path).lock("run"):
        pass
    holder.kill()
    holder.communicate()
    with Root(tmp_path).lock("run"):
        pass


def _abandoned(age: float) -> bytes:
    then = time.time() - age
    return json.dumps({"pid": 1, "host": "gone", "since": then, "time": then, "token": "other"}).encode()


def test_an_abandoned_object_lock_is_taken_over_by_one(s3_root: str) -> None:
    root = Root(s3_root)
    root.commit("locks/run.json", _abandoned(200))
    with pytest.raises(LockHeld, match="process 1 on gone, for 3 minutes"), root.lock("run"):
        pass
    root.commit("locks/run.json", _abandoned(400))
    with root.lock("run"):
        assert json.loads(root.read("locks/run.json"))["pid"] == os.getpid()
        with pytest.raises(LockHeld), Root(s3_root).lock("run"):
            pass
    assert root.names("locks") == []


def test_of_two_who_saw_the_same_abandoned_lock_one_gets_it(s3_root: str) -> None:
    root, stale = Root(s3_root), _abandoned(400)
    root.commit("locks/run.json", stale)
    mine, late = storage._owner(), storage._owner()
    assert root._succeed("locks/run.json", stale, mine)
    assert not root._succeed("locks/run.json", stale, late)
    assert json.loads(root.read("locks/run.json"))["token"] == mine["token"]


def test_a_lock_that_another_took_over_is_left_to_it(s3_root: str) -> None:
    root = Root(s3_root)
    with root.lock("run"):
        root.commit("locks/run.json", _abandoned(0))
    assert json.loads(root.read("locks/run.json"))["token"] == "other"


def test_a_held_object_lock_is_kept_fresh(s3_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_LOCK_TTL", 0.5)
    root = Root(s3_root)
    with root.lock("run"):
        time.sleep(0.8)
        with pytest.raises(LockHeld), Root(s3_root).lock("run"):
            pass


# what kills


COMMIT_FOREVER = """
    import os, sys
    from pipeline.storage import Root
    root = Root(sys.argv[1])
    print("ready", flush=True)
    n = 0
    while True:
        root.commit(f"tables/{n % 7}", bytes([n % 251]) * 300_000)
        root.commit_many((f"originals/{n}-{i}", bytes([i]) * 50_000) for i in range(5))
        root.claim(f"claims/{n}", bytes([n % 251]) * 100_000)
        n += 1
"""


def test_a_kill_at_any_moment_leaves_whole_files_only(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(8):
        child = python(COMMIT_FOREVER, str(tmp_path))
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.01, 0.25))
        child.send_signal(signal.SIGKILL)
        child.communicate()
    sizes = {"tables": 300_000, "originals": 50_000, "claims": 100_000}
    seen = 0
    for folder, size in sizes.items():
        for file in (tmp_path / folder).iterdir():
            data = file.read_bytes()
            assert len(data) == size
            assert data == data[:1] * size
            seen += 1
    assert seen > 20


def test_sweep_removes_what_killed_runs_left(tmp_path: Path) -> None:
    root = Root(tmp_path)
    assert root.sweep() == 0
    old = root._stage(tmp_path / "a", b"half", sync=False)
    fresh = root._stage(tmp_path / "a", b"half", sync=False)
    os.utime(old, (time.time() - 7200,) * 2)
    assert root.sweep() == 1
    assert not old.exists()
    assert fresh.exists()


# what refuses


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk, and not everywhere")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_leaves_nothing_behind(small_disk: Path) -> None:
    root = Root(small_disk)
    root.commit("kept", b"x" * 1000)
    with pytest.raises(NoSpace, match=r"No space is left at .*small: free some"):
        root.commit("large", b"x" * 2_000_000)
    with pytest.raises(NoSpace):
        root.commit_many((f"o/{n}", b"x" * 100_000) for n in range(30))
    with pytest.raises(NoSpace):
        root.claim("large", b"x" * 2_000_000)
    assert root.names("") == ["kept"]
    assert root.names("o") == root.names("tmp") == []
    assert root.read("kept") == b"x" * 1000


def test_a_limit_on_file_size_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    root = Root(tmp_path)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, old[1]))
    try:
        with pytest.raises(NoSpace):
            root.commit("large", b"x" * 10_000)
        with pytest.raises(NoSpace):
            root.commit_many([("o/small", b"x"), ("o/large", b"x" * 10_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert root.names("") == root.names("o") == root.names("tmp") == []


@pytest.fixture
def forbidden(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may enter; permissions hold for root too while this lasts."""
    folder = tmp_path / "forbidden"
    folder.mkdir(mode=0o000)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(me)
    folder.chmod(0o700)


def test_a_root_that_cannot_be_written_is_said(forbidden: Path) -> None:
    root = Root(forbidden)
    for write in (
        lambda: root.commit("a", b""),
        lambda: root.claim("a", b""),
        lambda: root.commit_many([("a", b"")]),
        lambda: root.lock("run").__enter__(),
    ):
        with pytest.raises(Fatal, match=r"cannot be written \(Permission denied\): choose another place with --root"):
            write()
    with pytest.raises(Fatal, match="cannot be read"):
        root.names("")


def test_a_root_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Fatal, match="file is a file: choose another --root"):
        Root(tmp_path / "file").commit("a/b", b"")


def test_a_place_nobody_can_make_is_said() -> None:
    with pytest.raises(Fatal, match="cannot be written"):
        Root("/proc/wunderkammer").commit("a", b"")


def test_an_unknown_kind_of_place_is_said() -> None:
    with pytest.raises(UsageError, match="Use a folder or s3://bucket/prefix"):
        Root("nonsense://bucket")


def test_a_wrong_secret_is_said(s3_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    monkeypatch.setattr("s3fs.S3FileSystem.cachable", False)
    root = Root(s3_root)
    with pytest.raises(Fatal, match="cannot be written"):
        root.commit("a", b"")
    with pytest.raises(Fatal, match="cannot be read"):
        root.names("")


def test_a_store_that_is_down_is_said(s3_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("s3fs.S3FileSystem.cachable", False)
    with pytest.raises(Fatal, match=r"The object store of s3://.* cannot be used .*check AWS_ENDPOINT_URL"):
        Root(s3_root).names("")
