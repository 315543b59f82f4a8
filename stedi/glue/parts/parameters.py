"""What a run is told: the columns of the relation `run_parameters`."""

from __future__ import annotations

import secrets

from pyspark.sql import SparkSession

from stedi.parameters import MAX_CLOCK_SKEW_MS


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


def clock_skew_ms(text: str) -> int:
    """Return how far the clocks of a device and its owner's phone may be apart."""
    if not text.isdecimal() or int(text) > MAX_CLOCK_SKEW_MS:
        raise ValueError(f"--CLOCK_SKEW_MS is {text!r}, not 0 to {MAX_CLOCK_SKEW_MS:,}")
    return int(text)
