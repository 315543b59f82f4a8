"""What a lake knows of one customer: the spellings of the email, the devices that are theirs, what bad lines may hold.

Whose a device is, is a question of evidence, and a wrong answer would erase the readings of somebody else. Two kinds
of evidence count:

- Attribution: the rule of device_owners, asked here of all phones that landed, not only of those that consent. So a
  device of somebody who did not consent is found too, and is not taken for another's.
- A claim: the customer's record names the serial number, no other customer's does, and attribution does not give the
  device to another. That counts only where customers' serial numbers are to be trusted at all, which they are not where
  the fulfilment site gave the same ones to many: where more than 1 in 10 customers share one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stedi.contracts import FEEDS, TABLES
from stedi.engine import Engine, quoted
from stedi.mentions import Mentions
from stedi.relations import Relations
from stedi.stages import RUN_PARAMETERS, STAGES
from stedi.tombstones import NOBODY, normal

__all__ = ["MOST_SHARED", "Person", "find_person", "stands_in"]

MOST_SHARED = 0.1
"""Share of customers with a serial number that another has too, above which no claim counts."""

_SHORTEST = 5
"""Characters of a name or phone number that says who it is."""

_WHO = "accelerometer_trusted"
"""What the rule of device_owners calls the phones it looks at."""


@dataclass(frozen=True, slots=True)
class Person:
    """What landed of one customer.

    `spellings` are their email as it landed, `records` good customer lines. `attributed` and `claimed` are serial
    numbers of their devices, by evidence; `unproven` counts those their records name that may be somebody else's.
    `values` are the name and phone number, where no other customer has them.
    """

    spellings: frozenset[str] = frozenset()
    records: int = 0
    attributed: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()
    unproven: int = 0
    values: frozenset[str] = frozenset()

    @property
    def devices(self) -> frozenset[str]:
        """Serial numbers of the devices that are theirs."""
        return self.attributed | self.claimed


def find_person(relations: Relations, email: str) -> Person:
    """Return what the landing rows say of the customer with this email, however it is spelled."""
    relations.open([*(feed.name for feed in FEEDS), RUN_PARAMETERS])
    engine = relations.engine
    wanted = normal(email)
    spellings = frozenset(
        found
        for column, table in (("email", "customer_landing"), ('"user"', "accelerometer_landing"))
        for (found,) in engine.run("customers", f"select distinct {column} from {table}")
        if normal(found) == wanted
    )
    if not spellings:
        return Person()

    def ask(sql: str) -> list[tuple[object, ...]]:
        return engine.run("a customer", sql, {"emails": list(spellings)})

    attributed, others = _attributed(engine, ask, spellings)
    [(records,)] = ask(f"select count(*) from customer_landing where email in {_THEIRS}")
    named = {
        str(serial) for (serial,) in ask(f"select distinct serialNumber from customer_landing where email in {_THEIRS}")
    }
    alone = {str(serial) for (serial,) in ask(_CLAIMED_ALONE)} if named else set()
    claimed = frozenset(alone - others - attributed)
    recorded = {str(serial) for (serial,) in ask(_RECORDED)} if named else set()
    return Person(
        spellings,
        int(str(records)),
        attributed,
        claimed,
        len((named & recorded) - attributed - claimed),
        _values(ask),
    )


_THEIRS = "(select unnest($emails))"

_CLAIMED_ALONE = f"""
with claims as (
    select distinct serialNumber, if(email in {_THEIRS}, null, email) as email from customer_landing
),

claimants as (
    select serialNumber, count(*) as customers, bool_or(email is null) as theirs from claims group by serialNumber
),

trust as (
    select sum(customers) filter (customers > 1) / sum(customers) as shared from claimants
)

select c.serialNumber
from claimants as c
cross join trust as t
where c.theirs and c.customers = 1 and coalesce(t.shared, 0) <= {MOST_SHARED}
"""

_RECORDED = f"""
select distinct serialNumber
from step_trainer_landing
where serialNumber in (select serialNumber from customer_landing where email in {_THEIRS})
"""

Ask = Callable[[str], list[tuple[object, ...]]]


def _attributed(engine: Engine, ask: Ask, spellings: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the devices that the rule of device_owners gives to this customer, and those it gives to others."""
    one = min(spellings)
    columns = ", ".join(f'a."{column.name}"' for column in TABLES[_WHO].columns if column.name != "user")
    # the spellings of one customer would take votes from each other
    engine.run(_WHO, "create table spellings as select unnest($emails) as email", {"emails": list(spellings)})
    engine.run(
        _WHO,
        f'create view {_WHO} as select coalesce(s.one, a."user") as "user", {columns} from accelerometer_landing as a'
        ' left join (select email, min(email) over () as one from spellings) as s on a."user" = s.email',
    )
    found = engine.run("device_owners", f"select serialNumber, owner from ({STAGES['device_owners'].sql})")
    theirs = frozenset(serial for serial, owner in found if owner == one)
    return theirs, frozenset(serial for serial, owner in found if owner != one)


def _values(ask: Ask) -> frozenset[str]:
    """Return their names and phone numbers that nobody else has."""
    found = ask(f"select customerName, phone from customer_landing where email in {_THEIRS}")
    values = {normal(str(value)) for row in found for value in row if value is not None}
    others = ask(
        f"select distinct customerName, phone from customer_landing where email not in {_THEIRS} and (customerName in"
        f" (select customerName from customer_landing where email in {_THEIRS}) or phone in (select phone from"
        f" customer_landing where email in {_THEIRS}))"
    )
    shared = {normal(str(value)) for row in others for value in row if value is not None}
    return frozenset(value for value in values - shared if len(value) >= _SHORTEST)


def stands_in(
    engine: Engine, tables: Mapping[str, Sequence[Path]], quarantine: Mapping[str, Sequence[Path]], email: str
) -> bool:
    """Return whether the customer with this email stands in Parquet files of tables, or in quarantined lines."""
    wanted = normal(email)
    for name, files in tables.items():
        emails = [c.name for c in TABLES[name].columns if c.name in _EMAILS]
        if emails and files:
            engine.view_parquet(f"published {name}", files)
        for column in emails if files else ():
            found = engine.run(name, f"select distinct {quoted(column)} from {quoted(f'published {name}')}")
            if any(isinstance(value, str) and normal(value) == wanted for (value,) in found):
                return True
    for name, files in quarantine.items():
        if files:
            engine.view_parquet(f"quarantine of {name}", files)
            mentions = Mentions(TABLES[name], NOBODY, email)
            if any(
                mentions.in_bad(raw)
                for (raw,) in engine.run(name, f"select raw from {quoted(f'quarantine of {name}')}")
            ):
                return True
    return False


_EMAILS = ("email", "user", "owner")
"""The columns that hold an email."""
