"""Where files lie: one folder or bucket, one way to publish a file, one lock. The only module that imports fsspec."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.errors import Fatal, LockHeld, NoSpace, UsageError

_LOCK_TTL = 300.0
_STALE_TMP = 3600.0


class Root:
    """A folder on disk or a prefix in an object store, named by `url` (`DIR`, `s3://bucket/prefix`, …).

    A file that exists is whole and final: every write goes through `commit`, `claim` or `commit_many`, which
    publish complete bytes under the final name or nothing at all. Paths are relative, with `/`.

    Local files are written to `tmp/`, synced, and renamed; objects are one PUT. Raises `NoSpace` when the disk
    is full, `Fatal` when the place cannot be written, `FileNotFoundError` when a file read is not there.
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
        return bool(self._fs.exists(self._key(path)))

    def read(self, path: str) -> bytes:
        """The whole file."""
        if self.local:
            return (self.local / path).read_bytes()
        return bytes(self._fs.cat_file(self._key(path)))

    def read_many(self, paths: Sequence[str]) -> list[bytes]:
        """The whole files, in order; from an object store several at a time."""
        if self.local:
            return [(self.local / path).read_bytes() for path in paths]
        if not paths:
            return []
        keys = [self._key(path) for path in paths]
        found: dict[str, bytes] = self._fs.cat(list(dict.fromkeys(keys)))
        return [found[key] for key in keys]

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`."""
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
        if self.local:
            try:
                with os.scandir(self.local / folder) as entries:
                    for entry in entries:
                        yield entry.name, "directory" if entry.is_dir() else "file"
            except (FileNotFoundError, NotADirectoryError):
                return
        else:
            with suppress(FileNotFoundError):
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
        with _explained(self.url):
            target = self.local / path
            temporary = self._stage(target, data, sync=True)
            os.replace(temporary, target)
            _sync_folder(target.parent)

    def claim(self, path: str, data: bytes) -> bool:
        """Publish `data` as `path` if nothing is there; False when another was first."""
        if self.local is None:
            try:
                self._put(path, data, mode="create")
            except FileExistsError:
                return False
            return True
        with _explained(self.url):
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
            fresh = {self._key(path): data for path, data in items if not self.exists(path)}
            if fresh:
                with _explained(self.url):
                    self._fs.pipe(fresh)
            return len(fresh)
        with _explained(self.url):
            moves: dict[Path, Path] = {}
            for path, data in items:
                target = self.local / path
                if target not in moves and not target.exists():
                    moves[target] = self._stage(target, data, sync=False)
            if moves:
                _sync_filesystem(self.local)
                for target, temporary in moves.items():
                    os.replace(temporary, target)
                _sync_filesystem(self.local)
        return len(moves)

    def delete(self, path: str, missing_ok: bool = True) -> None:
        """Remove one file."""
        try:
            if self.local:
                (self.local / path).unlink()
            else:
                self._fs.rm_file(self._key(path))
        except FileNotFoundError:
            if not missing_ok:
                raise

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
        target.parent.mkdir(parents=True, exist_ok=True)
        self._tmp.mkdir(parents=True, exist_ok=True)
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
        with _explained(self.url):
            self._fs.pipe_file(self._key(path), data, **options)

    def _key(self, path: str) -> str:
        return f"{self._base}/{path}".rstrip("/")

    # locking

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold `locks/NAME` while the block runs. Raises LockHeld when a living process holds it.

        On disk it is a `flock`, which dies with its process; in an object store a claimed object that is
        refreshed every minute and counts as abandoned after five.
        """
        with self._flock(name) if self.local else self._object_lock(name):
            yield

    @contextmanager
    def _flock(self, name: str) -> Iterator[None]:
        assert self.local is not None
        path = self.local / "locks" / f"{name}.lock"
        with _explained(self.url):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, "a+")  # noqa: SIM115 - held open as long as the lock
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                file.seek(0)
                raise _held(name, file.read()) from None
            file.truncate(0)
            file.write(_owner())
            file.flush()
            yield

    @contextmanager
    def _object_lock(self, name: str) -> Iterator[None]:
        path = f"locks/{name}.json"
        if not self.claim(path, _owner().encode()):
            holder = self.read(path)
            if time.time() - float(json.loads(holder)["time"]) < _LOCK_TTL:
                raise _held(name, holder.decode())
            self.delete(path)
            if not self.claim(path, _owner().encode()):
                raise _held(name, self.read(path).decode())
        done = threading.Event()

        def refresh() -> None:
            while not done.wait(_LOCK_TTL / 5):
                self.commit(path, _owner().encode())

        keeper = threading.Thread(target=refresh, daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()
            self.delete(path)


def duckdb_filesystem(root: Root) -> Any | None:
    """The fsspec file system DuckDB needs to read an object store; None for a local folder."""
    return None if root.local else root._fs


def _open(url: str) -> tuple[Any, str]:
    import fsspec

    options: dict[str, Any] = {}
    if url.startswith("s3://"):
        options = {"use_listings_cache": False, "config_kwargs": {"retries": {"max_attempts": 5}}}
    try:
        fs, base = fsspec.core.url_to_fs(url, **options)
    except (ValueError, ImportError) as error:
        raise UsageError(f"{url} is not a place to store data: {error}. Use a folder or s3://bucket/prefix.") from None
    return fs, base.rstrip("/")


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn the operating system's refusals into sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoSpace(
                f"No space is left at {url}: free some, or move it with --root, and run the same command again."
            ) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise Fatal(
                f"{url} cannot be written ({error.strerror or error}): choose another place with --root, "
                "or change its permissions or credentials."
            ) from error
        if isinstance(error, NotADirectoryError | FileExistsError) and error.errno in (errno.ENOTDIR, errno.EEXIST):
            raise Fatal(f"{url} cannot be a root because {error.filename} is a file: choose another --root.") from error
        raise


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


def _owner() -> str:
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "time": time.time()})


def _held(name: str, holder: str) -> LockHeld:
    try:
        facts = json.loads(holder)
        who = f"process {facts['pid']} on {facts['host']}, for {max(0, time.time() - facts['time']) / 60:.0f} minutes"
    except (ValueError, KeyError):
        who = "another process"
    return LockHeld(f"Another run holds the lock '{name}' ({who}): wait for it, or stop it.")
