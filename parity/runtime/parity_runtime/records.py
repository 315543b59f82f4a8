"""Functions of a script on single records, as Filter and Map call them: in Spark's Python workers, record by record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from awsglue import gluetypes as glue
from awsglue.gluetypes import DynamicRecord
from pyspark import TaskContext
from pyspark.accumulators import Accumulator, AccumulatorParam
from pyspark.sql import Row
from pyspark.sql import functions as F
from pyspark.sql import types as spark

from parity_runtime.content import Content, FieldOf, new_name
from parity_runtime.inference import Shape, merge_shapes, type_of
from parity_runtime.types import spark_type

__all__ = ["Counts", "counted", "filtered", "mapped", "records"]

_KEPT, _DROPPED = "", None
_SWALLOWED = (KeyError, ValueError, TypeError)

# (field, position in the row, kind of its type, position of the record's keys, key)
_Plan = tuple[tuple[str, int, str, int | None, str | None], ...]


_Counted = dict[tuple[int, int, int, str], int]


class Counts(AccumulatorParam[_Counted]):
    """Counts by stage, partition, attempt and name: each action of a script calls its function anew."""

    def zero(self, value: _Counted) -> _Counted:
        return {}

    def addInPlace(self, value1: _Counted, value2: _Counted) -> _Counted:
        for key, count in value2.items():
            value1[key] = value1.get(key, 0) + count
        return value1


def counted(counts: Accumulator[_Counted]) -> dict[str, int]:
    """Return the counts by name of the frame once through: those of the stage that saw most of it."""
    tasks: dict[tuple[int, int, str], int] = {}
    for (stage, partition, _, name), count in counts.value.items():
        tasks[stage, partition, name] = max(count, tasks.get((stage, partition, name), 0))
    stages: dict[tuple[int, str], int] = {}
    for (stage, _, name), count in tasks.items():
        stages[stage, name] = stages.get((stage, name), 0) + count
    found: dict[str, int] = {}
    for (_, name), count in stages.items():
        found[name] = max(count, found.get(name, 0))
    return found


def _key(error: Exception) -> tuple[int, int, int, str]:
    task = TaskContext.get()
    assert task is not None
    return task.stageId(), task.partitionId(), task.taskAttemptId(), type(error).__name__


def _plan(content: Content) -> tuple[list[str], _Plan]:
    """Return the columns that a function needs to see, and how to make a record of a row of them."""
    columns: list[str] = []

    def position(column: str) -> int:
        if column not in columns:
            columns.append(column)
        return columns.index(column)

    plan: list[tuple[str, int, str, int | None, str | None]] = []
    for field in content.fields:
        kind = "choice" if isinstance(field.type, glue.ChoiceType) else "plain"
        if field.keys is None:
            plan.append((field.name, position(field.column), kind, None, None))
        elif field.keys.column is None:
            plan.append((field.name, position(field.column), kind, None, field.keys.key))
        else:
            plan.append((field.name, position(field.column), kind, position(field.keys.column), field.keys.key))
    return columns, tuple(plan)


def _record(row: Any, plan: _Plan) -> DynamicRecord:
    record = DynamicRecord()
    for name, at, kind, keys_at, key in plan:
        value = row[at]
        if value is None:
            if key is not None and (keys_at is None or key not in (row[keys_at] or ())):
                continue  # the record has no such field
        elif kind == "choice":
            value = next((part for part in value if part is not None), None)
        if isinstance(value, Row):
            value = DynamicRecord(_plain(value))
        elif isinstance(value, list):
            value = [_plain(part) for part in value]
        record[name] = value
    return record


def _plain(value: Any) -> Any:
    """Make dicts of nested rows, without fields that are null: a nested null is taken for an absent field."""
    if isinstance(value, Row):
        return {name: _plain(part) for name, part in value.asDict().items() if part is not None}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def filtered(content: Content, f: Callable[[DynamicRecord], Any]) -> tuple[Content, Accumulator[_Counted]]:
    """Keep the records for which `f` is true.

    A record is counted out when `f` raises KeyError, ValueError or TypeError; on any other exception it becomes an
    error record. The counts say which exceptions there were.
    """
    columns, plan = _plan(content)
    counts = _counts(content)

    def judge(row: Any) -> str | None:
        try:
            return _KEPT if f(_record(row, plan)) else _DROPPED
        except _SWALLOWED as error:
            counts.add({_key(error): 1})
            return _DROPPED
        except Exception as error:  # noqa: BLE001 - whatever the script's function raises
            counts.add({_key(error): 1})
            return f"{type(error).__name__}: {error}"

    verdict = new_name()
    made = F.udf(judge, spark.StringType())(F.struct(*(F.col(column) for column in columns)))
    judged = content.with_columns([(verdict, made)])
    kept = judged.where(F.col(verdict) == _KEPT)
    errors = judged.df.where(F.col(verdict) != _KEPT)
    names = [F.col(field.column).alias(field.name) for field in content.fields]
    errors = errors.select(F.col(verdict).alias("errorMessage"), *names)
    return Content(kept.df, content.fields, (*content.errors, errors), content.differs), counts


def mapped(content: Content, f: Callable[[DynamicRecord], Any]) -> tuple[Content, Accumulator[_Counted]]:
    """Replace each record by what `f` makes of it; its fields are found in the results, as those of JSON are.

    A record for which `f` raises, or returns nothing, becomes an error record.
    """
    columns, plan = _plan(content)
    counts = _counts(content)

    def apply(row: Any) -> tuple[str, dict[str, Any] | None]:
        try:
            result = glue._revert_to_dict(f(_record(row, plan)))
        except Exception as error:  # noqa: BLE001 - whatever the script's function raises
            counts.add({_key(error): 1})
            return f"{type(error).__name__}: {error}", None
        return ("", result) if result else ("the function returned nothing", None)

    made = content.df.select(*columns).rdd.map(apply).cache()
    return _of_results(content, made), counts


def _of_results(content: Content, made: Any) -> Content:
    session = content.df.sparkSession
    shape = merge_shapes(made.mapPartitions(_shape).collect())
    fields = [
        FieldOf(name, new_name(), glue.StringType() if isinstance(found, glue.NullType) else found)
        for name, found in shape.fields.items()
    ]
    schema = spark.StructType([spark.StructField(field.column, spark_type(field.type)) for field in fields])
    names = [(field.name, field.type) for field in fields]

    def row(result: tuple[str, Mapping[str, Any]]) -> tuple[Any, ...]:
        return tuple(_fitted(result[1].get(name), found) for name, found in names)

    good = made.filter(lambda result: not result[0]).map(row)
    bad = made.filter(lambda result: bool(result[0])).map(lambda result: (result[0],))
    errors = session.createDataFrame(bad, "errorMessage string", verifySchema=False)
    df = session.createDataFrame(good, schema, verifySchema=False)
    return Content(df, tuple(fields), (*content.errors, errors))


def _shape(results: Iterable[tuple[str, dict[str, Any] | None]]) -> Iterator[Shape]:
    shape = Shape()
    for problem, record in results:
        for name, value in ({} if problem or record is None else record).items():
            found = type_of(value)
            known = shape.fields.get(name)
            shape.fields[name] = found if known is None else glue.mergeDataTypes(known, found)
    yield shape


def _fitted(value: Any, found: glue.DataType) -> Any:
    """Put a Python value into the shape that Spark wants for a type."""
    if value is None:
        return None
    if isinstance(found, glue.ChoiceType):
        kind = type_of(value).typeName()
        return tuple(_fitted(value, part) if name == kind else None for name, part in sorted(found.choices.items()))
    if isinstance(found, glue.StructType):
        return tuple(_fitted(value.get(field.name), field.dataType) for field in found)
    if isinstance(found, glue.ArrayType):
        return [_fitted(part, found.elementType) for part in value]
    return value


def _counts(content: Content) -> Accumulator[_Counted]:
    return content.df.sparkSession.sparkContext.accumulator({}, Counts())


def records(content: Content) -> Any:
    """Return the records as an RDD of DynamicRecord."""
    columns, plan = _plan(content)
    return content.df.select(*columns).rdd.map(lambda row: _record(row, plan))
