"""A parity run: the left side and the right side of the same landing data, and what is different.

A list of steps over a run record, as a build is: read the jobs, make the left side while the right one starts, make the
right one, compare, settle known differences.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from parity import judge
from parity.engines import Engine, Made
from parity.engines.choice import GLUE, Choice
from parity.engines.duckdb import DuckDB
from parity.jobs import Jobs, folder_jobs, rendered_jobs
from parity.known import FILE, Known, load_known, settle_known
from parity.landing import LandingData, look
from parity.outcome import Outcome, SideOutcome
from parity.verdict import Cause, TableVerdict, Verdict
from stedi import __version__
from stedi.errors import UsageError
from stedi.parameters import Parameters
from stedi.run import Progress, silent
from stedi.storage import Options

__all__ = ["ParityRun", "expected_empty", "run"]


@dataclass
class ParityRun:
    """The record of one run: what was asked, then what each step found."""

    landing: str
    jobs: Path | None = None
    glue: tuple[str, ...] = ("5.1",)
    engine: Callable[[ParityRun, str], Engine] = field(default_factory=Choice)
    options: Options | None = None
    known_file: Path = Path(FILE)
    memory_limit: str | None = None
    show_pii: bool = False
    may_be_empty: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    render: Callable[[str], Mapping[str, str]] | None = None
    progress: Progress = silent
    parameters: Parameters = field(default_factory=Parameters)
    today: date = field(default_factory=lambda: datetime.now(UTC).date())

    resources: ExitStack = field(default_factory=ExitStack)
    folder: Path = Path()
    given: LandingData | None = None
    chosen: dict[str, Jobs] = field(default_factory=dict)
    known: tuple[Known, ...] = ()
    rights: dict[str, Engine] = field(default_factory=dict)
    left: Made = field(default_factory=Made)
    made: dict[str, Made] = field(default_factory=dict)
    sides: dict[str, SideOutcome] = field(default_factory=dict)
    pairs: dict[str, tuple[TableVerdict, ...]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.perf_counter)
    outcome: Outcome | None = None


def run(asked: ParityRun, finish: Callable[[ParityRun, Outcome], None] | None = None) -> Outcome:
    """Run both sides and compare them.

    `finish` is called with the outcome while what the sides made is still there: to write reports, to keep logs. Raises
    StediError where nothing can be compared; a job that fails is part of the outcome.
    """
    asked.folder = Path(tempfile.mkdtemp(prefix="stedi-parity-"))
    asked.resources.callback(shutil.rmtree, asked.folder, ignore_errors=True)
    with asked.resources:
        for step in (_read, _start, _left, _right, _compare, _settle):
            started = time.perf_counter()
            step(asked)
            asked.seconds[step.__name__.lstrip("_")] = time.perf_counter() - started
        assert asked.outcome is not None
        asked.outcome = replace(asked.outcome, seconds=_times(asked))
        if finish is not None:
            finish(asked, asked.outcome)
    return asked.outcome


def _read(asked: ParityRun) -> None:
    """Look at the landing data, the jobs and the known differences."""
    asked.progress("reading the jobs", 0, 1)
    for glue in asked.glue:
        if glue not in GLUE:
            raise UsageError(f"Glue {glue} is not known", fix=f"choose from {', '.join(GLUE)}")
    asked.known = load_known(asked.known_file, [str(cause) for cause in Cause])
    asked.given = look(asked.landing, asked.options)
    for glue in asked.glue:
        if asked.jobs is not None:
            asked.chosen[glue] = next(iter(asked.chosen.values()), None) or folder_jobs(asked.jobs)
        else:
            asked.chosen[glue] = rendered_jobs((asked.render or _render)(glue), asked.only)
    asked.may_be_empty |= expected_empty(asked.given)


def _render(glue: str) -> Mapping[str, str]:
    from stedi.glue.render import render

    return render(glue)


def expected_empty(given: LandingData) -> frozenset[str]:
    """Return the tables that expected.json, beside the landing data, says are empty."""
    data = given.storage.read("expected.json")
    try:
        counts = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        counts = {}
    said = counts.items() if isinstance(counts, dict) else ()
    return frozenset(name for name, rows in said if type(rows) is int and rows == 0)


def _start(asked: ParityRun) -> None:
    """Start the right sides, in the background; of two versions the second waits until the first has ended."""
    for glue in asked.glue:
        asked.rights[glue] = asked.engine(asked, glue)
    asked.resources.enter_context(asked.rights[asked.glue[0]])


def _left(asked: ParityRun) -> None:
    """Build the lake of the left side."""
    assert asked.given is not None
    left = DuckDB(
        asked.folder / "left",
        parameters=asked.parameters,
        memory_limit=asked.memory_limit,
        progress=asked.progress,
    )
    asked.left = asked.resources.enter_context(left).make(asked.given, {})


def _right(asked: ParityRun) -> None:
    """Run the jobs, one version of Glue after the other."""
    assert asked.given is not None
    for number, glue in enumerate(asked.glue):
        engine = asked.rights[glue]
        if number:
            asked.resources.enter_context(engine)
        asked.made[glue] = engine.make(asked.given, asked.left.tables)
    asked.given.check()


def _compare(asked: ParityRun) -> None:
    """Compare each right side with the left, and two right sides with each other."""
    for glue in asked.glue:
        asked.progress("comparing", 0, 1)
        asked.sides[glue] = judge.side(asked, glue)
    if len(asked.glue) > 1:
        first, second = asked.glue[:2]
        asked.pairs[f"{first} {second}"] = judge.pair(asked, first, second)


def _settle(asked: ParityRun) -> None:
    """Hold the known differences against those that were found, and put the outcome together."""
    different: dict[str, set[str]] = {}
    for side in asked.sides.values():
        for verdict in side.tables:
            if verdict.verdict is Verdict.DIFFERENT:
                causes = {str(verdict.cause or Cause.OTHER), *map(str, verdict.elsewhere)}
                different.setdefault(verdict.table, set()).update(causes)
    settled = settle_known(asked.known, different, asked.today)
    jobs = next(iter(asked.chosen.values()))
    assert asked.given is not None
    asked.outcome = Outcome(
        landing=asked.given.storage.uri,
        jobs=_named(asked, jobs),
        rendered=jobs.rendered,
        sides=tuple(asked.sides.values()),
        pairs=asked.pairs,
        known=settled.allowed,
        problems=settled.problems,
        mapping=judge.mapping(asked, jobs),
        whole=jobs.only is None,
        clock_skew_ms=asked.parameters.clock_skew_ms,
        inputs=judge.inputs_of(jobs, next(iter(asked.made.values()))),
        notes=judge.plan_notes(asked, jobs),
        versions={"stedi": __version__, **asked.left.versions},
        started=asked.began.isoformat(timespec="seconds"),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _named(asked: ParityRun, jobs: Jobs) -> str:
    """Return what the jobs are called in reports."""
    if any(made.texts for made in asked.made.values()):
        return "deployed"
    return "rendered" if jobs.rendered else str(jobs.folder)


def _times(asked: ParityRun) -> Mapping[str, float]:
    """Return where the time went: Spark's start and its jobs, the build, the comparison, and all else."""
    sides = asked.made.values()
    found = {
        "total": time.perf_counter() - asked.started,
        "spark_start": sum(made.seconds.get("start", 0.0) for made in sides),
        "spark_jobs": sum(made.seconds.get("jobs", 0.0) for made in sides),
        "build": asked.left.seconds.get("build", 0.0),
        "compare": asked.seconds.get("compare", 0.0),
    }
    return {name: round(seconds, 3) for name, seconds in found.items()}
