"""The right side on AWS: the deployed Glue jobs, on a copy of the landing data under a prefix of the run's own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any, Self

from parity.bucket import AT_ONCE, Bucket
from parity.deployed import Deployed
from parity.engines import Made
from parity.jobs import Jobs
from parity.landing import LandingData
from parity.plan import Note
from stedi.contracts import FEEDS, TABLES
from stedi.errors import StediError
from stedi.glue.aws import Aws as Account
from stedi.glue.delivery import see_bucket
from stedi.glue.jobs import PARITY_RUNS
from stedi.glue.names import lake as lake_of
from stedi.glue.receipt import digests
from stedi.parameters import Parameters
from stedi.run import Progress, silent

__all__ = ["KEY", "Aws"]

KEY = "_stedi/pseudonym-key.txt"
"""Where a run's key of the pseudonyms is below its folder; it never stays there."""


class Aws:
    """Runs the deployed jobs; what the run put into the bucket is removed in the end, unless `keep` is set.

    Removing takes its time after Ctrl-C too: `unhurried` is a context in which it gets it, and `said` hears of it, and
    of what could not be removed after an error that is worse.
    """

    name = "aws"

    def __init__(
        self,
        jobs: Jobs,
        folder: Path,
        *,
        lake: str,
        glue: str = "5.1",
        parameters: Parameters,
        keep: bool = False,
        progress: Progress = silent,
        unhurried: Callable[[], AbstractContextManager[None]] = nullcontext,
        said: Callable[[str], object] = lambda _: None,
        timeout: float = 3600.0,
    ) -> None:
        self.glue = glue
        self._parameters = parameters
        self._jobs = jobs
        self._folder = folder
        self._lake = lake_of(lake)
        self._keep = keep
        self._progress = progress
        self._unhurried = unhurried
        self._said = said
        self._account = Account()
        self._bucket = Bucket(self._account, self._lake.bucket)
        scripts = [script.name for script in jobs.plan.jobs]
        self._deployed = Deployed(self._account, self._lake, scripts, glue, timeout, progress)
        self._runs: list[str] = []
        self._time = ExitStack()

    def __enter__(self) -> Self:
        _ = self._account.account  # a bucket's HEAD does not say that credentials are what is wrong
        see_bucket(self._account, self._lake)
        self._deployed.check()
        return self

    def __exit__(self, *raised: object) -> None:
        _, error, _ = raised
        with self._time:
            try:
                if error is not None:
                    self._tell(error)
                    self._deployed.stop()
                self._remove()
            except KeyboardInterrupt:
                self._said(f"left behind: {', '.join(map(self._uri, self._runs))}")
                raise
            except StediError as fault:
                if error is None:
                    raise
                self._said(f"{fault.message}; {fault.fix}")

    def make(self, given: LandingData, ours: Mapping[str, Any]) -> Made:
        """Copy the landing data, run the jobs, fetch what they wrote."""
        if not self._runs:
            self._time.enter_context(self._unhurried())
        # sixteen digits that nothing else begins with: so the markers of folders that Hadoop leaves go with the rest
        prefix = self._lake.key(f"{PARITY_RUNS}{secrets.token_hex(8)}")
        self._runs.append(prefix)
        made = Made(versions={"glue": self.glue}, texts=self._deployed.texts)
        started = time.perf_counter()
        self._progress("copying landing data", 0, 1)
        self._place(given, prefix)
        made.seconds["place"] = time.perf_counter() - started
        started = time.perf_counter()
        told = {"pseudonym_key": f"{self._uri(prefix)}/{KEY}", "clock_skew_ms": str(self._parameters.clock_skew_ms)}
        made.jobs += self._deployed.run_all(self._uri(prefix), told)
        made.seconds["jobs"] = time.perf_counter() - started
        self._progress("fetching the tables", 0, 1)
        self._take(made, prefix)
        made.notes += self._notes()
        if self._keep:
            made.notes.append(Note("", 0, f"kept: {self._uri(prefix)}"))
        return made

    def _place(self, given: LandingData, prefix: str) -> None:
        files: dict[str, Path] = {}
        for feed in FEEDS:
            laid = self._folder / "landing" / feed.feed
            given.lay(feed.name, laid, everything=True)
            found = [path for path in laid.rglob("*") if path.is_file()]
            files |= {f"{prefix}/{feed.prefix}{file.relative_to(laid).as_posix()}": file for file in found}
        self._bucket.write(f"{prefix}/{KEY}", self._parameters.key)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._bucket.upload, files.values(), files))

    def _take(self, made: Made, prefix: str) -> None:
        for job in made.jobs:
            if job.ok:
                files = self._bucket.fetch(f"{prefix}/{TABLES[job.table].prefix}", self._folder / "tables" / job.table)
                if files:
                    made.tables[job.table] = files
        for feed in FEEDS:
            folder = self._folder / "quarantine" / feed.feed
            self._bucket.fetch(f"{prefix}/_quarantine/{feed.feed}/", folder)
            made.quarantine[feed.name] = folder

    def _notes(self) -> list[Note]:
        rendered = digests(self._jobs.texts)
        said = "what is deployed is another script than the one rendered here; this run is of the deployed one"
        return [
            Note(name, 0, said) for name, digest in digests(self._deployed.texts).items() if rendered[name] != digest
        ]

    # the end

    def _tell(self, error: object) -> None:
        if isinstance(error, KeyboardInterrupt) and self._runs:
            where = ", ".join(map(self._uri, self._runs))
            self._said(f"stopping the runs and removing {where}; another Ctrl-C leaves that to you")

    def _remove(self) -> None:
        for prefix in self._runs:
            self._bucket.remove(f"{prefix}/{KEY}" if self._keep else prefix)

    def _uri(self, prefix: str) -> str:
        return f"s3://{self._lake.bucket}/{prefix}"
