"""The full multiset difference of two tables, made only when their fingerprints differ.

Rows are known by their two hashes, so that what is grouped and spilled is 16 bytes a row whatever its width. The rows
themselves are looked up afterwards, for as many as the causes and examples need: all up to KEPT distinct ones, beyond
that a share of them chosen by hash, which is as good as by lot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parity.fingerprint import hashed
from parity.pairing import Column
from parity.verdict import Rows
from stedi.engine import Engine, quoted

__all__ = ["DELTA", "DIFFERING", "KEPT", "SIDES", "Difference", "find_difference", "view_rows"]

SIDES = ("left_rows", "right_rows")
"""The views that hold both tables in common columns `c0`, `c1`, ... and types, with the hashes of each row."""

DELTA = "delta"
"""The table of rows that stand more often on one side: `h1`, `h2`, times on the left `nl`, on the right `nr`."""

DIFFERING = "differing"
"""The table of those rows themselves, each once: `h1`, `h2`, `nl`, `nr` and the columns; of all of them, or a share."""

KEPT = 500_000
"""Distinct rows that differ and are looked at as rows; of more, a share is."""

_BUCKETS = 4096
_BUCKETS_FROM_ROWS = 2_000_000
"""Rows from which the parts of the tables that differ are found first."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs: how many rows, and of how many distinct ones of them one is in DIFFERING (1: all are)."""

    rows: Rows
    distinct: int
    one_in: int


def view_rows(engine: Engine, view: str, source: str, columns: Sequence[Column], names: Sequence[str | None]) -> None:
    """Make one of SIDES: the columns of a source, by its own names, in the types they are compared in.

    What cannot be cast becomes NULL: whoever calls has to know that nothing is lost by it.
    """
    values = [
        f"try_cast({quoted(name)} as {column.type}) as c{at}" if name is not None else f"null::{column.type} as c{at}"
        for at, (column, name) in enumerate(zip(columns, names, strict=True))
    ]
    hashes = hashed([(f"c{at}", column.type) for at, column in enumerate(columns)])
    picked = f"select {', '.join(values)} from" if values else "select 1 as _ from"
    sql = f"select *, {hashes} from ({picked} {quoted(source)})"
    engine.run(view, f"create or replace temp view {quoted(view)} as {sql}")


def find_difference(engine: Engine, rows: int, keys: Sequence[int]) -> Difference:
    """Make DELTA and DIFFERING from SIDES; `rows` is how many both have, `keys` are the numbers of the key columns."""
    where = _differing_buckets(engine) if rows >= _BUCKETS_FROM_ROWS else ""
    engine.run(
        "the difference",
        f"create or replace temp table {DELTA} as select h1, h2, sum(l)::bigint as nl, sum(r)::bigint as nr from ("
        f"select h1, h2, 1 as l, 0 as r from left_rows {where} union all "
        f"select h1, h2, 0 as l, 1 as r from right_rows {where}) group by h1, h2 having sum(l) <> sum(r)",
    )
    return look_up(engine, keys)


def look_up(engine: Engine, keys: Sequence[int]) -> Difference:
    """Count DELTA and make DIFFERING from it."""
    [(distinct, *counts)] = engine.run(
        "the difference",
        f"""
        select
            count(*),
            coalesce(sum(nl) filter (nr = 0), 0),
            coalesce(sum(nr) filter (nl = 0), 0),
            count(*) filter (nl > nr and nr > 0),
            count(*) filter (nr > nl and nl > 0),
            coalesce(sum(nl - nr) filter (nl > nr and nr > 0), 0),
            coalesce(sum(nr - nl) filter (nr > nl and nl > 0), 0)
        from {DELTA}
        """,
    )
    one_in = -(-distinct // KEPT) or 1
    # a changed row has another hash on each side, but one key: with keys a share is one of keys
    chosen = f"hash({', '.join(f'c{key}' for key in keys)})" if keys else "h2"
    share = f"where {chosen} % {one_in} = 0" if one_in > 1 else ""
    columns = [name for name, *_ in engine.run("columns", "describe left_rows") if name not in ("h1", "h2")]
    # all rows of one hash are one row: the first is any of them
    picked = ", ".join(f"first(s.{name}) as {name}" for name in columns)
    one_side = (
        "select h1, h2, any_value(d.nl) as nl, any_value(d.nr) as nr, {picked} "
        "from (from {view} {share}) as s join {delta} as d using (h1, h2) where {only} group by h1, h2"
    )
    parts = [
        one_side.format(picked=picked, view=view, share=share, delta=DELTA, only=only)
        for view, only in zip(SIDES, ("d.nl > 0", "d.nl = 0"), strict=True)
    ]
    engine.run("the difference", f"create or replace temp table {DIFFERING} as {' union all '.join(parts)}")
    return Difference(Rows(*map(int, counts)), distinct, one_in)


def _differing_buckets(engine: Engine) -> str:
    """Find which parts of the tables differ, told by the hash; return a condition unless most do.

    Where a few rows of many millions differ this spares grouping all the others.
    """
    side = f"select h1 % {_BUCKETS} as b, count(*) as n, sum(h1) as s1, sum(h2) as s2 from {{view}} group by all"
    left, right = (side.format(view=view) for view in SIDES)
    engine.run(
        "the difference",
        f"create or replace temp table buckets as select coalesce(l.b, r.b) as b from ({left}) as l "
        f"full join ({right}) as r on l.b = r.b "
        "where (l.n, l.s1, l.s2) is distinct from (r.n, r.s1, r.s2)",
    )
    [(found,)] = engine.run("the difference", "select count(*) from buckets")
    return f"where h1 % {_BUCKETS} in (select b from buckets)" if found * 2 < _BUCKETS else ""


def changed_by_key(
    engine: Engine, keys: Sequence[int], others: Sequence[int], near: Mapping[int, str]
) -> tuple[int, dict[int, int]]:
    """Make `paired` from DIFFERING: rows of both sides with one key that stands once on each; count what changed.

    Returns the pairs and, by number, the columns whose values differ, with how often. NULL pairs with NULL. `near`
    holds the condition, on `l` and `r`, under which values of a column with a tolerance count as the same.
    """
    on = " and ".join(f"l.c{key} is not distinct from r.c{key}" for key in keys)
    by = ", ".join(f"c{key}" for key in keys)
    differ = {
        at: f"(l.c{at} is distinct from r.c{at}{f' and not ({near[at]})' if at in near else ''})" for at in others
    }
    flags = "".join(f", {sql} as d{at}" for at, sql in differ.items())
    columns = ", ".join(f"l.c{at}, r.c{at} as o{at}" for at in [*keys, *others])
    once = "(from {table} where {more} qualify count(*) over (partition by {by}) = 1)"
    left, right = (once.format(table=DIFFERING, more=more, by=by) for more in ("nl > nr", "nr > nl"))
    engine.run(
        "rows by key",
        f"create or replace temp table paired as select l.h1, l.h2, r.h1 as r1, r.h2 as r2, {columns}{flags} "
        f"from {left} as l join {right} as r on {on}",
    )
    counts = "".join(f", count(*) filter (d{at})" for at in others)
    [(pairs, *changes)] = engine.run("rows by key", f"select count(*){counts} from paired")
    return pairs, {at: count for at, count in zip(others, changes, strict=True) if count}
