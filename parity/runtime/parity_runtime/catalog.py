"""The run's Data Catalog: which table lies where, in which format; a file that all jobs of a run share.

Names are lower-case. The database `*` stands for any: tables that a crawler made, whatever the scripts call theirs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["ANY", "CATALOG", "Catalog", "CatalogTable", "TableNotFoundError", "parts"]

ANY = "*"
CATALOG = "catalog.json"
_CATALOGS = ("spark_catalog", "awsdatacatalog")


def parts(name: str) -> tuple[str, str]:
    """Return the database, "" without one, and the table of a name as SQL writes it: the catalog before them is one."""
    *before, table = name.replace("`", "").split(".")
    if len(before) > 1 and before[0].lower() in _CATALOGS:
        del before[0]
    return ".".join(before), table


class TableNotFoundError(LookupError):
    """The catalog has no such table; the message names those it has."""


@dataclass(frozen=True)
class CatalogTable:
    """One table: an S3 path, `json`, `parquet` or `csv`, the names of its columns and of its partitions.

    `schema` is all columns with their types, in their order, as SQL lists them; "" where nobody has said.
    """

    location: str
    format: str
    columns: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    schema: str = ""


class Catalog:
    """The tables, in a file; read at every look, so that the harness may add to it between jobs."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def tables(self) -> dict[tuple[str, str], CatalogTable]:
        """Return all tables: (database, table) -> where it is."""
        if not self._file.exists():
            return {}
        found = {}
        for entry in json.loads(self._file.read_text(encoding="utf-8")):
            listed = {name: tuple(entry[name]) for name in ("columns", "partitions")}
            table = CatalogTable(entry["location"], entry["format"], **listed, schema=entry["schema"])
            found[entry["database"], entry["table"]] = table
        return found

    def get(self, database: str, table: str) -> CatalogTable:
        """Return a table, by database and name, else one of any database; TableNotFoundError where there is none."""
        tables = self.tables()
        for key in ((database.lower(), table.lower()), (ANY, table.lower())):
            if key in tables:
                return tables[key]
        known = ", ".join(f"{d}.{t}" for d, t in sorted(tables)) or "no table at all"
        raise TableNotFoundError(
            f"the catalog has no table {database}.{table}; it has {known}. Jobs that ran before it register theirs "
            "with getSink(enableUpdateCatalog=True) and setCatalogInfo, or saveAsTable; those of a crawler are given"
        )

    def find(self, name: str) -> CatalogTable | None:
        """Return the table that SQL names without a database, or as `database.table`; None where there is none."""
        database, table = parts(name.lower())
        tables = self.tables()
        if database:
            return tables.get((database, table)) or tables.get((ANY, table))
        named = [found for (_, known), found in tables.items() if known == table]
        return named[0] if named else None

    def put(self, database: str, table: str, entry: CatalogTable) -> None:
        """Add or replace a table."""
        self.put_all({(database, table): entry})

    def put_all(self, entries: Mapping[tuple[str, str], CatalogTable]) -> None:
        """Add or replace tables, in one step."""
        tables = self.tables()
        tables.update({(database.lower(), table.lower()): entry for (database, table), entry in entries.items()})
        rows = [{"database": d, "table": t, **asdict(entry)} for (d, t), entry in sorted(tables.items())]
        beside = self._file.with_suffix(".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
        beside.replace(self._file)

    @classmethod
    def of_run(cls) -> Catalog:
        """Return the catalog of the run that this process is a job of."""
        return cls(Path(os.environ["PARITY_ROOT"]) / CATALOG)

    def clear(self) -> None:
        """Forget all tables."""
        self._file.unlink(missing_ok=True)
