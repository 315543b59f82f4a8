"""`stedi verify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from stedi.cli.glue.options import database, workgroup
from stedi.cli.options import as_json, lake, memory_limit, on_s3, option
from stedi.cli.output import note, print_json, print_lines, print_table, shown
from stedi.cli.progress import Parts
from stedi.contracts import TABLES
from stedi.counted import counted
from stedi.errors import VerifyFailed
from stedi.storage import Options

__all__ = ["verify"]

_CHECKS = {
    "files": ("file", "files"),
    "tables": ("table", "tables"),
    "feeds": ("feed", "feeds"),
    "ledger": ("ledger entry", "ledger entries"),
    "audits": ("audit", "audits"),
    "expected": ("expected count", "expected counts"),
}
"""What each check of a report is called, one and more."""


@click.command(
    epilog="""\b
Examples:
  stedi verify
  stedi verify --lake DIR --expected counts.json      counts.json: {"customer_trusted": 482}
  stedi verify --json                                 for a script: exit 1 and `problems` where something is wrong
  stedi verify --athena --lake DIR                    the tables in AWS, held against a lake built here
""",
)
@lake
@option(
    "--expected",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Rows the tables must have. [default: expected.json at the root of the landing data, if there]",
)
@option("--athena", is_flag=True, help="Count the released tables in Athena instead, and compare with this lake.")
@database
@workgroup
@memory_limit
@on_s3()
@as_json
def verify(
    *,
    lake: str,
    expected: str | None,
    athena: bool,
    database: str,
    workgroup: str,
    memory_limit: str | None,
    options: Options,
    as_json: bool,
) -> None:
    """Check a published lake: files, counts, ledger, audits.

    Holds the files against the manifest (there, size, checksum, rows, build id), counts the ledger and runs the audits
    again from landing data and published tables, and compares rows with expected ones. Exit 1 names everything that is
    wrong. With --athena every table in AWS is counted, and held against the manifest of the lake and the expected rows.
    """
    if athena:
        _in_athena(lake, expected, database=database, workgroup=workgroup, options=options, as_json=as_json)
        return
    from stedi.verify import verify as verify_lake

    with Parts() as progress:
        report = verify_lake(lake, expected, memory_limit=memory_limit, progress=progress, options=options)
    for text in report.notes:
        note(f"note: {shown(text)}")
    if as_json:
        tables = {name: {"rows": rows, "zone": TABLES[name].zone} for name, rows in report.tables.items()}
        print_json({**asdict(report), "ok": report.ok, "tables": tables})
    else:
        rows = [(TABLES[name].zone, name, f"{report.tables[name]:,}") for name in TABLES if name in report.tables]
        print_table(("zone", "table", "rows"), rows, right=("rows",))
        checks = ", ".join(counted(count, *_CHECKS[check]) for check, count in report.checks.items())
        if report.ledger:
            print_lines("", *map(str, report.ledger))
        print_lines("", f"lake {shown(report.lake)}", f"checked: {checks}")
    _conclude(report.lake, report.problems, report.fixes, as_json=as_json)


def _in_athena(
    lake: str, expected: str | None, *, database: str, workgroup: str, options: Options, as_json: bool
) -> None:
    from stedi.glue import names
    from stedi.glue.aws import Aws
    from stedi.glue.counts import count

    name = names.database(database)
    group = names.workgroup(workgroup or name)
    found = count(Aws(), database=name, workgroup=group, lake=lake, expected=expected, options=options)
    if as_json:
        tables = {
            table: {
                "rows": rows,
                "zone": TABLES[table].zone,
                "local": found.local.get(table),
                "expected": found.expected.get(table),
            }
            for table, rows in found.tables.items()
        }
        print_json({**asdict(found), "ok": found.ok, "tables": tables})
    else:
        rows = [
            (
                TABLES[table].zone,
                table,
                f"{rows:,}",
                *(_number(known.get(table)) for known in (found.local, found.expected)),
            )
            for table, rows in found.tables.items()
        ]
        print_table(("zone", "table", "Athena", "here", "expected"), rows, right=("Athena", "here", "expected"))
        bad = ", ".join(f"{lines:,} of {feed}" for feed, lines in found.quarantined.items())
        print_lines("", f"quarantined lines: {bad}", f"{found.scanned:,} bytes scanned, about ${found.cost:.5f}")
    _conclude(f"database {name}", found.problems, found.fixes, as_json=as_json)


def _conclude(what: str, problems: Sequence[str], fixes: Sequence[str], *, as_json: bool) -> None:
    if problems:
        raise VerifyFailed(
            f"{what}: {counted(len(problems), 'problem', 'problems')}",
            problems=[shown(problem) for problem in problems],
            fix="; ".join(fixes),
        )
    if not as_json:
        print_lines("nothing is wrong")


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
