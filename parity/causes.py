"""Why two tables differ: each cause of the closed list is decided by evidence that is computed."""

from __future__ import annotations

from parity.case import Case
from parity.verdict import Cause, Explanation

__all__ = ["find_causes", "row_order"]


def find_causes(case: Case) -> tuple[Explanation, ...]:
    """Return every cause that the evidence fits, the most specific first."""
    return (Explanation(Cause.OTHER, "no cause of the list fits"),)


def row_order(case: Case) -> tuple[Explanation, ...]:
    """Return that the rows, which are the same, stand in another order; nothing where they do not."""
    return ()
