"""Each audit finds the table that is wrong in its way, and nothing in the right one.

A right lake is built; then rows of its Parquet files are changed, as a broken stage would have written them, and the
audits run on what stands there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from stedi.audit import audits_of, ledger_of, prepare, run_audits
from stedi.build import build
from stedi.contracts import TABLES
from stedi.lake import Lake
from stedi.sample import write_sample
from stedi.stages import AUDITS, FACTS, STAGES

WRONG: list[tuple[str, str, str, str]] = [
    # audit, table, what it holds instead (a query over `old` and the customers who `refused`), the line it is seen by
    (
        "consent",
        "customer_trusted",
        "from old union all by name (from refused limit 1)",
        "customer_trusted: 2 violations",
    ),
    (
        "consent",
        "customer_trusted",
        "from (from old offset 1) union all (select * replace (null as shareWithResearchAsOfDate) from old limit 1)",
        "customer_trusted: 1 violation",
    ),
    (
        "consent",
        "customer_trusted",
        "select * replace (0::bigint as shareWithResearchAsOfDate) from old",
        "customer_trusted: 482 violations",
    ),
    (
        "consent",
        "customers_curated",
        "from old union all by name (from refused limit 3)",
        "customers_curated: 3 violations",
    ),
    (
        "consent",
        "accelerometer_trusted",
        "from old union all select email, 1, 0, 0, 0 from (from refused limit 1)",
        "accelerometer_trusted: 1 violation",
    ),
    (
        "consent",
        "step_trainer_trusted",
        "from old union all select 1, serialNumber, 0 from (from refused limit 1)",
        "step_trainer_trusted: 1 violation",
    ),
    (
        "consent",
        "machine_learning_curated",
        "select * replace ('Nobody@example.com' as \"user\") from old limit 7",
        "machine_learning_curated: 7 violations",
    ),
    (
        "consent",
        "machine_learning_curated",
        "select * replace ('no-device' as serialNumber) from old limit 7",
        "machine_learning_curated: 7 violations",
    ),
    ("keys_present", "customer_trusted", "select * replace ('' as email) from old limit 1", "customer_trusted"),
    (
        "keys_present",
        "customers_curated",
        "select * replace (null::varchar as serialNumber) from old",
        "customers_curated",
    ),
    ("keys_present", "accelerometer_trusted", "select * replace ('' as \"user\") from old", "accelerometer_trusted"),
    (
        "keys_present",
        "accelerometer_trusted",
        'select * replace (null::bigint as "timestamp") from old',
        "accelerometer_trusted",
    ),
    ("keys_present", "step_trainer_trusted", "select * replace ('' as serialNumber) from old", "step_trainer_trusted"),
    (
        "keys_present",
        "step_trainer_trusted",
        "select * replace (null::bigint as sensorReadingTime) from old",
        "step_trainer_trusted",
    ),
    *(
        (
            "keys_present",
            "machine_learning_curated",
            f'select * replace (null::{kind} as "{key}") from old limit 2',
            "machine_learning_curated: 2 violations",
        )
        for key, kind in (
            ("sensorReadingTime", "bigint"),
            ("serialNumber", "varchar"),
            ("user", "varchar"),
            ("timestamp", "bigint"),
        )
    ),
    (
        "nothing_multiplied",
        "customer_trusted",
        "from old union all (from old limit 1)",
        "customer_trusted: 1 violation",
    ),
    (
        "nothing_multiplied",
        "customers_curated",
        "from old union all (from old limit 1)",
        "customers_curated: 1 violation",
    ),
    (
        "consent",
        "device_owners",
        "select * replace ((select email from refused limit 1) as owner) from old",
        "device_owners: 482 violations",
    ),
    (
        "training_consented",  # from before the consent
        "training_curated",
        'select * replace ("timestamp" - 100000000 as "timestamp") from old',
        "training_curated: 464 violations",
    ),
    (
        "training_consented",  # of two people under one pseudonym
        "training_curated",
        "select * replace (min(customerPseudonym) over () as customerPseudonym) from old",
        "training_curated: 1 violation",
    ),
    (
        "training_consented",  # one reading that is nobody's
        "training_curated",
        "from old union all (select * replace (x + 0.25 as x) from old limit 1)",
        "training_curated: 1 violation",
    ),
    (
        "keys_present",
        "device_owners",
        "select * replace (null::double as confidence) from old",
        "device_owners: serialNumber, owner or what speaks for it",
    ),
    (
        "keys_present",
        "training_curated",
        "select * replace ('' as devicePseudonym) from old",
        "training_curated: customerPseudonym, devicePseudonym",
    ),
    ("device_owners_by_rule", "device_owners", "from old union all from old", "device_owners: 482 violations"),
    (
        "device_owners_by_rule",
        "device_owners",
        "select * replace ('none that landed' as serialNumber) from old limit 1",
        "device_owners: 1 violation",
    ),
    *(
        (
            "device_owners_by_rule",
            "device_owners",
            f"select * replace ({wrong}) from (from old where matched = 30 and runner_up_matched = 0 limit 1)",
            "device_owners: 1 violation",
        )
        for wrong in (
            "31::bigint as readings, 31::bigint as matched",
            "23::bigint as matched, 23 / 30::double as confidence",
            "25::bigint as runner_up_matched, 5 / 30::double as confidence",
            "0.5::double as confidence",
            "4::bigint as readings, 4::bigint as matched",
            "(-1)::bigint as runner_up_matched, 31 / 30::double as confidence",
        )
    ),
    (
        "nothing_multiplied",
        "customer_trusted",
        "select * replace (upper(customerName) as customerName) from old",
        "customer_trusted: 482 violations",
    ),
    (
        "nothing_multiplied",
        "accelerometer_trusted",
        "from old union all (from old limit 1)",
        "accelerometer_trusted: 1",
    ),
    ("nothing_multiplied", "accelerometer_trusted", "select * replace (x + 1 as x) from old", "accelerometer_trusted"),
    ("nothing_multiplied", "step_trainer_trusted", "from old union all (from old limit 1)", "step_trainer_trusted: 1"),
    ("nothing_multiplied", "step_trainer_trusted", "from old limit 100", "step_trainer_trusted"),
    (
        "nothing_multiplied",
        "step_trainer_trusted",
        "select * replace (distanceFromObject + 1 as distanceFromObject) from old",
        "step_trainer_trusted",
    ),
    (
        "machine_learning_traceable",
        "machine_learning_curated",
        'select * replace ("timestamp" + 1 as "timestamp") from old',
        "machine_learning_curated",
    ),
    (
        "machine_learning_traceable",
        "machine_learning_curated",
        "select * replace (distanceFromObject + 1000 as distanceFromObject) from old limit 1",
        "machine_learning_curated: 1 violation",
    ),
    (
        "machine_learning_traceable",
        "machine_learning_curated",
        "select * replace (z + 0.5 as z) from old limit 1",
        "machine_learning_curated: 1 violation",
    ),
    (
        "types_as_declared",
        "step_trainer_trusted",
        "select * replace (distanceFromObject::integer as distanceFromObject) from old",
        "step_trainer_trusted: distanceFromObject",
    ),
    ("types_as_declared", "customer_trusted", "select * exclude (phone) from old", "customer_trusted: phone"),
    ("types_as_declared", "customer_trusted", "select *, 1 as extra from old", "customer_trusted: extra"),
    ("types_as_declared", "customer_trusted", "select * rename (email as Email) from old", "customer_trusted: Email"),
    (
        "types_as_declared",
        "accelerometer_trusted",
        'select "timestamp", "user", x, y, z from old',
        "accelerometer_trusted: user",
    ),
    ("ledger_balances", "customer_trusted", "from old limit 400", "customer: good 956, kept 400, dropped 474"),
    ("ledger_balances", "accelerometer_trusted", "from old limit 1", "accelerometer: good "),
    (
        "ledger_balances",
        "step_trainer_trusted",
        "from old where false",
        "step_trainer: good 28680, kept 0, dropped 14220",
    ),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    write_sample(folder / "landing")
    build(folder / "lake", folder / "landing")
    return folder


def audited(lake: Path) -> dict[str, list[str]]:
    with Lake.open(lake) as opened:
        relations = opened.relations(in_memory=True)
        prepare(relations, {name: feed.rows for name, feed in opened.manifest.feeds.items()}, STAGES)
        return run_audits(relations, AUDITS)


def rewrite(lake: Path, landing: Path, table: str, sql: str) -> None:
    """Write the Parquet file of a table again, from a query over `old`."""
    file = lake / f"{TABLES[table].prefix}{table}-0.parquet"
    new = file.with_name("new")
    with duckdb.connect() as connection:
        connection.read_parquet(str(file)).create_view("old")
        columns = {column.name: column.type for column in TABLES["customer_landing"].columns}
        connection.read_json(str(landing / "customer/landing/*.json"), columns=columns).create_view("customers")
        connection.sql("from customers where shareWithResearchAsOfDate is null").create_view("refused")
        connection.execute(f"copy ({sql}) to $new (format parquet)", {"new": str(new)})
    new.replace(file)


def test_the_right_lake_passes_every_audit(built: Path) -> None:
    assert audited(built / "lake") == {}


@pytest.mark.parametrize(("audit", "table", "sql", "line"), WRONG)
def test_an_audit_finds_what_is_wrong_in_its_way(
    *, built: Path, tmp_path: Path, audit: str, table: str, sql: str, line: str
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(built / "lake", lake)
    rewrite(lake, built / "landing", table, sql)
    found = audited(lake)
    assert audit in found, f"only {list(found)} saw it"
    assert line in "\n".join(found[audit])
    assert "@" not in str(found)


def test_every_audit_is_broken_here_for_every_table_it_reads() -> None:
    assert {audit for audit, *_ in WRONG} == AUDITS.keys()
    broken = {(audit, table) for audit, table, *_ in WRONG}
    read = {(name, table) for name, audit in AUDITS.items() for table in audit.inputs if table in STAGES}
    # of what an audit reads these are not audited themselves: rows are traced to them
    traced_to = {
        ("machine_learning_traceable", "step_trainer_trusted"),
        ("machine_learning_traceable", "accelerometer_trusted"),
        ("training_consented", "accelerometer_trusted"),
    }
    assert read - broken == traced_to


def test_no_more_than_five_keys_are_shown_and_all_are_counted(built: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(built / "lake", lake)
    rewrite(
        lake,
        built / "landing",
        "customer_trusted",
        "select * replace (0::bigint as shareWithResearchAsOfDate) from old",
    )
    lines = audited(lake)["consent"]
    assert lines[0] == "customer_trusted: 482 violations"
    assert len(lines) == 6
    assert all("*** (" in line for line in lines[1:])


def test_a_column_that_is_not_as_declared_hides_nothing_that_can_be_seen(built: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(built / "lake", lake)
    rewrite(
        lake,
        built / "landing",
        "customer_trusted",
        "select * replace (0::double as shareWithResearchAsOfDate) from old",
    )
    rewrite(lake, built / "landing", "machine_learning_curated", "select * exclude (serialNumber) from old")
    found = audited(lake)
    assert next(iter(found)) == "types_as_declared"
    assert "machine_learning_curated: serialNumber" in found["types_as_declared"]
    assert "nothing_multiplied" in found


def test_the_ledger_counts_kept_and_dropped_apart(built: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(built / "lake", lake)
    rewrite(lake, built / "landing", "customer_trusted", "from old limit 400")
    with Lake.open(lake) as opened:
        ledger = ledger_of(opened.relations())
    kept, dropped, why = ledger["customer"]
    assert list(ledger) == ["customer", "accelerometer", "step_trainer"]
    assert (kept, dropped, why) == (400, 474, "without research consent")


@pytest.mark.parametrize(
    ("changed", "audits"),
    [
        ((), {"types_as_declared"}),
        (("machine_learning_curated",), {"consent", "keys_present", "machine_learning_traceable", "types_as_declared"}),
        (
            ("customer_trusted",),
            {"consent", "keys_present", "ledger_balances", "nothing_multiplied", "types_as_declared"},
        ),
        (tuple(STAGES), set(AUDITS)),
    ],
)
def test_the_audits_that_read_a_changed_table_run(changed: tuple[str, ...], audits: set[str]) -> None:
    assert set(audits_of(changed)) == audits


def test_consent_is_audited_by_another_road_than_the_stages_take() -> None:
    fact = FACTS["consenting_customers"]
    assert fact.inputs == ("customer_landing_lines",)
    assert set(fact.inputs).isdisjoint({table for stage in STAGES.values() for table in stage.inputs})


def test_a_withdrawal_is_seen_by_both_roads(
    landing: Path, lake: Path, add_lines: Callable[..., Path], customer: Callable[..., dict[str, object]]
) -> None:
    """What decides for a customer of several records: the last update; a tie or an unknown date decides against."""
    agree, refuse = customer("Ann"), customer("Ann", consents=False)

    def named(name: str, *records: dict[str, object]) -> list[dict[str, object]]:
        return [record | {"email": f"{name}@example.com"} for record in records]

    early, late = {"lastUpdateDate": 1}, {"lastUpdateDate": 2}
    unknown = {"lastUpdateDate": None}
    lines = [
        *named("kept-agreed-later", refuse | early, agree | late),
        *named("kept-agreed-twice", agree | early, agree | late),
        *named("gone-refused-later", agree | early, refuse | late),
        *named("gone-tie", agree | early, refuse | early),
        *named("gone-refused-when", agree | late, refuse | unknown),
        *named("gone-agreed-when", agree | unknown, refuse | early),
        *named("kept-agreed-only-when", agree | unknown),
        *named("gone-zero", agree | {"shareWithResearchAsOfDate": 0}),
        *named("gone-null", agree | {"shareWithResearchAsOfDate": None}),
        *named("gone-negative", agree | {"shareWithResearchAsOfDate": -1}),
    ]
    add_lines(landing, "customer", lines)
    build(lake, landing)
    with Lake.open(lake) as opened:
        emails = (
            opened.sql("select distinct email from customer_trusted where email like '%-%'").pl()["email"].to_list()
        )
    assert sorted(emails) == sorted({str(line["email"]) for line in lines if str(line["email"]).startswith("kept")})
