"""The rendered scripts as they are run: again, over bad input, and cut off in the middle, on the real local runtime.

A fault is put into a script as text, where it is to happen; all else of it is as rendered.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from parity.compare import compare
from parity.worker import JobResult, Worker
from stedi.build import build
from stedi.contracts import TABLES
from stedi.glue.render import render
from stedi.lake import Lake
from stedi.stages import STAGES

pytestmark = pytest.mark.spark

LAKE = "s3://test-lake/some/where"
CUSTOMERS = "customer_landing_to_trusted"
CURATED = "customer_trusted_to_curated"
READINGS = "accelerometer_landing_to_trusted"

Rows = list[dict[str, Any]]
Put = Callable[..., None]
Run = Callable[..., JobResult]


@pytest.fixture
def run(worker: Worker, tmp_path: Path) -> Run:
    """Return `run(job)`: runs a rendered script, with a text of it replaced where a fault is wanted."""
    texts = render()

    def one(
        job: str, *, lake: str = LAKE, arguments: Mapping[str, str] | None = None, fault: tuple[str, str] | None = None
    ) -> JobResult:
        text = texts[f"{job}.py"]
        if fault is not None:
            assert text.count(fault[0]) == 1, fault[0]
            text = text.replace(*fault)
        script = tmp_path / f"{job}.py"
        script.write_text(text, encoding="utf-8")
        return worker.run(script, {"LAKE": lake, **(arguments or {})}, log=tmp_path / f"{job}.log")

    return one


@pytest.fixture
def held(worker: Worker) -> Callable[[str], list[str]]:
    """Return `held(prefix)`: the names of all files below a prefix of the lake, of which checksums are none."""

    def names(prefix: str) -> list[str]:
        folder = worker.local(f"{LAKE}/{prefix}")
        found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".crc")
        return sorted(path.relative_to(folder).as_posix() for path in found)

    return names


def customer(name: str, agreed: int | None = 1655296678763) -> dict[str, object]:
    given = {} if agreed is None else {"shareWithResearchAsOfDate": agreed}
    return {
        "customerName": name,
        "email": f"{name}@example.com",
        "phone": "5550100",
        "birthDay": "1980-01-02",
        "serialNumber": f"serial-{name}",
        "registrationDate": 1655296678000,
        "lastUpdateDate": 1655296678000,
        **given,
    }


def emails(rows: Callable[[str], Rows], lake: str = LAKE) -> list[str]:
    return [row["email"] for row in rows(f"{lake}/customer/trusted")]


def succeeded(result: JobResult) -> str:
    text = result.log.read_text(encoding="utf-8")
    assert result.state == "succeeded", text
    return text


# again


def test_a_job_that_runs_again_replaces_its_table_and_its_quarantine(
    run: Run, put: Put, rows: Callable[[str], Rows], held: Callable[[str], list[str]]
) -> None:
    put(f"{LAKE}/customer/landing", [customer("a"), customer("b"), "no row", customer("c", None)])
    log = succeeded(run(CUSTOMERS))
    assert emails(rows) == ["a@example.com", "b@example.com"]
    assert "customer: 4 lines, 3 rows, 1 in quarantine" in log
    first = held("customer/trusted")

    succeeded(run(CUSTOMERS))
    assert emails(rows) == ["a@example.com", "b@example.com"]
    assert not set(first) & set(held("customer/trusted"))

    put(f"{LAKE}/customer/landing", [customer("d"), "no row", "none either"])
    succeeded(run(CUSTOMERS))
    assert emails(rows) == ["d@example.com"]
    assert [row["raw"] for row in rows(f"{LAKE}/_quarantine/customer")] == [b"no row", b"none either"]
    assert held("_stedi") == []


# a run that fails, and one that is cut off

FAILS_AT_THE_LAST_FILE = (
    "    def move(name: str) -> None:\n",
    """    def move(name: str) -> None:
        if "/trusted" in folder and name == max(new):
            raise OSError("no more room")
""",
)
DIES = "__import__('os').kill(__import__('os').getpid(), 9)\n"
DIES_BEFORE_THE_OLD_FILES_GO = (
    "        list(pool.map(delete, old))\n    fs.delete",
    f"        '/trusted' in folder and {DIES}        list(pool.map(delete, old))\n    fs.delete",
)
DIES_BETWEEN_TWO_NEW_FILES = (
    "            list(pool.map(move, new))\n",
    f"            '/trusted' in folder and (move(min(new)), {DIES.strip()})\n            list(pool.map(move, new))\n",
)


def test_a_run_that_fails_as_it_writes_leaves_the_old_table(
    run: Run, put: Put, rows: Callable[[str], Rows], held: Callable[[str], list[str]]
) -> None:
    put(f"{LAKE}/customer/landing", [customer("a")])
    succeeded(run(CUSTOMERS))
    before = held("customer/trusted")
    put(f"{LAKE}/customer/landing", [customer("b")])
    result = run(CUSTOMERS, fault=("return written.count()", "raise RuntimeError('no more')"))
    assert result.state == "failed"
    assert held("customer/trusted") == before
    succeeded(run(CUSTOMERS))
    assert emails(rows) == ["b@example.com"]
    assert held("_stedi") == []


def test_a_run_that_fails_as_it_replaces_takes_back_what_it_has_put_there(
    run: Run, put: Put, held: Callable[[str], list[str]]
) -> None:
    for name in "ab":
        put(f"{LAKE}/customer/landing", [customer(name)], f"{name}.json")
    succeeded(run(CUSTOMERS))
    before = held("customer/trusted")
    assert len(before) > 1
    result = run(CUSTOMERS, fault=FAILS_AT_THE_LAST_FILE)
    assert result.error is not None
    assert "no more room" in result.error.message
    assert held("customer/trusted") == before
    assert "customer_trusted" in succeeded(run(CUSTOMERS))


@pytest.mark.parametrize("fault", [DIES_BEFORE_THE_OLD_FILES_GO, DIES_BETWEEN_TWO_NEW_FILES], ids=["late", "early"])
def test_a_table_that_is_half_replaced_is_read_by_nobody_until_its_job_has_run_again(
    run: Run, put: Put, rows: Callable[[str], Rows], held: Callable[[str], list[str]], fault: tuple[str, str]
) -> None:
    put(f"{LAKE}/accelerometer/landing", [{"user": "b@example.com", "timestamp": 1, "x": 0.1, "y": 0.1, "z": 0.1}])
    put(f"{LAKE}/customer/landing", [customer("a")])
    succeeded(run(CUSTOMERS))
    put(f"{LAKE}/customer/landing", [customer("b")])
    assert run(CUSTOMERS, fault=fault).state == "failed"
    assert "_REPLACING" in held("customer/trusted")
    refused = run(READINGS)
    assert refused.error is not None
    assert "customer/trusted/ is half replaced" in refused.error.message
    assert run(CUSTOMERS, fault=FAILS_AT_THE_LAST_FILE).state == "failed"
    assert "_REPLACING" in held("customer/trusted")
    succeeded(run(CUSTOMERS))
    assert emails(rows) == ["b@example.com"]
    assert "_REPLACING" not in held("customer/trusted")
    succeeded(run(READINGS))
    assert len(rows(f"{LAKE}/accelerometer/trusted")) == 1


def test_a_table_that_is_not_there_names_what_to_do(run: Run) -> None:
    result = run(CURATED)
    assert result.error is not None
    assert "customer/trusted/: there is no table, run the job that makes it" in result.error.message


# arguments, and landing data at their worst


def test_the_lake_may_end_in_a_slash_and_the_landing_data_lie_elsewhere(
    run: Run, put: Put, rows: Callable[[str], Rows], worker: Worker
) -> None:
    put("s3://landed/here/customer/landing", [customer("a")])
    succeeded(run(CUSTOMERS, lake=f"{LAKE}/", arguments={"LANDING": "s3://landed/here/"}))
    assert emails(rows) == ["a@example.com"]
    assert not worker.local(f"{LAKE}/customer/landing").exists()
    succeeded(run(CUSTOMERS, lake="s3://other", arguments={"LANDING": "s3://landed/here"}))
    assert emails(rows, "s3://other") == ["a@example.com"]


@pytest.mark.parametrize("files", [{}, {"readme.txt": "no landing file"}, {"_x.json": "hidden"}], ids=str)
def test_a_feed_without_landing_files_fails_and_leaves_the_old_table(
    run: Run, put: Put, rows: Callable[[str], Rows], worker: Worker, files: dict[str, str]
) -> None:
    put(f"{LAKE}/customer/landing", [customer("a")])
    succeeded(run(CUSTOMERS))
    landing = worker.local(f"{LAKE}/customer/landing")
    (landing / "data.json").unlink()
    for name, text in files.items():
        (landing / name).write_text(text, encoding="utf-8")
    result = run(CUSTOMERS)
    assert result.error is not None
    assert "no landing files" in result.error.message
    assert emails(rows) == ["a@example.com"]


def test_a_feed_of_bad_lines_only_gives_a_table_without_rows(
    run: Run, put: Put, rows: Callable[[str], Rows], worker: Worker
) -> None:
    put(f"{LAKE}/customer/landing", ["", "nothing", '{"customerName": 1}', "   "])
    log = succeeded(run(CUSTOMERS))
    assert "customer: 2 lines, 0 rows, 2 in quarantine" in log
    assert "customer_trusted: 0 rows" in log
    files = sorted(worker.local(f"{LAKE}/customer/trusted").glob("*.parquet"))
    names = [column.name for column in TABLES["customer_trusted"].columns]
    assert {tuple(pq.read_schema(file).names) for file in files} == {tuple(names)}
    reasons = {row["raw"]: row["reason"] for row in rows(f"{LAKE}/_quarantine/customer")}
    assert reasons == {b"nothing": "not_flat_json", b'{"customerName": 1}': "bad_type:customerName"}
    put(f"{LAKE}/accelerometer/landing", [{"user": "a", "timestamp": 1, "x": 0.1, "y": 0.1, "z": 0.1}])
    succeeded(run(READINGS))
    assert "customers_curated: 0 rows" in succeeded(run(CURATED))


@pytest.mark.parametrize("given", ["-1", "60001", "1e3", ""])
def test_a_clock_skew_out_of_range_is_refused(run: Run, put: Put, given: str) -> None:
    put(f"{LAKE}/customer/landing", [customer("a")])
    put(f"{LAKE}/accelerometer/landing", [{"user": "a@example.com", "timestamp": 1, "x": 0.1, "y": 0.1, "z": 0.1}])
    for job in (CUSTOMERS, READINGS):
        succeeded(run(job))
    result = run("device_owners_trusted_to_curated", arguments={"CLOCK_SKEW_MS": given})
    assert result.error is not None
    assert f"--CLOCK_SKEW_MS is {given!r}, not 0 to 60,000" in result.error.message


def test_clocks_that_are_apart_give_the_tables_of_a_build_that_is_told_so(
    run: Run, put: Put, worker: Worker, tmp_path: Path
) -> None:
    random.seed(7)
    start = 1_700_000_000_000
    people: Rows = [customer(name, start - 1) for name in "abcdefghijkl"]
    readings: Rows = []
    distances: Rows = []
    for number, person in enumerate(people):
        ahead = 0 if number < 4 else 700
        for instant in random.sample(range(start, start + 60_000), 20):
            readings.append(
                {"user": person["email"], "timestamp": instant + ahead, "x": 0.5, "y": float(number), "z": -0.0}
            )
            distances.append(
                {"sensorReadingTime": instant, "serialNumber": person["serialNumber"], "distanceFromObject": number}
            )
    landing = tmp_path / "landing"
    for feed, rows in (("customer", people), ("accelerometer", readings), ("step_trainer", distances)):
        put(f"{LAKE}/{feed}/landing", rows)
        (landing / feed / "landing").mkdir(parents=True)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (landing / feed / "landing" / "rows.json").write_text(text, encoding="utf-8")
    put("s3://keys", ["of this test"], "key.txt")
    build(tmp_path / "lake", str(landing), pseudonym_key="of this test", clock_skew_ms=1000)
    told = {"clock_skew_ms": ("CLOCK_SKEW_MS", "1000"), "pseudonym_key": ("PSEUDONYM_KEY_PATH", "s3://keys/key.txt")}
    for job in (CUSTOMERS, READINGS):
        succeeded(run(job))
    with Lake.open(tmp_path / "lake") as lake:
        for table in ("device_owners", "training_curated"):
            arguments = dict(told[name] for name in STAGES[table].parameters)
            succeeded(run(str(TABLES[table].glue_job), arguments=arguments))
            ours = lake.table(table).arrow()
            if table == "device_owners":
                assert {row["clock_skew_ms"] for row in ours.to_pylist()} == {0, 700}
            theirs = worker.local(f"{LAKE}/{TABLES[table].prefix}")
            assert compare(ours, theirs, contract=TABLES[table]).same
