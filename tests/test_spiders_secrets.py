"""Secrets: where they are found, and that they are blanked in whatever leaves the process."""

from __future__ import annotations

import html
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from spiders import secrets

HOW = "ask for one at https://provider.example/keys"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in secrets.NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    secrets.folder().mkdir(parents=True)
    before = set(secrets._hidden)
    yield secrets.folder()
    secrets._hidden.clear()
    secrets._hidden.update(before)
    secrets._pattern.cache_clear()


def test_the_environment_comes_before_files(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets.secret("BRAVE_KEY") is None
    (home / "BRAVE_KEY").write_text("from the folder\n")
    assert secrets.secret("BRAVE_KEY") == "from the folder"
    (tmp_path / "named").write_text("  from the named file  \n")
    monkeypatch.setenv("BRAVE_KEY_FILE", str(tmp_path / "named"))
    assert secrets.secret("BRAVE_KEY") == "from the named file"
    monkeypatch.setenv("BRAVE_KEY", "from the environment")
    assert secrets.secret("BRAVE_KEY") == "from the environment"


def test_an_empty_one_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "BRAVE_KEY").write_text("\n")
    monkeypatch.setenv("BRAVE_KEY", " ")
    assert secrets.secret("BRAVE_KEY") is None


def test_what_is_missing_is_said_in_one_sentence(home: Path) -> None:
    with pytest.raises(UsageError, match=r"FLICKR_KEY is not set: ask for one at .*, then set FLICKR_KEY") as caught:
        secrets.required("FLICKR_KEY", HOW)
    assert str(home / "FLICKR_KEY") in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKR_KEY_FILE", str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match=r"FLICKR_KEY_FILE names .*nothing, which cannot be read: No such file"):
        secrets.secret("FLICKR_KEY")


@pytest.mark.parametrize("value", ["two\nlines", "nul\0", "a\rb"])
def test_a_value_that_would_split_a_header_is_refused(home: Path, value: str) -> None:
    (home / "FLICKR_KEY").write_text(value)
    with pytest.raises(UsageError, match="control characters"):
        secrets.secret("FLICKR_KEY")


printable = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, blacklist_categories=["Cc", "Cs", "Zs"]),
                    min_size=8, max_size=40)  # fmt: skip


@given(printable)
def test_no_form_of_a_secret_is_left(value: str) -> None:
    secrets.hide(value)
    forms = {value, quote(value), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1], html.escape(value)}
    for form in forms:
        assert form not in secrets.redact(f"before {form} after") or form in secrets.BLANK
    told = json.dumps({"message": f"https://h.example/?key={quote(value, safe='')}", "key": value})
    assert isinstance(json.loads(secrets.redact(told)), dict)


def test_a_secret_that_nobody_asked_for_is_blanked_too() -> None:
    code = "from spiders import secrets; print(secrets.redact('a c4n4ry-1 b c4n4ry-2 c'))"
    given = {"BRAVE_KEY": "c4n4ry-1", "SEARXNG_URL": "c4n4ry-2", "PATH": "/usr/bin"}
    root = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], env=given, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "a REDACTED b c4n4ry-2 c\n"


def test_a_short_word_blanks_nothing() -> None:
    secrets.hide("a")
    assert secrets.redact("a cat") == "a cat"


def test_rows_are_redacted() -> None:
    secrets.hide("c4n4ry-row")
    row = {"url": "https://h/?x=c4n4ry-row", "rank": 3, "tags": ["c4n4ry-row", "hat"], "year": None}
    assert secrets.redact_row(row) == {"url": "https://h/?x=REDACTED", "rank": 3, "tags": ["REDACTED", "hat"],
                                       "year": None}  # fmt: skip


def test_log_lines_and_tracebacks_are_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = logging.getLogRecordFactory()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    log = logging.Logger("canary")
    log.addHandler(handler)
    secrets.hide("c4n4ry-log")
    secrets.guard_logs()
    try:
        log.error("asked %s", "https://h/?x=c4n4ry-log")
        try:
            raise ValueError("no c4n4ry-log here")
        except ValueError:
            log.exception("failed")
    finally:
        logging.setLogRecordFactory(before)
    assert "c4n4ry" not in stream.getvalue() and "ValueError: no REDACTED here" in stream.getvalue()


def test_a_stream_is_redacted() -> None:
    secrets.hide("c4n4ry-stream")
    below = io.StringIO()
    print("said c4n4ry-stream", file=secrets.RedactingStream(below), flush=True)
    assert below.getvalue() == "said REDACTED\n"
