"""An audit looks at all of a file, at every file, and says of one that it cannot read which one it is."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from stedi.build import build
from stedi.contracts import TABLES
from stedi.errors import EnvironmentFault
from stedi.privacy import audit

ADA = "Ada.Quillfeather@example.com"
TRAINING = f"{TABLES['training_curated'].prefix}training_curated-0.parquet"


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory, write_landing: Callable[..., Path], write_walk: Callable[..., None]
) -> Path:
    folder = tmp_path_factory.mktemp("original")
    write_walk(write_landing(folder / "landing"), "Ada")
    build(folder / "lake", folder / "landing", pseudonym_key="a key of these tests, and of no other")
    return folder / "lake"


@pytest.fixture
def lake(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "lake"))


def of_categories(values: list[str], *more: str) -> pa.Array:
    """Return a column that knows more values than its rows have."""
    column = pa.array(values).dictionary_encode()
    categories = pa.array([*column.dictionary.to_pylist(), *more])
    return pa.DictionaryArray.from_arrays(column.indices, categories)


def test_a_category_that_no_row_has(lake: Path) -> None:
    rows = pq.read_table(lake / TRAINING)
    column = of_categories(rows["customerPseudonym"].to_pylist(), ADA)
    table = rows.set_column(0, "customerPseudonym", column).replace_schema_metadata()
    pq.write_table(table, lake / TRAINING, compression="zstd", store_schema=False)
    assert audit(lake).violations[0].startswith(f"values: {TRAINING}: a dictionary of it holds email, 1 time")


def test_a_category_that_no_row_of_a_report_has(lake: Path) -> None:
    what = of_categories([f"a report of the number {number}" for number in range(300)], ADA)
    pq.write_table(pa.table({"what": what}), lake / "report.parquet", compression="zstd", store_schema=False)
    assert ADA.encode() not in (lake / "report.parquet").read_bytes()
    assert audit(lake).violations[0].startswith("values: report.parquet holds email, 1 time")


def test_what_stands_between_the_columns_and_the_footer(lake: Path) -> None:
    data = (lake / TRAINING).read_bytes()
    [length] = struct.unpack("<I", data[-8:-4])
    (lake / TRAINING).write_bytes(data[: -length - 8] + f"of {ADA}.".encode() + data[-length - 8 :])
    assert audit(lake).violations[0].startswith(f"values: {TRAINING}: its metadata holds email, 1 time")


@pytest.mark.parametrize("table", ["training_curated", "customer_trusted"])
def test_a_schema_of_arrow_that_is_none(lake: Path, table: str) -> None:
    """DuckDB reads such a file, and Arrow, which is asked for the dictionaries of training_curated, does not."""
    path = f"{TABLES[table].prefix}{table}-0.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create table rows as from read_parquet('{lake / path}')")
        written = f"(format parquet, kv_metadata {{'ARROW:schema': 'abcde {ADA}'}})"
        connection.execute(f"copy rows to '{lake / path}' {written}")
    if table == "training_curated":
        with pytest.raises(EnvironmentFault, match=f"{path}: cannot be read as Parquet"):
            audit(lake)
    else:
        assert audit(lake).violations[0].startswith(f"values: {path}: its metadata holds email, 1 time")


def of_types_that_do_not_fit(file: Path) -> None:
    pq.write_table(pa.table({"user": [{"a": 1}], "timestamp": [1.5]}), file)


def of_no_text(file: Path) -> None:
    bad = pa.array([b"\xff\xfe", b"ok"])
    pq.write_table(pa.table({"user": pa.Array.from_buffers(pa.string(), 2, bad.buffers())}), file)


@pytest.mark.parametrize("folder", ["accelerometer/trusted", "notes"])
@pytest.mark.parametrize("write", [of_types_that_do_not_fit, of_no_text, os.mkfifo])
def test_what_cannot_be_read_is_named(lake: Path, folder: str, write: Callable[[Path], None]) -> None:
    (file := lake / folder / "strange.parquet").parent.mkdir(exist_ok=True)
    write(file)
    if (folder, write) == ("notes", of_types_that_do_not_fit):
        assert audit(lake).violations == []
        return
    with pytest.raises(EnvironmentFault, match=r"strange\.parquet: (cannot be read|is no file)") as caught:
        audit(lake)
    assert "report this" not in caught.value.fix


@pytest.mark.parametrize("raw", [1, "text", None], ids=str)
def test_what_lies_in_quarantine_and_is_none_is_searched(lake: Path, raw: object) -> None:
    file = lake / "_quarantine/customer/old.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table({"raw": [raw], "who": [ADA]}), file)
    assert audit(lake).violations[0].startswith("values: _quarantine/customer/old.parquet holds email, ")


def test_reports_in_a_folder_behind_a_link(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/log").write_text(ADA)
    (reports := tmp_path / "reports").mkdir()
    (reports / "link").symlink_to(tmp_path / "elsewhere")
    assert audit(lake, [reports]).violations[0].startswith(f"values: {reports}/link/log holds email")


def test_a_report_that_comes_through_a_pipe(lake: Path) -> None:
    """It could be read once only: hashed, and not searched."""
    reader, writer = os.pipe()
    os.write(writer, ADA.encode())
    os.close(writer)
    with pytest.raises(EnvironmentFault, match="is no file but a pipe"):
        audit(lake, [f"/dev/fd/{reader}"])
    os.close(reader)


def test_a_folder_of_reports_that_may_not_be_looked_into(
    lake: Path, tmp_path: Path, stedi_command: list[str], plain_user: list[str]
) -> None:
    (closed := tmp_path / "reports/closed").mkdir(parents=True)
    closed.chmod(0)
    command = [*plain_user, *stedi_command, "privacy", "audit", "--lake", str(lake), "--reports", str(closed.parent)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    closed.chmod(0o700)
    assert done.returncode == 2
    assert "permission denied" in done.stderr
