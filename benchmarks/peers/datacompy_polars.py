"""Two tables compared by datacompy on Polars: prints whether they match, and the seconds without the reading.

    python datacompy_polars.py LEFT.parquet RIGHT.parquet [fewest]

It joins on the keys of the table (the columns that machine_learning_curated requires); only `fewest` of them are unique
too, which it is fastest with.
"""

import sys
import time
from importlib.metadata import version

import polars as pl
from datacompy import PolarsCompare

FEWEST = ["sensorReadingTime", "user"]
KEYS = FEWEST if sys.argv[3:] else [*FEWEST, "serialNumber", "timestamp"]

left, right = (pl.read_parquet(file) for file in sys.argv[1:3])
started = time.perf_counter()
found = PolarsCompare(left, right, join_columns=KEYS).matches()
print(found, time.perf_counter() - started, *(f"{name} {version(name)}" for name in ("datacompy", "polars")))
