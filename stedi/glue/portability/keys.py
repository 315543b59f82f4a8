"""What tells the rows of a relation apart: needed to say whether an order leaves ties.

A column is written `alias.column`, both in lower case. Nothing here is complete: a key that is not found is a key that
is not believed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product

__all__ = ["Facts", "Relation"]

Key = frozenset[str]


@dataclass(frozen=True)
class Relation:
    """A table, a CTE or a subquery: the type of each column, and its keys, each a set of columns no two rows share.

    An empty key says that there is one row.
    """

    columns: Mapping[str, str]
    keys: frozenset[Key] = frozenset()


@dataclass
class Facts:
    """What holds in every row of a join: columns that are equal, columns that are constant, keys of each source."""

    sources: dict[str, Relation] = field(default_factory=dict)
    equal: list[tuple[str, str]] = field(default_factory=list)
    constant: set[str] = field(default_factory=set)
    whole: bool = True
    """False where a join keeps rows without a partner, of which the rest is not true."""

    def determines(self, columns: Iterable[str]) -> bool:
        """Return whether no two rows of the join agree in these columns."""
        known = self._closure(columns)
        return self.whole and all(
            any({f"{alias}.{column}" for column in key} <= known for key in source.keys)
            for alias, source in self.sources.items()
        )

    def found(self) -> list[Key]:
        """Return keys of the join, without the columns that follow from others."""
        keys = []
        for chosen in product(*(source.keys for source in self.sources.values())):
            key = {
                f"{alias}.{column}" for alias, columns in zip(self.sources, chosen, strict=True) for column in columns
            }
            for column in sorted(key):
                if self.determines(key - {column}):
                    key -= {column}
            if self.determines(key):
                keys.append(frozenset(key))
        return keys

    def _closure(self, columns: Iterable[str]) -> set[str]:
        known = {*columns, *self.constant}
        while True:
            more = {right for pair in self.equal for left, right in (pair, pair[::-1]) if left in known}
            for alias, source in self.sources.items():
                if any({f"{alias}.{column}" for column in key} <= known for key in source.keys):
                    more |= {f"{alias}.{column}" for column in source.columns}
            if more <= known:
                return known
            known |= more
