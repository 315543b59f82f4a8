"""Athena as the tests see it: moto runs no query, so what it is to answer is put into its queue, or counted here."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
from glue.cloud import ACCOUNT, REGION, Cloud, answer_json, glue

from stedi.contracts import TABLES
from stedi.glue.jobs import table_of

if TYPE_CHECKING:
    from s3.proxy import Exchange

__all__ = ["count_tables", "jobs_copy", "put_result", "say"]

_COUNT = re.compile(r'select count\(\*\) as (\w+) from (?:"(\w+)"\.)?"?(\w+)"?')


def _backend() -> Any:
    from moto.athena.models import athena_backends

    return athena_backends[ACCOUNT][REGION]


def put_result(
    columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str | None]], *, header: bool = True
) -> None:
    """Have the next query give these rows, as Athena writes them: the names first, nothing for null."""
    from moto.athena.models import QueryResults

    shown = [[name for name, _ in columns], *rows] if header else rows
    data = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in shown]
    info = [{"Name": name, "Label": name, "Type": kind} for name, kind in columns]
    _backend().query_results_queue.append(QueryResults(data, info))


def say(cloud: Cloud, **changes: Any) -> None:
    """Have GetQueryExecution say something else: the state, what was scanned, why it failed."""

    def act(exchange: Exchange) -> None:
        with exchange.ask() as response:
            found = json.loads(response.read())
        execution = found["QueryExecution"]
        for name, value in changes.items():
            execution[name] = {**execution[name], **value} if isinstance(value, dict) else value
        answer_json(exchange, found)

    cloud.on("athena:GetQueryExecution", act, times=None)


def count_tables(cloud: Cloud) -> None:
    """Have counts be answered with what lies where the catalog says that a table is."""

    def act(exchange: Exchange) -> None:
        sent = json.loads(b"".join(exchange._body()))
        exchange._handler.rfile.seek(0)
        found = _COUNT.fullmatch(sent["QueryString"])
        assert found, sent["QueryString"]
        name, database, table = found.groups()
        rows = _rows(database or sent["QueryExecutionContext"]["Database"], table)
        if rows is not None:
            put_result([(name, "bigint")], [[str(rows)]])
        with exchange.ask() as response:
            body = response.read()
        if rows is None:
            query = json.loads(body)["QueryExecutionId"]
            _backend().executions[query]._status = "FAILED"
            _backend().executions[query]._transitions = []
        answer_json(exchange, json.loads(body))

    cloud.on("athena:StartQueryExecution", act, times=None)


def jobs_copy(cloud: Cloud, lake: Path) -> None:
    """Have each job that is started put its table, as it was built here, to where the lake has it."""
    from moto.s3.models import s3_backends

    def act(exchange: Exchange) -> None:
        sent = json.loads(b"".join(exchange._body()))
        exchange._handler.rfile.seek(0)
        root = glue().jobs[sent["JobName"]].default_arguments["--LAKE"]
        bucket, _, prefix = root.removeprefix("s3://").partition("/")
        made = TABLES[table_of(sent["JobName"])].prefix
        for file in (lake / made).glob("*.parquet"):
            s3_backends[ACCOUNT]["aws"].put_object(bucket, f"{prefix}/{made}{file.name}", file.read_bytes())
        exchange.forward()

    cloud.on("glue:StartJobRun", act, times=None)


def _rows(database: str, table: str) -> int | None:
    from moto.s3.models import s3_backends

    if database not in glue().databases or table not in glue().databases[database].tables:
        return None
    described = glue().databases[database].tables[table].as_dict()
    bucket, _, prefix = described["StorageDescriptor"]["Location"].removeprefix("s3://").partition("/")
    keys = s3_backends[ACCOUNT]["aws"].buckets[bucket].keys
    objects = [key for name, key in keys.items() if name.startswith(prefix) and name.rpartition("/")[2][:1] not in "_."]
    if described["Parameters"]["classification"] == "json":
        return sum(bool(line.strip()) for key in objects for line in key.value.splitlines())
    rows: int = sum(pq.ParquetFile(io.BytesIO(key.value)).metadata.num_rows for key in objects)
    return rows
