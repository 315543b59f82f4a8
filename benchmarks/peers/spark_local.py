"""The tables as somebody would write them in PySpark, local[2].

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

landed = read("step_trainer", STEP_TRAINER)
landed.createOrReplaceTempView("landed")
readings.createOrReplaceTempView("readings")
customers.createOrReplaceTempView("customers")
owners = spark.sql("""
    with instants as (select distinct serialNumber, sensorReadingTime as instant from landed),
    phones as (select distinct user as owner, timestamp as instant from readings),
    counted as (select serialNumber, count(*) as readings from instants group by serialNumber),
    votes as (
        select serialNumber, owner, count(*) as matched from instants join phones using (instant)
        group by serialNumber, owner
    ),
    ranked as (
        select *,
            row_number() over (partition by serialNumber order by matched desc, owner) as place,
            coalesce(lead(matched) over (partition by serialNumber order by matched desc, owner), 0) as runner_up
        from votes
    )
    select serialNumber, owner, readings, matched, runner_up as runner_up_matched,
        (matched - runner_up) / readings as confidence
    from ranked join counted using (serialNumber)
    where place = 1 and matched >= 5 and matched >= 0.8 * readings and matched - runner_up >= 0.2 * readings
""")
write(owners, "device_owner/curated").createOrReplaceTempView("owners")
training = spark.sql("""
    select sha2(concat('key ', o.owner), 256) as customerPseudonym,
        sha2(concat('key ', o.serialNumber), 256) as devicePseudonym,
        s.sensorReadingTime, s.distanceFromObject, a.timestamp, a.x, a.y, a.z
    from landed s
    join owners o on s.serialNumber = o.serialNumber
    join customers c on c.email = o.owner
    join readings a on a.user = o.owner and a.timestamp = s.sensorReadingTime
    where a.timestamp >= c.shareWithResearchAsOfDate
""")
write(training, "training/curated")
spark.stop()
