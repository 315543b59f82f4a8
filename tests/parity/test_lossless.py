"""Text and JSON stand for a typed value only where the cast loses nothing."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from parity.compare import compare
from parity.verdict import Verdict
from stedi.errors import EnvironmentFault, StediError, UsageError

DAY = dt.date(2020, 1, 1)
NOON = dt.datetime(2020, 1, 1, 12, 0, 0, 123456)  # noqa: DTZ001 - it is one without a zone


def array(value: Any, type_: Any) -> Any:
    return pa.array([value], type_)


@pytest.mark.parametrize(
    ("written", "typed", "same"),
    [
        (1.23, array(Decimal("1.23"), pa.decimal128(10, 2)), True),
        (1.234, array(Decimal("1.23"), pa.decimal128(10, 2)), False),
        (0.1, array(0.1, pa.float32()), True),
        (0.1000000001, array(0.1, pa.float32()), False),
        (16777217, array(16777216, pa.float32()), False),
        (9007199254740993, array(9007199254740992.0, pa.float64()), False),
        # as JavaScript writes 2**60: its shortest digits
        (1152921504606847000, array(float(2**60), pa.float64()), True),
        ("2020-01-01", array(DAY, pa.date32()), True),
        ("2020-01-01T12:00:00", array(DAY, pa.date32()), False),
        ("2020-01-01T12:00:00.123456", array(NOON, pa.timestamp("us")), True),
        ("2020-01-01T12:00:00.123456Z", array(NOON, pa.timestamp("us", "UTC")), True),
        ("2020-01-01T14:00:00.123456+02:00", array(NOON, pa.timestamp("us", "UTC")), True),
        ("2020-01-01T12:00:00.123456+02:00", array(NOON, pa.timestamp("us")), False),
        ("2020-01-01T12:00:00.123456789", array(NOON, pa.timestamp("us")), False),
        ("12:00:00.1234567", array(NOON.time(), pa.time64("us")), False),
        ([1, 2], array([1.0, 2.0], pa.list_(pa.float64())), True),
        ([9007199254740993], array([9007199254740992.0], pa.list_(pa.float64())), False),
        (["2020-01-01"], array([DAY], pa.list_(pa.date32())), True),
        (["2020-01-01 12:00"], array([DAY], pa.list_(pa.date32())), False),
        (["no day"], array([None], pa.list_(pa.date32())), False),
        ({"d": {"e": "2020-01-01"}}, array({"d": {"e": DAY}}, pa.struct({"d": pa.struct({"e": pa.date32()})})), True),
        ({"d": "2020-01-01 12:00"}, array({"d": DAY}, pa.struct({"d": pa.date32()})), False),
        # NULL and an absent key are the same
        ({"d": 1}, array({"d": 1, "e": None}, pa.struct({"d": pa.int64(), "e": pa.string()})), True),
        ({"d": 1, "e": "x"}, array({"d": 1}, pa.struct({"d": pa.int64()})), False),
    ],
)
def test_json_stands_for_a_value_only_without_loss(written: Any, typed: Any, same: bool, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"v": written}) + "\n", encoding="utf-8")
    for sides in ((tmp_path / "a.json", pa.table({"v": typed})), (pa.table({"v": typed}), tmp_path / "a.json")):
        found = compare(*sides)
        assert found.same is same, found
        assert found.verdict in (Verdict.SAME, Verdict.DIFFERENT)


@pytest.mark.parametrize(
    ("written", "typed", "tolerance", "same"),
    [
        (1.234, array(Decimal("1.23"), pa.decimal128(10, 2)), 0.005, True),
        (1.2349, array(Decimal("1.23"), pa.decimal128(10, 2)), 0.001, False),
        (0.1001, array(0.1, pa.float32()), 0.001, True),
        (0.1, array(0.1, pa.float32()), 1e-12, True),
        (0.102, array(0.1, pa.float32()), 0.001, False),
        (9007199254740993, array(9007199254740992.0, pa.float64()), 1.0, True),
    ],
)
def test_a_tolerance_is_for_numbers_of_json_too(
    written: Any, typed: Any, tolerance: float, same: bool, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"v": written}) + "\n", encoding="utf-8")
    assert compare(tmp_path / "a.json", pa.table({"v": typed}), tolerance={"V": tolerance}).same is same


@pytest.mark.parametrize(
    ("folder", "typed", "same"),
    [
        ("2", array(2, pa.int64()), True),
        ("1.5", array(2, pa.int64()), False),
        ("0x10", array(16, pa.int64()), False),
        ("true", array(True, pa.bool_()), True),
        ("yes", array(True, pa.bool_()), False),
        ("1.50", array(Decimal("1.50"), pa.decimal128(10, 2)), True),
        ("1.504", array(Decimal("1.50"), pa.decimal128(10, 2)), False),
        ("2020-01-01", array(DAY, pa.date32()), True),
        ("2020-01-01 05%3A00%3A00", array(DAY, pa.date32()), False),
    ],
)
def test_the_name_of_a_folder_does_too(folder: str, typed: Any, same: bool, tmp_path: Path) -> None:
    place = tmp_path / "t" / f"v={folder}"
    place.mkdir(parents=True)
    pq.write_table(pa.table({"w": [1]}), place / "a.parquet")
    assert compare(tmp_path / "t", pa.table({"w": [1], "v": typed})).same is same


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ('["5f0c0e0c-0d2e-4b0a-8f3c-0c1d2e3f4a5b"]', '["5F0C0E0C-0D2E-4B0A-8F3C-0C1D2E3F4A5B"]'),
        ('["2020-01-01"]', '["2020-1-1"]'),
        ('{"b": "2020-01-01"}', '{"b": "2020-01-01 00:00:00"}'),
    ],
)
def test_text_within_json_is_told_from_another_spelling(left: str, right: str, tmp_path: Path) -> None:
    for name, value in (("a", left), ("b", right)):
        (tmp_path / f"{name}.json").write_text(f'{{"v": {value}}}\n', encoding="utf-8")
    assert not compare(tmp_path / "a.json", tmp_path / "b.json").same


@pytest.mark.parametrize("value", ['{"b": %s}', "[0.5, %s]", '[{"b": "1,%s", "c": %s}]'])
def test_long_whole_numbers_within_json_are_refused(value: str, tmp_path: Path) -> None:
    for name, number in (("a", f"{2**70}"), ("b", f"{2**70 + 1}")):
        (tmp_path / f"{name}.json").write_text(f'{{"v": {value.replace("%s", number)}}}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="v has 1 whole numbers that are too long"):
        compare(tmp_path / "a.json", tmp_path / "b.json")


def test_a_long_whole_number_of_json_beside_a_decimal_is_refused(tmp_path: Path) -> None:
    """Read as a double it was that of 1234567890123456774144."""
    (tmp_path / "a.json").write_text('{"v": 1234567890123456789012}\n', encoding="utf-8")
    decimal = array(Decimal(1234567890123456774144), pa.decimal128(38, 0))
    with pytest.raises(UsageError, match="v has 1 whole numbers that are too long"):
        compare(tmp_path / "a.json", pa.table({"v": decimal}))
    assert compare(tmp_path / "a.json", pa.table({"v": [1.234567890123456789012e21]})).same


@pytest.mark.parametrize("line", ['{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 2}}', '{"a": [{"b": 1, "B": 2}]}'])
def test_json_with_one_key_twice_is_said_to_be_that(line: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(f"{line}\n", encoding="utf-8")
    for other in (pa.table({"a": [1]}), tmp_path / "a.json"):
        with pytest.raises(StediError) as raised:
            compare(tmp_path / "a.json", other)
        assert "a.json: is no JSON that can be read" in raised.value.message
        assert "each key once" in (raised.value.fix or "")


def test_a_column_that_cannot_be_read_is_named_where_only_a_cause_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1, "a": 2}\n', encoding="utf-8")
    with pytest.raises(EnvironmentFault, match=r"a\.json: is no JSON that can be read"):
        compare(tmp_path / "a.json", pa.table({"b": [1]}))
