"""Verification names everything that is wrong with a lake, and nothing where nothing is."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from stedi.build import build
from stedi.errors import EnvironmentFault, UsageError
from stedi.manifest import MANIFEST, LedgerRecord, Manifest
from stedi.sample import write_sample
from stedi.storage import open_storage
from stedi.verify import verify

CUSTOMERS = "customer/trusted/customer_trusted-0.parquet"
READINGS = "accelerometer/trusted/accelerometer_trusted-0.parquet"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    write_sample(folder / "landing", dirty=0.005)
    build(folder / "lake", folder / "landing")
    return folder


@pytest.fixture
def lake(original: Path, tmp_path: Path) -> Path:
    """Return a lake of its own, over a landing folder of its own (copied with its times, so it is unchanged)."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    change(tmp_path / "lake", lambda manifest: replace(manifest, landing=str(tmp_path / "landing")))
    return tmp_path / "lake"


def change(lake: Path, how: Callable[[Manifest], Manifest]) -> None:
    storage = open_storage(lake)
    manifest = Manifest.load(storage)
    assert manifest is not None
    storage.write(MANIFEST, how(manifest).dump())


def rewrite(file: Path, sql: str, build: str | None = None) -> None:
    """Write a table's file again, from a query over `old`; its build id stays unless another is given.

    The manifest gets its size and checksum, so that what is found is found in the data.
    """
    with duckdb.connect() as connection:
        connection.read_parquet(str(file)).create_view("old")
        [(kept,)] = connection.execute(
            "select value::varchar from parquet_kv_metadata($file) where key = 'stedi_build'::blob", {"file": str(file)}
        ).fetchall()
        new = file.with_name("new")
        connection.execute(
            f"copy ({sql}) to $new (format parquet, kv_metadata {{stedi_build: $build}})",
            {"new": str(new), "build": build or kept},
        )
    new.replace(file)
    record(file)


def record(file: Path) -> None:
    """Have the manifest say that a file of a table is as it should be."""
    lake = file.parents[2]
    path = file.relative_to(lake).as_posix()
    content = file.read_bytes()

    def as_it_is(manifest: Manifest) -> Manifest:
        tables = {
            name: replace(
                table,
                files=tuple(
                    replace(f, size=len(content), sha256=hashlib.sha256(content).hexdigest()) if f.path == path else f
                    for f in table.files
                ),
            )
            for name, table in manifest.tables.items()
        }
        return replace(manifest, tables=tables)

    change(lake, as_it_is)


def test_nothing_is_wrong(lake: Path) -> None:
    told: list[str] = []
    report = verify(lake, progress=lambda what, done, total: told.append(f"{what} {done} {total}"))
    assert report.ok
    assert report.problems == report.notes == []
    assert len(report.ledger) == 3
    assert report.checks["audits"] >= 6
    assert report.checks["expected"] > 0
    assert told


def test_verifying_changes_nothing(lake: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in lake.rglob("*") if file.is_file()}
    verify(lake)
    assert {file: file.stat().st_mtime_ns for file in lake.rglob("*") if file.is_file()} == before


def test_never_built(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no lake was built"):
        verify(tmp_path)


def test_everything_wrong_is_named_at_once(lake: Path) -> None:
    (lake / CUSTOMERS).unlink()
    (lake / READINGS).write_bytes(b"no parquet")
    (lake / "customer/curated/more.parquet").write_bytes(b"")
    curated = lake / "machine_learning/curated/machine_learning_curated-0.parquet"
    data = bytearray(curated.read_bytes())
    data[len(data) // 2] ^= 1
    curated.write_bytes(data)
    (lake / "_quarantine/customer/quarantine.parquet").unlink()
    problems = "\n".join(verify(lake).problems)
    for text in (
        f"{CUSTOMERS}: is missing",
        f"{READINGS}: has 10 bytes",
        "more.parquet: is none of this lake's files",
        "machine_learning_curated-0.parquet: has another checksum",
        "_quarantine/customer/quarantine.parquet: is missing",
        "audit consent: not run, customer_trusted: a file is missing",
        "machine_learning_curated: a file is not as it was published",
        "ledger: not checked",
    ):
        assert text in problems
    assert problems.count("quarantine") == 2  # in the path, once: what follows of it is not said too
    assert "@" not in problems


def test_rows_that_are_gone(lake: Path) -> None:
    rewrite(lake / READINGS, "from old limit 1000")
    problems = "\n".join(verify(lake).problems)
    assert "accelerometer_trusted: has 1,000 rows, the manifest says" in problems
    assert "ledger" in problems
    assert "audit nothing_multiplied" in problems


def test_a_row_without_consent(lake: Path) -> None:
    rewrite(
        lake / CUSTOMERS,
        "select * replace (case when row_number() over () = 1 then 'x@y.z' else email end as email) from old",
    )
    problems = verify(lake).problems
    assert any(problem.startswith("audit consent: customer_trusted") for problem in problems)
    assert not any("x@y.z" in problem for problem in problems)


def test_columns_of_another_type(lake: Path) -> None:
    rewrite(lake / READINGS, "select * replace (x::float as x) from old")
    assert any(problem.startswith("audit types_as_declared") for problem in verify(lake).problems)


def test_a_fix_for_each_kind_of_problem(lake: Path) -> None:
    (lake / "customer/curated/more.parquet").write_bytes(b"")
    assert verify(lake).fixes == ["move files away that are none of the lake's"]
    (lake / CUSTOMERS).unlink()
    again, move = verify(lake).fixes
    assert again.startswith(f"`stedi build --force --lake {lake} ")
    assert move.startswith("move files away")


def test_another_build(lake: Path) -> None:
    rewrite(lake / CUSTOMERS, "from old", build="0123456789abcdef")
    assert any("is of build 0123456789abcdef" in problem for problem in verify(lake).problems)


def test_a_file_of_nobody(lake: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("copy (select 1 as a) to $file (format parquet)", {"file": str(lake / CUSTOMERS)})
    record(lake / CUSTOMERS)
    assert any("is of build none" in problem for problem in verify(lake).problems)


def test_a_ledger_that_was_changed(lake: Path) -> None:
    wrong = LedgerRecord("customer", 956, 1, 955, "why", 0)
    change(lake, lambda manifest: replace(manifest, ledger=(wrong, *manifest.ledger[1:])))
    [problem] = verify(lake).problems
    assert problem.startswith("ledger: counted customer: 956 = ")


def test_a_table_that_was_not_built(lake: Path) -> None:
    change(lake, lambda m: replace(m, tables={n: t for n, t in m.tables.items() if n != "machine_learning_curated"}))
    problems = verify(lake).problems
    assert "machine_learning_curated: is not in the manifest; run `stedi build`" in problems
    assert any("machine_learning_curated-0.parquet: is none of" in problem for problem in problems)


def test_a_landing_file_that_changed(lake: Path) -> None:
    file = next((lake.parent / "landing/customer/landing").iterdir())
    file.write_bytes(file.read_bytes() + b"\n")
    problems = verify(lake).problems
    assert any(f"{file}: this landing file has changed" in problem for problem in problems)
    assert [fix for fix in verify(lake).fixes if "builds from the landing data as they are" in fix]
    assert any(
        problem.startswith("audit consent: not run, customer_landing: its landing files") for problem in problems
    )
    assert not any("accelerometer_landing" in problem.partition(":")[0] for problem in problems)


def test_a_landing_folder_that_is_gone(lake: Path) -> None:
    shutil.rmtree(lake.parent / "landing")
    report = verify(lake)
    problems = "\n".join(report.problems)
    assert report.fixes == ["put the landing files back that are gone, or build from other ones with --landing"]
    for feed in ("customer", "accelerometer", "step_trainer"):
        assert f"{feed}/landing/{feed}-0000.json: this landing file is gone" in problems


def test_a_new_landing_file_is_a_note(lake: Path) -> None:
    (lake.parent / "landing/customer/landing/new.json").write_text('{"email":"a@b.c","serialNumber":"s"}\n')
    report = verify(lake)
    assert report.ok
    [note] = report.notes
    assert "1 new landing file since" in note
    assert "stedi build" in note


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"customer_trusted": 1}, "customer_trusted: has"),
        ({"customer_truste": 1}, "did you mean customer_trusted"),
        ({}, ""),
    ],
)
def test_expected_rows(lake: Path, tmp_path: Path, counts: dict[str, int], says: str) -> None:
    file = tmp_path / "counts.json"
    file.write_text(json.dumps(counts))
    problems = verify(lake, file).problems
    assert [says in problem for problem in problems] == ([True] if says else [])
    fixes = [f"look at the landing data, or correct the expected counts in {file}"]
    assert verify(lake, file).fixes == (fixes if says else [])


def test_expected_beside_the_landing_is_used(lake: Path) -> None:
    (lake.parent / "landing/expected.json").write_text('{"customers_curated": 1, "nosuch": 2}')
    assert len(verify(lake).problems) == 2
    for text in ('{"customers_curated": "1"}', "[" * 100_000):
        (lake.parent / "landing/expected.json").write_text(text)
        [problem] = verify(lake).problems
        assert "no object of tables and rows" in problem


def test_a_file_of_expected_rows_must_be_one(lake: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"none\.json"):
        verify(lake, tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(UsageError, match=r"list\.json"):
        verify(lake, tmp_path / "list.json")


def test_memory_that_does_not_do_is_no_problem_of_the_lake(lake: Path) -> None:
    with pytest.raises(UsageError, match="memory limit"):
        verify(lake, memory_limit="much")
