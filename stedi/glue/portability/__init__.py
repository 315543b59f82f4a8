"""The portability lint: SQL of a zone that Spark would read differently than DuckDB, or not at all, is refused.

It allows what is proven to mean the same, construct by construct and with the types it is used on, and refuses
everything else. docs/glue.md lists what is allowed, tests/glue/test_portability.py what is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from stedi.contracts import TABLES, Table
from stedi.errors import Refused
from stedi.glue.portability.lint import Lint
from stedi.glue.portability.queries import result
from stedi.glue.portability.rules import RULES
from stedi.stages import SqlFile

__all__ = ["NotPortable", "check", "problems"]


class NotPortable(Refused):
    """SQL that Spark would read differently: exit 1. `problems` are `file:line: reason`."""


def check(stage: SqlFile) -> exp.Query:
    """Return the query of a stage, parsed; NotPortable where Spark would read something of it differently."""
    query, found = _read(stage.sql, TABLES[stage.name])
    if found or query is None:
        file = f"stedi/{stage.path.parent.parent.name}/{stage.path.parent.name}/{stage.path.name}"
        raise NotPortable(
            f"{stage.name}: Spark would not read its SQL as DuckDB does",
            problems=[f"{file}:{line}: {reason}" for line, reason in found],
            fix="write it with what both read the same way; docs/glue.md lists that",
        )
    return query


def problems(sql: str, table: Table) -> list[tuple[int, str]]:
    """Return the line and the reason of everything that is refused in the SQL of a table."""
    return _read(sql, table)[1]


def _read(sql: str, table: Table) -> tuple[exp.Query | None, list[tuple[int, str]]]:
    try:
        statements = sqlglot.parse(sql, dialect="duckdb")
    except SqlglotError as error:
        known = getattr(error, "errors", None) or [{}]
        return None, [(known[0].get("line") or 1, f"cannot be parsed: {known[0].get('description', 'what is this?')}")]
    query = statements[0]
    if len(statements) != 1 or not isinstance(query, exp.Query):
        return None, [(1, "is not one query")]
    lint = Lint(RULES)
    result(lint, query, table)
    return query, sorted({*lint.problems, *_of_the_text(sql)})


def _of_the_text(sql: str) -> Iterator[tuple[int, str]]:
    """Yield what Spark sees in a text before it parses it: none of this is in the tree."""
    for number, line in enumerate(sql.split("\n"), 1):
        if line.endswith("\\"):
            yield number, "ends with a backslash: Spark takes the next line for a part of the comment"
        if "${" in line:
            yield number, "${...}: Spark puts the value of a setting or variable there"
