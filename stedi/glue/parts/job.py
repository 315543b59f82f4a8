"""What every job does: its arguments and settings, its input tables, its output."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from awsglue.utils import getResolvedOptions
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

SETTINGS = {
    # an overflow or a bad cast fails the job, as it fails a build on one machine
    "spark.sql.ansi.enabled": "true",
    # the same instant reads the same wherever the job runs
    "spark.sql.session.timeZone": "UTC",
    # a date before 1582 is written and read as it is, not moved to the Julian calendar
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # a damaged or vanished file fails the job, its rows are not left out
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # half the size of Spark's own choice, for these tables
    "spark.sql.parquet.compression.codec": "zstd",
}


def options(required: list[str], optional: list[str]) -> dict[str, str]:
    """Return the arguments of the job; of the optional ones those that were given."""
    given = {argument.split("=")[0] for argument in sys.argv}
    return getResolvedOptions(sys.argv, required + [name for name in optional if f"--{name}" in given])


def hadoop(spark: SparkSession, folder: str) -> tuple[Any, Any]:
    """Return Hadoop's file system of a folder (S3, on Glue) and its class of paths."""
    path = spark._jvm.org.apache.hadoop.fs.Path
    return path(folder).getFileSystem(spark._jsc.hadoopConfiguration()), path


def read_table(spark: SparkSession, folder: str) -> DataFrame:
    """Return a table; FileNotFoundError for none, RuntimeError for one that another job has half replaced."""
    fs, path = hadoop(spark, folder)
    if not fs.exists(path(folder)):
        raise FileNotFoundError(f"{folder}: there is no table, run the job that makes it")
    if fs.exists(path(folder, "_REPLACING")):
        raise RuntimeError(f"{folder} is half replaced: the job that makes it is at work or has died, run it first")
    return spark.read.parquet(folder)


def remove(spark: SparkSession, folder: str) -> None:
    """Remove a folder with all it holds, if it is there."""
    fs, path = hadoop(spark, folder)
    fs.delete(path(folder), True)


def stage(spark: SparkSession, frame: DataFrame, schema: StructType, folder: str) -> int:
    """Write a table to a staging folder and return its rows, as counted in what was written."""
    frame.write.parquet(folder)
    written = spark.read.parquet(folder)
    if written.schema != schema:
        raise RuntimeError(f"{folder} holds {written.schema.simpleString()}, not {schema.simpleString()}")
    return written.count()


def replace(spark: SparkSession, folder: str, staged: str) -> None:
    """Put the staged files in the place of those in a folder: the new ones in, then the old ones out.

    S3 replaces no folder at once: who reads in these seconds may see files of both. If a new file cannot be put there,
    the old ones stay as they were. If the run dies in between, the marker stays, and no job reads the folder until this
    one has run to its end.
    """
    fs, path = hadoop(spark, folder)

    def names(place: str) -> set[str]:
        found = {status.getPath().getName() for status in fs.listStatus(path(place))}
        return {name for name in found if not name.startswith(("_", "."))}

    def move(name: str) -> None:
        if not fs.rename(path(staged, name), path(folder, name)):
            raise OSError(f"cannot move {staged}/{name} to {folder}")

    def delete(name: str) -> None:
        fs.delete(path(folder, name), True)

    fs.mkdirs(path(folder))
    old, new, marker = names(folder), names(staged), path(folder, "_REPLACING")
    was_whole = not fs.exists(marker)
    fs.create(marker, True).close()
    with ThreadPoolExecutor(16) as pool:
        try:
            list(pool.map(move, new))
        except BaseException:
            list(pool.map(delete, names(folder) - old))
            if was_whole:
                fs.delete(marker, False)
            raise
        list(pool.map(delete, old))
    fs.delete(marker, False)
