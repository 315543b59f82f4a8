"""No name, email, phone or birthday of the input is shown or written anywhere but in the tables and the quarantine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stedi.build import build
from stedi.contracts import TABLES
from stedi.local import LocalStorage
from stedi.manifest import JOURNAL, MANIFEST
from stedi.stages import STAGES, SqlFile

Answer = tuple[int, str, str]
PERSONAL = ("customerName", "email", "phone", "birthDay")


class Input:
    """Landing data of people with marked values: in good lines, in bad lines of every kind, in keys."""

    def __init__(self, folder: Path, customer: Callable[..., dict[str, object]], add: Callable[..., Path]) -> None:
        self.landing = folder
        people = [customer(name, consents=at % 2 == 0) for at, name in enumerate(("Ada", "Bob", "Cyd", "Dan", "Eve"))]
        self.values = {str(person[key]) for person in people for key in PERSONAL}
        self.values |= {str(person["customerName"]).split()[0] + ".Quill" for person in people} | {"Quillfeather"}
        good = [json.dumps(person) for person in people]
        add(folder, "customer", good, "good.json")
        one = good[0]
        add(
            folder,
            "customer",
            [
                *good,
                one[:60],
                one + one,
                one.replace(": ", " "),
                one.replace('"phone": "', '"phone": '),
                one.replace('"phone"', '"email"'),
                one.replace('"email"', '"Email"'),
                one.replace("1655000000000", '"Ada.Quillfeather@example.com"'),
                one.replace("}", ', "x": {"y": "Ada.Quillfeather@example.com"}}'),
                one.encode().replace(b"Ada Quill", b"Ada \xff Quill"),
                "Ada.Quillfeather@example.com",
                json.dumps({**people[0], "Bob.Quillfeather@example.com": 1}),
                json.dumps({**people[0], "a note": "Ada Quillfeather"}),
            ],
            "bad.json",
        )
        readings = [
            {"user": p["email"], "timestamp": 1655296678763 + at, "x": 1, "y": 0, "z": 1} for at, p in enumerate(people)
        ]
        add(
            folder, "accelerometer", [*readings, "Ada.Quillfeather@example.com", {"user": people[1]["email"]}], "a.json"
        )
        distances = [
            {"sensorReadingTime": 1655296678763 + at, "serialNumber": p["serialNumber"], "distanceFromObject": 1}
            for at, p in enumerate(people)
        ]
        add(folder, "step_trainer", [*distances, "{'email': 'Ada.Quillfeather@example.com'}"], "s.json")

    def assert_not_in(self, text: str, what: str) -> None:
        lowered = text.lower()
        for value in self.values:
            assert value.lower() not in lowered, f"{what} shows a {'masked'[:1]}*** of {len(value)} characters: {value}"


@pytest.fixture
def given(tmp_path: Path, customer: Callable[..., dict[str, object]], add_lines: Callable[..., Path]) -> Input:
    return Input(tmp_path / "landing", customer, add_lines)


def files_outside_the_tables(lake: Path) -> Iterator[Path]:
    for path in lake.rglob("*"):
        if path.is_file() and path.relative_to(lake).parts[0] == "_stedi":
            yield path


def test_the_values_do_stand_in_the_data(given: Input, lake: Path, stedi: Callable[..., Answer]) -> None:
    """What the other tests look for can be found: in the tables, by who asks for it."""
    assert stedi("build", "--landing", given.landing, "--lake", lake)[0] == 0
    _, out, _ = stedi("query", "--format", "csv", "from customer_landing", "--lake", lake)
    assert all(value in out for value in given.values)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_build_of_dirty_data_shows_none(
    given: Input, lake: Path, stedi: Callable[..., Answer], form: list[str]
) -> None:
    for _ in range(2):
        code, out, err = stedi("build", "--landing", given.landing, "--lake", lake, *form)
        assert code == 0
        assert "not_flat_json" in out
        given.assert_not_in(out, "stdout")
        given.assert_not_in(err, "stderr")
    code, out, err = stedi("build", "--landing", given.landing, "--lake", lake, "--strict")
    assert code == 1
    given.assert_not_in(out + err, "--strict")


def test_verify_shows_none(given: Input, lake: Path, stedi: Callable[..., Answer]) -> None:
    build(lake, given.landing)
    assert stedi("verify", "--lake", lake)[0] == 0
    for table in ("customer/trusted/customer_trusted", "accelerometer/trusted/accelerometer_trusted"):
        file = lake / f"{table}-0.parquet"
        file.write_bytes(file.read_bytes()[:-30])
    (given.landing / "customer/landing/good.json").write_text("Ada.Quillfeather@example.com")
    for form in ([], ["--json"]):
        code, out, err = stedi("verify", "--lake", lake, *form)
        assert code == 1
        given.assert_not_in(out + err, "verify")


def test_what_stedi_writes_about_a_build_holds_none(given: Input, lake: Path) -> None:
    journals: list[str] = []

    class Watched(LocalStorage):
        def move(self, source: str, target: str) -> None:
            super().move(source, target)
            if target == JOURNAL:
                journals.append((lake / JOURNAL).read_text())

    build(lake, given.landing, storage=Watched(lake))
    assert len(journals) == 1
    given.assert_not_in(journals[0], JOURNAL)
    files = list(files_outside_the_tables(lake))
    assert lake / MANIFEST in files
    for file in files:
        given.assert_not_in(file.read_text(), file.name)


def test_raw_text_of_bad_lines_stands_in_the_quarantine_only(
    given: Input, lake: Path, read_quarantine: Callable[[Path], list[tuple[str, int, str, bytes]]]
) -> None:
    build(lake, given.landing)
    lines = [raw for *_, raw in read_quarantine(lake)]
    assert sum(b"Quillfeather" in raw for raw in lines) >= 10
    folders = {path.relative_to(lake).parts[0] for path in lake.rglob("*") if path.is_file()}
    tables = {table.feed for table in TABLES.values()}
    assert folders == {"_stedi", "_quarantine", *tables}
    assert {path.name for path in files_outside_the_tables(lake)} == {"manifest.json", "lock"}


QUERIES = [
    "select cast(email as bigint) from customer_trusted",
    "select cast(birthDay || customerName as date) from customer_landing",
    "select error(email) from customer_trusted",
    "select strptime(customerName, '%Y') from customer_landing",
    "select cast(raw::varchar as integer) from quarantine",
    "select json(customerName) from customer_landing",
    "select regexp_matches('a', email || '(') from customer_trusted",
    "select (phone || email)::double from customer_landing",
    "select decode(raw) from quarantine where reason = 'not_flat_json'",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_that_fails_shows_none(given: Input, lake: Path, stedi: Callable[..., Answer], sql: str) -> None:
    build(lake, given.landing)
    code, out, err = stedi("query", sql, "--lake", lake)
    assert (code, out) == (2, "")
    given.assert_not_in(err, "stderr")


FAILING = {
    "audit": lambda sql: sql.partition("where\n    c.shareWith")[0],
    "cast": lambda sql: sql.replace("cast(c.phone as varchar)", "cast(c.phone || c.email as bigint)"),
    "error": lambda sql: sql.replace("cast(c.phone as varchar)", "error(c.phone || c.email)"),
}


@pytest.mark.parametrize("how", FAILING)
def test_a_build_that_fails_shows_none(
    *, given: Input, lake: Path, tmp_path: Path, stedi: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    file = tmp_path / "customer_trusted.sql"
    file.write_text(FAILING[how](STAGES["customer_trusted"].sql))
    monkeypatch.setitem(STAGES, "customer_trusted", SqlFile("customer_trusted", file))
    code, out, err = stedi("build", "--landing", given.landing, "--lake", lake)
    assert (code, out) == (1 if how == "audit" else 2, "")
    given.assert_not_in(err, "stderr")
    for left in files_outside_the_tables(lake):
        if "staging" not in left.parts:
            given.assert_not_in(left.read_text(), left.name)


def test_the_whole_story_is_told_only_to_who_asks_for_it(given: Input, lake: Path) -> None:
    (given.landing / "customer/landing/broken.json.gz").write_bytes(b"Ada.Quillfeather@example.com")
    command = [sys.executable, "-m", "stedi.cli", "build", "--landing", str(given.landing), "--lake", str(lake)]
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    assert plain.returncode == 2
    assert "Traceback" not in plain.stderr
    given.assert_not_in(plain.stdout + plain.stderr, "stderr")
    told = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"STEDI_DEBUG": "1"})
    assert told.returncode == 2
    assert "Traceback" in told.stderr
