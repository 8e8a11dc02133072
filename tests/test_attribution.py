"""The credits of a corpus: what several sources know of one picture, in every format, with nothing that escapes."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import attribution, licences, tables
from pipeline.attribution import Credit
from pipeline.corpus import newest
from pipeline.storage import Root
from tests.job import FAMILIES, picture, pipeline
from tests.spiders_site import Script, Site, ok

EDITION: dict[str, Any] = {
    "corpus": "skulls", "edition": 3, "until": "cluster",
    "manifest": {"shard": {"size": 64, "format": "png"}, "convert": {"fit": "crop"}, "align": None},
}  # fmt: skip
EVIL = '<script>alert(1)</script> "q" [x](javascript:y) `c` | *b* =1+1 \u202e\n# head'


def credit(**more: Any) -> Credit:
    given = {"id": "a", "title": "A Valley", "creator": "Jane Doe", "year": "1836", "page": "https://h.example/p",
             "source": "wikiart", "licence": "CC-BY-SA-4.0", "licence_url": "https://creativecommons.org/licenses/by-sa/4.0/",
             "attribution": ""}  # fmt: skip
    return Credit(**{**given, **more})


@pytest.fixture
def merged(tmp_path: Path) -> Root:
    """A corpus of three works that both WikiArt and Painter by Numbers have, and one that the latter alone has."""
    numbers = tmp_path / "numbers"
    (numbers / "train").mkdir(parents=True)
    for number in range(4):
        picture(FAMILIES[number], number).save(numbers / "train" / f"{number}.png")
    lines = [f"{n}.png,h{n},Work {n},Cubism,portrait,1911" for n in range(4)]
    (numbers / "train_info.csv").write_text("filename,artist,title,style,genre,date\n" + "\n".join(lines) + "\n")
    scripts: dict[str, Script] = {f"/images/a/{n}.png": _serving(numbers / "train" / f"{n}.png") for n in range(3)}
    with Site(count=3, scripts=scripts) as site:
        manifest = tmp_path / "both.yaml"
        manifest.write_text(
            "corpus: both\nsources:\n"
            f"  - {{crawl: wikiart, style: cubism, base_url: '{site.url}'}}\n"
            f"  - {{import: painter-by-numbers, path: '{numbers}'}}\n"
            "select: {min_side: 1}\n"
        )
        pipeline("run", str(manifest), "--until", "dedupe", root=tmp_path / "root")
    return Root(str(tmp_path / "root"))


def _serving(path: Path) -> Script:
    return lambda site, times: ok(path.read_bytes())


def test_a_work_of_two_sources_is_one_original_with_the_rows_of_both(merged: Root) -> None:
    edition = newest(merged, "both")
    rows = [row for name in edition["partitions"] for row in tables.read(merged, tables.CRAWLED, name).to_pylist()]
    by_id: dict[str, set[str]] = {}
    for row in rows:
        by_id.setdefault(row["id"], set()).add(row["source"])
    assert len(rows) == 7 and sorted(map(len, by_id.values())) == [1, 2, 2, 2]
    assert len(list((merged.local or Path()).rglob("originals/*/*.png"))) == 4
    found = attribution.credits(merged, edition)
    assert sorted(one.source for one in found) == ["painter-by-numbers"] * 4 + ["wikiart"] * 3
    assert {one.source for one in found if one.id == rows[0]["id"]} == {"wikiart", "painter-by-numbers"}
    assert {one.licence for one in found if one.source == "wikiart"} == {"CC-PDM-1.0"}
    free = attribution.credits(merged, edition, licences.wanted("public-domain"))
    assert len(free) == 3 and {one.source for one in free} == {"wikiart"}


def test_the_verb_writes_every_format(merged: Root, tmp_path: Path) -> None:
    for form in attribution.FORMATS:
        out = tmp_path / f"credits.{form}"
        done = pipeline("attribution", "--out", str(out), root=merged.url)
        assert f"Wrote 7 credits of both to {out}" in done.stdout
        text = out.read_text()
        assert text.count("Work 1") >= 2 and "home" not in text and str(tmp_path) not in text
    done = pipeline("attribution", "--license", "cc0", root=merged.url)
    assert "Work" not in done.stdout
    done = pipeline("attribution", "--license", "public-domian", root=merged.url, check=False)
    assert done.returncode == 2 and "Did you mean public-domain" in done.stderr
    done = pipeline("attribution", "--out", "credits.pdf", root=merged.url, check=False)
    assert done.returncode == 2 and "Nothing writes .pdf" in done.stderr


@pytest.mark.parametrize("form", attribution.FORMATS)
def test_what_comes_from_the_web_cannot_break_out(form: str) -> None:
    made = attribution._credit({
        "id": "a", "title": EVIL, "creator": EVIL, "year_text": "1900", "page_url": "https://h.example/(a) <b>\"c",
        "url": None, "source": "web", "source_id": "s", "licence": "NOASSERTION", "licence_url": None,
        "attribution": EVIL,
    })  # fmt: skip
    text = attribution.written([made], EDITION, form)
    assert "\u202e" not in text
    checks: dict[str, Callable[[str], bool]] = {
        "md": lambda t: "<script" not in t.replace("\\<", "")
        and "\n# head" not in t and not re.search(r"(?<!\\)\]\(j", t),
        "html": _is_safe, "txt": lambda t: len(t.splitlines()) == 5,
        "csv": lambda t: all(not c.startswith(("=", "+", "@")) for r in csv.reader(io.StringIO(t)) for c in r),
        "json": lambda t: len(json.loads(t)["credits"]) == 1,
    }  # fmt: skip
    assert checks[form](text)


def _is_safe(text: str) -> bool:
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.feed(text)
    return set(tags) <= {"html", "meta", "title", "style", "h1", "h2", "p", "ul", "li", "a"}


def test_lines_are_grouped_by_licence_and_say_what_was_changed() -> None:
    many = [credit(), credit(title="B", pictures=3, licence="NOASSERTION", licence_url="", page="")]
    text = attribution.written(many, EDITION, "txt")
    said = "Each picture was converted to sRGB, cropped to a square, resized to 64 × 64 pixels and saved as PNG."
    assert text.splitlines()[1] == said
    assert "CC BY-SA 4.0 <https://creativecommons.org/licenses/by-sa/4.0/>: 1 picture\n" in text
    assert "  Jane Doe, A Valley (1836) <https://h.example/p> [wikiart]" in text
    assert "Licence not known: 3 pictures\n  Jane Doe, B (1836), 3 pictures [wikiart]" in text
    assert attribution.changes(EDITION["manifest"], "dedupe") == "The pictures are as they were published."


@pytest.mark.parametrize(
    ("licence", "name"),
    [
        ("CC-BY-SA-4.0", "CC BY-SA 4.0"), ("CC0-1.0", "CC0 1.0"), ("CC-PDM-1.0", "Public Domain Mark 1.0"),
        ("CC-BY-SA-3.0-DE", "CC BY-SA 3.0 DE"), ("LicenseRef-InC", "All rights reserved"),
        ("https://creativecommons.org/licenses/by/3.0/pl/", "CC BY 3.0 PL"),
        ("https://creativecommons.org/licenses/by/", "CC BY"), ("NOASSERTION", "Licence not known"),
        ("http://rightsstatements.org/vocab/NoC-US/1.0/", "No copyright in the United States"),
        ("https://unsplash.com/license", "https://unsplash.com/license"), ("GFDL-1.2-or-later", "GFDL-1.2-or-later"),
    ],
)  # fmt: skip
def test_licences_are_named_as_people_say_them(licence: str, name: str) -> None:
    assert attribution.named(licence) == name


@given(st.text(), st.text(), st.sampled_from(attribution.FORMATS))
def test_any_title_makes_a_file(title: str, creator: str, form: str) -> None:
    row = {"id": "a", "title": title, "creator": creator, "year_text": None, "page_url": None, "source": "folder",
           "url": "file:///x/y.jpg", "source_id": "y.jpg", "licence": None, "licence_url": None, "attribution": None}
    text = attribution.written([attribution._credit(row)], EDITION, form)
    assert text.encode("utf-8", "surrogatepass") and "file:///" not in text
