"""What a newcomer reads first when something is missing or wrong: one sentence that helps, and an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spiders.secrets import NAMES
from tests.spiders_site import Site

REPOSITORY = Path(__file__).parents[1]
DOWN = "http://127.0.0.1:9"
"""Nothing listens there."""

WRONG = {
    "no source": (["crawl", "wikart", "--style", "cubism"], 2, "Did you mean wikiart"),
    "no such option": (["crawl", "wikiart", "--stlye", "cubism"], 2, "--style"),
    "two at once": (["crawl", "wikiart", "--style", "cubism", "--genre", "portrait"], 2, "one of style and genre"),
    "no contact": (["crawl", "wikiart", "--style", "cubism"], 2, "Set PIPELINE_CONTACT to your mail or web address"),
    "site down": (["crawl", "wikiart", "--style", "cubism", "--base-url", DOWN], 4, "does not answer"),
    "no instagram token": (["crawl", "instagram", "--tag", "skull", "--base-url", DOWN], 2, "INSTAGRAM_TOKEN is not"),
    "no brave key": (["crawl", "web", "skull", "--provider", "brave", "--base-url", DOWN], 2, "BRAVE_KEY is not set"),
    "no google key": (["crawl", "web", "skull", "--provider", "google", "--base-url", DOWN], 2, "GOOGLE_KEY"),
    "no flickr key": (["crawl", "web", "skull", "--provider", "flickr", "--base-url", DOWN], 2, "FLICKR_KEY is not"),
    "no provider": (["crawl", "web", "skull", "--provider", "brav"], 2, "Did you mean brave"),
    "no museum key": (["crawl", "museum", "--museum", "smithsonian", "--query", "skull", "--base-url", DOWN], 2,
                      "SMITHSONIAN_KEY is not set: get a free key at"),
    "no museum": (["crawl", "museum", "--museum", "louvre"], 2, "cleveland"),
    "no wikiart key": (["crawl", "wikiart", "--artist", "a", "--api", "--base-url", DOWN], 2, "WIKIART_KEY is not set"),
    "unknown signal": (["crawl", "wikiart", "--style", "cubism", "--ignore-optout", "tmd", "--base-url", DOWN], 2,
                       "Did you mean tdm"),
    "no such folder": (["import", "folder", "/no/such/folder"], 2, "/no/such/folder"),
    "no such list": (["import", "urls", "/no/such/list.csv"], 2, "There is no file or folder /no/such/list.csv"),
    "no manifest": (["run", "/no/such/manifest.yaml"], 2, "There is no manifest /no/such/manifest.yaml: check"),
}  # fmt: skip


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))"


def said(arguments: list[str], folder: Path, **given: str) -> tuple[int, str, str]:
    """Exit code, the error, and all that was printed on stderr."""
    bare = {key: value for key, value in os.environ.items()
            if key not in NAMES and key not in ("PIPELINE_CONTACT", "SEARXNG_URL")}  # fmt: skip
    env = {**bare, "XDG_CONFIG_HOME": str(folder), "PIPELINE_ROOT": str(folder / "root"), **given}
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    done = subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, done.stderr
    return done.returncode, errors[0], done.stderr


def assert_reads_well(sentence: str, everything: str) -> None:
    assert "Traceback" not in everything and "Error: Error" not in everything
    assert 30 <= len(sentence) <= 420 and sentence.rstrip().endswith((".", "?", "?)"))
    assert not any(word in sentence for word in ("NoneType", "object at 0x", "errno", "Exception", "()", "{}"))


@pytest.mark.parametrize("case", WRONG)
def test_an_error_is_one_sentence_that_helps(case: str, tmp_path: Path) -> None:
    arguments, code, words = WRONG[case]
    exit_code, sentence, everything = said(arguments, tmp_path)
    assert words in sentence and exit_code == code, everything
    assert_reads_well(sentence.replace(str(tmp_path), "~"), everything)


REFUSALS = {
    "blocked": ((403, {}, b""), 4, "it refuses us"),
    "challenge": ((503, {"CF-Mitigated": "challenge"}, b"<html>wait</html>"), 4, "behind a bot protection"),
    "quota used up": ((429, {"Retry-After": "86400"}, b""), 4, "asks to wait 24 hours"),
    "a web page": ((200, {"Content-Type": "text/html"}, b"<!DOCTYPE html>"), 4, "web page"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_one_sentence_that_helps(case: str, tmp_path: Path) -> None:
    answer, code, words = REFUSALS[case]
    paths = ("/en/App/wiki/DictionariesJson/2", "/en/App/Artist/AlphabetJson", "/en/paintings-by-style/cubism")
    with Site(1, {path: lambda site, times: answer for path in paths}) as site:
        given = ["crawl", "wikiart", "--style", "cubism", "--base-url", site.url]
        exit_code, sentence, everything = said(given, tmp_path)
    assert words in sentence and exit_code == code, everything
    assert_reads_well(sentence, everything)


def test_an_unknown_style_names_those_that_are_like_it(tmp_path: Path) -> None:
    with Site(1) as site:
        code, sentence, everything = said(["crawl", "wikiart", "--style", "kubism", "--base-url", site.url], tmp_path)
    assert code == 2 and "did you mean cubism" in sentence
    assert_reads_well(sentence, everything)


def test_a_full_disk_says_how_to_go_on(tmp_path: Path) -> None:
    """A limit on the size of files stands for a disk that is full: the rows of a crawl do not fit."""
    with Site(3) as site:
        given = ["crawl", "wikiart", "--style", "cubism", "--base-url", site.url]
        (tmp_path / "sitecustomize.py").write_text(FULL)
        code, sentence, everything = said(given, tmp_path, PYTHONPATH=str(tmp_path))
    assert code == 6 and "No space is left at" in sentence and "run the same command again" in sentence, everything
    assert_reads_well(sentence, everything)


def test_a_root_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with Site(1) as site:
        given = ["crawl", "wikiart", "--style", "cubism", "--base-url", site.url]
        code, sentence, everything = said([*given, "--root", str(tmp_path / "file" / "root")], tmp_path)
    assert code in (1, 2, 6) and str(tmp_path / "file") in sentence
    assert_reads_well(sentence, everything)
