"""Whatever jobs say and write, no report of a run shows personal data of the landing lines.

The right side is written here without Spark, since what a script may come up with is what matters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
import studio

from parity.engines import JobReport, Made
from parity.outcome import Outcome
from parity.plan import Note
from parity.report import document, junit, markdown, page, print_report
from parity.run import ParityRun, run
from parity.summary import report_of
from parity.worker import JobError

Shown = Callable[[Outcome], dict[str, str]]

SCRIPT = "customer_landing_to_trusted.py"


class Right:
    """A right side that has made our tables but for those it is given, None for none, and whose jobs ended so."""

    name = "spark"

    def __init__(self, made: Made) -> None:
        self._made = made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def make(self, given: Any, ours: Mapping[str, Any]) -> Made:
        tables = {name: data for name, data in {**ours, **self._made.tables}.items() if data is not None}
        return Made(tables=tables, jobs=self._made.jobs, notes=self._made.notes)


def go(landing: Path, folder: Path, made: Made, scripts: Mapping[str, str] | None = None, **more: Any) -> Outcome:
    """Run these scripts, as if they had made this."""
    jobs = studio.put(folder / "jobs", dict(scripts or studio.jobs()))
    return run(ParityRun(str(landing), jobs, engine=lambda *_: Right(made), known_file=folder / "none.toml", **more))


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Return `shown(outcome)`: all that is written of a run, by what it is written as."""

    def texts(outcome: Outcome) -> dict[str, str]:
        report = report_of(outcome)
        print_report(report)
        found = {"json": json.dumps(document(report), ensure_ascii=False), "terminal": capsys.readouterr().out}
        return found | {"junit": junit(report), "markdown": markdown(report), "html": page(report)}

    return texts


def leaks(texts: Mapping[str, str], *values: str) -> list[tuple[str, str]]:
    """Return which of the values stand in which text, in whatever case."""
    return [(name, value) for name, text in texts.items() for value in values if value.lower() in text.lower()]


def test_messages_and_notes_of_jobs_hide_what_stands_in_lines_that_are_no_rows(
    landing: Path, tmp_path: Path, add_lines: Callable[..., Path], shown: Shown
) -> None:
    add_lines(landing, "customer", ['{"customerName": "Una Brokenheart", "phone": "303-555-0144"'])
    error = JobError("ValueError", "no reading of Una Brokenheart, 303 555 0144", line=1)
    made = Made(
        jobs=[JobReport(SCRIPT, "customer_trusted", "failed", error=error)],
        notes=[Note(SCRIPT, 1, "dropped the row of Brokenheart")],
    )
    outcome = go(landing, tmp_path, made)
    assert outcome.sides[0].jobs[0].problem == "ValueError: no reading of *** ***, ***"
    texts = shown(outcome)
    assert "dropped the row of ***" in texts["json"]
    assert not leaks(texts, "Una", "Brokenheart", "0144")


def test_literals_of_a_script_are_hidden_in_its_lines_places_and_missing_columns(
    landing: Path, tmp_path: Path, shown: Shown
) -> None:
    """A query that leaves one customer out, an output in a folder of her name, and a column that is called so."""
    jobs = studio.jobs() | {
        SCRIPT: studio.script(
            studio.s3("Landing", f"s3://{studio.BUCKET}/customer/landing/"),
            studio.sql("Kept", "select * from c where customerName != 'ADA QUILLFEATHER' and phone != '202-550-0262'"),
            studio.sink("Trusted", "Kept", f"s3://{studio.BUCKET}/Quillfeather/0967/03/11/", "customer_trusted"),
        )
    }
    message = "[UNRESOLVED_COLUMN] A column with name `Quillfeather` cannot be resolved. Did you mean `Ada`?"
    failed = JobReport("customer_trusted_to_curated.py", "customers_curated", "failed", error=JobError("E", message))
    narrow = pa.table({"email": ["Bob.Quillfeather@example.com"], "serialNumber": ["serial-275"]})
    outcome = go(
        landing, tmp_path, Made(tables={"customer_trusted": narrow, "customers_curated": None}, jobs=[failed]), jobs
    )
    [note] = [note for note in outcome.sides[0].tables[0].notes if note.startswith(SCRIPT)]
    assert note.endswith("sql: select * from c where customerName != '***' and phone != '***'")
    assert outcome.sides[0].jobs[0].likely == "its input has no column ***; it has ***"
    assert (SCRIPT, "s3://stedi-lake-house/***/***/ as stedi.customer_trusted", "customer_trusted") in outcome.mapping
    assert any("to s3://stedi-lake-house/***/***/ as stedi" in note for note in outcome.notes)
    assert not leaks(shown(outcome), "Ada", "Quillfeather", "0262", "0967/03")
