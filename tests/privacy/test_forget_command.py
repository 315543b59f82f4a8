"""What `stedi privacy forget` takes, asks and says."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from person import ADA, BOB, People, snapshot, write_people

from stedi.build import build
from stedi.forget import forget

Answer = tuple[int, str, str]
Stedi = Callable[..., Answer]
EMAIL = str(ADA["email"])


@pytest.fixture
def people(tmp_path: Path) -> People:
    return write_people(tmp_path / "landing")


def test_stdin_holds_one_email(people: People, lake: Path, stedi: Stedi, monkeypatch: pytest.MonkeyPatch) -> None:
    build(lake, people.landing)
    before = snapshot(lake, people.landing)
    for text, says, *form in (
        (f"{EMAIL}\n\n {BOB['email']}\r\n", "stdin holds 2 lines, and - takes one email"),
        (f"{EMAIL}\n{EMAIL}", "stdin holds 2 lines", "--in-advance"),
        ("\n \n", "the email is empty", "--dry-run"),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        code, _, err = stedi("privacy", "forget", "-", "--yes", "--lake", lake, *form)
        assert (code, says in err) == (2, True), err
        assert EMAIL not in err
    for stdin, says in (
        (None, "stdin is closed, and - has the email read from it"),
        (io.TextIOWrapper(io.BytesIO(b"\xff\n"), "utf-8"), "the email on stdin is not UTF-8"),
    ):
        monkeypatch.setattr("sys.stdin", stdin)
        code, _, err = stedi("privacy", "forget", "-", "--yes", "--lake", lake)
        assert (code, says in err) == (2, True), err
    assert snapshot(lake, people.landing) == before
    monkeypatch.setattr("sys.stdin", io.StringIO(f"\n{EMAIL}\n\n"))
    assert stedi("privacy", "forget", "-", "--yes", "--lake", lake)[0] == 0


def test_what_is_known_is_said_before_the_question(
    people: People, lake: Path, stedi: Stedi, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(lake, people.landing)
    (people.landing / "expected.json").write_text('{"customer_landing": 7}')
    before = snapshot(lake, people.landing)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    code, out, err = stedi("privacy", "forget", EMAIL, "--lake", lake)
    assert code == 1
    notes, asked, after = err.partition("Erase this for good?")
    assert asked
    for said in ("expected.json: names counts from before", "no key was given"):
        assert notes.count(said) == 1
    assert "note:" not in after
    assert "customer/landing" in out
    assert not out.endswith("\n\n")
    assert snapshot(lake, people.landing) == before
    # and what it said of the counts is what `stedi verify` says
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert stedi("privacy", "forget", EMAIL, "--lake", lake)[0] == 0
    code, _, err = stedi("verify", "--lake", lake)
    assert code == 1
    assert "customer_landing: has 3 rows, expected are 7" in err
    assert f"Fix: customers are forgotten in this lake ({lake}/_stedi/forgotten.json)" in err


def test_private_folders_of_killed_commands_are_named(
    people: People, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    for number in range(12):
        (temporary / f"stedi-{number}").mkdir(parents=True)
    os.utime(temporary / "stedi-7", (0, 0))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    build(lake, people.landing)
    [said] = [note for note in forget(lake, EMAIL, dry_run=True).notes if note.startswith(f"{temporary}: ")]
    assert said.startswith(f"{temporary}: stedi-7, ")
    assert " and 2 more: of commands that run now, or were killed" in said


def test_a_tombstone_left_in_advance_is_no_erasure(
    people: People, lake: Path, stedi: Stedi, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(lake, people.landing)
    command = ("privacy", "forget", "-", "--in-advance", "--lake", lake)
    for text, has_sign in (("who.is@example.com", True), ("who is", False)):
        for form, says in (("--dry-run", "would be left in lake"), ("--yes", "is left in lake")):
            monkeypatch.setattr("sys.stdin", io.StringIO(text))
            code, out, err = stedi(*command, form)
            assert (code, out.count("\n")) == (0, 1), out
            assert says in out
            assert "tombstone" in out
            assert ("has no @" in err) != has_sign
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    # done before, and said without an empty line
    assert stedi(*command, "--yes")[1] == "forgotten before; nothing has landed since\n"
    assert stedi("privacy", "forget", "--late", "--yes", "--lake", lake)[1].startswith("nothing of forgotten")
