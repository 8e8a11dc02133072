"""Where files lie: one folder or bucket, one way to publish a file, one lock. The only module that imports fsspec."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.errors import Fatal, LockHeld, NoSpace, PipelineError, Retry, UsageError

_LOCK_TTL = 300.0
_STALE_TMP = 3600.0
_CLAIM_TRIES = 5
_LOOKS = 8
_NOT_FIRST = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


class Root:
    """A folder on disk or a prefix in an object store, named by `url` (`DIR`, `s3://bucket/prefix`, …).

    A file that exists is whole and final: every write goes through `commit`, `claim` or `commit_many`, which
    publish complete bytes under the final name or nothing at all. Paths are relative, with `/`.

    Local files are written to `tmp/`, synced, and renamed; objects are one PUT. Raises `NoSpace` when the disk
    is full, `Fatal` when the place cannot be read, written or reached, `FileNotFoundError` when a file read is
    not there.
    """

    def __init__(self, url: str | Path, _tmp: Path | None = None) -> None:
        self.url = str(url).rstrip("/") or "/"
        if "://" not in self.url or self.url.startswith("file://"):
            self.local: Path | None = Path(self.url.removeprefix("file://")).expanduser().absolute()
            self.url = str(self.local)
        else:
            self.local = None
            self._fs, self._base = _open(self.url)
        self._tmp = _tmp if _tmp is not None else (self.local / "tmp" if self.local else None)

    def __repr__(self) -> str:
        return f"Root({self.url!r})"

    def sub(self, path: str) -> Root:
        """The same store, seen from the folder `path`."""
        return Root(f"{self.url}/{path}", _tmp=self._tmp)

    def address(self, path: str) -> str:
        """What a person types to find `path`."""
        return f"{self.url}/{path}"

    # reading

    def exists(self, path: str) -> bool:
        """Whether a file `path` is there."""
        if self.local:
            return (self.local / path).is_file()
        with _explained(self.url):
            return bool(self._fs.isfile(self._key(path)))

    def read(self, path: str) -> bytes:
        """The whole file."""
        with _explained(self.url):
            if self.local:
                return (self.local / path).read_bytes()
            return bytes(self._fs.cat_file(self._key(path)))

    def read_many(self, paths: Sequence[str]) -> list[bytes]:
        """The whole files, in order; from an object store several at a time."""
        if self.local:
            return [self.read(path) for path in paths]
        if not paths:
            return []
        keys = [self._key(path) for path in paths]
        with _explained(self.url):
            # `cat` would take brackets in a name for a pattern.
            whole = [None] * len(keys)
            return [bytes(data) for data in self._fs.cat_ranges(keys, whole, whole, on_error="raise")]

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`."""
        with _explained(self.url):
            if self.local:
                with open(self.local / path, "rb") as file:
                    return os.pread(file.fileno(), size, offset)
            return bytes(self._fs.cat_file(self._key(path), start=offset, end=offset + size))

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Sorted names of the files right inside `folder`; empty when there is no such folder."""
        return sorted(name for name, kind in self._list(folder) if kind == "file" and name.endswith(suffix))

    def folders(self, folder: str) -> list[str]:
        """Sorted names of the folders right inside `folder`."""
        return sorted(name for name, kind in self._list(folder) if kind == "directory")

    def _list(self, folder: str) -> Iterator[tuple[str, str]]:
        with _explained(self.url), suppress(FileNotFoundError, NotADirectoryError):
            if self.local:
                with os.scandir(self.local / folder) as entries:
                    yield from ((entry.name, "directory" if entry.is_dir() else "file") for entry in entries)
            else:
                for entry in self._fs.ls(self._key(folder), detail=True):
                    name = entry["name"].rstrip("/").rsplit("/", 1)[-1]
                    if name and entry["name"].rstrip("/") != self._key(folder).rstrip("/"):
                        yield name, entry["type"]

    # writing

    def commit(self, path: str, data: bytes) -> None:
        """Publish `data` as `path`, replacing what was there; durable when this returns."""
        if self.local is None:
            self._put(path, data)
            return
        with _explained(self.url, writing=True):
            target = self.local / path
            temporary = self._stage(target, data, sync=True)
            os.replace(temporary, target)
            _sync_folder(target.parent)

    def claim(self, path: str, data: bytes) -> bool:
        """Publish `data` as `path` if nothing is there; False when another was first."""
        if self.local is None:
            return self._create(path, data)
        with _explained(self.url, writing=True):
            target = self.local / path
            temporary = self._stage(target, data, sync=True)
            try:
                os.link(temporary, target)
            except FileExistsError:
                return False
            finally:
                os.unlink(temporary)
            _sync_folder(target.parent)
        return True

    def commit_many(self, items: Iterable[tuple[str, bytes]]) -> int:
        """Publish immutable files that are not there yet, made durable together; returns how many were new."""
        if self.local is None:
            given = dict(items)
            with ThreadPoolExecutor(_LOOKS) as pool:
                there = list(pool.map(self.exists, given))
            fresh = {self._key(path): data for (path, data), old in zip(given.items(), there, strict=True) if not old}
            if fresh:
                with _explained(self.url, writing=True):
                    self._fs.pipe(fresh)
            return len(fresh)
        moves: dict[str, str] = {}
        try:
            with _explained(self.url, writing=True):
                for path, data in items:
                    target = self.local / path
                    if str(target) not in moves and not target.exists():
                        moves[str(target)] = str(self._stage(target, data, sync=False))
                for wait in self._publishing(moves):
                    wait()
        except BaseException:
            for temporary in moves.values():
                Path(temporary).unlink(missing_ok=True)
            raise
        return len(moves)

    def copy(self, path: str, to: str) -> None:
        """Publish an immutable file under a second name, if nothing is there; on disk both are the same bytes."""
        with _explained(self.url, writing=True):
            if self.local is None:
                if not self._fs.isfile(self._key(to)):
                    self._fs.copy(self._key(path), self._key(to))
                return
            target = self.local / to
            _make_folder(target.parent, sync=True)
            with suppress(FileExistsError):
                os.link(self.local / path, target)

    def adopting(self, items: Iterable[tuple[str, str]]) -> Iterator[Callable[[], None]]:
        """Publish files of this folder under their final names, (from, to), made durable together; local only.

        Gives what waits for the disk, for the caller to call before the next one, in any thread. Where the final
        name is taken the file is dropped: what is published so is named by what it holds.
        """
        assert self.local is not None
        with _explained(self.url, writing=True):
            place = f"{self.local}/"
            moves = {place + to: place + path for path, to in items}
            for folder in {os.path.dirname(target) for target in moves}:
                _make_folder(Path(folder), sync=False)
            for target, staged in list(moves.items()):
                if os.path.exists(target):
                    del moves[target]
                    with suppress(FileNotFoundError):
                        os.unlink(staged)
        yield from self._publishing(moves)

    def explained(self) -> AbstractContextManager[None]:
        """While the block writes below this root by itself, the system's refusals become the errors of `commit`."""
        return _explained(self.url, writing=True)

    def _publishing(self, moves: dict[str, str]) -> Iterator[Callable[[], None]]:
        """Give staged files their final names: once all their bytes are on the disk, and durably."""
        if not moves:
            return
        yield self._synced
        with _explained(self.url, writing=True):
            for target, temporary in moves.items():
                os.replace(temporary, target)
        yield self._synced

    def _synced(self) -> None:
        assert self.local is not None
        with _explained(self.url, writing=True):
            _sync_filesystem(self.local)

    def wipe(self, folder: str) -> int:
        """Remove every file under `folder`; how many they were."""
        names = self.names(folder)
        for name in names:
            self.delete(f"{folder}/{name}")
        return len(names) + sum(self.wipe(f"{folder}/{inner}") for inner in self.folders(folder))

    def delete(self, path: str, missing_ok: bool = True) -> None:
        """Remove one file. Raises FileNotFoundError when it is not there and `missing_ok` is false."""
        if not missing_ok and not self.exists(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.address(path))
        with _explained(self.url), suppress(FileNotFoundError):
            if self.local:
                (self.local / path).unlink()
            else:
                self._fs.rm_file(self._key(path))

    def sweep(self) -> int:
        """Remove temporary files that killed runs left behind more than an hour ago; returns how many."""
        if self._tmp is None or not self._tmp.is_dir():
            return 0
        old = [p for p in self._tmp.iterdir() if time.time() - p.stat().st_mtime > _STALE_TMP]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _stage(self, target: Path, data: bytes, sync: bool) -> Path:
        """Write `data` beside nothing anyone reads, ready to be renamed to `target`."""
        assert self._tmp is not None
        _make_folder(target.parent, sync)
        _make_folder(self._tmp, sync=False)
        temporary = self._tmp / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _put(self, path: str, data: bytes, **options: Any) -> None:
        with _explained(self.url, writing=True):
            self._fs.pipe_file(self._key(path), data, **options)

    def _create(self, path: str, data: bytes) -> bool:
        """Exclusive create of an object; a store that saw two at once may refuse both, so try again."""
        for _ in range(_CLAIM_TRIES):
            try:
                self._put(path, data, mode="create")
            except OSError as error:
                if not _was_not_first(error):
                    raise
                if self.exists(path):
                    return False
            else:
                return True
        raise Retry(f"{self.address(path)} can be neither created nor found: run the same command again.")

    def _key(self, path: str) -> str:
        return f"{self._base}/{path}".rstrip("/")

    # locking

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold `locks/NAME` while the block runs. Raises LockHeld when a living process holds it.

        On disk it is a `flock`, which dies with its process; in an object store a claimed object that is
        refreshed every minute and counts as abandoned after five, or at once when its process died on this machine.
        """
        with self._flock(name) if self.local else self._object_lock(name):
            yield

    @contextmanager
    def _flock(self, name: str) -> Iterator[None]:
        assert self.local is not None
        path = self.local / "locks" / f"{name}.lock"
        with ExitStack() as stack:
            with _explained(self.url, writing=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(open(path, "a+"))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    file.seek(0)
                    raise _held(name, file.read()) from None
                file.truncate(0)
                os.write(file.fileno(), json.dumps(_owner()).encode())  # unbuffered: a full disk is told once
            yield

    @contextmanager
    def _object_lock(self, name: str) -> Iterator[None]:
        path, mine = f"locks/{name}.json", _owner()
        self._take(name, path, mine)
        done = threading.Event()

        def refresh() -> None:
            while not done.wait(_LOCK_TTL / 5):
                with suppress(OSError, PipelineError):  # a passing fault: four more tries before it counts as abandoned
                    self.commit(path, json.dumps(mine | {"time": time.time()}).encode())

        keeper = threading.Thread(target=refresh, daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()
            with suppress(FileNotFoundError):
                if json.loads(self.read(path)).get("token") == mine["token"]:
                    self.delete(path)

    def _take(self, name: str, path: str, mine: dict[str, Any]) -> None:
        """Claim the lock object, or take it over from a holder that stopped refreshing it."""
        for _ in range(2):
            if self.claim(path, json.dumps(mine).encode()):
                return
            with suppress(FileNotFoundError):
                holder = self.read(path)
                if not _abandoned(json.loads(holder)):
                    raise _held(name, holder.decode())
                if self._succeed(path, holder, mine):
                    return
        raise _held(name, "")

    def _succeed(self, path: str, holder: bytes, mine: dict[str, Any]) -> bool:
        """Replace an abandoned lock; of several who try, the one that claims the right to."""
        turn = f"{path}.{hashlib.sha256(holder).hexdigest()[:12]}-{int(time.time() / _LOCK_TTL)}"
        if not self.claim(turn, b""):
            return False
        try:
            if self.read(path) != holder:
                return False
            self.commit(path, json.dumps(mine).encode())
            return True
        finally:
            self.delete(turn)


def duckdb_filesystem(root: Root) -> Any | None:
    """The fsspec file system DuckDB needs to read an object store; None for a local folder."""
    return None if root.local else root._fs


def _open(url: str) -> tuple[Any, str]:
    import fsspec

    options: dict[str, Any] = {}
    if url.startswith("s3://"):
        options = {"use_listings_cache": False}
    try:
        fs, base = fsspec.core.url_to_fs(url, **options)
    except (ValueError, ImportError) as error:
        raise UsageError(f"{url} is not a place to store data: {error}. Use a folder or s3://bucket/prefix.") from None
    return fs, base.rstrip("/")


@contextmanager
def _explained(url: str, writing: bool = False) -> Iterator[None]:
    """Turn the refusals of the operating system and of the store into sentences."""
    try:
        yield
    except OSError as error:
        sentence = _sentence(url, error, writing)
        if sentence is None:
            raise
        raise sentence from error
    except _unreachable() as error:
        raise Fatal(
            f"The object store of {url} cannot be used ({error}): check AWS_ENDPOINT_URL, the network and the "
            "credentials, then run the same command again."
        ) from error


def _sentence(url: str, error: OSError, writing: bool) -> PipelineError | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoSpace(f"No space is left at {url}: free some, or move it with --root, and run the same command again.")
    refused = isinstance(error, PermissionError) or error.errno == errno.EROFS
    if refused or (writing and isinstance(error, FileNotFoundError)):
        return Fatal(
            f"{url} cannot be {'written' if writing else 'read'} ({error.strerror or error}): choose another place "
            "with --root, or change its permissions or credentials."
        )
    if isinstance(error, NotADirectoryError | FileExistsError) and error.filename:
        return Fatal(f"{url} cannot be a root because {error.filename} is a file: choose another --root.")
    return None


def _unreachable() -> tuple[type[Exception], ...]:
    """What the S3 client raises when it gets no answer or has no credentials; nothing where it is not in use."""
    module = sys.modules.get("botocore.exceptions")
    return (module.BotoCoreError,) if module else ()


def _was_not_first(error: OSError) -> bool:
    """Whether an exclusive create was refused because another came first (stores word it differently)."""
    response = getattr(error.__cause__, "response", None) or {}
    return isinstance(error, FileExistsError) or response.get("Error", {}).get("Code") in _NOT_FIRST


def _make_folder(folder: Path, sync: bool) -> None:
    """Make `folder` and what is above it; with `sync`, so that it survives a power cut."""
    if folder.is_dir():
        return
    _make_folder(folder.parent, sync)
    folder.mkdir(exist_ok=True)
    if sync:
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_filesystem(folder: Path) -> None:
    """One barrier for many files: a sync for each costs 70 files a second, this reaches thousands."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(handle)


def _owner() -> dict[str, Any]:
    now = time.time()
    return {
        "pid": os.getpid(), "host": socket.gethostname(), "space": _process_space(), "since": now, "time": now,
        "token": secrets.token_hex(8),
    }  # fmt: skip


def _abandoned(holder: dict[str, Any]) -> bool:
    """Whether the holder of a lock is gone: it stopped refreshing it, or its process here is dead."""
    if time.time() - float(holder["time"]) >= _LOCK_TTL:
        return True
    if not holder.get("space") or holder["space"] != _process_space():
        return False
    try:
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _process_space() -> str:
    """What tells one numbering of processes from another: the boot of the machine and the container; '' if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _held(name: str, holder: str) -> LockHeld:
    try:
        facts = json.loads(holder)
        minutes = max(0, time.time() - facts["since"]) / 60
        who = f"process {facts['pid']} on {facts['host']}, for {minutes:.0f} minutes"
    except (ValueError, KeyError):
        who = "another process"
    return LockHeld(f"Another run holds the lock '{name}' ({who}): wait for it, or stop it.")
