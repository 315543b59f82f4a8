"""The contracts: the tables of the lakehouse as design and issue name them."""

from __future__ import annotations

import json

import duckdb
import oracle
import pytest

from stedi.contracts import FEEDS, TABLES, Table, table
from stedi.stages import STAGES

EVERY_TABLE = pytest.mark.parametrize("contract", TABLES.values(), ids=TABLES)

DESIGN = {
    "customer_landing": ("landing", "customer/landing/", None),
    "accelerometer_landing": ("landing", "accelerometer/landing/", None),
    "step_trainer_landing": ("landing", "step_trainer/landing/", None),
    "customer_trusted": ("trusted", "customer/trusted/", "customer_landing_to_trusted"),
    "accelerometer_trusted": ("trusted", "accelerometer/trusted/", "accelerometer_landing_to_trusted"),
    "step_trainer_trusted": ("trusted", "step_trainer/trusted/", "step_trainer_landing_to_trusted"),
    "customers_curated": ("curated", "customer/curated/", "customer_trusted_to_curated"),
    "machine_learning_curated": ("curated", "machine_learning/curated/", "machine_learning_trusted_to_curated"),
    "device_owners": ("curated", "device_owner/curated/", "device_owners_trusted_to_curated"),
    "training_curated": ("curated", "training/curated/", "training_trusted_to_curated"),
}
TYPES = {"VARCHAR": "text", "BIGINT": "integer", "DOUBLE": "double"}
PERSONAL = {"customerName", "email", "phone", "birthDay", "user", "owner"}


def test_the_tables_are_those_of_the_design() -> None:
    assert {name: (t.zone, t.prefix, t.glue_job) for name, t in TABLES.items()} == DESIGN
    assert [feed.name for feed in FEEDS] == ["customer_landing", "accelerometer_landing", "step_trainer_landing"]


@pytest.mark.parametrize("feed", FEEDS, ids=[feed.feed for feed in FEEDS])
def test_feeds_have_the_columns_and_keys_that_the_oracle_knows(feed: Table) -> None:
    assert {c.name: TYPES[c.type] for c in feed.columns} == oracle.FEEDS[feed.feed]
    assert list(oracle.FEEDS[feed.feed]) == [c.name for c in feed.columns]
    assert feed.required == oracle.REQUIRED[feed.feed]
    assert {c.name for c in feed.columns if c.optional} == oracle.MAY_BE_ABSENT_WHEN_CLEAN & set(
        oracle.FEEDS[feed.feed]
    )


@pytest.mark.parametrize("name", oracle.MADE)
def test_made_tables_have_the_columns_that_the_oracle_knows(name: str) -> None:
    folder, columns = oracle.MADE[name]
    assert TABLES[name].prefix == f"{folder}/"
    assert [(c.name, TYPES[c.type]) for c in TABLES[name].columns] == list(columns.items())


@EVERY_TABLE
def test_a_contract_is_whole(contract: Table) -> None:
    names = [column.name for column in contract.columns]
    assert len({name.lower() for name in names}) == len(names)
    assert set(contract.required) <= set(names)
    assert contract.required
    assert contract.comment
    assert all(column.comment for column in contract.columns)
    assert not any(column.optional and column.name in contract.required for column in contract.columns)
    assert (contract.glue_job is None) == (contract.zone == "landing")
    assert (contract.name in STAGES) == (contract.zone != "landing")
    assert contract.prefix == f"{contract.feed}/{contract.zone}/"
    assert table(contract.name) is contract


@EVERY_TABLE
def test_personal_data_is_marked_wherever_it_stands(contract: Table) -> None:
    assert {c.name for c in contract.columns if c.pii} == PERSONAL & {c.name for c in contract.columns}


@EVERY_TABLE
def test_names_are_plain_words_in_sql_and_in_json(contract: Table) -> None:
    rows = duckdb.execute("select keyword_name from duckdb_keywords() where keyword_category = 'reserved'").fetchall()
    keywords = {row[0] for row in rows}
    assert "select" in keywords
    for column in contract.columns:
        assert column.name.isidentifier()
        assert column.name.lower() not in keywords
        assert json.dumps(column.name) == f'"{column.name}"'  # stands in a key as it is, without escapes


def test_prefixes_hold_one_table_each() -> None:
    prefixes = [contract.prefix for contract in TABLES.values()]
    assert len(set(prefixes)) == len(prefixes)
    assert not [a for a in prefixes for b in prefixes if a != b and a.startswith(b)]


def test_an_unknown_table_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        table("customers")
