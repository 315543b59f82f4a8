"""Causes that lie in which rows a side took: of another table, too many copies, one copy too few, none at all."""

from __future__ import annotations

from collections.abc import Iterator

from parity.case import Case
from parity.causes.roles import OWNERS, owners
from parity.context import Known
from parity.difference import DELTA, DIFFERING, view_rows
from parity.fingerprint import fingerprint
from parity.pairing import Column, pair
from parity.verdict import Cause, Explanation, Side, State

__all__ = [
    "empty",
    "extra_dedupe",
    "missing_dedupe",
    "missing_dedupe_of_input",
    "other_filter_table",
    "row_order",
    "wrong_source",
]

ORDER_SEEN = 10_000
"""Rows from the start of both tables that are looked at to tell whether their order differs."""

_COUNTED = 5_000_000
"""Rows up to which distinct values of every column are counted."""


def empty(case: Case) -> Explanation | None:
    """One side has no rows."""
    for side in Side:
        if not case.print(side).rows and case.print(side.other).rows:
            evidence = f"{case.label(side)} has no row, {case.label(side.other)} {case.print(side.other).rows:,}"
            return Explanation(Cause.EMPTY, evidence, side)
    return None


def wrong_source(case: Case) -> Explanation | None:
    """The right is another table: it has its very rows, or its columns instead of those it should have."""
    right = case.sources[1]
    names = {name.lower() for name, _ in right.columns}
    optional = {column.name.lower() for column in case.contract.columns if column.optional} if case.contract else set()
    if names | optional == {name.lower() for name, _ in case.sources[0].columns} | optional:
        for known in case.context:
            if known.name != case.name and known.name not in case.inputs and _holds(case, known):
                return _is_table(case, known)
        return None
    for known in case.context:
        if known.name != case.name and names == set(known.types):
            if _holds(case, known):
                return _is_table(case, known)
            evidence = f"{case.label(Side.RIGHT)} has the columns of {known.name}, not those of {case.name}"
            return Explanation(Cause.WRONG_SOURCE, evidence, Side.RIGHT, {"table": known.name})
    return None


def _is_table(case: Case, known: Known) -> Explanation:
    rows = case.print(Side.RIGHT).rows
    evidence = f"{case.label(Side.RIGHT)} is {known.name}: the same {rows:,} rows"
    if case.inputs:
        evidence += f", while {case.name} is made from {' and '.join(case.inputs)}"
    return Explanation(Cause.WRONG_SOURCE, evidence, Side.RIGHT, {"table": known.name})


def _holds(case: Case, known: Known) -> bool:
    """Return whether the right's rows, in all its columns, are those of another table."""
    right = case.sources[1]
    optional = [column.name for column in case.contract.columns if column.optional] if case.contract else ()
    pairing = pair(
        list(known.source.columns),
        right.columns,
        weak_left=known.source.weak,
        weak_right=right.weak,
        optional=optional,
    )
    if any(found.state not in (State.SAME, State.NOTED) and not found.as_null for found in pairing.pairs):
        return False
    columns = pairing.compared
    view_rows(case.engine, "known_rows", known.source.view, columns, [c.left for c in columns])
    view_rows(case.engine, "same_rows", right.view, columns, [c.right for c in columns])
    [rows] = case.ask("select count(*) from known_rows")
    if rows != case.print(Side.RIGHT).rows or not rows:
        return False
    return fingerprint(case.engine, "known_rows", known.name) == fingerprint(case.engine, "same_rows", known.name)


def _view_of(case: Case, known: Known, view: str) -> bool:
    """View another table in the compared columns; False where it has not all of them."""
    names = [known.spelled(column.name) for column in case.columns]
    if None in names:
        return False
    columns = [Column(c.name, name, None, c.type) for c, name in zip(case.columns, names, strict=True)]
    view_rows(case.engine, view, known.source.view, columns, names)
    return True


def other_filter_table(case: Case) -> Explanation | None:
    """The right took those rows of its input whose owner stands in another table than the one it should ask."""
    if case.prints[0] == case.prints[1] or not case.print(Side.RIGHT).rows:
        return None
    for name in case.inputs:
        base = case.context.get(name)
        if base is None or not _view_of(case, base, "base_rows"):
            continue
        for own, theirs, known in _other_owners(case):
            case.engine.run(
                "the cause",
                "create or replace temp view filtered_rows as from base_rows "
                f"where {own} in (select {theirs} from {known.view})",
            )
            [rows] = case.ask("select count(*) from base_rows")
            # a filter that leaves nothing out is as good as none
            if case.print(Side.RIGHT).rows == rows:
                continue
            if fingerprint(case.engine, "filtered_rows", known.name) == case.print(Side.RIGHT):
                evidence = (
                    f"{case.label(Side.RIGHT)} holds the rows of {base.name} whose {case.name_of(own)} stands in "
                    f"{known.name}, which {case.name} does not read"
                )
                return Explanation(Cause.WRONG_SOURCE, evidence, Side.RIGHT, {"table": known.name})
    return None


def _other_owners(case: Case) -> Iterator[tuple[str, str, Known]]:
    """Yield a column that says whose a row is, and the one it can be looked up in, of tables that are no input."""
    for own, customer in owners(case).items():
        for known in case.context:
            if known.name not in (*case.inputs, case.name):
                for name in (customer, *(column for column, of in OWNERS.items() if of == customer != column)):
                    if (theirs := known.column(name)) is not None:
                        yield own, theirs, known


def missing_dedupe_of_input(case: Case) -> Explanation | None:
    """Rows stand on one side as often as in an input, on the other once."""
    side = case.multiplied
    if side is None:
        return None
    more, once = ("nl", "nr") if side is Side.LEFT else ("nr", "nl")
    if case.ask(f"select max({once}) from {DELTA}")[0] != 1:
        return None
    for known in case.context:
        if known.name == case.name or not _view_of(case, known, "base_rows"):
            continue
        [wrong] = case.ask(
            f"select count(*) filter (k.n is null or k.n <> d.{more}) from {DIFFERING} as d left join "
            "(select h1, h2, count(*) as n from base_rows group by h1, h2) as k using (h1, h2)"
        )
        if not wrong:
            evidence = (
                f"rows that are repeated on {case.label(side)} ({case.rows.repeated:,}) stand there as often as in "
                f"{known.name}: only {case.label(side.other)} made them distinct"
            )
            cause = Cause.MISSING_DEDUPE if side is Side.RIGHT else Cause.EXTRA_DEDUPE
            return Explanation(cause, evidence, Side.RIGHT, {"rows": case.surplus(side), "table": known.name})
    return None


def extra_dedupe(case: Case) -> Explanation | None:
    """The right holds each row once, or one row for each value of a column, the left all of them."""
    right = case.label(Side.RIGHT)
    if case.multiplied is Side.LEFT:
        [repeated] = case.ask("select exists (select 1 from right_rows group by h1, h2 having count(*) > 1)")
        if not repeated:
            evidence = (
                f"{right} holds every row once, also those that are repeated on {case.label(Side.LEFT)} "
                f"({case.rows.left_more:,})"
            )
            return Explanation(Cause.EXTRA_DEDUPE, evidence, Side.RIGHT, {"rows": case.rows.left_surplus})
    rows = case.print(Side.RIGHT).rows
    if not case.rows.left_only or case.rows.right_only or case.rows.right_more or not 0 < rows <= _COUNTED:
        return None
    numbers = [at for at, column in enumerate(case.columns) if column.type in ("VARCHAR", "BIGINT")]
    if not numbers:
        return None
    counts = ", ".join(f"count(distinct c{at})" for at in numbers)
    left, kept = (case.ask(f"select {counts} from {case.view(side)}") for side in Side)
    for at, before, after in zip(numbers, left, kept, strict=True):
        if before == after == rows:
            evidence = (
                f"{right} holds one row for each {case.columns[at].name}, and leaves out "
                f"the rows of {case.label(Side.LEFT)} that repeat one ({case.rows.left_only:,})"
            )
            return Explanation(Cause.EXTRA_DEDUPE, evidence, Side.RIGHT, {"rows": case.rows.left_only})
    return None


def missing_dedupe(case: Case) -> Explanation | None:
    """The rows are the same, once on the left, and some several times on the right."""
    if case.multiplied is not Side.RIGHT or case.ask(f"select max(nl) from {DELTA}")[0] != 1:
        return None
    evidence = (
        f"rows that are repeated on {case.label(Side.RIGHT)} ({case.rows.right_more:,}) stand once on "
        f"{case.label(Side.LEFT)}: made distinct, the rows are the same"
    )
    return Explanation(Cause.MISSING_DEDUPE, evidence, Side.RIGHT, {"rows": case.rows.right_surplus})


def row_order(case: Case) -> tuple[Explanation, ...]:
    """Return that the rows, which are the same, stand in another order at the start of both; nothing where they do not.

    It is no difference: a table is a bag of rows.
    """
    case.engine.run("order", "set preserve_insertion_order = true")
    starts = [case.engine.run("order", f"select h1 from {case.view(side)} limit {ORDER_SEEN}") for side in Side]
    case.engine.run("order", "set preserve_insertion_order = false")
    if starts[0] == starts[1]:
        return ()
    first = next(at for at, (a, b) in enumerate(zip(*starts, strict=True)) if a != b)
    evidence = f"the rows are the same and stand in another order, from row {first + 1:,} on: that is no difference"
    return (Explanation(Cause.ROW_ORDER, evidence),)
