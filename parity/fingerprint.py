r"""Two numbers a row, whose sums over a table are equal where the rows are, in whatever order they come.

Why this proves equality, up to chance. A row has two 64-bit hashes, and a table is its row count and the two sums of
them, kept whole (128 bits each, so nothing wraps). Sums, not exclusive ors: a row that stands twice adds twice and
never cancels. Before they are summed the hashes of the columns are mixed to one number and that is mixed again
(`hash(hash(...))`), because DuckDB combines columns by exclusive or last: without the second mixing, two rows that
exchange the values of one column would have the same sum once in 10^8. The second hash takes the columns in opposite
order behind a constant, so that it is independent of the first: integers, doubles and times are mixed without loss.

Of other values DuckDB's hash loses something, and not by chance only. Text it takes eight bytes at a time, and of two
texts with another letter at the end of two such pieces (a 1 for a q, which differ in one bit) every other pair has one
hash; -1 and 0 have one as DECIMAL(38), and so have a month with two days and two months with a day. So the second hash
takes these once more as text behind another character, which moves each letter to another place in its piece. Each text
behind its own: behind one that lies before it, it could be back in its place.

For two tables that differ, both sums are equal with a chance of about 2^-128, and of 2^-64 where all that differs has
one hash, as above: then the second has to tell it alone.

That is chance, not intent: the hashes are no cryptographic ones, and whoever makes up rows to collide can have it.

NULL has a hash of its own; DuckDB hashes -0.0 as 0.0, every NaN alike, and an integer the same in each width. Nested
values it hashes by what is in them alone: a list that is NULL as an empty one, [[1], [2]] as [[1, 2]], a struct that is
NULL as one of NULLs. So what is hashed of them says also how long lists are and which structs there are; entries of a
map are sorted, since their order means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stedi.engine import Engine, quoted

__all__ = ["HASHES", "Fingerprint", "fingerprint", "hashed", "hashes"]

HASHES = ("h1", "h2")
"""The columns that `hashed` adds, unless told otherwise."""

_SALT = 17

_EXACT = re.compile(
    r"U?(TINY|SMALL|BIG)INT|U?INTEGER|BOOLEAN|FLOAT|DOUBLE|DATE|TIME(_NS)?|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?"
    r"|DECIMAL\(([1-9]|1[0-8]),\d+\)"
)
"""Types that DuckDB hashes without loss: no two values have one hash."""

_Leaf = Callable[[str, str], str]
"""Makes of the SQL of a value that is not nested, and its type, what is hashed of it."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Rows of a table and the sums of their hashes."""

    rows: int
    first: int = 0
    second: int = 0

    def __str__(self) -> str:
        return f"{self.first % 2**64:016x}{self.second % 2**64:016x}"


def hashed(columns: Sequence[tuple[str, str]], names: tuple[str, str] = HASHES) -> str:
    """Return the two hashes of a row under names, as SQL; columns are (SQL of the value, DuckDB type)."""
    return ", ".join(f"{sql} as {name}" for sql, name in zip(hashes(columns), names, strict=True))


def hashes(columns: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the SQL of each hash of a row."""
    if not columns:
        return "0::ubigint", "0::ubigint"
    plain = [_shaped(sql, type_, _plain) for sql, type_ in columns]
    moved = [_shaped(sql, type_, _moved) for sql, type_ in columns]
    # what is hashed again is hashed by itself first, so that DuckDB does it once for both hashes of the row
    values = [one if one == other else f"hash({one})" for one, other in zip(plain, moved, strict=True)]
    again = [other for one, other in zip(plain, moved, strict=True) if one != other]
    backward = ", ".join([str(_SALT), *reversed(values), *again])
    return f"hash(hash({', '.join(values)}))", f"hash(hash({backward}))"


def _plain(sql: str, _: str) -> str:
    return sql


def _moved(sql: str, type_: str) -> str:
    """Return a value of which DuckDB's hash loses something as another text; any other as it is."""
    return sql if _EXACT.fullmatch(type_) else f"concat('\x01', {sql})"


def _shaped(sql: str, type_: str, leaf: _Leaf) -> str:
    """Return the SQL of a nested value that holds its shape too; of any other value, what `leaf` makes of it."""
    if not type_.endswith(("]", ")")):
        return leaf(sql, type_)
    from duckdb import sqltype

    return _shape(sql, sqltype(type_), leaf, 0)


def _shape(sql: str, type_: Any, leaf: _Leaf, depth: int) -> str:
    match type_.id:
        case "struct":
            fields = [(name.replace("'", "''"), of) for name, of in type_.children]
            inner = [_shape(f"struct_extract({sql}, '{name}')", of, leaf, depth) for name, of in fields]
            values = "".join(f", f{at} := {value}" for at, value in enumerate(inner))
            return f"struct_pack(n := {sql} is not null{values})"
        case "list" | "array":
            element = dict(type_.children)["child"]
            value, name = f"{sql}::{element}[]", f"x{depth}"
            inside = _shape(name, element, leaf, depth + 1)
            elements = value if inside == name else f"list_transform({value}, lambda {name}: {inside})"
            return f"struct_pack(n := len({value}), e := {elements})"
        case "map":
            entries, name = f"list_sort(map_entries({sql}))", f"x{depth}"
            inner = [_shape(f"{name}.{part}", of, leaf, depth + 1) for part, of in type_.children]
            picked = f"lambda {name}: struct_pack(k := {inner[0]}, v := {inner[1]})"
            return f"struct_pack(n := len({entries}), e := list_transform({entries}, {picked}))"
    return leaf(sql, str(type_))


def fingerprint(engine: Engine, view: str, what: str) -> Fingerprint:
    """Return the fingerprint of a view that has the columns of `hashed`."""
    [(rows, first, second)] = engine.run(
        what, f"select count(*), coalesce(sum(h1), 0), coalesce(sum(h2), 0) from {quoted(view)}"
    )
    return Fingerprint(rows, int(first), int(second))
