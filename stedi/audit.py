"""Run the audits: SQL files of which every row is a violation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from stedi.contracts import TABLES
from stedi.engine import quoted
from stedi.masking import mask
from stedi.relations import Relations
from stedi.stages import AUDITS, FACTS

__all__ = ["audits_of", "ledger_of", "run_audits"]

SHOWN = 5
"""Keys shown of an audit's violations; the others are counted."""

_DECLARED = "declared_columns"
_LANDED = "landed"


def audits_of(relations: Relations, changed: Collection[str]) -> list[str]:
    """Return the audits that read, directly or through facts, one of the changed tables."""
    get = relations.engine.tables_in

    def reads(sql: str) -> frozenset[str]:
        names = get(sql)
        return names.union(*(reads(FACTS[name].sql) for name in names if name in FACTS))

    # the type check reads the engine's catalogue, so no table stands in its SQL
    return [name for name, audit in AUDITS.items() if not (found := reads(audit.sql)) or found & {*changed, _DECLARED}]


def prepare(relations: Relations, landed: Mapping[str, int], names: Iterable[str]) -> None:
    """Stand what the audits check against: the declared columns, and the rows each feed is known to have."""
    engine = relations.engine
    declared = [
        {"table_name": name, "column_name": column.name, "place": place, "type_name": column.type}
        for name in names
        for place, column in enumerate(TABLES[name].columns, 1)
    ]
    for relation, rows in (
        (_DECLARED, declared),
        (_LANDED, [{"feed": TABLES[name].feed, "good": rows} for name, rows in landed.items()]),
    ):
        engine.run(
            relation,
            f"create table {quoted(relation)} as select unnest($rows, recursive := true)",
            {"rows": rows},
        )


def run_audits(relations: Relations, audits: Iterable[str]) -> dict[str, list[str]]:
    """Return the violations of each audit that found any, a line each with its keys masked; empty is good."""
    violations: dict[str, list[str]] = {}
    for name in audits:
        sql = AUDITS[name].sql
        relations.need(sql)
        shown = relations.engine.run(f"audit {name}", f"select table_name, key from ({sql}) limit {SHOWN}")
        if shown:
            counts = relations.engine.run(
                f"audit {name}", f"select table_name, count(*) from ({sql}) group by table_name order by table_name"
            )
            violations[name] = [f"{table}: {count:,} violations" for table, count in counts]
            violations[name] += [f"{table}: {_key(name, key)}" for table, key in shown]
    return violations


def ledger_of(relations: Relations) -> dict[str, tuple[int, int, str]]:
    """Return, by feed, the rows kept, the rows dropped, and why they were."""
    relations.open(["ledger"])
    rows = relations.engine.run("ledger", "select feed, kept, dropped, why from ledger")
    return {feed: (int(kept), int(dropped), why) for feed, kept, dropped, why in rows}


def _key(audit: str, key: object) -> str:
    # these name columns and counts of the product, not values of a row
    return str(key) if audit in ("keys_present", "types_as_declared", "ledger_balances") else mask(key)
