"""What a comparison finds: a verdict per table, the differences, and the cause of them.

Plain frozen values, which hold no personal data unless they were asked for it: examples are masked where they are made.
Nothing in this module does I/O.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from stedi.plan import order

__all__ = [
    "Cause",
    "ColumnPair",
    "Example",
    "Explanation",
    "Rows",
    "Side",
    "State",
    "TableVerdict",
    "Verdict",
    "exit_code",
    "failed",
    "in_order",
    "missing",
    "overall",
    "without_known",
]


class Verdict(StrEnum):
    """How two tables compare."""

    SAME = "same"
    DIFFERENT = "different"
    MISSING = "missing"
    FAILED = "failed"


class Side(StrEnum):
    """One of the two tables."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Side:
        """The other one."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class State(StrEnum):
    """How a column of one table stands to that of the other."""

    SAME = "same"
    NOTED = "noted"
    """Width of integers, spelling of the name and the like: said, but no difference."""
    TYPE = "type"
    LEFT_ONLY = "left only"
    RIGHT_ONLY = "right only"


class Cause(StrEnum):
    """Why two tables differ: a closed list, the most specific first.

    `docs/parity.md` says what each means and what evidence it takes.
    """

    EMPTY = "empty"
    CASE_OF_NAMES = "case_of_names"
    RENAMED_COLUMN = "renamed_column"
    WRONG_SOURCE = "wrong_source"
    MISSING_COLUMN = "missing_column"
    EXTRA_COLUMN = "extra_column"
    PRECISION = "precision"
    TYPE = "type"
    OUTER_JOIN = "outer_join"
    CONSENT_DATE_FILTER = "consent_date_filter"
    MISSING_CONSENT_FILTER = "missing_consent_filter"
    TIMESTAMP_JOIN = "timestamp_join"
    FAN_OUT = "fan_out"
    EXTRA_DEDUPE = "extra_dedupe"
    MISSING_DEDUPE = "missing_dedupe"
    MISSING_FILTER = "missing_filter"
    TRUNCATED = "truncated"
    EXTRA_FILTER = "extra_filter"
    CHANGED_VALUES = "changed_values"
    ROW_ORDER = "row_order"
    OTHER = "other"

    @property
    def words(self) -> str:
        """The cause in words."""
        return _WORDS[self]


_WORDS = {
    Cause.EMPTY: "empty",
    Cause.CASE_OF_NAMES: "case of names",
    Cause.RENAMED_COLUMN: "renamed column",
    Cause.WRONG_SOURCE: "wrong source table",
    Cause.MISSING_COLUMN: "missing column",
    Cause.EXTRA_COLUMN: "extra column",
    Cause.PRECISION: "precision: float against double",
    Cause.TYPE: "type",
    Cause.OUTER_JOIN: "outer against inner join",
    Cause.CONSENT_DATE_FILTER: "consent-date filter",
    Cause.MISSING_CONSENT_FILTER: "missing consent filter",
    Cause.TIMESTAMP_JOIN: "timestamp-only against owner join",
    Cause.FAN_OUT: "fan-out by a join",
    Cause.EXTRA_DEDUPE: "rows made distinct on one side",
    Cause.MISSING_DEDUPE: "missing dedupe",
    Cause.MISSING_FILTER: "missing filter or join",
    Cause.TRUNCATED: "truncated",
    Cause.EXTRA_FILTER: "a filter or join too many",
    Cause.CHANGED_VALUES: "changed values",
    Cause.ROW_ORDER: "row order only",
    Cause.OTHER: "no cause of the list fits",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause, the side it happened on and the evidence for it, in words and in numbers."""

    cause: Cause
    evidence: str
    side: Side | None = None
    facts: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColumnPair:
    """A column on both sides: its name as the left table spells it, its types, None where it is not there.

    `as_null` marks an optional column that one side lacks, and which is compared as if it held NULL.
    """

    name: str
    state: State
    left: str | None
    right: str | None
    note: str = ""
    as_null: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows differ. Rows are counted as often as they stand there; `repeated` counts distinct ones.

    `left_only` rows are not on the right at all, `repeated` ones stand on both sides, but `left_more` of them more
    often on the left and `right_more` more often on the right, by `left_surplus` and `right_surplus` rows.
    """

    left_only: int = 0
    right_only: int = 0
    left_more: int = 0
    right_more: int = 0
    left_surplus: int = 0
    right_surplus: int = 0

    @property
    def repeated(self) -> int:
        """Distinct rows that stand on both sides, not equally often."""
        return self.left_more + self.right_more

    @property
    def any(self) -> bool:
        """Whether any row differs."""
        return bool(self.left_only or self.right_only or self.repeated)


@dataclass(frozen=True, slots=True)
class Example:
    """A row that differs: how often it stands on each side, and its values as they may be shown, by column.

    Of a row that was paired with one of the other side by its key, `changed` holds the other side's values, and
    `values` are the left's.
    """

    left_times: int
    right_times: int
    values: Mapping[str, str]
    changed: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """One of `changed`, `left only`, `right only`, `more on the left`, `more on the right`."""
        if self.changed:
            return "changed"
        if not self.right_times:
            return "left only"
        if not self.left_times:
            return "right only"
        return f"more on the {Side.LEFT if self.left_times > self.right_times else Side.RIGHT}"


@dataclass(frozen=True, slots=True)
class TableVerdict:
    """The comparison of one table.

    `problem` says why it is missing or failed. `causes` are all that the evidence fits, the most specific first (of
    tables that are the same it can be row order, which is no difference);
    `follows` names the earlier table whose difference this one follows from, or is empty. `elsewhere` are the causes of
    the differences in other places that it was written to.
    """

    table: str
    verdict: Verdict
    left_rows: int | None = None
    right_rows: int | None = None
    columns: tuple[ColumnPair, ...] = ()
    rows: Rows = Rows()
    changed: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    causes: tuple[Explanation, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    fix: str = ""
    follows: str = ""
    fingerprint: str = ""
    elsewhere: tuple[Cause, ...] = ()
    seconds: float = 0.0

    @property
    def same(self) -> bool:
        """Whether the tables are the same."""
        return self.verdict is Verdict.SAME

    @property
    def explanation(self) -> Explanation | None:
        """The first of the causes of a difference."""
        return self.causes[0] if self.causes and not self.same else None

    @property
    def cause(self) -> Cause | None:
        """The first of the causes, without its evidence."""
        return self.explanation.cause if self.explanation else None


def missing(table: str, problem: str, *, fix: str = "", **counts: int | None) -> TableVerdict:
    """Return the verdict on a table that is not there on at least one side."""
    return TableVerdict(table, Verdict.MISSING, problem=problem, fix=fix, **counts)  # type: ignore[arg-type]


def failed(table: str, problem: str, *, fix: str = "") -> TableVerdict:
    """Return the verdict on a table that could not be made or compared."""
    return TableVerdict(table, Verdict.FAILED, problem=problem, fix=fix)


def overall(verdicts: Iterable[TableVerdict]) -> Verdict:
    """Return the worst verdict: failed, missing, different, same. Of no tables at all it is missing."""
    found = {verdict.verdict for verdict in verdicts}
    for worst in (Verdict.FAILED, Verdict.MISSING, Verdict.DIFFERENT):
        if worst in found:
            return worst
    return Verdict.SAME if found else Verdict.MISSING


def without_known(verdicts: Iterable[TableVerdict], known: Container[str]) -> list[TableVerdict]:
    """Return the verdicts but for differences that are known; a table that is missing or failed is never one."""
    return [v for v in verdicts if v.verdict is not Verdict.DIFFERENT or v.table not in known]


def exit_code(verdicts: Iterable[TableVerdict]) -> int:
    """Return 0 where all tables are the same, 2 where something could not be compared or there is nothing, else 1."""
    verdicts = list(verdicts)
    if not verdicts:
        return 2
    return {Verdict.SAME: 0, Verdict.FAILED: 2}.get(overall(verdicts), 1)


def in_order(
    verdicts: Iterable[TableVerdict], inputs: Mapping[str, Sequence[str]], given: Iterable[str] = ()
) -> list[TableVerdict]:
    """Return the verdicts in DAG order, each later one marked with the first table whose difference it follows from.

    `inputs` maps a table to those it is made from; `given` names those nothing makes. Where the DAG leaves the order
    free, verdicts stay in theirs. The first of the result that is not the same and follows from none is where to look
    first. UsageError where the inputs are no DAG.
    """
    by_name = {verdict.table: verdict for verdict in verdicts}
    sources = {source for names in inputs.values() for source in names}
    order(inputs, (sources | set(given)) - set(inputs))  # refuses what is no DAG
    names = _as_they_stand(by_name, inputs)
    place = {name: at for at, name in enumerate(names)}
    # a table that was not compared still hands on what its own inputs brought it
    root: dict[str, str] = {}
    found = []
    for name in names:
        roots = [root[source] for source in inputs.get(name, ()) if source in root]
        first = min(roots, key=place.__getitem__, default="")
        verdict = by_name.get(name)
        if verdict is None:
            if first:
                root[name] = first
            continue
        if verdict.same:
            found.append(replace(verdict, follows=""))
            continue
        root[name] = first or name
        found.append(replace(verdict, follows=first))
    return found


def _as_they_stand(names: Iterable[str], inputs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return names, with all they are made from, so that each comes as early as it stands and after its inputs."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        if name not in found:
            for source in inputs.get(name, ()):
                add(source)
            found[name] = None

    for name in names:
        add(name)
    return list(found)
