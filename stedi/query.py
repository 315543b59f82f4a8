"""SQL over a lake, read-only: what may run, what it reads, its rows in batches, its errors without personal data.

DuckDB itself says what a statement is. Only one query is let through; then the engine is shut in with the files that
the query reads, and runs it in a read-only transaction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from stedi.contracts import TABLES
from stedi.engine import ABOUT_SQL, Engine, explain, glob_safe, read_fault
from stedi.errors import StediError, UsageError
from stedi.lake import QUARANTINE, Lake
from stedi.masking import scrub
from stedi.settings import nearest

__all__ = ["Answer", "ask", "count", "explain_query", "parse", "translated"]

BATCH = 10_000
"""Rows fetched at a time."""

_FIX = "write one SELECT (or EXPLAIN, DESCRIBE, SUMMARIZE, SHOW); a lake changes by `stedi build` only"
_QUERY_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_EXPLAIN = re.compile(
    rf"{_BLANK}explain\b{_BLANK}(?:analyze\b|\((?:\s|,|analyze\b|verbose\b|format\s+\w+)*\))?",
    re.IGNORECASE | re.DOTALL,
)
_PIVOT = re.compile(rf"{_BLANK}\(*(?:pivot|unpivot|from|select|with)\b", re.IGNORECASE | re.DOTALL)
# functions and tables that show, or reach, relations their text does not name
_CATALOGUE = re.compile(r"query|query_table|(?:duckdb|pragma|sqlite|pg)_\w+", re.IGNORECASE)

_PLACE = re.compile(r"\n+LINE (\d{1,9}): ([^\n]*)\n *\^+\s*$")
_CUT = "..."  # DuckDB's, at the ends of a line that is long
_SHOWN_OF_A_LINE = 40  # characters at least where it is cut
_QUOTED = re.compile(r"\"([^\"]+)\"(?!\w)|'([^']+)'(?!\w)|(\d+)|[\"':]")
_VALUE = re.compile(r"[\"':]|(?<![A-Za-z0-9_])[-+]?\d|\d{4}")
_TARGET = re.compile(
    r" (?:to|type) (U?INT\d+|(?:U?(?:TINY|SMALL|BIG|HUGE)INT)|INTEGER|DOUBLE|FLOAT|DECIMAL|BOOL|DATE|TIME\w*|UUID)\b"
)
# DuckDB's guess may be a table of its catalogue
_NO_TABLE = re.compile(r"(Table with name ([^\n]*) does not exist)!(?:\nDid you mean [^\n]*)?")
_WITHOUT_DATA = (
    "More than one row returned by a subquery used as an expression",
    "Division by zero",
    "Values were not provided for the following parameters",
)
_NAMES = (*TABLES, QUARANTINE)
_PIVOT_ANYWHERE = re.compile(r"\bpivot\b", re.IGNORECASE)  # names of its columns are values of the data


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gives: its columns, and its rows in batches, read as they are taken."""

    columns: tuple[str, ...]
    batches: Iterator[list[tuple[Any, ...]]]


def ask(lake: Lake, query: str) -> Answer:
    """Run a query with nothing within its reach but the tables it names; the lake answers no other after it.

    UsageError where it is no query, or DuckDB cannot run it.
    """
    names = parse(lake, query)
    lake.stand(names)
    files = [file for name in names for file in lake.files_of(name)]
    engine = lake.engine
    # DuckDB checks a path both as it is given, where it may be a pattern, and as it was found
    allowed = sorted({str(file) for file in files} | {glob_safe(file) for file in files})
    engine.run("settings", "set allowed_paths = $allowed", {"allowed": allowed})
    engine.run("settings", "set enable_external_access = false")
    engine.run("settings", "set lock_configuration = true")
    engine.run("settings", "begin transaction read only")
    with translated(query, damage=lambda: lake.damage(names)):
        engine.connection.execute(query)
        columns = tuple(str(column[0]) for column in engine.connection.description or [])
    return Answer(columns, _batches(lake, query, names))


def count(lake: Lake, query: str) -> int | None:
    """Return how many rows a query gives; None where that cannot be told (EXPLAIN, PIVOT)."""
    try:
        [(rows,)] = lake.engine.connection.execute(f"select count(*) from ({query.strip().rstrip(';')}\n)").fetchall()
    except duckdb.Error:
        return None
    return int(rows)


def parse(lake: Lake, query: str) -> frozenset[str]:
    """Return the tables of the lake that a query reads; UsageError where it is no query, or not just one."""
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise UsageError("the query is not UTF-8", fix="write it in UTF-8") from error
    known = {*lake.tables, QUARANTINE}
    connection = lake.engine.connection
    with translated(query):
        statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise UsageError(f"{len(statements)} statements are given, one query is asked for", fix=_FIX)
    kind = statements[0].type
    if kind == duckdb.StatementType.MULTI and _PIVOT.match(query):
        return frozenset(known)  # what PIVOT becomes is known to DuckDB only
    text = query
    if kind == duckdb.StatementType.EXPLAIN:
        text = query[found.end() :] if (found := _EXPLAIN.match(query)) else query
    elif kind != duckdb.StatementType.SELECT:
        raise UsageError(f"{kind.name} is refused: a query only reads", fix=_FIX)
    return _reads(lake.engine, text, known)


Damage = Callable[[], StediError | None]
"""Looks for a file that a query reads and that is not as it was published."""


@contextmanager
def translated(query: str = "", *, damage: Damage = lambda: None) -> Iterator[None]:
    """Turn DuckDB's errors in a block into ours, and the one it makes of Ctrl-C into KeyboardInterrupt.

    What may be of the data is laid to `damage` where there is some.
    """
    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise explain_query(error, query, damage) from error
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


def explain_query(error: duckdb.Error, query: str, damage: Damage = lambda: None) -> StediError:
    """Return the error of ours for what DuckDB says of a query: with the place in its text, without data."""
    if (fault := read_fault()) is not None:
        return fault
    text = str(error).strip()
    if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
        known = explain(error, "the query")
        is_of_files = isinstance(error, duckdb.IOException) and "no space left" not in known.message
        return (damage() if is_of_files else None) or known
    if isinstance(error, duckdb.PermissionException | duckdb.TransactionException):
        return UsageError(f"refused: {scrub(text)}", fix="a query reads the tables of the lake, and nothing else")
    place = _place(text, query)
    if isinstance(error, ABOUT_SQL) and not _PIVOT_ANYWHERE.search(query):
        fix = "correct the query"
        if isinstance(error, duckdb.CatalogException):
            fix = f"the tables are {', '.join(_NAMES)}"
            text = _NO_TABLE.sub(lambda found: f"{found[1]}{nearest(found[2], _NAMES)}", text)
        return UsageError(text if place else _own_words(text, query), fix=fix)
    return damage() or UsageError(
        f"{_masked(text)}{place}", fix="correct the query; values of the data are not shown in errors"
    )


def _reads(engine: Engine, text: str, known: Collection[str]) -> frozenset[str]:
    """Return the known tables in a query's parse tree; all of them where it looks at the catalogue."""
    [(dumped,)] = engine.run("reading the query", "select json_serialize_sql($text)", {"text": text})
    try:
        tree = json.loads(dumped)
    except RecursionError as error:
        raise UsageError("the query is nested too deeply", fix="write it with fewer levels in each other") from error
    if tree.get("error") or not tree.get("statements"):
        raise UsageError("this statement is refused: a query only reads", fix=_FIX)
    names: set[str] = set()
    everything = False
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
            continue
        if not isinstance(node, dict):
            continue
        waiting += node.values()
        kind = str(node.get("type", ""))
        if kind.endswith("_NODE") and kind not in _QUERY_NODES:
            raise UsageError(f"{kind.partition('_')[0]} is refused: a query only reads", fix=_FIX)
        name = str(node.get("table_name") or node.get("function_name") or "")
        is_show = kind == "SHOW_REF" and node.get("query") is None
        if is_show or node.get("schema_name") == "information_schema" or _CATALOGUE.fullmatch(name):
            everything = True
        if kind == "BASE_TABLE":
            names.add(name.lower())
    return frozenset(name for name in known if everything or name.lower() in names)


def _batches(lake: Lake, query: str, names: Collection[str]) -> Iterator[list[tuple[Any, ...]]]:
    with translated(query, damage=lambda: lake.damage(names)):
        while rows := lake.engine.connection.fetchmany(BATCH):
            yield rows
    lake.check_whole(names)


def _place(text: str, query: str) -> str:
    """Return the part of a message that shows the place in the query, if that is what it shows."""
    found = _PLACE.search(text)
    if found is None:
        return ""
    lines = ["", *query.split("\n")]
    line = lines[int(found[1])].rstrip("\r") if int(found[1]) < len(lines) else ""
    core = found[2].removeprefix(_CUT).removesuffix(_CUT)
    is_part = core != found[2] and len(core) >= _SHOWN_OF_A_LINE and core in line
    return found.group().rstrip() if found[2] == line or is_part else ""


def _own_words(text: str, query: str) -> str:
    """Return the first line of what DuckDB says of SQL, up to where it quotes what does not stand in the query.

    Without a place it may speak of other SQL than the query, as json_deserialize_sql does, whose text is data.
    """
    kind, colon, rest = text.partition("\n")[0].partition(": ")
    for found in _QUOTED.finditer(rest):
        if not found.lastindex or found[found.lastindex] not in query:
            return f"{kind}{colon}{rest[: found.start()].rstrip(' (')} ***"
    return f"{kind}{colon}{rest}"


def _masked(text: str) -> str:
    """Return what kind of error DuckDB met, up to where its message may quote a value."""
    first = _PLACE.sub("", text)
    kind, _, rest = first.partition(": ")
    if kind not in ("Conversion Error", "Out of Range Error"):
        known = next((words for words in _WITHOUT_DATA if rest.startswith(words)), None)
        return f"{kind}: {known}" if known else f"{kind} (what it says may quote data)"
    found = _VALUE.search(rest)
    if found is None:
        return f"{kind}: {rest}"
    targets = _TARGET.findall(first)
    return f"{kind}: {rest[: found.start()].rstrip(' (')} ***" + (f" to {targets[-1]}" if targets else "")
