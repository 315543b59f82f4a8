"""Doubles within a tolerance: the verdict is that of trying every pairing of rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.compare import compare
from parity.tolerance import Tolerance
from parity.verdict import Verdict
from stedi.errors import UsageError

NUMBERS = st.none() | st.sampled_from([0.0, -0.0, 0.5, 1.0, 1.5, 2.0, 2.5, -1.0, math.nan, math.inf, -math.inf, 1e300])
ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), NUMBERS, NUMBERS), max_size=5)


def near(left: float | None, right: float | None, by: float) -> bool:
    if left is None or right is None:
        return left is right
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return left == right or abs(left - right) <= by


def pairs_up(left: Sequence[tuple[Any, ...]], right: Sequence[tuple[Any, ...]], by: Sequence[float]) -> bool:
    return len(left) == len(right) and any(
        all(
            a[0] == b[0] and near(a[1], b[1], by[0]) and near(a[2], b[2], by[1])
            for a, b in zip(left, tried, strict=True)
        )
        for tried in itertools.permutations(right)
    )


def frame(rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"k": pl.String, "x": pl.Float64, "y": pl.Float64}, orient="row")


@given(ROWS, st.data(), st.sampled_from([(0.5, 0.5), (1.0, 0.0), (0.0, 0.0), (0.5, 1.5)]))
def test_the_verdict_is_that_of_trying_every_pairing(
    left: list[tuple[Any, ...]], data: st.DataObject, by: tuple[float, float]
) -> None:
    moved = [
        (k, *(v if v is None else v + data.draw(st.sampled_from([0, 0, 0.5, -0.5, 1])) for v in values))
        for k, *values in data.draw(st.permutations(left))
    ]
    right = data.draw(st.just(moved) | ROWS)
    found = compare(frame(left), frame(right), tolerance={"x": by[0], "y": by[1]}, may_be_empty=True)
    assert found.same == pairs_up(left, right, by)
    if not found.same:
        assert found.rows.any


def test_one_column_in_sorted_order_pairs_what_greedy_pairing_would_not() -> None:
    left, right = [("a", 0.0, None), ("a", 1.0, None)], [("a", 1.0, None), ("a", 2.0, None)]
    assert compare(frame(left), frame(right), tolerance={"x": 1.0}).same


def test_what_lies_farther_is_shown_by_key_and_what_lies_near_is_not() -> None:
    left, right = [("a", 1.0, 1.0), ("b", 2.0, 1.0)], [("a", 1.0 + 1e-12, 1.0), ("b", 2.1, 1.0 + 1e-12)]
    found = compare(frame(left), frame(right), tolerance={"x": 1e-9, "y": 1e-9}, keys=["k"])
    assert found.verdict is Verdict.DIFFERENT
    assert found.changed == {"x": 1}
    assert [(e.kind, dict(e.changed)) for e in found.examples] == [("changed", {"x": "2.1"})]


def test_a_relative_tolerance_grows_with_the_values() -> None:
    left, right = [("a", 1e9, 1.0)], [("a", 1e9 + 1, 1.0)]
    assert compare(frame(left), frame(right), tolerance={"x": Tolerance(relative=1e-8)}).same
    assert not compare(frame(left), frame(right), tolerance={"x": Tolerance(relative=1e-10)}).same
    assert not compare(frame([("a", 1.0, None)]), frame([("a", math.inf, None)]), tolerance={"x": 1e308}).same


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-9", Tolerance(1e-9)),
        ("0", Tolerance()),
        ("rel:1e-6", Tolerance(0, 1e-6)),
        ("0.01+rel:1e-6", Tolerance(0.01, 1e-6)),
        ("1e+2", Tolerance(100.0)),
    ],
)
def test_a_tolerance_is_written_as_text(text: str, expected: Tolerance) -> None:
    assert Tolerance.parse(text) == expected
    assert Tolerance.parse(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "rel:1", "rel:", "1+2x"])
def test_what_is_no_tolerance_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Tolerance.parse(text)
