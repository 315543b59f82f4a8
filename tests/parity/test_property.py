"""The law: whatever lands, DuckDB and the rendered jobs give the same tables, the same quarantine, the same ledger.

All stages on both sides, in one warm JVM. A failure shrinks to a few lines, which are printed as landing files, and
written into the report of the run.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
import strategies
from hypothesis import HealthCheck, Phase, given, settings

from parity.artifacts import write_artifacts
from parity.engines.spark import Spark
from parity.outcome import Outcome
from parity.reproducer import reproducer
from parity.run import ParityRun, run
from parity.verdict import Verdict
from parity.worker import Worker
from stedi.contracts import TABLES
from stedi.stages import STAGES

pytestmark = pytest.mark.spark

ONLY = None if os.environ.get("STEDI_PARITY_ALL") else frozenset(n for n, s in STAGES.items() if not s.parameters)
"""In CI the tables without parameters: Spark plans the others for minutes. `nox -s parity-deep` has all of them."""

EXAMPLES = int(os.environ.get("STEDI_PARITY_EXAMPLES", "40"))


def both_sides(landing: Path, worker: Worker, report: Path | None = None) -> Outcome:
    """Run both sides; an empty table is no surprise in data made up at random."""
    asked = ParityRun(
        str(landing),
        engine=lambda asked, glue: Spark(asked.chosen[glue], asked.folder / glue, key=asked.key, worker=worker),
        may_be_empty=frozenset(TABLES),
        only=ONLY,
    )
    return run(asked, (lambda a, o: write_artifacts(report, a, o)) if report else None)


def check(landing: strategies.Landing, worker: Worker) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = strategies.write(landing, Path(name) / "landing")
        outcome = both_sides(folder, worker)
        if outcome.verdict is not Verdict.SAME:
            pytest.fail(reproducer(folder, outcome), pytrace=False)


# one shrink is worth many runs of Spark, but not an afternoon
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(landing=strategies.landings())
def test_duckdb_and_glue_agree_on_tables_quarantine_and_ledger(
    spark_worker: Worker, landing: strategies.Landing
) -> None:
    check(landing, spark_worker)


def test_a_reproducer_holds_the_landing_files_and_what_differs(tmp_path: Path) -> None:
    landing = {"customer/landing/1.json": b'{"a": 1}\n\xff', "accelerometer/landing/2.json.gz": b"\x1f\x8b\x00"}
    folder = strategies.write(landing, tmp_path)
    text = reproducer(folder, Outcome(str(folder), "rendered", rendered=True, sides=()))
    assert "customer/landing/1.json" in text
    assert r"b'{\"a\": 1}\n\xff'" in text.replace('"', r"\"") or r"\xff" in text
    assert "missing" in text
