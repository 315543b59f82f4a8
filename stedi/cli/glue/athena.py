"""`stedi glue athena`."""

from __future__ import annotations

import click

from stedi.cli.glue.options import database, workgroup
from stedi.cli.options import option
from stedi.cli.output import note
from stedi.cli.query import read_stdin
from stedi.cli.rows import ROWS_SHOWN, first, print_rows, write_rows
from stedi.settings import FORMATS

__all__ = ["athena"]


@click.command(
    epilog="""\b
Examples:
  stedi glue athena "select count(*) from customer_trusted"
  stedi glue athena --format csv "select * from machine_learning_curated" > machine_learning.csv
  echo "show tables" | stedi glue athena -
""",
)
@click.argument("sql")
@database
@workgroup
@option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How rows are written."
)
@option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Rows at most; 0 for all. [default: {ROWS_SHOWN} for a table, all otherwise]",
)
@option(
    "--timeout",
    metavar="MINUTES",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    help="Minutes that the query may take.",
)
@option(
    "--price",
    metavar="USD",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="What your region takes for a terabyte scanned.",
)
def athena(
    *, sql: str, database: str, workgroup: str, form: str, limit: int | None, timeout: float, price: float
) -> None:
    """Run a query in Athena, and say what it scanned and about what that costs.

    SQL is one statement in Athena's dialect, or - to read it from stdin; it may change what the workgroup's users may
    change. Ctrl-C stops the query.
    """
    from stedi.glue import names
    from stedi.glue.athena import ask, cost
    from stedi.glue.aws import Aws

    name = names.database(database)
    group = names.workgroup(workgroup or name)
    text = read_stdin() if sql == "-" else sql
    answer = ask(Aws(), text, database=name, workgroup=group, timeout=timeout * 60)
    if form == "table":
        most = ROWS_SHOWN if limit is None else limit
        rows = first(answer.batches, most + 1 if most else None)
        if answer.columns:
            print_rows(answer.columns, rows[:most] if most else rows)
        if most and len(rows) > most:
            note(f"note: the first {most:,} rows; --limit 0, or --format csv, gives all of them")
    else:
        write_rows(answer.columns, iter([first(answer.batches, limit)]) if limit else answer.batches, form)
    note(
        f"{answer.scanned:,} bytes scanned in {answer.seconds:.1f} s,"
        f" about ${cost(answer.scanned, price):.5f} at ${price:g} a terabyte"
    )
