"""Known differences are strict both ways."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from parity.known import Known, load_known, settle_known
from stedi.errors import UsageError

CAUSES = ("type", "fan_out")
ENTRY = Known("ml", "machine_learning_curated", "type", "kept until spring", date(2027, 1, 31))
TODAY = date(2026, 6, 1)

TEXT = """
[[known]]
id = "ml"
table = "machine_learning_curated"
cause = "type"
reason = "kept until spring"
expires = 2027-01-31
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "parity-known.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_entries_are_read(tmp_path: Path) -> None:
    assert load_known(write(tmp_path, TEXT), CAUSES) == (ENTRY,)
    assert load_known(tmp_path / "nowhere.toml", CAUSES) == ()


def test_a_difference_that_is_as_known_is_allowed() -> None:
    found = settle_known([ENTRY], {ENTRY.table: {"type"}, "customer_trusted": {"fan_out"}}, TODAY)
    assert found.allowed == {ENTRY.table: ENTRY}
    assert found.problems == ()


def test_an_entry_is_allowed_on_the_day_it_expires_and_not_on_the_next() -> None:
    different = {ENTRY.table: {"type"}}
    assert settle_known([ENTRY], different, date(2027, 1, 31)).allowed
    late = settle_known([ENTRY], different, date(2027, 2, 1))
    assert not late.allowed
    assert "expired on 2027-01-31" in late.problems[0]


@pytest.mark.parametrize(
    ("different", "said"),
    [
        ({}, "no longer different"),
        ({ENTRY.table: {"fan_out"}}, "differs by 'fan_out', not by 'type'"),
        # by another cause under another version of Glue, or in another place
        ({ENTRY.table: {"type", "fan_out"}}, "differs by 'fan_out', not only by 'type'"),
    ],
)
def test_an_entry_that_no_difference_matches_is_a_problem(different: dict[str, set[str]], said: str) -> None:
    found = settle_known([ENTRY], different, TODAY)
    assert not found.allowed
    assert said in found.problems[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[known", "is not TOML"),
        ("known = 3", "only [[known]] entries"),
        (TEXT + "\n[other]\na = 1", "other: only [[known]] entries"),
        (TEXT + TEXT, "two entries with the id ml"),
        (TEXT + TEXT.replace('"ml"', '"ml2"'), "two entries with the table machine_learning_curated"),
        (TEXT.replace("id =", "name ="), "name: no such setting"),
        (TEXT.replace('reason = "kept until spring"', ""), "has no reason"),
        (TEXT.replace('"kept until spring"', '" "'), "has no reason"),
        (TEXT.replace("2027-01-31", '"2027-01-31"'), "takes a date"),
        (TEXT.replace("2027-01-31", "2027-01-31T00:00:00"), "takes a date"),
        (TEXT.replace('"type"', "7"), "takes a text"),
        (TEXT.replace('"type"', '"typ"'), "did you mean type?"),
        (TEXT.replace("machine_learning_curated", "ml_curated"), "there is no 'ml_curated'"),
        ("known = [3]", "has no id"),
    ],
)
def test_an_entry_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        load_known(write(tmp_path, text), CAUSES)
    assert said in error.value.message
    assert error.value.fix
