"""training_trusted_to_curated: each attributed device's readings with its own owner's of the same instant, since the consent.

For AWS Glue 5.1 (Spark 3.5.6, Python 3.11) and 6.0 (Spark 4.1.1, Python 3.13).
Written by `stedi glue render` from stedi/zones/curated/training_curated.sql: change that and render again.

Reads LANDING/step_trainer/landing/, LAKE/customer/trusted/, LAKE/accelerometer/trusted/ and LAKE/device_owner/curated/.
Writes LAKE/training/curated/.

Job arguments:
  --LAKE                s3://bucket/prefix of the lake
  --LANDING             the same of the landing data, where they are not in the lake
  --PSEUDONYM_KEY_PATH  s3://bucket/file with the key of the pseudonyms; without it a random one
"""

import re
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, LongType, StringType, StructField, StructType

# training_curated: each attributed device's readings with its own owner's of the same instant, since the consent.
# Inputs: step_trainer_landing, accelerometer_trusted, customer_trusted, device_owners, run_parameters.
# Bag: one row a pair of readings of one customer and one instant; a reading that landed twice pairs twice.
#
# The published join on the timestamp alone pairs devices with whoever recorded at that instant. Here the readings of a
# device meet those of its own owner's phone only, of the same instant by the clock difference that device_owners has,
# and not before the customer agreed to research: of several records that agree the one updated last says since when,
# and of two such the later date counts. That is asked of both sides, so that fewer rows meet.
# A phone with more than 100 readings of one instant is out of order, and these are left out: each device reading of
# the instant would be paired with all of them.
#
# No personal data: customer and device are pseudonyms, a keyed SHA-256. It is nested, so that no digest can be
# continued to another without the key, and the word before a value keeps a device from having a customer's pseudonym.
# Pseudonyms are put in the place of numbers last, since a join that holds millions of them would spill; for the same
# reason device numbers have 32 bits, and sensorReadingTime is told again from the instant. Grouped by device each
# pseudonym is computed once; DuckDB would hash for every row of the join.
#
# Each step is a view. Spark plans and computes a view anew for each of its readers: one with several is
# computed first and kept on the executors. Should one of these be lost, the job fails: run it again.
STEPS = {
    "latest": """
        select
            c.email,
            max(c.lastUpdateDate) as updated_at
        from customer_trusted as c
        group by c.email
    """,
    "people": """
        select
            c.email,
            max(c.shareWithResearchAsOfDate) as agreed_at
        from customer_trusted as c
        inner join latest as l
            on c.email = l.email and c.lastUpdateDate is not distinct from l.updated_at
        group by c.email
    """,
    "owned": """
        select
            o.serialNumber,
            o.owner,
            o.clock_skew_ms,
            p.agreed_at,
            cast(rank() over (order by o.serialNumber asc nulls last) as int) as device
        from device_owners as o
        inner join people as p on o.owner = p.email
    """,
    "pseudonyms": """
        select
            o.device,
            min(o.clock_skew_ms) as clock_skew_ms,
            min(sha2(r.pseudonym_key || sha2(r.pseudonym_key || 'customer ' || o.owner, 256), 256)) as customerPseudonym,
            min(sha2(r.pseudonym_key || sha2(r.pseudonym_key || 'device ' || o.serialNumber, 256), 256)) as devicePseudonym
        from owned as o
        cross join run_parameters as r
        group by o.device
    """,
    "busy": """
        select a.timestamp as instant
        from accelerometer_trusted as a
        group by a.timestamp
        having count(*) > 100
    """,
    "overloaded": """
        select
            a.user as owner,
            a.timestamp as instant
        from accelerometer_trusted as a
        inner join busy as b on a.timestamp = b.instant
        group by a.user, a.timestamp
        having count(*) > 100
    """,
    "device_readings": """
        select
            o.device,
            s.distanceFromObject,
            s.sensorReadingTime + o.clock_skew_ms as instant
        from step_trainer_landing as s
        inner join owned as o on s.serialNumber = o.serialNumber
        where s.sensorReadingTime + o.clock_skew_ms >= o.agreed_at
    """,
    "phone_readings": """
        select
            o.device,
            a.timestamp,
            a.x,
            a.y,
            a.z
        from accelerometer_trusted as a
        inner join owned as o on a.user = o.owner
        anti join overloaded as v on a.user = v.owner and a.timestamp = v.instant
        where a.timestamp >= o.agreed_at
    """,
    "pairs": """
        select
            n.customerPseudonym,
            n.devicePseudonym,
            d.distanceFromObject,
            p.timestamp as `timestamp`,
            p.x,
            p.y,
            p.z,
            p.timestamp - n.clock_skew_ms as sensorReadingTime
        from phone_readings as p
        inner join device_readings as d on p.device = d.device and p.timestamp = d.instant
        inner join pseudonyms as n on d.device = n.device
    """,
}
KEPT = ["owned"]
SQL = """
select
    cast(p.customerPseudonym as string) as customerPseudonym,
    cast(p.devicePseudonym as string) as devicePseudonym,
    cast(p.sensorReadingTime as bigint) as sensorReadingTime,
    cast(p.distanceFromObject as bigint) as distanceFromObject,
    cast(p.timestamp as bigint) as `timestamp`,
    cast(p.x as double) as x,
    cast(p.y as double) as y,
    cast(p.z as double) as z
from pairs as p
"""

STEP_TRAINER_SCHEMA = StructType(
    [
        StructField("sensorReadingTime", LongType()),
        StructField("serialNumber", StringType()),
        StructField("distanceFromObject", LongType()),
    ]
)

SCHEMA = StructType(
    [
        StructField("customerPseudonym", StringType()),
        StructField("devicePseudonym", StringType()),
        StructField("sensorReadingTime", LongType()),
        StructField("distanceFromObject", LongType()),
        StructField("timestamp", LongType()),
        StructField("x", DoubleType()),
        StructField("y", DoubleType()),
        StructField("z", DoubleType()),
    ]
)

# The reading rule. A good line is a flat JSON object, which one expression decides; loops over groups are
# possessive (*+), since others recurse and a line with many escapes would overflow the stack of the JVM.
LANDING_FILE = r"\.[jJ][sS][oO][nN][lL]?(\.[gG][zZ])?$"
HIDDEN = r"/[_.]"
MAX_LINE_CHARS = 1_000_000
RAW_BYTES_KEPT = 1_000_000
TRIM = " \t\r\x0b\x0c"
EDGE = r"[ \t\r\x0b\f]*"
WS = r"[ \t\r]*"
CHAR = r'[^"\\\x00-\x1f\x{fffd}]'
ESCAPE = (
    r'\\(?:["\\/bfnrt]|u(?:[0-9abcefABCEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}|'
    r"[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))"
)
TEXT = rf'"{CHAR}*(?:{ESCAPE}{CHAR}*)*+"'
FILLED_TEXT = rf'"(?:{CHAR}|{ESCAPE}){CHAR}*(?:{ESCAPE}{CHAR}*)*+"'
INTEGER = r"(?:0|-?[1-9][0-9]{0,17})"
NUMBER = r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?"
KEY = rf'"{CHAR}*"'
PAIR = rf"{KEY}{WS}:{WS}(?:{TEXT}|{NUMBER}|true|false|null)"
BLANK_LINE = rf"\A{EDGE}+\z"
TOO_LONG = rf"\A{EDGE}+[^ \t\r\x0b\f](?s:.{{999999,}})[^ \t\r\x0b\f]"
FLAT = rf"\A{EDGE}+\{{{WS}(?:{PAIR}{WS}(?:,{WS}{PAIR}{WS})*+)?\}}{EDGE}+\z"


def has(key: str, value: str = "") -> str:
    """Return the expression of a flat line that has a key, with such a value."""
    found = rf'[{{,]{WS}"{key}"{WS}:'
    return rf"{found}{WS}(?:{value}){WS}[,}}]" if value else found


STEP_TRAINER_CLEAN = (
    rf'\A{EDGE}+\{{{WS}"sensorReadingTime"{WS}:{WS}{INTEGER}'
    rf'{WS},{WS}"serialNumber"{WS}:{WS}{FILLED_TEXT}'
    rf'{WS},{WS}"distanceFromObject"{WS}:{WS}(?:{INTEGER}|null){WS}\}}{EDGE}+\z'
)
# why another line is refused, in the order tried: reason, what it then has, what it then lacks
STEP_TRAINER_REFUSED = [
    ("missing:sensorReadingTime", "", has("sensorReadingTime")),
    ("empty:sensorReadingTime", has("sensorReadingTime", 'null|""'), ""),
    ("bad_type:sensorReadingTime", has("sensorReadingTime"), has("sensorReadingTime", f"{INTEGER}|null")),
    ("missing:serialNumber", "", has("serialNumber")),
    ("empty:serialNumber", has("serialNumber", 'null|""'), ""),
    ("bad_type:serialNumber", has("serialNumber"), has("serialNumber", f"{TEXT}|null")),
    ("bad_type:distanceFromObject", has("distanceFromObject"), has("distanceFromObject", f"{INTEGER}|null")),
]


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


def pseudonym_key(spark: SparkSession, file: str | None) -> str:
    """Return the key of the pseudonyms: the text of a file, or one drawn for this run alone."""
    if file is None:
        print("no --PSEUDONYM_KEY_PATH: the pseudonyms are those of a random key, and others in every run")
        return secrets.token_hex(32)
    found = spark.read.text(file, wholetext=True).collect()
    key = "".join(row.value for row in found).strip()
    if not key or "\N{REPLACEMENT CHARACTER}" in key:
        raise ValueError(f"{file} holds no text, so no key of the pseudonyms")
    return key


args = options(["JOB_NAME", "LAKE"], ["LANDING", "PSEUDONYM_KEY_PATH"])
lake = args["LAKE"].rstrip("/")
landing = args.get("LANDING", lake).rstrip("/")

glue = GlueContext(SparkContext.getOrCreate())
spark = glue.spark_session
for setting, value in SETTINGS.items():
    spark.conf.set(setting, value)
job = Job(glue)
job.init(args["JOB_NAME"], args)

read_table(spark, f"{lake}/customer/trusted/").createOrReplaceTempView("customer_trusted")
read_table(spark, f"{lake}/accelerometer/trusted/").createOrReplaceTempView("accelerometer_trusted")
read_table(spark, f"{lake}/device_owner/curated/").createOrReplaceTempView("device_owners")
# as rows, not as text of SQL: a plan is logged
told = spark.createDataFrame([(pseudonym_key(spark, args.get("PSEUDONYM_KEY_PATH")),)], "pseudonym_key string")
told.createOrReplaceTempView("run_parameters")
lines = read_lines(spark, landing, "step_trainer/landing/")
step_trainer = decide(lines, STEP_TRAINER_SCHEMA, STEP_TRAINER_CLEAN, STEP_TRAINER_REFUSED)
good_rows(step_trainer).createOrReplaceTempView("step_trainer_landing")
for step, query in STEPS.items():
    view = spark.sql(query)
    (view.localCheckpoint() if step in KEPT else view).createOrReplaceTempView(step)

# what the lake holds is left alone until everything new is written
staging = f"{lake}/_stedi/glue/training_trusted_to_curated"
remove(spark, staging)
staged = f"{staging}/{uuid4().hex}"
rows = stage(spark, spark.sql(SQL), SCHEMA, f"{staged}/table")
replace(spark, f"{lake}/training/curated/", f"{staged}/table")
remove(spark, staging)
print(f"training_curated: {rows:,} rows")
job.commit()
