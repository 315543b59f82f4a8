"""Tables for Athena: every statement parses, and says what the contracts and the TableInput say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from stedi.contracts import FEEDS, TABLES
from stedi.glue import names
from stedi.glue.ddl import MADE_BY, QUARANTINES, create_database, create_table, shapes, table_input

LAKE = names.lake("s3://my-bucket/stedi")
SHAPES = shapes()
EVERY = pytest.mark.parametrize("name", SHAPES)


def parsed(statement: str) -> exp.Create:
    [found] = sqlglot.parse(statement, dialect="athena", error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(found, exp.Create)
    return found


def properties(statement: exp.Create) -> dict[str, str]:
    return {p.name: p.text("value") for p in statement.find_all(exp.Property) if type(p) is exp.Property}


def test_there_is_a_table_for_every_contract_and_every_quarantine() -> None:
    assert list(SHAPES) == [*TABLES, *QUARANTINES]
    assert {name: SHAPES[name].prefix for name in TABLES} == {name: t.prefix for name, t in TABLES.items()}
    assert {f"_quarantine/{feed.feed}/" for feed in FEEDS} == set(QUARANTINES.values())


@EVERY
def test_a_statement_parses_and_says_what_the_table_input_says(name: str) -> None:
    statement, sent = parsed(create_table(SHAPES[name], LAKE, "stedi")), table_input(SHAPES[name], LAKE)
    storage = sent["StorageDescriptor"]
    assert statement.args["exists"]
    assert statement.find(exp.ExternalProperty)
    table = statement.find(exp.Table)
    assert table
    assert (table.db, table.name) == ("stedi", sent["Name"])
    columns = [
        {
            "Name": column.name,
            "Type": column.args["kind"].sql(dialect="hive").lower(),
            "Comment": "".join(comment.name for comment in column.find_all(exp.CommentColumnConstraint)),
        }
        for column in statement.find_all(exp.ColumnDef)
    ]
    assert columns == storage["Columns"]
    assert all(column.this.quoted for column in statement.find_all(exp.ColumnDef))
    [location] = statement.find_all(exp.LocationProperty)
    assert location.name == storage["Location"]
    [serde] = statement.find_all(exp.RowFormatSerdeProperty)
    assert serde.name == storage["SerdeInfo"]["SerializationLibrary"]
    [formats] = statement.find_all(exp.InputOutputFormat)
    assert formats.text("input_format") == storage["InputFormat"]
    assert formats.text("output_format") == storage["OutputFormat"]
    assert properties(statement) == {
        **storage["SerdeInfo"]["Parameters"],
        **{key: value for key, value in sent["Parameters"].items() if key != "EXTERNAL"},
    }
    [comment] = statement.find_all(exp.SchemaCommentProperty)
    assert comment.name == sent["Description"]


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_those_of_the_contract_in_lower_case(name: str) -> None:
    kinds = {"VARCHAR": "string", "BIGINT": "bigint", "DOUBLE": "double"}
    contract = TABLES[name]
    assert [(n, kind) for n, kind, _ in SHAPES[name].columns] == [
        (c.name.lower(), kinds[c.type]) for c in contract.columns
    ]
    for column, (_, _, comment) in zip(contract.columns, SHAPES[name].columns, strict=True):
        assert comment.startswith(column.comment)
        assert comment.endswith("personal data") == column.pii


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.feed)
def test_a_landing_table_finds_every_key_as_it_is_written(feed: object) -> None:
    contract = TABLES[feed.name]  # type: ignore[attr-defined]
    serde = SHAPES[contract.name].serde
    assert serde["case.insensitive"] == "FALSE"
    for column in contract.columns:
        assert serde.get(f"mapping.{column.name.lower()}", column.name.lower()) == column.name


@EVERY
def test_a_table_input_is_within_the_limits_of_the_catalog(name: str) -> None:
    sent = table_input(SHAPES[name], LAKE)
    assert sent["Name"] == sent["Name"].lower()
    assert len(sent["Description"].encode()) <= 2048
    for column in sent["StorageDescriptor"]["Columns"]:
        assert column["Name"] == column["Name"].lower()
        assert len(column["Comment"].encode()) <= 255
        assert "\n" not in column["Comment"]
    assert sent["Parameters"].items() >= MADE_BY.items()


def test_a_quote_in_a_comment_is_escaped() -> None:
    shape = SHAPES["customer_trusted"]
    spoiled = type(shape)(shape.name, shape.prefix, "it's a \\ 'b'", shape.columns, shape.storage, shape.serde)
    [comment] = parsed(create_table(spoiled, LAKE, "stedi")).find_all(exp.SchemaCommentProperty)
    assert comment.name == "it's a \\ 'b'"


def test_the_database_statement_parses() -> None:
    statement = parsed(create_database("stedi_2"))
    assert statement.kind == "DATABASE"
    assert statement.this.name == "stedi_2"


def test_the_command_prints_every_statement(stedi: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = stedi("glue", "ddl", "--lake", "s3://my-bucket/stedi/")
    assert (code, err) == (0, "")
    statements = out.removesuffix(";\n").split(";\n\n")
    assert len(statements) == 1 + len(SHAPES)
    for statement in statements:
        parsed(statement)
    assert statements[1] == create_table(SHAPES["customer_landing"], LAKE, "stedi")


def test_the_command_prints_json(stedi: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = stedi("glue", "ddl", "--lake", "s3://my-bucket", "--database", "d", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["tables"]["customer_trusted"] == table_input(SHAPES["customer_trusted"], names.lake("s3://my-bucket"))
    assert found["statements"].keys() == found["tables"].keys() == SHAPES.keys()


def test_a_golden_file_shows_every_change(request: pytest.FixtureRequest) -> None:
    text = ";\n\n".join(create_table(shape, LAKE, "stedi") for shape in SHAPES.values()) + ";\n"
    golden = Path(__file__).parents[1] / "golden" / "athena" / "tables.sql"
    assert golden.read_text(encoding="utf-8") == text, (
        "stedi glue ddl --lake s3://my-bucket/stedi, without its database"
    )
