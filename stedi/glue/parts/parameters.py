"""What a run is told: the relation `run_parameters`."""

from __future__ import annotations

import secrets

from pyspark.sql import DataFrame, SparkSession


def run_parameters(spark: SparkSession, key_path: str | None, clock_skew_ms: str) -> DataFrame:
    """Return what the run is told, one row: the key of the pseudonyms, and how far clocks may be apart.

    The key is the text of a file; without one it is drawn for this run, and nobody can tell its pseudonyms again.
    """
    if key_path is None:
        key = secrets.token_hex(32)
        print("no PSEUDONYM_KEY_PATH: pseudonyms with a random key, others in every run")
    else:
        key = spark.read.text(key_path, wholetext=True).first().value.strip()
        if not key:
            raise ValueError(f"{key_path} is empty, it must hold the key of the pseudonyms")
    return spark.createDataFrame([(key, int(clock_skew_ms))], "pseudonym_key string, clock_skew_ms bigint")
