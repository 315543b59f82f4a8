"""`stedi query`."""

from __future__ import annotations

import sys

import click

from stedi.cli.options import lake as lake_option
from stedi.cli.options import memory_limit, on_s3, option
from stedi.cli.output import note, shown
from stedi.cli.rows import ROWS_SHOWN, first, print_rows, write_rows
from stedi.errors import UsageError
from stedi.settings import FORMATS
from stedi.storage import Options

__all__ = ["query", "read_stdin"]


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

    text = read_stdin() if sql == "-" else sql
    with Lake.open(lake, memory_limit=memory_limit, options=options) as opened:
        answer = ask(opened, text)
        for line in opened.notes:
            note(f"note: {shown(line)}")
        if form == "table":
            most = ROWS_SHOWN if limit is None else limit
            rows = first(answer.batches, most + 1 if most else None)
            print_rows(answer.columns, rows[:most] if most else rows)
            if most and len(rows) > most:
                total = count(opened, text)
                of = "more" if total is None else f"{total:,}"
                note(f"note: the first {most:,} of {of} rows; --limit 0, or --format csv, gives all of them")
        else:
            batches = answer.batches if not limit else iter([first(answer.batches, limit)])
            write_rows(answer.columns, batches, form)


def read_stdin() -> str:
    """Return the query on stdin."""
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise UsageError("the query on stdin is not UTF-8", fix="write it in UTF-8") from error
