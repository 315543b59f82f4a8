"""Rows of a query as they are written: a table, CSV or JSON."""

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

from stedi.cli.output import expect_json, folded, plain_table, shown, terminal_width, write

__all__ = ["ROWS_SHOWN", "first", "print_rows", "write_rows"]

ROWS_SHOWN = 1000

LONGEST_CELL = 200
"""Characters of a value that a table shows: a quarantined line may have a million."""


def write_rows(columns: Sequence[str], batches: Iterable[list[tuple[Any, ...]]], form: str) -> None:
    """Write rows as csv or json, in UTF-8 whatever the locale, until nobody reads them any more."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8")
    for part in _csv(columns, batches) if form == "csv" else _json(columns, batches):
        expect_json(asked=False)  # this is the document
        if not write(part):
            return


def first(batches: Iterable[list[tuple[Any, ...]]], most: int | None) -> list[tuple[Any, ...]]:
    """Return the first rows, all where `most` is None."""
    rows: list[tuple[Any, ...]] = []
    for batch in batches:
        rows += batch
        if most is not None and len(rows) >= most:
            return rows[:most]
    return rows


def print_rows(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Print rows as a table; on a terminal that is too narrow for it a line for each column."""
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
