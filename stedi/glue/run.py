"""Run the deployed jobs: each as soon as those whose tables it reads have succeeded, followed until all have ended.

The first job that does not succeed is the last one started; those that run already go on to their end. A run that Glue
does not get going, or that takes too long, is stopped. What Glue says of a failure may quote data, so it is masked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from stedi.errors import EnvironmentFault, Refused, UsageError
from stedi.glue.aws import Aws, is_passing
from stedi.glue.jobs import dag
from stedi.masking import mask_rows, scrub
from stedi.settings import nearest
from stedi.tombstones import KEY, TOMBSTONES

__all__ = ["NOT_YET", "SUCCEEDED", "Run", "chosen", "deployed", "follow", "look", "start", "stop"]

POLL = 5.0
"""Seconds between two looks at the runs."""

TIMEOUT = 3600.0
START_TIMEOUT = 600.0
"""Seconds that all runs together may take, and that Glue has to get one going."""

PATIENCE = 300.0
"""Seconds that AWS may fail to say how a run stands before nothing more is expected of it."""

SUCCEEDED = "SUCCEEDED"
NOT_YET = frozenset({"STARTING", "WAITING"})
_GOING = {*NOT_YET, "RUNNING", "STOPPING"}

_LOGS = "--custom-logGroup-prefix"

_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}

Told = Callable[["Run"], object]


@dataclass(slots=True)
class Run:
    """One run of a job: `state` as Glue calls it, `seconds` of execution, `log` where to read it.

    `said` is what Glue says of a failure, as it is: it may quote data, so `error` is what may be shown of it.
    """

    job: str
    id: str
    state: str
    started: float
    seconds: float = 0.0
    dpu_hours: float = 0.0
    said: str = field(default="", repr=False)
    log: str = ""
    silent_since: float | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.state in _GOING

    @property
    def error(self) -> str:
        """Why it did not succeed, masked; nothing where it did or goes on."""
        if self.goes_on or self.state == SUCCEEDED:
            return ""
        return mask_rows(scrub(self.said)) if self.said else "Glue gives no reason"


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
    late_erased: bool = False,
    told: Told = lambda _: None,
    noted: Callable[[str], object] = lambda _: None,
    interrupted: Callable[[list[Run]], object] = lambda _: None,
) -> list[Run]:
    """Start jobs in their order and return how each run ended; jobs after one that did not succeed are not started.

    `told` hears of every change of a run's state, `noted` of what is worth knowing before; `interrupted` of the runs
    that go on when Ctrl-C ends this. Then they do so in AWS, unless it stops them. EnvironmentFault where a job is not
    there, or where runs were stopped because they took too long; Refused where customers are forgotten in the lake,
    unless what has landed of them since was erased (`late_erased`).
    """
    described = deployed(aws, jobs)
    if not late_erased:
        _see_tombstones(aws, described, noted)
    follower = _Follower(aws, jobs, described, told)
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
    except EnvironmentFault as fault:
        if going := follower.going():
            fault.fix += f"; in AWS goes on: {', '.join(f'{run.job} ({run.id})' for run in going)}"
        raise
    return follower.runs


def deployed(aws: Aws, jobs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return jobs as Glue describes them; EnvironmentFault names those that are not there."""
    answer = aws.call("glue", "batch_get_jobs", "Glue jobs", JobNames=list(jobs))
    if missing := answer.get("JobsNotFound"):
        raise EnvironmentFault(
            f"job {', '.join(missing)}: is not there, in {aws.region}",
            fix="`stedi glue release` makes it; correct AWS_REGION where it is there",
        )
    return {job["Name"]: job for job in answer["Jobs"]}


def start(aws: Aws, job: Mapping[str, Any], arguments: Mapping[str, str] | None = None) -> Run:
    """Start a run of a job as Glue describes it; `arguments`, with their hyphens, go before those the job has."""
    name = str(job["Name"])
    given = {"Arguments": dict(arguments)} if arguments else {}
    found = aws.call("glue", "start_job_run", f"job {name}", JobName=name, **given)
    run = Run(name, str(found["JobRunId"]), "STARTING", time.monotonic())
    run.log = _link(aws, run, (job.get("DefaultArguments") or {}).get(_LOGS, "/aws-glue/jobs"))
    return run


def look(aws: Aws, run: Run) -> bool:
    """See how a run stands, and return whether its state is another than before.

    EnvironmentFault where AWS does not say so for PATIENCE; a moment without an answer is none.
    """
    try:
        found = aws.call("glue", "get_job_run", f"job {run.job}", JobName=run.job, RunId=run.id)["JobRun"]
    except EnvironmentFault as fault:
        now = time.monotonic()
        run.silent_since = run.silent_since or now
        if not is_passing(fault) or now - run.silent_since > PATIENCE:
            raise
        return False
    run.silent_since = None
    before, run.state = run.state, str(found["JobRunState"])
    run.seconds = float(found.get("ExecutionTime") or 0)
    run.dpu_hours = float(found.get("MaxCapacity") or 0) * run.seconds / 3600
    run.said = str(found.get("ErrorMessage") or "")
    return run.state != before


def stop(aws: Aws, runs: Sequence[Run]) -> None:
    """Stop runs; one that has just ended is no error."""
    for run in runs:
        aws.call("glue", "batch_stop_job_run", f"job {run.job}", JobName=run.job, JobRunIds=[run.id])


def _see_tombstones(aws: Aws, described: Mapping[str, Mapping[str, Any]], noted: Callable[[str], object]) -> None:
    """Raise Refused where customers are forgotten in a lake that jobs work on: the jobs know no tombstones."""
    lakes = {str((job.get("DefaultArguments") or {}).get("--LAKE", "")).rstrip("/") for job in described.values()}
    for lake in sorted(lakes - {""}):
        uri = f"{lake}/{TOMBSTONES}"
        bucket = lake.removeprefix("s3://").partition("/")[0]
        keys = [f"{lake}/{name}".removeprefix(f"s3://{bucket}/") for name in (TOMBSTONES, KEY)]
        try:
            found = any(aws.find("s3", "head_object", uri, Bucket=bucket, Key=key) is not None for key in keys)
        except EnvironmentFault as fault:
            if "access denied" not in fault.message:
                raise
            noted(f"{uri}: cannot be looked at, so whether customers are forgotten in this lake is not known")
            continue
        if found:
            raise Refused(
                f"{lake}: not run; customers are forgotten in this lake, and the jobs would let back what landed since",
                problems=[],
                fix=f"`stedi privacy forget --late --lake {lake} --yes` erases that; then run them with --late-erased",
            )


class _Follower:
    """The runs as they are, and what comes next."""

    def __init__(
        self, aws: Aws, jobs: Mapping[str, tuple[str, ...]], described: Mapping[str, Mapping[str, Any]], told: Told
    ) -> None:
        self.runs: list[Run] = []
        self._aws = aws
        self._waiting = dict(jobs)
        self._described = described
        self._told = told
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def going(self) -> list[Run]:
        return [run for run in self.runs if run.goes_on]

    def step(self, start_timeout: float) -> bool:
        """Look at every run that goes on, start what can be; return whether anything goes on."""
        for run in self.going():
            if look(self._aws, run):
                self._told(run)
            if run.state in NOT_YET and time.monotonic() - run.started > start_timeout:
                raise self._stuck(run, start_timeout)
        for job in list(self._ready()):
            del self._waiting[job]
            self.runs.append(start(self._aws, self._described[job]))
            self._told(self.runs[-1])
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

    def _stuck(self, run: Run, start_timeout: float) -> EnvironmentFault:
        return self._stopped(
            f"job {run.job}: is {run.state} for more than {_minutes(start_timeout)}",
            "see whether the account has capacity left (service quotas of Glue, addresses in the subnet of its"
            " connection), and run it again; --start-timeout gives it longer",
        )

    def _stopped(self, what: str, fix: str) -> EnvironmentFault:
        """Stop the runs that go on, and return the error that says so."""
        going = self.going()
        try:
            stop(self._aws, going)
        except EnvironmentFault as fault:
            return EnvironmentFault(f"{what}, and not stopped: {fault.message}", fix=fault.fix)
        for run in going:
            run.state = "STOPPED"
        return EnvironmentFault(f"{what}; stopped {', '.join(run.id for run in going)}", fix=fix)


def _link(aws: Aws, run: Run, logs: str) -> str:
    """Return where the console shows the log of a run: of the driver and the executors, errors first."""
    region, console = aws.region, _CONSOLES.get(aws.account.partition, "console.aws.amazon.com")
    group = quote(quote(f"{logs}/error", safe=""), safe="").replace("%", "$")
    filtered = quote(f"?logStreamNameFilter={run.id}", safe="").replace("%", "$")
    return f"https://{region}.{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}{filtered}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minutes"
