"""The SQL of a zone as Spark gets it: one query, or a step for each CTE where some are read more than once."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from stedi.glue.spark_sql import in_steps, spark_query, transpiled
from stedi.stages import STAGES

TWICE = """-- t: a table.
-- Bag: numbers.
with one as (
    select
        v.n,
        ') as (' as text -- a comment )
    from (values (1), (2)) as v (n)
),

two as (
    select o.n from one as o
    where o.n in (select p.n from one as p)
)

select t.n
from two as t
"""


def test_a_query_whose_parts_are_read_once_stays_one_query() -> None:
    text = TWICE.replace("one as p", "two_more as p")
    assert in_steps(text).steps == {}
    assert in_steps(text).header + in_steps(text).sql == text


def test_a_part_that_is_read_twice_is_a_step_that_is_kept() -> None:
    query = in_steps(TWICE)
    assert query.header == "-- t: a table.\n-- Bag: numbers.\n"
    assert list(query.steps) == ["one", "two"]
    assert query.kept == ("one",)
    assert query.steps["one"].startswith("select\n    v.n,\n    ') as (' as text -- a comment )\n")
    assert query.steps["two"] == "select o.n from one as o\nwhere o.n in (select p.n from one as p)\n"
    assert query.sql == "select t.n\nfrom two as t\n"


def test_steps_say_what_the_query_says() -> None:
    stage = STAGES["device_owners"]
    query = spark_query(stage)
    assert "votes" in query.kept
    ctes = ",\n".join(f"{step} as (\n{sql})" for step, sql in query.steps.items())
    [whole] = sqlglot.transpile(f"with {ctes}\n{query.sql}", read="spark", write="spark", comments=False)
    [meant] = sqlglot.transpile(stage.sql, read="duckdb", write="spark", comments=False)
    assert sqlglot.parse_one(whole, dialect="spark") == sqlglot.parse_one(meant, dialect="spark")


def test_the_steps_of_a_query_on_one_line_are_found_too() -> None:
    query = in_steps("WITH a AS (SELECT 1 AS n), b AS (SELECT n FROM a UNION ALL SELECT n FROM a) SELECT n FROM b")
    assert query.steps == {"a": "SELECT 1 AS n\n", "b": "SELECT n FROM a UNION ALL SELECT n FROM a\n"}
    with duckdb.connect() as connection:
        for name, sql in query.steps.items():
            connection.execute(f"create view {name} as {sql}")
        assert connection.sql(query.sql).fetchall() == [(1,), (1,)]


@pytest.mark.parametrize(
    ("written", "spark"),
    [
        (r"'a\qb\%' || a.user", r"'a\\qb\\%' || a.user"),
        ("'ends with \\'", r"'ends with \\'"),
        ("a.timestamp::varchar", "cast(a.timestamp as string)"),
        ("a.user isnull", "a.user is null"),
        ("a.timestamp == 1", "a.timestamp = 1"),
        ("row_number() over (order by a.user asc nulls first)", "row_number() over (order by a.user asc)"),
        ('a."user"', "a.`user`"),
        ("cast(a.timestamp // 2 as varchar)", "cast(a.timestamp div 2 as string)"),
    ],
)
def test_what_only_duckdb_has_a_word_for_is_written_as_spark_has_it(written: str, spark: str) -> None:
    sql = f"select {written} as v, from accelerometer_trusted as a"
    query = sqlglot.parse_one(sql, dialect="duckdb")
    assert isinstance(query, exp.Query)
    found = " ".join(transpiled(sql, query).split())
    assert found == f"select {spark} as v from accelerometer_trusted as a"
