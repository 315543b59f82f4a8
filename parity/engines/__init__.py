"""The two sides of a run behind one protocol: duckdb on the left; spark, or aws, on the right.

Their modules are twins: the same methods in the same order, so that reading them side by side shows what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from parity.plan import Note
from parity.worker import JobError
from stedi.contracts import TABLES
from stedi.stages import STAGES

__all__ = ["Engine", "JobReport", "Made", "trusted_of"]

JobState = Literal["succeeded", "failed", "timeout", "not run"]


@dataclass(frozen=True, slots=True)
class JobReport:
    """How one job ended: `table` is the one of ours it makes, "" where that is not known."""

    name: str
    table: str
    state: JobState
    seconds: float = 0.0
    error: JobError | None = None
    log: Path | None = None
    notes: tuple[Note, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the job did its work."""
        return self.state == "succeeded"


@dataclass
class Made:
    """What a side made: where each table and each feed's quarantine lies, as `compare` reads them.

    A table that is not in `tables` was not made; where scripts wrote it, `places` holds the data of each place, by
    script, line and name, None where nothing is. `landing` gives each feed's good rows, which causes are found by;
    `ledger` is the lines, kept, dropped and quarantined of a feed as the left side has them, `counted` its lines and
    rows as the log of a job has. `texts` are the scripts that made it, where they are not those of the run's jobs, and
    `seconds` says what took how long.
    """

    tables: dict[str, Any] = field(default_factory=dict)
    places: dict[str, dict[str, Any]] = field(default_factory=dict)
    quarantine: dict[str, Any] = field(default_factory=dict)
    landing: Callable[[], Mapping[str, Any]] = dict
    ledger: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)
    jobs: list[JobReport] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def trusted_of(feed: str) -> str:
    """Return the table that keeps a feed's own rows, whose job quarantines its bad lines."""
    return next(
        name for name, stage in STAGES.items() if feed in stage.inputs and TABLES[name].feed == TABLES[feed].feed
    )


class Engine(Protocol):
    """One side of a run. It is entered once and may make tables several times, each time of new landing data."""

    name: str

    def __enter__(self) -> Self:
        """Start what takes time, in the background where that can be."""
        ...

    def __exit__(self, *_: object) -> None:
        """End and remove whatever was started and made."""
        ...

    def make(self, given: Any, ours: Mapping[str, Any]) -> Made:
        """Make all tables of the landing data `given`; `ours` are those of the left side, for jobs that lack one."""
        ...
