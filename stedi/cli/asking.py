"""What the commands that run a query share: the SQL itself, how many rows are written, and how."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

from stedi.cli.options import option
from stedi.cli.output import expect_json, note
from stedi.cli.rows import ROWS_SHOWN, first, print_rows, write_rows
from stedi.errors import UsageError
from stedi.settings import FORMATS

__all__ = ["format_and_limit", "read_sql", "write_answer"]

F = TypeVar("F", bound=Callable[..., Any])


def format_and_limit(command: F) -> F:
    """Add --format, given to the command as `form`, and --limit."""
    form = option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        is_eager=True,  # as --json is elsewhere
        callback=_expect_json,
        help="How rows are written.",
    )
    limit = option(
        "--limit",
        type=click.IntRange(min=0),
        metavar="N",
        help=f"Rows at most; 0 for all. [default: {ROWS_SHOWN} for a table, all otherwise]",
    )
    return form(limit(command))


def _expect_json(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    expect_json(asked=value == "json")
    return value


def read_sql(given: str) -> str:
    """Return the SQL of a command line, or that on stdin where a hyphen stands for it."""
    if given != "-":
        return _as_utf8(given)
    if sys.stdin is None:
        raise UsageError("stdin is closed, and - has the query read from it", fix="give the query, or open stdin")
    try:
        return _as_utf8(sys.stdin.read())
    except UnicodeDecodeError as error:
        raise UsageError("the query on stdin is not UTF-8", fix="write it in UTF-8") from error


def _as_utf8(text: str) -> str:
    """Return what was meant by a text in UTF-8 that Python has read in a locale without it."""
    try:
        return os.fsencode(text).decode()
    except UnicodeError:
        return text  # the query's parser refuses it


def write_answer(
    columns: Sequence[str],
    batches: Iterator[list[tuple[Any, ...]]],
    form: str,
    limit: int | None,
    total: Callable[[], int | None] = lambda: None,
) -> None:
    """Write rows as asked for; a table that shows not all of them says so, and of how many where `total` knows."""
    if form != "table":
        write_rows(columns, iter([first(batches, limit)]) if limit else batches, form)
        return
    most = ROWS_SHOWN if limit is None else limit
    rows = first(batches, most + 1 if most else None)
    if columns:
        print_rows(columns, rows[:most] if most else rows)
    if most and len(rows) > most:
        count = total()
        of = "more" if count is None else f"{count:,}"
        # a limit that was set is one for csv too
        how = "--limit 0, or --format csv, gives" if limit is None else "--limit 0 gives"
        note(f"note: the first {most:,} of {of} rows; {how} all of them")
