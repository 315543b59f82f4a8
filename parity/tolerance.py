"""Doubles that may lie a little apart: which row of one side stands for which of the other.

A fingerprint cannot say "about the same", so rows whose fingerprints differ are paired. Two rows can be a pair only
when all columns without a tolerance are equal. Among the rows of both sides that agree in those (mostly one a side) the
values with a tolerance are sorted and paired in order: with one such column that finds a pairing whenever there is one.
With several it need not, so groups that failed are matched exactly, up to a size; a larger one is called different, and
a note says so. Keys have no part in it: they only name what changed afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parity.difference import DELTA, SIDES
from parity.fingerprint import hashed
from parity.pairing import FLOATS, Column
from stedi.engine import Engine
from stedi.errors import UsageError

__all__ = ["Tolerance", "near", "pair_near"]

MATCHED_ROWS = 200
"""Rows of one group, a side, that are matched exactly."""

MATCHED_IN_ALL = 20_000
"""Rows of all such groups together."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far apart two values may lie: by `absolute`, or by a share of the larger one, whichever allows more.

    As text `1e-9`, `rel:1e-9` or both with a `+` between them, which add up.
    """

    absolute: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        fits = all(math.isfinite(value) and value >= 0 for value in (self.absolute, self.relative))
        if not fits or self.relative >= 1:
            raise UsageError(f"a tolerance of {self}: is none", fix="give a number from 0, a relative one below 1")

    @classmethod
    def parse(cls, text: str) -> Tolerance:
        """Return the tolerance a text stands for; UsageError where it stands for none."""
        values = {"absolute": 0.0, "relative": 0.0}
        for part in text.split("+") if "e+" not in text.lower() else [text]:
            kind = "relative" if part.startswith("rel:") else "absolute"
            try:
                values[kind] = float(part.removeprefix("rel:"))
            except ValueError as error:
                raise UsageError(f"tolerance {text!r}: is no number", fix="write 1e-9, or rel:1e-9") from error
        return cls(**values)

    def __str__(self) -> str:
        parts = [f"{self.absolute:g}"] if self.absolute or not self.relative else []
        return "+".join([*parts, *([f"rel:{self.relative:g}"] if self.relative else [])])


def near(column: int, type_: str, tolerance: Tolerance) -> str:
    """Return the condition under which `l` and `r` hold about the same in a column, as SQL; NULL pairs with NULL."""
    left, right = f"l.c{column}::double", f"r.c{column}::double"
    allowed = f"{tolerance.absolute!r} + {tolerance.relative!r} * greatest(abs({left}), abs({right}))"
    apart = f"abs({left} - {right})"
    if type_ not in FLOATS:  # two integers may well be one as doubles
        own = f"::{'hugeint' if type_ != 'HUGEINT' and not type_.startswith('DECIMAL') else type_}"
        apart = f"coalesce(try(abs(l.c{column}{own} - r.c{column}{own}))::double, {apart})"
    return (
        f"(l.c{column} is not distinct from r.c{column} or coalesce("
        f"isfinite({left}) and isfinite({right}) and {apart} <= {allowed}, false))"
    )


def pair_near(engine: Engine, columns: Sequence[Column], tolerances: Mapping[int, Tolerance]) -> str:
    """Take the rows out of DELTA that pair with one of the other side within the tolerances; return a note, or ""."""
    exact = [(f"c{at}", column.type) for at, column in enumerate(columns) if at not in tolerances]
    hashes = hashed(exact, ("e1", "e2"))
    run = engine.run
    both = " union all ".join(f"from {view}" for view in SIDES)
    run(
        "tolerance",
        "create or replace temp table near_groups as select distinct e1, e2 from "
        f"(select {hashes} from ({both}) semi join {DELTA} using (h1, h2))",
    )
    picked = "".join(f", c{at}" for at in tolerances)
    ordered = ", ".join(f"c{at} nulls last" for at in tolerances)
    for view, name in zip(SIDES, ("ranked_left", "ranked_right"), strict=True):
        run(
            "tolerance",
            f"create or replace temp table {name} as select h1, h2, e1, e2{picked}, "
            f"row_number() over (partition by e1, e2 order by {ordered}) as k "
            f"from (select *, {hashes} from {view}) semi join near_groups using (e1, e2)",
        )
    fits = " and ".join(near(at, columns[at].type, tolerance) for at, tolerance in tolerances.items())
    run(
        "tolerance",
        "create or replace temp table far as select coalesce(l.e1, r.e1) as e1, coalesce(l.e2, r.e2) as e2, "
        "l.h1 as l1, l.h2 as l2, r.h1 as r1, r.h2 as r2 from ranked_left as l full join ranked_right as r "
        f"on l.e1 = r.e1 and l.e2 = r.e2 and l.k = r.k where l.k is null or r.k is null or not ({fits})",
    )
    note = _match(engine, tolerances) if len(tolerances) > 1 else ""
    run(
        "tolerance",
        f"create or replace temp table {DELTA} as select h1, h2, sum(l)::bigint as nl, sum(r)::bigint as nr from ("
        "select l1 as h1, l2 as h2, 1 as l, 0 as r from far where l1 is not null union all "
        "select r1, r2, 0, 1 from far where r1 is not null) group by h1, h2 having sum(l) <> sum(r)",
    )
    return note


def _match(engine: Engine, tolerances: Mapping[int, Tolerance]) -> str:
    """Take groups out of `far` in which every row finds a partner, when tried in every way."""
    sizes = (
        "select e1, e2, count(*) filter (s = 0) as nl, count(*) filter (s = 1) as nr from "
        "(select e1, e2, 0 as s from ranked_left union all select e1, e2, 1 from ranked_right) "
        "semi join far using (e1, e2) group by e1, e2 having nl = nr and nl > 1"
    )
    groups = engine.run("tolerance", f"{sizes} order by nl, e1, e2")
    left_over, total, matched = 0, 0, []
    picked = ", ".join(f"c{at}" for at in tolerances)
    allowed = list(tolerances.values())
    for first, second, rows, _ in groups:
        total += rows
        if rows > MATCHED_ROWS or total > MATCHED_IN_ALL:
            left_over += 1
            continue
        sides = [
            engine.run("tolerance", f"select {picked} from {name} where e1 = $a and e2 = $b", {"a": first, "b": second})
            for name in ("ranked_left", "ranked_right")
        ]
        if _all_pair(sides[0], sides[1], allowed):
            matched.append((first, second))
    for first, second in matched:
        engine.run("tolerance", "delete from far where e1 = $a and e2 = $b", {"a": first, "b": second})
    if not left_over:
        return ""
    return f"{left_over:,} groups of rows were too large to pair in every way: they were paired in sorted order"


def _all_pair(
    left: Sequence[Sequence[float | None]], right: Sequence[Sequence[float | None]], allowed: Sequence[Tolerance]
) -> bool:
    """Return whether each row of the left has one of the right for itself: augmenting paths (Kuhn)."""
    may = [[at for at, other in enumerate(right) if _rows_near(row, other, allowed)] for row in left]
    partner: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for at in may[row]:
            if at not in tried:
                tried.add(at)
                if at not in partner or place(partner[at], tried):
                    partner[at] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(left)))


def _rows_near(row: Sequence[float | None], other: Sequence[float | None], allowed: Sequence[Tolerance]) -> bool:
    return all(_near(a, b, tolerance) for a, b, tolerance in zip(row, other, allowed, strict=True))


def _near(a: float | None, b: float | None, tolerance: Tolerance) -> bool:
    if a is None or b is None or math.isnan(a) or math.isnan(b):
        return (a is None and b is None) or (a is not None and b is not None and math.isnan(a) and math.isnan(b))
    if a == b:
        return True
    finite = math.isfinite(a) and math.isfinite(b)
    return finite and abs(a - b) <= tolerance.absolute + tolerance.relative * float(max(abs(a), abs(b)))
