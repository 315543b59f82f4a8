"""The right side on this machine: Glue jobs on stock PySpark, in one worker for all of them."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from parity.diagnosis import notes_of
from parity.engines import JobReport, Made, trusted_of
from parity.folders import is_hidden
from parity.jobs import Jobs
from parity.landing import LandingData
from parity.outputs import columns_of, meant_by_columns
from parity.places import holds
from parity.plan import Note, Plan
from parity.worker import JobResult, Table, Worker
from stedi.contracts import FEEDS, TABLES
from stedi.errors import EnvironmentFault
from stedi.glue.jobs import ARGUMENTS
from stedi.parameters import Parameters
from stedi.run import Progress, silent
from stedi.stages import STAGES
from stedi.storage import make_private, make_private_folder

__all__ = ["Spark"]

LAKE = "s3://parity-lake"
"""Where rendered jobs find landing data and leave their tables."""

KEY = "s3://parity-key/pseudonym-key.txt"
"""Where they find the key of the pseudonyms: the left side has the same."""

_COUNTED = re.compile(r"^(\w+): ([\d,]+) lines, ([\d,]+) rows, ([\d,]+) in quarantine$", re.MULTILINE)


class Spark:
    """Runs the jobs of a run; its worker starts in the background as soon as this is entered.

    A `worker` that is given has been entered already, is emptied before each use, and goes on afterwards.
    """

    name = "spark"

    def __init__(
        self,
        jobs: Jobs,
        folder: Path,
        *,
        glue: str = "5.1",
        parameters: Parameters,
        python: str = sys.executable,
        master: str = "local[*]",
        memory: str = "2g",
        timeout: float | None = None,
        progress: Progress = silent,
        worker: Worker | None = None,
    ) -> None:
        self.glue = glue
        self._parameters = parameters
        self._jobs = jobs
        self._folder = folder
        self._timeout = timeout
        self._progress = progress
        self._shared = worker is not None
        self._worker = worker or Worker(
            python=python,
            master=master,
            memory=memory,
            settings=jobs.corrections.runtime,
        )
        self._failed: BaseException | None = None
        self._start_seconds = 0.0
        self._starting: threading.Thread | None = None
        self._made = 0
        self._lent: dict[str, set[str]] = {}

    def __enter__(self) -> Self:
        if not self._shared:
            self._starting = threading.Thread(target=self._start, daemon=True)
            self._starting.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._starting is not None:
            self._starting.join()
        if not self._shared:
            if raised[0] is None and self._made and self._worker.keeps_classes:
                self._progress("keeping Spark's classes for the next run", self._made, self._made)
                with contextlib.suppress(EnvironmentFault):  # what was run is no worse for it
                    self._worker.keep_classes()
            self._worker.close()

    def make(self, given: LandingData, ours: Mapping[str, Any]) -> Made:
        """Run the jobs over landing data, and return what they wrote."""
        self._ready()
        made = Made(versions={"spark": self._worker.spark})
        if self._made or self._shared:
            self._worker.clear()
        self._made += 1
        self._lent.clear()
        started = time.perf_counter()
        self._place_scripts()
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
        log = folder / "logs" / f"{name.removesuffix('.py').replace('/', '-')}.log"
        make_private_folder(log.parent)
        result = self._worker.run(script, self._arguments(name), log=log, timeout=self._timeout)
        return self._report(name, result, log)

    def _place_scripts(self) -> None:
        """Put the scripts where they run, with whatever they may import from beside them."""
        folder = self._folder / f"run-{self._made}" / "scripts"
        for name, data in self._jobs.files.items():
            file = folder / name
            make_private_folder(file.parent)
            file.write_bytes(data)

    def _report(self, name: str, result: JobResult, log: Path) -> JobReport:
        table = self._jobs.plan.makes.get(name, "")
        found = [script for script in self._jobs.plan.jobs if script.name == name]
        notes = notes_of(found[0], result, rendered=self._jobs.rendered) if found else ()
        return JobReport(name, table, result.state, result.seconds, result.error, log, notes)

    def _arguments(self, name: str) -> dict[str, str]:
        if self._jobs.rendered:
            told = {"pseudonym_key": KEY, "clock_skew_ms": str(self._parameters.clock_skew_ms)}
            asked = STAGES[self._jobs.plan.makes[name]].parameters
            return {"LAKE": LAKE} | {ARGUMENTS[parameter].lstrip("-"): told[parameter] for parameter in asked}
        wanted = next(script.arguments for script in self._jobs.plan.jobs if script.name == name)
        given = self._jobs.corrections.arguments
        return {key: given[key] for key in wanted if key in given}

    # rendered jobs

    def _place_lake(self, given: LandingData) -> None:
        for feed in FEEDS:
            laid = self._folder / f"run-{self._made}" / "landing" / feed.feed
            given.lay(feed.name, laid, everything=True)
            self._worker.place(f"{LAKE}/{feed.prefix}", laid)
        key = self._folder / f"run-{self._made}" / "key" / KEY.rpartition("/")[2]
        make_private_folder(key.parent)
        key.write_text(self._parameters.key, encoding="utf-8")
        make_private(key)
        self._worker.place(KEY.rpartition("/")[0], key.parent)

    def _take_lake(self, made: Made) -> None:
        for job in made.jobs:
            if job.ok:
                made.tables[job.table] = self._worker.local(f"{LAKE}/{TABLES[job.table].prefix}")
        for feed in FEEDS:
            made.quarantine[feed.name] = self._worker.local(f"{LAKE}/_quarantine/{feed.feed}")
            made.counted |= _counted(feed.name, made.jobs)

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
            tables[located.table] = Table(located.path, form, columns, (), located.schema)  # type: ignore[arg-type]
        self._worker.register(tables)

    def _stand_in(self, name: str, made: Made, ours: Mapping[str, Any]) -> None:
        """Give a job our table where nobody has made it: what the job does with it can still be compared.

        None that is, or is made from, one that the job makes itself, or a job that reads of it: that would be compared
        with its own copy.
        """
        failed = {job.name for job in made.jobs if not job.ok}
        done = {job.table for job in made.jobs if job.ok}
        fed = _fed_by(name, self._jobs.plan)
        own = {output.table for output in self._jobs.plan.outputs if output.script in fed}
        for link in self._jobs.plan.links:
            lacks = link.script == name and (not link.maker or link.maker in failed)
            if not lacks or link.table not in ours or link.table in done or own & _made_from(link.table):
                continue
            place = self._worker.local(link.path)
            form = "parquet" if link.access.table else link.access.format or "json"
            laid = self._folder / f"run-{self._made}" / "ours" / form / link.table
            if not laid.exists():
                _write_rows(ours[link.table], laid, form)
            if link.maker and place.is_dir():
                shutil.rmtree(place)  # what a job wrote before it failed
            self._worker.place(link.path, laid)
            if link.access.table:
                self._worker.register({link.access.table: Table(link.path, "parquet")})
            for script in fed:
                self._lent.setdefault(script, set()).update(_made_from(link.table))
            made.notes.append(Note(name, link.access.line, f"given our {link.table}, which no job made"))

    def _take_outputs(self, made: Made) -> None:
        """Find the outputs, and what those are of which names say nothing by their columns."""
        good = {job.name for job in made.jobs if job.ok}
        # scripts may write one place several times, as one table
        outputs = [output for output in self._jobs.plan.outputs if output.script in good]
        places = {(output.path, output.table): output for output in reversed(outputs)}
        found = [(output, self._files(output.path)) for output in reversed(places.values())]
        for output, files in found:
            if output.table:
                data = _with_rows(files) or _no_rows(output.table) if files else None
                made.places.setdefault(output.table, {})[output.where] = data
                if files:
                    made.tables.setdefault(output.table, data)
        taken = set(made.tables)
        for output, files in found:
            named = any(path == output.path and table for path, table in places)
            data = _with_rows(files)
            if output.ours and not output.table and not named and data:
                table = meant_by_columns(columns_of(data), taken | self._lent.get(output.script, set()))
                if table:
                    made.tables.setdefault(table, data)
                    made.places.setdefault(table, {})[output.where] = data
                    said = f"writes {output.access.name}, taken for {table} by its columns"
                    made.notes.append(Note(output.script, output.access.line, said))

    def _files(self, path: str) -> dict[str, Path]:
        """Return the files of one output by where they lie below it, without those of places inside its folder."""
        root = self._worker.local(path)
        plan = self._jobs.plan
        others = {place for place in (*(o.path for o in plan.outputs), *(g.path for g in plan.given)) if place != path}
        inside = [self._worker.local(other) for other in others if holds(path, other)]
        files = sorted(file for file in root.rglob("*") if file.is_file()) if root.is_dir() else [root]
        return {
            file.relative_to(root).as_posix(): file
            for file in files
            if file.exists()
            and not is_hidden(file.relative_to(root))
            and not any(file.is_relative_to(other) for other in inside)
        }


def _counted(feed: str, jobs: list[JobReport]) -> dict[str, tuple[int, int]]:
    """Return how many lines and rows of a feed the job of its trusted table has counted, as its log says."""
    table = trusted_of(feed)
    for job in jobs:
        if job.table == table and job.ok and job.log is not None:
            text = job.log.read_text(encoding="utf-8", errors="replace")
            for name, lines, rows, _ in _COUNTED.findall(text):
                if name == TABLES[feed].feed:
                    return {feed: (int(lines.replace(",", "")), int(rows.replace(",", "")))}
    return {}


def _fed_by(name: str, plan: Plan) -> set[str]:
    """Return a script with all that read what it writes, directly or not."""
    found, new = set(), {name}
    while new:
        found |= new
        new = {link.script for link in plan.links if link.maker in new} - found
    return found


def _made_from(table: str) -> set[str]:
    """Return a table with all that it is made from, directly or not."""
    inputs = STAGES[table].inputs if table in STAGES else ()
    return {table}.union(*map(_made_from, inputs))


def _with_rows(files: Mapping[str, Path]) -> dict[str, Path]:
    """Return the files that are not without a byte, as Spark leaves some of JSON."""
    return {at: file for at, file in files.items() if file.stat().st_size}


def _no_rows(table: str) -> Any:
    """Return the empty table that files without a byte are: JSON has no columns to tell."""
    import pyarrow as pa  # type: ignore[import-untyped]

    types = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}
    return pa.schema([(column.name, types[column.type]) for column in TABLES[table].columns]).empty_table()


def _write_rows(files: Any, folder: Path, form: str) -> None:
    """Write our table as a job would have: Parquet, or JSON without the keys that are null."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    make_private_folder(folder)
    if form in ("parquet", "glueparquet"):
        for file in files:
            shutil.copyfile(file, folder / Path(file).name)
        return
    with (folder / "part-0.json").open("w", encoding="utf-8") as stream:
        for file in files:
            with pq.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches():
                    for row in batch.to_pylist():
                        record = {name: value for name, value in row.items() if value is not None}
                        stream.write(json.dumps(record, ensure_ascii=False) + "\n")
