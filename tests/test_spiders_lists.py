"""Lists of addresses in every format, and what their columns become."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.schema import CRAWLED
from spiders.lists import Lists
from spiders.pages import listed
from spiders.pages.listed import Listed

ROWS = [{"url": f"https://h.example/{n}.jpg", "caption": f"a skull, no {n}", "width": str(n)} for n in range(50)]


def text_of(rows: list[dict[str, str]], delimiter: str = ",") -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


FILES = {
    "a.txt": "\n".join(["# a list", "", *(row["url"] + " " for row in ROWS)]).encode(),
    "a.csv": text_of(ROWS), "b.csv": text_of(ROWS, ";"), "a.tsv": text_of(ROWS, "\t"),
    "windows.csv": b"\xef\xbb\xbf" + text_of(ROWS).replace(b"\r\n", b"\r"),
    "utf16.csv": text_of(ROWS).decode().encode("utf-16"),
    "a.json": json.dumps(ROWS, indent=2).encode(), "names.json": json.dumps([row["url"] for row in ROWS]).encode(),
    "a.jsonl": "\n".join(map(json.dumps, ROWS)).encode(), "lines.json": "\n".join(map(json.dumps, ROWS)).encode(),
    "no-extension": json.dumps(ROWS).encode(), "list": "\n".join(row["url"] for row in ROWS).encode(),
    "odd": text_of(ROWS),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_says_the_same(name: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(FILES[name]) if packed else FILES[name])
    found = list(Lists(path))
    assert [one.url for one in found] == [row["url"] for row in ROWS]
    if name not in ("a.txt", "list", "names.json"):
        assert found[3].caption == "a skull, no 3" and found[3].fields["width"] == "3"


def test_parquet_is_read_in_batches_without_columns_of_bytes(tmp_path: Path) -> None:
    table = pa.table({
        "URL": [row["url"] for row in ROWS], "TEXT": ["x"] * 50, "taken": [date(2020, 1, 2)] * 50,
        "jpg": [b"\xff\xd8"] * 50, "score": [float("nan")] * 50, "tags": [["a"]] * 50,
    })  # fmt: skip
    pq.write_table(table, tmp_path / "part.parquet", row_group_size=7)
    found = list(Lists(tmp_path))
    assert [one.url for one in found] == [row["url"] for row in ROWS]
    assert found[0].caption == "x" and found[0].fields["taken"] == "2020-01-02" and "jpg" not in found[0].fields
    assert json.loads(listed.to_record("i", found[0], 0, "part")["extra"])["score"] is None


def test_a_folder_of_lists_is_read_in_order_and_a_csv_needs_no_header(tmp_path: Path) -> None:
    (tmp_path / "2.txt").write_text("https://h.example/2")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "3.csv").write_text('https://h.example/3,"a\nb"\nhttps://h.example/4,c\n')
    (tmp_path / "1.jsonl.gz").write_bytes(gzip.compress(b'{"image_url": "https://h.example/1"}\n'))
    (tmp_path / "readme.md").write_text("# no list")
    found = list(Lists(tmp_path))
    assert [one.url[-1] for one in found] == ["1", "2", "3", "4"]
    assert found[2].fields == {"c2": "a\nb"}


def test_what_cannot_be_read_is_counted_or_said(tmp_path: Path) -> None:
    cut = tmp_path / "cut.txt.gz"
    cut.write_bytes(gzip.compress(b"\n".join(b"https://h.example/%d" % n for n in range(50_000)))[:-2000])
    lists = Lists(cut)
    assert 20 < len(list(lists)) < 50_000
    assert [note for note in lists.notes if "breaks off" in note]
    lines = tmp_path / "some.jsonl"
    lines.write_text('{"url": "https://h.example/1"}\nnonsense\n{"url": "https://h.example/2"}\n')
    lists = Lists(lines)
    assert len(list(lists)) == 2 and list(lists.notes.values()) == [1]
    for name, body, said in (
        ("x.parquet", b"PAR1 no", "cannot be read"), ("y.json", b"[{", "cannot be read"),
        ("z.csv", b"name,age\nJane,3\n", "has no column of addresses (it has name, age): name it with --url-col"),
        ("e.csv", b"", "it is empty"), ("g.csv.gz", b"\x1f\x8b\x08nonsense", "cannot be read"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(body)
        with pytest.raises(UsageError) as caught:
            list(Lists(tmp_path / name))
        assert said in str(caught.value) and "\n" not in str(caught.value)


def test_columns_are_found_by_name_by_option_or_by_what_they_hold(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"page": "https://h.example/p", "Image URL": "https://h.example/i", "n": 1}]
    assert listed.columns(rows, None, None, None, "l").url == "Image URL"
    assert listed.columns(rows, "PAGE", None, None, "l").url == "page"
    assert listed.columns([{"where": "//h.example/i", "x": "y"}], None, None, None, "l").url == "where"
    with pytest.raises(UsageError, match=r"no column 'pgae' \(--url-col\)\. Did you mean page"):
        listed.columns(rows, "pgae", None, None, "l")
    with pytest.raises(UsageError, match=r"--hash-col"):
        listed.columns(rows, None, None, "md5", "l")


def test_columns_become_those_of_crawled(tmp_path: Path) -> None:
    fields = {
        "caption": "A valley\nat dusk", "artist": "Jane Doe", "date": "c.1890", "license": "CC BY-SA 4.0",
        "tags": "a,b", "width": 640, "similarity": 0.31, "filename": "x.jpg", "access_token": "s3cr3t", "page_url": "https://h/p",
    }  # fmt: skip
    row = listed.to_record("i", Listed("https://h/i", fields, "A valley\nat dusk"), 7, "list.csv")
    assert list(row) == CRAWLED.names
    assert (row["title"], row["creator"], row["year"], row["licence"]) == ("A valley", "Jane Doe", 1890, "CC-BY-SA-4.0")
    assert row["licence_url"] == "https://creativecommons.org/licenses/by-sa/4.0/"
    assert (row["tags"], row["declared_width"], row["rank"]) == (["a", "b"], 640, 7)
    extra = json.loads(row["extra"])
    assert extra["similarity"] == 0.31 and extra["filename"] == "x.jpg" and extra["license"] == "CC BY-SA 4.0"
    assert "artist" not in extra and extra["access_token"] == "REDACTED"
    where = {"license_url": "https://creativecommons.org/licenses/by/2.0/"}
    assert listed.to_record("i", Listed("u", where), 0, "")["licence"] == "CC-BY-2.0"


def test_one_picture_in_many_spellings_is_one_picture() -> None:
    same = (
        "https://H.example/A%c3%a9/x.jpg?b=1", "https://h.example:443/A\u00e9/x.jpg?b=1#top",
        "https://h.example/A%C3%A9/%78.jpg?b=1",
    )  # fmt: skip
    assert len({listed.identity(url) for url in same}) == 1
    others = ("http://h.example/A%C3%A9/x.jpg?b=1", "https://h.example/a%C3%A9/x.jpg?b=1",
              "https://h.example/A%C3%A9%2Fx.jpg?b=1", "https://h.example/A%C3%A9/x.jpg")  # fmt: skip
    assert len({listed.identity(url) for url in (same[0], *others)}) == 5
    assert listed.address(' "https://h.example/a?b=1&amp;c=2" ') == "https://h.example/a?b=1&c=2"
    assert listed.address("//h.example/a") == "https://h.example/a"
    assert listed.address("a/b.jpg", "https://h.example/x") == "https://h.example/x/a/b.jpg"
    assert listed.address("file:///etc/passwd", "https://h.example") == "file:///etc/passwd"


@given(st.text(), st.text())
def test_any_text_has_an_identity_and_is_no_address_by_mistake(text: str, base: str) -> None:
    assert len(listed.identity(listed.address(text))) == 32
    assert len(listed.shown(text)) <= 4000


@given(st.dictionaries(st.text(max_size=8), st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans())))
def test_any_columns_make_a_row(fields: dict[str, Any]) -> None:
    row = listed.to_record("i", Listed("u", fields, None), 0, "l")
    assert pa.Table.from_pylist([row | {"id": "x"}], CRAWLED).num_rows == 1 and row["licence"]


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
def test_promised_hashes_are_checked_as_hex_and_as_base64(name: str) -> None:
    digest = hashlib.new(name, b"body").digest()
    for spelled in (digest.hex(), digest.hex().upper(), base64.b64encode(digest).decode()):
        assert listed.broken_promise(spelled, b"body") is None
        wrong = listed.broken_promise(spelled, b"other")
        assert wrong is not None and wrong.startswith(f"{name} is ")
    assert listed.broken_promise(None, b"") is None
    assert "no MD5" in str(listed.broken_promise("xyz", b""))
