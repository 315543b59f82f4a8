"""Files to records: JSON with its schema found in the data, Parquet, ORC and CSV as Spark reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from awsglue import gluetypes as glue
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as spark

from parity_runtime.content import Content, FieldOf, Keys, case_sensitive, new_name
from parity_runtime.inference import documents, infer, merge_shapes
from parity_runtime.notes import note
from parity_runtime.settings import current
from parity_runtime.types import CHOICE_ORDER, spark_type
from parity_runtime.unsupported import unsupported

__all__ = ["UnreadableInputError", "existing", "files_below", "flag", "holds_files", "partition_keys", "read"]

# Hadoop's mounted file systems list what is below their root, and fail when that is then asked for its owner
_BUCKET = re.compile(r"(\w+://[^/]+)/*")
_BLANKS = "' \\t\\r\\n\\u000b\\u000c\\ufeff'"
_NO_FORMATS = {
    "avro": "convert the data to Parquet or JSON",
    "ion": "convert the data to JSON",
    "xml": "convert the data to JSON",
    "grokLog": "read the lines with spark.read.text",
    "hudi": "table formats need jars that are not on the package index",
    "iceberg": "table formats need jars that are not on the package index",
    "delta": "table formats need jars that are not on the package index",
}


class UnreadableInputError(RuntimeError):
    """Input that Glue, too, would end the job over: the message names the path."""


def flag(value: object) -> bool:
    """Read a yes or no that scripts write as a bool or as text."""
    return value is True or str(value).strip().lower() == "true"


def existing(session: SparkSession, paths: Iterable[str]) -> list[str]:
    """Return the paths that there are files for; a note for each other one."""
    found = []
    for path in paths:
        if holds_files(session, path):
            found.append(path)
        elif current().missing_input == "fail":
            raise UnreadableInputError(f"{path}: there are no files")
        else:
            note("missing input", f"{path}: there are no files; the frame is empty and has no fields")
    return found


def holds_files(session: SparkSession, path: str) -> bool:
    """Return whether there is a file of data at a path, or below it."""
    jvm = session._jvm
    assert jvm is not None
    hadoop = jvm.org.apache.hadoop.fs.Path(path)
    # asked for after the path was named: naming it has put its bucket into the configuration
    system = hadoop.getFileSystem(session._jsparkSession.sessionState().newHadoopConf())
    found = (file for status in system.globStatus(hadoop) or () for file in files_below(system, status))
    return any(not file.getPath().getName().startswith(("_", ".")) for file in found)


def files_below(system: Any, status: Any) -> Iterator[Any]:
    """Yield the status of a file, or of each file of a folder: Hadoop's own listFiles fails at a bucket's root."""
    if not status.isDirectory():
        yield status
        return
    for inner in system.listStatus(status.getPath()):
        yield from files_below(system, inner)


def read(
    session: SparkSession,
    paths: Sequence[str],
    form: str,
    options: Mapping[str, Any],
    *,
    recurse: bool,
    names: str = "as written",
) -> Content:
    """Read files of a format into records.

    `names="lower"` gives the fields lower-case names, as the catalog does. Formats without a reader here raise
    UnsupportedGlueCallError.
    """
    if form in _NO_FORMATS:
        unsupported(f'format="{form}"', _NO_FORMATS[form])
    if form not in ("json", "parquet", "glueparquet", "orc", "csv"):
        raise ValueError(f"format={form!r}: Glue knows json, parquet, glueparquet, orc, csv, avro, xml, ion, grokLog")
    found = existing(session, [f"{bucket[1]}/*" if (bucket := _BUCKET.fullmatch(path)) else path for path in paths])
    if not found:
        return Content(session.createDataFrame([], spark.StructType([])), ())
    partitioned = _partitioned(session, found)
    with case_sensitive(session):
        if form == "json":
            content = _json(session, found, options, recurse=recurse and not partitioned)
        else:
            content = _other(session, found, form, options, recurse=recurse and not partitioned)
    return _lower(content) if names == "lower" else content


def _lower(content: Content) -> Content:
    """Give the fields lower-case names; of two that then have one name, a record's value is the first there is."""
    fields: dict[str, FieldOf] = {}
    for field in content.fields:
        name = field.name.lower()
        if name not in fields:
            fields[name] = FieldOf(name, field.column, field.type, field.keys)
        elif fields[name].type == field.type:
            column = new_name()
            content = content.with_columns([(column, F.coalesce(F.col(fields[name].column), F.col(field.column)))])
            content, keys = _either(content, fields[name].keys, field.keys)
            fields[name] = FieldOf(name, column, field.type, keys)
        else:
            note("duplicate column", f"two fields are {name} in lower case, of two types; the first is kept")
    return content.with_fields(fields.values())


def _either(content: Content, one: Keys | None, two: Keys | None) -> tuple[Content, Keys | None]:
    """Return how to see that at least one of two fields of a reading is there."""
    if one is None or two is None or one.column is None or two.column is None:
        return content, one
    column = new_name()
    there = F.arrays_overlap(F.col(two.column), F.array(F.lit(one.key), F.lit(two.key)))
    keys = F.when(there, F.concat(F.col(two.column), F.array(F.lit(one.key)))).otherwise(F.col(two.column))
    return content.with_columns([(column, keys)]), Keys(column, one.key)


def _partitioned(session: SparkSession, paths: Sequence[str]) -> bool:
    """Say whether folders named `key=value` lie below: Spark then reads the keys as columns, if left to find them."""
    jvm = session._jvm
    assert jvm is not None
    configuration = session._jsparkSession.sessionState().newHadoopConf()
    for path in paths:
        hadoop = jvm.org.apache.hadoop.fs.Path(path)
        system = hadoop.getFileSystem(configuration)
        for status in system.globStatus(hadoop):
            if status.isDirectory():
                for inner in system.listStatus(status.getPath()):
                    name = inner.getPath().getName()
                    if inner.isDirectory() and "=" in name and not name.startswith(("_", ".")):
                        return True
    return False


def partition_keys(session: SparkSession, paths: Sequence[str]) -> set[str]:
    """Return the keys, in lower case, of the folders named `key=value` below some paths."""
    jvm = session._jvm
    assert jvm is not None
    configuration = session._jsparkSession.sessionState().newHadoopConf()
    found: set[str] = set()
    for path in paths:
        hadoop = jvm.org.apache.hadoop.fs.Path(path)
        system = hadoop.getFileSystem(configuration)
        for status in system.globStatus(hadoop) or ():
            above = len(status.getPath().toString())
            for file in files_below(system, status):
                folders = file.getPath().toString()[above:].split("/")[:-1]
                found |= {folder.partition("=")[0].lower() for folder in folders if "=" in folder}
    return found


def _other(
    session: SparkSession, paths: Sequence[str], form: str, options: Mapping[str, Any], *, recurse: bool
) -> Content:
    reader = session.read.option("recursiveFileLookup", str(recurse).lower())
    if form in ("parquet", "glueparquet"):
        df = reader.option("mergeSchema", "true").parquet(*paths)
    elif form == "orc":
        df = reader.orc(list(paths))
    else:
        reader = reader.option("header", str(flag(options.get("withHeader"))).lower())
        reader = reader.option("sep", options.get("separator", ",")).option("multiLine", flag(options.get("multiline")))
        if options.get("quoteChar", '"') != -1:
            reader = reader.option("quote", options.get("quoteChar", '"'))
        if options.get("escaper"):
            reader = reader.option("escape", options["escaper"])
        df = reader.csv(list(paths))
        if not flag(options.get("withHeader")):
            df = df.toDF(*(f"col{number}" for number in range(len(df.columns))))
    if len({name.lower() for name in df.columns}) < len(df.columns):
        # Spark plans a scan when it runs, and by then tells names by case no longer: have it planned now
        df = session.createDataFrame(df.rdd, df.schema, verifySchema=False)
    return Content.of(df, null_is_absent=current().null_in_parquet == "absent")


def _json(session: SparkSession, paths: Sequence[str], options: Mapping[str, Any], *, recurse: bool) -> Content:
    path = _json_path(options.get("jsonPath"))
    whole = flag(options.get("multiline", options.get("multiLine"))) or path != ()
    text = session.read.option("recursiveFileLookup", str(recurse).lower())
    if whole:
        lines = _documents(session, text.text(list(paths), wholetext=True), path)
    else:
        lines = text.text(list(paths), lineSep="\n")
    lines = lines.withColumn("value", F.expr(f"trim(BOTH {_BLANKS} FROM value)")).where("value <> ''")
    shape = merge_shapes(lines.select("value").rdd.map(lambda row: row[0]).mapPartitions(infer).collect())
    if shape.arrays:
        if current().json_root_array == "fail":
            raise UnreadableInputError(f"{', '.join(paths)}: arrays at the root, not objects")
        lines = _documents(session, lines, ())
    if shape.malformed:
        said = f"{', '.join(paths)}: {shape.malformed} of {shape.lines} lines are no JSON objects"
        if current().malformed_json == "fail":
            raise UnreadableInputError(f"Unable to parse: {said}")
        note("malformed", f"{said}; they are left out")
    fields = {name: _number(found) for name, found in shape.fields.items()}
    return _parse(lines, fields, drop_malformed=shape.malformed > 0)


def _json_path(path: object) -> tuple[str, ...]:
    """Read the JsonPaths that name a place in the document: `$.a.b[*]`; UnsupportedGlueCallError for filters."""
    if path in (None, "", "$"):
        return ()
    steps = re.findall(r"\.([A-Za-z_][\w-]*)|\[(\*)\]|\['([^']+)'\]", str(path))
    rebuilt = re.sub(r"\.([A-Za-z_][\w-]*)|\[(\*)\]|\['([^']+)'\]", "", str(path))
    if rebuilt != "$":
        unsupported(f"jsonPath={path!r}", "name fields and [*] only, and filter afterwards")
    return tuple(name or star or quoted for name, star, quoted in steps)


def _documents(session: SparkSession, texts: DataFrame, path: tuple[str, ...]) -> DataFrame:
    """Split whole files into documents, or lines with arrays into objects; columns of partitions stay."""
    array = current().json_root_array == "explode"
    at = texts.columns.index("value")

    def split(row: Any) -> Iterable[tuple[Any, ...]]:
        values = tuple(row)
        for document in documents(values[at], array=array, path=path):
            yield (*values[:at], document, *values[at + 1 :])

    return session.createDataFrame(texts.rdd.flatMap(split), texts.schema, verifySchema=False)


def _number(found: glue.DataType) -> glue.DataType:
    """Widen a choice of numbers to the largest, where the settings say so."""
    if not isinstance(found, glue.ChoiceType) or current().json_numbers != "widen":
        return found
    for wider, narrower in (("long", ("int",)), ("double", ("int", "long"))):
        if wider in found.choices:
            for name in narrower:
                found.choices.pop(name, None)
    return next(iter(found.choices.values())) if len(found.choices) == 1 else found


def _plain(found: glue.DataType) -> spark.DataType:
    """Return the Spark type to parse with: text for what is of several types inside a struct or an array."""
    if isinstance(found, glue.StructType):
        return spark.StructType([spark.StructField(field.name, _plain(field.dataType)) for field in found])
    if isinstance(found, glue.ArrayType):
        return spark.ArrayType(_plain(found.elementType))
    return spark.StringType() if isinstance(found, glue.ChoiceType) else spark_type(found)


def _parse(lines: DataFrame, fields: Mapping[str, glue.DataType], *, drop_malformed: bool) -> Content:
    """Parse each line once, and once more for each further type of the fields that have several."""
    corrupt = "__parity_malformed__"
    plain = [spark.StructField(name, _plain(found)) for name, found in fields.items()]
    if drop_malformed:
        plain.append(spark.StructField(corrupt, spark.StringType()))
    record, keys = new_name(), new_name()
    # with an option set, Spark's optimizer does not parse the line once for every field (OptimizeCsvJsonExprs)
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": corrupt}
    partitions = [name for name in lines.columns if name != "value"]
    df = lines.select(
        F.col("value").alias("value"),
        *(F.col(name) for name in partitions),
        F.from_json(F.col("value"), spark.StructType(plain), options).alias(record),
        F.expr("json_object_keys(value)").alias(keys),
    )
    if drop_malformed:
        df = df.where(F.col(record)[corrupt].isNull() & F.col(record).isNotNull() & F.expr(f"{keys} is not null"))
    columns: list[Column] = []
    found_fields = []
    null_is_absent = current().explicit_null == "absent"
    for name, found in fields.items():
        column = new_name()
        if isinstance(found, glue.ChoiceType):
            columns.append(_choice(name, found, options).alias(column))
            found = glue.ChoiceType([_settled(choice) for choice in found.choices.values()])  # noqa: PLW2901
        else:
            columns.append(F.col(record).getField(name).alias(column))
            found = _settled(found)  # noqa: PLW2901
        found_fields.append(FieldOf(name, column, found, Keys(None if null_is_absent else keys, name)))
    for name in partitions:
        column = new_name()
        columns.append(F.col(name).alias(column))
        found_fields.append(FieldOf(name, column, glue.StringType()))
    return Content(df.select(F.col(keys), *columns), tuple(found_fields))


def _settled(found: glue.DataType) -> glue.DataType:
    from parity_runtime.types import glue_type

    return found if isinstance(found, glue.NullType) else glue_type(_plain(found))


def _choice(name: str, found: glue.ChoiceType, options: Mapping[str, str]) -> Column:
    """Read a field as each of its types; a value is of the first that can read it."""
    read: dict[str, Column] = {}
    taken: Column | None = None
    for kind in sorted(found.choices, key=lambda kind: CHOICE_ORDER.index(kind) if kind in CHOICE_ORDER else 0):
        schema = spark.StructType([spark.StructField(name, _plain(found.choices[kind]))])
        value = F.from_json(F.col("value"), schema, dict(options)).getField(name)
        read[kind] = value if taken is None else F.when(~taken, value)
        here = value.isNotNull()
        taken = here if taken is None else taken | here
    assert taken is not None
    struct = F.struct(*(read[kind].alias(kind) for kind in sorted(read)))
    return F.when(taken, struct)
