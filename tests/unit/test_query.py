"""SQL over a lake: what is let through, what is refused, and what an error may show."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from stedi.build import build
from stedi.errors import EnvironmentFault, StediError, UsageError
from stedi.lake import Lake
from stedi.masking import mask_rows, scrub
from stedi.query import ask, count, parse
from stedi.settings import bundled_sample

EVERYTHING = {"quarantine", "customer_landing", "machine_learning_curated"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sample = bundled_sample()
    assert sample is not None
    lake = tmp_path_factory.mktemp("a 'lake' [x]; %")
    build(lake, sample)
    return lake


def rows(lake: Path, sql: str) -> list[tuple[object, ...]]:
    with Lake.open(lake) as opened:
        return [row for batch in ask(opened, sql).batches for row in batch]


def error_of(lake: Path, sql: str) -> str:
    """Return what is shown of the error of a query; empty where there is none."""
    try:
        rows(lake, sql)
    except StediError as error:
        return error.message + error.fix
    return ""


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select 1", set()),
        ("from customer_trusted", {"customer_trusted"}),
        (
            'select * from "CUSTOMER_TRUSTED" join main.customer_landing using (email);',
            {"customer_trusted", "customer_landing"},
        ),
        ("with customer_trusted as (from main.customer_trusted) from customer_trusted", {"customer_trusted"}),
        ("select (select count(*) from quarantine)", {"quarantine"}),
        ("describe customer_trusted", {"customer_trusted"}),
        ("summarize select email from customer_trusted", {"customer_trusted"}),
        ("explain select * from customer_trusted", {"customer_trusted"}),
        ("-- a\n/* b */ explain analyze (from customer_trusted)", {"customer_trusted"}),
        ("explain (analyze, format json) from customer_trusted", {"customer_trusted"}),
        ("explain (from customer_trusted)", {"customer_trusted"}),
        ("values (1)", set()),
        ("select * from range(3)", set()),
        ("from customer_trusted union all from customers_curated", {"customer_trusted", "customers_curated"}),
        ("with recursive r as (select 1 as n union all select n + 1 from r where n < 3) from r", set()),
        ("select 'from customer_trusted; drop table x'", set()),
    ],
)
def test_what_a_query_reads(built: Path, sql: str, names: set[str]) -> None:
    with Lake.open(built) as lake:
        assert parse(lake, sql) == names
        for _ in ask(lake, sql).batches:
            pass


@pytest.mark.parametrize(
    "sql",
    [
        "show tables",
        "show all tables",
        "describe",
        "from query_table('customer_trusted')",
        "from query('from customer_trusted')",
        "select table_name from information_schema.tables",
        "select * from duckdb_columns()",
        "pivot (select serialNumber[1:1] as s from customer_trusted) on s using count(*)",
    ],
)
def test_a_look_at_the_catalogue_sees_everything(built: Path, sql: str) -> None:
    with Lake.open(built) as lake:
        assert parse(lake, sql) >= EVERYTHING
        assert sum(len(batch) for batch in ask(lake, sql).batches) > 0


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("copy customer_trusted to '{target}'", "COPY is refused"),
        ("copy (pivot customer_trusted on email) to '{target}'", "refused"),
        ("export database '{target}'", "EXPORT is refused"),
        ("explain analyze copy (select 1) to '{target}'", "refused"),
        ("explain analyze insert into customer_trusted from customer_trusted", "refused"),
        ("explain (analyze) create table t as select 1", "refused"),
        ("install httpfs", "LOAD is refused"),
        ("load httpfs", "LOAD is refused"),
        ("attach '{target}'", "ATTACH is refused"),
        ("pragma database_list", "PRAGMA is refused"),
        ("pragma threads = 1", "SET is refused"),
        ("set enable_external_access = true", "SET is refused"),
        ("reset lock_configuration", "SET is refused"),
        ("insert into customer_trusted select * from customer_trusted", "INSERT is refused"),
        ("create table t as select 1", "CREATE is refused"),
        ("create table t as pivot customer_trusted on email", "refused"),
        ("create view v as select 1", "CREATE is refused"),
        ("drop view customer_trusted", "DROP is refused"),
        ("delete from customer_trusted", "DELETE is refused"),
        ("update customer_trusted set email = ''", "UPDATE is refused"),
        ("call pragma_version()", "CALL is refused"),
        ("checkpoint", "refused"),
        ("begin", "TRANSACTION is refused"),
        ("prepare p as select 1", "PREPARE is refused"),
        ("use memory", "SET is refused"),
        ("with x as (insert into customer_trusted from customer_trusted returning *) from x", "INSERT is refused"),
        ("with x as (delete from customer_trusted returning *) from query('select 1'), x", "DELETE is refused"),
        ("with x as (insert into customer_trusted from customer_trusted returning *) pivot x on email", ""),
        ("select * from read_csv('/etc/passwd')", "refused"),
        ("from read_text('/etc/*')", "refused"),
        ("from read_blob('/proc/self/environ')", "refused"),
        ("from glob('/tmp/*')", "refused"),
        ("select * from '/etc/passwd'", ""),
        ("from parquet_scan('/tmp/../*')", "refused"),
        ("from duckdb_secrets()", "refused"),
        ("from query('copy (select 1) to ''{target}''')", ""),
        ("select getenv('HOME')", ""),
        ("select 1; select 2", "2 statements"),
        ("select 1; copy (select 1) to '{target}'", "2 statements"),
        ("", "0 statements"),
        ("-- nothing", "0 statements"),
    ],
)
def test_refused(built: Path, tmp_path: Path, sql: str, says: str) -> None:
    before = {file: file.stat().st_mtime_ns for file in built.rglob("*")}
    target = tmp_path / "out"
    with pytest.raises(UsageError) as caught:
        rows(built, sql.format(target=target))
    assert says in caught.value.message
    assert caught.value.fix
    assert not target.exists()
    assert {file: file.stat().st_mtime_ns for file in built.rglob("*")} == before


def test_every_write_to_an_open_file_is_refused(built: Path) -> None:
    """What the query reads is within the engine's reach, so that a way to write there must not exist."""
    with Lake.open(built) as lake:
        file = lake.storage.local(lake.manifest.tables["customer_trusted"].files[0].path)
        before = file.read_bytes()
        answer = ask(lake, "from customer_trusted")
        assert sum(len(batch) for batch in answer.batches) == 482
        connection = lake.engine.connection
        for sql in ("create table t as select 1", "set threads = 1", "install httpfs", "attach 'x.db'"):
            with pytest.raises(Exception, match=r"read-only|locked|disabled|aborted"):
                connection.execute(sql)
        assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("sql", "shows"),
    [
        ("selec 1", ['near "selec"', "LINE 1: selec 1\n        ^"]),
        ("select\n  emaill\nfrom customer_trusted", ['"emaill" not found', "LINE 2:   emaill\n          ^"]),
        ("from nosuch", ["nosuch does not exist", "LINE 1: from nosuch"]),
        ("select nofunction(email) from customer_trusted", ["nofunction", "LINE 1:"]),
        (
            "select email::int from customer_trusted",
            ["Conversion Error: Could not convert string *** to INT32", "LINE 1:"],
        ),
        ("select 1 = (select email from customer_trusted)", []),
        ("select (select email from customer_trusted)", ["More than one row"]),
        (f"select {'1 + ' * 900} 1", ["nested too deeply"]),
        ("select 1 % 0 from customer_trusted", ["Invalid Input Error: Division by zero"]),
        ("from customer_trusted where email = $who", ["Values were not provided for the following parameters"]),
    ],
)
def test_an_error_shows_the_place(built: Path, sql: str, shows: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        rows(built, sql)
    for text in shows:
        assert text in caught.value.message


def test_an_unknown_table_is_answered_with_the_tables(built: Path) -> None:
    with pytest.raises(UsageError) as caught:
        rows(built, "from nosuch")
    assert "customer_trusted" in caught.value.fix
    assert "quarantine" in caught.value.fix


FAILING = [
    "{}::int",
    "{}::date",
    "{}::uuid",
    "{}::int[]",
    "{}::enum('a')",
    "('\\x' || {})::blob",
    "json({})",
    "error({})",
    "date_part({}, date '2020-01-01')",
    "regexp_matches({0}, {0} || '(')",
    "strptime({}, '%d')",
    "struct_pack(a := {})::struct(a int)",
    "printf({} || '%q', 1)",
    "decode(({} || '\\xff')::blob)",
    "('x''' || {} || ' to JONES')::int",
    "(chr(10) || {} || chr(10) || chr(10) || 'LINE 1: ' || {})::int",
    "json_deserialize_sql(json_serialize_sql('select 1 a ' || {}))",
    "* from (select {} as v from customer_trusted), json_each('1', '$[' || v) --",
    "* from (select {} || repeat(chr(10), 2) || 'LINE 1: ' as v from customer_trusted), json_each('1', '$[' || v) --",
]


@pytest.fixture(scope="module")
def people(built: Path) -> set[str]:
    """Return every value of every customer that no error may show, whole and in words."""
    sql = "select email, customerName, phone, phone || 'x', birthDay, birthDay[1:4] from customer_trusted"
    values = {str(value) for row in rows(built, sql) for value in row}
    return values | {word for value in values for word in value.split()}


@pytest.mark.parametrize("expression", FAILING)
@pytest.mark.parametrize("column", ["customerName", "phone || 'x'"])
def test_an_error_shows_no_personal_data(built: Path, people: set[str], expression: str, column: str) -> None:
    shown = error_of(built, f"select {expression.format(column, column)} from customer_trusted")
    assert people.isdisjoint(re.findall(r"[^\s\"'(),;:]+", shown))
    assert not any(value in shown for value in people if len(value) > len("1967"))


@pytest.mark.parametrize(
    "expression",
    [
        "phone::bigint * 100000000000000",
        "phone::bigint::int16",
        "chr(phone::bigint::int)",
        "make_date(birthDay[1:4]::int, 13, 1)",
    ],
)
def test_an_error_shows_no_number_of_a_person(built: Path, people: set[str], expression: str) -> None:
    with pytest.raises(StediError) as caught:
        rows(built, f"select {expression} from customer_trusted")
    assert people.isdisjoint(re.findall(r"\w+", caught.value.message))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "select json_deserialize_sql(json_serialize_sql('select 1 a ' || phone)) from customer_trusted",
            "Parser Error: Error parsing json ***",
        ),
        ("select * from customer_trusted, json_each('{}', '$[' || email)", "Binder Error: JSON path error near ***"),
        (
            "select 1 union select 1, 2",
            "Binder Error: Set operations can only apply to expressions with the same number",
        ),
        ("select * exclude (nosuch) from customer_trusted", 'Binder Error: Column "nosuch" in EXCLUDE list not found'),
        ("describe customer_truste", "customer_truste does not exist; did you mean customer_trusted?"),
    ],
)
def test_an_error_without_a_place_shows_what_stands_in_the_query(built: Path, sql: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        rows(built, sql)
    assert message in caught.value.message
    assert "Candidate" not in caught.value.message


@pytest.mark.parametrize("sql", ["select " + "1, " * 80 + "emaill from customer_trusted", "select 1,\r\n emaill\r\n"])
def test_the_place_in_a_long_line_or_one_that_windows_ends(built: Path, sql: str) -> None:
    with pytest.raises(UsageError, match=r'"emaill" (.|\n)*\n\nLINE [12]: .*emaill.*\n +\^{6}\n'):
        rows(built, sql)


def test_the_library_names_what_is_wrong(built: Path) -> None:
    with Lake.open(built) as lake, pytest.raises(UsageError, match='Referenced column "emaill"'):
        lake.sql("select emaill from customer_trusted").pl()


@pytest.mark.parametrize("sql", ["select '\udcff'", "\ud800"])
def test_a_query_that_is_not_utf_8(built: Path, sql: str) -> None:
    with Lake.open(built) as lake:
        for call in (lambda: ask(lake, sql), lambda: lake.sql(sql)):
            with pytest.raises(UsageError, match="the query is not UTF-8"):
                call()


def test_names_of_pivoted_columns_are_data(built: Path) -> None:
    with pytest.raises(UsageError) as caught:
        rows(built, "select nosuch from (pivot (select email from customer_trusted) on email using count(*))")
    assert "@" not in caught.value.message


def test_count(built: Path) -> None:
    with Lake.open(built) as lake:
        sql = "select * from customer_trusted -- all;\n;"
        next(ask(lake, sql).batches)
        assert count(lake, sql) == 482


def test_a_query_may_spill(built: Path) -> None:
    with Lake.open(built, memory_limit="100MB") as lake:
        sql = "select count(*), max(h) from (select hash(range) as h, range::varchar from range(5000000) order by h)"
        assert next(ask(lake, sql).batches)[0][0] == 5_000_000


def test_landing_that_is_not_clean(tmp_path: Path) -> None:
    sample = bundled_sample()
    assert sample is not None
    shutil.copytree(sample, tmp_path / "landing")
    extra = tmp_path / "landing/customer/landing/wéird [1]'*; --?.json"
    extra.write_text(json.dumps({"email": "a@b.c", "serialNumber": "s", "customerName": "A"}) + "\nnot json\n")
    build(tmp_path / "lake", tmp_path / "landing")
    assert rows(tmp_path / "lake", "select count(*) from customer_landing") == [(957,)]
    assert rows(tmp_path / "lake", "select feed, file, line, reason, raw from quarantine") == [
        ("customer", f"customer/landing/{extra.name}", 2, "not_flat_json", b"not json")
    ]
    (tmp_path / "lake/_quarantine/customer/quarantine.parquet").unlink()
    with pytest.raises(EnvironmentFault, match=r"customer/quarantine\.parquet: is missing"):
        rows(tmp_path / "lake", "from quarantine")


def test_rows_phones_and_days_are_masked_where_nothing_quotes_them() -> None:
    said = "call (202) 555-0142 or 2025550142 of 1971-11-02: malformed [Ada Quill,7,null] of Row(name='Ada (II)')"
    assert mask_rows(said) == "call *** or *** of ***: malformed [***] of [***]"
    names = "[UNRESOLVED_COLUMN] [`a`, `b`]; arn:aws:iam::123456789012:role/x, s3://b/2026-11-02/, line 123456"
    assert mask_rows(names) == names


def test_an_engines_message_is_scrubbed_without_a_stray_parenthesis() -> None:
    assert scrub('IO Error: cannot read "a" (line "b")\nmore') == "IO Error: cannot read '***'"
    assert scrub('IO Error: cannot read ("a") at all') == "IO Error: cannot read ('***') at all"
    assert scrub('Error: "a" (of x@y.z") (b") c') == "Error: '***' c"
