"""The tables as Athena and the Glue Data Catalog know them: statements to read, TableInput to send.

Both are written from one declaration, Shape, which is made from a contract. Landing tables read the JSON lines as they
lie there, the others Parquet; one table a feed reads the quarantined lines.

Names of columns are in lower case, which is all that Athena has; Parquet columns are found by name in any case. JSON
keys are not: the SerDe is told to take keys as they are written, and which column each belongs to, so that a key in
another case is an absent key, as it is to the reading rule. `user` and `timestamp` are reserved words, and quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stedi.contracts import FEEDS, TABLES, Column, Table
from stedi.glue.names import Lake

__all__ = ["MADE_BY", "QUARANTINES", "Shape", "create_database", "create_table", "shapes", "table_input"]

MADE_BY = {"made_by": "stedi glue"}
"""Parameters of every table that is ours: one without them is somebody else's."""

DATABASE_COMMENT = "the STEDI lakehouse: landing, trusted and curated tables"

TYPES = {"VARCHAR": "string", "BIGINT": "bigint", "DOUBLE": "double", "BLOB": "binary"}
"""Athena's types by DuckDB's."""

_QUARANTINE = (
    ("file", "VARCHAR", "landing file the line is from"),
    ("line", "BIGINT", "number of the line in it, from 1; null where a Glue job has written it"),
    ("reason", "VARCHAR", "why the line is no row of its feed"),
    ("raw", "BLOB", "the line as it was: personal data"),
)
QUARANTINES: Mapping[str, str] = {f"{feed.feed}_quarantine": f"_quarantine/{feed.feed}/" for feed in FEEDS}
"""The tables of quarantined lines, and their prefixes."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How Hive reads a table's files."""

    classification: str
    serde: str
    input: str
    output: str


_JSON = Storage(
    "json",
    "org.openx.data.jsonserde.JsonSerDe",
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_PARQUET = Storage(
    "parquet",
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as the catalog has it: `columns` are name, type and comment, `serde` what the SerDe is told."""

    name: str
    prefix: str
    comment: str
    columns: tuple[tuple[str, str, str], ...]
    storage: Storage
    serde: Mapping[str, str] = field(default_factory=dict)


def shapes() -> dict[str, Shape]:
    """Return every table of the catalog: those of the contracts in their order, then the quarantines."""
    made = [_shape(table) for table in TABLES.values()]
    columns = tuple((name, TYPES[kind], comment) for name, kind, comment in _QUARANTINE)
    made += [
        Shape(name, prefix, f"lines of the {name.removesuffix('_quarantine')} feed that are no rows", columns, _PARQUET)
        for name, prefix in QUARANTINES.items()
    ]
    return {shape.name: shape for shape in made}


def _shape(table: Table) -> Shape:
    columns = tuple((column.name.lower(), TYPES[column.type], _comment(column)) for column in table.columns)
    if table.zone != "landing":
        return Shape(table.name, table.prefix, table.comment, columns, _PARQUET)
    mapped = {f"mapping.{c.name.lower()}": c.name for c in table.columns if c.name != c.name.lower()}
    # a line that is no JSON is a row of nulls: the quarantine says why, and a count is that of the lines
    serde = {"case.insensitive": "FALSE", "ignore.malformed.json": "TRUE", **mapped}
    return Shape(table.name, table.prefix, table.comment, columns, _JSON, serde)


def _comment(column: Column) -> str:
    return f"{column.comment}; personal data" if column.pii else column.comment


def table_input(shape: Shape, lake: Lake) -> dict[str, Any]:
    """Return the TableInput that makes a table with the Glue API."""
    return {
        "Name": shape.name,
        "Description": shape.comment,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": shape.storage.classification, **MADE_BY},
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": kind, "Comment": comment} for name, kind, comment in shape.columns],
            "Location": lake.location(shape.prefix),
            "InputFormat": shape.storage.input,
            "OutputFormat": shape.storage.output,
            "SerdeInfo": {"SerializationLibrary": shape.storage.serde, "Parameters": dict(shape.serde)},
        },
    }


def create_database(database: str) -> str:
    """Return the statement that makes a database."""
    return f"create database if not exists `{database}` comment {_quoted(DATABASE_COMMENT)}"


def create_table(shape: Shape, lake: Lake, database: str) -> str:
    """Return the statement that makes a table in Athena."""
    width = max(len(name) for name, _, _ in shape.columns) + 2
    kinds = max(len(kind) for _, kind, _ in shape.columns)
    columns = ",\n".join(
        f"    {f'`{name}`'.ljust(width)} {kind.ljust(kinds)} comment {_quoted(comment)}"
        for name, kind, comment in shape.columns
    )
    serde = f"\nwith serdeproperties ({_properties(shape.serde)}\n)" if shape.serde else ""
    return (
        f"create external table if not exists `{database}`.`{shape.name}` (\n{columns}\n)"
        f"\ncomment {_quoted(shape.comment)}"
        f"\nrow format serde {_quoted(shape.storage.serde)}{serde}"
        f"\nstored as inputformat {_quoted(shape.storage.input)}"
        f"\noutputformat {_quoted(shape.storage.output)}"
        f"\nlocation {_quoted(lake.location(shape.prefix))}"
        f"\ntblproperties ({_properties({'classification': shape.storage.classification, **MADE_BY})}\n)"
    )


def _properties(pairs: Mapping[str, str]) -> str:
    return ",".join(f"\n    {_quoted(name)} = {_quoted(value)}" for name, value in pairs.items())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
