"""Verdicts of several tables: which is the worst, which comes first and which only follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.landing import look
from parity.run import expected_empty
from parity.verdict import TableVerdict, Verdict, exit_code, failed, in_order, missing, overall
from stedi.errors import UsageError

INPUTS = {
    "trusted": ["landing"],
    "readings": ["landing2", "trusted"],
    "curated": ["trusted", "readings"],
    "own": ["landing3"],
}


def verdict(table: str, *, same: bool = True) -> TableVerdict:
    return TableVerdict(table, Verdict.SAME if same else Verdict.DIFFERENT)


def follows(*different: str, without: tuple[str, ...] = ()) -> dict[str, str]:
    verdicts = [verdict(name, same=name not in different) for name in INPUTS if name not in without]
    found = in_order(verdicts[::-1], INPUTS)
    assert {v.table for v in found} == {v.table for v in verdicts}
    return {v.table: v.follows for v in found if not v.same}


def test_tables_come_in_dag_order() -> None:
    names = [v.table for v in in_order([verdict(name) for name in reversed(INPUTS)], INPUTS)]
    assert names.index("trusted") < names.index("readings") < names.index("curated")


def test_later_tables_follow_from_the_first_that_diverges() -> None:
    assert follows("trusted", "readings", "curated") == {"trusted": "", "readings": "trusted", "curated": "trusted"}


def test_a_table_with_inputs_that_are_the_same_diverges_by_itself() -> None:
    assert follows("readings", "curated", "own") == {"readings": "", "curated": "readings", "own": ""}


def test_a_table_that_is_the_same_hands_nothing_on() -> None:
    assert follows("trusted", "own") == {"trusted": "", "own": ""}


def test_a_table_that_was_not_compared_hands_on_what_its_inputs_brought() -> None:
    assert follows("trusted", "curated", without=("readings",)) == {"trusted": "", "curated": "trusted"}


def test_inputs_in_a_circle_are_refused() -> None:
    with pytest.raises(UsageError):
        in_order([verdict("a")], {"a": ["b"], "b": ["a"]})


def test_the_worst_verdict_decides_and_nothing_at_all_is_no_pass() -> None:
    same, different = verdict("a"), verdict("b", same=False)
    gone, broken = missing("c", "there is none"), failed("d", "did not run")
    assert (overall([same]), exit_code([same])) == (Verdict.SAME, 0)
    assert (overall([same, different]), exit_code([same, different])) == (Verdict.DIFFERENT, 1)
    assert (overall([different, gone]), exit_code([different, gone])) == (Verdict.MISSING, 1)
    assert (overall([gone, broken, same]), exit_code([gone, broken, same])) == (Verdict.FAILED, 2)
    assert (overall([]), exit_code([])) == (Verdict.MISSING, 2)


@pytest.mark.parametrize(
    ("said", "empty"),
    [
        ('{"customer_trusted": 0, "accelerometer_trusted": 5}', {"customer_trusted"}),
        ('{"customer_trusted": false, "accelerometer_trusted": "0", "customers_curated": null}', set()),
        ("[0]", set()),
        ("[" * 100_000, set()),
        ("{", set()),
    ],
)
def test_a_table_may_be_empty_only_where_its_expected_rows_are_none(said: str, empty: set[str], landing: Path) -> None:
    (landing / "expected.json").write_text(said, encoding="utf-8")
    assert expected_empty(look(str(landing))) == empty
