"""The five tables as somebody would write them in PySpark, local[2].

Usage: spark_local.py LANDING OUT
"""

import sys

from pyspark.sql import DataFrame, SparkSession

landing, out = sys.argv[1], sys.argv[2]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.driver.memory", "4g")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "8")
    .config("spark.sql.parquet.compression.codec", "zstd")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")

CUSTOMER = (
    "customerName string, email string, phone string, birthDay string, serialNumber string, registrationDate bigint,"
    " lastUpdateDate bigint, shareWithResearchAsOfDate bigint, shareWithPublicAsOfDate bigint,"
    " shareWithFriendsAsOfDate bigint"
)
ACCELEROMETER = "user string, timestamp bigint, x double, y double, z double"
STEP_TRAINER = "sensorReadingTime bigint, serialNumber string, distanceFromObject bigint"


def read(feed: str, schema: str) -> DataFrame:
    """Read one feed."""
    return spark.read.schema(schema).json(f"{landing}/{feed}/landing/")


def write(frame: DataFrame, prefix: str) -> DataFrame:
    """Write one table and return it for the next."""
    frame.write.mode("overwrite").parquet(f"{out}/{prefix}")
    return spark.read.parquet(f"{out}/{prefix}")


customers = write(read("customer", CUSTOMER).where("shareWithResearchAsOfDate > 0"), "customer/trusted")
readings = read("accelerometer", ACCELEROMETER)
readings = write(readings.join(customers, readings.user == customers.email, "left_semi"), "accelerometer/trusted")
curated = write(customers.join(readings, readings.user == customers.email, "left_semi"), "customer/curated")
steps = write(read("step_trainer", STEP_TRAINER).join(curated, "serialNumber", "left_semi"), "step_trainer/trusted")
write(steps.join(readings, steps.sensorReadingTime == readings.timestamp), "machine_learning/curated")
spark.stop()
