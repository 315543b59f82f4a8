"""Which columns stand to which, in which type they are compared, and what is a difference of type."""

from __future__ import annotations

import pytest

from parity.pairing import common_type, pair
from parity.verdict import State


@pytest.mark.parametrize(
    ("left", "right", "type_"),
    [
        ("INTEGER", "BIGINT", "BIGINT"),
        ("UBIGINT", "TINYINT", "HUGEINT"),
        ("DECIMAL(9,2)", "DECIMAL(18,2)", "DECIMAL(18,2)"),
        ("TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP"),
        ("VARCHAR", "ENUM('a', 'b')", "VARCHAR"),
        ("INTEGER[]", "BIGINT[]", "BIGINT[]"),
        ('"NULL"', "DATE", "DATE"),
    ],
)
def test_what_holds_the_same_values_is_noted(left: str, right: str, type_: str) -> None:
    for one, other in ((left, right), (right, left)):
        found, state, note = common_type(one, other)
        assert (found, state) == (type_, State.NOTED)
        assert note == f"{one} on the left, {other} on the right" or "NULL" in note


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("BIGINT", "DOUBLE"),
        ("FLOAT", "DOUBLE"),
        ("BIGINT", "VARCHAR"),
        ("BOOLEAN", "INTEGER"),
        ("DATE", "TIMESTAMP"),
        ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
        ("DECIMAL(9,2)", "DECIMAL(9,3)"),
        ("DECIMAL(9,0)", "BIGINT"),
        ("BIGINT[]", "BIGINT"),
        ("STRUCT(a INTEGER)", "STRUCT(b INTEGER)"),
        ("BLOB", "VARCHAR"),
    ],
)
def test_what_holds_other_values_is_another_type(left: str, right: str) -> None:
    assert common_type(left, right)[1] is common_type(right, left)[1] is State.TYPE


def test_json_leaves_types_open_but_not_all() -> None:
    for weak, strong, fits in (
        ("BIGINT", "DOUBLE", True),
        ("DOUBLE", "DECIMAL(9,2)", True),
        ("VARCHAR", "DATE", True),
        ("VARCHAR", "BIGINT", False),
        ("DOUBLE", "BIGINT", False),
        ("VARCHAR", "BOOLEAN", False),
        ("VARCHAR", "DATE[]", False),
    ):
        assert (common_type(weak, strong, weak_left="JSON")[1] is State.NOTED) is fits, (weak, strong)
    assert common_type("VARCHAR", "BIGINT", weak_left="folder")[1] is State.NOTED


def test_names_match_without_case_and_first_as_they_are_spelled() -> None:
    found = pair([("a", "BIGINT"), ("A", "BIGINT")], [("A", "BIGINT"), ("b", "BIGINT")])
    assert [(p.name, p.state) for p in found.pairs] == [
        ("a", State.LEFT_ONLY),
        ("A", State.SAME),
        ("b", State.RIGHT_ONLY),
    ]
    found = pair([("userId", "BIGINT")], [("userid", "BIGINT")])
    assert [(p.state, p.note) for p in found.pairs] == [(State.NOTED, "the right spells it userid")]
    assert not found.differs


def test_an_absent_column_is_null_only_where_it_is_optional() -> None:
    for left, right in (([("a", "BIGINT"), ("b", "VARCHAR")], [("a", "BIGINT")]),) * 2:
        assert pair(left, right).differs
        found = pair(left, right, optional=["B"])
        assert not found.differs
        assert [(c.name, c.left, c.right, c.type) for c in found.compared][1] == ("b", "b", None, "VARCHAR")
        found = pair(right, left, optional=["b"])
        assert [(c.name, c.left, c.right, c.type) for c in found.compared][1] == ("b", None, "b", "VARCHAR")


def test_a_second_spelling_of_an_optional_column_is_one_too_many() -> None:
    """It was taken as a column that the other side lacks, and passed where it was NULL."""
    once, twice = [("a", "BIGINT")], [("a", "BIGINT"), ("A", "BIGINT")]
    for left, right, state in ((once, twice, State.RIGHT_ONLY), (twice, once, State.LEFT_ONLY)):
        found = pair(left, right, optional=["a"])
        assert found.differs
        assert found.pairs[-1].state is state


def test_a_tolerance_lets_floats_stand_for_doubles() -> None:
    assert pair([("x", "FLOAT")], [("x", "DOUBLE")]).differs
    found = pair([("x", "FLOAT")], [("x", "DOUBLE")], tolerant=["X"])
    assert (found.differs, found.compared[0].type) == (False, "DOUBLE")
