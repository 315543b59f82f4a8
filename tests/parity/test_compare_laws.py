"""Laws of the comparison: what it finds is what counting normalised rows in plain Python finds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.compare import compare
from parity.fingerprint import hashed
from parity.verdict import Verdict

TEXTS = ["", "a", "A", "é", "e\u0301", "\U0001f600", "\x01", "null", "a b", "serial-0123456789abcdef"]
VALUES = {
    "text": st.none() | st.sampled_from(TEXTS) | st.text(max_size=14),
    "more": st.none() | st.sampled_from(TEXTS),
    "number": st.none() | st.integers(-2, 2) | st.integers(-(2**63), 2**63 - 1),
    "double": st.none()
    | st.sampled_from([0.0, -0.0, math.nan, -math.nan, math.inf, -math.inf, 0.1, 1e-300])
    | st.floats(),
    "flag": st.none() | st.booleans(),
}
SCHEMA = {"text": pl.String, "more": pl.String, "number": pl.Int64, "double": pl.Float64, "flag": pl.Boolean}
ROWS = st.lists(st.fixed_dictionaries(VALUES), max_size=6)
"""Rows of a small table; values repeat often, so that whole rows do."""


def normalised(row: dict[str, Any]) -> tuple[object, ...]:
    def value(of: object) -> object:
        if isinstance(of, float):
            return "NaN" if math.isnan(of) else of + 0.0
        return of

    return tuple((type(row[name]).__name__, value(row[name])) for name in sorted(row))


def frame(rows: Sequence[dict[str, Any]], names: Sequence[str] = tuple(SCHEMA)) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: SCHEMA[name] for name in names})


@st.composite
def two_tables(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Draw two tables that are alike: the second has rows of the first, some dropped, repeated, new or changed."""
    left = draw(ROWS)
    right = draw(st.permutations(left))
    for _ in range(draw(st.integers(0, 3))):
        change = draw(st.sampled_from(["drop", "repeat", "new", "change"]))
        if change == "new" or not right:
            right = [*right, draw(st.fixed_dictionaries(VALUES))]
            continue
        at = draw(st.integers(0, len(right) - 1))
        if change == "drop":
            right = [*right[:at], *right[at + 1 :]]
        elif change == "repeat":
            right = [*right, right[at]]
        else:
            name = draw(st.sampled_from(list(VALUES)))
            right = [*right[:at], {**right[at], name: draw(VALUES[name])}, *right[at + 1 :]]
    return left, right


@given(two_tables())
def test_the_verdict_is_that_of_counting_rows(tables: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    left, right = tables
    bags = Counter(map(normalised, left)), Counter(map(normalised, right))
    found = compare(frame(left), frame(right), may_be_empty=True)
    assert found.verdict is (Verdict.SAME if bags[0] == bags[1] else Verdict.DIFFERENT)
    assert (found.left_rows, found.right_rows) == (len(left), len(right))
    either = bags[0].keys() | bags[1].keys()
    assert found.rows.left_only == sum(bags[0][row] for row in either if not bags[1][row])
    assert found.rows.right_only == sum(bags[1][row] for row in either if not bags[0][row])
    both = [(bags[0][row], bags[1][row]) for row in either if bags[0][row] and bags[1][row]]
    assert found.rows.left_more == sum(a > b for a, b in both)
    assert found.rows.right_more == sum(b > a for a, b in both)
    assert found.rows.left_surplus == sum(max(a - b, 0) for a, b in both)
    assert found.rows.right_surplus == sum(max(b - a, 0) for a, b in both)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@given(st.fixed_dictionaries(VALUES), st.fixed_dictionaries(VALUES), st.booleans())
def test_each_hash_of_a_row_tells_it_from_another_by_itself(
    connection: duckdb.DuckDBPyConnection, row: dict[str, Any], other: dict[str, Any], exchanged: bool
) -> None:
    if exchanged:
        other = {**row, "text": row["more"], "more": row["text"]}
    connection.register("two", frame([row, other]))
    types = [(name, type_) for name, type_, *_ in connection.execute("describe two").fetchall()]
    first, second = connection.execute(f"select {hashed(types)} from two").fetchall()
    alike = normalised(row) == normalised(other)
    assert [one == two for one, two in zip(first, second, strict=True)] == [alike, alike]


@pytest.mark.parametrize("nested", ["{}", "{}::blob", "[{}]", "[[{}]]", "{{'a': {}}}", "map {{{}: 1}}"])
@pytest.mark.parametrize("before", range(9))
def test_texts_that_duckdb_hashes_alike_are_told_apart(
    connection: duckdb.DuckDBPyConnection, nested: str, before: int
) -> None:
    """A 1 for a q at the end of two pieces of eight bytes: every other pair of such texts has one hash."""
    text = "substr(m, 1, 7) || '{0}' || substr(m, 9, 7) || '{0}' || substr(m, 17)"
    one, other = (nested.format(text.format(letter)) for letter in "1q")
    connection.execute(
        f"create or replace temp table pairs as select i, repeat('u', {before}) as before, {one} as one, "
        f"{other} as other from (select i, md5(i::varchar) as m from range(64) as r(i))"
    )
    types = {name: type_ for name, type_, *_ in connection.execute("describe pairs").fetchall()}
    sides = (hashed([(name, types[name]) for name in ("before", column)]) for column in ("one", "other"))
    hashes = [set(connection.execute(f"select i, {side} from pairs").fetchall()) for side in sides]
    assert len(hashes[0] | hashes[1]) == 2 * 64


@given(ROWS, st.permutations(list(SCHEMA)), st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_and_case_of_names_do_not_matter(
    rows: list[dict[str, Any]], names: list[str], random: Any
) -> None:
    mixed = random.sample(rows, len(rows))
    left = frame(rows)
    right = frame(mixed, names).rename({name: random.choice([name, name.upper(), name.title()]) for name in names})
    assert compare(left, right, may_be_empty=True).same


@given(two_tables())
@settings(max_examples=20)
def test_sides_can_be_exchanged(tables: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    left, right = map(frame, tables)
    one, other = compare(left, right, may_be_empty=True), compare(right, left, may_be_empty=True)
    assert one.verdict is other.verdict
    assert (one.rows.left_only, one.rows.right_only) == (other.rows.right_only, other.rows.left_only)
    assert (one.rows.left_surplus, one.rows.right_more) == (other.rows.right_surplus, other.rows.left_more)
