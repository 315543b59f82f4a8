"""`stedi query`."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

import click

from stedi.cli.options import lake as lake_option
from stedi.cli.options import memory_limit, on_s3, option
from stedi.cli.output import folded, note, plain_table, shown, terminal_width, write
from stedi.errors import UsageError
from stedi.settings import FORMATS
from stedi.storage import Options

__all__ = ["query"]

ROWS_SHOWN = 1000

LONGEST_CELL = 200
"""Characters of a value that a table shows: a quarantined line may have a million."""


@click.command(
    epilog="""\b
Examples:
  stedi query "from customer_trusted limit 5"
  stedi query "select reason, count(*) from quarantine group by all"
  stedi query --format csv "from machine_learning_curated" > machine_learning.csv
  echo "show tables" | stedi query -

\b
Tables are named as in `stedi build`; `quarantine` holds the bad lines of every feed: feed, file, line,
reason, raw. A table shows 200 characters of a value, and on a terminal that is too narrow for it a line
for each column; csv (RFC 4180, NULL is an empty field) and json
(an array of objects, NaN and infinity are null) hold all of them. Bytes, as quarantine.raw, are written
as UTF-8 text, and what is no UTF-8 as \\xNN.
""",
)
@click.argument("sql")
@lake_option
@option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How rows are written."
)
@option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Rows at most; 0 for all. [default: {ROWS_SHOWN} for a table, all otherwise]",
)
@memory_limit
@on_s3()
def query(*, sql: str, lake: str, form: str, limit: int | None, memory_limit: str | None, options: Options) -> None:
    """Run SQL over every zone of a lake, read-only.

    SQL is one query in DuckDB's dialect, or - to read it from stdin. It can read the tables of the lake and nothing
    else, and write nothing.
    """
    from stedi.lake import Lake
    from stedi.query import ask, count

    text = _stdin() if sql == "-" else sql
    with Lake.open(lake, memory_limit=memory_limit, options=options) as opened:
        answer = ask(opened, text)
        for line in opened.notes:
            note(f"note: {shown(line)}")
        if form == "table":
            most = ROWS_SHOWN if limit is None else limit
            rows = _first(answer.batches, most + 1 if most else None)
            _print_table(answer.columns, rows[:most] if most else rows)
            if most and len(rows) > most:
                total = count(opened, text)
                of = "more" if total is None else f"{total:,}"
                note(f"note: the first {most:,} of {of} rows; --limit 0, or --format csv, gives all of them")
        else:
            batches = answer.batches if not limit else iter([_first(answer.batches, limit)])
            lines = _csv(answer.columns, batches) if form == "csv" else _json(answer.columns, batches)
            for part in lines:
                if not write(part):
                    return


def _stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise UsageError("the query on stdin is not UTF-8", fix="write it in UTF-8") from error


def _first(batches: Iterable[list[tuple[Any, ...]]], most: int | None) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for batch in batches:
        rows += batch
        if most is not None and len(rows) >= most:
            return rows[:most]
    return rows


def _print_table(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    if columns == ("explain_key", "explain_value"):
        write("".join(f"{text}\n" for _, text in rows))
        return
    # a long result is for a pager or a file, where what rich draws would not be read
    numbers = [name for at, name in enumerate(columns) if all(isinstance(r[at], int | float | None) for r in rows)]
    cells = [tuple(_cell(value) for value in row) for row in rows]
    write(_fitting(tuple(map(shown, columns)), cells, numbers))
    write(f"({len(rows):,} {'row' if len(rows) == 1 else 'rows'})\n")


def _fitting(columns: Sequence[str], cells: Sequence[Sequence[str]], numbers: Sequence[str]) -> str:
    """Return a table; on a terminal that is too narrow for it one block of lines a row, as psql can."""
    table = plain_table(columns, cells, numbers)
    if not cells or not sys.stdout.isatty() or max(map(len, table.splitlines())) <= terminal_width():
        return table
    widest = max(map(len, columns))
    blocks = (
        "".join(
            folded(f"{name.ljust(widest)}  {value}", indent=" " * (widest + 2)) + "\n"
            for name, value in zip(columns, row, strict=True)
        )
        for row in cells
    )
    return "\n".join(blocks) + "\n"


def _cell(value: object) -> str:
    text = _text(value, null="NULL")
    return shown(text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 3] + "...")


def _csv(columns: Sequence[str], batches: Iterable[list[tuple[Any, ...]]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for batch in batches:
        writer.writerows([_text(value) for value in row] for row in batch)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _json(columns: Sequence[str], batches: Iterable[list[tuple[Any, ...]]]) -> Iterator[str]:
    names = _distinct(columns)
    opening = "["
    for batch in batches:
        rows = (dict(zip(names, map(_jsonable, row), strict=True)) for row in batch)
        yield opening + "\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        opening = ","
    yield "[]\n" if opening == "[" else "\n]\n"


def _distinct(columns: Sequence[str]) -> list[str]:
    """Return names that differ, as an object's must: a second `user` is `user_1`, as DuckDB would call it."""
    names: list[str] = []
    for name in columns:
        distinct, number = name, 0
        while distinct in names:
            number += 1
            distinct = f"{name}_{number}"
        names.append(distinct)
    return names


def _text(value: object, null: str = "") -> str:
    if value is None:
        return null
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, list | dict | tuple):
        return json.dumps(_jsonable(value), ensure_ascii=False)
    return str(value)


def _jsonable(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, dict):
        return {_text(key): _jsonable(item) for key, item in value.items()}
    # a datetime is a date
    return value.isoformat() if isinstance(value, date | time) else _text(value)
