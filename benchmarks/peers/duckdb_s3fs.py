"""Count the rows of JSON objects with DuckDB reading them through a registered s3fs filesystem.

Usage: duckdb_s3fs.py BUCKET
"""

import sys

import duckdb
from s3fs import S3FileSystem

connection = duckdb.connect()
connection.register_filesystem(S3FileSystem())
rows = connection.execute(
    "select count(*), sum(x) from read_json($files, format = 'newline_delimited',"
    " columns = {user: 'VARCHAR', timestamp: 'BIGINT', x: 'DOUBLE', y: 'DOUBLE', z: 'DOUBLE'})",
    {"files": f"s3://{sys.argv[1]}/accelerometer/landing/*.json"},
).fetchall()
print(rows)
