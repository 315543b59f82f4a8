"""`stedi glue run`."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from stedi.cli.interrupt import unhurried, was_terminated
from stedi.cli.options import as_json, option
from stedi.cli.output import note, print_json, print_lines, print_table, shown
from stedi.errors import RunsFailed

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from stedi.glue.aws import Aws
    from stedi.glue.run import Run

__all__ = ["run"]


def _jobs(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete the name of a job."""
    from click.shell_completion import CompletionItem

    from stedi.glue.jobs import dag

    return [CompletionItem(job) for job in dag() if job.startswith(incomplete)]


@click.command(
    epilog="""\b
Examples:
  stedi glue run                                      every job, each after those whose tables it reads
  stedi glue run customer_landing_to_trusted
  stedi glue run --timeout 30 --json
""",
)
@click.argument("jobs", metavar="[JOB]...", nargs=-1, shell_complete=_jobs)
@option(
    "--timeout",
    metavar="MINUTES",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Minutes that all runs together may take.",
)
@option(
    "--start-timeout",
    metavar="MINUTES",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Minutes that Glue has to get a run going.",
)
@option("--late-erased", is_flag=True, help="What has landed of forgotten customers is erased, so run.")
@as_json
def run(*, jobs: tuple[str, ...], timeout: float, start_timeout: float, late_erased: bool, as_json: bool) -> None:
    """Run the released jobs in AWS, all or those named, and follow them.

    A job starts as soon as the jobs whose tables it reads have succeeded. After one that fails no other is started
    (exit 1, with what Glue says and where its log is); runs that take too long are stopped (exit 2). Ctrl-C asks
    whether to stop the runs. Jobs know nothing of `stedi privacy forget`: where customers are forgotten in the lake,
    run `stedi privacy forget --late` first, and say so with --late-erased.
    """
    from stedi.glue.aws import Aws
    from stedi.glue.run import SUCCEEDED, chosen, follow

    wanted, aws = chosen(jobs), Aws()
    runs = follow(
        aws,
        wanted,
        timeout=timeout * 60,
        start_timeout=start_timeout * 60,
        late_erased=late_erased,
        told=lambda run: note(f"{run.job}: {_state(run)}"),
        noted=lambda text: note(f"note: {shown(text)}"),
        interrupted=lambda going: _interrupted(aws, going),
    )
    if as_json:
        print_json({"ok": _all_succeeded(runs, wanted), "runs": {run.job: _document(run) for run in runs}})
    else:
        rows = [(run.job, run.state.lower(), f"{run.seconds:,.0f}") for run in runs]
        rows += [(job, "not started", "") for job in wanted if job not in {run.job for run in runs}]
        print_table(("job", "state", "seconds"), rows, right=("seconds",))
        print_lines("", f"{sum(run.dpu_hours for run in runs):.2f} DPU-hours")
    if not _all_succeeded(runs, wanted):
        failed = [run for run in runs if run.state != SUCCEEDED]
        left = [job for job in wanted if job not in _succeeded(runs)]
        raise RunsFailed(
            f"{len(failed)} of {len(wanted)} jobs failed",
            problems=[f"{run.job}: {run.state.lower()}: {shown(run.error)}\n    log: {run.log}" for run in failed],
            fix=f"see the log; `stedi glue run {' '.join(left)}` goes on from there",
        )


def _state(run: Run) -> str:
    return run.state.lower() if run.goes_on else f"{run.state.lower()} after {run.seconds:,.0f} s"


def _succeeded(runs: list[Run]) -> set[str]:
    from stedi.glue.run import SUCCEEDED

    return {run.job for run in runs if run.state == SUCCEEDED}


def _all_succeeded(runs: list[Run], wanted: Collection[str]) -> bool:
    return _succeeded(runs) == set(wanted)


def _document(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "state": run.state,
        "seconds": run.seconds,
        "dpu_hours": run.dpu_hours,
        "error": run.error,
        "log": run.log,
    }


def _yes(question: str) -> bool:
    """Ask, and look for the answer again and again: a Ctrl-C just before a read that waits would wait with it."""
    if os.name == "nt":
        return click.confirm(question, err=True)
    click.echo(f"{question} [y/N]: ", err=True, nl=False)
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        pass
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _interrupted(aws: Aws, runs: list[Run]) -> None:
    """Stop runs if somebody says so, and say how they stand if nobody does; another Ctrl-C is a no."""
    from stedi.glue.run import stop

    names = ", ".join(run.job for run in runs)
    with unhurried(), contextlib.suppress(click.Abort, KeyboardInterrupt):
        if sys.stdin.isatty() and not was_terminated() and _yes(f"\nStop {names} in AWS?"):
            stop(aws, runs)
            note(f"stopped {names}")
            return
    for run in runs:
        note(f"{run.job} goes on in AWS: run {run.id}")
