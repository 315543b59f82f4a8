"""What `stedi privacy forget` takes, asks and says."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from person import ADA, BOB, People, snapshot, write_people

from stedi.build import build

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
    assert snapshot(lake, people.landing) == before
    monkeypatch.setattr("sys.stdin", io.StringIO(f"\n{EMAIL}\n\n"))
    assert stedi("privacy", "forget", "-", "--yes", "--lake", lake)[0] == 0
