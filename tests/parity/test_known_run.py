"""A known difference in a run: allowed while it is as known, and strict in every other case."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import studio

from parity.engines.spark import Spark
from parity.outcome import Outcome
from parity.run import ParityRun, run
from parity.summary import report_of
from parity.verdict import Verdict
from parity.worker import Worker

pytestmark = pytest.mark.spark

SCRIPT = "customer_landing_to_trusted.py"
RIGHT = studio.jobs()[SCRIPT]
EVERYBODY = RIGHT.replace('not row["shareWithResearchAsOfDate"] == 0', "True")
DAY = date(2027, 1, 31)

Parity = Callable[..., Outcome]


@pytest.fixture
def parity(landing: Path, spark_worker: Worker, tmp_path: Path) -> Parity:
    """Return `parity(script, cause, today)`: the outcome of a run that knows this difference of customer_trusted."""

    def go(script: str, cause: str, today: date) -> Outcome:
        jobs = studio.put(tmp_path / "jobs", {SCRIPT: script})
        others = [name for name in studio.TABLES if name != "customer_trusted"]
        (jobs / "parity.toml").write_text(f"[tables]\nskip = {others}\n", encoding="utf-8")
        known = tmp_path / "parity-known.toml"
        known.write_text(
            f'[[known]]\nid = "everybody"\ntable = "customer_trusted"\ncause = "{cause}"\n'
            f'reason = "until the new filter"\nexpires = {DAY}\n',
            encoding="utf-8",
        )
        asked = ParityRun(
            str(landing),
            jobs,
            engine=lambda asked, glue: Spark(
                asked.chosen[glue], asked.folder / glue, parameters=asked.parameters, worker=spark_worker
            ),
            known_file=known,
            today=today,
        )
        return run(asked)

    return go


def test_a_difference_is_allowed_until_its_day_and_is_said(parity: Parity) -> None:
    outcome = parity(EVERYBODY, "missing_consent_filter", DAY)
    assert (outcome.verdict, outcome.exit_code, outcome.problems) == (Verdict.SAME, 0, ())
    # nothing to release by
    assert not outcome.same
    report = report_of(outcome)
    assert report.headline == "1 table: all the same but for 1 known difference"
    assert report.facts["known difference everybody"] == f"customer_trusted, until {DAY}: until the new filter"


@pytest.mark.parametrize(
    ("script", "cause", "today", "said"),
    [
        (EVERYBODY, "missing_consent_filter", date(2027, 2, 1), "expired on 2027-01-31"),
        (EVERYBODY, "fan_out", DAY, "differs by 'missing_consent_filter', not by 'fan_out'"),
        (RIGHT, "missing_consent_filter", DAY, "no longer different; remove the entry"),
    ],
)
def test_an_entry_that_is_no_use_fails_the_run(parity: Parity, script: str, cause: str, today: date, said: str) -> None:
    outcome = parity(script, cause, today)
    assert (outcome.verdict, outcome.exit_code) == (Verdict.DIFFERENT, 1)
    [problem] = outcome.problems
    assert said in problem
    found = {verdict.table: verdict for verdict in report_of(outcome).verdicts}["known differences"]
    assert said in found.problem
