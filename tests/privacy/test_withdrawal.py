"""A consent that is withdrawn ends with the next build, in every table; of several records one counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from person import BOB, START, People, of, snapshot, traces, write_people

from stedi.build import build
from stedi.contracts import TABLES
from stedi.lake import Lake
from stedi.privacy import audit
from stedi.verify import verify

AGREED = {key: value for key, value in BOB.items() if key != "shareWithResearchAsOfDate"}
LATER = 1656000000000


@pytest.fixture
def people(tmp_path: Path) -> People:
    return write_people(tmp_path / "landing")


def stands(lake: Path) -> set[str]:
    """Return the tables that hold Bob: his email, his serial number, or a third pseudonym."""
    with Lake.open(lake) as opened:
        found = {
            name
            for name, table in TABLES.items()
            if table.zone != "landing"
            for rows in [str(opened.table(name).pl().rows())]
            if str(BOB["email"]) in rows or str(BOB["serialNumber"]) in rows
        }
        people = opened.sql("select count(distinct customerPseudonym) from training_curated").pl().item()
        return found | ({"training_curated"} if people == 3 else set())


MADE = {name for name, table in TABLES.items() if table.zone != "landing"}


def test_a_later_record_without_the_date_is_a_withdrawal(people: People, lake: Path) -> None:
    build(lake, people.landing)
    assert stands(lake) == MADE
    people.add("customer", "withdrawn.json", [of(AGREED | {"lastUpdateDate": LATER})])
    run = build(lake, people.landing)
    assert stands(lake) == set()
    assert "customer_trusted" in run.stale
    # the landing files stay: a withdrawal is no erasure
    assert traces([str(BOB["email"])], people.landing)
    left = traces([str(BOB["email"]), str(BOB["phone"])], lake)
    assert [place for place in left if "/_quarantine/" not in place] == []
    assert verify(lake).problems == []
    people.add(
        "customer",
        "again.json",
        [of(AGREED | {"lastUpdateDate": LATER + 1, "shareWithResearchAsOfDate": LATER + 1})],
    )
    build(lake, people.landing)
    # readings from before the second consent are not for training
    assert stands(lake) == MADE - {"training_curated"}


@pytest.mark.parametrize(
    ("updated", "share", "agrees"),
    [
        (-1, None, True),  # an older record says nothing
        (0, None, False),  # equally late: no
        (1, None, False),
        (1, 0, False),  # a date of 0 is none
        (None, None, False),  # who knows when: no
        (1, LATER, True),
    ],
)
def test_which_record_counts(people: People, lake: Path, updated: int | None, share: int | None, agrees: bool) -> None:
    build(lake, people.landing)
    # the later of his two records in the landing data
    latest = 1655400000000 - 6000
    record = AGREED | {"lastUpdateDate": None if updated is None else latest + updated}
    people.add(
        "customer", "one more.json", [of(record | ({} if share is None else {"shareWithResearchAsOfDate": share}))]
    )
    build(lake, people.landing)
    assert ("accelerometer_trusted" in stands(lake)) == agrees


def test_nothing_is_written_where_nothing_was_withdrawn(people: People, lake: Path) -> None:
    build(lake, people.landing)
    before = snapshot(lake)
    build(lake, people.landing)
    assert snapshot(lake) == before


@pytest.mark.parametrize("unknown_is_later", [True, False])
def test_a_record_of_an_unknown_date_never_says_since_when(
    people: People, lake: Path, *, unknown_is_later: bool
) -> None:
    """Not even against the lowest date that may land: the record with a date counts, whichever agrees later."""
    before, after = START, START + 401
    lowest, unknown = (before, after) if unknown_is_later else (after, before)
    people.add(
        "customer",
        "customers.json",
        [
            of(AGREED | {"lastUpdateDate": -999999999999999999, "shareWithResearchAsOfDate": lowest}),
            of(AGREED | {"lastUpdateDate": None, "shareWithResearchAsOfDate": unknown}),
        ],
    )
    people.add("customer", "deep/other ways.json", [])
    build(lake, people.landing)
    with Lake.open(lake) as opened:
        first = opened.sql("select min(sensorReadingTime) from training_curated").pl().item()
    assert first == lowest
    assert not audit(lake).violations
