"""Ask Athena: start a query, wait for it, read its rows page by page, say what it scanned and about what that costs.

What Athena says of a query that fails may quote data, so it is masked.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stedi.errors import EnvironmentFault, UsageError
from stedi.glue.aws import Aws, is_passing
from stedi.masking import scrub

__all__ = ["PRICE", "Answer", "ask", "cost", "start", "wait"]

PRICE = 5.0
"""USD for 10^12 bytes scanned: the list price of most regions, which changes."""

LEAST_BILLED = 10_000_000
"""Bytes that a query is billed for at least, unless it scans nothing, as one that makes a table."""

TIMEOUT = 1800.0
PATIENCE = 120.0
"""Seconds a query may take, and that AWS may fail to say how it stands."""

FIRST_LOOK, LAST_LOOK = 0.2, 2.0
"""Seconds between two looks at a query: twice as long each time, up to the last."""

_GOING = {"QUEUED", "RUNNING"}
_SYSTEM = 1  # what the category of an error is when it is not the query's
_OF_WORKGROUP = ("workgroup", "output location", "outputlocation")

_VALUES: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), int),
    **dict.fromkeys(("float", "real", "double"), float),
    "decimal": Decimal,
    "boolean": lambda text: text == "true",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave: columns, rows in batches as they are read, bytes scanned, seconds it took."""

    id: str
    columns: tuple[str, ...]
    batches: Iterator[list[tuple[Any, ...]]]
    scanned: int
    seconds: float


def ask(aws: Aws, sql: str, *, database: str, workgroup: str, timeout: float = TIMEOUT) -> Answer:
    """Run a query and return its answer.

    UsageError where Athena cannot run it, EnvironmentFault where it does not get to it. Ctrl-C stops the query.
    """
    return wait(aws, start(aws, sql, database=database, workgroup=workgroup), timeout)


def start(aws: Aws, sql: str, *, database: str, workgroup: str) -> str:
    """Start a query and return its id."""
    text = sql.strip().rstrip(";").strip()
    if not text:
        raise UsageError("there is no query", fix="write one statement of Athena's SQL")
    try:
        found = aws.call(
            "athena",
            "start_query_execution",
            f"workgroup {workgroup}",
            QueryString=text,
            QueryExecutionContext={"Database": database},
            WorkGroup=workgroup,
        )
    except EnvironmentFault as fault:
        if any(what in fault.message.lower().partition(": ")[2] for what in _OF_WORKGROUP):
            fault.fix = (
                "`stedi glue infra --deploy` makes a workgroup that has a place for results, named as the database;"
                " or name one with --workgroup, and correct AWS_REGION where it is there"
            )
        raise
    return str(found["QueryExecutionId"])


def wait(aws: Aws, query: str, timeout: float = TIMEOUT) -> Answer:
    """Wait for a query that was started, and return its answer."""
    try:
        execution = _await(aws, query, timeout)
    except KeyboardInterrupt:
        with contextlib.suppress(EnvironmentFault):
            _stop(aws, query)
        raise
    status = execution["Status"]
    if status["State"] != "SUCCEEDED":
        raise _failure(query, status)
    figures = execution.get("Statistics") or {}
    columns, batches = _rows(aws, query, is_query=execution.get("StatementType") == "DML")
    return Answer(
        query,
        columns,
        batches,
        int(figures.get("DataScannedInBytes") or 0),
        float(figures.get("TotalExecutionTimeInMillis") or 0) / 1000,
    )


def cost(scanned: int, price: float = PRICE) -> float:
    """Return about what it costs, in USD, to scan so many bytes in one query."""
    return max(scanned, LEAST_BILLED if scanned else 0) / 10**12 * price


def _await(aws: Aws, query: str, timeout: float) -> dict[str, Any]:
    end, pause = time.monotonic() + timeout, FIRST_LOOK
    silent_since: float | None = None
    while True:
        try:
            found = aws.call("athena", "get_query_execution", f"query {query}", QueryExecutionId=query)
        except EnvironmentFault as fault:
            silent_since = silent_since or time.monotonic()
            if not is_passing(fault) or time.monotonic() - silent_since > PATIENCE:
                raise
        else:
            silent_since = None
            execution: dict[str, Any] = found["QueryExecution"]
            if execution["Status"]["State"] not in _GOING:
                return execution
        if time.monotonic() > end:
            _stop(aws, query)
            raise EnvironmentFault(
                f"query {query}: not done after {timeout / 60:g} minutes; stopped it",
                fix="give it longer with --timeout, or have it read less",
            )
        time.sleep(pause)
        pause = min(2 * pause, LAST_LOOK)


def _stop(aws: Aws, query: str) -> None:
    aws.call("athena", "stop_query_execution", f"query {query}", QueryExecutionId=query)


def _failure(query: str, status: Mapping[str, Any]) -> UsageError | EnvironmentFault:
    reason = str(status.get("StateChangeReason") or "")
    said = scrub(reason) if reason else "Athena gives no reason"
    if status["State"] == "CANCELLED":
        return EnvironmentFault(f"query {query}: was cancelled: {said}", fix="run it again")
    if (status.get("AthenaError") or {}).get("ErrorCategory") == _SYSTEM:
        return EnvironmentFault(f"query {query}: failed in Athena: {said}", fix="run it again in a minute")
    fix = "correct the query"
    if "TABLE_NOT_FOUND" in reason or "SCHEMA_NOT_FOUND" in reason:
        fix = "`stedi glue release` makes the tables; --database names where they are"
    return UsageError(f"query {query}: {said}", fix=fix)


def _rows(aws: Aws, query: str, *, is_query: bool) -> tuple[tuple[str, ...], Iterator[list[tuple[Any, ...]]]]:
    """Return the columns of a query and its rows, a page a batch; the first row of a SELECT repeats their names."""
    pages = aws.results("athena", "get_query_results", f"query {query}", QueryExecutionId=query)
    first = next(pages)["ResultSet"]
    info = (first.get("ResultSetMetadata") or {}).get("ColumnInfo") or ()
    columns = tuple(str(column.get("Label") or column["Name"]) for column in info)
    values = [_VALUES.get(str(column.get("Type")), str) for column in info]

    def batches() -> Iterator[list[tuple[Any, ...]]]:
        rows = first.get("Rows") or []
        names = tuple(cell.get("VarCharValue") for cell in rows[0]["Data"]) if rows else ()
        yield [_row(row, values) for row in (rows[1:] if is_query and names == columns else rows)]
        for page in pages:
            yield [_row(row, values) for row in page["ResultSet"].get("Rows") or ()]

    return columns, batches()


def _row(row: Mapping[str, Any], values: list[Callable[[str], object]]) -> tuple[Any, ...]:
    texts = [cell.get("VarCharValue") for cell in row["Data"]]
    return tuple(None if text is None else value(text) for text, value in zip(texts, values, strict=True))
