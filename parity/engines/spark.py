"""The right side on this machine: Glue jobs on stock PySpark, in one worker for all of them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from parity.diagnosis import notes_of
from parity.engines import JobReport, Made
from parity.jobs import Jobs
from parity.landing import LandingData
from parity.mapping import CATALOG_BUCKET, Note
from parity.worker import JobResult, Table, Worker
from stedi.contracts import FEEDS, TABLES
from stedi.errors import StediError
from stedi.run import Progress, silent
from stedi.storage import make_private_folder

__all__ = ["Spark"]

LAKE = "s3://parity-lake"
"""Where rendered jobs find landing data and leave their tables."""


class Spark:
    """Runs the jobs of a run; the worker starts in the background as soon as this is entered."""

    name = "spark"

    def __init__(
        self,
        jobs: Jobs,
        folder: Path,
        *,
        glue: str = "5.1",
        python: str = sys.executable,
        master: str = "local[*]",
        memory: str = "2g",
        timeout: float | None = None,
        settings: Mapping[str, str] | None = None,
        conf: Mapping[str, str] | None = None,
        shuffle_partitions: int = 4,
        progress: Progress = silent,
    ) -> None:
        self.glue = glue
        self._jobs = jobs
        self._folder = folder
        self._timeout = timeout
        self._progress = progress
        self._worker = Worker(
            python=python,
            master=master,
            memory=memory,
            settings=settings,
            conf=conf,
            shuffle_partitions=shuffle_partitions,
        )
        self._failed: BaseException | None = None
        self._start_seconds = 0.0
        self._starting: threading.Thread | None = None
        self._made = 0

    def __enter__(self) -> Self:
        self._starting = threading.Thread(target=self._start, daemon=True)
        self._starting.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._starting is not None:
            self._starting.join()
        self._worker.close()

    def make(self, given: LandingData, ours: Mapping[str, Any]) -> Made:
        """Run the jobs over landing data, and return what they wrote."""
        self._ready()
        made = Made(versions={"spark": self._worker.spark})
        if self._made:
            self._worker.clear()
        self._made += 1
        started = time.perf_counter()
        (self._place_lake if self._jobs.rendered else self._place_inputs)(given)
        made.seconds["place"] = time.perf_counter() - started
        for script in self._jobs.plan.jobs:
            self._progress(f"running {script.name}", len(made.jobs), len(self._jobs.plan.jobs))
            if not self._jobs.rendered:
                self._stand_in(script.name, made, ours)
            made.jobs.append(self._run(script.name))
        made.seconds["start"] = self._start_seconds
        made.seconds["jobs"] = sum(job.seconds for job in made.jobs)
        (self._take_lake if self._jobs.rendered else self._take_outputs)(made)
        return made

    # the worker

    def _start(self) -> None:
        started = time.perf_counter()
        try:
            self._worker.__enter__()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self._failed = error
        self._start_seconds = time.perf_counter() - started

    def _ready(self) -> None:
        if self._starting is not None:
            self._progress("starting Spark", 0, len(self._jobs.plan.jobs))
            self._starting.join()
        if self._failed is not None:
            raise self._failed

    def _run(self, name: str) -> JobReport:
        folder = self._folder / f"run-{self._made}"
        script = folder / "scripts" / name
        make_private_folder(script.parent)
        script.write_text(self._jobs.texts[name], encoding="utf-8")
        log = folder / "logs" / f"{name.removesuffix('.py').replace('/', '-')}.log"
        make_private_folder(log.parent)
        result = self._worker.run(script, self._arguments(name), log=log, timeout=self._timeout)
        return self._report(name, result, log)

    def _report(self, name: str, result: JobResult, log: Path) -> JobReport:
        table = self._jobs.plan.makes.get(name, "")
        found = [script for script in self._jobs.plan.jobs if script.name == name]
        notes = notes_of(found[0], result, rendered=self._jobs.rendered) if found else ()
        return JobReport(name, table, result.state, result.seconds, result.error, log, notes)

    def _arguments(self, name: str) -> dict[str, str]:
        if self._jobs.rendered:
            return {"LAKE": LAKE}
        asked = next(script.arguments for script in self._jobs.plan.jobs if script.name == name)
        given = self._jobs.corrections.arguments
        return {key: given[key] for key in asked if key in given}

    # rendered jobs

    def _place_lake(self, given: LandingData) -> None:
        for feed in FEEDS:
            laid = self._folder / f"run-{self._made}" / "landing" / feed.feed
            given.lay(feed.name, laid, everything=True)
            self._worker.place(f"{LAKE}/{feed.prefix}", laid)

    def _take_lake(self, made: Made) -> None:
        for job in made.jobs:
            if job.ok:
                made.tables[job.table] = self._worker.local(f"{LAKE}/{TABLES[job.table].prefix}")
        for feed in FEEDS:
            made.quarantine[feed.name] = self._worker.local(f"{LAKE}/_quarantine/{feed.feed}")

    # anybody's scripts

    def _place_inputs(self, given: LandingData) -> None:
        folder = self._folder / f"run-{self._made}" / "landing"
        for number, place in enumerate(self._jobs.plan.given):
            laid = folder / str(number)
            if place.one_file:
                parent, _, name = place.path.rpartition("/")
                given.join(place.feed, laid / name)
                self._worker.place(parent, laid)
            else:
                given.lay(place.feed, laid)
                self._worker.place(place.path, laid)
        tables = {}
        for located in self._jobs.plan.catalog:
            columns = tuple(c.name.lower() for c in TABLES[located.feed].columns) if located.feed else ()
            form = "parquet" if "parquet" in located.format else "csv" if located.format == "csv" else "json"
            tables[located.table] = Table(located.path, form, columns)  # type: ignore[arg-type] # one of the three
        self._worker.register(tables)

    def _stand_in(self, name: str, made: Made, ours: Mapping[str, Any]) -> None:
        """Give a job our table where the script that makes it did not run: what it does with it can be compared."""
        done = {job.table for job in made.jobs if job.ok}
        for missing in self._jobs.plan.missing:
            place = self._worker.local(missing.path)
            if missing.script != name or not missing.table or missing.table in done or missing.table not in ours:
                continue
            if not place.exists():
                laid = self._folder / f"run-{self._made}" / "ours" / missing.table
                _write_rows(ours[missing.table], laid, missing.access.format or "parquet")
                self._worker.place(missing.path, laid)
            made.notes.append(Note(name, missing.access.line, f"given our {missing.table}, which no job made"))

    def _take_outputs(self, made: Made) -> None:
        for output in self._jobs.plan.outputs:
            if output.table and any(job.name == output.script and job.ok for job in made.jobs):
                made.tables.setdefault(output.table, self._worker.local(output.path))
