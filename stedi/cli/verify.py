"""`stedi verify`."""

from __future__ import annotations

from dataclasses import asdict

import click

from stedi.cli.options import as_json, lake, memory_limit, option
from stedi.cli.output import note, print_json, print_table, shown, write
from stedi.cli.progress import Parts
from stedi.contracts import TABLES
from stedi.errors import VerifyFailed

__all__ = ["verify"]


@click.command(
    epilog="""\b
Examples:
  stedi verify
  stedi verify --lake DIR --expected counts.json      counts.json: {"customer_trusted": 482}
  stedi verify --json                                 for a script: exit 1 and `problems` where something is wrong
""",
)
@lake
@option(
    "--expected",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Rows the tables must have. [default: expected.json at the root of the landing data, if there]",
)
@memory_limit
@as_json
def verify(*, lake: str, expected: str | None, memory_limit: str | None, as_json: bool) -> None:
    """Check a published lake: files, counts, ledger, audits.

    Holds the files against the manifest (there, size, checksum, rows, build id), counts the ledger and runs the audits
    again from landing data and published tables, and compares rows with expected ones. Exit 1 names everything that is
    wrong.
    """
    from stedi.verify import verify as verify_lake

    with Parts() as progress:
        report = verify_lake(lake, expected, memory_limit=memory_limit, progress=progress)
    for text in report.notes:
        note(f"note: {shown(text)}")
    if as_json:
        tables = {name: {"rows": rows, "zone": TABLES[name].zone} for name, rows in report.tables.items()}
        print_json({**asdict(report), "ok": report.ok, "tables": tables})
    else:
        rows = [(TABLES[name].zone, name, f"{report.tables[name]:,}") for name in TABLES if name in report.tables]
        print_table(("zone", "table", "rows"), rows, right=("rows",))
        write("\n" + "".join(f"{line}\n" for line in report.ledger))
        checks = ", ".join(f"{count} {check}" for check, count in report.checks.items())
        write(f"\nlake {shown(report.lake)}\nchecked: {checks}\n")
        if report.ok:
            write("nothing is wrong\n")
    if not report.ok:
        raise VerifyFailed(
            f"{report.lake}: {len(report.problems)} problems",
            problems=[shown(problem) for problem in report.problems],
            fix=f"`stedi build --force --lake {report.lake} --landing {report.landing}` makes every table again;"
            " move files away that are none of the lake's",
        )
