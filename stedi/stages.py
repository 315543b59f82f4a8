"""The SQL files: a stage for every table that is made, an audit for every promise that is kept, facts for the audits.

A zone's SQL knows nothing of files: it names its inputs as plain tables. What it reads is read from the SQL
itself, so a dependency is never declared a second time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi.contracts import TABLES
from stedi.errors import UsageError

if TYPE_CHECKING:
    import duckdb

__all__ = ["AUDITS", "FACTS", "STAGES", "SqlFile", "inputs_of", "tables_in"]

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class SqlFile:
    """One SQL file of the product: its name is the table it makes or the audit it is."""

    name: str
    path: Path

    @cached_property
    def sql(self) -> str:
        """The text of the file, one statement."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @cached_property
    def title(self) -> str:
        """The first header line without the name: what the table or audit is, in one sentence."""
        return self.sql.splitlines()[0].removeprefix("--").partition(":")[2].strip().rstrip(".")


def inputs_of(sql: str) -> frozenset[str]:
    """Return the tables a query reads. Loads DuckDB."""
    import duckdb

    with duckdb.connect() as connection:
        return tables_in(connection, sql)


def tables_in(connection: duckdb.DuckDBPyConnection, sql: str) -> frozenset[str]:
    """Return the tables a query reads, not counting its own CTEs; UsageError where it cannot be parsed."""
    [(text,)] = connection.execute("select json_serialize_sql($sql)", {"sql": sql}).fetchall()
    tree = json.loads(text)
    if tree.get("error"):
        raise UsageError(f"not a query: {tree['error_message']}", fix="write one SELECT statement")
    nodes = list(_nodes(tree))
    read = {node["table_name"] for node in nodes if node.get("type") == "BASE_TABLE"}
    own = {entry["key"] for node in nodes for entry in node.get("cte_map", {}).get("map", [])}
    return frozenset(read - own)


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for branch in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(branch)


def _load(folder: Path) -> Mapping[str, SqlFile]:
    return {path.stem: SqlFile(path.stem, path) for path in sorted(folder.glob("*.sql"))}


STAGES: Mapping[str, SqlFile] = {
    name: SqlFile(name, _HERE / "zones" / contract.zone / f"{name}.sql")
    for name, contract in TABLES.items()
    if contract.zone != "landing"
}
AUDITS: Mapping[str, SqlFile] = _load(_HERE / "audits")
FACTS: Mapping[str, SqlFile] = _load(_HERE / "audits" / "facts")
