"""Queries in Athena: rows, pages, what they cost, how they fail and what stops them."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from glue.account import make_account
from glue.cloud import Cloud, refuse
from glue.queries import put_result, say

from stedi.glue.athena import cost

if TYPE_CHECKING:
    from s3.proxy import Exchange

Stedi = Callable[..., tuple[int, str, str]]
Client = Callable[[str], Any]

COLUMNS = [("name", "varchar"), ("rows", "bigint"), ("x", "double"), ("ok", "boolean")]


@pytest.fixture(autouse=True)
def account(cloud: Cloud, client: Client, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr("stedi.glue.athena.FIRST_LOOK", 0.01)
    make_account(client)
    cloud.clear()
    return cloud


def test_rows_are_shown_with_what_they_cost(stedi: Stedi, account: Cloud) -> None:
    put_result(COLUMNS, [["a", "482", "0.5", "true"], [None, "1", None, "false"]])
    say(account, Statistics={"DataScannedInBytes": 123_456_789, "TotalExecutionTimeInMillis": 1530})
    code, out, err = stedi("glue", "athena", "select 1;")
    assert code == 0, err
    assert "(2 rows)" in out
    assert "123,456,789 bytes scanned in 1.5 s, about $0.00062 at $5 a terabyte" in err
    [sent] = account.sent("athena:StartQueryExecution")
    assert (sent["QueryString"], sent["WorkGroup"], sent["QueryExecutionContext"]) == (
        "select 1",
        "stedi",
        {"Database": "stedi"},
    )


def test_json_has_typed_values(stedi: Stedi) -> None:
    put_result(COLUMNS, [["a", "9007199254740993", "0.5", "true"], [None, None, None, None]])
    code, out, _ = stedi("glue", "athena", "select 1", "--format", "json", "--database", "d", "--workgroup", "stedi")
    assert code == 0
    assert json.loads(out) == [
        {"name": "a", "rows": 9007199254740993, "x": 0.5, "ok": True},
        {"name": None, "rows": None, "x": None, "ok": None},
    ]


def test_a_row_that_repeats_the_names_is_kept_where_there_is_no_header(stedi: Stedi, account: Cloud) -> None:
    put_result([("tab_name", "varchar")], [["tab_name"], ["customer_trusted"]], header=False)
    code, out, _ = stedi("glue", "athena", "show tables", "--format", "csv")
    assert (code, out) == (0, "tab_name\r\ntab_name\r\ncustomer_trusted\r\n")


def test_a_query_without_rows_shows_its_columns(stedi: Stedi) -> None:
    put_result(COLUMNS, [])
    code, out, _ = stedi("glue", "athena", "select 1")
    assert code == 0
    assert "(0 rows)" in out


def test_a_statement_without_a_result_shows_nothing(stedi: Stedi) -> None:
    assert stedi("glue", "athena", "create table a as select 1")[:2] == (0, "")


def test_every_page_is_read(stedi: Stedi, account: Cloud) -> None:
    """Moto gives one page, whatever it holds."""
    data = [{"Data": [{"VarCharValue": str(number)}]} for number in range(5)]
    info = {"ColumnInfo": [{"Name": "n", "Label": "n", "Type": "integer"}]}

    def act(exchange: Exchange) -> None:
        sent = json.loads(b"".join(exchange._body()))
        exchange._handler.rfile.seek(0)
        page = int(sent.get("NextToken", 0))
        rows = ([{"Data": [{"VarCharValue": "n"}]}] if page == 0 else []) + data[2 * page : 2 * page + 2]
        more = {"NextToken": str(page + 1)} if page < 2 else {}
        body = {"ResultSet": {"Rows": rows, "ResultSetMetadata": info}, **more}
        exchange.answer(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode())

    account.on("athena:GetQueryResults", act, times=None)
    code, out, _ = stedi("glue", "athena", "select 1", "--format", "csv")
    assert (code, out.split()) == (0, ["n", "0", "1", "2", "3", "4"])
    code, out, err = stedi("glue", "athena", "select 1", "--limit", "2")
    assert code == 0
    assert "(2 rows)" in out
    assert "the first 2 of more rows" in err


@pytest.mark.parametrize(("scanned", "price"), [(0, 0.0), (1, 0.00005), (10_000_000, 0.00005), (10**12, 5.0)])
def test_the_cost_is_that_of_the_price_list(scanned: int, price: float) -> None:
    assert cost(scanned) == pytest.approx(price)


def test_a_query_that_fails_is_explained_without_data(stedi: Stedi, account: Cloud) -> None:
    say(
        account,
        Status={
            "State": "FAILED",
            "StateChangeReason": "INVALID_CAST_ARGUMENT: Cannot cast 'Ada@example.com' to BIGINT",
            "AthenaError": {"ErrorCategory": 2},
        },
    )
    code, out, err = stedi("glue", "athena", "select 1")
    assert code == 2
    assert "INVALID_CAST_ARGUMENT: Cannot cast '***'" in err
    assert "Fix: correct the query" in err
    assert "example.com" not in out + err


def test_a_missing_table_leads_to_the_release(stedi: Stedi, account: Cloud) -> None:
    say(account, Status={"State": "FAILED", "StateChangeReason": "TABLE_NOT_FOUND: line 1:8: Table does not exist"})
    code, _, err = stedi("glue", "athena", "select 1")
    assert code == 2
    assert "stedi glue release" in err


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            {"State": "FAILED", "StateChangeReason": "oops", "AthenaError": {"ErrorCategory": 1}},
            "failed in Athena: oops",
        ),
        ({"State": "CANCELLED"}, "was cancelled: Athena gives no reason"),
    ],
)
def test_what_is_not_the_querys_fault_is_to_be_run_again(
    stedi: Stedi, account: Cloud, status: dict[str, Any], says: str
) -> None:
    say(account, Status=status)
    code, _, err = stedi("glue", "athena", "select 1")
    assert code == 2
    assert says in err
    assert "run it again" in err


def test_a_query_that_takes_too_long_is_stopped(stedi: Stedi, account: Cloud) -> None:
    say(account, Status={"State": "RUNNING"})
    code, _, err = stedi("glue", "athena", "select 1", "--timeout", "0.003")
    assert code == 2
    assert "not done after 0.003 minutes; stopped it" in err
    assert account.changes() == ["athena:StartQueryExecution", "athena:StopQueryExecution"]


def test_ctrl_c_stops_the_query(account: Cloud, stedi_command: list[str]) -> None:
    say(account, Status={"State": "RUNNING"})
    process = subprocess.Popen([*stedi_command, "glue", "athena", "select 1"], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 30
    while "athena:GetQueryExecution" not in account.actions() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "Interrupted"  # before it may stand what a slow machine says of its progress
    assert "athena:StopQueryExecution" in account.changes()


@pytest.mark.parametrize("message", ["WorkGroup other is not found.", "No output location provided."])
def test_a_workgroup_that_will_not_do_is_explained(stedi: Stedi, account: Cloud, message: str) -> None:
    account.on("athena:StartQueryExecution", refuse("InvalidRequestException", message), times=None)
    code, _, err = stedi("glue", "athena", "select 1", "--workgroup", "other")
    assert code == 2
    assert f"workgroup other: athena:StartQueryExecution is refused: {message}" in err
    assert "stedi glue infra --deploy" in err
    assert "correct AWS_REGION" in err


@pytest.mark.parametrize("action", ["StartQueryExecution", "GetQueryExecution", "GetQueryResults"])
def test_access_denied_names_the_call(stedi: Stedi, account: Cloud, action: str) -> None:
    account.on(f"athena:{action}", refuse("AccessDeniedException"), times=None)
    code, _, err = stedi("glue", "athena", "select 1")
    assert code == 2
    assert f"access denied to athena:{action}" in err


def test_a_moment_without_answers_is_waited_out(stedi: Stedi, account: Cloud) -> None:
    put_result(COLUMNS, [])
    account.on("athena:GetQueryExecution", refuse("ThrottlingException", "Rate exceeded"), times=3)
    assert stedi("glue", "athena", "select 1")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((" ; ",), "there is no query"),
        (("select 1", "--database", "a-b"), "is no name of a database"),
        (("select 1", "--workgroup", "a b"), "is no name of a workgroup"),
    ],
)
def test_bad_usage_asks_nothing_of_aws(stedi: Stedi, account: Cloud, arguments: tuple[str, ...], says: str) -> None:
    code, _, err = stedi("glue", "athena", *arguments)
    assert code == 2
    assert says in err
    assert account.calls == []
