"""Writes an export into a folder on this machine, and brings one up to date that was written before."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pipeline import attribution
from pipeline.errors import Fatal, UsageError
from pipeline.export import cards, layouts
from pipeline.export.samples import Sample
from pipeline.schema import ID_DIGITS
from pipeline.storage import Root

FORMATS = ("webdataset", "huggingface", "stylegan", "kohya")
_MARK = "export.json"
_BEGUN = ".export-begun"  # a line for each file, before it is written: what a killed export left is known too


def write(root: Root, edition: Mapping[str, Any], samples: Sequence[Sample], form: str, out: Path) -> int:
    """Write `samples` into the folder `out` as one of FORMATS, with README.md and CREDITS.md; how many files it has.

    A folder that holds an earlier export of the corpus in that form is brought up to date: what was taken down since
    is deleted. Raises UsageError when it holds anything else, or the form cannot hold these pictures; NoSpace when
    the disk is full.
    """
    place = Root(out)
    with place.explained():
        before = _claimed(out, edition["corpus"], form)
        out.mkdir(parents=True, exist_ok=True)
        mark = {"schema_version": 1, "corpus": edition["corpus"], "edition": edition["edition"], "format": form}
        _put(out, _MARK, [json.dumps({**mark, "complete": False, "files": sorted(before)}).encode()])
        written = set[str]()
        with open(out / _BEGUN, "a", encoding="utf-8", buffering=1) as begun:
            for path, parts in _files(root, edition, samples, form):
                begun.write(f"{path}\n")
                _put(out, path, parts)
                written.add(path)
        for path in before - written:
            _drop(out, path)
        _put(out, _MARK, [json.dumps({**mark, "complete": True, "files": sorted(written)}).encode()])
        (out / _BEGUN).unlink()
    return len(written)


def _claimed(out: Path, corpus: str, form: str) -> set[str]:
    """The files of the export that stands in a folder; none when it is empty or not there."""
    mark = out / _MARK
    if not mark.is_file():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} is not empty and holds no export: name another folder with --out.")
        return set()
    try:
        facts = json.loads(mark.read_bytes())
        files = {str(path) for path in facts["files"]}
        same = (facts["corpus"], facts["format"]) == (corpus, form)
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{mark} is damaged: name another folder with --out.") from None
    if not same:
        raise UsageError(f"{out} holds another export ({facts['format']} of {facts['corpus']}): name another folder.")
    begun = out / _BEGUN
    return files | set(begun.read_text(encoding="utf-8").splitlines() if begun.is_file() else ())


def _files(
    root: Root, edition: Mapping[str, Any], samples: Sequence[Sample], form: str
) -> Iterator[layouts.File]:
    read = partial(_read, root)
    if form == "huggingface":
        for path, parts in layouts.imagefolder(samples, read):
            if path.endswith("metadata.jsonl"):
                parts = [b"".join(parts)]
                yield "croissant.json", [cards.croissant(samples, edition, parts[0], edition["created_at"]).encode()]
            yield path, parts
    elif form == "stylegan":
        side = int(edition["manifest"]["shard"]["size"])
        yield from layouts.stylegan(samples, read, str(edition["corpus"]), side)
    else:
        yield from {"webdataset": layouts.webdataset, "kohya": layouts.kohya}[form](samples, read)
    credits = attribution.credits(root, edition, only={one.id[:ID_DIGITS] for one in samples})
    yield "CREDITS.md", [attribution.written(credits, edition, "md").encode()]
    yield "README.md", [cards.readme(samples, edition, form).encode()]


def _read(root: Root, samples: Sequence[Sample]) -> Sequence[bytes]:
    try:
        return root.read_many([one.path for one in samples])
    except FileNotFoundError as error:
        gone = error.filename or "A picture of a thematic folder"
        raise Fatal(f"{gone} is gone: make the folders again with `pipeline cluster`.") from None


def _put(out: Path, path: str, parts: Iterable[bytes]) -> None:
    target = out / path
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _part(target)
    try:
        with open(temporary, "wb") as file:
            for part in parts:
                file.write(part)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _part(target: Path) -> Path:
    """What a file is called while it is written."""
    return target.with_name(f".{target.name}.part")


def _drop(out: Path, path: str) -> None:
    """Delete a file of an earlier export, and its folder when it was the last."""
    inside = out.resolve()
    target = (out / path).resolve()
    if inside not in target.parents:
        raise UsageError(f"{out / _MARK} is damaged: name another folder with --out.")
    target.unlink(missing_ok=True)
    _part(target).unlink(missing_ok=True)
    with suppress(OSError):
        if target.parent != inside:
            target.parent.rmdir()
