"""Keys and tokens: where they come from, and that none of them leaves the process in a text.

A secret is looked for in the environment, then in a file; never in a flag, a manifest or a table. Whatever leaves
the process (log lines, errors, rows, what a child tells its parent) goes through `redact`. Imports no crawler.
"""

from __future__ import annotations

import html
import io
import json
import logging
import os
import re
import traceback
from functools import cache
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

from pipeline.errors import UsageError

NAMES = (
    "WIKIART_KEY", "WIKIART_SECRET", "INSTAGRAM_TOKEN", "INSTAGRAM_USER_ID", "INSTAGRAM_APP_TOKEN", "BRAVE_KEY",
    "GOOGLE_KEY", "GOOGLE_CX", "SERPAPI_KEY", "FLICKR_KEY", "OPENVERSE_CLIENT_ID", "OPENVERSE_CLIENT_SECRET",
    "SMITHSONIAN_KEY", "EUROPEANA_KEY",
)  # fmt: skip
"""The secrets of all sources. SEARXNG_URL is found by the same road and is none."""
BLANK = "REDACTED"

_SHORTEST = 4
"""A shorter value would blank ordinary words; no provider gives one."""
_hidden: set[str] = set()


def folder() -> Path:
    """Where the files of secrets lie: `$XDG_CONFIG_HOME/wunderkammer/secrets`."""
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "wunderkammer" / "secrets"


def secret(name: str) -> str | None:
    """The value of NAME in the environment, else of the file that NAME_FILE names, else of NAME in `folder()`.

    None when there is none or it is empty. Raises UsageError when a file that NAME_FILE names cannot be read, or
    a value holds more than one line.
    """
    value = os.environ.get(name, "").strip() or _from_file(name)
    if not value:
        return None
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise UsageError(f"{name} holds control characters or several lines: give the key alone.")
    if name in NAMES:
        hide(value)
    return value


def required(name: str, how: str) -> str:
    """As `secret`; raises UsageError when there is none. `how` says where one is had: `ask for one at …`."""
    value = secret(name)
    if value is None:
        place = f"set {name} in the environment, or write it into {folder() / name}"
        raise UsageError(f"{name} is not set: {how.rstrip('.')}, then {place}.")
    return value


def hide(value: str) -> None:
    """Blank this value from now on: a session key or token that a provider gave out."""
    if len(value) >= _SHORTEST and value not in _hidden:
        _hidden.add(value)
        _pattern.cache_clear()


def redact(text: str) -> str:
    """The text without the values of secrets, as they are, percent-encoded, or escaped for JSON or HTML.

    Blanks every value that this process read or hid, and those of all `NAMES` whether it read them or not.
    """
    _find_all()
    pattern = _pattern()
    return pattern.sub(BLANK, text) if pattern else text


def redact_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its texts, and lists of texts, redacted."""
    _find_all()
    return {name: _redacted(value) for name, value in row.items()} if _hidden else row


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    return [_redacted(one) for one in value] if isinstance(value, list) else value


def _from_file(name: str) -> str:
    named = os.environ.get(f"{name}_FILE")
    try:
        return Path(named or folder() / name).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        if named:
            why = getattr(error, "strerror", None) or "it is no text"
            raise UsageError(f"{name}_FILE names {named}, which cannot be read: {why}.") from None
        return ""


@cache
def _find_all() -> None:
    """Know the values of all secrets that can be found, so that also those nobody asked for are blanked."""
    for name in NAMES:
        try:
            secret(name)
        except UsageError:
            continue


@cache
def _pattern() -> re.Pattern[str] | None:
    forms = {form for value in _hidden for form in _forms(value)}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first))) if forms else None


def _forms(value: str) -> set[str]:
    encoded = {quote(value, safe=""), quote(value), quote_plus(value)}
    lower = {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in encoded}
    return {value, *encoded, *lower, json.dumps(value)[1:-1], repr(value)[1:-1], html.escape(value)}


class RedactingStream(io.TextIOBase):
    """A text stream that blanks secrets in what is written to it, before it goes to `stream`."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write it, redacted."""
        self.stream.write(redact(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        self.stream.flush()

    def fileno(self) -> int:
        """Of the stream below."""
        return self.stream.fileno()


class _Record(logging.LogRecord):
    """A log record without secrets, whoever formats it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.exc_info and self.exc_info[0] is not None:
            self.exc_text = redact("".join(traceback.format_exception(*self.exc_info)).rstrip("\n"))

    def getMessage(self) -> str:  # noqa: N802
        """The message, redacted."""
        return redact(super().getMessage())


def guard_logs() -> None:
    """Redact every log record that this process makes from now on."""
    logging.setLogRecordFactory(_Record)
