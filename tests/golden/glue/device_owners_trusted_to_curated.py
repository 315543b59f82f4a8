"""device_owners_trusted_to_curated: whose device it is, found by the instants it shares with phones of consenting customers.

For AWS Glue 5.1 (Spark 3.5.6, Python 3.11) and 6.0 (Spark 4.1.1, Python 3.13).
Written by `stedi glue render` from stedi/zones/curated/device_owners.sql: change that and render again.

Reads LANDING/step_trainer/landing/ and LAKE/accelerometer/trusted/.
Writes LAKE/device_owner/curated/.

Job arguments:
  --LAKE           s3://bucket/prefix of the lake
  --LANDING        the same of the landing data, where they are not in the lake
  --CLOCK_SKEW_MS  how many ms the clocks of a device and its owner's phone may be apart; without it 0
"""

import re
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

# device_owners: whose device it is, found by the instants it shares with phones of consenting customers.
# Inputs: step_trainer_landing, accelerometer_trusted, run_parameters.
# Bag: one row a device that can be attributed; nothing stands here of the others. Near ties are found too, and then
# left out by `stays`, so that a build can count them.
#
# The customers' serial numbers are not looked at: the fulfilment site gave the same 30 of them to millions of
# customers. What a device and its owner's phone have in common is when they recorded. So a phone has a vote for each
# instant of a device at which it recorded too, and is the owner's with
#   - at least 5 instants in common,
#   - at least 4 of 5 of the device's instants: a device of somebody who did not consent matches nobody well,
#   - a lead over the next phone of at least 1 of 5 of them: a near tie stays unattributed,
#   - at most 1 of 10 less than another device of the same phone: of two people who always train together, one of whom
#     consented, the other's device is behind the consenting one's own.
# An instant with more than 20 phones or more than 20 devices says little about any of them. It is left out on both
# sides, and that bounds the votes at 20 an instant of a device. docs/privacy.md has the measurements behind this.
#
# In between devices and phones are numbers of 32 bits: texts would take twice the memory, and are what spills first.
#
# With clock_skew_ms above 0 a phone's clock may be that much ahead of the device's or behind it, always by the same.
# Votes are then counted by phone and difference. First all devices are judged as above at the difference that most
# votes are for, if it is none or that of 10 devices. A device that is still nobody's is judged by the best difference
# of each phone, and only given a phone that no device has, if besides no other device matches that phone within 1 of
# 5: with differences to choose from, devices that record at a steady pace match many phones. Instants meet by windows
# of clock_skew_ms + 1, each device's with the neighbouring windows too; without skew a window is one instant, and has
# no neighbours.
#
# Each step is a view. Spark plans and computes a view anew for each of its readers: one with several is
# computed first and kept on the executors. Should one of these be lost, the job fails: run it again.
STEPS = {
    "devices": """
        select
            s.serialNumber,
            cast(row_number() over (order by s.serialNumber asc nulls last) as int) as device
        from step_trainer_landing as s
        group by s.serialNumber
    """,
    "phones": """
        select
            a.user as owner,
            cast(row_number() over (order by a.user asc nulls last) as int) as phone
        from accelerometer_trusted as a
        group by a.user
    """,
    "device_instants": """
        select distinct
            n.device,
            s.sensorReadingTime as instant
        from step_trainer_landing as s
        inner join devices as n on s.serialNumber = n.serialNumber
    """,
    "phone_instants": """
        select distinct
            n.phone,
            a.timestamp as instant
        from accelerometer_trusted as a
        inner join phones as n on a.user = n.owner
    """,
    "crowded": """
        select d.instant
        from device_instants as d
        group by d.instant
        having count(*) > 20
        union
        select p.instant
        from phone_instants as p
        group by p.instant
        having count(*) > 20
    """,
    "shifts": """
        select
            n.shift,
            r.clock_skew_ms
        from (values (0), (-1), (1)) as n (shift)
        cross join run_parameters as r
        where n.shift = 0 or r.clock_skew_ms > 0
    """,
    "device_windows": """
        select
            d.device,
            d.instant,
            d.instant div (h.clock_skew_ms + 1) + h.shift as place
        from device_instants as d
        cross join shifts as h
        anti join crowded as c on d.instant = c.instant
    """,
    "phone_windows": """
        select
            p.phone,
            p.instant,
            r.clock_skew_ms,
            p.instant div (r.clock_skew_ms + 1) as place
        from phone_instants as p
        cross join run_parameters as r
        anti join crowded as c on p.instant = c.instant
    """,
    "votes": """
        select
            d.device,
            p.phone,
            p.instant - d.instant as difference,
            count(*) as matched
        from device_windows as d
        inner join phone_windows as p on d.place = p.place
        where abs(p.instant - d.instant) <= p.clock_skew_ms
        group by d.device, p.phone, p.instant - d.instant
    """,
    "readings": """
        select
            d.device,
            count(*) as readings
        from device_instants as d
        anti join crowded as c on d.instant = c.instant
        where
            d.device in (
                select v.device
                from votes as v
                where v.matched >= 5
            )
        group by d.device
    """,
    "differences": """
        select
            v.difference,
            row_number() over (order by sum(v.matched) desc, abs(v.difference) asc nulls last, v.difference asc nulls last) as place
        from votes as v
        where v.matched >= 5
        group by v.difference
        having v.difference = 0 or count(*) >= 10
    """,
    "candidates": """
        select
            v.device,
            v.phone,
            v.difference,
            v.matched,
            row_number() over (partition by v.device order by v.matched desc, v.phone asc nulls last) as place,
            coalesce(
                lead(v.matched) over (partition by v.device order by v.matched desc, v.phone asc nulls last), 0
            ) as runner_up
        from votes as v
        inner join differences as f on v.difference = f.difference
        where f.place = 1
    """,
    "winners": """
        select
            c.device,
            c.phone,
            c.difference,
            r.readings,
            c.matched,
            c.runner_up,
            c.matched * 1000 div r.readings as share,
            (c.matched - c.runner_up) * 5 >= r.readings as is_clear,
            max(case when (c.matched - c.runner_up) * 5 >= r.readings then c.matched * 1000 div r.readings end)
                over (partition by c.phone)
                as best_share
        from candidates as c
        inner join readings as r on c.device = r.device
        where
            c.place = 1
            and c.matched >= 5
            and c.matched * 5 >= r.readings * 4
    """,
    "judged": """
        select
            w.device,
            w.phone,
            w.difference,
            w.readings,
            w.matched,
            w.runner_up,
            w.is_clear and w.share + 100 >= w.best_share as stays
        from winners as w
    """,
    "owned": """
        select
            j.device,
            j.phone
        from judged as j
        where j.stays
    """,
    "searched": """
        select
            v.device,
            v.phone,
            v.difference,
            r.readings,
            v.matched,
            row_number() over (
                partition by v.device, v.phone
                order by v.matched desc, abs(v.difference) asc nulls last, v.difference asc nulls last
            ) as place
        from votes as v
        inner join readings as r on v.device = r.device
        cross join run_parameters as p
        where p.clock_skew_ms > 0 and v.device not in (select o.device from owned as o)
    """,
    "rivals": """
        select
            s.device,
            s.phone,
            s.difference,
            s.readings,
            s.matched,
            row_number() over (partition by s.device order by s.matched desc, s.phone asc nulls last) as place,
            coalesce(
                lead(s.matched) over (partition by s.device order by s.matched desc, s.phone asc nulls last), 0
            ) as runner_up,
            s.matched * 1000 div s.readings as share,
            row_number() over (
                partition by s.phone order by s.matched * 1000 div s.readings desc, s.device asc nulls last
            ) as phone_place,
            coalesce(
                lead(s.matched * 1000 div s.readings) over (
                    partition by s.phone order by s.matched * 1000 div s.readings desc, s.device asc nulls last
                ),
                0
            ) as phone_runner_up
        from searched as s
        where s.place = 1
    """,
    "claims": """
        select
            t.device,
            t.phone,
            t.difference,
            t.readings,
            t.matched,
            t.runner_up,
            t.stays
        from judged as t
        union all
        select
            s.device,
            s.phone,
            s.difference,
            s.readings,
            s.matched,
            s.runner_up,
            true as stays
        from rivals as s
        where
            s.place = 1
            and s.phone_place = 1
            and s.matched >= 5
            and s.matched * 5 >= s.readings * 4
            and (s.matched - s.runner_up) * 5 >= s.readings
            and s.share >= s.phone_runner_up + 200
            and s.phone not in (select o.phone from owned as o)
    """,
    "found": """
        select
            n.serialNumber,
            p.owner,
            c.readings,
            c.matched,
            c.runner_up as runner_up_matched,
            c.difference as clock_skew_ms,
            c.stays,
            cast(c.matched - c.runner_up as double) / nullif(c.readings, 0) as confidence
        from claims as c
        inner join devices as n on c.device = n.device
        inner join phones as p on c.phone = p.phone
    """,
}
KEPT = ["devices", "phones", "device_instants", "phone_instants", "crowded", "votes", "readings", "judged", "owned"]
SQL = """
select
    cast(f.serialNumber as string) as serialNumber,
    cast(f.owner as string) as owner,
    cast(f.readings as bigint) as readings,
    cast(f.matched as bigint) as matched,
    cast(f.runner_up_matched as bigint) as runner_up_matched,
    cast(f.confidence as double) as confidence,
    cast(f.clock_skew_ms as bigint) as clock_skew_ms
from found as f
where f.stays
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
        StructField("serialNumber", StringType()),
        StructField("owner", StringType()),
        StructField("readings", LongType()),
        StructField("matched", LongType()),
        StructField("runner_up_matched", LongType()),
        StructField("confidence", DoubleType()),
        StructField("clock_skew_ms", LongType()),
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

MAX_CLOCK_SKEW_MS = 60_000


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


def clock_skew_ms(text: str) -> int:
    """Return how far the clocks of a device and its owner's phone may be apart."""
    if not text.isdecimal() or int(text) > MAX_CLOCK_SKEW_MS:
        raise ValueError(f"--CLOCK_SKEW_MS is {text!r}, not 0 to {MAX_CLOCK_SKEW_MS:,}")
    return int(text)


args = options(["JOB_NAME", "LAKE"], ["LANDING", "CLOCK_SKEW_MS"])
lake = args["LAKE"].rstrip("/")
landing = args.get("LANDING", lake).rstrip("/")

glue = GlueContext(SparkContext.getOrCreate())
spark = glue.spark_session
for setting, value in SETTINGS.items():
    spark.conf.set(setting, value)
job = Job(glue)
job.init(args["JOB_NAME"], args)

read_table(spark, f"{lake}/accelerometer/trusted/").createOrReplaceTempView("accelerometer_trusted")
# as rows, not as text of SQL: a plan is logged
told = spark.createDataFrame([(clock_skew_ms(args.get("CLOCK_SKEW_MS", "0")),)], "clock_skew_ms bigint")
told.createOrReplaceTempView("run_parameters")
lines = read_lines(spark, landing, "step_trainer/landing/")
step_trainer = decide(lines, STEP_TRAINER_SCHEMA, STEP_TRAINER_CLEAN, STEP_TRAINER_REFUSED)
good_rows(step_trainer).createOrReplaceTempView("step_trainer_landing")
for step, query in STEPS.items():
    view = spark.sql(query)
    (view.localCheckpoint() if step in KEPT else view).createOrReplaceTempView(step)

# what the lake holds is left alone until everything new is written
staging = f"{lake}/_stedi/glue/device_owners_trusted_to_curated"
remove(spark, staging)
staged = f"{staging}/{uuid4().hex}"
rows = stage(spark, spark.sql(SQL), SCHEMA, f"{staged}/table")
replace(spark, f"{lake}/device_owner/curated/", f"{staged}/table")
remove(spark, staging)
print(f"device_owners: {rows:,} rows")
job.commit()
