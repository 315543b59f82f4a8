"""What a DynamicFrame holds: a DataFrame whose columns have names of our own, and fields that point at them.

Names of fields may differ by case only, hold dots, or repeat what the other side of a join has: Spark's columns may
not. So a column is called `c17`, counted over the whole process, and a field says which column it is. A field read
from JSON also knows whether its key was there: the keys of the record are one more column, which Spark leaves out
of every plan that does not ask for it.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from awsglue import gluetypes as glue
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from parity_runtime.notes import note
from parity_runtime.settings import current
from parity_runtime.types import glue_type

__all__ = ["Content", "FieldOf", "Keys", "case_sensitive", "lenient", "new_name"]

_numbers = itertools.count()


def new_name() -> str:
    """Return a column name that no other column of the process has."""
    return f"c{next(_numbers)}"


def case_sensitive(session: SparkSession) -> contextlib.AbstractContextManager[None]:
    """Let Spark tell names by case meanwhile: fields of a DynamicFrame do."""
    return _meanwhile(session, "spark.sql.caseSensitive", "true")


def lenient(session: SparkSession) -> contextlib.AbstractContextManager[None]:
    """Let casts that are made meanwhile do on Spark 4 what they do on Spark 3: null where they cannot read a value.

    Transforms are Glue's own, and no SQL: that Glue 6.0 has the ANSI mode on is no matter to them.
    """
    return _meanwhile(session, "spark.sql.ansi.enabled", "false")


@contextlib.contextmanager
def _meanwhile(session: SparkSession, key: str, value: str) -> Iterator[None]:
    before = session.conf.get(key)
    session.conf.set(key, value)
    try:
        yield
    finally:
        session.conf.set(key, before or "false")


@dataclass(frozen=True)
class Keys:
    """Where to see whether a field is there: `column` holds the keys of its record, `key` is its own.

    Without a column a null is taken for an absent field.
    """

    column: str | None
    key: str


@dataclass(frozen=True)
class FieldOf:
    """A field: its name, the column that holds it, its type, how to see that it is absent (None: it never is)."""

    name: str
    column: str
    type: glue.DataType
    keys: Keys | None = None


@dataclass(frozen=True)
class Content:
    """A DataFrame, the fields in it, and how it says which of its records became errors.

    `differs` maps a column that says, row by row, whether a dropped duplicate differed, to the dropped one's name.
    """

    df: DataFrame
    fields: tuple[FieldOf, ...]
    errors: tuple[DataFrame, ...] = ()
    differs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, df: DataFrame, *, null_is_absent: bool = False) -> Content:
        """Take in a DataFrame; of columns with one name one stays, and a note says so."""
        names = list(df.columns)
        columns = [new_name() for _ in names]
        inner = df.toDF(*columns)
        last = current().duplicate_column == "last"
        fields: dict[str, FieldOf] = {}
        repeated: list[tuple[str, str, str]] = []
        for name, column, spark_field in zip(names, columns, df.schema.fields, strict=True):
            keys = Keys(None, name) if null_is_absent else None
            found = FieldOf(name, column, glue_type(spark_field.dataType), keys)
            if name in fields:
                repeated.append((name, fields[name].column, column))
                if not last:
                    continue
            fields[name] = found
        differs = []
        for name, first, other in repeated:
            column = new_name()
            inner = inner.withColumn(column, ~F.col(first).eqNullSafe(F.col(other)))
            differs.append((column, name))
            note("duplicate column", f"two columns are named {name}; the {'last' if last else 'first'} is kept")
        return cls(inner, tuple(fields.values()), differs=tuple(differs))

    def to_df(self) -> DataFrame:
        """Return the fields as a plain DataFrame."""
        return self.df.select(*(F.col(field.column).alias(field.name) for field in self.fields))

    def with_fields(self, fields: Iterable[FieldOf]) -> Content:
        """Return the same records with other fields, of columns that are there."""
        return replace(self, fields=tuple(fields))

    def with_columns(self, columns: Sequence[tuple[str, Column]]) -> Content:
        """Return the same fields with more columns beneath."""
        with lenient(self.df.sparkSession):
            return replace(self, df=self.df.select("*", *(made.alias(name) for name, made in columns)))

    def where(self, condition: Column) -> Content:
        """Return the records that fulfil a condition on the columns."""
        with lenient(self.df.sparkSession):
            return replace(self, df=self.df.where(condition))

    def resolve(self, path: str, what: str) -> FieldOf | None:
        """Find the field that a script names; None, and a note, where there is none.

        Back quotes around a name are no part of it. A dot may be a part of the name or lead into a struct: this
        finds whole names only.
        """
        name = unquoted(path)
        for field in self.fields:
            if field.name == name:
                return field
        alike = [field for field in self.fields if field.name.lower() == name.lower()]
        if alike and current().field_case == "insensitive":
            return alike[0]
        if alike:
            has = f"it has {alike[0].name}"
        else:
            has = f"it has {', '.join(field.name for field in self.fields) or 'no fields'}"
        note("absent field", f"{what}: no field {name} in the frame; {has}")
        return None

    def schema(self) -> glue.StructType:
        """Return the schema."""
        return glue.StructType([glue.Field(field.name, field.type) for field in self.fields])

    def map_df(self, change: Callable[[DataFrame], DataFrame]) -> Content:
        """Return the same fields of a DataFrame that `change` has made of this one, with all its columns."""
        return replace(self, df=change(self.df))


def unquoted(path: str) -> str:
    """Return a field's name without the back quotes that scripts put around it."""
    return path.replace("`", "")


def empty_like(session: SparkSession, fields: Sequence[FieldOf]) -> Any:
    """Return a DataFrame without rows that has the fields' columns."""
    from pyspark.sql import types as spark

    from parity_runtime.types import spark_type

    schema = spark.StructType([spark.StructField(field.column, spark_type(field.type)) for field in fields])
    return session.createDataFrame([], schema)
