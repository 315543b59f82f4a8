"""What a side of a comparison can be, and how folders are read."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.dataset  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from parity.compare import Data, compare
from parity.verdict import Cause, Verdict
from stedi.errors import EnvironmentFault, StediError, UsageError

ROWS: list[dict[str, Any]] = [
    {"email": "ann@example.com", "at": 1655296678763, "x": 0.1, "none": None},
    {"email": "", "at": -1, "x": None, "none": None},
    {"email": None, "at": 0, "x": 2.0, "none": None},
]
TABLE = pa.Table.from_pylist(
    ROWS, schema=pa.schema([("email", pa.string()), ("at", pa.int64()), ("x", pa.float64()), ("none", pa.string())])
)


def _parquet(folder: Path) -> Data:
    pq.write_table(TABLE, folder / "a.parquet")
    return folder / "a.parquet"


def _spark_folder(folder: Path) -> Data:
    """Write parts as Spark does, one of them in another folder, with markers and checksums beside."""
    place = folder / "table"
    (place / "deep").mkdir(parents=True)
    pq.write_table(TABLE.slice(0, 1), place / "part-00000-c000.snappy.parquet")
    pq.write_table(TABLE.slice(1), place / "deep" / "part-00001-c000.snappy.parquet")
    (place / "_SUCCESS").touch()
    (place / ".part-00000-c000.snappy.parquet.crc").write_bytes(b"crc!")
    (place / "_temporary").mkdir()
    (place / "_temporary" / "half.parquet").write_bytes(b"PAR1 torn")
    return str(place)


def _glue_json(folder: Path) -> Data:
    """Write JSON as Glue does: names without an ending, NULL left out."""
    place = folder / "table"
    place.mkdir()
    lines = [json.dumps({key: value for key, value in row.items() if value is not None}) for row in ROWS]
    lines[0] = lines[0].replace("}", ', "none": null}')
    (place / "run-1691348231445-part-r-00000").write_text(lines[0] + "\n", encoding="utf-8")
    (place / "run-1691348231445-part-r-00001").write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")
    return place


def _gzip(folder: Path) -> Data:
    (folder / "part-0").write_bytes(gzip.compress("\n".join(map(json.dumps, ROWS)).encode()))
    return folder / "part-0"


def _array(folder: Path) -> Data:
    (folder / "a.json").write_text(json.dumps(ROWS, indent=1), encoding="utf-8")
    return folder / "a.json"


def _arrow_file(folder: Path) -> Data:
    with pa.ipc.new_file(folder / "a.arrow", TABLE.schema) as writer:
        writer.write_table(TABLE)
    return folder / "a.arrow"


def _several_files(folder: Path) -> Data:
    for at in range(3):
        pq.write_table(TABLE.slice(at, 1), folder / f"{at}.parquet")
    return [folder / f"{at}.parquet" for at in range(3)]


def _relation(folder: Path) -> Data:
    connection = duckdb.connect()
    connection.register("t", TABLE)
    return connection.sql("from t order by t.at")


KINDS: dict[str, Callable[[Path], Data]] = {
    "parquet": _parquet,
    "folder of Spark": _spark_folder,
    "folder of Glue's JSON": _glue_json,
    "gzip without a name": _gzip,
    "an array of objects": _array,
    "arrow file": _arrow_file,
    "several files": _several_files,
    "relation": _relation,
    "arrow table": lambda _: TABLE,
    "arrow reader": lambda _: TABLE.to_reader(),
    "arrow dataset": lambda _: pyarrow.dataset.dataset(TABLE),
    "polars": lambda _: pl.DataFrame(TABLE),
    "polars, lazy": lambda _: pl.LazyFrame(TABLE),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_table_is_compared(kind: str, tmp_path: Path) -> None:
    found = compare(TABLE, KINDS[kind](tmp_path))
    assert (found.verdict, found.left_rows, found.right_rows) == (Verdict.SAME, 3, 3), found
    other = TABLE.slice(0, 2)
    (tmp_path / "again").mkdir()
    found = compare(other, KINDS[kind](tmp_path / "again"))
    assert (found.verdict, found.rows.right_only, len(found.examples)) == (Verdict.DIFFERENT, 1, 1)


def test_partition_folders_are_columns(tmp_path: Path) -> None:
    for at, row in enumerate(ROWS):
        email = "__HIVE_DEFAULT_PARTITION__" if row["email"] is None else str(row["email"]).replace("@", "%40")
        folder = tmp_path / "table" / f"at={row['at']}" / f"email={email}"
        folder.mkdir(parents=True)
        pq.write_table(TABLE.slice(at, 1).select(["x", "none"]), folder / "part-0.parquet")
    found = compare(TABLE, tmp_path / "table")
    assert found.same, found
    # above the table such a name is only a name
    place = tmp_path / "x=1"
    place.mkdir()
    pq.write_table(TABLE, place / "a.parquet")
    assert compare(TABLE, place).same


def test_a_file_may_lie_in_a_folder_of_the_root() -> None:
    """As `/tmp/a.parquet`: it was taken for the name of a bucket, which is no file."""
    with tempfile.NamedTemporaryFile(dir="/tmp", suffix=".parquet") as file:
        pq.write_table(TABLE, file.name)
        assert compare(TABLE, file.name).same


def test_all_folders_of_a_table_are_named_after_the_same_columns(tmp_path: Path) -> None:
    """What some folders say and others do not was left out on both sides, and other tables were the same."""
    for side, value in (("left", "1"), ("right", "2")):
        for folder in (f"at={value}", "."):
            place = tmp_path / side / folder
            place.mkdir(parents=True, exist_ok=True)
            pq.write_table(TABLE.select(["x"]), place / "a.parquet")
    with pytest.raises(UsageError, match="no such folder, some in column=value folders of at"):
        compare(tmp_path / "left", tmp_path / "right")


@pytest.mark.parametrize("names", [("at", "_at"), ("x", "at"), ("X", "at")])
def test_what_a_folder_says_goes_before_what_its_files_hold(names: tuple[str, str], tmp_path: Path) -> None:
    for side, value in (("left", "1"), ("right", "2"), ("again", "2")):
        place = tmp_path / side / f"{names[0]}={value}" / f"{names[1]}={value}"
        place.mkdir(parents=True)
        pq.write_table(TABLE.select(["x"]), place / "a.parquet")
    assert not compare(tmp_path / "left", tmp_path / "right").same
    assert compare(tmp_path / "again", tmp_path / "right").same


def test_columns_that_may_hold_null_on_one_side_only_are_noted_and_no_difference(tmp_path: Path) -> None:
    for name, nullable in (("left", False), ("right", True)):
        fields = [pa.field("a", pa.int64(), nullable=nullable), pa.field("b", pa.list_(pa.int64()), nullable=nullable)]
        table = pa.table({"a": [1], "b": [[1]], "c": ["c"]}, schema=pa.schema([*fields, pa.field("c", pa.string())]))
        pq.write_table(table, tmp_path / f"{name}.parquet")
    found = compare(tmp_path / "left.parquet", tmp_path / "right.parquet")
    assert (found.verdict, found.notes) == (Verdict.SAME, ("by its schema the left holds no NULL in a, b",))


@pytest.mark.parametrize(
    ("one", "other"),
    [([1], ["1"]), ([1], [1.5]), (["a"], [b"a"]), ([1], [True]), (["2020-01-01"], [dt.date(2020, 1, 1)])],
)
def test_files_of_other_kinds_in_one_column_are_another_type(one: list[Any], other: list[Any], tmp_path: Path) -> None:
    """Both were read as one type, text mostly, and were the same as that text."""
    for name, values in (("a", one), ("b", other), ("c", [None])):
        pq.write_table(pa.table({"n": [1], "V" if name == "a" else "v": values}), tmp_path / f"{name}.parquet")
    read = duckdb.read_parquet(str(tmp_path / "*.parquet"), union_by_name=True).to_arrow_table()
    found = compare(read, tmp_path)
    assert (found.verdict, found.cause) == (Verdict.DIFFERENT, Cause.TYPE)
    assert found.explanation is not None
    assert "files of one side hold it as " in found.explanation.evidence


def test_files_of_other_widths_are_one_table(tmp_path: Path) -> None:
    tmp_path = tmp_path / "[a]*"
    tmp_path.mkdir()
    for name, values in (("a", pa.array([1], pa.int8())), ("b", pa.array([2], pa.uint32())), ("c", pa.nulls(1))):
        pq.write_table(pa.table({"v": values}), tmp_path / f"{name}.parquet")
    assert compare(tmp_path, pa.table({"v": [1, 2, None]})).same


def test_a_place_without_data_is_missing_on_whichever_side(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    for left, right in ((TABLE, folder), (tmp_path / "nowhere", TABLE), (folder, folder)):
        found = compare(left, right, may_be_empty=True)
        assert found.verdict is Verdict.MISSING
        assert "there is no table" in found.problem
        assert (found.left_rows, found.right_rows) == tuple(3 if side is TABLE else None for side in (left, right))


def test_two_empty_tables_are_the_same_only_when_they_may_be() -> None:
    empty = TABLE.slice(0, 0)
    found = compare(empty, empty)
    assert (found.verdict, found.cause) == (Verdict.DIFFERENT, Cause.EMPTY)
    assert compare(empty, empty, may_be_empty=True).same
    assert compare(TABLE, empty, may_be_empty=True).cause is Cause.EMPTY


def test_two_columns_that_differ_in_case_only_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], ["b"], [1]], names=["email", "Email", "n_1"]), tmp_path / "a.parquet")
    found = compare(pa.table({"email": ["a"], "n_1": [1]}), tmp_path / "a.parquet")
    assert found.cause is Cause.CASE_OF_NAMES
    assert found.explanation is not None
    assert "email and Email" in found.explanation.evidence


def test_text_in_json_that_is_no_date_is_another_type(tmp_path: Path) -> None:
    left = pa.table({"d": [dt.date(2020, 1, 1)]})
    (tmp_path / "a.json").write_text('{"d": "2020-01-01"}\n', encoding="utf-8")
    assert compare(left, tmp_path / "a.json").same
    (tmp_path / "a.json").write_text('{"d": "01.01.20"}\n', encoding="utf-8")
    found = compare(left, tmp_path / "a.json")
    assert (found.verdict, found.cause) == (Verdict.DIFFERENT, Cause.TYPE)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "torn.arrow").write_bytes(b"ARROW1 and no more")
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    pq.write_table(TABLE, mixed / "a.parquet")
    (mixed / "b.json").write_text("{}", encoding="utf-8")
    for data, error in (
        (tmp_path / "a.txt", UsageError),
        (mixed, UsageError),
        (object(), UsageError),
        (tmp_path / "torn.parquet", StediError),
        (tmp_path / "torn.arrow", EnvironmentFault),
    ):
        with pytest.raises(error):
            compare(TABLE, data)


def test_keys_and_tolerances_must_be_columns_of_both() -> None:
    other = TABLE.rename_columns(["email", "at", "x", "more"])
    wrong: list[dict[str, Any]] = [{"keys": ["none"]}, {"tolerance": {"nox": 1.0}}]
    for settings in wrong:
        with pytest.raises(UsageError, match="no column that both sides have"):
            compare(TABLE, other, **settings)


def test_null_pairs_with_null_in_keys() -> None:
    left = pa.table({"k": ["a", None], "v": [1, 2]})
    right = pa.table({"k": [None, "a"], "v": [3, 1]})
    found = compare(left, right, keys=["K"])
    assert (found.cause, dict(found.changed)) == (Cause.CHANGED_VALUES, {"v": 1})
