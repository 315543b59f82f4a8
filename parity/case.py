"""A pair of tables under comparison: all that a cause can be found by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.context import Context, Known
from parity.difference import DIFFERING, SIDES, Difference
from parity.fingerprint import Fingerprint
from parity.pairing import Column, Pairing
from parity.sources import Source
from parity.tolerance import Tolerance
from parity.verdict import Rows, Side
from stedi.contracts import Table
from stedi.engine import Engine
from stedi.stages import STAGES

__all__ = ["Case"]


@dataclass
class Case:
    """Both sides as views, their fingerprints, the difference once it is found, and the tables around them.

    `keys`, `tolerance` and `changed` speak of columns by number. `paired` counts rows of both sides with one key.
    """

    engine: Engine
    name: str
    sources: tuple[Source, Source]
    pairing: Pairing
    prints: tuple[Fingerprint, Fingerprint]
    keys: tuple[int, ...]
    tolerance: Mapping[int, Tolerance]
    contract: Table | None
    context: Context
    labels: tuple[str, str]
    difference: Difference = field(default_factory=lambda: Difference(Rows(), 0, 1))
    paired: int = 0
    changed: Mapping[int, int] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are compared, by number."""
        return self.pairing.compared

    @property
    def rows(self) -> Rows:
        """How many rows differ."""
        return self.difference.rows

    @property
    def inputs(self) -> tuple[str, ...]:
        """The tables it is made from, by the stage of its name."""
        return STAGES[self.name].inputs if self.name in STAGES else ()

    @property
    def others(self) -> list[Known]:
        """The tables of the context but the one that is compared, its inputs first."""
        found = [known for known in self.context if known.name != self.name]
        return sorted(found, key=lambda known: known.name not in self.inputs)

    @property
    def multiplied(self) -> Side | None:
        """The side on which rows stand more often, where that is all that differs."""
        rows = self.rows
        if rows.left_only or rows.right_only or bool(rows.left_more) == bool(rows.right_more):
            return None
        return Side.LEFT if rows.left_more else Side.RIGHT

    def label(self, side: Side) -> str:
        """Return what a side is called in a sentence."""
        label = self.labels[0] if side is Side.LEFT else self.labels[1]
        return f"the {label}" if label == str(side) else label

    def only(self, side: Side) -> int:
        """Return how many rows stand on one side only."""
        return self.rows.left_only if side is Side.LEFT else self.rows.right_only

    def surplus(self, side: Side) -> int:
        """Return how many times more rows of both sides stand on this one."""
        return self.rows.left_surplus if side is Side.LEFT else self.rows.right_surplus

    def print(self, side: Side) -> Fingerprint:
        """Return the fingerprint of a side."""
        return self.prints[0] if side is Side.LEFT else self.prints[1]

    @staticmethod
    def view(side: Side) -> str:
        """Return the view of a side's rows."""
        return SIDES[0] if side is Side.LEFT else SIDES[1]

    @staticmethod
    def only_in(side: Side) -> str:
        """Return, as SQL for `from`, the distinct rows that stand on one side only."""
        times, other = ("nl", "nr") if side is Side.LEFT else ("nr", "nl")
        return f"(select *, {times} as n from {DIFFERING} where {other} = 0)"

    def at(self, name: str) -> str | None:
        """Return a compared column by its name, as SQL, or None."""
        for number, column in enumerate(self.columns):
            if column.name.lower() == name.lower():
                return f"c{number}"
        return None

    def name_of(self, at: str) -> str:
        """Return the name of a compared column that is given as SQL."""
        return self.columns[int(at[1:])].name

    def ask(self, sql: str) -> tuple[Any, ...]:
        """Return the one row of a query."""
        [row] = self.engine.run("the cause", sql)
        return row
