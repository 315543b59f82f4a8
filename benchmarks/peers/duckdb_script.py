"""The tables as somebody would write them in DuckDB: seven COPY statements, nothing checked.

Usage: duckdb_script.py LANDING OUT [MEMORY_LIMIT]
"""

import sys
from pathlib import Path

import duckdb

landing, out = sys.argv[1], Path(sys.argv[2])
connection = duckdb.connect()
if len(sys.argv) > 3:
    connection.execute("set memory_limit = $limit", {"limit": sys.argv[3]})
    connection.execute("set temp_directory = $folder", {"folder": str(out / "spill")})

TO = "(format parquet, compression zstd)"
CUSTOMER = """{
    customerName: 'VARCHAR', email: 'VARCHAR', phone: 'VARCHAR', birthDay: 'VARCHAR', serialNumber: 'VARCHAR',
    registrationDate: 'BIGINT', lastUpdateDate: 'BIGINT', shareWithResearchAsOfDate: 'BIGINT',
    shareWithPublicAsOfDate: 'BIGINT', shareWithFriendsAsOfDate: 'BIGINT'
}"""
ACCELEROMETER = "{user: 'VARCHAR', timestamp: 'BIGINT', x: 'DOUBLE', y: 'DOUBLE', z: 'DOUBLE'}"
STEP_TRAINER = "{sensorReadingTime: 'BIGINT', serialNumber: 'VARCHAR', distanceFromObject: 'BIGINT'}"


def read(feed: str, columns: str) -> str:
    """Return the reader of one feed."""
    return f"read_json('{landing}/{feed}/landing/*.json', format = 'newline_delimited', columns = {columns})"


def table(prefix: str) -> str:
    """Return the file of one table, its folder made."""
    (out / prefix).mkdir(parents=True, exist_ok=True)
    return str(out / prefix / "data.parquet")


customer_trusted = table("customer/trusted")
accelerometer_trusted = table("accelerometer/trusted")
customers_curated = table("customer/curated")
step_trainer_trusted = table("step_trainer/trusted")
machine_learning_curated = table("machine_learning/curated")
device_owners = table("device_owner/curated")
training_curated = table("training/curated")

connection.execute(
    f"copy (select * from {read('customer', CUSTOMER)} where shareWithResearchAsOfDate > 0)"
    f" to '{customer_trusted}' {TO}"
)
connection.execute(
    f"copy (select a.* from {read('accelerometer', ACCELEROMETER)} a semi join '{customer_trusted}' c"
    f" on a.user = c.email) to '{accelerometer_trusted}' {TO}"
)
connection.execute(
    f"copy (select c.* from '{customer_trusted}' c semi join '{accelerometer_trusted}' a on a.user = c.email)"
    f" to '{customers_curated}' {TO}"
)
connection.execute(
    f"copy (select s.* from {read('step_trainer', STEP_TRAINER)} s semi join '{customers_curated}' c"
    f" on s.serialNumber = c.serialNumber) to '{step_trainer_trusted}' {TO}"
)
connection.execute(
    f"copy (select s.*, a.* from '{step_trainer_trusted}' s join '{accelerometer_trusted}' a"
    f" on a.timestamp = s.sensorReadingTime) to '{machine_learning_curated}' {TO}"
)
connection.execute(
    f"""copy (
        with instants as (
            select distinct serialNumber, sensorReadingTime as instant from {read("step_trainer", STEP_TRAINER)}
        ),
        phones as (select distinct user as owner, timestamp as instant from '{accelerometer_trusted}'),
        readings as (select serialNumber, count(*) as readings from instants group by all),
        votes as (
            select serialNumber, owner, count(*) as matched from instants join phones using (instant) group by all
        ),
        ranked as (
            select *,
                row_number() over (partition by serialNumber order by matched desc, owner) as place,
                coalesce(lead(matched) over (partition by serialNumber order by matched desc, owner), 0) as runner_up
            from votes
        )
        select serialNumber, owner, readings, matched, runner_up as runner_up_matched,
            (matched - runner_up) / readings as confidence
        from ranked join readings using (serialNumber)
        where place = 1 and matched >= 5 and matched >= 0.8 * readings and matched - runner_up >= 0.2 * readings
    ) to '{device_owners}' {TO}"""
)
connection.execute(
    f"""copy (
        select sha256('key ' || o.owner) as customerPseudonym, sha256('key ' || o.serialNumber) as devicePseudonym,
            s.sensorReadingTime, s.distanceFromObject, a.timestamp, a.x, a.y, a.z
        from {read("step_trainer", STEP_TRAINER)} s
        join '{device_owners}' o using (serialNumber)
        join '{customer_trusted}' c on c.email = o.owner
        join '{accelerometer_trusted}' a on a.user = o.owner and a.timestamp = s.sensorReadingTime
        where a.timestamp >= c.shareWithResearchAsOfDate
    ) to '{training_curated}' {TO}"""
)
