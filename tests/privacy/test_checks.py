"""The checks and the consent audit as SQL: what a hash does not tell, evidence that lacks, what must not grow."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

import stedi.privacy
from stedi.contracts import TABLES
from stedi.engine import Engine
from stedi.stages import AUDITS

OWNERS, LANDED = (
    (Path(stedi.privacy.__file__).parent / f"checks/{name}.sql").read_text(encoding="utf-8")
    for name in ("owners", "landed")
)
ONE, OTHER = "cbebhhh1gdbhaggq@example.com", "cbebhhhqgdbhagg1@example.com"
CONSENTS = "select 'ada' as email, 0 as since union all select 'eve', 0"


def run(sql: str, tables: Mapping[str, str]) -> list[tuple[object, ...]]:
    """Return what a query finds over tables made by others; those that are not given are empty."""
    with Engine(threads=2, memory_limit="1GB") as engine:
        for name, query in tables.items():
            engine.run(name, f"create table {name} as {query}")
        for name in TABLES.keys() - tables.keys():
            engine.empty(name, {column.name: column.type for column in TABLES[name].columns})
        return engine.run("check", sql)


def readings(*emails: str) -> str:
    rows = ", ".join(f"('{email}', 1::bigint, 0.5, 0.5, 0.5)" for email in emails)
    return f'select * from (values {rows}) as v ("user", "timestamp", x, y, z)'


def customer(email: str, phone: str) -> str:
    return f"""select 'A' as customerName, '{email}' as email, '{phone}' as phone, '1' as birthDay, 's' as serialNumber,
        1::bigint as registrationDate, 1::bigint as lastUpdateDate, 1::bigint as shareWithResearchAsOfDate,
        null::bigint as shareWithPublicAsOfDate, null::bigint as shareWithFriendsAsOfDate"""


def test_texts_that_duckdb_has_one_hash_for_are_told_apart() -> None:
    assert duckdb.execute("select hash(?) = hash(?)", [ONE, OTHER]).fetchone() == (True,), "no example any more"
    landing = readings(ONE)
    assert run(LANDED, {"accelerometer_landing": landing, "accelerometer_trusted": landing}) == []
    [found] = run(LANDED, {"accelerometer_landing": landing, "accelerometer_trusted": readings(OTHER)})
    assert found == ("accelerometer_trusted", "that did not land so", OTHER)
    for trusted, number in ((customer(ONE, "7"), 0), (customer(OTHER, "7"), 1), (customer(ONE, "8"), 1)):
        tables = {"customer_landing": customer(ONE, "7"), "customer_trusted": trusted}
        assert len(run(LANDED, tables)) == number


def evidence(owner: str, matched: int, *, readings: int = 30) -> dict[str, str]:
    """Return tables with a device of Ada's, given to somebody; Eve's phone has 10 of its 30 instants."""
    walk = "select i::bigint as {at}, {rest} from range({number}) as r (i)"
    return {
        "consents": CONSENTS,
        "device_owners": f"""select 'd' as serialNumber, '{owner}' as owner, {readings}::bigint as readings,
            {matched}::bigint as matched, 0::bigint as runner_up_matched, 1.0 as confidence,
            0::bigint as clock_skew_ms""",
        "step_trainer_landing": walk.format(
            at="sensorReadingTime", rest="'d' as serialNumber, 7::bigint as distanceFromObject", number=30
        ),
        "accelerometer_landing": " union all ".join(
            walk.format(at='"timestamp"', rest=f"'{who}' as \"user\", 0.5 as x, 0.5 as y, 0.5 as z", number=number)
            for who, number in (("ada", 29), ("eve", 10))
        ),
    }


@pytest.mark.parametrize(
    ("owner", "matched", "readings", "is_refused"),
    [
        ("ada", 29, 30, False),
        ("ada", 30, 30, True),
        ("eve", 30, 30, True),
        ("eve", 10, 30, True),
        ("ada", 4, 4, True),
        ("nobody", 29, 30, True),
    ],
)
def test_an_owner_whose_phone_has_not_the_instants_that_the_row_says(
    *, owner: str, matched: int, readings: int, is_refused: bool
) -> None:
    found = run(OWNERS, evidence(owner, matched, readings=readings))
    assert [what for _, what, _ in found] == [
        "of a device that matches the phone of its owner less than the row says, or not well enough"
    ] * is_refused


def test_a_hot_instant_of_somebody_without_consent_does_not_hold_up_the_audit() -> None:
    """Zoe's phone has 100,000 readings of one instant, and so have 10,000 devices: pairs would be 10,000 million."""
    tables = evidence("ada", 29)
    tables["step_trainer_landing"] += " union all select 1000, 'd' || (i % 10000), 7 from range(100000) as r (i)"
    phone = " union all select {at}, 'zoe', 0.5, 0.5, 0.5 from range({number}) as r (i)"
    tables["accelerometer_landing"] += phone.format(at="i", number=28) + phone.format(at=1000, number=100_000)
    [(_, what, key)] = run(OWNERS, tables)
    assert (what, key) == ("of a device that matches the phone of somebody without consent as well", "ada")


def test_a_reading_that_everybody_has_does_not_hold_up_a_build() -> None:
    """Each of 20,000 people has a reading more without a device's, so no sum says whose a pseudonym is."""
    readings = """select {who}, (i * n)::bigint as "timestamp", 0.5 as x, 0.5 as y, 0.5 as z
        from range(1, 20000) as p (n), range({each}) as r (i)"""
    tables = {
        "consenting_customers": "select n || '' as email, '' as serialNumber, n // 19999 as since"
        " from range(1, 20000) as p (n)",
        "accelerometer_trusted": readings.format(who="n || '' as \"user\"", each=3),
        "training_curated": readings.format(who="sha256(n || '') as customerPseudonym", each=2),
    }
    found = run(AUDITS["training_consented"].sql, tables)
    # the last one agreed just after the instant that everybody has
    assert found == [("training_curated", hashlib.sha256(b"19999").hexdigest())]
