"""A small lake in DuckDB, made by the zone SQL, in which each fault of a job shows; and the faulty jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from stedi.contracts import TABLES
from stedi.plan import order
from stedi.stages import STAGES

START = 1655296678763


def _landing() -> dict[str, list[dict[str, object]]]:
    """Return landing rows.

    Of 24 customers every fourth never agreed, one withdrew, two have no phone readings, and one agreed late; two record
    at the same instants. One customer record landed twice.
    """
    customers: list[dict[str, object]] = []
    readings: list[dict[str, object]] = []
    distances: list[dict[str, object]] = []
    for number in range(24):
        email, serial = f"person{number}@example.com", f"serial-{number}"
        agreed = None if number % 4 == 3 else START + (5 if number == 2 else -1000)
        customer: dict[str, object] = {
            "customerName": f"Person {number}",
            "email": email,
            "phone": f"555{number:04}",
            "birthDay": f"09{number + 40}-01-02",
            "serialNumber": serial,
            "registrationDate": START - 5000 + number,
            "lastUpdateDate": START - 900,
            "shareWithResearchAsOfDate": agreed,
            "shareWithPublicAsOfDate": START - 800 if number % 2 else None,
            "shareWithFriendsAsOfDate": None,
        }
        customers.append(customer)
        if number == 4:
            customers.append(customer)
        if number == 5:
            customers.append(customer | {"shareWithResearchAsOfDate": None, "lastUpdateDate": START - 100})
        if number in (8, 9):
            continue
        # the customers 0 and 1 record at the same instants
        first = START + (0 if number in (0, 1) else number * 1000)
        for at in range(first, first + 12):
            if number != 2 or at < START + 2000 + 9:
                readings.append(
                    {
                        "user": email,
                        "timestamp": at - (2000 if number == 2 else 0),
                        "x": 0.1 * number,
                        "y": at / 7,
                        "z": -1.0,
                    }
                )
            if at % 3:
                distances.append(
                    {
                        "sensorReadingTime": at - (2000 if number == 2 else 0),
                        "serialNumber": serial,
                        "distanceFromObject": at % 250,
                    }
                )
        distances.append({"sensorReadingTime": first + 500, "serialNumber": serial, "distanceFromObject": number})
    distances += [
        {"sensorReadingTime": START + 90_000 + n, "serialNumber": f"serial-{n}", "distanceFromObject": 7}
        for n in (8, 9)
    ]
    return {"customer_landing": customers, "accelerometer_landing": readings, "step_trainer_landing": distances}


_TYPES = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DOUBLE": pa.float64()}


def write_landing(folder: Path) -> Path:
    """Write the landing rows as files; a date that was not given is an absent key."""
    for name, rows in _landing().items():
        place = folder / TABLES[name].prefix
        place.mkdir(parents=True)
        kept = [{key: value for key, value in row.items() if value is not None} for row in rows]
        (place / "rows.json").write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    return folder


@dataclass
class Lake:
    """A connection that has every table of the lake, and those tables as Arrow."""

    connection: duckdb.DuckDBPyConnection
    tables: dict[str, pa.Table] = field(default_factory=dict)

    def sql(self, text: str) -> pa.Table:
        """Return what a job that runs this would write."""
        return self.connection.sql(text).to_arrow_table()

    def context(self, table: str) -> Mapping[str, pa.Table]:
        """Return all tables but this one."""
        return {name: rows for name, rows in self.tables.items() if name != table}


@contextmanager
def open_lake() -> Iterator[Lake]:
    """Open the small lake."""
    with duckdb.connect() as connection:
        lake = Lake(connection)
        for name, rows in _landing().items():
            schema = pa.schema([(c.name, _TYPES[c.type]) for c in TABLES[name].columns])
            lake.tables[name] = pa.Table.from_pylist(rows, schema=schema)
            connection.register(name, lake.tables[name])
        wanted = [name for name in STAGES if not set(STAGES[name].inputs) - set(TABLES)]
        for name in order({name: STAGES[name].inputs for name in wanted}, list(lake.tables)):
            connection.execute(f'create table "{name}" as {STAGES[name].sql}')
            lake.tables[name] = lake.sql(f"from {name}")
            assert lake.tables[name].num_rows, name
        yield lake
