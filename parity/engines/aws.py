"""The right side on AWS: the deployed Glue jobs, on a copy of the landing data under a prefix of the run's own."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from parity.bucket import Bucket
from parity.engines import JobReport, Made
from parity.jobs import Jobs
from parity.landing import LandingData
from parity.mapping import Note
from parity.worker import JobError
from stedi.contracts import FEEDS, TABLES
from stedi.errors import EnvironmentFault, UsageError
from stedi.glue.aws import Aws as Account
from stedi.glue.jobs import dag, table_of
from stedi.glue.names import lake as lake_of
from stedi.glue.receipt import digests
from stedi.run import Progress, silent
from stedi.stages import STAGES
from stedi.storage import Options

__all__ = ["RUNS", "Aws"]

RUNS = "_stedi/parity/"
"""Where the copies and tables of runs are under the lake root; each run has a folder of its own there."""

KEY = "_stedi/pseudonym-key.txt"
"""Where a run's key of the pseudonyms is below its folder; it never stays there."""

POLL_SECONDS = 10.0
_ENDED = {"SUCCEEDED": "succeeded", "TIMEOUT": "timeout"}
_GOING = ("STARTING", "RUNNING", "STOPPING", "WAITING")
_EXCEPTION = re.compile(r"(\w*(?:Error|Exception|Fault))\b")


class Aws:
    """Runs the deployed jobs; what the run put into the bucket is removed in the end, unless `keep` is set."""

    name = "aws"

    def __init__(
        self,
        jobs: Jobs,
        folder: Path,
        *,
        lake: str,
        glue: str = "5.1",
        key: str,
        options: Options | None = None,
        keep: bool = False,
        timeout: float = 3600.0,
        poll: float = POLL_SECONDS,
        progress: Progress = silent,
    ) -> None:
        self.glue = glue
        self._key = key
        self._jobs = jobs
        self._folder = folder
        self._lake = lake_of(lake)
        self._options = options
        self._keep = keep
        self._timeout = timeout
        self._poll = poll
        self._progress = progress
        self._account = Account()
        self._bucket = Bucket(self._account, self._lake.bucket)
        self._runs: list[str] = []
        self._going: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._check_deployed()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        for prefix in self._runs:
            self._bucket.remove(f"{prefix}{KEY}" if self._keep else prefix)

    def make(self, given: LandingData, ours: Mapping[str, Any]) -> Made:
        """Copy the landing data, run the jobs, fetch what they wrote."""
        prefix = self._lake.key(f"{RUNS}{secrets.token_hex(8)}/")
        self._runs.append(prefix)
        made = Made(versions={"glue": self.glue})
        started = time.perf_counter()
        self._progress("copying landing data", 0, 1)
        self._place(given, prefix)
        made.seconds["place"] = time.perf_counter() - started
        started = time.perf_counter()
        made.jobs += self._run_all(prefix)
        made.seconds["jobs"] = time.perf_counter() - started
        self._progress("fetching the tables", 0, 1)
        self._take(made, prefix)
        made.notes += self._notes
        if self._keep:
            made.notes.append(Note("", 0, f"kept: s3://{self._lake.bucket}/{prefix}"))
        return made

    # what is deployed

    def _check_deployed(self) -> None:
        """See that every job is there for this version of Glue, and take the texts of their scripts for the receipt."""
        self._notes: list[Note] = []
        texts = {}
        for job in dag():
            found = self._account.find("glue", "get_job", f"job {job}", JobName=job)
            if found is None:
                raise EnvironmentFault(f"job {job}: is not deployed", fix="run `stedi glue release` first")
            version = str(found["Job"].get("GlueVersion", ""))
            if version != self.glue:
                raise UsageError(
                    f"job {job}: runs on Glue {version}, not {self.glue}", fix=f"give --glue {version}, or release anew"
                )
            text = self._bucket.text(str(found["Job"]["Command"]["ScriptLocation"]))
            texts[f"{job}.py"] = text
        rendered = digests(self._jobs.texts)
        for name, digest in digests(texts).items():
            if rendered.get(name) != digest:
                self._notes.append(Note(name, 0, "the deployed script is another than the one rendered here"))
        self.deployed: Mapping[str, str] = texts

    def _place(self, given: LandingData, prefix: str) -> None:
        for feed in FEEDS:
            laid = self._folder / "landing" / feed.feed
            given.lay(feed.name, laid, everything=True)
            for file in sorted(path for path in laid.rglob("*") if path.is_file()):
                self._bucket.upload(file, f"{prefix}{feed.prefix}{file.relative_to(laid).as_posix()}")
        self._bucket.write(f"{prefix}{KEY}", self._key)

    # job runs

    def _run_all(self, prefix: str) -> list[JobReport]:
        """Start each job when those it reads from have ended well, and wait for all."""
        waiting = dict(dag())
        ended: dict[str, JobReport] = {}
        begun: dict[str, float] = {}
        total = len(waiting)
        while waiting or self._going:
            for job, reads in list(waiting.items()):
                if any(read in ended and not ended[read].ok for read in reads):
                    ended[job] = _not_run(job, reads, ended)
                    del waiting[job]
                elif all(read in ended for read in reads):
                    self._going[job] = self._begin(job, prefix)
                    begun[job] = time.perf_counter()
                    del waiting[job]
            if not self._going:
                continue
            self._progress(f"running {', '.join(self._going)}", len(ended), total)
            time.sleep(self._poll)
            for job in list(self._going):
                report = self._look(job, time.perf_counter() - begun[job])
                if report is not None:
                    ended[job] = report
                    del self._going[job]
        return [ended[job] for job in dag()]

    def _begin(self, job: str, prefix: str) -> str:
        arguments = {"--LAKE": f"s3://{self._lake.bucket}/{prefix}".rstrip("/")}
        if "pseudonym_key" in STAGES[table_of(job)].parameters:
            arguments["--PSEUDONYM_KEY_PATH"] = f"s3://{self._lake.bucket}/{prefix}{KEY}"
        answer = self._account.call("glue", "start_job_run", f"job {job}", JobName=job, Arguments=arguments)
        return str(answer["JobRunId"])

    def _look(self, job: str, seconds: float) -> JobReport | None:
        """Return how a run ended, None while it goes on."""
        run = self._account.call("glue", "get_job_run", f"job {job}", JobName=job, RunId=self._going[job])["JobRun"]
        state = str(run["JobRunState"])
        if state in _GOING and seconds <= self._timeout:
            return None
        name, table = f"{job}.py", table_of(job)
        if state in _GOING:
            with contextlib.suppress(EnvironmentFault):
                self._stop_run(job)
            return JobReport(name, table, "timeout", seconds)
        if _ENDED.get(state) == "succeeded":
            return JobReport(name, table, "succeeded", float(run.get("ExecutionTime") or seconds))
        message = str(run.get("ErrorMessage") or f"the run ended as {state}")
        kind = _EXCEPTION.search(message)
        error = JobError(kind.group(1) if kind else state, message)
        return JobReport(name, table, "timeout" if state == "TIMEOUT" else "failed", seconds, error)

    def _stop(self) -> None:
        """Stop what still runs: nobody waits for it any more."""
        for job in list(self._going):
            with contextlib.suppress(EnvironmentFault):
                self._stop_run(job)
        self._going.clear()

    def _stop_run(self, job: str) -> None:
        self._account.call("glue", "batch_stop_job_run", f"job {job}", JobName=job, JobRunIds=[self._going[job]])

    def _take(self, made: Made, prefix: str) -> None:
        for job in made.jobs:
            if job.ok:
                files = self._bucket.fetch(f"{prefix}{TABLES[job.table].prefix}", self._folder / "tables" / job.table)
                if files:
                    made.tables[job.table] = files
        for feed in FEEDS:
            folder = self._folder / "quarantine" / feed.feed
            self._bucket.fetch(f"{prefix}_quarantine/{feed.feed}/", folder)
            made.quarantine[feed.name] = folder


def _not_run(job: str, reads: tuple[str, ...], ended: Mapping[str, JobReport]) -> JobReport:
    failed = [read for read in reads if read in ended and not ended[read].ok]
    error = JobError("NotRun", f"{', '.join(failed)}, which it reads from, did not end well")
    return JobReport(f"{job}.py", table_of(job), "not run", error=error)
