"""Tables that are not like those of the lakehouse: what a stranger may compare, and files that are no tables."""

from __future__ import annotations

import datetime as dt
import gzip
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.compare import compare
from parity.verdict import Cause, Verdict
from stedi.errors import EnvironmentFault, UsageError

STRUCT = pa.struct([("a", pa.int64()), ("b", pa.string())])
MAP = pa.map_(pa.string(), pa.int64())
NESTED = pa.struct([("s", STRUCT), ("l", pa.list_(pa.list_(pa.int64()))), ("m", MAP), ("r", pa.list_(STRUCT))])


def column(values: list[Any], type_: Any) -> Any:
    return pa.table({"v": pa.array(values, type_)})


def written(file: Path, table: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)
    return file


# nested values

_STRUCTS = st.none() | st.fixed_dictionaries(
    {"a": st.none() | st.integers(0, 1), "b": st.sampled_from([None, "", "a", "NULL"])}
)
_VALUES = st.none() | st.fixed_dictionaries(
    {
        "s": _STRUCTS,
        "l": st.none() | st.lists(st.none() | st.lists(st.none() | st.integers(0, 1), max_size=2), max_size=2),
        "m": st.none()
        | st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1)), max_size=2, unique_by=lambda e: e[0]),
        "r": st.none() | st.lists(_STRUCTS, max_size=2),
    }
)


def by_value(value: Any) -> Any:
    """Return a nested value as Python compares it, a map without its order."""
    return value and {**value, "m": value["m"] if value["m"] is None else dict(value["m"])}


@given(_VALUES, _VALUES)
def test_nested_values_are_the_same_where_python_says_so(left: Any, right: Any) -> None:
    found = compare(column([left], NESTED), column([right], NESTED))
    assert found.same == (by_value(left) == by_value(right))


@pytest.mark.parametrize(
    ("left", "right", "type_"),
    [
        (None, [], pa.list_(pa.int64())),
        ([None], [], pa.list_(pa.int64())),
        ([[1], [2]], [[1, 2]], pa.list_(pa.list_(pa.int64()))),
        (None, {"a": None, "b": None}, STRUCT),
        ([None], [{"a": None, "b": None}], pa.list_(STRUCT)),
        (None, [], MAP),
        ([("a", 1)], [("a", 2)], MAP),
        (Decimal("-0.01"), Decimal("0.00"), pa.decimal128(38, 2)),
        (Decimal(2**64 + 2), Decimal(2**65 + 1), pa.decimal128(38, 0)),
        ([Decimal(-1)], [Decimal(0)], pa.list_(pa.decimal128(20, 0))),
        ((1, 2, 0), (2, 1, 0), pa.month_day_nano_interval()),
    ],
)
def test_what_only_hashes_alike_is_different(left: Any, right: Any, type_: Any) -> None:
    found = compare(column([left, None], type_), column([right, None], type_))
    assert (found.verdict, found.rows.any) == (Verdict.DIFFERENT, True)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (
            column([{"a": 1, "b": "x"}], STRUCT),
            column([{"B": "x", "A": 1}], pa.struct([("B", "string"), ("A", "int32")])),
        ),
        (column([[1, 2]], pa.list_(pa.int64(), 2)), column([[1, 2]], pa.list_(pa.int16()))),
        (column([[("a", 1), ("b", 2)]], MAP), column([[("b", 2), ("a", 1)]], pa.map_(pa.string(), pa.int32()))),
        (column([[{"a": 0.0}]], None), column([[{"a": -0.0}]], None)),
        (column([[math.nan]], None), column([[-math.nan]], None)),
        (column([[], [None]], pa.list_(pa.null())), column([[], [None]], pa.list_(pa.int64()))),
    ],
)
def test_nested_types_that_hold_the_same_values_are_no_difference(left: Any, right: Any) -> None:
    assert compare(left, right).same
    assert compare(right, left).same


# numbers, instants, bytes


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        (pa.array([0], pa.timestamp("us", "UTC")), pa.array([0], pa.timestamp("ms", "Asia/Tokyo")), Verdict.SAME),
        (pa.array([0], pa.timestamp("us", "UTC")), pa.array([1], pa.timestamp("us", "UTC")), Verdict.DIFFERENT),
        (pa.array([0], pa.timestamp("us", "UTC")), pa.array([0], pa.timestamp("us")), Verdict.DIFFERENT),
        (pa.array([1500], pa.timestamp("ns")), pa.array([1], pa.timestamp("us")), Verdict.DIFFERENT),
        (pa.array([1000], pa.timestamp("ns", "UTC")), pa.array([1], pa.timestamp("us", "UTC")), Verdict.SAME),
        (pa.array([1500], pa.timestamp("ns", "UTC")), pa.array([1], pa.timestamp("us", "UTC")), Verdict.DIFFERENT),
        # nanoseconds do not reach the year 1000: what cannot be cast is not taken as NULL
        *(
            (
                pa.array([-(10**17)], pa.timestamp("us", zone)),
                pa.array([None], pa.timestamp("ns", zone)),
                Verdict.DIFFERENT,
            )
            for zone in (None, "UTC")
        ),
        (pa.array([5000], pa.time64("ns")), pa.array([5], pa.time64("us")), Verdict.SAME),
        (pa.array([2**64 - 1], pa.uint64()), pa.array([-1], pa.int64()), Verdict.DIFFERENT),
        (pa.array([b"\x00\xff"]), pa.array([b"\x00\xff"], pa.binary(2)), Verdict.SAME),
        (pa.array([b"\x00\xff"]), pa.array([b"\x00\xfe"]), Verdict.DIFFERENT),
        (pa.array([b"ab"]), pa.array(["ab"]), Verdict.DIFFERENT),
        (pa.array(["a\x00b"]), pa.array(["a"]), Verdict.DIFFERENT),
        (pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", "a"], pa.large_string()), Verdict.SAME),
        (
            pa.array([Decimal("1.10")], pa.decimal128(9, 2)),
            pa.array([Decimal("1.10")], pa.decimal128(38, 2)),
            Verdict.SAME,
        ),
        (pa.array([Decimal("1.10")], pa.decimal128(9, 2)), pa.array([1.1]), Verdict.DIFFERENT),
    ],
)
def test_typed_values_are_compared(left: Any, right: Any, verdict: Verdict, tmp_path: Path) -> None:
    tables = [pa.table({"v": values}) for values in (left, right)]
    assert compare(*tables).verdict is verdict
    files = [written(tmp_path / f"{at}.parquet", table) for at, table in enumerate(tables)]
    assert compare(*files).verdict is verdict


def test_an_instant_without_a_zone_is_set_beside_one_of_utc() -> None:
    found = compare(column([0], pa.timestamp("us", "UTC")), column([0], pa.timestamp("us")))
    assert found.explanation is not None
    assert "cast to one type the rows are the same" in found.explanation.evidence


def test_types_that_cannot_be_compared_exactly_are_refused(tmp_path: Path) -> None:
    long = column([Decimal("1.1")], pa.decimal256(60, 2))
    for data in (
        long,
        written(tmp_path / "long.parquet", long),
        column([1.5], pa.float16()),
        column([1], pa.duration("ns")),
        pl.DataFrame({"a": [[1]]}, schema={"a": pl.List(pl.Duration("ns"))}),
        pl.DataFrame({"a": [object()]}),
    ):
        with pytest.raises(UsageError) as raised:
            compare(data, data)
        assert "no columns" not in raised.value.message
    with pytest.raises(UsageError, match="it has no columns"):
        compare(pa.table({}), pa.table({}))
    (tmp_path / "a.json").write_text("{}\n{}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="its objects have no key"):
        compare(tmp_path / "a.json", _GOOD)


@pytest.mark.parametrize(
    ("number", "refused"),
    [("9" * 40, True), (f"-{2**64}", True), (str(2**64), True), ("1e300", False), (f"{2**64}.0", False)],
)
def test_whole_numbers_that_json_reads_as_doubles_are_refused(number: str, refused: bool, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.json").write_text(f'{{"v": {number}}}\n{{"v": 0.5}}\n{{}}\n', encoding="utf-8")
    if refused:
        with pytest.raises(UsageError, match="v has 1 whole numbers that are too long"):
            compare(tmp_path / "a.json", tmp_path / "b.json")
    else:
        assert compare(tmp_path / "a.json", tmp_path / "b.json").same


@pytest.mark.parametrize("values", [["a"], [True], [[1.0]], [dt.date(2020, 1, 1)]])
def test_only_numbers_have_a_tolerance(values: list[Any]) -> None:
    with pytest.raises(UsageError, match="tolerance v: it is"):
        compare(column(values, None), column(values, None), tolerance={"v": 1e-9})


def test_a_tolerance_is_exact_on_integers_and_decimals() -> None:
    for one, other, type_ in (
        (2**53, 2**53 + 1, pa.int64()),
        (Decimal(10**30), Decimal(10**30 + 1), pa.decimal128(38, 0)),
    ):
        left, right = column([one], type_), column([other], type_)
        assert not compare(left, right, tolerance={"v": 0.5}).same
        assert compare(left, right, tolerance={"v": 1}).same
        both = [table.append_column("w", pa.array([1.0])) for table in (left, right)]
        pairs = [pa.concat_tables([table, table]) for table in both]
        assert not compare(*pairs, tolerance={"v": 0.5, "w": 1}).same
        assert compare(*pairs, tolerance={"v": 1, "w": 1}).same


def test_null_and_nan_are_never_within_a_tolerance_of_a_number() -> None:
    for one, other in ((None, 0.0), (math.nan, 0.0), (math.nan, None), (math.inf, 1.0)):
        found = compare(column([one], pa.float64()), column([other], pa.float64()), tolerance={"v": 1e308})
        assert not found.same, (one, other)


def test_nan_and_the_two_zeros_pair_in_keys() -> None:
    left = pa.table({"k": [math.nan, 0.0, None], "v": [1, 2, 3]})
    right = pa.table({"k": [None, -0.0, -math.nan], "v": [6, 5, 4]})
    found = compare(left, right, keys=["k"])
    assert (found.cause, dict(found.changed)) == (Cause.CHANGED_VALUES, {"v": 3})


# names and many columns


def test_a_thousand_columns_are_compared_and_not_all_named() -> None:
    left = pa.table({f"column_{at}": [at, at + 1] for at in range(1000)})
    assert compare(left, left.take([1, 0])).same
    found = compare(left, left.set_column(500, "column_500", pa.array([7, 7])), keys=["column_0"])
    assert (found.cause, dict(found.changed)) == (Cause.CHANGED_VALUES, {"column_500": 2})
    found = compare(left, left.rename_columns([f"c{at}" for at in range(1000)]))
    assert found.explanation is not None
    assert "column_19 and 980 more" in found.explanation.evidence


def test_names_of_columns_may_be_anything(tmp_path: Path) -> None:
    names = ['a"b', "x'y", "c0", "h1", "nl", "filename", "_file", "select", "é b", "c\n"]
    table = pa.table({name: ["a", "b"] for name in names})
    other = table.set_column(2, "c0", pa.array(["a", "c"]))
    assert compare(table, other, keys=["h1"]).changed == {"c0": 1}
    for folder in ("k=1", "k=2"):
        written(tmp_path / "table" / folder / "a.parquet", table)
    assert compare(tmp_path / "table", tmp_path / "table").same
    (tmp_path / "a.json").write_text('{"filename": "a"}\n', encoding="utf-8")
    assert compare(pa.table({"filename": ["a"]}), tmp_path / "a.json").same
    assert not compare(pa.table({"filename": ["b"]}), tmp_path / "a.json").same


def test_names_that_differ_in_case_only_are_columns_of_their_own(tmp_path: Path) -> None:
    for kind in ("parquet", "folder", "json"):
        places = []
        for side, value in (("left", 2), ("right", 9)):
            place = tmp_path / kind / side
            place.mkdir(parents=True)
            if kind == "json":
                (place / "a").write_text(f'{{"a": 1, "A": {value}}}\n', encoding="utf-8")
            for at in range({"json": 0, "parquet": 1, "folder": 2}[kind]):
                pq.write_table(pa.table([[1], [value]], names=["a", "A"]), place / f"{at}.parquet")
            places.append(place)
        found = compare(*places)
        assert (found.verdict, found.cause) == (Verdict.DIFFERENT, Cause.CASE_OF_NAMES), kind
        assert compare(places[0], places[0]).same


# folders


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        (
            '{"a": 1, "A": 2, "x": 0.5, "d": "2020-01-01"}',
            '{"d": "2020-01-01", "a": 1, "A": 2, "x": 0.5}',
            Verdict.SAME,
        ),
        ('{"a": 1, "A": 2, "x": 0.5}', '{"a": 1, "A": 3, "x": 0.5}', Verdict.DIFFERENT),
        ('{"a": 1, "A": 2, "d": "2020-01-01"}', '{"a": 1, "A": 2, "d": "2020-1-1"}', Verdict.DIFFERENT),
        ('[{"a": "1", "A": {"/": [null, "x~"]}}]', '{"a": "1", "A": {"/": [null, "x~"]}}', Verdict.SAME),
    ],
)
def test_other_columns_beside_two_of_one_name_in_json(left: str, right: str, verdict: Verdict, tmp_path: Path) -> None:
    for name, line in (("left", left), ("right", right)):
        (tmp_path / f"{name}.json").write_text(f"{line}\n", encoding="utf-8")
    assert compare(tmp_path / "left.json", tmp_path / "right.json").verdict is verdict


def test_what_is_refused_beside_two_columns_of_one_name_in_json(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(f'{{"a": 1, "A": 2, "x": 0.5}}\n{{"a": 1, "A": 2, "x": {2**70}}}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="x has 1 whole numbers that are too long"):
        compare(file, file)
    file.write_text(f'{{"a": 0.5, "A": {2**70}}}\n{{"a": {2**70}, "A": 1}}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="a has 1 whole numbers that are too long"):
        compare(file, file)
    file.write_text(f'{{"a": 0.5, "A": 0.5}}\n{{"a": 1, "A": {2**70}}}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="A has 1 whole numbers that are too long"):
        compare(file, file)
    file.write_text('{"a": 1, "A": 2, "a": 3}\n', encoding="utf-8")
    with pytest.raises(EnvironmentFault, match="is no JSON that can be read"):
        compare(file, file)


def test_files_of_a_folder_may_have_other_columns_and_widths(tmp_path: Path) -> None:
    written(tmp_path / "t" / "1.parquet", pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}))
    written(tmp_path / "t" / "2.parquet", pa.table({"A": pa.array([2**40], pa.int64())}))
    assert compare(tmp_path / "t", pa.table({"a": [1, 2**40], "b": ["x", None]})).same
    written(tmp_path / "t" / "3.parquet", pa.table({"a": ["1"]}))
    found = compare(tmp_path / "t", pa.table({"a": [1, 2**40, 1], "b": ["x", None, None]}))
    assert (found.verdict, found.cause) == (Verdict.DIFFERENT, Cause.TYPE)


def test_nothing_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "zero").mkdir()
    (tmp_path / "zero" / "part-0.parquet").touch()
    for nothing in (tmp_path / "zero", tmp_path / "nowhere", ()):
        assert compare(nothing, pa.table({"a": [1]}), may_be_empty=True).verdict is Verdict.MISSING


def test_huge_text_is_compared_and_not_shown() -> None:
    huge = "x" * 20_000_000
    left = pa.table({"id": [1, 2], "v": [huge, "y"]})
    assert compare(left, left.take([1, 0])).same
    found = compare(left, pa.table({"id": [2, 1], "v": ["y", huge + "z"]}), keys=["id"], show_pii=True)
    assert found.changed == {"v": 1}
    assert all(
        len(text) <= 120 for example in found.examples for text in (*example.values.values(), *example.changed.values())
    )


def test_many_changed_rows_take_seconds() -> None:
    """To look at each pair of them would take minutes."""
    rows = 200_000
    left = pa.table({"k": list(range(rows)), "v": [0.0] * rows})
    right = pa.table({"k": list(range(1, rows + 1)), "v": [1.0] * rows})
    found = compare(left, right, keys=["k"])
    assert found.changed == {"v": rows - 1}
    assert {example.kind for example in found.examples} == {"changed", "left only", "right only"}
    assert found.seconds < 30


# what is damaged

_GOOD = pa.table({"a": list(range(10_000)), "s": [f"person{at}@example.com" for at in range(10_000)]})


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _footer(data: bytes) -> bytes:
    return data[:-200] + b"\xff" * 192 + data[-8:]


def _pages(data: bytes) -> bytes:
    return data[:4] + b"\xff" * 3000 + data[3004:]


@pytest.mark.parametrize("damage", [_cut, _footer, _pages, lambda _: b"PAR1"])
def test_damaged_parquet_is_said_to_be_damaged(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", _GOOD)
    file.write_bytes(damage(file.read_bytes()))
    for left, right in ((file, _GOOD), (_GOOD, file)):
        with pytest.raises(EnvironmentFault) as raised:
            compare(left, right)
        assert raised.value.message == f"{file}: is no Parquet that can be read"
        assert "example.com" not in f"{raised.value.message}{raised.value.fix}"


@pytest.mark.parametrize(
    "content",
    [
        b"{a,b\n1,2\n",
        b'{"a": 1}\nperson@example.com\n',
        b'{"a": 1, "a": 2}\n',
        b'{"a": 1',
        b'[{"a": 1}, 2]',
        gzip.compress(b"a,b\n1,2\n", mtime=0),
        gzip.compress(b'{"a": 1}\n', mtime=0)[:-6],
    ],
)
def test_what_is_no_json_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(EnvironmentFault) as raised:
        compare(_GOOD, tmp_path / "a.json")
    assert "a.json" in raised.value.message
    assert "example.com" not in raised.value.message


def test_a_csv_is_refused_with_what_can_be_compared(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"a\.csv is neither Parquet nor JSON nor Arrow"):
        compare(tmp_path / "a.csv", _GOOD)
