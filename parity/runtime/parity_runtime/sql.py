"""SQL that names a table which is no view: it is looked up in the run's catalog, as Glue's Spark does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from parity_runtime.catalog import Catalog, CatalogTable
from parity_runtime.notes import note
from parity_runtime.settings import current

__all__ = ["install"]

_TRIES = 20


def install() -> None:
    """Let `spark.sql` and `spark.table` find tables of the run's catalog."""
    _wrap("sql")
    _wrap("table")


def _wrap(name: str) -> None:
    plain: Callable[..., Any] = getattr(SparkSession, name)

    def found(session: SparkSession, *arguments: Any, **options: Any) -> Any:
        for _ in range(_TRIES):
            try:
                return plain(session, *arguments, **options)
            except AnalysisException as error:
                if not _register(session, error):
                    raise
        return plain(session, *arguments, **options)

    found.__name__, found.__doc__ = plain.__name__, plain.__doc__
    setattr(SparkSession, name, found)


def _register(session: SparkSession, error: AnalysisException) -> bool:
    """Make a view of the table that the error misses; False where that is not what it is about."""
    if current().unknown_sql_table != "catalog":
        return False
    catalog = Catalog.of_run()
    parameters = error.getMessageParameters() or {}
    match error.getErrorClass():
        case "TABLE_OR_VIEW_NOT_FOUND":
            name = parameters["relationName"].replace("`", "")
            table = catalog.find(name)
            return table is not None and _view(session, name, table)
        case "SCHEMA_NOT_FOUND":
            database = parameters["schemaName"].replace("`", "").rpartition(".")[2]
            if any(known in (database.lower(), "*") for known, _ in catalog.tables()):
                session._jsparkSession.sql(f"create database if not exists `{database}`")
                return True
    return False


def _view(session: SparkSession, name: str, table: CatalogTable) -> bool:
    from parity_runtime.reading import existing

    java = session._jsparkSession
    if not existing(session, [table.location]):
        return False
    files = f"{table.format}.`{table.location}`"
    columns: dict[str, str] = {}
    for column in session.read.format(table.format).load(table.location).columns:
        columns.setdefault(column.lower(), column)
    listed = ", ".join(f"`{column}` as `{lower}`" for lower, column in columns.items())
    database, _, own = name.rpartition(".")
    if database:
        java.sql(f"create database if not exists `{database}`")
        java.sql(f"create or replace view `{database}`.`{own}` as select {listed} from {files}")
    else:
        java.sql(f"create or replace temporary view `{own}` as select {listed} from {files}")
    note("ignored", f"SQL names {name}, which is no view: it is read from the catalog, {table.location}")
    return True
