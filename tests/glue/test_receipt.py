"""The receipt: what it covers, what not and why, and files that are no receipt."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stedi.contracts import TABLES
from stedi.errors import EnvironmentFault, UsageError
from stedi.glue.receipt import Receipt, digests

SCRIPTS = {f"{t.glue_job}.py": f"print('{t.name} €')\n" for t in TABLES.values() if t.glue_job}
NAME = "customer_landing_to_trusted.py"


def receipt(scripts: Mapping[str, str] = SCRIPTS) -> Receipt:
    return Receipt(
        verdict="same",
        glue=("5.1",),
        scripts=digests(scripts),
        tables={t.name: "same" for t in TABLES.values() if t.glue_job},
        versions={"stedi": "0.1.0", "spark": "3.5.6"},
        finished="2026-01-31T12:00:00+00:00",
    )


def test_a_digest_is_that_of_the_file_as_utf_8(tmp_path: Path) -> None:
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8", newline="\n")
        assert digests(SCRIPTS)[name] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()


def test_a_receipt_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(receipt().dump(), encoding="utf-8")
    assert Receipt.load(file) == receipt()
    assert json.loads(file.read_text(encoding="utf-8")).keys() == {
        "format", "verdict", "glue", "scripts", "tables", "versions", "finished"
    }  # fmt: skip


def test_it_covers_the_scripts_that_were_run() -> None:
    assert receipt().covers(SCRIPTS, "5.1")
    assert receipt().gaps(SCRIPTS, "5.1") == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda r: dataclasses.replace(r, verdict="different"), "its verdict is different, not same"),
        (lambda r: dataclasses.replace(r, verdict=""), "its verdict is , not same"),
        (lambda r: dataclasses.replace(r, glue=("6.0",)), "it is of Glue 6.0, not 5.1"),
        (lambda r: dataclasses.replace(r, glue=()), "it is of Glue none, not 5.1"),
        (lambda r: dataclasses.replace(r, scripts={**r.scripts, NAME: "0" * 64}), f"{NAME}: has changed since"),
        (
            lambda r: dataclasses.replace(r, scripts={n: s for n, s in r.scripts.items() if n != NAME}),
            f"{NAME}: was not part of the run",
        ),
        (
            lambda r: dataclasses.replace(r, scripts={**r.scripts, "other.py": "0" * 64}),
            "other.py: was part of the run and is no script now",
        ),
        (
            lambda r: dataclasses.replace(r, tables={**r.tables, "customer_trusted": "failed"}),
            "customer_trusted: its verdict is failed",
        ),
        (
            lambda r: dataclasses.replace(r, tables={n: v for n, v in r.tables.items() if n != "customer_trusted"}),
            "customer_trusted: was not compared",
        ),
    ],
)
def test_it_says_why_it_does_not_cover(spoil: Callable[[Receipt], Receipt], reason: str) -> None:
    spoiled = spoil(receipt())
    assert spoiled.gaps(SCRIPTS, "5.1") == [reason]
    assert not spoiled.covers(SCRIPTS, "5.1")


@pytest.mark.parametrize("name", SCRIPTS)
def test_one_changed_byte_is_another_script(name: str) -> None:
    assert receipt().gaps({**SCRIPTS, name: SCRIPTS[name] + " "}, "5.1") == [f"{name}: has changed since"]


def test_an_empty_receipt_covers_nothing() -> None:
    empty = Receipt("same", ("5.1",), {}, {}, {}, "")
    assert len(empty.gaps(SCRIPTS, "5.1")) == 2 * len(SCRIPTS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        json.dumps({**json.loads(receipt().dump()), "format": 2}).encode(),
        json.dumps({**json.loads(receipt().dump()), "glue": "5.1"}).encode(),
        json.dumps({**json.loads(receipt().dump()), "scripts": [NAME]}).encode(),
        json.dumps({**json.loads(receipt().dump()), "scripts": {NAME: None}}).encode(),
        json.dumps({**json.loads(receipt().dump()), "tables": {"a\x1b[2J": "same"}}).encode(),
        json.dumps({**json.loads(receipt().dump()), "verdict": 1}).encode(),
        json.dumps({**json.loads(receipt().dump()), "more": 1}).encode(),
        json.dumps({k: v for k, v in json.loads(receipt().dump()).items() if k != "tables"}).encode(),
        receipt().dump().encode()[:-3],
    ],
)
def test_what_is_no_receipt_is_refused(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(data)
    with pytest.raises(UsageError, match="is not a parity receipt") as caught:
        Receipt.load(file)
    assert "stedi parity run" in caught.value.fix


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"none\.json: there is no such receipt"):
        Receipt.load(tmp_path / "none.json")
