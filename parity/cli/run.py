"""`stedi parity run`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from parity.engines.choice import GLUE, Choice
from parity.outcome import Outcome, SideOutcome
from parity.verdict import TableVerdict, Verdict
from stedi.cli.build import default_landing
from stedi.cli.options import as_json, folders, lake, memory_limit, on_s3, option
from stedi.cli.output import note, print_json, print_lines, print_table, shown
from stedi.cli.progress import Parts
from stedi.errors import CheckFailed, StediError, UsageError
from stedi.storage import Options

if TYPE_CHECKING:
    from parity.run import ParityRun

__all__ = ["run"]


@click.command(
    epilog="""\b
Examples:
  stedi parity run                                  the rendered jobs, over the bundled sample
  stedi parity run --jobs glue-scripts/             your own scripts, as they are
  stedi parity run --report out                     report.json, junit.xml, report.md, report.html, logs, receipt
  stedi parity run --glue 5.1,6.0 --glue-6-python .venv-glue-6/bin/python
  stedi parity run --engine aws --lake s3://bucket  the deployed jobs, on a copy of the landing data

\b
Exit codes: 0 the same, 1 different or missing, 2 a job or a comparison failed.
""",
)
@option(
    "--landing",
    metavar="URI",
    shell_complete=folders,
    help="Folder of the landing data. [default: as for `stedi build`]",
)
@option(
    "--jobs",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder of existing Glue scripts, DDL files and parity.toml. [default: the rendered jobs]",
)
@option(
    "--glue",
    metavar="VERSIONS",
    default="5.1",
    show_default=True,
    help=f"Versions of Glue to run as: {', '.join(GLUE)}, or several with a comma.",
)
@option(
    "--engine",
    type=click.Choice(["spark", "aws"]),
    default="spark",
    show_default=True,
    help="Run the jobs here on Spark, or the deployed ones on AWS.",
)
@option("--master", metavar="URL", default="local[*]", show_default=True, help="Spark master that runs the jobs.")
@option(
    "--glue-6-python",
    metavar="PYTHON",
    default="",
    help="Python with PySpark 4.1.1, for Glue 6.0. [default: this one, where it has that]",
)
@option("--timeout", metavar="SECONDS", type=click.FloatRange(min=1), help="Seconds a job may take. [default: 3600]")
@option(
    "--report",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Folder for report.json, junit.xml, report.md, report.html, logs and the receipt.",
)
@option(
    "--known",
    metavar="FILE",
    default="parity-known.toml",
    show_default=True,
    type=click.Path(dir_okay=False),
    help="Known differences.",
)
@option("--show-pii", is_flag=True, help="Show personal data in examples of rows.")
@option("--keep", is_flag=True, help="With --engine aws: leave the copies and tables of this run in the bucket.")
@lake
@memory_limit
@on_s3()
@as_json
def run(
    *,
    landing: str | None,
    jobs: str | None,
    glue: str,
    engine: str,
    master: str,
    glue_6_python: str,
    timeout: float | None,
    report: str | None,
    known: str,
    show_pii: bool,
    keep: bool,
    lake: str,
    memory_limit: str | None,
    options: Options,
    as_json: bool,
) -> None:
    """Run the Glue jobs and compare their tables with those of the zones' SQL.

    DuckDB on one side, the jobs on the other, over the same landing data. Says of every table whether it is the same,
    and of one that is not which rows differ, the likely cause, and where to look first.
    """
    from parity.document import document
    from parity.run import ParityRun
    from parity.run import run as run_parity

    versions = tuple(dict.fromkeys(part.strip() for part in glue.split(",") if part.strip()))
    if engine == "aws" and jobs is not None:
        raise UsageError("--jobs and --engine aws", fix="deployed jobs are run as they are: leave --jobs out")
    engines = Choice(engine, master, glue_6_python, timeout=timeout or 3600.0, lake=lake, keep=keep, options=options)
    asked = ParityRun(
        default_landing(lake, options) if landing is None else landing,
        Path(jobs) if jobs else None,
        versions,
        engines,
        options,
        Path(known),
        memory_limit,
        show_pii,
    )
    with Parts() as progress:
        asked.progress = progress
        outcome = run_parity(asked, _finish(report))
    for text in outcome.notes:
        note(f"note: {shown(text)}")
    if as_json:
        print_json(document(outcome))
    else:
        _print(outcome)
    if report:
        note(f"reports: {shown(report)}")
    if outcome.exit_code == 1:
        raise CheckFailed(_said(outcome), fix="look first at what the first of these tables says")
    if outcome.exit_code:
        raise StediError(_said(outcome), fix="look at the jobs that failed, with --report DIR at their logs")


def _finish(report: str | None) -> Callable[[ParityRun, Outcome], None]:
    def finish(asked: ParityRun, outcome: Outcome) -> None:
        if report:
            from parity.artifacts import write_artifacts

            write_artifacts(Path(report), asked, outcome)

    return finish


def _said(outcome: Outcome) -> str:
    tables = [name for name, verdict in outcome.tables().items() if not verdict.same and name not in outcome.known]
    others = [v.table for side in outcome.sides for v in side.quarantine if not v.same]
    others += [check.name for side in outcome.sides for check in side.ledger if check.verdict is not Verdict.SAME]
    if tables or others:
        return f"not the same: {', '.join(dict.fromkeys([*tables, *others]))}"
    return "; ".join(outcome.problems) or "nothing was compared"


def _print(outcome: Outcome) -> None:
    if outcome.mapping:
        print_table(("script", "reads or writes", "taken for"), [tuple(map(shown, row)) for row in outcome.mapping])
        print_lines("")
    for side in outcome.sides:
        _print_side(outcome, side)
    for names, verdicts in outcome.pairs.items():
        first, _, second = names.partition(" ")
        wrong = [verdict.table for verdict in verdicts if not verdict.same]
        said = f"differ in {', '.join(wrong)}" if wrong else f"give the same {len(verdicts)} tables"
        print_lines(f"Glue {first} and Glue {second} {said}", "")
    for entry in outcome.known.values():
        print_lines(f"known until {entry.expires}: {entry.table}: {shown(entry.reason)} ({entry.id})")
    print_lines(*(f"parity-known.toml: {problem}" for problem in outcome.problems))
    times = outcome.seconds
    print_lines(
        f"{outcome.verdict}: {shown(outcome.landing)}; build {times['build']:.1f} s, Spark start"
        f" {times['spark_start']:.1f} s, jobs {times['spark_jobs']:.1f} s, {times['total']:.1f} s in all"
    )


def _print_side(outcome: Outcome, side: SideOutcome) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in side.versions.items())
    print_lines(f"Glue {side.glue} ({versions})", "")
    rows = []
    for verdict in side.tables:
        known = " (known)" if verdict.table in outcome.known else ""
        counts = (_count(verdict.left_rows), _count(verdict.right_rows))
        rows.append((verdict.table, f"{verdict.verdict}{known}", *counts, shown(_why(verdict))))
    print_table(("table", "verdict", "DuckDB", "Glue", "cause"), rows, right=("DuckDB", "Glue"))
    print_lines("")
    for verdict in (*side.tables, *side.quarantine):
        if not verdict.same:
            _print_difference(verdict)
    for job in side.jobs:
        if job.problem:
            where = f"{job.name}, line {job.line}" if job.line else job.name
            print_lines(f"{shown(where)}: {job.state}: {shown(job.problem)}")
            print_lines(*([f"  likely: {shown(job.likely)}"] if job.likely else []))
    print_lines(*(f"note: {shown(str(text))}" for text in side.notes))
    _print_checks(side)


def _print_difference(verdict: TableVerdict) -> None:
    print_lines(f"{verdict.table}: {verdict.verdict}" + (f", {shown(verdict.problem)}" if verdict.problem else ""))
    for explanation in verdict.causes:
        print_lines(f"  {explanation.cause.title}: {shown(explanation.evidence)}")
    print_lines(*(f"  {shown(text)}" for text in verdict.notes))
    for example in verdict.examples[:3]:
        values = ", ".join(f"{name}={value}" for name, value in example.values.items())
        print_lines(f"  {example.kind}: {shown(values)}")
    print_lines(*([f"  fix: {shown(verdict.fix)}"] if verdict.fix else []))


def _print_checks(side: SideOutcome) -> None:
    if side.quarantine:
        wrong = [verdict.table for verdict in side.quarantine if not verdict.same]
        lines = sum(verdict.left_rows or 0 for verdict in side.quarantine)
        print_lines(f"quarantine: {'different' if wrong else 'same'}, {lines:,} lines")
    for check in side.ledger:
        if check.verdict is Verdict.SAME:
            print_lines(f"{check.name}: same, {check.left}")
        else:
            print_lines(f"{check.name}: {check.verdict}, DuckDB {check.left}; Glue {check.right}")
    print_lines("")


def _why(verdict: TableVerdict) -> str:
    if verdict.same:
        return ""
    if verdict.follows:
        return f"follows from {verdict.follows}"
    return str(verdict.cause.title) if verdict.cause else verdict.problem


def _count(rows: int | None) -> str:
    return "" if rows is None else f"{rows:,}"
