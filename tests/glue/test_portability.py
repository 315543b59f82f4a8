"""The portability lint: what Spark reads differently, or not at all, is refused with its line and the reason."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import allowed
import pytest
import sqlglot

from stedi.contracts import TABLES, Column
from stedi.glue.portability import NotPortable, check, problems
from stedi.glue.portability.rules import RULES
from stedi.stages import STAGES, SqlFile

# a is accelerometer readings: user is a text, timestamp a whole number, x and y doubles
REFUSED = {
    "percentile_cont(0.5) within group (order by a.x)": "percentile_approx",
    "list(a.x order by a.x)": "order is lost",
    "array_agg(a.x)": "lists",
    "string_agg(a.user, ',')": "3.5 does not have it",
    "regexp_replace(a.user, 'p', 'r')": "replaces all matches",
    "regexp_matches(a.user, 'p', 'i')": "flags are lost",
    "regexp_extract(a.user, 'p')": "first group",
    "date_diff('hour', a.timestamp, a.timestamp)": "epoch ms",
    "dayofweek(a.timestamp)": "epoch ms",
    "isodow(a.timestamp)": "epoch ms",
    "arg_max(a.user, a.timestamp)": "NULL argument",
    "arg_max(a.user, a.timestamp, 2)": "NULL argument",
    "round(a.x, 2)": "decimal text",
    "try_cast(a.user as int)": "other texts as numbers",
    "epoch(a.timestamp)": "epoch ms",
    "epoch_ms(a.timestamp)": "epoch ms",
    "hash(a.user)": "another way",
    "format('{}', a.user)": "%s to Spark",
    "log(a.x)": "base 10",
    "ln(a.x)": "-inf",
    "a.user[1]": "count from 1",
    "a.user[2:3]": "count from 1",
    "date_trunc('day', a.timestamp)": "epoch ms",
    "typeof(a.x)": "other names",
    "approx_count_distinct(a.user)": "another way",
    "any_value(a.user)": "differs",
    "first(a.user)": "which row",
    "mode(a.user)": "which row",
    "median(a.x)": "differ",
    "quantile_cont(a.x, 0.5)": "percentile_approx",
    "avg(a.timestamp)": "order of the rows",
    "stddev(a.x)": "order of the rows",
    "sum(a.x)": "order of the rows",
    "min(a.x)": "-0.0",
    "max(a.x)": "-0.0",
    "concat('a', a.user)": "leaves NULLs out",
    "concat_ws('a', a.user)": "write ||",
    "trim(a.user)": "ASCII",
    "upper(a.user)": "ASCII",
    "lower(a.user)": "ASCII",
    "substr(a.user, 0, 2)": "start of 0",
    "chr(8364)": "256",
    "a.user like 'a_b'": "backslash",
    "a.user ilike 'a'": "ASCII",
    "a.user similar to 'a'": "does not have it",
    "a.user glob 'a'": "does not have it",
    "a.timestamp ** 2": "power",
    "a.timestamp ^ 2": "power",
    "a.timestamp & 1": "power",
    "split(a.user, '|')": "regular expression",
    "length(a.user)": "lists",
    "strlen(a.user)": "does not have it",
    "{'a': 1}": "structs",
    "map {'a': 1}": "maps",
    "[v for v in a.user]": "lists",
    "cast(a.user as bigint)": "'1.7'",
    "cast(a.user as double)": "'1.5d'",
    "cast(a.x as bigint)": "half to even",
    "cast(a.x as varchar)": "1e-07",
    "cast(a.timestamp as timestamp)": "no type of the contracts",
    "cast(a.timestamp as hugeint)": "no type of the contracts",
    "cast(a.x as decimal(10, 2))": "no type of the contracts",
    "date '2020-01-01'": "no type of the contracts",
    "interval 1 day": "epoch ms",
    "current_date": "every run",
    "now()": "every run",
    "random()": "every run",
    "uuid()": "every run",
    "nextval('s')": "every run",
    "row_number() over ()": "ties",
    "row_number() over (order by a.timestamp)": "ties",
    "lead(a.timestamp) over (order by a.timestamp)": "ties",
    "first_value(a.user) over (order by a.timestamp)": "which row",
    "ntile(2) over (order by a.timestamp)": "which row",
    "count(*) over (order by a.timestamp rows between 1 preceding and current row exclude current row)": "EXCLUDE",
    "json_extract(a.user, '$.x')": "JSON",
    "a.user ->> 'x'": "JSON",
    "columns(*)": "written down",
    "$1": "parameters",
    "isfinite(a.x)": "does not have it",
    "count(distinct (a.user, a.timestamp))": "columns",
    "if(a.timestamp > 1, 1, 2)": "case when",
    "a.user collate nocase": "does not have it",
    "a.timestamp / 2": "whole numbers",
    "a.x / a.y": "nullif",
    "a.timestamp = '1.0'": "cast",
    "a.user = 1": "cast",
    "a.x = a.timestamp": "cast",
    "a.user + 1": "cast",
    "coalesce(a.user, 1)": "cast",
    "case when a.timestamp > 1 then 'a' else 1 end": "cast",
    "a.timestamp || 'b'": "cast",
    "case when a.timestamp then 1 end": "no condition",
    "timestamp": "whose column",
    "user": "whose column",
    "a.nothing": "there is no",
    "1.5": "decimal",
    "1e3": "decimal",
    "12345678901234567890": "decimal",
    "(select b.timestamp from accelerometer_trusted as b)": "one row",
    "(select count(*) from customer_trusted as c where c.email = a.user)": "there is no a.user here",
    "exists (select count(*) from customer_trusted as c where c.email = a.user)": "over no rows",
    "a.user in (select c.email from customer_trusted as c)": "where it would be NULL",
    "a.x > 0 and not a.user in (select c.email from customer_trusted as c)": "where it would be NULL",
    "greatest(a.timestamp, 1)": "not proven",
    "a.x / 'no number'": "divides by VARCHAR",
    "lag(a.user, a.timestamp) over (order by a.user)": "written out",
    "count(distinct a.user) over (partition by a.timestamp)": "no distinct in a window",
    "'${env:HOME}'": "value of a setting",
}
"""By expression: a part of the reason. What engines are known to read differently, row by row."""

QUERIES = {
    "select * from accelerometer_trusted as a": "written down",
    "from accelerometer_trusted": "written down",
    "select a.user from accelerometer_trusted as a limit 5": "which rows",
    "select minus.user from accelerometer_trusted as minus": "a word of joins",
    "select a.user from accelerometer_trusted as a order by a.user": "no order",
    "select distinct on (a.user) a.user from accelerometer_trusted as a": "which row",
    "select distinct a.x from accelerometer_trusted as a": "-0.0",
    "select a.x from accelerometer_trusted as a group by a.x": "-0.0",
    "select a.user from accelerometer_trusted as a group by all": "write the columns",
    "select a.user from accelerometer_trusted as a group by 1": "write the column",
    "select a.user from accelerometer_trusted as a using sample 10": "which rows",
    "select a.user from accelerometer_trusted as a qualify rank() over (order by a.user) = 1": "CTE",
    "select a.user from accelerometer_trusted as a natural join customer_trusted as c": "joins",
    "select a.user from accelerometer_trusted as a positional join customer_trusted as c": "joins",
    "select a.user from accelerometer_trusted as a join customer_trusted as c using (email)": "after on",
    "select a.user from accelerometer_trusted as a, customer_trusted as c": "cross join",
    "select a.user from accelerometer_trusted as a outer join customer_trusted as c on a.user = c.email": "not proven",
    "select a.user from accelerometer_trusted as a where a.x > 0 -- \\\n and a.y > 0": "next line",
    "select v.n from (values ((select max(c.email) from customer_trusted as c))) as v (n)": "written out",
    "select a.x from accelerometer_trusted as a"
    " where a.timestamp in (select count(*) from customer_trusted as c where c.email = a.user)": "there is no a.user",
    "select a.user from nowhere as a": "no table",
    "select a.user from 'file.json' as a": "no table",
    "select a.user from range(3) as a": "does not have it",
    "select a.x from accelerometer_trusted as a union select a.x from accelerometer_trusted as a": "-0.0",
    "select a.user from accelerometer_trusted as a union all by name select b.user from a as b": "SQL",
    "select a.user from accelerometer_trusted as a union all select 1 as n": "cast",
    "with r as materialized (select 1 as n) select r.n from r": "does not have it",
    "with recursive r as (select 1 as n) select r.n from r": "does not have it",
    "with customer_trusted as (select 1 as n) select c.n from customer_trusted as c": "which of the two",
    "select a.user from accelerometer_trusted as a where a.timestamp": "no condition",
    "select a.timestamp + 1 from accelerometer_trusted as a": "has no name",
    "select 1; select 2": "not one query",
    "create table t as select 1": "not one query",
    "select from where": "cannot be parsed",
}

ONE = replace(TABLES["accelerometer_trusted"], columns=(Column("one", "BIGINT", ""),))


def reasons(sql: str) -> list[str]:
    return [reason for _, reason in problems(sql, ONE)]


@pytest.mark.parametrize("expression", REFUSED)
def test_an_expression_that_spark_reads_differently_is_refused(expression: str) -> None:
    found = reasons(f"select cast({expression} as bigint) as one from accelerometer_trusted as a")
    if "cast" in expression or "::" in expression or expression in ("1.5", "1e3"):
        found += reasons(f"select {expression} as one from accelerometer_trusted as a")
    assert any(REFUSED[expression] in reason for reason in found), found


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_that_spark_reads_differently_is_refused(sql: str) -> None:
    assert any(QUERIES[sql] in reason for reason in reasons(sql)), reasons(sql)


@pytest.mark.parametrize("query", [*map(allowed.query_of, allowed.EXPRESSIONS), *allowed.QUERIES])
def test_what_both_read_the_same_way_is_not(query: str) -> None:
    assert not reasons(f"with t as ({query}) select cast(1 as bigint) as one from t")


def test_every_rule_of_the_lint_is_used_by_what_is_allowed() -> None:
    trees = [
        sqlglot.parse_one(q, dialect="duckdb") for q in (*map(allowed.query_of, allowed.EXPRESSIONS), *allowed.QUERIES)
    ]
    assert not set(RULES) - {type(node) for tree in trees for node in tree.walk()}


@pytest.mark.parametrize("name", STAGES)
def test_every_zone_is_portable(name: str) -> None:
    check(STAGES[name])  # NotPortable where it is not


def test_an_order_without_ties_is_known_by_its_keys() -> None:
    counted = "with c as (select a.user, count(*) as n from accelerometer_trusted as a group by a.user)"
    ranked = "select cast(row_number() over (order by c.n{}) as bigint) as one from c"
    assert not reasons(f"{counted} {ranked.format(', c.user')}")
    assert any("ties" in reason for reason in reasons(f"{counted} {ranked.format('')}"))


def test_the_columns_are_those_of_the_contract() -> None:
    source = "from accelerometer_trusted as a"
    assert reasons(f"select cast(a.timestamp as bigint) as two {source}")
    assert reasons(f"select a.timestamp as one {source}")
    assert reasons(f"select cast(a.user as varchar) as one {source}")
    assert reasons(f"select cast(a.timestamp as bigint) as one, cast(1 as bigint) as two {source}")


def test_a_refusal_names_file_line_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "zones" / "trusted" / "accelerometer_trusted.sql"
    file.parent.mkdir(parents=True)
    file.write_text("-- header\nselect\n    lower(a.user) as one\nfrom accelerometer_trusted as a\n", encoding="utf-8")
    with pytest.raises(NotPortable) as caught:
        check(SqlFile("accelerometer_trusted", file))
    assert any(text.startswith("stedi/zones/trusted/accelerometer_trusted.sql:3: ") for text in caught.value.problems)
    assert caught.value.exit_code == 1


DOCS = Path(__file__).parents[2] / "docs" / "glue.md"


def documented(head: str) -> dict[str, str]:
    """Return the rows of a table of docs/glue.md: the two cells of each, without marks."""
    _, _, rest = DOCS.read_text(encoding="utf-8").partition(f"\n{head}\n|---|---|\n")
    rows = [re.split(r"(?<!\\)\|", line)[1:3] for line in rest.partition("\n\n")[0].splitlines()]
    return {left.strip(" `").replace("\\|", "|"): right.strip(" `").replace("\\|", "|") for left, right in rows}


def test_what_the_documentation_says_is_allowed_is_run_on_both_engines() -> None:
    examples = set(documented("| allowed | such as |").values())
    assert examples
    assert not examples - {*allowed.EXPRESSIONS, *allowed.QUERIES}


def test_what_the_documentation_says_is_refused_is_refused_for_that_reason() -> None:
    for expression, reason in documented("| refused | because |").items():
        sql = f"select {expression} as one from accelerometer_trusted as a"
        assert any(reason in found for found in reasons(sql)), expression
