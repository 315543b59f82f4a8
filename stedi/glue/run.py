"""Run the deployed jobs: each as soon as those whose tables it reads have succeeded, followed until all have ended.

The first job that does not succeed is the last one started; those that run already go on to their end. A run that Glue
does not get going, or that takes too long, is stopped. What Glue says of a failure may quote data, so it is masked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from stedi.errors import EnvironmentFault, UsageError
from stedi.glue.aws import Aws, is_passing
from stedi.glue.jobs import dag
from stedi.masking import scrub
from stedi.settings import nearest

__all__ = ["Run", "chosen", "follow", "stop"]

POLL = 5.0
"""Seconds between two looks at the runs."""

TIMEOUT = 3600.0
START_TIMEOUT = 600.0
"""Seconds that all runs together may take, and that Glue has to get one going."""

PATIENCE = 300.0
"""Seconds that AWS may fail to say how a run stands before nothing more is expected of it."""

SUCCEEDED = "SUCCEEDED"
_NOT_YET = {"STARTING", "WAITING"}
_GOING = {*_NOT_YET, "RUNNING", "STOPPING"}

_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}

Told = Callable[["Run"], object]


@dataclass(slots=True)
class Run:
    """One run of a job: `state` as Glue calls it, `seconds` of execution, `error` masked, `log` where to read it."""

    job: str
    id: str
    state: str
    started: float
    seconds: float = 0.0
    dpu_hours: float = 0.0
    error: str = ""
    log: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.state in _GOING


def chosen(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the jobs of these names, all where there are none, each with those of them it comes after.

    UsageError names one that there is not.
    """
    jobs = dag()
    for name in names:
        if name not in jobs:
            raise UsageError(f"{name}: there is no such job{nearest(name, jobs)}", fix=f"known are {', '.join(jobs)}")
    wanted = set(names) or set(jobs)
    return {job: tuple(other for other in before if other in wanted) for job, before in jobs.items() if job in wanted}


def follow(
    aws: Aws,
    jobs: Mapping[str, tuple[str, ...]],
    *,
    timeout: float = TIMEOUT,
    start_timeout: float = START_TIMEOUT,
    told: Told = lambda _: None,
    interrupted: Callable[[list[Run]], object] = lambda _: None,
) -> list[Run]:
    """Start jobs in their order and return how each run ended; jobs after one that did not succeed are not started.

    `told` hears of every change of a run's state; `interrupted` of the runs that go on when Ctrl-C ends this. Then they
    do so in AWS, unless it stops them. EnvironmentFault where a job is not there, or where runs were stopped because
    they took too long.
    """
    logs = _logs(aws, list(jobs))
    follower = _Follower(aws, jobs, logs, told)
    started, pause = 0, POLL
    try:
        while follower.step(start_timeout):
            if follower.seconds > timeout:
                raise follower.too_long(timeout)
            # sooner after a start: what cannot start says so at once
            pause = min(POLL / 10 if len(follower.runs) > started else 2 * pause, POLL)
            started = len(follower.runs)
            time.sleep(pause)
    except KeyboardInterrupt:
        if going := follower.going():
            interrupted(going)
        raise
    return follower.runs


def stop(aws: Aws, runs: Sequence[Run]) -> None:
    """Stop runs; one that has just ended is no error."""
    for run in runs:
        aws.call("glue", "batch_stop_job_run", f"job {run.job}", JobName=run.job, JobRunIds=[run.id])


class _Follower:
    """The runs as they are, and what comes next."""

    def __init__(self, aws: Aws, jobs: Mapping[str, tuple[str, ...]], logs: Mapping[str, str], told: Told) -> None:
        self.runs: list[Run] = []
        self._aws = aws
        self._waiting = dict(jobs)
        self._logs = logs
        self._told = told
        self._began = time.monotonic()
        self._silent_since: float | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def going(self) -> list[Run]:
        return [run for run in self.runs if run.goes_on]

    def step(self, start_timeout: float) -> bool:
        """Look at every run that goes on, start what can be; return whether anything goes on."""
        for run in self.going():
            self._look(run)
            if run.state in _NOT_YET and time.monotonic() - run.started > start_timeout:
                raise self._stuck(run, start_timeout)
        for job in list(self._ready()):
            del self._waiting[job]
            self._start(job)
        return bool(self.going())

    def too_long(self, timeout: float) -> EnvironmentFault:
        return self._stopped(
            f"{', '.join(run.job for run in self.going())}: not done after {_minutes(timeout)}",
            "look at its log; give it longer with --timeout, or more workers",
        )

    def _ready(self) -> Iterator[str]:
        done = {run.job for run in self.runs if run.state == SUCCEEDED}
        if all(run.goes_on or run.state == SUCCEEDED for run in self.runs):
            yield from (job for job, before in self._waiting.items() if done.issuperset(before))

    def _start(self, job: str) -> None:
        found = self._aws.call("glue", "start_job_run", f"job {job}", JobName=job)
        run = Run(job, str(found["JobRunId"]), "STARTING", time.monotonic())
        run.log = self._link(run)
        self.runs.append(run)
        self._told(run)

    def _look(self, run: Run) -> None:
        try:
            found = self._aws.call("glue", "get_job_run", f"job {run.job}", JobName=run.job, RunId=run.id)["JobRun"]
        except EnvironmentFault as fault:
            now = time.monotonic()
            self._silent_since = self._silent_since or now
            if not is_passing(fault) or now - self._silent_since > PATIENCE:
                fault.fix += f"; the run goes on in AWS: {run.id}"
                raise
            return
        self._silent_since = None
        before, run.state = run.state, str(found["JobRunState"])
        run.seconds = float(found.get("ExecutionTime") or 0)
        run.dpu_hours = float(found.get("MaxCapacity") or 0) * run.seconds / 3600
        if not run.goes_on and run.state != SUCCEEDED:
            message = str(found.get("ErrorMessage") or "")
            run.error = scrub(message) if message else "Glue gives no reason"
        if run.state != before:
            self._told(run)

    def _stuck(self, run: Run, start_timeout: float) -> EnvironmentFault:
        return self._stopped(
            f"job {run.job}: is {run.state} for more than {_minutes(start_timeout)}",
            "see whether the account has capacity left (service quotas of Glue, addresses in the subnet of its"
            " connection), and run it again; --start-timeout gives it longer",
        )

    def _stopped(self, what: str, fix: str) -> EnvironmentFault:
        """Stop the runs that go on, and return the error that says so."""
        going = self.going()
        stop(self._aws, going)
        return EnvironmentFault(f"{what}; stopped {', '.join(run.id for run in going)}", fix=fix)

    def _link(self, run: Run) -> str:
        """Return where the console shows the log of a run: of the driver and the executors, errors first."""
        region, console = self._aws.region, _CONSOLES.get(self._aws.account.partition, "console.aws.amazon.com")
        group = quote(quote(f"{self._logs[run.job]}/error", safe=""), safe="").replace("%", "$")
        filtered = quote(f"?logStreamNameFilter={run.id}", safe="").replace("%", "$")
        return (
            f"https://{region}.{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}{filtered}"
        )


def _logs(aws: Aws, jobs: list[str]) -> dict[str, str]:
    """Return what the log groups of each job begin with; EnvironmentFault names jobs that are not there."""
    answer: Mapping[str, Any] = aws.call("glue", "batch_get_jobs", "Glue jobs", JobNames=jobs)
    if missing := answer.get("JobsNotFound"):
        raise EnvironmentFault(
            f"job {', '.join(missing)}: is not there, in {aws.region}",
            fix="`stedi glue release` makes it; correct AWS_REGION where it is there",
        )
    found = {job["Name"]: job.get("DefaultArguments") or {} for job in answer["Jobs"]}
    return {job: found[job].get("--custom-logGroup-prefix", "/aws-glue/jobs") for job in jobs}


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minutes"
