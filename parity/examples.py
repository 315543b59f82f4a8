"""Rows that differ, to be looked at: a few of each kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from parity.difference import DIFFERING
from parity.verdict import Example
from stedi.engine import Engine

__all__ = ["EXAMPLES", "Show", "find_examples"]

EXAMPLES = 20
"""Examples shown of a table, of all kinds together."""

Show = Callable[[Collection[tuple[int, object]]], Callable[[int, object], str]]
"""Takes all values of the examples with the numbers of their columns, and returns what shows one of them."""

_Row = tuple[int, int, dict[int, object], dict[int, object]]
"""How often it stands on the left and on the right, its values and, of the other side's, those that changed."""


def find_examples(
    engine: Engine, columns: Sequence[str], show: Show, *, pairs: Sequence[int] | None, most: int = EXAMPLES
) -> tuple[Example, ...]:
    """Return up to `most` examples from DIFFERING, and from `paired` where rows were paired by key.

    `columns` are the names of the columns; `pairs` the numbers of those that can have changed, None without keys.
    """
    found: list[list[_Row]] = [[] for _ in range(5)]
    unpaired = ""
    if pairs is not None:
        flags = "".join(f", d{at}" for at in pairs)
        values = "".join(f", c{at}, o{at}" for at in range(len(columns)))
        rows = engine.run("examples", f"select h1{flags}{values} from paired order by h1, h2, r1 limit {most}")
        for found_row in rows:
            differs = dict(zip(pairs, found_row[1 : 1 + len(pairs)], strict=True))
            both = found_row[1 + len(pairs) :]
            others = {at: both[2 * at + 1] for at in range(len(columns)) if differs.get(at)}
            found[0].append((1, 1, dict(enumerate(both[::2])), others))
        # one equality, no "or": else DuckDB looks at each pair of rows
        both_hashes = "select h1, h2 from paired union all select r1, r2 from paired"
        unpaired = f" and not exists (from ({both_hashes}) as p where p.h1 = d.h1 and p.h2 = d.h2)" if rows else ""
    kinds = ("nr = 0", "nl = 0", "nl > nr and nr > 0", "nr > nl and nl > 0")
    picked = "".join(f", c{at}" for at in range(len(columns)))
    for kind, examples in zip(kinds, found[1:], strict=True):
        only = unpaired if kind in ("nr = 0", "nl = 0") else ""
        sql = f"select nl, nr{picked} from {DIFFERING} as d where {kind}{only} order by h1, h2 limit {most}"
        for times, other, *row in engine.run("examples", sql):
            examples.append((times, other, dict(enumerate(row)), {}))
    return _shown(_fair(found, most), columns, show)


def _fair(kinds: Sequence[Sequence[_Row]], most: int) -> list[_Row]:
    """Return up to `most` of all kinds, so that a frequent kind does not crowd out the others."""
    share = dict.fromkeys(range(len(kinds)), 0)
    while sum(share.values()) < most and any(share[at] < len(kind) for at, kind in enumerate(kinds)):
        for at, kind in enumerate(kinds):
            if share[at] < len(kind) and sum(share.values()) < most:
                share[at] += 1
    return [row for at, kind in enumerate(kinds) for row in kind[: share[at]]]


def _shown(rows: Sequence[_Row], columns: Sequence[str], show: Show) -> tuple[Example, ...]:
    one = show([item for _, _, values, changed in rows for item in (*values.items(), *changed.items())])

    def named(values: dict[int, object]) -> dict[str, str]:
        return {columns[at]: one(at, value) for at, value in values.items()}

    return tuple(Example(left, right, named(values), named(changed)) for left, right, values, changed in rows)
