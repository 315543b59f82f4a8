"""Why two tables differ: each cause of the closed list is decided by evidence that is computed.

All that fit are returned, the most specific first: what is wrong with the columns, then what names the very rows a side
holds, then what all rows that differ have in common, and last what is only a description of them.
"""

from __future__ import annotations

from collections.abc import Callable

from parity.case import Case
from parity.causes import columns, copies, filters, joins
from parity.verdict import Cause, Explanation

__all__ = ["find_causes", "row_order"]

row_order = copies.row_order

_DETECTORS: tuple[Callable[[Case], Explanation | None], ...] = (
    copies.empty,
    columns.case_of_names,
    columns.renamed_column,
    copies.wrong_source,
    columns.missing_column,
    columns.extra_column,
    columns.precision,
    columns.other_type,
    joins.outer_join,
    filters.consent_date_filter,
    joins.timestamp_join,
    filters.missing_consent_filter,
    copies.other_filter_table,
    copies.missing_dedupe_of_input,
    joins.fan_out,
    copies.extra_dedupe,
    copies.missing_dedupe,
    filters.truncated,
    filters.missing_filter,
    filters.extra_filter,
    columns.changed_values,
)

_GENERAL = {Cause.MISSING_FILTER, Cause.EXTRA_FILTER, Cause.CHANGED_VALUES}
"""Causes that only describe the rows that differ: of no use beside one that says why they do."""


def find_causes(case: Case) -> tuple[Explanation, ...]:
    """Return every cause that the evidence fits, the most specific first; a cause once, with its best evidence."""
    found: dict[Cause, Explanation] = {}
    for detect in _DETECTORS:
        explanation = detect(case)
        if explanation is not None:
            found.setdefault(explanation.cause, explanation)
            if explanation.cause is Cause.EMPTY:
                break
    if found.keys() - _GENERAL:
        found = {cause: explanation for cause, explanation in found.items() if cause not in _GENERAL}
    if not found:
        hint = "" if case.keys else "; keys would tell which columns have changed"
        return (Explanation(Cause.OTHER, f"the rows that differ have nothing in common that is looked for{hint}"),)
    return tuple(found.values())
