"""Causes that lie in a join: it multiplies rows, keeps what matches nothing, or is on other columns."""

from __future__ import annotations

from collections.abc import Iterator

from parity.case import Case
from parity.causes.roles import CONSENT, instants, join_columns
from parity.context import Known
from parity.difference import DELTA, DIFFERING
from parity.verdict import Cause, Explanation, Side

__all__ = ["fan_out", "outer_join", "timestamp_join"]


def outer_join(case: Case) -> Explanation | None:
    """All rows that one side has more hold NULL in the same columns, in which the other side never does."""
    for side in (Side.RIGHT, Side.LEFT):
        if not case.only(side) or case.only(side.other):
            continue
        every = range(len(case.columns))
        held = case.ask(f"select {', '.join(f'count(c{at})' for at in every)} from {case.only_in(side)}")
        empty = [at for at in every if held[at] == 0]
        if not empty or len(empty) == len(case.columns):
            continue
        lacking = case.ask(
            f"select {', '.join(f'count(*) - count(c{at})' for at in empty)} from {case.view(side.other)}"
        )
        padded = [case.columns[at].name for at, nulls in zip(empty, lacking, strict=True) if not nulls]
        required = {name.lower() for name in case.contract.required} if case.contract else None
        # who did not agree has no date, which is no padding
        if not [n for n in padded if n.lower() != CONSENT.lower() and (required is None or n.lower() in required)]:
            continue
        evidence = (
            f"all rows that only {case.label(side)} has ({case.only(side):,}) hold NULL in {', '.join(padded)}, "
            f"as an outer join leaves what matches nothing; no row of {case.label(side.other)} does"
        )
        return Explanation(Cause.OUTER_JOIN, evidence, side, {"rows": case.only(side)})
    return None


def timestamp_join(case: Case) -> Explanation | None:
    """One side joins readings of an instant, the other those of one owner: their devices and phones belong together."""
    device, phone = case.at("serialNumber"), case.at("user")
    if not (device and phone and instants(case)):
        return None
    for known in case.context:
        email, serial = known.column("email"), known.column("serialNumber")
        if not (email and serial):
            continue
        owned = f"coalesce(({device}, {phone}) in (select ({serial}, {email}) from {known.view}), false)"
        for side in Side:
            if not case.only(side) or case.only(side.other) or not case.print(side.other).rows:
                continue
            [own_extra] = case.ask(f"select count(*) filter ({owned}) from {case.only_in(side)}")
            [foreign_kept] = case.ask(f"select count(*) filter (not {owned}) from {case.view(side.other)}")
            if own_extra == 0 and foreign_kept == 0:
                evidence = (
                    f"all rows that only {case.label(side)} has ({case.only(side):,}) pair a device with another "
                    f"customer's phone (by {known.name}), and none of {case.label(side.other)} does: it joins on "
                    f"the owner too, {case.label(side)} on the instant alone"
                )
                return Explanation(Cause.TIMESTAMP_JOIN, evidence, side.other, {"rows": case.only(side)})
    return None


def fan_out(case: Case) -> Explanation | None:
    """Rows are the same but stand several times: as often as a table has rows to join with, or all equally often."""
    side = case.multiplied
    if side is None:
        return None
    more, once = ("nl", "nr") if side is Side.LEFT else ("nr", "nl")
    found = [words for known in case.others for words in _multiplying(case, side, known)]
    if found:
        evidence = (
            f"every row of {case.label(side.other)} stands on {case.label(side)} once for each row it matches in a "
            f"join on {found[0]}"
        )
        evidence += f" (or on {', or on '.join(found[1:])}: as many)" if found[1:] else ""
        return Explanation(Cause.FAN_OUT, evidence, side, _factor(case, more, once))
    least, most, rows = case.ask(
        f"select min({more} / {once}), max({more} / {once}), sum({once}) from {DELTA} where {once} > 0"
    )
    if least != most or least != int(least) or rows != case.print(side.other).rows:
        return None
    evidence = f"every row of {case.label(side.other)} stands {int(least):,} times on {case.label(side)}"
    crossed = [o.name for o in case.others if case.ask(f"select count(*) from {o.view}")[0] == least]
    if crossed:
        evidence += f", which is how many rows {' and '.join(crossed)} has: a join without a condition"
    else:
        evidence += (
            "; no column of the context's tables has that many rows for each"
            if case.context
            else "; which join does it can be told with the other tables as context"
        )
    return Explanation(Cause.FAN_OUT, evidence, side, _factor(case, more, once))


def _multiplying(case: Case, side: Side, known: Known) -> Iterator[str]:
    """Yield the joins with a table that give just the rows of a side from those of the other."""
    more, once = ("nl", "nr") if side is Side.LEFT else ("nr", "nl")
    for own, theirs, words in join_columns(case, known):
        counts = f"(select {theirs} as k, count(*) as n from {known.view} group by k)"
        wrong, rows = case.ask(
            f"select count(*) filter (k.n is null or d.{more} <> d.{once} * k.n), count(*) from {DIFFERING} as d "
            f"left join {counts} as k on d.{own} = k.k"
        )
        if wrong or not rows:
            continue
        [total] = case.ask(f"select sum(k.n) from {case.view(side.other)} as r join {counts} as k on r.{own} = k.k")
        if total == case.print(side).rows:
            yield words


def _factor(case: Case, more: str, once: str) -> dict[str, int | float | str]:
    least, most = case.ask(f"select min({more} / {once}), max({more} / {once}) from {DELTA} where {once} > 0")
    return {"least_times": round(float(least), 3), "most_times": round(float(most), 3)}
