"""`stedi parity diff`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stedi.cli.options import as_json, folders, memory_limit, on_s3, option
from stedi.cli.output import note, print_json, shown
from stedi.contracts import TABLES
from stedi.errors import EnvironmentFault, UsageError
from stedi.masking import mask_path
from stedi.storage import Options

if TYPE_CHECKING:
    from parity.tolerance import Tolerance

__all__ = ["diff"]


@click.command(
    epilog="""\b
Examples:
  stedi parity diff old.parquet new.parquet
  stedi parity diff old/ s3://bucket/new/ --key id --tolerance price=0.01
  stedi parity diff lake/customer/trusted job/customer/trusted --table customer_trusted --context lake
  stedi parity diff a.parquet b.parquet --report report          report.html, report.md, report.json, junit.xml

\b
LEFT and RIGHT are files or folders of Parquet, JSON or Arrow, here or on S3; LEFT is what RIGHT should be.
Exit codes: 0 the same, 1 different, 2 could not compare.
""",
)
@click.argument("left")
@click.argument("right")
@option("--key", metavar="COLUMNS", default="", help="Columns, as a,b, by which rows that changed are paired.")
@option(
    "--tolerance",
    metavar="COLUMN=NUMBER",
    default="",
    help="How far numbers may lie apart, as x=1e-9,y=rel:1e-6; exact without.",
)
@option(
    "--table",
    metavar="NAME",
    type=click.Choice(list(TABLES)),
    help="Take both for this table of the lakehouse: its keys, optional columns, personal data.",
)
@option(
    "--context",
    metavar="LAKE",
    shell_complete=folders,
    help="Lake of the left table: its other tables help to find the cause.",
)
@option(
    "--may-be-empty", is_flag=True, help="Two empty tables are the same; without, nothing proves that they should be."
)
@option("--show-pii", is_flag=True, help="Show text and personal data of examples, which is masked otherwise.")
@option("--report", metavar="DIR", shell_complete=folders, help="Write report.html, report.md, report.json, junit.xml.")
@memory_limit
@on_s3()
@as_json
def diff(
    *,
    left: str,
    right: str,
    key: str,
    tolerance: str,
    table: str | None,
    context: str | None,
    may_be_empty: bool,
    show_pii: bool,
    report: str | None,
    memory_limit: str | None,
    options: Options,
    as_json: bool,
) -> int:
    """Compare two tables, row by row, and say why they differ.

    Schema, then row count, then the rows as a bag: order of rows and columns and case of names do not matter, NULL
    equals NULL. A difference is explained: rows only here, only there, repeated; what changed of rows with the same
    key; the likely cause. Values of text are masked unless --table says what they are and both sides, or the context,
    have them; personal data always.
    """
    from parity.compare import compare
    from parity.context import lake_context
    from parity.report import Report, document, print_report, write_reports
    from parity.verdict import Verdict, exit_code

    started = time.perf_counter()
    verdict = compare(
        left,
        right,
        table=table or "table",
        contract=TABLES[table] if table else None,
        keys=[name.strip() for name in key.split(",") if name.strip()],
        tolerance=_tolerances(tolerance),
        context=lake_context(context, options) if context else None,
        may_be_empty=may_be_empty,
        show_pii=show_pii,
        memory_limit=memory_limit,
        options=options,
    )
    if verdict.verdict is Verdict.MISSING:
        raise EnvironmentFault(verdict.problem, fix="see that both places are right and hold Parquet, JSON or Arrow")
    found = Report(
        [verdict],
        title="Two tables",
        facts={"left": mask_path(left), "right": mask_path(right)},
        seconds=time.perf_counter() - started,
    )
    if report is not None:
        files = write_reports(found, Path(report))
        note(f"wrote {', '.join(shown(str(file)) for file in files)}")
    if as_json:
        print_json(document(found))
    else:
        print_report(found)
    return exit_code(found.verdicts)


def _tolerances(text: str) -> dict[str, Tolerance]:
    from parity.tolerance import Tolerance

    found = {}
    for part in filter(None, map(str.strip, text.split(","))):
        column, separator, value = part.rpartition("=")
        if not separator:
            raise UsageError(f"tolerance {part!r}: names no column", fix="write --tolerance x=1e-9,y=rel:1e-6")
        found[column] = Tolerance.parse(value)
    return found
