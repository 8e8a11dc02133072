"""Tables: folders of Parquet partitions with one schema. The only module that imports duckdb."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.errors import IntegrityFailed, UsageError
from pipeline.schema import ID_DIGITS, REASONS, SAID, SCHEMAS
from pipeline.sniff import EXTENSIONS
from pipeline.storage import Root

if TYPE_CHECKING:
    import duckdb

PARTITION_ROWS = 1024
CRAWLED = "tables/crawled/v1"
CHECKED = "tables/checked/v1"
REMOVED = "removed"


def original_path(picture: str, format: str) -> str:
    """Where the original of `picture` (64 hex digits), or of a face of it, of a sniffed `format` lies."""
    return f"originals/{picture[:2]}/{picture[:ID_DIGITS]}{EXTENSIONS[format]}"


def forgotten(root: Root) -> frozenset[str]:
    """The ids of pictures that were taken down."""
    found = (read(root, REMOVED, name, ["id"])["id"].to_pylist() for name in names(root, REMOVED))
    return frozenset(picture for ids in found for picture in ids)


def names(root: Root, folder: str) -> list[str]:
    """The partitions of a table, sorted, without `.parquet`."""
    return [name.removesuffix(".parquet") for name in root.names(folder, ".parquet")]


def encode(table: pa.Table, schema: pa.Schema) -> bytes:
    """Parquet bytes of `table` in `schema`: the same table gives the same bytes.

    Raises ValueError when a column is missing or surplus, or a reason is not one of `Reason`.
    """
    if set(table.column_names) != set(schema.names):
        raise ValueError(f"columns {sorted(set(table.column_names) ^ set(schema.names))} do not fit the schema")
    table = table.select(schema.names).cast(schema).replace_schema_metadata(None).combine_chunks()
    if "reason" in schema.names:
        unknown = set(table["reason"].unique().to_pylist()) - REASONS - {None}
        if unknown:
            raise ValueError(f"unknown reasons {sorted(unknown)}")
    sink = io.BytesIO()
    pq.write_table(
        table, sink, compression="zstd", row_group_size=65536, store_schema=True, write_page_checksum=True
    )
    return sink.getvalue()


def write(root: Root, folder: str, name: str, table: pa.Table, schema: pa.Schema) -> None:
    """Publish one partition."""
    root.commit(f"{folder}/{name}.parquet", encode(table, schema))


def read(root: Root, folder: str, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """One partition, or some of its columns; those that came into the schema after it was written are null.

    Raises IntegrityFailed when the file is damaged.
    """
    path = f"{folder}/{name}.parquet"
    data = pa.BufferReader(root.read(path))
    try:
        # No threads of Arrow's own: one that still lets go of a Python object while the interpreter ends aborts it.
        file = pq.ParquetFile(data, pre_buffer=False, page_checksum_verification=True)
        found = file.read(list(columns) if columns else None, use_threads=False)
        return _completed(found, folder, columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise IntegrityFailed(
            f"{root.address(path)} is damaged ({error}): delete it and run again to make it anew."
        ) from error


def _completed(table: pa.Table, folder: str, columns: Sequence[str] | None) -> pa.Table:
    """The table with null columns for those of its schema that it lacks."""
    schema = next((SCHEMAS[part] for part in reversed(folder.split("/")) if part in SCHEMAS), pa.schema([]))
    for name in columns or schema.names:
        if name not in table.column_names and name in schema.names:
            table = table.append_column(schema.field(name), pa.nulls(table.num_rows, schema.field(name).type))
    return table


def read_all(root: Root, folder: str, partitions: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """Columns of several partitions one after the other, with `partition` and `row` in front."""
    parts = []
    for name in partitions:
        part = read(root, folder, name, columns).select(list(columns))
        where = pa.table({
            "partition": pa.array([name] * part.num_rows, pa.string()),
            "row": pa.array(range(part.num_rows), pa.int32()),
        })
        for column in columns:
            where = where.append_column(part.schema.field(column), part[column])
        parts.append(where)
    if parts:
        return pa.concat_tables(parts)
    schema = next(s for s in SCHEMAS.values() if all(c in s.names for c in columns))
    fields = [pa.field("partition", pa.string()), pa.field("row", pa.int32()), *(schema.field(c) for c in columns)]
    return pa.schema(fields).empty_table()


def by_time(partition: str) -> tuple[str, ...]:
    """Sort key of partitions: when they were crawled, then their name."""
    return (*partition.rsplit("-", 2)[1:], partition)


def read_latest(root: Root, partitions: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """`read_all` of `crawled` with what was said last: of rows with the same id, source_id and address the columns
    in SAID are those of the newest, so that an edited title or licence counts for all of them.
    """
    key = ["id", "source_id", "url"]
    found = read_all(root, CRAWLED, partitions, [*dict.fromkeys([*key, *columns])])
    newest = _newest(found.select(["partition", *key]))
    for name in set(columns) & set(SAID):
        place = found.schema.get_field_index(name)
        found = found.set_column(place, found.schema.field(name), found[name].take(newest))
    return found.select(["partition", "row", *columns])


def are_among(ids: pa.ChunkedArray, pictures: Collection[str]) -> np.ndarray:
    """Whether each of `ids`, of pictures or of faces in them, is one of `pictures` or in one: bool (n,)."""
    known = pa.array(sorted(pictures), pa.string())
    whole = pc.utf8_slice_codeunits(ids, 0, ID_DIGITS)
    return np.asarray(pc.or_(pc.is_in(ids, value_set=known), pc.is_in(whole, value_set=known)))


def about(
    root: Root, folders: Mapping[str, str], partitions: Sequence[str], table: str, columns: Sequence[str]
) -> pa.Table:
    """What is said of the picture of every row of a corpus's `table`, whose folder is among `folders`: `read_latest`
    in its order, with the row of a picture once for each of its faces where they have rows of their own.
    """
    found = read_latest(root, partitions, columns)
    if "expanded" not in folders or table in ("crawled", "measured", "faces", "selected"):
        return found
    known, begin = np.unique(found["partition"].to_pylist(), return_index=True)
    starts = dict(zip(known.tolist(), begin.tolist(), strict=True))
    faces = read_all(root, folders["expanded"], partitions, ["origin"])
    first = np.array([starts[name] for name in faces["partition"].to_pylist()], np.int64)
    return found.take(pa.array(first + faces["origin"].to_numpy()))


def _newest(rows: pa.Table) -> pa.Array:
    """For each row the place of the newest row with the same id, source_id and url; most have none beside them."""
    places = np.arange(rows.num_rows)
    ids = rows["id"].combine_chunks()
    counts = pc.value_counts(ids)
    often = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    twice = np.flatnonzero(np.asarray(pc.is_in(ids, value_set=often)))
    keys = [tuple(row.values()) for row in rows.take(pa.array(twice)).to_pylist()]
    last: dict[tuple[str, ...], int] = {}
    for index, (_partition, *same) in sorted(enumerate(keys), key=lambda item: (by_time(item[1][0]), item[0])):
        last[tuple(same)] = twice[index]
    for index, (_partition, *same) in enumerate(keys):
        places[twice[index]] = last[tuple(same)]
    return pa.array(places)


def rows(columns: Mapping[str, Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """A table of `schema` from columns; columns not given are null."""
    count = len(next(iter(columns.values())))
    data = {f.name: pa.array(columns.get(f.name, [None] * count), f.type) for f in schema}
    return pa.table(data, schema=schema)


def connect(root: Root, folders: Mapping[str, Mapping[str, str | Sequence[str]]]) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with a view per table.

    `folders` gives for each view the folders it unites, by corpus ('' for the tables of the pool); of several
    folders for one corpus the first that has a partition is asked for it. Views have
    the columns of their schema and `corpus` (tables of a corpus only), `partition` and `row` (from 0).
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 2, "autoinstall_known_extensions": "false"})
    filesystem = storage.duckdb_filesystem(root)
    if filesystem is not None:
        connection.register_filesystem(filesystem)
    for view, places in folders.items():
        try:
            connection.execute(f"CREATE VIEW {view} AS {_view(root, view, places)}")
        except duckdb.Error as error:
            sentence = str(error).splitlines()[0]
            raise IntegrityFailed(f"Table {view} cannot be read: {sentence}. Delete the file and run again.") from error
    return connection


def _view(root: Root, view: str, places: Mapping[str, str | Sequence[str]]) -> str:
    columns = ", ".join(f'"{name}"' for name in SCHEMAS[view].names)
    empty = ", ".join(f'NULL::{_duck(f.type)} AS "{f.name}"' for f in SCHEMAS[view])
    selects = []
    for corpus, asked in places.items():
        ranked = [asked] if isinstance(asked, str) else asked
        where = {name: folder for folder in reversed(ranked) for name in names(root, folder)}
        files = [root.address(f"{folder}/{name}.parquet") for name, folder in sorted(where.items())]
        if not files:
            continue
        quoted = ", ".join(_literal(file) for file in files)
        label = f"'{corpus}' AS corpus, " if corpus else ""
        selects.append(
            f"SELECT {label}{columns}, regexp_extract(filename, '([^/]*)[.]parquet$', 1) AS partition, "
            f"file_row_number AS row FROM (SELECT * FROM read_parquet([{quoted}], {_READ_OPTIONS}) "
            f"UNION ALL BY NAME SELECT {empty} WHERE false)"
        )
    if selects:
        return " UNION ALL ".join(selects)
    label = "" if "" in places else "NULL::VARCHAR AS corpus, "
    return f"SELECT {label}{empty}, NULL::VARCHAR AS partition, NULL::BIGINT AS row WHERE false"


_READ_OPTIONS = "filename=true, file_row_number=true, hive_partitioning=false, union_by_name=true"


def _literal(address: str) -> str:
    """A file's address in SQL: no quote ends it, and no character is taken for a pattern."""
    return "'" + re.sub(r"[*?\[]", r"[\g<0>]", address).replace("'", "''") + "'"


_DUCK_TYPES = {
    "string": "VARCHAR", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "uint32": "UINTEGER", "uint64": "UBIGINT",
    "float": "FLOAT", "double": "DOUBLE", "binary": "BLOB", "timestamp[ms, tz=UTC]": "TIMESTAMPTZ",
}


def _duck(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"{_duck(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join(f'"{f.name}" {_duck(f.type)}' for f in kind) + ")"
    return _DUCK_TYPES[str(kind)]


def query(
    connection: duckdb.DuckDBPyConnection, text: str, limit: int | None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and at most `limit` rows of one query. Raises UsageError when it writes or DuckDB refuses it."""
    import duckdb

    try:
        statements = connection.extract_statements(text)
        if len(statements) != 1 or statements[0].type.name != "SELECT":
            raise UsageError("One query that reads is needed, such as \"select count(*) from crawled\".")
        cursor = connection.execute(statements[0])
        columns = [column[0] for column in cursor.description or []]
        return columns, cursor.fetchall() if limit is None else cursor.fetchmany(limit)
    except duckdb.Error as error:
        raise UsageError(f"The query does not work: {str(error).splitlines()[0]}") from None
