"""A failed audit: every audit sees a stage that is broken, nothing is published, and nobody is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stedi.build import build
from stedi.contracts import TABLES
from stedi.errors import AuditFailed, StediError
from stedi.manifest import JOURNAL, MANIFEST
from stedi.publish import STAGING
from stedi.stages import AUDITS, STAGES, SqlFile
from stedi.verify import verify

Answer = tuple[int, str, str]
Content = dict[str, tuple[str, list[str]]]
Read = Callable[[Path], Content]


def break_stage(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, change: Callable[[str], str]) -> None:
    """Have one table made by other SQL than the product's."""
    before = STAGES[name].sql
    after = change(before)
    assert after != before
    file = folder / f"{name}.sql"
    file.write_text(after)
    monkeypatch.setitem(STAGES, name, SqlFile(name, file))


BROKEN: dict[str, tuple[str, Callable[[str], str], str]] = {
    # name: table, what becomes of its SQL, the audit that must see it
    "no consent filter": (
        "customer_trusted",
        lambda sql: sql.partition("where\n    c.shareWith")[0],
        "consent",
    ),
    "a withdrawal overlooked": (
        "customer_trusted",
        lambda sql: sql.partition("    and c.email in (select k.email")[0],
        "consent",
    ),
    "readings of everybody": (
        "accelerometer_trusted",
        lambda sql: sql.replace("customer_trusted as c", "customer_landing as c"),
        "consent",
    ),
    "a join that multiplies": (
        "accelerometer_trusted",
        lambda sql: (
            sql.partition("where a.user in")[0] + "inner join customer_trusted as c on c.serialNumber is not null"
        ),
        "nothing_multiplied",
    ),
    "devices multiplied": (
        "step_trainer_trusted",
        lambda sql: sql.replace(
            "from step_trainer_landing as s", "from step_trainer_landing as s, (values (1), (2)) as v(n)"
        ),
        "nothing_multiplied",
    ),
    "readings that nobody sent": (
        "machine_learning_curated",
        lambda sql: sql.replace("cast(a.x as double)", "cast(a.x + 1 as double)"),
        "machine_learning_traceable",
    ),
    "readings of different instants": (
        "machine_learning_curated",
        lambda sql: sql.replace("on s.sensorReadingTime = a.timestamp", "on s.sensorReadingTime < a.timestamp"),
        "machine_learning_traceable",
    ),
    "a wrong type": (
        "step_trainer_trusted",
        lambda sql: sql.replace("distanceFromObject as bigint", "distanceFromObject as double"),
        "types_as_declared",
    ),
    "a missing column": (
        "customers_curated",
        lambda sql: sql.replace("    cast(c.email as varchar) as email,\n", ""),
        "types_as_declared",
    ),
    "a dropped key": (
        "accelerometer_trusted",
        lambda sql: sql.replace('cast(a.user as varchar) as "user"', 'cast(null as varchar) as "user"'),
        "keys_present",
    ),
    "rows that vanish": (
        "step_trainer_trusted",
        lambda sql: sql + " and s.distanceFromObject % 2 = 0",
        "ledger_balances",
    ),
    "a tie that the alphabet breaks": (
        "device_owners",
        lambda sql: sql.replace("(c.matched - c.runner_up) * 5 >= r.readings", "true"),
        "device_owners_by_rule",
    ),
    "devices of everybody": (
        "device_owners",
        lambda sql: sql.replace("accelerometer_trusted", "accelerometer_landing"),
        "consent",
    ),
    "readings from before the consent": (
        "training_curated",
        lambda sql: sql.replace(">= o.agreed_at", "is not null"),
        "training_consented",
    ),
    "readings of whoever recorded then": (
        "training_curated",
        lambda sql: sql.replace("on p.device = d.device and p.timestamp = d.instant", "on p.timestamp = d.instant"),
        "training_consented",
    ),
}


@pytest.fixture
def troubled(
    landing: Path,
    add_lines: Callable[..., Path],
    write_walk: Callable[..., None],
    customer: Callable[..., dict[str, object]],
) -> Path:
    """Return landing data in which every break of a stage shows."""
    # those of Bob and Cid are of one device, and before it was theirs: a tie
    add_lines(landing, "customer", [customer("Cid")], "cid.json")
    for who, start in (("Ada", 1654999999009), ("Zoe", 1654999999050)):
        write_walk(landing, who, range(start, 1655000000300, 100))
    together = range(1655700000000, 1655700000008)
    write_walk(landing, "Bob", together)
    write_walk(landing, "Cid", together)
    crossing = {"user": customer("Bob")["email"], "timestamp": 1655000000009, "x": 9.0, "y": 9.0, "z": 9.0}
    add_lines(landing, "accelerometer", [crossing], "crossing.json")
    withdrawal = customer("Yan", consents=False) | {"lastUpdateDate": 1656000000000}
    return add_lines(landing, "customer", [customer("Yan"), withdrawal]).parents[2]


@pytest.mark.parametrize("name", BROKEN)
def test_an_audit_sees_a_broken_stage(
    *,
    troubled: Path,
    lake: Path,
    tmp_path: Path,
    stedi: Callable[..., Answer],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    table, change, audit = BROKEN[name]
    break_stage(monkeypatch, tmp_path, table, change)
    code, out, err = stedi("build", "--landing", troubled, "--lake", lake)
    assert (code, out) == (1, "")
    assert f"Error: {lake}: " in err
    assert re.search(r": (1 audit|\d audits) failed, nothing was published", err)
    assert f"  {audit}: " in err
    assert "Fix: the old tables stand" in err
    for personal in ("Quillfeather", "@example.com", "20255", "0967-03"):
        assert personal not in err
    assert {path.name for path in lake.rglob("*")} <= {"_stedi", "lock"}


def test_a_failed_audit_leaves_the_lake_as_it_was(
    troubled: Path, lake: Path, tmp_path: Path, read_lake: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(lake, troubled)
    before, manifest = read_lake(lake), (lake / MANIFEST).read_bytes()
    table, change, audit = BROKEN["readings of everybody"]
    with monkeypatch.context() as patch:
        break_stage(patch, tmp_path, table, change)
        with pytest.raises(AuditFailed) as caught:
            build(lake, troubled)
    assert audit in caught.value.violations
    assert "@" not in str(caught.value.violations)
    assert (read_lake(lake), (lake / MANIFEST).read_bytes()) == (before, manifest)
    assert not (lake / STAGING).exists()
    assert not (lake / JOURNAL).exists()
    build(lake, troubled, force=True)
    assert verify(lake).problems == []


def test_the_keys_of_violations_are_shown_masked(
    landing: Path, lake: Path, tmp_path: Path, stedi: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_stage(monkeypatch, tmp_path, *BROKEN["no consent filter"][:2])
    _, _, err = stedi("build", "--landing", landing, "--lake", lake)
    assert "  consent: customer_trusted: Z*** (28 characters)\n" in err
    assert "Zoe" not in err


@pytest.mark.parametrize(
    "text",
    [
        "select cast(c.email as bigint) as email from customer_landing as c",
        "select error(c.email || c.phone) as email from customer_landing as c",
        "select strptime(c.birthDay || c.customerName, '%Y') as email from customer_landing as c",
        "select c.nothing from customer_landing as c",
        "selec",
    ],
)
def test_a_stage_that_fails_shows_no_data(
    *,
    landing: Path,
    lake: Path,
    tmp_path: Path,
    stedi: Callable[..., Answer],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    break_stage(monkeypatch, tmp_path, "customer_trusted", lambda _: text)
    code, out, err = stedi("build", "--landing", landing, "--lake", lake)
    assert (code, out) == (2, "")
    assert "customer_trusted" in err
    assert "Fix: " in err
    for personal in ("Quillfeather", "@example", "20255", "0967"):
        assert personal not in err
    assert not (lake / "_stedi/manifest.json").exists()
    with pytest.raises(StediError):
        build(lake, landing)


def test_every_audit_has_a_break_that_it_sees() -> None:
    assert {audit for _, _, audit in BROKEN.values()} == AUDITS.keys()
    assert {table for table, _, _ in BROKEN.values()} <= TABLES.keys()
