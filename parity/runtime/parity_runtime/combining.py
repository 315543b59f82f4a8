"""What transforms make of two frames: join, union, merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from awsglue import gluetypes as glue
from pyspark.sql import Column
from pyspark.sql import functions as F

from parity_runtime.content import Content, FieldOf, Keys, lenient, new_name, unquoted
from parity_runtime.notes import note
from parity_runtime.types import spark_type
from parity_runtime.unsupported import unsupported

__all__ = ["join", "merge", "union"]

_NUMBERS = {"byte", "short", "int", "long", "float", "double", "decimal"}


def join(left: Content, right: Content, keys1: Sequence[str], keys2: Sequence[str]) -> Content:
    """Join on equality, inner; a field of the right side whose name the left side has gets a dot before its name.

    A key that a frame does not have is absent from all its records: nothing matches.
    """
    if len(keys1) != len(keys2):
        raise ValueError(f"Join: {len(keys1)} keys on the left, {len(keys2)} on the right")
    pairs = [
        (left.resolve(unquoted(one), "Join"), right.resolve(unquoted(two), "Join"))
        for one, two in zip(keys1, keys2, strict=True)
    ]
    names = {field.name for field in left.fields}
    fields = list(left.fields)
    for field in right.fields:
        name = field.name
        while name in names:
            name = f".{name}"
        names.add(name)
        fields.append(replace(field, name=name))
    # both sides get columns of their own: they may come from the same frame
    renamed = {column: new_name() for column in right.df.columns}
    other = right.df.toDF(*renamed.values())
    fields[len(left.fields) :] = [_moved(field, renamed) for field in fields[len(left.fields) :]]
    condition: Column = F.lit(True)
    for one, two in pairs:
        if one is None or two is None:
            condition = F.lit(False)
            break
        if _kind(one.type) != _kind(two.type):
            types = f"{one.name} is {one.type.typeName()}, {two.name} is {two.type.typeName()}"
            note("type", f"Join: {types}; Spark converts one of them")
        condition = condition & (F.col(one.column) == F.col(renamed[two.column]))
    with lenient(left.df.sparkSession):
        df = left.df.join(other, condition, "inner")
    return Content(df, tuple(fields), (*left.errors, *right.errors), (*left.differs, *_moved_differs(right, renamed)))


def _moved_differs(content: Content, renamed: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(renamed[column], name) for column, name in content.differs]


def _moved(field: FieldOf, renamed: Mapping[str, str]) -> FieldOf:
    keys = field.keys
    if keys is not None and keys.column is not None:
        keys = replace(keys, column=renamed[keys.column])
    return replace(field, column=renamed[field.column], keys=keys)


def _kind(found: glue.DataType) -> str:
    return "number" if found.typeName() in _NUMBERS else found.typeName()


def union(first: Content, second: Content) -> Content:
    """Return the records of both; fields of one name have one type, or are numbers and become the wider one."""
    keys: dict[str, str] = {}
    fields: list[FieldOf] = []
    sides: list[list[Column]] = [[], []]
    by_name = [{field.name: field for field in side.fields} for side in (first, second)]
    for name in dict.fromkeys([*by_name[0], *by_name[1]]):
        one, two = by_name[0].get(name), by_name[1].get(name)
        found = (one or two).type  # type: ignore[union-attr]
        if one is not None and two is not None and spark_type(one.type) != spark_type(two.type):
            found = _wider(name, one.type, two.type)
        column, there = new_name(), new_name()
        keys[column] = there
        for side, field in zip(sides, (one, two), strict=True):
            value = F.lit(None) if field is None else F.col(field.column)
            side.append(value.cast(spark_type(found)).alias(column))
            side.append(_presence(field, name).alias(there))
        fields.append(FieldOf(name, column, found, Keys(there, name)))
    with lenient(first.df.sparkSession):
        df = first.df.select(*sides[0]).unionByName(second.df.select(*sides[1]))
    return Content(df, tuple(fields), (*first.errors, *second.errors))


def _wider(name: str, one: glue.DataType, two: glue.DataType) -> glue.DataType:
    order = ("byte", "short", "int", "long", "float", "double")
    names = [one.typeName(), two.typeName()]
    if set(names) <= set(order):
        return one if order.index(names[0]) >= order.index(names[1]) else two
    return unsupported(f"Union of field {name}, {names[0]} on one side and {names[1]} on the other", "cast one of them")


def _presence(field: FieldOf | None, name: str) -> Column:
    """Return the keys of a record, as far as one field is concerned."""
    none = F.array().cast("array<string>")
    if field is None:
        return none
    here = F.array(F.lit(name))
    if field.keys is None:
        return here
    if field.keys.column is None:
        return F.when(F.col(field.column).isNotNull(), here).otherwise(none)
    return F.when(F.array_contains(F.col(field.keys.column), field.keys.key), here).otherwise(none)


def merge(content: Content, stage: Content, keys: Sequence[str]) -> Content:
    """Return all of `stage`, and the records of `content` whose keys it does not have."""
    pairs = []
    for key in keys:
        one, two = content.resolve(key, "mergeDynamicFrame"), stage.resolve(key, "mergeDynamicFrame")
        if one is None or two is None:
            raise ValueError(f"mergeDynamicFrame: both frames need the key {key}")
        pairs.append((one, two))
    renamed = {column: new_name() for column in stage.df.columns}
    other = stage.df.toDF(*renamed.values())
    condition: Column = F.lit(True)
    for one, two in pairs:
        condition = condition & (F.col(one.column) == F.col(renamed[two.column]))
    with lenient(content.df.sparkSession):
        rest = content.df.join(other, condition, "left_anti")
    return union(replace(content, df=rest), stage)
