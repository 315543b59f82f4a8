"""Rows that differ, to be looked at: a few of each kind, with personal data masked unless they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from parity.difference import DIFFERING
from parity.verdict import Example
from stedi.contracts import TABLES, Table
from stedi.engine import Engine
from stedi.masking import mask

__all__ = ["EXAMPLES", "find_examples", "masked"]

EXAMPLES = 20
"""Examples shown of a table, of all kinds together."""

LONGEST = 120
"""Characters of a value that is shown."""

_PLAIN = ("INT", "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN", "NULL")
"""What types of numbers contain; text, dates and nested values may hold anything."""

_PERSONAL = {column.name.lower() for table in TABLES.values() for column in table.columns if column.pii}


def masked(columns: Sequence[tuple[str, str]], contract: Table | None) -> frozenset[str]:
    """Return the columns, given as (name, type), whose values are not to be shown.

    Those that the contract marks, and those of any table's personal data by their name. Nobody knows what a column
    holds that no contract speaks of: unless it holds numbers it is masked too.
    """
    known = {column.name.lower() for column in contract.columns} if contract else set()
    found = set()
    for name, type_ in columns:
        is_plain = (any(word in type_ for word in _PLAIN) and not type_.endswith(("]", ")"))) or type_[:8] == "DECIMAL("
        if name.lower() in _PERSONAL or (name.lower() not in known and not is_plain):
            found.add(name)
    return frozenset(found)


def find_examples(
    engine: Engine,
    columns: Sequence[str],
    hidden: Collection[str],
    *,
    pairs: Sequence[int] | None,
    most: int = EXAMPLES,
) -> tuple[Example, ...]:
    """Return up to `most` examples from DIFFERING, and from `paired` where rows were paired by key.

    `columns` are the names of the columns; `pairs` the numbers of those that can have changed, None without keys.
    """

    def show(at: int, value: object) -> str:
        return _shown(value, hide=columns[at] in hidden)

    found: list[list[Example]] = [[] for _ in range(5)]
    unpaired = ""
    if pairs is not None:
        flags = "".join(f", d{at}" for at in pairs)
        values = "".join(f", c{at}, o{at}" for at in range(len(columns)))
        rows = engine.run("examples", f"select h1{flags}{values} from paired order by h1, h2, r1 limit {most}")
        for found_row in rows:
            differs = dict(zip(pairs, found_row[1 : 1 + len(pairs)], strict=True))
            both = found_row[1 + len(pairs) :]
            found[0].append(
                Example(
                    1,
                    1,
                    {name: show(at, both[2 * at]) for at, name in enumerate(columns)},
                    {name: show(at, both[2 * at + 1]) for at, name in enumerate(columns) if differs.get(at)},
                )
            )
        # one equality, no "or": else DuckDB looks at each pair of rows
        both_hashes = "select h1, h2 from paired union all select r1, r2 from paired"
        unpaired = f" and not exists (from ({both_hashes}) as p where p.h1 = d.h1 and p.h2 = d.h2)" if rows else ""
    kinds = ("nr = 0", "nl = 0", "nl > nr and nr > 0", "nr > nl and nl > 0")
    picked = "".join(f", c{at}" for at in range(len(columns)))
    for kind, examples in zip(kinds, found[1:], strict=True):
        only = unpaired if kind in ("nr = 0", "nl = 0") else ""
        sql = f"select nl, nr{picked} from {DIFFERING} as d where {kind}{only} order by h1, h2 limit {most}"
        for times, other, *row in engine.run("examples", sql):
            examples.append(Example(times, other, {name: show(at, row[at]) for at, name in enumerate(columns)}))
    return _fair(found, most)


def _fair(kinds: Sequence[Sequence[Example]], most: int) -> tuple[Example, ...]:
    """Return up to `most` of all kinds, so that a frequent kind does not crowd out the others."""
    share = dict.fromkeys(range(len(kinds)), 0)
    while sum(share.values()) < most and any(share[at] < len(kind) for at, kind in enumerate(kinds)):
        for at, kind in enumerate(kinds):
            if share[at] < len(kind) and sum(share.values()) < most:
                share[at] += 1
    return tuple(example for at, kind in enumerate(kinds) for example in kind[: share[at]])


def _shown(value: Any, *, hide: bool) -> str:
    if value is None:
        return "NULL"
    if hide:
        return mask(str(value))
    text = repr(value) if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
