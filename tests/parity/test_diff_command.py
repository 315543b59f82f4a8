"""`stedi parity diff`: exit codes, output, reports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from small_lake import open_lake

Answer = tuple[int, str, str]

LEFT = pl.DataFrame({"id": [1, 2, 3], "name": ["Ann", "Bob", "Cid"], "x": [0.1, 0.2, 0.3]})


@pytest.fixture
def files(tmp_path: Path, nothing_set: None) -> tuple[Path, Path]:
    LEFT.write_parquet(tmp_path / "left.parquet")
    return tmp_path / "left.parquet", tmp_path / "right.parquet"


def test_the_same_table_in_another_order(files: tuple[Path, Path], stedi: Callable[..., Answer]) -> None:
    LEFT.reverse().select("x", "id", "name").write_parquet(files[1])
    code, out, err = stedi("parity", "diff", *files)
    assert (code, err) == (0, "")
    assert "1 table: all the same" in out


def test_a_lake_is_no_table_and_a_context_is_a_lake(
    lake: Path, files: tuple[Path, Path], stedi: Callable[..., Answer]
) -> None:
    assert stedi("build", "--lake", lake)[0] == 0
    code, _, err = stedi("parity", "diff", lake / "customer/trusted", lake)
    assert (code, "is a lake, which holds many tables" in err) == (2, True)
    code, _, err = stedi("parity", "diff", files[0], files[0], "--context", files[0].parent)
    assert (code, "holds no table of the lakehouse" in err) == (2, True)


def test_a_difference_ends_with_1_and_says_what(files: tuple[Path, Path], stedi: Callable[..., Answer]) -> None:
    LEFT.with_columns(x=pl.col("x") + 1).write_parquet(files[1])
    code, out, err = stedi("parity", "diff", *files, "--key", "id, name", "--report", files[0].parent / "report")
    assert code == 1
    assert "changed values: 3 rows have the same id, name and other values: x (3)" in out
    assert "0.1 -> 1.1" in out
    assert "Ann" not in out
    assert sorted(file.name for file in (files[0].parent / "report").iterdir()) == [
        "junit.xml",
        "report.html",
        "report.json",
        "report.md",
    ]
    assert "report.html" in err
    code, out, _ = stedi("parity", "diff", *files, "--json", "--show-pii")
    found = json.loads(out)
    assert (code, found["verdict"], found["tables"]["table"]["rows"]["left_only"]) == (1, "different", 3)
    assert "Ann" in out


def test_places_are_shown_without_emails(files: tuple[Path, Path], stedi: Callable[..., Answer]) -> None:
    place = files[0].parent / "user=ann%40example.com"
    place.mkdir()
    for name in ("ann@example.com.parquet", "other.parquet"):
        LEFT.with_columns(x=pl.lit(len(name))).write_parquet(place / name)
    report = files[0].parent / "report"
    code, out, err = stedi("parity", "diff", *sorted(place.iterdir()), "--json", "--report", report)
    texts = [out, err, *(file.read_text(encoding="utf-8") for file in report.iterdir())]
    assert code == 1
    assert not [found for text in texts if (found := re.search(r"\bann\b.{20}", text, re.IGNORECASE))]


def test_a_tolerance_lets_it_pass(files: tuple[Path, Path], stedi: Callable[..., Answer]) -> None:
    LEFT.with_columns(x=pl.col("x") + 1e-12).write_parquet(files[1])
    assert stedi("parity", "diff", *files)[0] == 1
    assert stedi("parity", "diff", *files, "--tolerance", "x=1e-9")[0] == 0
    assert stedi("parity", "diff", *files, "--tolerance", "x=rel:1e-9, id=0")[0] == 0


def test_what_cannot_be_compared_ends_with_2(files: tuple[Path, Path], stedi: Callable[..., Answer]) -> None:
    for arguments, words in (
        ((files[0], files[1]), "right.parquet: there is no table"),
        ((files[0], __file__), "neither Parquet nor JSON nor Arrow"),
        ((files[0], files[0], "--key", "idd"), "did you mean id?"),
        ((files[0], files[0], "--tolerance", "x"), "names no column"),
        ((files[0], files[0], "--tolerance", "x=much"), "is no number"),
        ((files[0], files[0], "--table", "customers"), "Invalid value for '--table'"),
    ):
        code, out, err = stedi("parity", "diff", *arguments)
        assert (code, out) == (2, ""), arguments
        assert words in err


def test_a_lake_as_context_names_the_cause(tmp_path: Path, stedi: Callable[..., Answer]) -> None:
    with open_lake() as lake:
        for name, prefix in (("customer_trusted", "customer/trusted"), ("customer_landing", "customer/landing")):
            (tmp_path / "lake" / prefix).mkdir(parents=True)
            pl.DataFrame(lake.tables[name]).write_parquet(tmp_path / "lake" / prefix / "a.parquet")
        pl.DataFrame(lake.tables["accelerometer_trusted"]).write_parquet(tmp_path / "left.parquet")
        pl.DataFrame(lake.tables["accelerometer_landing"]).write_parquet(tmp_path / "right.parquet")
    table = ("--table", "accelerometer_trusted")
    code, out, _ = stedi("parity", "diff", tmp_path / "left.parquet", tmp_path / "right.parquet", *table)
    assert code == 1
    assert "missing filter" in out
    both = (tmp_path / "left.parquet", tmp_path / "right.parquet")
    code, out, _ = stedi("parity", "diff", *both, *table, "--context", tmp_path / "lake")
    assert code == 1
    assert "missing consent filter: all rows that only the right has (84) are of customers who did not agree" in out
