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
    """Run these scripts, as if they had made this; of two versions of Glue the other has made our tables."""
    jobs = studio.put(folder / "jobs", dict(scripts or studio.jobs()))

    def engine(_: object, glue: str) -> Right:
        return Right(made if glue == "5.1" else Made())

    return run(ParityRun(str(landing), jobs, engine=engine, known_file=folder / "none.toml", **more))


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


PEOPLE = ["Ada Quillfeather", "20255-00262", "0967-03-11", "Bob.Quillfeather@example.com", "BROKENHEART, UNA", "x"]
"""What a job can put where a serial number belongs; the last is nobody's."""


def test_examples_hide_personal_data_in_every_column_of_both_versions(
    landing: Path, tmp_path: Path, add_lines: Callable[..., Path], shown: Shown
) -> None:
    add_lines(landing, "customer", ['{"customerName": "Una Brokenheart", "email": 7}'])
    rows = len(PEOPLE)
    wrong = pa.table(
        {
            "sensorReadingTime": [2025500262, *[1655296678763] * (rows - 1)],
            "serialNumber": PEOPLE,
            "distanceFromObject": list(range(rows)),
        }
    )
    made = Made(tables={"step_trainer_trusted": wrong})
    outcome = go(landing, tmp_path, made, glue=("5.1", "6.0"))
    first = next(verdict for verdict in outcome.sides[0].tables if verdict.table == "step_trainer_trusted")
    second = next(verdict for verdict in outcome.pairs["5.1 6.0"] if verdict.table == "step_trainer_trusted")
    for verdict, kind in ((first, "right only"), (second, "left only")):
        found = {
            (example.values["sensorReadingTime"], example.values["serialNumber"])
            for example in verdict.examples
            if example.kind == kind
        }
        serials = ["***", "***", "***", "***, ***", "x"]
        assert found == {("***", "***"), *(("1655296678763", serial) for serial in serials)}, found
    # ours are shown as they are: whoever compares has to know which device it is
    assert {example.values["serialNumber"] for example in first.examples if example.kind == "left only"} == {
        "serial-262",
        "serial-275",
    }
    assert not leaks(shown(outcome), "Quillfeather", "00262", "0967-03", "Brokenheart")


def test_columns_that_are_called_as_people_are_hidden(landing: Path, tmp_path: Path, shown: Shown) -> None:
    """As a pivot makes them: one of each customer, and a struct of them."""
    person = pa.struct([("Ada Quillfeather", pa.int64()), ("phone", pa.string())])
    wide = pa.table(
        {
            "Bob.Quillfeather@example.com": [1],
            "Ada.Quillfeather@example.com": [2],
            "serialNumber": pa.array([{"Ada Quillfeather": 1, "phone": "202-550-0262"}], person),
            "distance": pa.array(["Ada Quillfeather"]).dictionary_encode(),
        }
    )
    outcome = go(landing, tmp_path, Made(tables={"step_trainer_trusted": wide}))
    verdict = next(verdict for verdict in outcome.sides[0].tables if verdict.table == "step_trainer_trusted")
    assert {"***", "*** (2)"} <= {column.name for column in verdict.columns}
    texts = shown(outcome)
    assert not leaks(texts, "Quillfeather", "0262"), [text for _, text in texts.items() if "Quillf" in text]


def test_places_of_data_are_hidden(landing: Path, tmp_path: Path, shown: Shown) -> None:
    """Landing data in a folder of an email, and a table that cannot be read in one of a customer's name."""
    theirs = landing.rename(tmp_path / "someone@example.com")
    folder = tmp_path / "user=Ada Quillfeather"
    folder.mkdir()
    (folder / "part.parquet").write_bytes(b"PAR1 and no more")
    outcome = go(theirs, tmp_path, Made(tables={"customer_trusted": folder}))
    assert outcome.sides[0].tables[0].problem.endswith("/user=***: is no Parquet that can be read")
    assert not leaks(shown(outcome), "someone", "Quillfeather")
