"""It is a Scrapy project like any other: `scrapy list`, `crawl` and `check` from a checkout, settings with -s."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request
from scrapy import __version__ as scrapy_version
from scrapy.exceptions import ContractFail

from pipeline import tables
from pipeline.storage import Root
from spiders.contracts import Asks
from spiders.desk import Desk
from spiders.iiif import IIIFSpider
from spiders.registry import IMPORTS, SOURCES, source_prefix
from tests.spiders_site import Site

CUBISM = ("-a", "style=cubism", "-s", "LOG_LEVEL=INFO")


def scrapy(*words: str, root: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scrapy", *words]
    command += ["-s", f"WUNDERKAMMER_ROOT={root}"] if root else []
    place = Path(__file__).parents[1]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60, check=False)


def rows(root: Path) -> list[dict[str, Any]]:
    place = Root(root)
    names = tables.names(place, tables.CRAWLED)
    return [row for name in names for row in tables.read(place, tables.CRAWLED, name).to_pylist()]


def test_scrapy_is_the_version_that_the_engine_was_written_for() -> None:
    pinned = re.search(r'"scrapy==([\d.]+)"', (Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert pinned and scrapy_version == pinned[1], (
        f"Scrapy {scrapy_version} is installed, and spiders/engine.py uses parts of {pinned and pinned[1]} that are "
        "not public: install that one, or read the engine anew beside Scrapy's and change the pin."
    )


def test_every_source_that_is_built_is_a_spider() -> None:
    built = {name for name, source in SOURCES.items() if source.built}
    built |= {name for name, source in IMPORTS.items() if source.fetched}
    assert built <= set(scrapy("list").stdout.split())


def test_check_runs_contracts_on_saved_answers() -> None:
    done = scrapy("check", "-v")
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "Ran 3 contracts" in said and "OK" in said, said
    for name in ("[wikiart] on_listing", "[museum] on_page", "[iiif] on_document"):
        assert f"{name} (@asks post-hook) ... ok" in said


def test_a_contract_that_is_broken_is_told() -> None:
    asked = [Request("http://127.0.0.1/a?page=2"), Request("http://127.0.0.1/b")]
    callback = IIIFSpider(manifest="http://127.0.0.1/m.json").on_document
    Asks(callback, "1", "/a").post_process(asked)
    with pytest.raises(ContractFail, match="asked for 1 addresses with /a, not 2"):
        Asks(callback, "2", "/a").post_process(asked)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("wikiart", "-a", "nonsense=1"), "takes no argument 'nonsense'"),
        (("wikiart", "-a", "limit=many"), "A limit of 'many' makes no sense"),
        (("wikiart", "-a", "recheck=maybe"), "`recheck` is none, rota, all, not 'maybe'"),
        (("wikiart", "-a", "style=a", "-a", "genre=b"), "takes one of style and genre, not both"),
        (("wikart",), "There is no spider 'wikart'. Did you mean wikiart?"),
        ((), "Name one spider"),
    ],
)
def test_what_is_wrongly_asked_gets_one_sentence(words: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    done = scrapy("crawl", *words, root=tmp_path / "root")
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert sentence in said and "Traceback" not in said
    assert not (tmp_path / "root" / "tables").exists()


def test_a_crawl_with_arguments_and_settings(tmp_path: Path) -> None:
    with Site(8) as site:
        done = scrapy("crawl", "wikiart", *CUBISM, "-a", f"base_url={site.url}", "-a", "limit=5", root=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(rows(tmp_path)) == 5
        small = scrapy("crawl", "wikiart", *CUBISM, "-a", f"base_url={site.url}", "-s", "DOWNLOAD_MAXSIZE=2000",
                       "-s", "USER_AGENT=somebody", root=tmp_path / "other")  # fmt: skip
        assert small.returncode == 0, small.stderr
        asked = ("-a", f"base_url={site.url}", "-s", "DRY_RUN=1")
        dry = scrapy("crawl", "wikiart", *CUBISM, *asked, root=tmp_path / "dry")
    assert {row["reason"] for row in rows(tmp_path / "other")} == {None}
    assert dry.returncode == 0 and not (tmp_path / "dry").exists()
    assert "about 8 pictures" in dry.stderr


def test_the_exit_code_is_that_of_the_trouble(tmp_path: Path) -> None:
    with Site(3) as site:
        held = Desk(Root(tmp_path), source_prefix({"crawl": "wikiart", "style": "cubism"}))
        try:
            done = scrapy("crawl", "wikiart", *CUBISM, "-a", f"base_url={site.url}", root=tmp_path)
        finally:
            held.close()
        assert done.returncode == 5 and "Another run holds the lock" in done.stderr and "Traceback" not in done.stderr
        nobody = scrapy("crawl", "wikiart", *CUBISM, "-a", "base_url=http://127.0.0.1:9", root=tmp_path)
    assert nobody.returncode == 4 and "does not answer" in nobody.stderr
