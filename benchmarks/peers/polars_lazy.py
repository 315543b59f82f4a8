"""The tables as somebody would write them in lazy Polars.

Usage: polars_lazy.py LANDING OUT
"""

import hashlib
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

landed = read("step_trainer", STEP_TRAINER)
instants = landed.select("serialNumber", instant="sensorReadingTime").unique()
phones = readings.select(owner="user", instant="timestamp").unique()
ranked = (
    instants.join(phones, on="instant")
    .group_by("serialNumber", "owner")
    .agg(matched=pl.len())
    .sort("serialNumber", "matched", "owner", descending=[False, True, False])
    .group_by("serialNumber", maintain_order=True)
    .agg(
        pl.col("owner").first(),
        pl.col("matched").first(),
        runner_up_matched=pl.col("matched").get(1, null_on_oob=True).fill_null(0),
    )
    .join(instants.group_by("serialNumber").agg(readings=pl.len()), on="serialNumber")
    .with_columns(confidence=(pl.col("matched").cast(pl.Int64) - pl.col("runner_up_matched")) / pl.col("readings"))
    .filter((pl.col("matched") >= 5) & (pl.col("matched") >= 0.8 * pl.col("readings")) & (pl.col("confidence") >= 0.2))
)
owners = write(ranked, "device_owner/curated")


def pseudonym(name: str) -> pl.Expr:
    """Return the keyed hash of a column."""
    return pl.col(name).map_elements(lambda value: hashlib.sha256(f"key {value}".encode()).hexdigest(), pl.String)


owned = owners.join(
    customers.select("email", "shareWithResearchAsOfDate"), left_on="owner", right_on="email"
).with_columns(customerPseudonym=pseudonym("owner"), devicePseudonym=pseudonym("serialNumber"))
write(
    landed.join(owned, on="serialNumber")
    .join(readings, left_on=["owner", "sensorReadingTime"], right_on=["user", "timestamp"], coalesce=False)
    .filter(pl.col("timestamp") >= pl.col("shareWithResearchAsOfDate"))
    .select(
        "customerPseudonym", "devicePseudonym", "sensorReadingTime", "distanceFromObject", "timestamp", "x", "y", "z"
    ),
    "training/curated",
)
