"""The SQL files: headers, what they read, and that a stage gives what its contract says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import stedi
from stedi.contracts import FEEDS, TABLES
from stedi.engine import Engine
from stedi.privacy.work import CHECKED_IN_SQL
from stedi.stages import AUDITS, FACTS, PARAMETERS, RUN_PARAMETERS, STAGES, SqlFile, inputs_of

FILES = [*STAGES.values(), *AUDITS.values(), *FACTS.values()]
EVERY_FILE = pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
STANDING = {"declared_columns", "found_columns", "landed", "device_owners_left"}
"""What the audits check against, stood in the engine by the build itself."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Open an engine in which every landing table stands, empty."""
    with Engine() as engine:
        for feed in FEEDS:
            engine.empty(feed.name, {column.name: column.type for column in feed.columns})
        engine.empty(RUN_PARAMETERS, PARAMETERS)
        yield engine


def parsed_inputs(engine: Engine, sql: str) -> set[str]:
    """Return the tables that DuckDB's own parser finds in a statement, without its CTEs."""
    [(text,)] = engine.run("parse", "select json_serialize_sql($sql::varchar)", {"sql": sql})
    tree = json.loads(text)
    assert tree["error"] is False
    assert len(tree["statements"]) == 1
    tables, ctes = set[str](), set[str]()
    todo: list[object] = [tree]
    while todo:
        match todo.pop():
            case dict() as node:
                if node.get("type") == "BASE_TABLE":
                    assert not node["schema_name"]
                    tables.add(node["table_name"])
                if isinstance(node.get("cte_map"), dict):
                    ctes.update(entry["key"] for entry in node["cte_map"]["map"])
                todo.extend(node.values())
            case list() as nodes:
                todo.extend(nodes)
            case _:
                pass
    return tables - ctes


@EVERY_FILE
def test_inputs_are_what_the_parser_finds(file: SqlFile, engine: Engine) -> None:
    assert set(file.inputs) == parsed_inputs(engine, file.sql)
    assert list(file.inputs) == sorted(file.inputs)
    assert file.inputs


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1 from a", {"a"}),
        ("select 1 from a as x inner join b as y on x.i = y.i", {"a", "b"}),
        ("with c as (select 1 from a) select 1 from c", {"a"}),
        ("with c as (select 1 from a), d as (select 1 from c) select 1 from c left join d using (i)", {"a"}),
        ("-- from comment\nselect 1 from a -- join comment", {"a"}),
        ("select 1 from a where i in (select i from b) and i not in (select i from d)", {"a", "b", "d"}),
        ("select 1 from (select 1 from a) as t anti join b using (i)", {"a", "b"}),
        ("select 1 from unnest([1])", set()),
        ("select 1 from a union all select 2 from b", {"a", "b"}),
    ],
)
def test_inputs_of_small_statements(sql: str, expected: set[str], engine: Engine) -> None:
    assert inputs_of(sql) == expected == parsed_inputs(engine, sql)


@EVERY_FILE
def test_inputs_are_tables_that_somebody_makes(file: SqlFile) -> None:
    lines = {f"{feed.name}_lines" for feed in FEEDS}
    known = {*TABLES, RUN_PARAMETERS} if file.name in STAGES else set(TABLES) | set(FACTS) | STANDING | lines
    assert set(file.inputs) <= known
    assert file.name not in file.inputs


@EVERY_FILE
def test_the_header_says_what_it_is_in_one_sentence(file: SqlFile) -> None:
    first = file.sql.splitlines()[0]
    assert re.fullmatch(rf"-- {file.name}: [^.]+\.", first)
    assert file.title == first.removeprefix(f"-- {file.name}: ").removesuffix(".")
    assert file.name == file.path.stem


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_the_header_of_a_stage_names_its_inputs_and_its_bag(stage: SqlFile) -> None:
    header = [line for line in stage.sql.splitlines() if line.startswith("--")]
    inputs = header[1].removeprefix("-- Inputs: ").removesuffix(".").split(", ")
    assert sorted(inputs) == list(stage.inputs)
    assert header[2].startswith("-- Bag: ")
    assert stage.title == TABLES[stage.name].comment


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_gives_the_columns_of_its_contract(name: str, engine: Engine) -> None:
    for table in STAGES[name].inputs:
        if table in STAGES:  # as declared, which this test shows for that stage too
            columns = ", ".join(f'"{c.name}" {c.type}' for c in TABLES[table].columns)
            engine.run(table, f'create table if not exists "{table}" ({columns})')
    described = engine.run(name, f"describe {STAGES[name].sql}")
    assert [(row[0], row[1]) for row in described] == [(c.name, c.type) for c in TABLES[name].columns]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_casts_every_column_to_its_type_and_names_it(name: str) -> None:
    # Spark runs this text too, and names and types a bare column otherwise
    select = re.split(r"^select$", STAGES[name].sql, flags=re.MULTILINE)[-1].split("\nfrom ")[0]
    found = re.findall(r"^    cast\(\w+\.(\w+) as (\w+)\) as \"?(\w+)\"?,?$", select.strip("\n"), flags=re.MULTILINE)
    assert found == [(c.name, c.type.lower(), c.name) for c in TABLES[name].columns]
    assert len(found) == len(select.strip("\n").splitlines())


@pytest.mark.parametrize("name", AUDITS)
def test_an_audit_gives_a_table_and_a_key(name: str) -> None:
    with Engine() as engine:
        for table in TABLES.values():
            engine.empty(table.name, {column.name: column.type for column in table.columns})
        for feed in FEEDS:
            engine.empty(f"{feed.name}_lines", {"line": "JSON"})
        columns = {"table_name": "VARCHAR", "column_name": "VARCHAR", "place": "BIGINT", "type_name": "VARCHAR"}
        engine.empty("declared_columns", columns)
        engine.empty("found_columns", columns)
        engine.empty("landed", {"feed": "VARCHAR", "good": "BIGINT"})
        engine.empty("device_owners_left", {"serialNumber": "VARCHAR"})
        for fact in sorted(FACTS.values(), key=lambda fact: len(FACTS.keys() & fact.inputs)):  # those on facts last
            engine.run(fact.name, f'create table "{fact.name}" as {fact.sql}')
        described = engine.run(name, f"describe {AUDITS[name].sql}")
    assert [(row[0], row[1]) for row in described] == [("table_name", "VARCHAR"), ("key", "VARCHAR")]


def test_a_stage_depends_on_the_tables_and_on_the_parameters_it_reads() -> None:
    found = {name: set(stage.parameters) for name, stage in STAGES.items() if RUN_PARAMETERS in stage.inputs}
    assert found == {"device_owners": {"clock_skew_ms"}, "training_curated": {"pseudonym_key"}}
    for stage in STAGES.values():
        assert set(stage.depends_on) == (set(stage.inputs) - {RUN_PARAMETERS}) | set(stage.parameters)


def test_the_digest_is_of_the_text(tmp_path: Path) -> None:
    one, other = tmp_path / "one.sql", tmp_path / "other.sql"
    one.write_text("-- one: first.\nselect 1 from a")
    other.write_text("-- one: first.\nselect 1 from a ")
    assert SqlFile("one", one).digest != SqlFile("one", other).digest
    assert SqlFile("one", one).digest == SqlFile("two", one).digest


def test_every_sql_file_of_the_package_is_a_stage_an_audit_a_fact_or_a_check() -> None:
    folder = Path(stedi.__file__).parent
    checks = {folder / "privacy" / "checks" / f"{name}.sql" for name in CHECKED_IN_SQL}
    assert {file.path for file in FILES} | checks == set(folder.rglob("*.sql"))
    assert list(STAGES) == [name for name, contract in TABLES.items() if contract.zone != "landing"]
