"""The Glue jobs that are deployed for a lake: looked at, run over a folder of their own, stopped.

Each job starts as soon as those whose tables it reads have ended well. One that fails, is not got going or takes too
long is a result like any other: what does not read its table goes on.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.bucket import Bucket
from parity.engines import JobReport
from parity.plan import Note
from parity.worker import JobError
from stedi.contracts import FEEDS
from stedi.errors import EnvironmentFault, UsageError
from stedi.glue.aws import Aws
from stedi.glue.jobs import ARGUMENTS, parameters_of, script_of, table_of
from stedi.glue.names import Lake
from stedi.glue.run import NOT_YET, SUCCEEDED, Run, chosen, deployed, look, start, stop
from stedi.run import Progress, silent
from stedi.stages import STAGES

__all__ = ["Deployed"]

POLL = 5.0
"""Seconds between two looks at the runs."""

START_TIMEOUT = 600.0
"""Seconds that Glue has to get a run going."""

STOPPING = 120.0
"""Seconds that a run which was stopped may take to end; it writes until then."""

_EXCEPTION = re.compile(r"(\w*(?:Error|Exception|Fault))\b(?! Category)")
_LINE = re.compile(r"Failed Line Number: (\d+)")


@dataclass
class Deployed:
    """The jobs of these scripts, as Glue has them."""

    aws: Aws
    lake: Lake
    scripts: Collection[str]
    glue: str
    timeout: float = 3600.0
    progress: Progress = silent
    texts: dict[str, str] = field(default_factory=dict, init=False)
    _jobs: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)
    _described: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    _begun: list[str] = field(default_factory=list, init=False)
    _going: list[Run] = field(default_factory=list, init=False)
    _place: str = field(default="", init=False)

    def check(self) -> None:
        """See that every job is there, for this lake and this version of Glue, and read the scripts that will run.

        EnvironmentFault or UsageError where one is not as a run needs it.
        """
        self._jobs = chosen([name.removesuffix(".py") for name in self.scripts])
        self._described = deployed(self.aws, self._jobs)
        for name, job in self._described.items():
            version, lake = str(job.get("GlueVersion", "")), (job.get("DefaultArguments") or {}).get("--LAKE")
            if version != self.glue:
                raise UsageError(
                    f"job {name}: runs on Glue {version}, not {self.glue}",
                    fix=f"give --glue {version}, or release anew",
                )
            if lake != self.lake.uri:
                raise UsageError(
                    f"job {name}: works on the lake {lake}, not {self.lake.uri}", fix=f"give --lake {lake}"
                )
            self.texts[script_of(name)] = Bucket(self.aws, self.lake.bucket).text(str(job["Command"]["ScriptLocation"]))

    def run_all(self, place: str, told: Mapping[str, str]) -> list[JobReport]:
        """Run the jobs over the lake at `place`; each is told the parameters of its stage."""
        self._place = place
        waiting, ended = dict(self._jobs), dict[str, JobReport]()
        while waiting or self._going:
            for job, before in list(waiting.items()):
                if any(other in ended and not ended[other].ok for other in before):
                    ended[job] = _not_run(job, [other for other in before if other in ended and not ended[other].ok])
                    del waiting[job]
                elif all(other in ended for other in before):
                    self._begin(job, told)
                    del waiting[job]
            if self._going:
                self.progress(f"running {', '.join(run.job for run in self._going)}", len(ended), len(self._jobs))
                time.sleep(POLL)
            for run in list(self._going):
                report = self._look(run)
                if report is not None:
                    ended[run.job] = report
        return [ended[job] for job in self._jobs]

    def stop(self) -> None:
        """Stop the runs that still go on, and wait for their end; those too whose start was not heard of any more."""
        known = {run.id: run for run in self._going}
        for job in self._begun:
            with contextlib.suppress(EnvironmentFault):
                found = self.aws.call("glue", "get_job_runs", f"job {job}", JobName=job)["JobRuns"]
                runs = [run for run in found if (run.get("Arguments") or {}).get("--LAKE") == self._place]
                known |= {run["Id"]: Run(job, run["Id"], run["JobRunState"], time.monotonic()) for run in runs}
        for run in known.values():
            if run.goes_on:
                self._stop(run)

    def _begin(self, job: str, told: Mapping[str, str]) -> None:
        arguments = {"--LAKE": self._place} | {ARGUMENTS[name]: told[name] for name in parameters_of(job)}
        if any(feed.name in STAGES[table_of(job)].inputs for feed in FEEDS):
            arguments["--LANDING"] = self._place
        self._begun.append(job)
        self._going.append(start(self.aws, self._described[job], arguments))

    def _look(self, run: Run) -> JobReport | None:
        """Return how a run ended, None while it goes on; one that takes too long is stopped."""
        look(self.aws, run)
        waited = time.monotonic() - run.started
        if run.goes_on and waited <= (START_TIMEOUT if run.state in NOT_YET else self.timeout):
            return None
        self._going.remove(run)
        name, table = script_of(run.job), table_of(run.job)
        if run.goes_on:
            error = None
            if run.state in NOT_YET:
                minutes = f"{START_TIMEOUT / 60:g} minutes"
                error = JobError("NotStarted", f"Glue did not get it going within {minutes}, so it was stopped")
            self._stop(run)
            return JobReport(name, table, "timeout", waited, error, notes=_log(run))
        if run.state == SUCCEEDED:
            return JobReport(name, table, "succeeded", run.seconds)
        kind, line = _EXCEPTION.search(run.said), _LINE.search(run.said)
        said = run.said or "Glue gives no reason"
        error = JobError(kind[1] if kind else run.state, said, line=int(line[1]) if line else None)
        state = "timeout" if run.state == "TIMEOUT" else "failed"
        return JobReport(name, table, state, run.seconds, error, notes=_log(run))  # type: ignore[arg-type] # one of two

    def _stop(self, run: Run) -> None:
        """Stop a run and wait until it has ended, as long as AWS answers."""
        with contextlib.suppress(EnvironmentFault):
            stop(self.aws, [run])
            until = time.monotonic() + STOPPING
            while run.goes_on and time.monotonic() < until:
                look(self.aws, run)
                time.sleep(min(POLL, 1.0))


def _not_run(job: str, failed: list[str]) -> JobReport:
    error = JobError("NotRun", f"{', '.join(failed)}, which it reads from, did not end well")
    return JobReport(script_of(job), table_of(job), "not run", error=error)


def _log(run: Run) -> tuple[Note, ...]:
    return (Note(script_of(run.job), 0, f"its log: {run.log}"),)
