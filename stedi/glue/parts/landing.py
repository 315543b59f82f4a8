"""Reading landing data: which line is a row of its feed, and why another is none."""

from __future__ import annotations

import re

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from stedi.glue.parts.job import hadoop
from stedi.glue.reading import (
    BLANK_LINE,
    FLAT,
    HIDDEN,
    LANDING_FILE,
    MAX_LINE_CHARS,
    RAW_BYTES_KEPT,
    TOO_LONG,
    TRIM,
)


def read_lines(spark: SparkSession, landing: str, prefix: str) -> DataFrame:
    """Return the lines of the landing files of a feed that are not blank, as they are: file, line.

    The file is the path below the landing folder. FileNotFoundError where there is no landing file, ValueError for one
    that Spark would not unpack.
    """
    fs, path = hadoop(spark, landing)
    root = fs.makeQualified(path(f"{landing}/{prefix}")).toUri().toString().rstrip("/")
    # only a line feed ends a line; Hadoop drops the byte order mark at the start of a file
    lines = spark.read.text(f"{landing}/{prefix}", lineSep="\n", recursiveFileLookup=True)
    files = [file.removeprefix(root) for file in lines.inputFiles()]
    files = [file for file in files if re.search(LANDING_FILE, file) and not re.search(HIDDEN, file)]
    if not files:
        raise FileNotFoundError(f"{root}: no landing files (.json, .jsonl, either with .gz)")
    if packed := [file for file in files if file.lower().endswith(".gz") and not file.endswith(".gz")]:
        raise ValueError(f"{root}{packed[0]}: Spark unpacks .gz in lower case only, rename it")
    inside = F.col("_metadata.file_path").substr(F.lit(len(root) + 1), F.lit(1_000_000))
    lines = lines.where(inside.rlike(LANDING_FILE) & ~inside.rlike(HIDDEN) & ~F.col("value").rlike(BLANK_LINE))
    # Spark names files as in a URL, though a plus sign is one
    name = F.url_decode(F.replace(inside, F.lit("+"), F.lit("%2B")))
    return lines.select(F.concat(F.lit(prefix.rstrip("/")), name).alias("file"), F.col("value").alias("line"))


def decide(lines: DataFrame, schema: StructType, clean: str, refused: list[tuple[str, str, str]]) -> DataFrame:
    """Return for each line of a feed: file, reason, raw, row. A good line has a row, another a reason and raw bytes.

    Spark's own reading would not do: it takes text after the object, a key twice or a fraction for an integer, and does
    not say so.
    """
    line, reason = F.col("line"), F.col("reason")
    keys = F.json_object_keys(line)
    why = (
        F.when((F.octet_length(line) > MAX_LINE_CHARS) & line.rlike(TOO_LONG), "too_long")
        .when(line.rlike(clean), None)
        .when(~line.rlike(FLAT), "not_flat_json")
        .when(F.size(F.array_distinct(keys)) < F.size(keys), "dup_key")
    )
    for name, has_this, lacks_this in refused:
        lacks = ~line.rlike(lacks_this) if lacks_this else F.lit(True)
        why = why.when(line.rlike(has_this) & lacks, name)
    raw = F.when(reason == "too_long", F.substring(line.cast("binary"), 1, RAW_BYTES_KEPT))
    raw = raw.when(reason.isNotNull(), line.cast("binary"))
    row = F.when(reason.isNull(), F.from_json(F.btrim(line, F.lit(TRIM)), schema, {"mode": "FAILFAST"}))
    return lines.withColumn("reason", why).select("file", "reason", raw.alias("raw"), row.alias("row"))


def good_rows(lines: DataFrame) -> DataFrame:
    """Return the rows of a feed."""
    return lines.where("reason is null").select("row.*")


def bad_lines(lines: DataFrame) -> DataFrame:
    """Return the lines of a feed that are no rows of it."""
    return lines.where("reason is not null").select("file", "reason", "raw")


def report(feed: str, lines: DataFrame) -> None:
    """Say how many lines of a feed are good, and how many are not for which reason."""
    counts: dict[str | None, int] = dict(lines.groupBy("reason").count().collect())
    rows = counts.pop(None, 0)
    print(f"{feed}: {rows + sum(counts.values()):,} lines, {rows:,} rows, {sum(counts.values()):,} in quarantine")
    for reason, count in sorted(counts.items()):
        print(f"{feed}: {count:,} lines {reason}")
