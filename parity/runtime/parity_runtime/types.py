"""Types: those of a DynamicFrame, those of Spark, and the names that scripts give them."""

from __future__ import annotations

import re

from awsglue import gluetypes as glue
from pyspark.sql import types as spark

__all__ = ["CHOICE_ORDER", "cast_name", "glue_type", "spark_type"]

_ATOMS: tuple[tuple[type[glue.DataType], type[spark.DataType]], ...] = (
    (glue.BinaryType, spark.BinaryType),
    (glue.BooleanType, spark.BooleanType),
    (glue.ByteType, spark.ByteType),
    (glue.DateType, spark.DateType),
    (glue.DoubleType, spark.DoubleType),
    (glue.FloatType, spark.FloatType),
    (glue.IntegerType, spark.IntegerType),
    (glue.LongType, spark.LongType),
    (glue.ShortType, spark.ShortType),
    (glue.StringType, spark.StringType),
    (glue.TimestampType, spark.TimestampType),
    (glue.TimestampNTZType, spark.TimestampNTZType),
)
_TO_SPARK = dict(_ATOMS)
_TO_GLUE = {theirs: ours for ours, theirs in _ATOMS}

CHOICE_ORDER = ("boolean", "int", "long", "double", "struct", "array", "string")
"""A value of JSON is of the first of these types that can read it: text reads anything, a double reads an integer."""

_CASTS = {
    "bigint": "bigint",
    "long": "bigint",
    "int": "int",
    "integer": "int",
    "smallint": "smallint",
    "short": "smallint",
    "tinyint": "tinyint",
    "byte": "tinyint",
    "double": "double",
    "float": "float",
    "string": "string",
    "varchar": "string",
    "char": "string",
    "boolean": "boolean",
    "bool": "boolean",
    "timestamp": "timestamp",
    "date": "date",
    "binary": "binary",
}
_DECIMAL = re.compile(r"decimal(?:\((\d+),\s*(\d+)\))?")
_LENGTH = re.compile(r"(varchar|char)\(\d+\)")


def cast_name(name: str) -> str | None:
    """Return the Spark type that a script names, None for one with parts, which no cast makes; ValueError else."""
    plain = name.strip().lower()
    if plain in _CASTS:
        return _CASTS[plain]
    if _LENGTH.fullmatch(plain):
        return "string"
    if found := _DECIMAL.fullmatch(plain):
        return f"decimal({found[1] or 10},{found[2] or 2})"
    if plain.split("<")[0] in ("array", "struct", "map", "choice", "null"):
        return None
    raise ValueError(f"{name!r} is no type of Glue: there are {', '.join(sorted(_CASTS))} and decimal(p,s)")


def glue_type(theirs: spark.DataType) -> glue.DataType:  # noqa: PLR0911 - a case a kind of type
    """Return the DynamicFrame type of a Spark type."""
    if isinstance(theirs, spark.StructType):
        return glue.StructType([glue.Field(field.name, glue_type(field.dataType)) for field in theirs.fields])
    if isinstance(theirs, spark.ArrayType):
        return glue.ArrayType(glue_type(theirs.elementType))
    if isinstance(theirs, spark.MapType):
        return glue.MapType(glue_type(theirs.valueType))
    if isinstance(theirs, spark.DecimalType):
        return glue.DecimalType(theirs.precision, theirs.scale)
    if isinstance(theirs, spark.NullType):
        return glue.NullType()
    if isinstance(theirs, spark.VarcharType | spark.CharType):
        return glue.StringType()
    return _TO_GLUE.get(type(theirs), glue.UnknownType)()


def spark_type(ours: glue.DataType) -> spark.DataType:
    """Return the Spark type of a DynamicFrame type: a choice is a struct with a field a type, named after it."""
    if isinstance(ours, glue.StructType):
        return spark.StructType([spark.StructField(field.name, spark_type(field.dataType)) for field in ours])
    if isinstance(ours, glue.ChoiceType):
        named = sorted(ours.choices.items(), key=lambda choice: choice[0])
        return spark.StructType([spark.StructField(name, spark_type(choice)) for name, choice in named])
    if isinstance(ours, glue.ArrayType):
        return spark.ArrayType(spark_type(ours.elementType))
    if isinstance(ours, glue.MapType):
        return spark.MapType(spark.StringType(), spark_type(ours.valueType))
    if isinstance(ours, glue.DecimalType):
        return spark.DecimalType(ours.precision, ours.scale)
    # a field that never held anything but null: Spark's own null type can be written nowhere
    return _TO_SPARK.get(type(ours), spark.StringType)()
