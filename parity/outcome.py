"""What a parity run found: plain frozen values, which reports and receipts are written from.

Holds no personal data: verdicts mask their examples, errors are shown scrubbed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from parity.known import Known
from parity.plan import Note
from parity.verdict import TableVerdict, Verdict, exit_code, overall, without_known

__all__ = ["Check", "JobOutcome", "Outcome", "SideOutcome"]


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How one job ended: `problem` says why it failed and `likely` what is probably wrong; `line` is the script's."""

    name: str
    table: str
    state: str
    seconds: float = 0.0
    problem: str = ""
    likely: str = ""
    line: int | None = None
    log: str = ""

    @property
    def failed(self) -> bool:
        """Whether the job did not do its work."""
        return self.state != "succeeded"

    @property
    def where(self) -> str:
        """The script, with the line that is to blame where one is known."""
        return f"{self.name}, line {self.line}" if self.line else self.name


@dataclass(frozen=True, slots=True)
class Check:
    """Something compared that is no table: the ledger of a feed. Both sides as they may be shown."""

    name: str
    verdict: Verdict
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class SideOutcome:
    """The right side under one version of Glue: verdicts in DAG order, quarantine and ledger, jobs and notes."""

    glue: str
    engine: str
    tables: tuple[TableVerdict, ...]
    quarantine: tuple[TableVerdict, ...] = ()
    ledger: tuple[Check, ...] = ()
    jobs: tuple[JobOutcome, ...] = ()
    notes: tuple[Note, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def stray(self) -> tuple[JobOutcome, ...]:
        """The jobs that failed and that no verdict speaks of: they make no table that is compared."""
        told = {verdict.table for verdict in self.tables}
        return tuple(job for job in self.jobs if job.failed and job.table not in told)

    def verdict(self, allowed: Mapping[str, Known]) -> Verdict:
        """Return the worst verdict of all that was compared, apart from known differences, and of jobs that failed."""
        unknown = without_known(self.tables, allowed)
        tables = overall(unknown) if unknown or not self.tables else Verdict.SAME
        others = [overall([v]) for v in self.quarantine] + [check.verdict for check in self.ledger]
        others += [Verdict.FAILED for _ in self.stray]
        ranked = (Verdict.FAILED, Verdict.MISSING, Verdict.DIFFERENT)
        return next((worst for worst in ranked if worst in (tables, *others)), Verdict.SAME)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run: the left side against one right side a Glue version, and those against each other.

    `pairs` holds the verdicts of two right sides, by "5.1 6.0"; `known` the differences that were allowed;
    `problems` what is wrong with parity-known.toml, which fails the run; `mapping` what the places of scripts were
    taken for, `inputs` what each table was made from.
    """

    landing: str
    jobs: str
    rendered: bool
    sides: tuple[SideOutcome, ...]
    pairs: Mapping[str, tuple[TableVerdict, ...]] = field(default_factory=dict)
    known: Mapping[str, Known] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    mapping: tuple[tuple[str, str, str], ...] = ()
    inputs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    whole: bool = True
    clock_skew_ms: int = 0

    @property
    def verdict(self) -> Verdict:
        """The worst of all sides; different where only parity-known.toml is wrong."""
        ranked = (Verdict.FAILED, Verdict.MISSING, Verdict.DIFFERENT)
        found = [side.verdict(self.known) for side in self.sides] or [Verdict.MISSING]
        found += [overall(left) for verdicts in self.pairs.values() if (left := without_known(verdicts, self.known))]
        if self.problems:
            found.append(Verdict.DIFFERENT)
        return next((worst for worst in ranked if worst in found), Verdict.SAME)

    @property
    def exit_code(self) -> int:
        """0 where everything is the same, 2 where something could not be compared, else 1."""
        return {Verdict.SAME: 0, Verdict.FAILED: 2}.get(self.verdict, 1) if self.sides else exit_code([])

    @property
    def same(self) -> bool:
        """Whether everything is the same, without a known difference: what a release may rest on."""
        return self.verdict is Verdict.SAME and not self.known and self.whole

    def tables(self) -> dict[str, TableVerdict]:
        """Return the worst verdict on each table over all sides, in DAG order."""
        ranked = (Verdict.FAILED, Verdict.MISSING, Verdict.DIFFERENT, Verdict.SAME)
        found: dict[str, TableVerdict] = {}
        for side in self.sides:
            for verdict in side.tables:
                known = found.get(verdict.table)
                if known is None or ranked.index(verdict.verdict) < ranked.index(known.verdict):
                    found[verdict.table] = verdict
        return found
