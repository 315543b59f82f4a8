"""`stedi verify --athena`: the tables in AWS held against a lake built here and against expected counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from glue.account import BUCKET, LAKE, ROLE, make_account, write_receipt
from glue.cloud import Cloud, refuse
from glue.queries import count_tables

from stedi.contracts import TABLES

Stedi = Callable[..., tuple[int, str, str]]
Client = Callable[[str], Any]


@pytest.fixture
def aws(  # noqa: PLR0917 - fixtures
    stedi: Stedi,
    cloud: Cloud,
    client: Client,
    landing: Path,
    lake: Path,
    tmp_path: Path,
    add_lines: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Cloud:
    """Build a lake here, release the tables, and bring what was built to where the tables are: as the jobs would."""
    monkeypatch.setattr("stedi.glue.athena.FIRST_LOOK", 0.01)
    add_lines(landing, "customer", ["no json", "{}"], "bad.json")
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    make_account(client)
    receipt = write_receipt(tmp_path / "receipt.json")
    given = ("--lake", LAKE, "--role", ROLE, "--receipt", receipt, "--upload-landing", landing)
    assert stedi("glue", "release", *given)[0] == 0
    for file in lake.rglob("*.parquet"):
        key = f"stedi/{file.relative_to(lake).as_posix()}"
        client("s3").put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
    cloud.clear()
    count_tables(cloud)
    return cloud


def test_a_lake_that_is_the_same_there_is_verified(stedi: Stedi, aws: Cloud, lake: Path) -> None:
    code, out, err = stedi("verify", "--athena", "--lake", lake)
    assert (code, err) == (0, "")
    assert "nothing is wrong" in out
    assert "quarantined lines: 2 of customer, 0 of accelerometer, 0 of step_trainer" in out
    for name in TABLES:
        assert name in out
    assert aws.actions().count("athena:StartQueryExecution") == len(TABLES) + 3
    assert not any(action.startswith("glue:") for action in aws.actions())


def test_json_holds_every_count(stedi: Stedi, aws: Cloud, lake: Path, tmp_path: Path) -> None:
    expected = tmp_path / "expected.json"
    expected.write_text('{"customer_trusted": 2}', encoding="utf-8")
    code, out, _ = stedi("verify", "--athena", "--lake", lake, "--expected", expected, "--json")
    found = json.loads(out)
    assert (code, found["ok"]) == (0, True)
    assert found["tables"]["customer_trusted"] == {"rows": 2, "zone": "trusted", "local": 2, "expected": 2}
    assert found["tables"]["customer_landing"]["rows"] == 3
    assert found["quarantined"]["customer"] == 2


def test_a_table_with_other_rows_is_named(stedi: Stedi, aws: Cloud, client: Client, lake: Path) -> None:
    found = client("s3").list_objects_v2(Bucket=BUCKET, Prefix="stedi/accelerometer/trusted/")["Contents"]
    client("s3").copy_object(
        Bucket=BUCKET, Key="stedi/accelerometer/trusted/again.parquet", CopySource=f"{BUCKET}/{found[0]['Key']}"
    )
    code, _, err = stedi("verify", "--athena", "--lake", lake)
    assert code == 1
    assert "database stedi: 1 problem" in err
    assert "  accelerometer_trusted: has 12 rows in Athena, 6 in the lake built here" in err
    assert "stedi glue run" in err


def test_other_quarantined_lines_are_named(stedi: Stedi, aws: Cloud, client: Client, lake: Path) -> None:
    for item in client("s3").list_objects_v2(Bucket=BUCKET, Prefix="stedi/_quarantine/customer/")["Contents"]:
        client("s3").delete_object(Bucket=BUCKET, Key=item["Key"])
    code, _, err = stedi("verify", "--athena", "--lake", lake)
    assert code == 1
    assert "customer_quarantine: has 0 lines in Athena, 2 in the lake built here" in err
    assert "customer_landing: has 5 rows in Athena, 3 in the lake built here" in err


def test_expected_counts_are_compared(stedi: Stedi, aws: Cloud, lake: Path, tmp_path: Path) -> None:
    expected = tmp_path / "expected.json"
    expected.write_text('{"customer_trusted": 7, "customer_trustd": 1}', encoding="utf-8")
    code, _, err = stedi("verify", "--athena", "--lake", lake, "--expected", expected)
    assert code == 1
    assert "customer_trusted: has 2 rows in Athena, expected are 7" in err
    assert "expected 1 rows of customer_trustd: there is no such table; did you mean customer_trusted?" in err


def test_expected_counts_do_without_a_lake(stedi: Stedi, aws: Cloud, tmp_path: Path) -> None:
    expected = tmp_path / "expected.json"
    expected.write_text('{"customer_trusted": 2}', encoding="utf-8")
    assert stedi("verify", "--athena", "--lake", tmp_path / "none", "--expected", expected)[0] == 0


def test_expected_counts_beside_the_landing_data_are_found(stedi: Stedi, aws: Cloud, lake: Path, landing: Path) -> None:
    (landing / "expected.json").write_text('{"customer_trusted": 7}', encoding="utf-8")
    code, _, err = stedi("verify", "--athena", "--lake", lake)
    assert code == 1
    assert "expected are 7" in err


def test_without_anything_to_compare_with_nothing_is_verified(stedi: Stedi, aws: Cloud, tmp_path: Path) -> None:
    code, _, err = stedi("verify", "--athena", "--lake", tmp_path / "none")
    assert code == 2
    assert "nothing to compare with" in err
    assert aws.calls == []


def test_a_table_that_is_not_there_is_named(stedi: Stedi, aws: Cloud, client: Client, lake: Path) -> None:
    client("glue").delete_table(DatabaseName="stedi", Name="customer_trusted")
    code, out, err = stedi("verify", "--athena", "--lake", lake)
    assert code == 1
    assert "  customer_trusted: cannot be counted: Athena gives no reason" in err
    assert "customer_landing" in out


def test_access_denied_names_the_call(stedi: Stedi, aws: Cloud, lake: Path) -> None:
    aws.on("athena:StartQueryExecution", refuse("AccessDeniedException"), times=None)
    code, _, err = stedi("verify", "--athena", "--lake", lake)
    assert code == 2
    assert "access denied to athena:StartQueryExecution" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--database", "St-edi"), "is no name of a database"),
        (("--workgroup", "a b"), "is no name of a workgroup"),
    ],
)
def test_bad_usage_asks_nothing_of_aws(
    stedi: Stedi, aws: Cloud, lake: Path, options: tuple[str, ...], says: str
) -> None:
    code, _, err = stedi("verify", "--athena", "--lake", lake, *options)
    assert (code, aws.calls) == (2, [])
    assert says in err
    assert "Fix: " in err


def test_throttling_without_end_is_named(stedi: Stedi, aws: Cloud, lake: Path) -> None:
    aws.on("athena:StartQueryExecution", refuse("ThrottlingException", "Rate exceeded"), times=None)
    code, _, err = stedi("verify", "--athena", "--lake", lake)
    assert code == 2
    assert "AWS throttles athena:StartQueryExecution at every attempt" in err
