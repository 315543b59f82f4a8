"""Where scripts write: which table that is, what of it is compared, and whose copy it must not be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import studio
from studio import ROOT, side_of, verdict_of

from parity.outcome import Outcome
from parity.summary import report_of
from parity.verdict import Cause, Verdict

pytestmark = pytest.mark.spark

RIGHT = studio.right_jobs()
CUSTOMERS = "customer_landing_to_trusted.py"
READINGS = "accelerometer_landing_to_trusted.py"
Run = Callable[..., Outcome]


def test_each_place_of_a_table_is_compared_and_each_job_counts(parity: Run) -> None:
    """A right table is no excuse for a wrong one elsewhere, nor for a job that fails and makes none of ours."""
    name = "customer_landing_to_trusted.py"
    old = studio.sink("Old", "Landing", "s3://old-lake/customer/trusted/")
    outcome = parity(
        {
            name: RIGHT[name].replace(studio.TAIL, old + studio.TAIL),
            "numbers.py": studio.script("1 / 0\n", studio.write("Numbers", "None", f"{ROOT}/html/")),
        }
    )
    verdict = verdict_of(outcome, "customer_trusted")
    assert verdict.cause is Cause.MISSING_CONSENT_FILTER
    line = studio.line_of(RIGHT[name].replace(studio.TAIL, old), "s3://old-lake")
    assert f"this is what was written in s3://old-lake/customer/trusted/ by {name}, line {line}" in verdict.notes
    assert outcome.exit_code == 2
    [stray] = [verdict for verdict in report_of(outcome).verdicts if verdict.table == "numbers.py"]
    assert stray.problem.startswith("numbers.py, line")
    assert "[jobs] skip" in stray.fix


def test_two_scripts_for_one_place_pass_only_when_somebody_chooses(parity: Run) -> None:
    name = "customer_landing_to_trusted.py"
    scripts = {name: RIGHT[name], "previous.py": RIGHT[name]}
    line = studio.line_of(RIGHT[name], "getSink(")
    verdict = verdict_of(parity(scripts), "customer_trusted")
    assert verdict.verdict is Verdict.FAILED
    assert verdict.problem.startswith(f"previous.py, line {line}: TwoWriters: it writes {ROOT}/customer/trusted")
    assert f"as {name} does in line {line}" in verdict.problem
    assert "[jobs] skip" in verdict.fix
    verdict = verdict_of(parity(scripts, parity_toml='[jobs]\nskip = ["previous.py"]'), "customer_trusted")
    assert verdict.verdict is Verdict.SAME
    both = f'[jobs]\norder = ["previous.py", "{name}"]'
    assert verdict_of(parity(scripts, parity_toml=both), "customer_trusted").cause is Cause.FAN_OUT


@pytest.mark.parametrize(
    ("name", "source", "target", "table"),
    [
        (
            "customer_landing_to_trusted.py",
            "s3://old/customer/trusted/",
            f"{ROOT}/customer/trusted/",
            "customer_trusted",
        ),
        ("x.py", f"{ROOT}/accelerometer/trusted/", f"{ROOT}/html/", "accelerometer_trusted"),
    ],
)
def test_a_copy_of_our_own_table_is_no_table(parity: Run, name: str, source: str, target: str, table: str) -> None:
    """Whatever the place of it is called, and where only its columns say what it is."""
    script = studio.script(studio.s3("In", source), studio.sink("Written", "In", target))
    assert verdict_of(parity({name: script}), table).verdict is Verdict.MISSING


def test_nor_is_one_that_another_script_handed_on(parity: Run) -> None:
    """What a script was lent came back through the next one, where the columns alone said what it is."""
    lent = studio.script(studio.s3("In", f"{ROOT}/accelerometer/trusted/"), studio.sink("Out", "In", f"{ROOT}/stage/"))
    handed = studio.script(studio.s3("In", f"{ROOT}/stage/"), studio.sink("Out", "In", f"{ROOT}/final/"))
    outcome = parity({"one.py": lent, "two.py": handed})
    assert "given our accelerometer_trusted" in str(side_of(outcome).notes)
    assert verdict_of(outcome, "accelerometer_trusted").verdict is Verdict.MISSING


def test_places_that_only_columns_tell_are_each_compared(parity: Run) -> None:
    more = studio.sink("More", "Readings", f"{ROOT}/b/")
    right = (
        RIGHT[READINGS]
        .replace(f"{ROOT}/accelerometer/trusted/", f"{ROOT}/a/")
        .replace('"accelerometer_trusted"', '"t"')
    )
    outcome = parity({CUSTOMERS: RIGHT[CUSTOMERS], "readings.py": right.replace(studio.TAIL, more + studio.TAIL)})
    verdict = verdict_of(outcome, "accelerometer_trusted")
    assert verdict.verdict is Verdict.DIFFERENT
    assert any("what was written in s3://stedi-lake-house/b/" in note for note in verdict.notes)


def test_folders_above_a_table_are_no_columns_and_those_within_are(parity: Run) -> None:
    """Whatever its keys are called: Spark reads `_day=1`, though it leaves out `_SUCCESS`."""
    place = f"{ROOT}/env=dev/stage=one/customer/trusted/"
    script = RIGHT[CUSTOMERS].replace(f"{ROOT}/customer/trusted/", place)
    keys = studio.script(
        studio.s3("Readings", f"{ROOT}/accelerometer/landing/"),
        studio.s3("Who", place),
        studio.sql("Kept", "select *, 1 as _day from a where user in (select email from c)", a="Readings", c="Who"),
        studio.write("Out", "Kept", f"{ROOT}/accelerometer/trusted/").replace('Keys": []', 'Keys": ["_day", "user"]'),
    )
    outcome = parity({CUSTOMERS: script, READINGS: keys})
    assert verdict_of(outcome, "customer_trusted").verdict is Verdict.SAME
    verdict = verdict_of(outcome, "accelerometer_trusted")
    assert verdict.cause is Cause.EXTRA_COLUMN
    assert "_day" in (verdict.causes[0].evidence)
    assert not verdict.rows.any


def test_a_known_difference_allows_no_other_one_elsewhere(parity: Run, tmp_path: Path) -> None:
    everybody = studio.sink("Old", "Landing", "s3://old-lake/customer/trusted/")
    twice = studio.sql("Twice", "select * from c union all select * from c", c="Agreed")
    wrong = (
        RIGHT[CUSTOMERS]
        .replace("writeFrame(Agreed)", "writeFrame(Twice)")
        .replace("# Script generated for node Trusted", twice + "# Script generated for node Trusted")
    )
    known = '[[known]]\nid = "a"\ntable = "customer_trusted"\ncause = "fan_out"\nreason = "r"\nexpires = 2999-01-01\n'
    (tmp_path / "parity-known.toml").write_text(known, encoding="utf-8")
    toml = f"[tables]\nskip = {[table for table in studio.TABLES if table != 'customer_trusted']}"
    assert parity({CUSTOMERS: wrong}, parity_toml=toml).exit_code == 0
    outcome = parity({CUSTOMERS: wrong.replace(studio.TAIL, everybody + studio.TAIL)}, parity_toml=toml)
    assert outcome.exit_code == 1
    assert "differs by 'missing_consent_filter', not only by 'fan_out'" in outcome.problems[0]
