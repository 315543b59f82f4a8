"""What the portability lint allows is run on both engines, which give the same rows: same types, doubles to the bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import allowed
import duckdb
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
import sqlglot
from sqlglot import exp

from parity.worker import Worker
from stedi.contracts import TABLES
from stedi.glue.spark_sql import transpiled
from stedi.stages import PARAMETERS

pytestmark = pytest.mark.spark

QUERIES = [*map(allowed.query_of, allowed.EXPRESSIONS), *allowed.QUERIES]
REFUSED = allowed.query_of("cast(a.x as varchar)")
"""The texts of doubles differ: a comparison that does not see it sees nothing."""

TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}

JOB = """
import json
spark.conf.set("spark.sql.ansi.enabled", "true")
for name in {names}:
    spark.read.parquet("s3://allowed/" + name).createOrReplaceTempView(name)
found = []
for query in {queries}:
    rows = spark.sql(query).collect()
    found.append([[value.hex() if type(value) is float else value for value in row] for row in rows])
print("=> " + json.dumps(found))
"""


def given() -> dict[str, pa.Table]:
    """Return the tables that are queried."""
    columns: dict[str, dict[str, str]] = {"run_parameters": dict(PARAMETERS)}
    for name in allowed.ROWS:
        if name in TABLES:
            columns[name] = {column.name: column.type for column in TABLES[name].columns}
    schemas = {name: pa.schema([(n, TYPES[t]) for n, t in own.items()]) for name, own in columns.items()}
    return {name: pa.Table.from_pylist(rows, schema=schemas[name]) for name, rows in allowed.ROWS.items()}


def in_spark(query: str) -> str:
    """Return a query as the scripts would have it."""
    parsed = sqlglot.parse_one(query, dialect="duckdb")
    assert isinstance(parsed, exp.Query)
    return transpiled(query, parsed)


def told_apart(rows: list[Any]) -> list[str]:
    """Return rows so that values of other types, both zeros and NaN are told apart, sorted."""
    return sorted(repr([value.hex() if isinstance(value, float) else value for value in row]) for row in rows)


@pytest.fixture(scope="module")
def ours() -> dict[str, list[str]]:
    """Return the rows of each query in DuckDB."""
    with duckdb.connect() as connection:
        for name, table in given().items():
            connection.register(name, table)
        return {query: told_apart(connection.sql(query).fetchall()) for query in (*QUERIES, REFUSED)}


def test_both_engines_give_the_rows_of_all_that_is_allowed(
    ours: dict[str, list[str]], worker: Worker, printed: Callable[..., Any]
) -> None:
    for name, table in given().items():
        folder = worker.local(f"s3://allowed/{name}")
        folder.mkdir(parents=True)
        pq.write_table(table, folder / "rows.parquet")
    queries = [*QUERIES, REFUSED]
    found = printed(JOB.format(names=list(allowed.ROWS), queries=list(map(in_spark, queries))))
    theirs = {query: sorted(map(repr, rows)) for query, rows in zip(queries, found, strict=True)}
    assert [query for query, rows in theirs.items() if rows != ours[query]] == [REFUSED]


def test_the_rows_tell_engines_apart(ours: dict[str, list[str]]) -> None:
    numbers = [row["x"] for row in allowed.ROWS["accelerometer_trusted"] if isinstance(row["x"], float)]
    assert any(math.isnan(number) for number in numbers)
    assert any(math.copysign(1, number) < 0 and number == 0 for number in numbers)
    assert all(ours.values())
