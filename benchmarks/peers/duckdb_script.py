"""The five tables as somebody would write them in DuckDB: five COPY statements, nothing checked.

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
