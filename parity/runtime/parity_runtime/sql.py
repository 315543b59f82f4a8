"""Tables by name in Spark: they are looked up in the run's catalog, and put into it, as Glue's Spark does.

A table that is read becomes a view with lower-case names; one that is written to becomes a table of Spark's own, which
lies where the catalog has it, else in the bucket of the warehouse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrameReader, DataFrameWriter, SparkSession
from pyspark.sql.catalog import Catalog as SparkCatalog

from parity_runtime.buckets import s3_of
from parity_runtime.catalog import Catalog, CatalogTable, parts
from parity_runtime.notes import note
from parity_runtime.settings import current
from parity_runtime.unsupported import unsupported

__all__ = ["install"]

_TRIES = 20
_MAKES = re.compile(r"\b(?:create|insert|replace|alter|load|truncate|msck)\b", re.IGNORECASE)
_INSERTS = re.compile(r"\binsert\s+(?:into|overwrite)\s+(?:table\s+)?(`?\w[\w`.]*)", re.IGNORECASE)
_NO_ORDER = (
    "its values are taken in the order of its columns, which nothing here says: create the table in a job, or with"
    " CREATE EXTERNAL TABLE in a .sql file beside the jobs"
)
_ATHENA = re.compile(r"(?<![\w`.])`?awsdatacatalog`?\s*\.\s*(?=[\w`])", re.IGNORECASE)


def install() -> None:
    """Let Spark find the tables of the run's catalog, and register those that it makes."""
    for owner, name, argument in (
        (SparkSession, "sql", "sqlQuery"),
        (SparkSession, "table", "tableName"),
        (DataFrameReader, "table", "tableName"),
        (DataFrameWriter, "saveAsTable", "name"),
        (DataFrameWriter, "insertInto", "tableName"),
    ):
        _wrap(owner, name, argument)
    there = SparkCatalog.tableExists

    def found(catalog: SparkCatalog, tableName: str, dbName: str | None = None) -> bool:
        from parity_runtime.reading import holds_files

        if there(catalog, tableName, dbName):
            return True
        table = Catalog.of_run().find(f"{dbName}.{tableName}" if dbName else tableName)
        return table is not None and holds_files(catalog._sparkSession, table.location)

    found.__doc__ = there.__doc__
    setattr(SparkCatalog, there.__name__, found)


def _wrap(owner: type, name: str, argument: str) -> None:
    plain: Callable[..., Any] = getattr(owner, name)

    def found(asked: Any, *arguments: Any, **options: Any) -> Any:
        session: SparkSession = asked if isinstance(asked, SparkSession) else asked._spark
        text, *others = arguments or (options.pop(argument, ""),)
        text = _without_athena(text) if isinstance(text, str) else text
        if name == "saveAsTable":
            if place := _table(session, text, by_name=True):
                asked.option("path", place)
        else:
            for target in [text] if name == "insertInto" else _INSERTS.findall(text) if name == "sql" else []:
                _table(session, target)
        made = _tried(session, lambda: plain(asked, text, *others, **options))
        if owner is DataFrameWriter or (name == "sql" and _MAKES.search(text)):
            _publish(session)
        return made

    found.__name__, found.__doc__ = plain.__name__, plain.__doc__
    setattr(owner, name, found)


def _without_athena(text: str) -> str:
    """Return a text without the name that Athena has for the catalog: Spark's is spark_catalog, and goes without."""
    plain = _ATHENA.sub("", text)
    if plain != text:
        note("ignored", "awsdatacatalog is Athena's name for the catalog; its tables are those of Spark's")
    return plain


def _tried(session: SparkSession, call: Callable[[], Any]) -> Any:
    for _ in range(_TRIES):
        try:
            return call()
        except AnalysisException as error:
            if not _register(session, error):
                raise
    return call()


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
    database, own = parts(name)
    if database:
        java.sql(f"create database if not exists `{database}`")
        java.sql(f"create or replace view `{database}`.`{own}` as select {listed} from {files}")
    else:
        java.sql(f"create or replace temporary view `{own}` as select {listed} from {files}")
    note("ignored", f"SQL names {name}, which is no view: it is read from the catalog, {table.location}")
    return True


def _table(session: SparkSession, name: str, *, by_name: bool = False) -> str:
    """Make a table of Spark's own of what the run's catalog has under a name: it is written to.

    One that columns are written to by name is left for Spark to make where it has no files; returned is where it is to
    lie, where that is not its place in the warehouse.
    """
    from parity_runtime.reading import holds_files

    java = session._jsparkSession
    catalog = java.sharedState().externalCatalog()
    known = Catalog.of_run().find(name)
    database, own = parts(name)
    database = database or java.catalog().currentDatabase()
    if known is None or (_exists(catalog, database, own) and not _is_view(catalog, database, own)):
        return ""
    java.sql(f"create database if not exists `{database}`")
    there = holds_files(session, known.location)
    if by_name and not there:
        warehouse = s3_of(catalog.getDatabase(database).locationUri().toString())
        return "" if known.location.rstrip("/") == f"{warehouse}/{own}" else known.location
    if not by_name and not known.schema and (not there or known.format == "json"):
        unsupported(f"inserting into {name}", _NO_ORDER)
    if _exists(catalog, database, own):
        java.sql(f"drop view `{database}`.`{own}`")
    columns = f" ({known.schema})" if known.schema else ""
    keys = (
        f" partitioned by ({', '.join(f'`{key}`' for key in known.partitions)})" if columns and known.partitions else ""
    )
    options = f"options (path '{known.location}')"
    java.sql(f"create table `{database}`.`{own}`{columns} using {known.format} {options}{keys}")
    if not catalog.getTable(database, own).partitionColumnNames().isEmpty():
        java.sql(f"msck repair table `{database}`.`{own}`")
    return ""


def _exists(catalog: Any, database: str, table: str) -> bool:
    return bool(catalog.databaseExists(database) and catalog.tableExists(database, table))


def _is_view(catalog: Any, database: str, table: str) -> bool:
    return str(catalog.getTable(database, table).tableType().name()) == "VIEW"


def _publish(session: SparkSession) -> None:
    """Put the tables that Spark has made into the run's catalog, where the next jobs look for them."""
    catalog = session._jsparkSession.sharedState().externalCatalog()
    entries = {}
    for database in _all(catalog.listDatabases()):
        for table in _all(catalog.listTables(database)):
            if not _is_view(catalog, database, table):
                made = catalog.getTable(database, table)
                place = s3_of(made.location().toString())
                if place:
                    keys = tuple(name.lower() for name in _all(made.partitionColumnNames()))
                    names = tuple(name.lower() for name in made.schema().fieldNames() if name.lower() not in keys)
                    form = made.provider().get().lower() if made.provider().isDefined() else "parquet"
                    entries[database, table] = CatalogTable(place, form, names, keys, made.schema().toDDL())
    if entries:
        Catalog.of_run().put_all(entries)


def _all(sequence: Any) -> Iterator[str]:
    return (sequence.apply(i) for i in range(sequence.size()))
