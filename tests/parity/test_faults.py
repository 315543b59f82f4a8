"""For each cause a script in the style of Glue Studio that has just that fault; and what real scripts have wrong.

Each script runs on Spark for real. Where it is the only one in its folder, it is given our tables for what it reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import studio
from studio import ROOT, side_of, verdict_of

from parity.outcome import Outcome
from parity.verdict import Cause, Verdict
from stedi.contracts import TABLES

pytestmark = pytest.mark.spark

Run = Callable[..., Outcome]
RIGHT = studio.right_jobs()


def test_a_right_set_of_scripts_is_the_same(parity: Run) -> None:
    outcome = parity(RIGHT)
    wrong = {
        verdict.table: (verdict.causes, verdict.problem) for verdict in side_of(outcome).tables if not verdict.same
    }
    assert not wrong
    assert (outcome.verdict, outcome.exit_code) == (Verdict.SAME, 0)
    assert all(verdict.left_rows == verdict.right_rows != 0 for verdict in side_of(outcome).tables)


# one fault each

_ML = (
    "select s.sensorReadingTime, s.serialNumber, s.distanceFromObject, a.user, a.timestamp, a.x, a.y, a.z from s"
    " {how} join a on s.sensorReadingTime = a.timestamp"
)


@dataclass(frozen=True)
class Fault:
    """A script with one fault: the table it makes, the cause, a text of the line that is to be named."""

    cause: Cause
    table: str
    script: str
    line: str


def fault(cause: Cause, table: str, line: str, *nodes: str, form: str = "json") -> Fault:
    """Put a script together that reads `In`, ... and ends with a node `Out`."""
    end = studio.sink("Written", "Out", f"{ROOT}/{TABLES[table].prefix}", table, form=form)
    return Fault(cause, table, studio.script(*nodes, end), line)


def reads(**places: str) -> str:
    return "".join(studio.s3(node, f"{ROOT}/{place}/") for node, place in places.items())


FAULTS = {
    "a join on a field in another case": fault(
        Cause.EMPTY,
        "machine_learning_curated",
        "Join.apply",
        reads(Steps="step_trainer/trusted", Readings="accelerometer/trusted"),
        studio.join("Out", "Readings", "Steps", "timeStamp", "sensorReadingTime"),
    ),
    "customers filtered by nothing": fault(
        Cause.MISSING_CONSENT_FILTER,
        "customer_trusted",
        "",
        reads(In="customer/landing"),
        studio.sql("Out", "select * from c", c="In"),
    ),
    "readings since the consent only": fault(
        Cause.CONSENT_DATE_FILTER,
        "accelerometer_trusted",
        "Out = sparkSqlQuery",
        reads(In="accelerometer/landing", Who="customer/trusted"),
        studio.sql(
            "Out",
            "select distinct a.* from a join c on a.user = c.email where a.timestamp >= c.shareWithResearchAsOfDate",
            a="In",
            c="Who",
        ),
    ),
    "a join that multiplies": fault(
        Cause.FAN_OUT,
        "customers_curated",
        "Join.apply",
        reads(In="customer/trusted", Readings="accelerometer/trusted"),
        studio.join("Joined", "In", "Readings", "email", "user"),
        studio.drop("Out", "Joined", "user", "timestamp", "x", "y", "z"),
    ),
    "no dedupe of customers": fault(
        Cause.MISSING_DEDUPE,
        "accelerometer_trusted",
        "Join.apply",
        reads(In="accelerometer/landing", Who="customer/trusted"),
        studio.join("Joined", "In", "Who", "user", "email"),
        studio.sql("Out", "select user, timestamp, x, y, z from j", j="Joined"),
    ),
    "distinct where rows repeat": fault(
        Cause.EXTRA_DEDUPE,
        "customer_trusted",
        "dropDuplicates",
        reads(In="customer/landing"),
        studio.sql("Agreed", studio.AGREED, c="In"),
        studio.distinct("Out", "Agreed"),
    ),
    "an outer join": fault(
        Cause.OUTER_JOIN,
        "machine_learning_curated",
        "Out = sparkSqlQuery",
        reads(Steps="step_trainer/trusted", Readings="accelerometer/trusted"),
        studio.sql("Out", _ML.format(how="left"), s="Steps", a="Readings"),
    ),
    "a join on the owner too": fault(
        Cause.TIMESTAMP_JOIN,
        "machine_learning_curated",
        "Out = sparkSqlQuery",
        reads(Steps="step_trainer/trusted", Readings="accelerometer/trusted", Who="customer/curated"),
        studio.sql(
            "Out",
            _ML.format(how="inner") + " where (s.serialNumber, a.user) in (select serialNumber, email from c)",
            s="Steps",
            a="Readings",
            c="Who",
        ),
    ),
    "columns of the joined table": fault(
        Cause.EXTRA_COLUMN,
        "accelerometer_trusted",
        "Join.apply",
        reads(In="accelerometer/landing", Who="customer/trusted"),
        studio.sql("Once", "select distinct email, phone from c", c="Who"),
        studio.join("Out", "In", "Once", "user", "email"),
    ),
    "a column dropped": fault(
        Cause.MISSING_COLUMN,
        "step_trainer_trusted",
        "DropFields.apply",
        reads(In="step_trainer/landing", Who="customer/curated"),
        studio.sql("Kept", "select * from s where serialNumber in (select serialNumber from c)", s="In", c="Who"),
        studio.drop("Out", "Kept", "distanceFromObject"),
    ),
    "a name once more in another case": fault(
        Cause.CASE_OF_NAMES,
        "step_trainer_trusted",
        "",
        reads(In="step_trainer/landing", Who="customer/curated"),
        studio.sql("Kept", "select * from s where serialNumber in (select serialNumber from c)", s="In", c="Who"),
        studio.rows("Out", "Kept", 'row["serialnumber"] = row["serialNumber"].lower()'),
    ),
    "a column renamed": fault(
        Cause.RENAMED_COLUMN,
        "step_trainer_trusted",
        "ApplyMapping.apply",
        reads(In="step_trainer/landing", Who="customer/curated"),
        studio.sql("Kept", "select * from s where serialNumber in (select serialNumber from c)", s="In", c="Who"),
        studio.mapping(
            "Out",
            "Kept",
            ("sensorReadingTime", "bigint", "sensorReadingTime", "bigint"),
            ("serialNumber", "string", "serial", "string"),
            ("distanceFromObject", "bigint", "distanceFromObject", "bigint"),
        ),
    ),
    "a number made text": fault(
        Cause.TYPE,
        "step_trainer_trusted",
        "ApplyMapping.apply",
        reads(In="step_trainer/landing", Who="customer/curated"),
        studio.sql("Kept", "select * from s where serialNumber in (select serialNumber from c)", s="In", c="Who"),
        studio.mapping(
            "Out",
            "Kept",
            ("sensorReadingTime", "bigint", "sensorReadingTime", "string"),
            ("serialNumber", "string", "serialNumber", "string"),
            ("distanceFromObject", "bigint", "distanceFromObject", "bigint"),
        ),
    ),
    "doubles made floats": fault(
        Cause.PRECISION,
        "accelerometer_trusted",
        "ApplyMapping.apply",
        reads(In="accelerometer/landing", Who="customer/trusted"),
        studio.sql("Kept", "select * from a where user in (select email from c)", a="In", c="Who"),
        studio.mapping(
            "Out",
            "Kept",
            ("user", "string", "user", "string"),
            ("timestamp", "bigint", "timestamp", "bigint"),
            *((axis, "double", axis, "float") for axis in "xyz"),
        ),
        form="glueparquet",
    ),
    "the wrong customers": fault(
        Cause.WRONG_SOURCE,
        "customers_curated",
        "",
        reads(In="customer/landing"),
        studio.sql("Out", "select * from c", c="In"),
    ),
    "no filter by readings": fault(
        Cause.MISSING_FILTER,
        "customers_curated",
        "Out = sparkSqlQuery",
        reads(In="customer/trusted", Readings="accelerometer/trusted"),
        studio.sql(
            "Out",
            "select c.* from c left join (select distinct user from a) r on c.email = r.user",
            c="In",
            a="Readings",
        ),
    ),
    "cut off": fault(
        Cause.TRUNCATED,
        "step_trainer_trusted",
        "Out = sparkSqlQuery",
        reads(In="step_trainer/landing", Who="customer/curated"),
        studio.sql(
            "Out",
            "select s.* from s where serialNumber in (select serialNumber from c) order by sensorReadingTime limit 60",
            s="In",
            c="Who",
        ),
    ),
    "a filter too many": fault(
        Cause.EXTRA_FILTER,
        "customer_trusted",
        "Filter.apply",
        reads(In="customer/landing"),
        studio.sql("Agreed", studio.AGREED, c="In"),
        studio.keep("Out", "Agreed", 'row["shareWithPublicAsOfDate"] is not None'),
    ),
    "a value changed": fault(
        Cause.CHANGED_VALUES,
        "accelerometer_trusted",
        "",
        reads(In="accelerometer/landing", Who="customer/trusted"),
        studio.sql(
            "Out", "select user, timestamp, -x as x, y, z from a where user in (select email from c)", a="In", c="Who"
        ),
    ),
    "one row that counts": fault(
        Cause.EXTRA_COLUMN,
        "machine_learning_curated",
        "Out = sparkSqlQuery",
        reads(Steps="step_trainer/trusted", Readings="accelerometer/trusted"),
        studio.sql(
            "Out", "select count(*) as rows from s join a on s.sensorReadingTime = a.timestamp", s="Steps", a="Readings"
        ),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_cause_and_line(parity: Run, name: str) -> None:
    found = FAULTS[name]
    script = f"{TABLES[found.table].glue_job}.py"
    outcome = parity({script: found.script})
    verdict = verdict_of(outcome, found.table)
    assert verdict.verdict is Verdict.DIFFERENT, verdict.problem
    assert found.cause in {explanation.cause for explanation in verdict.causes}, verdict.causes
    assert outcome.exit_code == 1
    assert not verdict.follows
    if found.line:
        line = studio.line_of(found.script, found.line)
        assert any(text.startswith(f"{script}, line {line}: ") for text in verdict.notes), verdict.notes
    if "timeStamp" in found.script:
        said = f"{script}:{line}: absent field: Join: no field timeStamp in the frame; it has timestamp"
        assert said in verdict.notes


def test_each_cause_has_a_script() -> None:
    """Row order is no difference; other is what has no cause."""
    assert {found.cause for found in FAULTS.values()} == set(Cause) - {Cause.ROW_ORDER, Cause.OTHER}


def test_the_root_of_a_bucket_is_written_and_read_as_any_folder(parity: Run) -> None:
    names = ("customer_landing_to_trusted.py", "accelerometer_landing_to_trusted.py")
    outcome = parity(
        {name: RIGHT[name].replace(f"{ROOT}/customer/trusted/", "s3://customer-trusted/") for name in names}
    )
    assert [verdict.verdict for verdict in side_of(outcome).tables[:2]] == [Verdict.SAME, Verdict.SAME]


def test_tables_that_are_saved_and_read_by_name_are_the_same(parity: Run) -> None:
    """In the warehouse, and where a DDL file has one; by every name that a table has."""
    customers, readings = "customer_landing_to_trusted.py", "accelerometer_landing_to_trusted.py"
    saved = 'Agreed.toDF().write.mode("overwrite").format("json").saveAsTable("stedi.customer_trusted")\n'
    user = 'Readings.toDF().join(spark.read.table("spark_catalog.stedi.customer_trusted").select("email").distinct(),'
    inserted = (
        f'{user} F.col("user") == F.col("email")).select("user", "timestamp", "x", "y", "z")'
        '.write.insertInto("stedi.accelerometer_trusted")\n'
    )
    columns = "user string, `timestamp` bigint, x double, y double, z double"
    outcome = parity(
        {
            customers: RIGHT[customers].partition("# Script generated for node Trusted")[0] + saved,
            readings: studio.script(
                "from pyspark.sql import functions as F\n",
                studio.s3("Readings", f"{ROOT}/accelerometer/landing/"),
                inserted,
            ),
        },
        tables_sql=f"create external table stedi.accelerometer_trusted ({columns}) location '{ROOT}/readings/';",
    )
    found = {verdict.table: verdict.verdict for verdict in side_of(outcome).tables[:2]}
    assert found == dict.fromkeys(("customer_trusted", "accelerometer_trusted"), Verdict.SAME)


def test_another_order_of_rows_is_said_and_is_no_difference(parity: Run) -> None:
    script = studio.script(
        reads(In="accelerometer/landing", Who="customer/trusted"),
        studio.sql(
            "Out",
            "select * from a where user in (select email from c) order by timestamp desc, user",
            a="In",
            c="Who",
        ),
        studio.sink("Written", "Out", f"{ROOT}/accelerometer/trusted/", "accelerometer_trusted"),
    )
    verdict = verdict_of(parity({"accelerometer_landing_to_trusted.py": script}), "accelerometer_trusted")
    assert verdict.verdict is Verdict.SAME
    assert [explanation.cause for explanation in verdict.causes] == [Cause.ROW_ORDER]
