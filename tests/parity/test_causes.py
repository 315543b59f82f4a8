"""Each cause is found in a job that has just that fault, and not in jobs with another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa  # type: ignore[import-untyped]  # noqa: TC002
import pytest
from small_lake import Lake, open_lake

from parity.compare import compare
from parity.verdict import Cause, Side, TableVerdict, Verdict
from stedi.contracts import TABLES


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    with open_lake() as opened:
        yield opened


@dataclass(frozen=True)
class Fault:
    """A job of a table with one fault: the cause it has, and words that its evidence holds."""

    cause: Cause
    table: str
    sql: str
    evidence: str = ""
    side: Side | None = Side.RIGHT


_ML = 'select s.*, a."user", a."timestamp", a.x, a.y, a.z from step_trainer_trusted s join accelerometer_trusted a on '
_CUSTOMER = ", ".join(f"c.{column.name}" for column in TABLES["customer_trusted"].columns)

FAULTS = {
    "empty": Fault(Cause.EMPTY, "accelerometer_trusted", "from accelerometer_trusted where false", "has no row"),
    "one column more": Fault(
        Cause.EXTRA_COLUMN, "step_trainer_trusted", "select *, 1 as device from step_trainer_trusted", "device"
    ),
    "a name in other case that lost its values": Fault(
        Cause.CASE_OF_NAMES,
        "accelerometer_trusted",
        'select "user", null::bigint as "timeStamp", x, y, z from accelerometer_trusted',
        "spells timestamp as timeStamp",
    ),
    "a renamed column": Fault(
        Cause.RENAMED_COLUMN,
        "step_trainer_trusted",
        "select sensorReadingTime, serialNumber as serial, distanceFromObject from step_trainer_trusted",
        "serialNumber is serial: the rows are the same",
    ),
    "another feed": Fault(
        Cause.WRONG_SOURCE, "step_trainer_trusted", "from accelerometer_landing", "is accelerometer_landing"
    ),
    "another table of the same columns": Fault(
        Cause.WRONG_SOURCE, "customers_curated", "from customer_landing", "is customer_landing: the same"
    ),
    "filtered by another table": Fault(
        Cause.WRONG_SOURCE,
        "step_trainer_trusted",
        "from step_trainer_landing where serialNumber in (select serialNumber from customer_trusted)",
        "stands in customer_trusted, which step_trainer_trusted does not read",
    ),
    "a missing column": Fault(
        Cause.MISSING_COLUMN,
        "step_trainer_trusted",
        "select sensorReadingTime, serialNumber from step_trainer_trusted",
        "lacks distanceFromObject; in the other 2 columns the rows are the same",
    ),
    "columns of a joined table": Fault(
        Cause.EXTRA_COLUMN,
        "accelerometer_trusted",
        "select a.*, c.phone, c.birthDay from accelerometer_landing a "
        "join (select distinct on (email) * from customer_trusted) c on c.email = a.user",
        "phone, birthDay; in the other 5 columns the rows are the same; customer_landing has them",
    ),
    "another type": Fault(
        Cause.TYPE,
        "step_trainer_trusted",
        "select sensorReadingTime::varchar as sensorReadingTime, serialNumber, distanceFromObject "
        "from step_trainer_trusted",
        "BIGINT on the left, VARCHAR on the right; cast to one type the rows are the same",
    ),
    "a column of floats": Fault(
        Cause.PRECISION,
        "accelerometer_trusted",
        'select "user", "timestamp", x::float as x, y::float as y, z::float as z from accelerometer_trusted',
        "rounded to those the left is the same",
    ),
    "doubles that were floats": Fault(
        Cause.PRECISION,
        "accelerometer_trusted",
        'select "user", "timestamp", x::float::double as x, y::float::double as y, z from accelerometer_trusted',
        "every double of the right is one of 32 bits",
    ),
    "an outer join": Fault(
        Cause.OUTER_JOIN,
        "machine_learning_curated",
        _ML.replace(" join", " left join") + "s.sensorReadingTime = a.timestamp",
        "hold NULL in user, timestamp, x, y, z",
    ),
    "readings since consent only": Fault(
        Cause.CONSENT_DATE_FILTER,
        "accelerometer_trusted",
        "select a.* from accelerometer_trusted a where exists (from customer_trusted c where c.email = a.user "
        "and a.timestamp >= c.shareWithResearchAsOfDate)",
        "were read before their owner agreed",
    ),
    "a join on the owner too": Fault(
        Cause.TIMESTAMP_JOIN,
        "machine_learning_curated",
        _ML + "s.sensorReadingTime = a.timestamp where (s.serialNumber, a.user) in "
        "(select (serialNumber, email) from customers_curated)",
        "it joins on the owner too",
    ),
    "no consent filter on customers": Fault(
        Cause.MISSING_CONSENT_FILTER,
        "customer_trusted",
        "from customer_landing",
        "by email, of which the left has none; 1 of them once did and withdrew",
    ),
    "withdrawal forgotten": Fault(
        Cause.MISSING_CONSENT_FILTER,
        "customer_trusted",
        "from customer_landing where shareWithResearchAsOfDate > 0",
        "1 of them once did and withdrew",
    ),
    "no consent filter on readings": Fault(
        Cause.MISSING_CONSENT_FILTER,
        "accelerometer_trusted",
        "from accelerometer_landing",
        "by user against customer_trusted",
    ),
    "no consent filter on devices": Fault(
        Cause.MISSING_CONSENT_FILTER,
        "step_trainer_trusted",
        "from step_trainer_landing where serialNumber in (select serialNumber from customers_curated) or "
        "serialNumber in (select serialNumber from customer_landing where shareWithResearchAsOfDate is null and "
        "serialNumber <> 'serial-5')",
        "by serialNumber against customer_trusted",
    ),
    "a join without a condition": Fault(
        Cause.FAN_OUT,
        "step_trainer_trusted",
        "select s.* from step_trainer_trusted s, customer_trusted c",
        "which is how many rows customer_trusted has: a join without a condition",
    ),
    "a join that multiplies": Fault(
        Cause.FAN_OUT,
        "customers_curated",
        f"select {_CUSTOMER} from customer_trusted c join accelerometer_trusted a on c.email = a.user",
        "for each row it matches in a join on email = accelerometer_trusted.user",
    ),
    "every row three times": Fault(
        Cause.FAN_OUT,
        "step_trainer_trusted",
        "from step_trainer_trusted union all from step_trainer_trusted union all from step_trainer_trusted",
        "stands 3 times on the right",
    ),
    "made distinct": Fault(
        Cause.EXTRA_DEDUPE,
        "customer_trusted",
        "select distinct * from customer_trusted",
        "as often as in customer_landing: only the right made",
    ),
    "one row a customer": Fault(
        Cause.EXTRA_DEDUPE,
        "accelerometer_trusted",
        "select distinct on (a.user) a.* from accelerometer_trusted a",
        "one row for each user",
    ),
    "some rows twice": Fault(
        Cause.MISSING_DEDUPE,
        "step_trainer_trusted",
        "from step_trainer_trusted union all (from step_trainer_trusted order by all limit 7)",
        "made distinct, the rows are the same",
    ),
    "no filter by readings": Fault(
        Cause.MISSING_FILTER, "customers_curated", "from customer_trusted", "as many as customer_trusted"
    ),
    "cut off": Fault(
        Cause.TRUNCATED,
        "accelerometer_trusted",
        "from accelerometer_trusted limit 50",
        "the first 50 rows of the left as they are stored",
    ),
    "cut off by time": Fault(
        Cause.TRUNCATED,
        "step_trainer_trusted",
        "from step_trainer_trusted order by sensorReadingTime desc limit 60",
        "at the start in the order of sensorReadingTime",
    ),
    "a filter too many": Fault(
        Cause.EXTRA_FILTER,
        "customer_trusted",
        "from customer_trusted where shareWithPublicAsOfDate is not null",
        "have NULL in shareWithPublicAsOfDate",
    ),
    "changed values": Fault(
        Cause.CHANGED_VALUES,
        "accelerometer_trusted",
        'select "user", "timestamp", -x as x, y, z from accelerometer_trusted',
        "have the same user, timestamp and other values: x",
        None,
    ),
    "rows made up": Fault(
        Cause.OTHER,
        "step_trainer_trusted",
        "select * replace (sensorReadingTime + 77777 as sensorReadingTime) from step_trainer_trusted",
        "nothing in common that is looked for",
        None,
    ),
}


_SINCE = FAULTS["readings since consent only"].sql
_OWNED = FAULTS["a join on the owner too"].sql

NEAR_MISSES = {
    Cause.EMPTY: ("accelerometer_trusted", "from accelerometer_trusted limit 1"),
    Cause.CASE_OF_NAMES: (
        "accelerometer_trusted",
        'select "user" as "USER", "timestamp" as "timeStamp", x, y, -z as z from accelerometer_trusted',
    ),
    Cause.RENAMED_COLUMN: (
        "step_trainer_trusted",
        (
            "select sensorReadingTime, serialNumber, if(serialNumber = 'serial-0', 0, distanceFromObject) as distance "
            "from step_trainer_trusted"
        ),
    ),
    Cause.WRONG_SOURCE: ("customers_curated", "from customer_landing where serialNumber <> 'serial-20'"),
    Cause.MISSING_COLUMN: (
        "customer_trusted",
        "select * exclude (shareWithFriendsAsOfDate) from customer_trusted where serialNumber <> 'serial-20'",
    ),
    Cause.EXTRA_COLUMN: (
        "step_trainer_trusted",
        "select sensorReadingTime, serialNumber as serial, distanceFromObject from step_trainer_trusted",
    ),
    Cause.TYPE: (
        "step_trainer_trusted",
        (
            "select sensorReadingTime, serialNumber, distanceFromObject::smallint + 1::smallint as distanceFromObject "
            "from step_trainer_trusted"
        ),
    ),
    Cause.PRECISION: (
        "accelerometer_trusted",
        'select "user", "timestamp", x::float::double as x, y::float::double + 1 as y, z from accelerometer_trusted',
    ),
    Cause.OUTER_JOIN: (
        "machine_learning_curated",
        (
            "from machine_learning_curated union all select s.*, 'nobody', null, null, null, null from "
            "step_trainer_trusted s union all (select * replace (null as z) from machine_learning_curated limit 1)"
        ),
    ),
    Cause.CONSENT_DATE_FILTER: (
        "accelerometer_trusted",
        f"from ({_SINCE}) where \"user\" <> 'person0@example.com'",
    ),
    Cause.TIMESTAMP_JOIN: ("machine_learning_curated", f"from ({_OWNED}) where distanceFromObject > 100"),
    Cause.MISSING_CONSENT_FILTER: (
        "accelerometer_trusted",
        "from accelerometer_landing union all select 'stranger', 1, 0, 0, 0",
    ),
    Cause.FAN_OUT: (
        "customers_curated",
        (
            f"select {_CUSTOMER} from customer_trusted c join accelerometer_trusted a on c.email = a.user "
            "order by a.timestamp limit 100"
        ),
    ),
    Cause.EXTRA_DEDUPE: (
        "customer_trusted",
        "select distinct * from customer_trusted union all (from customer_trusted where serialNumber = 'serial-0')",
    ),
    Cause.MISSING_DEDUPE: ("customer_trusted", "from customer_trusted union all from customer_trusted"),
    Cause.MISSING_FILTER: ("customers_curated", "from customer_trusted where serialNumber <> 'serial-0'"),
    Cause.TRUNCATED: ("accelerometer_trusted", 'from accelerometer_trusted where "timestamp" % 3 = 0'),
    Cause.EXTRA_FILTER: (
        "step_trainer_trusted",
        "from step_trainer_trusted where distanceFromObject < 100 union all select 1, 'new', 1",
    ),
    Cause.CHANGED_VALUES: (
        "accelerometer_trusted",
        'select "user", "timestamp" + 999999 as "timestamp", -x as x, y, z from accelerometer_trusted',
    ),
    Cause.OTHER: ("step_trainer_trusted", "from step_trainer_trusted limit 3"),
}
"""For each cause a job that differs in about that way, but for another reason."""


def judge(lake: Lake, table: str, right: pa.Table, **settings: object) -> TableVerdict:
    settings = {"context": lake.context(table), "contract": TABLES[table]} | settings
    return compare(lake.tables[table], right, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(lake: Lake, name: str) -> None:
    fault = FAULTS[name]
    found = judge(lake, fault.table, lake.sql(fault.sql))
    assert found.verdict is Verdict.DIFFERENT
    assert found.explanation is not None
    assert (found.cause, found.explanation.side) == (fault.cause, fault.side), found.causes
    assert fault.evidence in found.explanation.evidence


@pytest.mark.parametrize("cause", NEAR_MISSES)
def test_what_only_looks_like_it_is_not_named_so(lake: Lake, cause: Cause) -> None:
    table, sql = NEAR_MISSES[cause]
    found = judge(lake, table, lake.sql(sql))
    assert found.verdict is Verdict.DIFFERENT
    assert cause not in {explanation.cause for explanation in found.causes}, found.causes


def test_a_customer_who_agreed_and_is_not_on_the_left_is_no_missing_filter(lake: Lake) -> None:
    fewer = lake.sql("from customer_trusted where email <> (select min(email) from customer_trusted)")
    found = compare(
        fewer,
        lake.tables["customer_trusted"],
        context=lake.context("customer_trusted"),
        contract=TABLES["customer_trusted"],
    )
    assert found.verdict is Verdict.DIFFERENT
    assert Cause.MISSING_CONSENT_FILTER not in {explanation.cause for explanation in found.causes}


def test_the_same_rows_in_the_same_order_have_no_cause_at_all(lake: Lake) -> None:
    assert judge(lake, "customer_trusted", lake.tables["customer_trusted"]).causes == ()


def test_no_fault_has_no_cause(lake: Lake) -> None:
    for table in lake.tables:
        found = judge(lake, table, lake.sql(f"from {table} order by random()"))
        assert found.verdict is Verdict.SAME
        assert found.cause is None
        # a few rows may come in the same order by chance
        assert len(lake.tables[table]) < 20 or [explanation.cause for explanation in found.causes] == [Cause.ROW_ORDER]


def test_each_cause_has_a_fault_and_a_near_miss() -> None:
    """Row order is none: it has tests of its own."""
    assert {fault.cause for fault in FAULTS.values()} | {Cause.ROW_ORDER} == set(Cause)
    assert NEAR_MISSES.keys() | {Cause.ROW_ORDER} == set(Cause)
