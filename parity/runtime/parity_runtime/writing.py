"""Records to files: appended, as Glue does; JSON without nulls, Parquet, CSV, ORC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from awsglue import gluetypes as glue
from pyspark.sql import Column, Observation
from pyspark.sql import functions as F

from parity_runtime.catalog import Catalog, CatalogTable
from parity_runtime.content import Content, case_sensitive, unquoted
from parity_runtime.notes import note
from parity_runtime.settings import current
from parity_runtime.types import spark_type
from parity_runtime.unsupported import unsupported

__all__ = ["register", "write"]

_FORMATS = {"json": "json", "parquet": "parquet", "glueparquet": "parquet", "csv": "csv", "orc": "orc"}
_CODECS = {"json": ("gzip", "bzip2", "snappy", "lz4", "none", "uncompressed"), "csv": ("gzip", "bzip2", "none")}


def write(
    content: Content,
    path: str,
    form: str,
    *,
    partitions: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    compression: str | None = None,
) -> None:
    """Append records to a path; UnsupportedGlueCallError for a format that has no writer here."""
    if form not in _FORMATS:
        unsupported(f'writing format="{form}"', "write json, parquet, glueparquet, orc or csv")
    kind = _FORMATS[form]
    session = content.df.sparkSession
    if not content.fields:
        note("written", f"{path}: nothing was written, the frame has no fields")
        return
    keys = {_partition(content, key): unquoted(key) for key in partitions}
    with case_sensitive(session):
        df = content.df
        observed = None
        if content.differs:
            observed = Observation()
            sums = [F.sum(F.col(column).cast("long")).alias(column) for column, _ in content.differs]
            df = df.observe(observed, F.count(F.lit(1)).alias("rows"), *sums)
        df = df.select(*(_column(field, kind).alias(keys.get(field.name, field.name)) for field in content.fields))
        if current().empty_write == "nothing" and df.isEmpty():
            note("written", f"{path}: nothing was written, the frame has no records")
            return
        writer = df.write.mode("append")
        if keys:
            writer = writer.partitionBy(*keys.values())
        for name, value in _options(kind, options or {}, compression).items():
            writer = writer.option(name, value)
        writer.format(kind).save(path)
    if observed is not None:
        _say_differences(content, observed)
    note("written", f"{path}: {kind}")


def _partition(content: Content, key: str) -> str:
    """Return the field that a key names, in any case, as Spark's partitionBy finds it; the folders have the key's."""
    names = [field.name for field in content.fields]
    alike = [name for name in names if name.lower() == unquoted(key).lower()]
    if len(alike) > 1 and unquoted(key) in alike:
        return unquoted(key)
    if len(alike) != 1:
        has = f"{' and '.join(alike)} are both" if alike else f"it has {', '.join(names)}, none is"
        raise ValueError(f"partitionKeys: {has} {key}; name one field of the frame")
    return alike[0]


def _column(field: Any, kind: str) -> Column:
    """Return a field as it is written: in JSON a value of several types stands for itself."""
    column = F.col(field.column)
    if not isinstance(field.type, glue.ChoiceType) or kind not in ("json", "csv"):
        return column
    kinds = set(field.type.choices)
    if kinds <= {"int", "long", "double", "short", "byte", "float"}:
        wide = "double" if kinds & {"double", "float"} else "bigint"
    else:
        wide = "string"
        note("type", f"field {field.name} holds {', '.join(sorted(kinds))}: it is written as text")
    parts = [
        F.to_json(column[name]) if name in ("struct", "array") and wide == "string" else column[name].cast(wide)
        for name in sorted(kinds)
    ]
    return F.coalesce(*parts)


def _options(kind: str, given: Mapping[str, Any], compression: str | None) -> dict[str, Any]:
    codec = given.get("compression", compression)
    options: dict[str, Any] = {}
    if kind == "csv":
        options["sep"] = given.get("separator", ",")
        options["header"] = str(given.get("writeHeader", True)).lower()
        if given.get("quoteChar", '"') != -1:
            options["quote"] = given.get("quoteChar", '"')
    if codec:
        if kind in _CODECS and current().json_compression == "ignored":
            note("ignored", f"compression={codec!r}: the files of a run are plain text, their rows are the same")
        elif kind in _CODECS and codec not in _CODECS[kind]:
            raise ValueError(f"compression={codec!r}: {kind} has {', '.join(_CODECS[kind])}")
        else:
            options["compression"] = codec
    return options


def _say_differences(content: Content, observed: Observation) -> None:
    counted = observed.get
    for column, name in content.differs:
        different = counted.get(column) or 0
        how = f"differed in {different} of {counted['rows']} rows" if different else "had the same values"
        note("duplicate column", f"the {name} that was dropped {how}")


def register(database: str, table: str, content: Content, path: str, form: str, partitions: Sequence[str]) -> None:
    """Put a written table into the run's catalog, with lower-case names, for the jobs that come."""
    keys = tuple(unquoted(key).lower() for key in partitions)
    names = tuple(field.name.lower() for field in content.fields if field.name.lower() not in keys)
    fields = sorted(content.fields, key=lambda field: field.name.lower() in keys)
    schema = ", ".join(f"`{field.name}` {spark_type(field.type).simpleString()}" for field in fields)
    entry = CatalogTable(path, _FORMATS[form], names, keys, schema)
    Catalog.of_run().put(database, table, entry)
