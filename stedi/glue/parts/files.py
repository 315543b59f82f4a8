"""Files and folders through Hadoop's FileSystem: on Glue this is S3."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType


def filesystem(spark: SparkSession, uri: str) -> tuple[Any, Any]:
    """Return Hadoop's file system of a place, and its class of paths."""
    path = spark._jvm.org.apache.hadoop.fs.Path
    return path(uri).getFileSystem(spark._jsc.hadoopConfiguration()), path


def qualified(spark: SparkSession, uri: str) -> str:
    """Return a place as Spark names the files in it."""
    fs, path = filesystem(spark, uri)
    return fs.makeQualified(path(uri)).toString().rstrip("/")


def remove(spark: SparkSession, folder: str) -> None:
    """Remove a folder, whatever it holds."""
    fs, path = filesystem(spark, folder)
    fs.delete(path(folder), True)


def data_files(spark: SparkSession, folder: str) -> list[Any]:
    """Return the paths of the files in a folder that readers see."""
    fs, path = filesystem(spark, folder)
    files = [status.getPath() for status in fs.listStatus(path(folder)) if status.isFile()]
    return [file for file in files if not file.getName().startswith(("_", "."))]


def replace(spark: SparkSession, staged: str, folder: str) -> None:
    """Put the staged files where a table's old ones are: new ones in, then old ones out.

    S3 has no rename of folders, so for these seconds a reader may see both. Where a new file cannot be put in place,
    the old table stands alone again. The marker stays where a run dies in between: then no job reads the table before
    it has been replaced.
    """
    fs, path = filesystem(spark, folder)
    fs.mkdirs(path(folder))
    old, new, moved = data_files(spark, folder), data_files(spark, staged), []
    marker = path(folder, "_REPLACING")
    fs.create(marker, True).close()

    def move(file: Any) -> None:
        target = path(folder, file.getName())
        if not fs.rename(file, target):
            raise OSError(f"cannot move {file} to {folder}")
        moved.append(target)

    try:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(move, new))
    except BaseException:
        for file in moved:
            fs.delete(file, False)
        fs.delete(marker, False)
        raise
    for file in old:
        fs.delete(file, False)
    fs.delete(marker, False)


def read_table(spark: SparkSession, folder: str) -> DataFrame:
    """Return a table; refuse one that is half replaced."""
    fs, path = filesystem(spark, folder)
    if fs.exists(path(folder, "_REPLACING")):
        raise RuntimeError(f"{folder} is being replaced, or its job died while it was: run that job first")
    return spark.read.parquet(folder)


def check(spark: SparkSession, staged: str, schema: StructType) -> int:
    """Return how many rows a staged table has; refuse one that is not as declared."""
    table = spark.read.parquet(staged)
    if table.schema != schema:
        raise RuntimeError(f"{staged} has {table.schema.simpleString()}, declared is {schema.simpleString()}")
    return table.count()
