"""What columns of this lakehouse mean to a cause: whose a row is, when it was read, who agreed.

The only place of the comparison that knows names of columns; all of them are of the contracts.
"""

from __future__ import annotations

from collections.abc import Iterator

from parity.case import Case
from parity.context import Known
from stedi.contracts import TABLES

__all__ = ["CONSENT", "OWNERS", "agreeing", "everybody", "instants", "join_columns", "owners"]

CONSENT = "shareWithResearchAsOfDate"
"""The date at which a customer agreed to research."""

OWNERS = {"user": "email", "email": "email", "serialNumber": "serialNumber"}
"""Columns that say whose a row is, and those of a customer they stand for."""

_INSTANTS = ("timestamp", "sensorReadingTime")


def owners(case: Case) -> dict[str, str]:
    """Return the compared columns that say whose a row is, as SQL, and the customer's column for each."""
    return {at: customer for name, customer in OWNERS.items() if (at := case.at(name))}


def instants(case: Case) -> list[str]:
    """Return the compared columns that say when a reading was made, as SQL."""
    return [at for name in _INSTANTS if (at := case.at(name))]


def agreeing(case: Case) -> Known | None:
    """Return the customers who agreed: the table of the context that comes right after their landing."""
    return _customers(case, "trusted")


def everybody(case: Case) -> Known | None:
    """Return all customers, as they landed."""
    return _customers(case, "landing")


def _customers(case: Case, zone: str) -> Known | None:
    for name, table in TABLES.items():
        if table.zone == zone and any(column.name == CONSENT for column in table.columns):
            found = case.context.get(name)
            if found is not None and found.column(CONSENT):
                return found
    return None


def join_columns(case: Case, other: Known) -> Iterator[tuple[str, str, str]]:
    """Yield what a join with another table can be on: a compared column as SQL, the other's, and both in words."""
    alike = ({"user", "email"}, {name.lower() for name in _INSTANTS})
    for number, column in enumerate(case.columns):
        own = column.name.lower()
        names = {own}.union(*(group for group in alike if own in group))
        for name in sorted(names, key=lambda name: name != own):
            theirs = other.column(name)
            if theirs and (other.types[name] == "VARCHAR") == (column.type == "VARCHAR") and column.type != "DOUBLE":
                yield f"c{number}", theirs, f"{column.name} = {other.name}.{theirs.strip(chr(34))}"
