"""Tables: the same rows come back, the same bytes are written, and DuckDB sees them wherever they lie."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import tables
from pipeline.errors import IntegrityFailed, Reason, UsageError
from pipeline.schema import CLUSTERED, CRAWLED, EMBEDDED, FACES, MEASURED, SCHEMAS, SELECTED
from pipeline.storage import Root

MANY = ["wikiart-20261121T0300-00000", "wikiart-20261121T0300-00001"]


def ids(count: int, start: int = 0) -> list[str]:
    return [f"{n:064x}" for n in range(start, start + count)]


def crawled(count: int, start: int = 0) -> pa.Table:
    some = ids(count, start)
    return tables.rows(
        {"id": some, "url": [f"http://127.0.0.1/{n}" for n in some], "style": [["Rococo"]] * count}, CRAWLED
    )


# writing and reading


READS = """
import os, sys
from pipeline import tables
from pipeline.storage import Root
before = set(os.listdir("/proc/self/task"))
assert tables.read(Root(sys.argv[1]), "crawled", sys.argv[2]).num_rows == 3
print(len(set(os.listdir("/proc/self/task")) - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted under /proc")
def test_reading_leaves_no_thread_that_could_abort_a_process_that_ends(tmp_path: Path) -> None:
    tables.write(Root(str(tmp_path)), "crawled", MANY[0], crawled(3), CRAWLED)
    done = subprocess.run([sys.executable, "-c", READS, tmp_path, MANY[0]], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


TEXT = st.none() | st.text(max_size=12)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "title": TEXT,
            "style": st.none() | st.lists(st.text(max_size=5), max_size=3),
            "year": st.none() | st.integers(-9999, 9999),
            "bytes": st.none() | st.integers(0, 2**62),
            "reason": st.none() | st.sampled_from([str(reason) for reason in Reason]),
            "reason_value": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        }
    ),
    max_size=8,
)


@settings(deadline=None)
@given(rows=ROWS)
def test_what_is_encoded_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    root = Root(tmp_path_factory.getbasetemp() / "encoded")
    columns = {"id": ids(len(rows))} | {key: [row[key] for row in rows] for key in (rows[0] if rows else {})}
    table = tables.rows(columns, CRAWLED)
    tables.write(root, "t", "p", table, CRAWLED)
    found = tables.read(root, "t", "p")
    assert found.equals(table)
    assert found.schema.equals(CRAWLED)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_table_takes_no_rows_and_rejected_rows(tmp_path: Path, name: str) -> None:
    schema, root = SCHEMAS[name], Root(tmp_path)
    empty = schema.empty_table()
    failed = tables.rows({"id": ids(2), "reason": ["truncated"] * 2, "detail": [None, "odd"]}, schema)
    for partition, table in (("none", empty), ("failed", failed)):
        tables.write(root, name, partition, table, schema)
        assert tables.read(root, name, partition).equals(table)
    assert tables.names(root, name) == ["failed", "none"]


def test_the_same_rows_give_the_same_bytes() -> None:
    table = crawled(500)
    halves = pa.concat_tables([table.slice(0, 123), table.slice(123)])
    shuffled = table.select(random.Random(3).sample(table.column_names, len(table.column_names)))
    noted = table.replace_schema_metadata({"made": "today"})
    first = tables.encode(table, CRAWLED)
    for other in (halves, shuffled, noted):
        assert tables.encode(other, CRAWLED) == first
    assert tables.encode(crawled(500, start=1), CRAWLED) != first


def test_rows_that_do_not_fit_the_schema_are_refused() -> None:
    table = crawled(2)
    for wrong in (table.drop_columns(["url"]), table.append_column("surplus", pa.array([1, 2]))):
        with pytest.raises(ValueError, match=r"columns \['(url|surplus)'\] do not fit"):
            tables.encode(wrong, CRAWLED)
    text = table.set_column(table.schema.get_field_index("year"), "year", pa.array(["last", "year"]))
    with pytest.raises(pa.ArrowInvalid):
        tables.encode(text, CRAWLED)
    worded = tables.rows({"id": ids(1)}, EMBEDDED).set_column(1, "vector", pa.array([["a"]]))
    with pytest.raises((pa.ArrowInvalid, ValueError)):
        tables.encode(worded, EMBEDDED)


def test_a_row_without_an_id_is_refused() -> None:
    table = tables.rows({"id": [None, "a"]}, pa.schema([f.with_nullable(True) for f in SELECTED]))
    with pytest.raises(ValueError, match="id"):
        tables.encode(table, SELECTED)


def test_an_unknown_reason_is_refused() -> None:
    table = tables.rows({"id": ids(3), "reason": [None, "truncated", "ugly"]}, MEASURED)
    with pytest.raises(ValueError, match=r"unknown reasons \['ugly'\]"):
        tables.encode(table, MEASURED)


def test_only_the_columns_asked_for_are_read(any_root: str) -> None:
    root = Root(any_root)
    tables.write(root, "t", "p", crawled(3), CRAWLED)
    assert tables.read(root, "t", "p", ["url", "id"]).column_names == ["url", "id"]


def test_read_all_says_where_each_row_stands(any_root: str) -> None:
    root = Root(any_root)
    for number, name in enumerate(MANY):
        tables.write(root, "t", name, crawled(2, start=2 * number), CRAWLED)
    found = tables.read_all(root, "t", MANY, ["id", "reason"])
    assert found["id"].to_pylist() == ids(4)
    assert found["partition"].to_pylist() == [MANY[0], MANY[0], MANY[1], MANY[1]]
    assert found["row"].to_pylist() == [0, 1, 0, 1]
    assert tables.read_all(root, "t", [], ["id", "reason"]).schema.equals(found.schema)


def test_a_damaged_partition_is_said(tmp_path: Path) -> None:
    root, path = Root(tmp_path), tmp_path / "t" / "p.parquet"
    table = crawled(200)
    tables.write(root, "t", "p", table, CRAWLED)
    whole, chance = path.read_bytes(), random.Random(5)
    for cut in (0, 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(IntegrityFailed, match=r"p\.parquet is damaged .*: delete it and run again"):
            tables.read(root, "t", "p")
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    for _ in range(200):
        flipped = bytearray(whole)
        flipped[chance.randrange(len(whole) - footer)] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            found = tables.read(root, "t", "p")
        except IntegrityFailed:
            continue
        assert found.to_pydict() == table.to_pydict()


def test_an_original_lies_under_its_first_two_digits() -> None:
    assert tables.original_path("ab" * 32, "jpeg") == f"originals/ab/{'ab' * 32}.jpg"


# DuckDB


def ask(root: Root, folders: dict[str, dict[str, str]], text: str) -> list[tuple[Any, ...]]:
    with tables.connect(root, folders) as connection:
        return tables.query(connection, text, None)[1]


def test_views_show_partition_and_row(any_root: str) -> None:
    root = Root(any_root)
    for number, name in enumerate(MANY):
        tables.write(root, tables.CRAWLED, name, crawled(2, start=2 * number), CRAWLED)
    found = ask(root, {"crawled": {"": tables.CRAWLED}}, "SELECT id, partition, row, style FROM crawled ORDER BY id")
    assert [row[0] for row in found] == ids(4)
    assert [row[1:3] for row in found] == [(MANY[0], 0), (MANY[0], 1), (MANY[1], 0), (MANY[1], 1)]
    assert found[0][3] == ["Rococo"]


def test_views_unite_corpora(any_root: str) -> None:
    root = Root(any_root)
    places = {"skulls": "corpora/skulls/clustered/1", "flowers": "corpora/flowers/clustered/2", "new": "corpora/new/c"}
    for number, folder in enumerate(list(places.values())[:2]):
        table = tables.rows({"id": ids(3), "cluster": [number] * 3}, CLUSTERED)
        tables.write(root, folder, MANY[0], table, CLUSTERED)
    found = ask(root, {"clustered": places}, "SELECT corpus, cluster, count(*) FROM clustered GROUP BY ALL ORDER BY 1")
    assert found == [("flowers", 1, 3), ("skulls", 0, 3)]


def test_views_join_and_keep_large_numbers(any_root: str) -> None:
    root = Root(any_root)
    tables.write(root, tables.CRAWLED, "p", crawled(2), CRAWLED)
    measured = tables.rows({"id": ids(2), "phash": [2**64 - 1, None], "reason": [None, "truncated"]}, MEASURED)
    tables.write(root, "m", "p", measured, MEASURED)
    folders = {"crawled": {"": tables.CRAWLED}, "measured": {"": "m"}}
    found = ask(root, folders, "SELECT phash, m.reason FROM crawled JOIN measured m USING (id) ORDER BY id")
    assert found == [(2**64 - 1, None), (None, "truncated")]


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_empty_view_has_the_columns_of_a_full_one(tmp_path: Path, name: str) -> None:
    root, schema = Root(tmp_path), SCHEMAS[name]
    corpora = {} if name in ("crawled", "measured", "faces") else {"c": "t"}
    places = corpora or {"": "t"}
    described = f"SELECT column_name, column_type FROM (DESCRIBE {name})"
    empty = ask(root, {name: places}, described)
    assert ask(root, {name: {}}, described) == (empty if corpora else [("corpus", "VARCHAR"), *empty])
    tables.write(root, "t", "p", tables.rows({"id": ids(1), "reason": ["empty"]}, schema), schema)
    full = ask(root, {name: places}, described)
    assert [column for column, _ in full] == [column for column, _ in empty]
    assert {column: kind.replace("[4]", "[]") for column, kind in full} == dict(empty)


@pytest.mark.parametrize("name", ["it's", "a*", "a?", "[ab]c", "a{b,c}", "id=5", 'quo"te', "über 絵", "x%20y", "-- ;"])
def test_odd_names_are_quoted(tmp_path: Path, name: str) -> None:
    for other in ("ab", "ac", "a5"):
        tables.write(Root(tmp_path / other), tables.CRAWLED, "p", crawled(1), CRAWLED)
    root = Root(tmp_path / name)
    tables.write(root, tables.CRAWLED, name, crawled(3, start=7), CRAWLED)
    found = ask(root, {"crawled": {"": tables.CRAWLED}}, "SELECT id, partition FROM crawled ORDER BY row")
    assert found == [(picture, name) for picture in ids(3, start=7)]


def test_a_query_gives_columns_and_at_most_so_many_rows(tmp_path: Path) -> None:
    root = Root(tmp_path)
    tables.write(root, tables.CRAWLED, "p", crawled(5), CRAWLED)
    with tables.connect(root, {"crawled": {"": tables.CRAWLED}}) as connection:
        columns, rows = tables.query(connection, "SELECT row, id FROM crawled ORDER BY row", 2)
        assert columns == ["row", "id"]
        assert rows == [(0, ids(1)[0]), (1, ids(2)[1])]
        with pytest.raises(UsageError, match=r"The query does not work: .*crwaled"):
            tables.query(connection, "SELECT * FROM crwaled", None)


def test_duckdb_fetches_nothing(tmp_path: Path) -> None:
    (found,) = ask(Root(tmp_path), {}, "SELECT current_setting('autoinstall_known_extensions')")
    assert found == (False,)


def test_faces_come_back_nested(tmp_path: Path) -> None:
    face = {
        "box": [1.0, 2.0, 3.0, 4.0], "score": 0.5, "eyes": [1.0, 1.0, 2.0, 1.0], "mouth": [1.0, 3.0, 2.0, 3.0],
        "yaw": 0.0, "pitch": 0.0, "roll": 0.0, "eye_distance": 1.0,
    }  # fmt: skip
    tables.write(Root(tmp_path), "f", "p", tables.rows({"id": ids(2), "faces": [[face], []]}, FACES), FACES)
    asked = "SELECT len(faces), faces[1].eye_distance FROM faces ORDER BY row"
    found = ask(Root(tmp_path), {"faces": {"": "f"}}, asked)
    assert found == [(1, 1.0), (0, None)]
