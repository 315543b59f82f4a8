"""`stedi query`."""

from __future__ import annotations

import re

import click

from stedi.cli.asking import format_and_limit, read_sql, write_answer
from stedi.cli.options import lake as lake_option
from stedi.cli.options import memory_limit, on_s3
from stedi.cli.output import note, shown
from stedi.storage import Options

__all__ = ["query"]


_COMMENT = re.compile(r"--(?:\s|[^\n]*\n)")


class _Query(click.Command):
    """A command whose SQL may begin with a comment, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f" {arg}" if _COMMENT.match(arg) else arg for arg in args])


@click.command(
    cls=_Query,
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
@format_and_limit
@memory_limit
@on_s3()
def query(*, sql: str, lake: str, form: str, limit: int | None, memory_limit: str | None, options: Options) -> None:
    """Run SQL over every zone of a lake, read-only.

    SQL is one query in DuckDB's dialect, or - to read it from stdin. It can read the tables of the lake and nothing
    else, and write nothing.
    """
    from stedi.lake import Lake
    from stedi.query import ask, count

    text = read_sql(sql)
    with Lake.open(lake, memory_limit=memory_limit, options=options) as opened:
        answer = ask(opened, text)
        for line in opened.notes:
            note(f"note: {shown(line)}")
        write_answer(answer.columns, answer.batches, form, limit, lambda: count(opened, text))
