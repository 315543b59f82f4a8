"""`stedi parity run`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from parity.engines.choice import GLUE, Choice
from parity.outcome import Outcome
from stedi.cli.build import default_landing
from stedi.cli.interrupt import unhurried
from stedi.cli.options import as_json, clock_skew_ms, folders, lake, memory_limit, on_s3, option
from stedi.cli.output import note, print_json, print_lines, print_table, shown
from stedi.cli.progress import Parts
from stedi.errors import UsageError
from stedi.parameters import Parameters
from stedi.storage import Options

if TYPE_CHECKING:
    from parity.report import Report
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
@option("--spark-memory", metavar="SIZE", default="2g", show_default=True, help="Memory Spark may use, as 2g or 512m.")
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
    type=click.Path(exists=True, dir_okay=False),
    help="Known differences.  [default: parity-known.toml, if it is there]",
)
@clock_skew_ms("By how much the clocks of a device and its owner's phone may differ, on both sides.")
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
    spark_memory: str,
    timeout: float | None,
    report: str | None,
    known: str | None,
    clock_skew_ms: int,
    show_pii: bool,
    keep: bool,
    lake: str,
    memory_limit: str | None,
    options: Options,
    as_json: bool,
) -> int:
    """Run the Glue jobs and compare their tables with those of the zones' SQL.

    DuckDB on one side, the jobs on the other, over the same landing data. Says of every table whether it is the same,
    and of one that is not which rows differ, the likely cause, and where to look first.
    """
    from parity.known import FILE
    from parity.report import document
    from parity.run import ParityRun
    from parity.run import run as run_parity
    from parity.summary import report_of

    versions = tuple(dict.fromkeys(part.strip() for part in glue.split(",") if part.strip()))
    if engine == "aws" and jobs is not None:
        raise UsageError("--jobs and --engine aws", fix="deployed jobs are run as they are: leave --jobs out")
    if not versions:
        raise UsageError("--glue names no version", fix=f"choose from {', '.join(GLUE)}")
    engines = Choice(
        engine,
        master,
        glue_6_python,
        memory=spark_memory,
        timeout=timeout or 3600.0,
        lake=lake,
        keep=keep,
        options=options,
        unhurried=unhurried,
        said=note,
    )
    asked = ParityRun(
        default_landing(lake, options) if landing is None else landing,
        Path(jobs) if jobs else None,
        versions,
        engines,
        options,
        Path(known or FILE),
        memory_limit,
        show_pii,
        parameters=Parameters(clock_skew_ms=clock_skew_ms),
    )
    if report:
        from parity.artifacts import clear_artifacts

        clear_artifacts(Path(report))
    with Parts() as progress:
        asked.progress = progress
        outcome = run_parity(asked, _finish(report))
    report_now = report_of(outcome)
    if as_json:
        print_json(document(report_now))
    else:
        _print(outcome, report_now)
    if report:
        note(f"wrote {shown(report)}" + ("; it holds personal data, by --show-pii" if show_pii else ""))
    return outcome.exit_code


def _finish(report: str | None) -> Callable[[ParityRun, Outcome], None]:
    def finish(asked: ParityRun, outcome: Outcome) -> None:
        if report:
            from parity.artifacts import write_artifacts

            write_artifacts(Path(report), asked, outcome)

    return finish


def _print(outcome: Outcome, report: Report) -> None:
    from parity.report import print_report

    for text in outcome.notes:
        note(f"note: {shown(text)}")
    if outcome.mapping:
        print_table(("script", "reads or writes", "taken for"), [tuple(map(shown, row)) for row in outcome.mapping])
        print_lines("")
    print_report(report)
    print_lines("")
    for side in outcome.sides:
        for job in side.jobs:
            # what failed with a table of ours has been said there
            if job.problem and not any(verdict.table == job.table for verdict in side.tables):
                where = f"{job.name}, line {job.line}" if job.line else job.name
                print_lines(f"{shown(where)}: {job.state}: {shown(job.problem)}")
        of = f" of Glue {side.glue}" if len(outcome.sides) > 1 else ""
        told = {text for verdict in side.tables for text in verdict.notes}
        print_lines(*(f"note{of}: {shown(str(text))}" for text in side.notes if str(text) not in told))
    print_lines(*(f"{shown(name)}: {shown(value)}" for name, value in report.facts.items()))
    times = outcome.seconds
    print_lines(
        f"build {times['build']:.1f} s, Spark start {times['spark_start']:.1f} s, jobs {times['spark_jobs']:.1f} s,"
        f" {times['total']:.1f} s in all"
    )
