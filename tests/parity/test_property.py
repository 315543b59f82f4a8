"""The law: whatever lands, DuckDB and the rendered jobs give the same tables, the same quarantine, the same ledger.

All stages on both sides, in one warm JVM; an example takes a few seconds of one core, nearly all of it Spark's. A
failure shrinks to a few lines, which are printed as landing files and, where `STEDI_PARITY_REPORT` names a folder,
written into the report there.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import strategies
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from parity.artifacts import write_artifacts
from parity.engines.spark import Spark
from parity.outcome import Outcome
from parity.reproducer import reproducer
from parity.run import ParityRun, run
from parity.verdict import Verdict
from parity.worker import Worker
from stedi.contracts import FEEDS, TABLES
from stedi.glue.render import render
from stedi.parameters import Parameters
from stedi.stages import STAGES

pytestmark = pytest.mark.spark

SOME = frozenset(name for name, stage in STAGES.items() if not stage.parameters)
"""The tables of an example in which nobody trains: for the others Spark takes as long again."""

IN_CI = 40
EXAMPLES = int(os.environ.get("STEDI_PARITY_EXAMPLES", IN_CI))
REPORT = os.environ.get("STEDI_PARITY_REPORT")

LEAST = EXAMPLES // 13
"""How many examples at least of customers who train must have rows of each table: 3 of 10."""

START = 1655564376361

Jobs = Mapping[str, str]

Drawn = tuple[strategies.Landing, int]
"""Landing files, and by how many milliseconds clocks may be apart."""


@cache
def rendered() -> Jobs:
    """Return the rendered jobs, as they are for all examples."""
    return render("5.1")


@st.composite
def training(draw: st.DrawFn) -> Drawn:
    """Draw landing files of customers who train, each with a device, and by how much clocks may be apart.

    Some lose readings, agree late, or train together; without them hardly any example has an owner of a device.
    """
    skew = draw(st.sampled_from((0, 0, 2)))
    files: dict[str, list[dict[str, object]]] = {feed: [] for feed in strategies.FEEDS}
    for number, email in enumerate(
        draw(st.lists(st.sampled_from(strategies.EMAILS), min_size=1, max_size=4, unique=True))
    ):
        first = START + 1000 * draw(st.integers(0, 2))
        instants = [first + step for step in sorted(draw(st.sets(st.integers(0, 20), min_size=6, max_size=9)))]
        lost, ahead = draw(st.integers(0, 2)), draw(st.integers(-skew, skew))
        agreed = draw(st.sampled_from((1, 1, instants[1], instants[-1] + 1)))
        serial = draw(st.sampled_from(("s", f"d-{number}")))
        files["customer"].append({"email": email, "serialNumber": serial, "shareWithResearchAsOfDate": agreed})
        files["accelerometer"] += [{"user": email, "timestamp": at + ahead, "x": 0.5} for at in instants[lost:]]
        files["step_trainer"] += [{"serialNumber": f"d-{number}", "sensorReadingTime": at} for at in instants]
    return {
        f"{feed}/landing/training.json": "".join(json.dumps(row) + "\n" for row in rows).encode()
        for feed, rows in files.items()
    }, skew


def both_sides(
    landing: Path,
    worker: Worker,
    jobs: Jobs,
    report: Path | None = None,
    *,
    only: frozenset[str] | None = SOME,
    skew: int = 0,
) -> Outcome:
    """Run both sides; an empty table is no surprise in data made up at random."""

    def finish(asked: ParityRun, outcome: Outcome) -> None:
        if report is not None and outcome.verdict is not Verdict.SAME:
            said = reproducer(landing, outcome)
            write_artifacts(report, asked, outcome, said)
            (report / "reproducer.txt").write_text(said, encoding="utf-8")

    asked = ParityRun(
        str(landing),
        engine=lambda asked, glue: Spark(
            asked.chosen[glue], asked.folder / glue, parameters=asked.parameters, worker=worker
        ),
        may_be_empty=frozenset(TABLES),
        only=only,
        render=lambda _: jobs,
        parameters=Parameters(clock_skew_ms=skew),
    )
    return run(asked, finish)


def check(
    landing: strategies.Landing,
    worker: Worker,
    jobs: Jobs,
    report: Path | None = None,
    *,
    only: frozenset[str] | None = SOME,
    skew: int = 0,
) -> Outcome:
    """Fail with a reproducer unless both sides are the same; return what was found."""
    with tempfile.TemporaryDirectory() as name:
        folder = strategies.write(landing, Path(name) / "landing")
        outcome = both_sides(folder, worker, jobs, report, only=only, skew=skew)
        if outcome.verdict is not Verdict.SAME:
            pytest.fail(reproducer(folder, outcome), pytrace=False)
        return outcome


def count(outcome: Outcome, seen: Counter[str]) -> None:
    """Count what both sides have rows of."""
    [side] = outcome.sides
    assert len(side.quarantine) == len(side.ledger) == len(FEEDS)
    seen.update(v.table for v in (*side.tables, *side.quarantine) if v.left_rows and v.left_rows == v.right_rows)


def soiled(feed: str) -> st.SearchStrategy[Drawn]:
    """Draw landing files with a bad line in a feed besides those that are drawn, and nobody who trains."""
    odd = [case.line for case in strategies.CASES if case.reason not in (None, "blank") and len(case.line) < 1000]
    bad = st.sampled_from(odd).map(lambda line: {f"{feed}/landing/bad.json": line})
    return st.builds(lambda landing, more: (landing | more, 0), strategies.landings(), bad)


def trained() -> st.SearchStrategy[Drawn]:
    """Draw landing files and in them customers who train."""
    return st.builds(lambda landing, more: (landing | more[0], more[1]), strategies.landings(), training())


@pytest.mark.long
@pytest.mark.parametrize("bad", [None, *(feed.feed for feed in FEEDS)])
def test_duckdb_and_glue_agree_on_tables_quarantine_and_ledger(spark_worker: Worker, bad: str | None) -> None:
    """A quarter of the examples each: of customers who train, and of a bad line in each feed."""
    drawn, only = (soiled(bad), SOME) if bad else (trained(), None)
    seen: Counter[str] = Counter()

    # one shrink is worth many runs of Spark, but not an afternoon
    @settings(
        max_examples=EXAMPLES // 4,
        deadline=None,
        derandomize=EXAMPLES == IN_CI,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )
    @given(drawn)
    def law(example: Drawn) -> None:
        landing, skew = example
        outcome = check(landing, spark_worker, rendered(), Path(REPORT) if REPORT else None, only=only, skew=skew)
        assert {verdict.table for verdict in outcome.sides[0].tables} == set(only or STAGES)
        count(outcome, seen)
        seen["example"] += 1

    law()
    assert seen["example"] >= EXAMPLES // 4
    if bad:
        assert seen[f"quarantine of {bad}"] == seen["example"]
    else:
        assert {table: seen[table] for table in STAGES if seen[table] < LEAST} == {}


def test_a_difference_is_printed_as_landing_files_and_written_into_the_report(
    spark_worker: Worker, tmp_path: Path
) -> None:
    script, right = "customer_landing_to_trusted.py", "c.shareWithResearchAsOfDate > 0\n    and"
    assert right in rendered()[script]
    jobs = {**rendered(), script: rendered()[script].replace(right, "c.shareWithPublicAsOfDate > 0\n    and")}
    customer = b'{"email": "ada@example.com", "serialNumber": "\xc3\xa5 1", "shareWithResearchAsOfDate": 5}\n'
    landing = {"customer/landing/1.json": customer + b"\xff\n"}
    landing |= {f"{feed}/landing/2.json": b"" for feed in ("accelerometer", "step_trainer")}
    with pytest.raises(pytest.fail.Exception) as failed:
        check(landing, spark_worker, jobs, tmp_path)
    said = str(failed.value)
    assert f"'customer/landing/1.json': {landing['customer/landing/1.json']!r}" in said
    assert "customer_trusted: different" in said
    assert (tmp_path / "reproducer.txt").read_text("utf-8") == said
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["reproducer"] == said
    assert {"report.json", "report.html", "junit.xml", "report.md"} <= {file.name for file in tmp_path.iterdir()}


def test_a_reproducer_is_python_that_gives_the_same_bytes(tmp_path: Path) -> None:
    landing = {"customer/landing/1.json": b'{"a": 1}\n\xff', "accelerometer/landing/2.json.gz": b"\x1f\x8b\x00"}
    text = reproducer(strategies.write(landing, tmp_path), Outcome(str(tmp_path), "rendered", rendered=True, sides=()))
    assert text.startswith("parity is missing")
    found: dict[str, strategies.Landing] = {}
    exec(text.partition("\n")[2], found)  # noqa: S102 - it is ours, and meant to be run
    assert found["landing"] == landing
