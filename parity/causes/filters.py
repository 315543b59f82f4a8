"""Causes that lie in a filter: it is missing, there is one too many, or rows were cut off."""

from __future__ import annotations

from parity.case import Case
from parity.causes.roles import CONSENT, agreeing, everybody, instants, owners
from parity.verdict import Cause, Explanation, Side
from stedi.contracts import TABLES

__all__ = ["consent_date_filter", "extra_filter", "missing_consent_filter", "missing_filter", "truncated"]

LEAST_APART = 3
LEAST_IN_ALL = 20
"""Distinct values of what is kept and what is lacking, each and together, from which on their order says something."""

_SORTED = ("BIGINT", "INTEGER", "HUGEINT", "DOUBLE", "VARCHAR", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def consent_date_filter(case: Case) -> Explanation | None:
    """One side leaves out readings made before their owner agreed."""
    customers = agreeing(case)
    if customers is None:
        return None
    for instant in instants(case):
        for own, customer in owners(case).items():
            theirs, date = customers.column(customer), customers.column(CONSENT)
            if theirs is None or date is None:
                continue
            agreed = f"(select {theirs} as k, min({date}) as d from {customers.view} where {date} > 0 group by k)"
            for side in Side:
                if not case.only(side) or case.only(side.other) or not case.print(side.other).rows:
                    continue
                [late] = case.ask(
                    f"select count(*) filter (a.d is null or e.{instant} > a.d) from {case.only_in(side)} as e "
                    f"left join {agreed} as a on e.{own} = a.k"
                )
                if late:
                    continue
                [early] = case.ask(
                    f"select count(*) from {case.view(side.other)} as r join {agreed} as a on r.{own} = a.k "
                    f"where r.{instant} < a.d"
                )
                if not early:
                    evidence = (
                        f"all rows that only {case.label(side)} has ({case.only(side):,}) were read before their "
                        f"owner agreed ({case.name_of(instant)} against {CONSENT} of {customers.name}), and none of "
                        f"{case.label(side.other)} was"
                    )
                    return Explanation(Cause.CONSENT_DATE_FILTER, evidence, side.other, {"rows": case.only(side)})
    return None


def missing_consent_filter(case: Case) -> Explanation | None:
    """All rows that one side has more are of customers who did not agree to research."""
    for side in (Side.RIGHT, Side.LEFT):
        if not case.only(side) or case.only(side.other):
            continue
        found = _without_consent(case, side)
        if found:
            evidence = (
                f"all rows that only {case.label(side)} has ({case.only(side):,}) are of customers who did not "
                f"agree to research, {found}"
            )
            return Explanation(Cause.MISSING_CONSENT_FILTER, evidence, side, {"rows": case.only(side)})
    return None


def _without_consent(case: Case, side: Side) -> str:
    """Return how it was told that nobody agreed whose rows are extra on a side, or nothing."""
    return _undated(case, side) or _withdrawn(case, side) or _not_agreeing(case, side)


def _undated(case: Case, side: Side) -> str:
    date = case.at(CONSENT)
    if date is None:
        return ""
    [dated] = case.ask(f"select count(*) filter ({date} > 0) from {case.only_in(side)}")
    [undated] = case.ask(f"select count(*) filter ({date} is null or {date} <= 0) from {case.view(side.other)}")
    return "" if dated or undated else f"by their {CONSENT}, which no row of {case.label(side.other)} lacks"


def _withdrawn(case: Case, side: Side) -> str:
    """Of the first table of customers the other side is the only list there is of those who agree."""
    email, other = case.at("email"), case.view(side.other)
    is_first = case.name in TABLES and TABLES[case.name].zone == "trusted"
    date = case.at(CONSENT)
    if email is None or date is None or not is_first or side is Side.LEFT:
        return ""
    # who once agreed has withdrawn where another record of theirs, too many here or as it landed, does not agree
    landed = everybody(case)
    refusing = f"select {email} as e from {case.only_in(side)} where coalesce({date}, 0) <= 0"
    if landed is not None and (theirs := landed.column("email")):
        refusing += f" union all select {theirs} from {landed.view} where coalesce({landed.column(CONSENT)}, 0) <= 0"
    agreeing, withdrew = case.ask(
        f"select count(*) filter ({email} in (select {email} from {other}) "
        f"or {date} > 0 and {email} not in (select e from ({refusing}) where e is not null)), "
        f"count(*) filter ({date} > 0) from {case.only_in(side)}"
    )
    if agreeing:
        return ""
    return f"by email, of which {case.label(side.other)} has none; {withdrew:,} of them once did and withdrew"


def _not_agreeing(case: Case, side: Side) -> str:
    customers, landed = agreeing(case), everybody(case)
    if customers is None or customers.name == case.name:
        return ""
    by = [(own, theirs) for own, customer in owners(case).items() if (theirs := customers.column(customer))]
    if not by:
        return ""
    refused = " or ".join(
        f"({own} is not null and {own} not in (select {theirs} from {customers.view} where {theirs} is not null))"
        for own, theirs in by
    )
    customer = "true"
    if landed is not None:
        customer = " or ".join(
            f"{own} in (select {column} from {landed.view})"
            for own, name in owners(case).items()
            if (column := landed.column(name))
        )
    # who is no customer at all did not refuse either
    [others] = case.ask(
        f"select count(*) filter (not coalesce(({refused}) and ({customer}), false)) from {case.only_in(side)}"
    )
    return "" if others else f"by {' and '.join(case.name_of(own) for own, _ in by)} against {customers.name}"


def missing_filter(case: Case) -> Explanation | None:
    """The right has rows more and lacks none: something should have left them out."""
    side = Side.RIGHT
    if not case.only(side) or case.only(side.other) or case.surplus(side.other):
        return None
    evidence = f"{case.label(side)} has more rows ({case.only(side):,}) and lacks none"
    for name in case.inputs:
        known = case.context.get(name)
        if known is not None and all(known.column(column.name) for column in case.columns):
            [rows] = case.ask(f"select count(*) from {known.view}")
            if rows == case.print(side).rows:
                evidence += f": it has as many as {name}, of which nothing was left out"
    return Explanation(Cause.MISSING_FILTER, f"{evidence}{_mark(case, side)}", side, {"rows": case.only(side)})


def extra_filter(case: Case) -> Explanation | None:
    """The right lacks rows and has none more: something left them out."""
    lacking = case.only(Side.LEFT)
    if not lacking or case.only(Side.RIGHT) or case.surplus(Side.RIGHT) or not case.print(Side.RIGHT).rows:
        return None
    evidence = f"{case.label(Side.RIGHT)} lacks rows ({lacking:,}) and has none more{_mark(case, Side.LEFT)}"
    return Explanation(Cause.EXTRA_FILTER, evidence, Side.RIGHT, {"rows": lacking})


def _mark(case: Case, side: Side) -> str:
    """Say by which column the extra rows of a side can be told: NULL in all of them, and in no other."""
    every = range(len(case.columns))
    held = case.ask(f"select {', '.join(f'count(c{at})' for at in every)} from {case.only_in(side)}")
    lacking = case.ask(f"select {', '.join(f'count(*) - count(c{at})' for at in every)} from {case.view(side.other)}")
    names = [case.columns[at].name for at in every if not held[at] and not lacking[at]]
    return f"; all of them, and no others, have NULL in {', '.join(names)}" if names else ""


def truncated(case: Case) -> Explanation | None:
    """The right is the start of the left: its first rows as they are stored, or all up to a value of a column."""
    side = Side.RIGHT
    if not case.print(side).rows or case.only(side) or case.surplus(side) or not case.only(side.other):
        return None
    where = _cut(case, side)
    if not where:
        return None
    lacking = case.only(side.other) + case.surplus(side.other)
    evidence = f"{case.label(side)} lacks rows ({lacking:,}) and has none more: {where}"
    return Explanation(Cause.TRUNCATED, evidence, side, {"rows": lacking})


def _cut(case: Case, side: Side) -> str:
    rows, whole = case.print(side), case.view(side.other)
    case.engine.run("order", "set preserve_insertion_order = true")
    first = case.ask(f"select count(*), sum(h1), sum(h2) from (select h1, h2 from {whole} limit {rows.rows})")
    case.engine.run("order", "set preserve_insertion_order = false")
    if first == (rows.rows, rows.first, rows.second):
        return f"it is the first {rows.rows:,} rows of {case.label(side.other)} as they are stored"
    for at, column in enumerate(case.columns):
        if column.type not in _SORTED:
            continue
        kept = case.ask(f"select min(c{at}), max(c{at}), approx_count_distinct(c{at}) from {case.view(side)}")
        lost = case.ask(f"select min(c{at}), max(c{at}), approx_count_distinct(c{at}) from {case.only_in(side.other)}")
        # that few values lie apart may well be chance
        if None in (*kept, *lost) or min(kept[2], lost[2]) < LEAST_APART or kept[2] + lost[2] < LEAST_IN_ALL:
            continue
        if kept[1] < lost[0] or (lost[1] < kept[0]):
            end = "end" if kept[1] < lost[0] else "start"
            return f"they are all at the {end} in the order of {column.name}"
    if rows.rows % 1000 == 0:
        return f"it has {rows.rows:,} rows, a round number"
    return ""
