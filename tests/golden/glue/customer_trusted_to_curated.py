"""customer_trusted_to_curated: trusted customers who have accelerometer readings.

For AWS Glue 5.1 (Spark 3.5.6, Python 3.11) and 6.0 (Spark 4.1.1, Python 3.13).
Written by `stedi glue render` from stedi/zones/curated/customers_curated.sql: change that and render again.

Reads LAKE/customer/trusted/ and LAKE/accelerometer/trusted/.
Writes LAKE/customer/curated/.

Job arguments:
  --LAKE  s3://bucket/prefix of the lake
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import LongType, StringType, StructField, StructType

# customers_curated: trusted customers who have accelerometer readings.
# Inputs: customer_trusted, accelerometer_trusted.
# Bag: one row a trusted customer record, however many readings the customer has.
SQL = """
select
    cast(c.customerName as string) as customerName,
    cast(c.email as string) as email,
    cast(c.phone as string) as phone,
    cast(c.birthDay as string) as birthDay,
    cast(c.serialNumber as string) as serialNumber,
    cast(c.registrationDate as bigint) as registrationDate,
    cast(c.lastUpdateDate as bigint) as lastUpdateDate,
    cast(c.shareWithResearchAsOfDate as bigint) as shareWithResearchAsOfDate,
    cast(c.shareWithPublicAsOfDate as bigint) as shareWithPublicAsOfDate,
    cast(c.shareWithFriendsAsOfDate as bigint) as shareWithFriendsAsOfDate
from customer_trusted as c
where c.email in (select a.user from accelerometer_trusted as a)
"""

SCHEMA = StructType(
    [
        StructField("customerName", StringType()),
        StructField("email", StringType()),
        StructField("phone", StringType()),
        StructField("birthDay", StringType()),
        StructField("serialNumber", StringType()),
        StructField("registrationDate", LongType()),
        StructField("lastUpdateDate", LongType()),
        StructField("shareWithResearchAsOfDate", LongType()),
        StructField("shareWithPublicAsOfDate", LongType()),
        StructField("shareWithFriendsAsOfDate", LongType()),
    ]
)


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


args = options(["JOB_NAME", "LAKE"], [])
lake = args["LAKE"].rstrip("/")

glue = GlueContext(SparkContext.getOrCreate())
spark = glue.spark_session
for setting, value in SETTINGS.items():
    spark.conf.set(setting, value)
job = Job(glue)
job.init(args["JOB_NAME"], args)

read_table(spark, f"{lake}/customer/trusted/").createOrReplaceTempView("customer_trusted")
read_table(spark, f"{lake}/accelerometer/trusted/").createOrReplaceTempView("accelerometer_trusted")

# what the lake holds is left alone until everything new is written
staging = f"{lake}/_stedi/glue/customer_trusted_to_curated"
remove(spark, staging)
staged = f"{staging}/{uuid4().hex}"
rows = stage(spark, spark.sql(SQL), SCHEMA, f"{staged}/table")
replace(spark, f"{lake}/customer/curated/", f"{staged}/table")
remove(spark, staging)
print(f"customers_curated: {rows:,} rows")
job.commit()
