"""SQL texts of somebody's scripts and DDL files: which tables they name, and where those lie."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Declared", "declared", "plain_name", "tables_of", "used_database"]

_NAMED = re.compile(r"\b(?:from|join)\s+([`\w]+(?:\.[`\w]+){0,2})", re.IGNORECASE)
_CREATE = re.compile(
    r"create\s+(?:external\s+)?table\s+(?:if\s+not\s+exists\s+)?([`\"\w]+(?:\.[`\"\w-]+){0,2})(.*?)"
    r"(?=create\s+(?:external\s+)?table|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_CATALOG = re.compile(r"^(?:spark_catalog|awsdatacatalog)\.(?=.*\.)")
_USE = re.compile(r"\s*use\s+(?:database\s+|schema\s+)?(?:`?spark_catalog`?\.)?`?(\w+)`?\s*;?\s*", re.IGNORECASE)
_LOCATION = re.compile(r"location\s+'([^']+)'", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Declared:
    """A table as a DDL file declares it: "database.table" in lower case, location, format, columns in lower case."""

    table: str
    location: str
    format: str
    columns: tuple[tuple[str, str], ...]
    line: int


def plain_name(name: str) -> str:
    """Return the name of a table in lower case, without back quotes and without the catalog before its database."""
    return _CATALOG.sub("", name.replace("`", "").lower())


def used_database(query: str) -> str:
    """Return the database that a `use` says, "" where a query is none."""
    found = _USE.fullmatch(query)
    return found[1].lower() if found else ""


def tables_of(query: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the tables a query reads and those it writes, in lower case, without its own CTEs.

    Where sqlglot cannot read it (Spark will say why when it runs), names after `from` and `join`.
    """
    read: dict[str, None] = {}
    written: dict[str, None] = {}
    statements = _parsed(query, "spark")
    if statements is None:
        return tuple(dict.fromkeys(map(plain_name, _NAMED.findall(query)))), ()
    from sqlglot import exp

    for statement in statements:
        if isinstance(statement, exp.Use | exp.Drop) or _kind(statement) in ("DATABASE", "SCHEMA"):
            continue
        if statement.find(exp.LocationProperty) and not statement.expression:
            continue  # it says where a table lies, and puts no rows there
        target = statement.this if isinstance(statement, exp.Insert | exp.Create) else None
        target = target.find(exp.Table) if target is not None else None
        own = {cte.alias_or_name.lower() for cte in statement.find_all(exp.CTE)}
        for found in statement.find_all(exp.Table):
            name = plain_name(".".join(part.name for part in found.parts))
            if found is target and not isinstance(statement, exp.Select):
                if _kind(statement) != "VIEW":
                    written[name] = None
                else:
                    own.add(name)
            elif name and name not in own:
                read[name] = None
    return tuple(read), tuple(written)


def _kind(statement: Any) -> str:
    """Return what a statement makes, as TABLE."""
    return str(statement.args.get("kind", "")).upper()


def declared(text: str) -> list[Declared]:
    """Return the tables a text declares, as a DDL file does; those without a place may be made by a query."""
    found = []
    for match in _CREATE.finditer(text):
        name, rest = match.groups()
        location = _LOCATION.search(rest)
        form = "parquet" if "parquet" in rest.lower() else "json"
        line = text.count("\n", 0, match.start()) + 1
        table = plain_name(name.replace('"', ""))
        found.append(Declared(table, location.group(1) if location else "", form, _columns(match.group()), line))
    return found


def _columns(statement: str) -> tuple[tuple[str, str], ...]:
    """Return the columns of one CREATE EXTERNAL TABLE, none where it cannot be read."""
    statements = _parsed(statement.strip().rstrip(";"), "athena")
    if not statements:
        return ()
    from sqlglot import exp

    return tuple(
        (column.name.lower(), column.kind.sql("hive").lower() if column.kind else "")
        for column in statements[0].find_all(exp.ColumnDef)
        if column.find_ancestor(exp.DataType) is None
    )


def _parsed(text: str, dialect: str) -> list[Any] | None:
    import sqlglot
    from sqlglot.errors import SqlglotError

    # it warns of what it takes for a command
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        return [statement for statement in sqlglot.parse(text, read=dialect) if statement is not None]
    except (SqlglotError, RecursionError):
        return None
