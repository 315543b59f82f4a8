"""The five tables as somebody would write them in lazy Polars.

Usage: polars_lazy.py LANDING OUT
"""

import sys
from pathlib import Path

import polars as pl

landing, out = Path(sys.argv[1]), Path(sys.argv[2])

CUSTOMER = {
    **dict.fromkeys(("customerName", "email", "phone", "birthDay", "serialNumber"), pl.String),
    **dict.fromkeys(
        (
            "registrationDate",
            "lastUpdateDate",
            "shareWithResearchAsOfDate",
            "shareWithPublicAsOfDate",
            "shareWithFriendsAsOfDate",
        ),
        pl.Int64,
    ),
}
ACCELEROMETER = {"user": pl.String, "timestamp": pl.Int64, "x": pl.Float64, "y": pl.Float64, "z": pl.Float64}
STEP_TRAINER = {"sensorReadingTime": pl.Int64, "serialNumber": pl.String, "distanceFromObject": pl.Int64}


def read(feed: str, schema: dict[str, type[pl.DataType]]) -> pl.LazyFrame:
    """Scan one feed."""
    return pl.scan_ndjson(sorted((landing / feed / "landing").glob("*.json")), schema=schema)


def write(frame: pl.LazyFrame, prefix: str) -> pl.LazyFrame:
    """Write one table and return it for the next."""
    (out / prefix).mkdir(parents=True, exist_ok=True)
    frame.sink_parquet(out / prefix / "data.parquet", compression="zstd")
    return pl.scan_parquet(out / prefix / "data.parquet")


customers = write(read("customer", CUSTOMER).filter(pl.col("shareWithResearchAsOfDate") > 0), "customer/trusted")
readings = write(
    read("accelerometer", ACCELEROMETER).join(customers, left_on="user", right_on="email", how="semi"),
    "accelerometer/trusted",
)
curated = write(customers.join(readings, left_on="email", right_on="user", how="semi"), "customer/curated")
steps = write(
    read("step_trainer", STEP_TRAINER).join(curated, on="serialNumber", how="semi"),
    "step_trainer/trusted",
)
write(
    steps.join(readings, left_on="sensorReadingTime", right_on="timestamp", how="inner", coalesce=False),
    "machine_learning/curated",
)
