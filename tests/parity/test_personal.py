"""What others have written is shown without personal data of the landing rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parity.diagnosis import likely_wrong, raised, shown_error
from parity.personal import Hide, hider
from parity.scripts import Script
from parity.worker import JobError
from stedi.build import build
from stedi.contracts import FEEDS
from stedi.lake import Lake

BIRTH, PHONE = "0967-03-{:02}", "20255{:05}"


@pytest.fixture
def rows(landing: Path, lake: Path) -> Iterator[dict[str, Any]]:
    build(lake, landing)
    with Lake.open(lake) as opened:
        yield {feed.name: opened.table(feed.name).duckdb() for feed in FEEDS}


def hide(rows: dict[str, Any], *texts: str) -> Hide:
    return hider(texts, lambda: rows)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no reading of Ada Quillfeather since", "no reading of *** since"),
        ("Quillfeather, Ada: no reading", "***, ***: no reading"),
        ("Zoe.Quillfeather@example.com is unknown", "*** is unknown"),
        ("somebody.else@example.com is unknown", "*** is unknown"),
        ("Adaptive plans and Adam's Bobbin", "Adaptive plans and Adam's Bobbin"),
        ("it's Bob's \\ row", "it's ***'s \\ row"),
        ("", ""),
    ],
)
def test_what_stands_in_landing_rows_is_taken_out(rows: dict[str, Any], text: str, shown: str) -> None:
    assert hide(rows, text)(text) == shown


def test_numbers_of_a_person_are_taken_out_wherever_they_stand(rows: dict[str, Any]) -> None:
    number = sum(b"Ada")
    text = f"bad value {PHONE.format(number)} or {BIRTH.format(number % 28 + 1)} in row 12"
    assert hide(rows, text)(text) == "bad value *** or *** in row 12"


SET_APART = {
    "no reading of ADA QUILLFEATHER": "no reading of ***",
    "quillfeather_ada and Ada.Quillfeather": "***_*** and ***",
    "AdaQuillfeather2025500262": "******",
    "call 202-550-0262, (202) 550.0262 or +1 202 550 0262": "call ***, (*** or +1 ***",
    "born 0967/03/11, 11.3.0967, 09670311 or date(967, 3, 11)": "born ***, ***, *** or date(***)",
    "Ada.Quillfeather%40example.com is 100% right": "*** is 100% right",
    "Ada.Quillfeather%2540example.com, Ada&nbsp;Quillf&#101;ather": "***, ***",
    "born date(1965, 3, 1)": "born date(1965, 3, 1)",
    "x" * 15_000 + " Ada Quillfeather": "x" * 15_000 + " ***",
    "customer_trusted has no user, com.amazonaws says": "customer_trusted has no user, com.amazonaws says",
}


def test_values_are_taken_out_in_whatever_case_and_however_set_apart(rows: dict[str, Any]) -> None:
    assert {text: hide(rows, text)(text) for text in SET_APART} == SET_APART


BAD = [
    '{"customerName": "Una Brokenheart", "email": 7, "phone": "303-555-0144", "birthDay": "1971-11-02"}',
    '{"customerName": "Jos\\u00e9 Garc\\u00eda\\nLovelace", "phone": 4045550177, "serialNumber": "device-of-uli"',
    "Ivo Scatterfield,5055550123,the row is bad",
    '{"user": "-", "timestamp": 1655296678763, "x": "Greta"}',
]
"""Lines that are no rows: a wrong type, one that was cut off, no JSON at all."""


def test_what_stands_in_lines_that_are_no_rows_is_taken_out(
    landing: Path, lake: Path, add_lines: Callable[..., Path]
) -> None:
    coded: list[str | bytes] = [
        b'{"customerName": "Nils \xff Bytes"}',
        '{"customerName": "Olga Zweibyte"'.encode("utf-16-le"),
    ]
    coded += [r'{"a": "{\"b\": \"Zo\\u00eb\"}"', '{"a": "Sternlicht%20and&#32;Kl&ouml;n"']
    add_lines(landing, "customer", [*BAD[:3], *coded])
    add_lines(landing, "accelerometer", BAD[3:])
    build(lake, landing)
    files = list((lake / "_quarantine").rglob("*.parquet"))
    texts = {
        "una BROKENHEART, 3035550144, 1971/11/02, date(1971, 11, 2)": "*** ***, ***, ***, date(***)",
        "no reading of José García, Lovelace or 404 555 0177": "no reading of *** ***, *** or ***",
        r"Jos\u00e9 Garc\xeda in user=Jos%C3%A9%20Garc%C3%ADa": "*** *** in user=*** ***",
        "IVO of Scatterfield has 505-5550123": "*** of *** has ***",
        "the row is bad: user, serialNumber device-uli": "the row is bad: user, serialNumber device-uli",
        "Olga Zweibyte or Zoë Sternlicht or Klön": "*** *** or *** *** or ***",
        "Greta and Nils at 1655296678763": "*** and *** at 1655296678763",
    }
    with Lake.open(lake) as opened:
        rows = {feed.name: opened.table(feed.name).duckdb() for feed in FEEDS}
        assert {text: hider([text], lambda: rows, files)(text) for text in texts} == texts


def test_rows_are_read_only_where_a_text_has_a_word() -> None:
    def none() -> dict[str, Any]:
        raise AssertionError("read")

    assert hider(["", "-"], none)("a b") == "a b"


CODE = Script("a.py", "frame.toDF()\nimport mylib\nprint(totals)\nrow.surname")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (JobError("NameError", "name 'totals' is not defined"), "NameError: name 'totals' is not defined"),
        (JobError("ModuleNotFoundError", "No module named 'mylib'"), "ModuleNotFoundError: No module named 'mylib'"),
        (
            JobError("AttributeError", "'DynamicFrame' object has no attribute 'toDF'"),
            "AttributeError: 'DynamicFrame' object has no attribute 'toDF'",
        ),
        (JobError("TypeError", "unsupported: 'Ada' and 'int'"), "TypeError: unsupported: '***' and 'int'"),
        (JobError("ValueError", "invalid literal: 'totals'"), "ValueError: invalid literal: '***'"),
        (JobError("MemoryError", ""), "MemoryError"),
    ],
)
def test_names_of_the_scripts_own_code_are_shown_and_other_quotes_are_not(error: JobError, shown: str) -> None:
    assert shown_error(error, CODE, lambda text: text) == shown


def test_what_a_task_failed_of_is_shown_and_not_that_it_failed() -> None:
    """As Spark tells it: the job, then the task's stack, then what was at the bottom of it."""
    message = (
        "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 2.0 failed: awaiting\n"
        "\tat org.apache.spark.Some.thing(Some.scala:1)\n"
        "Caused by: org.apache.spark.SparkException: [CANNOT_READ_FILE_FOOTER] Could not read s3://b/part-0.json.\n"
        "Caused by: java.lang.RuntimeException: it is not a Parquet file of 'Ada'\n\t... 14 more\n"
    )
    error = JobError("Py4JJavaError", message)
    assert shown_error(error, CODE, lambda text: text) == (
        "Py4JJavaError: org.apache.spark.SparkException: [CANNOT_READ_FILE_FOOTER] Could not read s3://b/part-0.json."
    )
    assert "as Parquet or ORC that are none" in likely_wrong(error)
    other = JobError("Py4JJavaError", message.replace("[CANNOT_READ_FILE_FOOTER] ", ""))
    assert shown_error(other, CODE, lambda text: text).endswith("RuntimeException: it is not a Parquet file of '***'")


def test_a_name_of_the_code_that_is_a_customers_too_is_hidden() -> None:
    error = JobError("NameError", "name 'surname' is not defined")
    assert (
        shown_error(error, CODE, lambda text: text.replace("surname", "***")) == "NameError: name '***' is not defined"
    )


STACK = """Traceback (most recent call last):
  File "/jobs/a.py", line 3, in check
    return {}[name]
           ~~^^^^^^
KeyError: 'Ada'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/spark/worker.py", line 1247, in main
    process()
  File "/jobs/a.py", line 5, in check
    raise Odd(f"no reading of {name}") from error
mylib.Odd: no reading of 'Ada'
RuntimeError: is the rest of what it says
"""
"""As Spark hands on what a function of a script has raised."""


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("PythonException", "An exception was thrown from the Python worker.\n", ""),
        (
            "Py4JJavaError",
            "Job aborted due to stage failure: Task 1 failed: org.apache.spark.api.python.PythonException: ",
            "\n\tat org.apache.spark.Some.thing(Some.scala:1)\nCaused by: java.lang.Exception: it ended",
        ),
    ],
)
def test_what_a_function_of_the_script_has_raised_is_named_by_python(kind: str, before: str, after: str) -> None:
    error = raised(JobError(kind, f"{before}{STACK}{after}", "/jobs/a.py", 9))
    assert (error.type, error.line) == ("Odd", 5)
    assert shown_error(error, CODE, lambda text: text) == "Odd: no reading of '***'"
    first, _, _ = STACK.partition("\nThe above")
    error = raised(JobError(kind, f"{before}{first}{after}", "/jobs/a.py", 9))
    assert (error.type, error.message, error.line) == ("KeyError", "there is no key 'Ada'", 3)
    assert "a record has not the field" in likely_wrong(error)


def test_other_exceptions_are_what_they_are() -> None:
    for error in (JobError("RuntimeError", STACK, "/jobs/a.py", 9), JobError("PythonException", "it ended")):
        assert raised(error) is error


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("SparkEnded", "--spark-memory"),
        ("TimeoutError", "--timeout"),
        ("JobEnded", "its log"),
        ("SystemExit", "the log"),
        ("RefusedCallError", "AWS"),
    ],
)
def test_ends_of_a_job_say_what_to_do(kind: str, said: str) -> None:
    assert said in likely_wrong(JobError(kind, "it ended"))
