"""Run the audits: SQL files of which every row is a violation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from stedi.contracts import FEEDS, TABLES
from stedi.counted import counted
from stedi.engine import Engine, quoted
from stedi.errors import StediError
from stedi.masking import mask
from stedi.relations import Relations
from stedi.side_by_side import side_by_side
from stedi.stages import AUDITS, FACTS, LEFT_OUT_OF, SqlFile

__all__ = ["audits_of", "ledger_of", "left_out_of", "prepare", "run_audits"]

SHOWN = 5
"""Keys shown of an audit's violations; the others are counted."""

_TYPES = "types_as_declared"

_DECLARED = "declared_columns"
_FOUND = "found_columns"
_LANDED = "landed"


def audits_of(changed: Collection[str]) -> list[str]:
    """Return the audits that read, directly or through facts, one of the changed tables."""
    concerned = {*changed, _FOUND}
    return [name for name, audit in AUDITS.items() if not concerned.isdisjoint(_reads(audit))]


def _reads(file: SqlFile) -> frozenset[str]:
    names = frozenset(file.inputs)
    return names.union(*(_reads(FACTS[name]) for name in names if name in FACTS))


def prepare(relations: Relations, landed: Mapping[str, int], names: Iterable[str]) -> None:
    """Stand what the audits check against: the columns declared and found, and the rows each feed is known to have."""
    names = list(names)
    relations.open(names)
    declared = {name: [(column.name, column.type) for column in TABLES[name].columns] for name in names}
    found = {name: relations.columns[name] for name in names}
    rows = [{"feed": TABLES[name].feed, "good": rows} for name, rows in landed.items()]
    for relation, values in ((_DECLARED, _columns(declared)), (_FOUND, _columns(found)), (_LANDED, rows)):
        relations.engine.run(
            relation,
            f"create table {quoted(relation)} as select unnest($values, recursive := true)",
            {"values": values},
        )


def _columns(tables: Mapping[str, Iterable[tuple[str, str]]]) -> list[dict[str, object]]:
    return [
        {"table_name": table, "column_name": name, "place": place, "type_name": type_name}
        for table, columns in tables.items()
        for place, (name, type_name) in enumerate(columns, 1)
    ]


def run_audits(relations: Relations, audits: Iterable[str]) -> dict[str, list[str]]:
    """Return the violations of each audit that found any, a line each with its keys masked; empty is good.

    Where the columns are not those declared, an audit that cannot be run for it is passed over.
    """
    names = sorted(audits)
    relations.open(name for audit in names for name in AUDITS[audit].inputs)
    first = [name for name in names if name == _TYPES]
    violations = {name: found for name in first if (found := _violations(relations.engine, name))}

    def run(engine: Engine, name: str) -> list[str]:
        try:
            return _violations(engine, name)
        except StediError:
            if violations:
                return []
            raise

    others = [name for name in names if name != _TYPES]
    found_by = side_by_side(relations.engine, [partial(run, name=name) for name in others])
    return violations | {name: found for name, found in zip(others, found_by, strict=True) if found}


def _violations(engine: Engine, name: str) -> list[str]:
    sql = AUDITS[name].sql
    shown = engine.run(f"audit {name}", f"select table_name, key from ({sql}) limit {SHOWN}")
    if not shown:
        return []
    counts = engine.run(
        f"audit {name}", f"select table_name, count(*) from ({sql}) group by table_name order by table_name"
    )
    found = [f"{table}: {counted(count, 'violation')}" for table, count in counts]
    return found + [f"{table}: {_key(name, key)}" for table, key in shown]


def ledger_of(relations: Relations) -> dict[str, tuple[int, int, str]]:
    """Return, by feed, the rows kept, the rows dropped, and why they were."""
    relations.open(["ledger"])
    rows = relations.engine.run("ledger", "select feed, kept, dropped, why from ledger")
    counted = {feed: (int(kept), int(dropped), why) for feed, kept, dropped, why in rows}
    # the rows of a union all come as its threads end
    return {name: counted[name] for name in (feed.feed for feed in FEEDS)}


def left_out_of(relations: Relations, name: str) -> dict[str, int]:
    """Return how much of what landed a table leaves out, by reason; empty where nothing counts it.

    Only while the table is being made: what it found and left out is kept nowhere.
    """
    fact = f"{LEFT_OUT_OF}{name}"
    if fact not in FACTS:
        return {}
    relations.open([fact])
    rows = relations.engine.run(fact, f"select why, number from {quoted(fact)} order by why")
    return {why: int(number) for why, number in rows}


def _key(audit: str, key: object) -> str:
    # these name columns and counts of the product, not values of a row
    return str(key) if audit in ("keys_present", _TYPES, "ledger_balances") else mask(key)
