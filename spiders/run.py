"""Run a source for a root: a crawl in a child process, an import in this one. Imports no crawler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline import errors
from pipeline.errors import Fatal, PipelineError, Reason
from pipeline.storage import Root
from spiders.estimate import Estimate
from spiders.registry import check, described
from spiders.summary import CrawlSummary

Echo = Callable[[str], None]
LINE_SECONDS = 5.0
STOP_SECONDS = 15.0


def take(
    spec: Mapping[str, Any], root: Root, *, base_url: str | None = None, echo: Echo | None = None
) -> CrawlSummary:
    """Run one source of a manifest: `{crawl: wikiart, style: cubism, limit: 100}` or `{import: folder, path: X}`.

    Raises what `crawl` and `import_` raise.
    """
    source = check(spec)
    limit = int(spec["limit"]) if spec.get("limit") else None
    if "import" in spec and not source.fetched:
        from spiders import importers

        return importers.import_(spec, root, limit=limit, echo=echo)
    verb = "import" if "import" in spec else "crawl"
    args = {key: value for key, value in spec.items() if key not in (verb, "limit", "base_url")}
    where = base_url or spec.get("base_url")
    return crawl(str(spec[verb]), root, args=args, limit=limit, base_url=where, echo=echo, verb=verb)


def estimate(
    spec: Mapping[str, Any], root: Root, *, base_url: str | None = None, settings: Mapping[str, Any] | None = None
) -> Estimate:
    """What `take` would fetch, and how long that takes: a crawl asks its first pages, an import lists its files.

    Stores nothing. Raises what `take` raises.
    """
    source = check(spec)
    if "import" in spec and not source.fetched:
        from spiders import importers

        return importers.estimate(spec, root, limit=int(spec["limit"]) if spec.get("limit") else None)
    last = _looked(spec, root, base_url, settings)
    return Estimate.from_json(last["estimate"])


def enquire(
    spec: Mapping[str, Any], root: Root, *, base_url: str | None = None, settings: Mapping[str, Any] | None = None
) -> list[str]:
    """The names with which a source answers a question, such as `{crawl: wikiart, list: styles}`; stores nothing."""
    check(spec)
    answer: list[str] = _looked(spec, root, base_url, settings)["answer"]
    return answer


def _looked(
    spec: Mapping[str, Any], root: Root, base_url: str | None, settings: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The last word of a crawl that stores nothing."""
    verb = "import" if "import" in spec else "crawl"
    given = {key: value for key, value in spec.items() if key != verb and value is not None}
    if base_url:
        given["base_url"] = base_url
    order = {
        "spider": str(spec[verb]), "verb": verb, "root": root.url, "arguments": given,
        "settings": {**(settings or {}), "DRY_RUN": True},
    }  # fmt: skip
    last, code, words = _told(order, _silent)
    if "answer" not in last and "estimate" not in last:
        _ended(str(spec[verb]), last, code, words)
    return last


def crawl(
    source: str,
    root: Root,
    *,
    args: Mapping[str, Any] | None = None,
    limit: int | None = None,
    base_url: str | None = None,
    echo: Echo | None = None,
    settings: Mapping[str, Any] | None = None,
    verb: str = "crawl",
) -> CrawlSummary:
    """Crawl a source into a root, and return what was new; `verb` is import for a list that people have.

    `echo` gets a line of progress every five seconds; the summary's `notes` say what is worth knowing at the end.
    `limit` is for the first works of the list, known ones included. Raises UsageError for a wrong source, argument
    or name, SourceRefused when the site blocks, limits or is down (what arrived before is kept), LockHeld,
    NoSpace, and Fatal when the crawler dies. Ctrl-C and SIGTERM stop the crawl after a commit.
    """
    arguments = {**(args or {}), "limit": limit, "base_url": base_url}
    given = {key: value for key, value in arguments.items() if value is not None}
    check({verb: source, **given})
    order = {
        "spider": source, "verb": verb, "root": root.url, "arguments": given, "settings": dict(settings or {}),
    }  # fmt: skip
    return _ended(source, *_told(order, echo or _silent))


def retry(
    root: Root, reasons: Sequence[Reason], sources: Iterable[str] = (), *, echo: Echo | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[CrawlSummary]:
    """Try exactly those pictures again whose last try failed so, of all sources or those named; no list is asked.

    Empty when there is none. Raises UsageError for a source that is not there, and what `crawl` raises.
    """
    from spiders import again

    done, say = [], echo or _silent
    for source in again.failed(root, reasons, sources):
        if not source.spec:
            say(f"{source.name}: there is no record of a crawl, so take the source in again to try its pictures.")
            continue
        verb = "import" if "import" in source.spec else "crawl"
        order = {
            "spider": source.spec[verb], "verb": verb, "root": root.url,
            "arguments": {key: value for key, value in source.spec.items() if key not in (verb, "limit")},
            "settings": {**(settings or {}), "RETRY_REASONS": [str(reason) for reason in reasons]},
        }  # fmt: skip
        done.append(_ended(source.spec[verb], *_told(order, say)))
    return done


def _told(order: Mapping[str, Any], echo: Echo) -> tuple[dict[str, Any], int, list[str]]:
    """Crawl in a child process: its last word, its exit code, and what it logged."""
    name = described({order["verb"]: order["spider"], **order["arguments"]})
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log, _child(log) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        last = _relayed(process.stdout, name, echo)
        code = process.wait()
        log.seek(0)
        return last, code, log.read().strip().splitlines()


def _ended(source: str, last: Mapping[str, Any], code: int, words: list[str]) -> CrawlSummary:
    """The summary that the child told last, or the error that it told or is."""
    if "summary" in last:
        return CrawlSummary.from_json(last["summary"])
    if "error" in last:
        raise _error(last["error"])
    if "stopped" in last:
        raise Fatal(f"The crawl of {source} was stopped before its end. Run the same command again to go on.")
    said = f"; its last words: {words[-1][:300]}" if words else ""
    raise Fatal(f"The crawler of {source} died (exit code {code}){said}. Run the same command again to go on.")


def _silent(line: str) -> None:
    """Say nothing."""


@contextmanager
def _child(log: Any) -> Iterator[subprocess.Popen[str]]:
    """The crawler's process. However the block is left, it has stopped and committed after it."""
    package = str(Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "spiders.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        text=True, encoding="utf-8", env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    with _raised_on_sigterm(), process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.communicate(timeout=STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


@contextmanager
def _raised_on_sigterm() -> Iterator[None]:
    """While the block runs SIGTERM leaves it like an exception, unless someone handles the signal already."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _relayed(lines: Any, name: str, echo: Echo) -> dict[str, Any]:
    """Turn the child's lines into progress for people; returns its last word, empty when it had none."""
    spoken = time.monotonic()
    for line in lines:
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:
            return {}
        if "progress" not in message:
            return message
        if message["progress"] and time.monotonic() - spoken >= LINE_SECONDS:
            spoken = time.monotonic()
            echo(progress_line(name, message["progress"]))
    return {}


def progress_line(name: str, counts: Mapping[str, Any]) -> str:
    """`wikiart style=cubism: 1,240 of 2,000 pictures, 85/s, failed 12 (empty 3, http_4xx 9), 9 s left`."""
    failed = sum(counts["failed"].values())
    done = counts["new"] + failed
    rate = done / counts["seconds"] if counts["seconds"] else 0.0
    parts = [f"{done + counts['unchanged']:,}" + (f" of {counts['expected']:,}" if counts["expected"] else "")]
    parts[0] += " pictures"
    parts += [f"{rate:,.1f}/s"]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts["failed"].items()))
    parts += [f"failed {failed:,} ({reasons})"] if failed else []
    left = (counts["expected"] or 0) - done - counts["unchanged"]
    parts += [f"{left / rate:,.0f} s left"] if rate and left > 0 else []
    parts += [f"the site asks to wait {counts['pause']:,.0f} s"] if counts["pause"] > 1 else []
    return f"{name}: {', '.join(parts)}"


def _error(told: Mapping[str, Any]) -> PipelineError:
    kind = getattr(errors, told["kind"], Fatal)
    found: PipelineError = kind(told["message"])
    if told.get("summary"):
        found.add_note(str(CrawlSummary.from_json(told["summary"])))
    return found
