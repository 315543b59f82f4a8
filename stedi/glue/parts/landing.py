"""Reading landing data: which line is a row of its feed, and why another is none."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from stedi.glue.parts.files import qualified
from stedi.glue.reading import BLANK_LINE, BLANKS, FLAT, MAX_LINE_CHARS, RAW_BYTES_KEPT


def read_feed(
    spark: SparkSession, landing: str, prefix: str, schema: StructType, clean: str, refused: list[tuple[str, str, str]]
) -> DataFrame:
    """Return the lines of a feed that are not blank: file, and the row it is, or reason and raw where it is none.

    Each line is decided once and kept, since good and bad ones are wanted apart.
    """
    # only a line feed ends a line; a byte order mark at the start of a file is dropped by Hadoop's line reader
    lines = spark.read.text(f"{landing}/{prefix}", lineSep="\n", recursiveFileLookup=True)
    start = len(qualified(spark, landing)) + 2
    path = F.expr("url_decode(replace(_metadata.file_path, '+', '%2B'))").substr(F.lit(start), F.lit(100_000))
    lines = lines.select(path.alias("file"), F.col("value").alias("line"))
    inside = F.col("file").substr(F.lit(len(prefix)), F.lit(100_000))
    lines = lines.where(F.lower(inside).rlike(r"\.jsonl?(\.gz)?\z") & ~inside.rlike("/[_.]"))
    lines = lines.where(~F.col("line").rlike(BLANK_LINE))

    trimmed = F.btrim(F.col("line"), F.lit(BLANKS))
    short = F.length(trimmed) <= MAX_LINE_CHARS
    keys = F.expr("json_object_keys(line)")
    reason = (
        F.when(short & F.col("line").rlike(clean), None)
        .when(~short, "too_long")
        .when(~F.col("line").rlike(FLAT), "not_flat_json")
        .when(F.size(F.array_distinct(keys)) < F.size(keys), "dup_key")
    )
    for name, has, lacks in refused:
        reason = reason.when(F.col("line").rlike(has) & ~F.col("line").rlike(lacks or r"\A\z"), name)
    lines = lines.withColumn("reason", reason)

    is_good = F.col("reason").isNull()
    row = F.when(is_good, F.from_json(trimmed, schema, {"mode": "FAILFAST"}))
    raw = F.col("line").cast("binary")
    raw = F.when(F.col("reason") == "too_long", F.substring(raw, 1, RAW_BYTES_KEPT)).when(~is_good, raw)
    return lines.select("file", "reason", raw.alias("raw"), row.alias("row")).persist()


def bad_lines(lines: DataFrame) -> DataFrame:
    """Return the lines of a feed that are no rows of it."""
    return lines.where("reason is not null").select("file", "reason", "raw")


def good_rows(lines: DataFrame) -> DataFrame:
    """Return the rows of a feed."""
    return lines.where("reason is null").select("row.*")
