"""The tables of the lakehouse: columns, types, keys, personal data, prefix and Glue job of each.

One declaration, many uses: DuckDB's read schema, the reading rule, the audits' type check, and later the
Spark schema and the Athena DDL all come from here. Nothing in this module does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["FEEDS", "TABLES", "Column", "Table", "Type", "Zone", "table"]

Type = Literal["VARCHAR", "BIGINT", "DOUBLE"]
Zone = Literal["landing", "trusted", "curated"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name as the JSON key spells it, its DuckDB type, what it holds.

    `pii` marks personal data, which never leaves the tables unmasked. `optional` marks a JSON key that
    may be absent from a clean line (an absent key reads as NULL).
    """

    name: str
    type: Type
    comment: str
    pii: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table: where it lives under the lake root, what makes it, what a row of it must have.

    `required` names the columns that are present, not null and not empty in every row; a landing line
    that lacks one is quarantined.
    """

    name: str
    zone: Zone
    prefix: str
    columns: tuple[Column, ...]
    required: tuple[str, ...]
    comment: str
    glue_job: str | None = None

    @property
    def feed(self) -> str:
        """First part of the prefix: `customer` of `customer/landing/`."""
        return self.prefix.split("/", 1)[0]


_CUSTOMER = (
    Column("customerName", "VARCHAR", "full name as entered on the website", pii=True),
    Column("email", "VARCHAR", "login of the phone app; identifies the customer", pii=True),
    Column("phone", "VARCHAR", "phone number, digits only", pii=True),
    Column("birthDay", "VARCHAR", "YYYY-MM-DD as text: holds years from 0967 on", pii=True),
    Column("serialNumber", "VARCHAR", "serial number of the Step Trainer, as fulfilment recorded it"),
    Column("registrationDate", "BIGINT", "registered at, epoch ms"),
    Column("lastUpdateDate", "BIGINT", "record last changed at, epoch ms"),
    Column("shareWithResearchAsOfDate", "BIGINT", "agreed to research at, epoch ms; absent: did not", optional=True),
    Column("shareWithPublicAsOfDate", "BIGINT", "agreed to publication at, epoch ms; absent: did not", optional=True),
    Column("shareWithFriendsAsOfDate", "BIGINT", "agreed to friends at, epoch ms; absent: did not", optional=True),
)
_ACCELEROMETER = (
    Column("user", "VARCHAR", "email of the customer whose phone it is", pii=True),
    Column("timestamp", "BIGINT", "read at, epoch ms"),
    Column("x", "DOUBLE", "acceleration along x"),
    Column("y", "DOUBLE", "acceleration along y"),
    Column("z", "DOUBLE", "acceleration along z"),
)
_STEP_TRAINER = (
    Column("sensorReadingTime", "BIGINT", "read at, epoch ms"),
    Column("serialNumber", "VARCHAR", "serial number the device sends"),
    Column("distanceFromObject", "BIGINT", "distance to the object in front, cm"),
)
_DEVICE_OWNER = (
    Column("serialNumber", "VARCHAR", "serial number the device sends"),
    Column("owner", "VARCHAR", "email of the consenting customer whose device it is", pii=True),
    Column("readings", "BIGINT", "instants at which the device recorded, without crowded ones"),
    Column("matched", "BIGINT", "instants of these at which the owner's phone recorded too"),
    Column("runner_up_matched", "BIGINT", "the same of the next best customer's phone"),
    Column("confidence", "DOUBLE", "lead over the next best as a share of the readings: 0.2 to 1"),
    Column("clock_skew_ms", "BIGINT", "what the phone's clock is ahead of the device's, ms"),
)
_TRAINING = (
    Column("customerPseudonym", "VARCHAR", "stands for the customer: keyed SHA-256 of the email, 64 hex digits"),
    Column("devicePseudonym", "VARCHAR", "stands for the device: keyed SHA-256 of the serial number, 64 hex digits"),
    Column("sensorReadingTime", "BIGINT", "read at by the device, epoch ms"),
    Column("distanceFromObject", "BIGINT", "distance to the object in front, cm"),
    Column("timestamp", "BIGINT", "read at by the phone, epoch ms"),
    Column("x", "DOUBLE", "acceleration along x"),
    Column("y", "DOUBLE", "acceleration along y"),
    Column("z", "DOUBLE", "acceleration along z"),
)

_CUSTOMER_KEYS = ("email", "serialNumber")
_ACCELEROMETER_KEYS = ("user", "timestamp")
_STEP_TRAINER_KEYS = ("sensorReadingTime", "serialNumber")

_ALL = (
    Table(
        "customer_landing",
        "landing",
        "customer/landing/",
        _CUSTOMER,
        _CUSTOMER_KEYS,
        "customer records from the website",
    ),
    Table(
        "accelerometer_landing",
        "landing",
        "accelerometer/landing/",
        _ACCELEROMETER,
        _ACCELEROMETER_KEYS,
        "accelerometer readings from the phone app",
    ),
    Table(
        "step_trainer_landing",
        "landing",
        "step_trainer/landing/",
        _STEP_TRAINER,
        _STEP_TRAINER_KEYS,
        "distance readings from the Step Trainer",
    ),
    Table(
        "customer_trusted",
        "trusted",
        "customer/trusted/",
        _CUSTOMER,
        _CUSTOMER_KEYS,
        "customers who agreed to share with research",
        "customer_landing_to_trusted",
    ),
    Table(
        "accelerometer_trusted",
        "trusted",
        "accelerometer/trusted/",
        _ACCELEROMETER,
        _ACCELEROMETER_KEYS,
        "phone readings of customers who agreed to research",
        "accelerometer_landing_to_trusted",
    ),
    Table(
        "step_trainer_trusted",
        "trusted",
        "step_trainer/trusted/",
        _STEP_TRAINER,
        _STEP_TRAINER_KEYS,
        "device readings whose serial number a curated customer has",
        "step_trainer_landing_to_trusted",
    ),
    Table(
        "customers_curated",
        "curated",
        "customer/curated/",
        _CUSTOMER,
        _CUSTOMER_KEYS,
        "trusted customers who have accelerometer readings",
        "customer_trusted_to_curated",
    ),
    Table(
        "machine_learning_curated",
        "curated",
        "machine_learning/curated/",
        _STEP_TRAINER + _ACCELEROMETER,
        _STEP_TRAINER_KEYS + _ACCELEROMETER_KEYS,
        "each trusted device reading with the phone readings of the same instant",
        "machine_learning_trusted_to_curated",
    ),
    Table(
        "device_owners",
        "curated",
        "device_owner/curated/",
        _DEVICE_OWNER,
        ("serialNumber", "owner", "readings", "matched", "runner_up_matched", "confidence", "clock_skew_ms"),
        "whose device it is, found by the instants it shares with phones of consenting customers",
        "device_owners_trusted_to_curated",
    ),
    Table(
        "training_curated",
        "curated",
        "training/curated/",
        _TRAINING,
        ("customerPseudonym", "devicePseudonym", "sensorReadingTime", "timestamp"),
        "each attributed device's readings with its own owner's of the same instant, since the consent",
        "training_trusted_to_curated",
    ),
)

TABLES: dict[str, Table] = {t.name: t for t in _ALL}
FEEDS: tuple[Table, ...] = tuple(t for t in _ALL if t.zone == "landing")


def table(name: str) -> Table:
    """Return the contract of one table; KeyError where there is none of that name."""
    return TABLES[name]
