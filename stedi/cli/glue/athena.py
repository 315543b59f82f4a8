"""`stedi glue athena`."""

from __future__ import annotations

import click

from stedi.cli.asking import format_and_limit, read_sql, write_answer
from stedi.cli.glue.options import database, workgroup
from stedi.cli.options import option
from stedi.cli.output import note

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
@format_and_limit
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
    answer = ask(Aws(), read_sql(sql), database=name, workgroup=group, timeout=timeout * 60)
    write_answer(answer.columns, answer.batches, form, limit)
    note(
        f"{answer.scanned:,} bytes scanned in {answer.seconds:.1f} s,"
        f" about ${cost(answer.scanned, price):.5f} at ${price:g} a terabyte"
    )
