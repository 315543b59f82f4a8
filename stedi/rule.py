r"""The reading rule: which landing line is a row of its feed, and why another is not.

Good lines are flat JSON objects, a regular language, so one regular expression decides them, and RE2
(DuckDB), the Rust regex crate (Polars), Python's `re` and java.util.regex (Spark) agree on it. A native JSON
reader does not do: DuckDB's and Spark's differ on more than half of the malformed lines one can think of
(text after the object, duplicate keys, fractions in integer columns, NaN, single quotes, ...).

This module only builds text from contracts; it reads nothing.
"""

from __future__ import annotations

import hashlib
import re

from stedi.contracts import Column, Table

__all__ = [
    "FLAT",
    "MAX_LINE_CHARS",
    "PARTS",
    "REASONS",
    "TRIM",
    "has_key",
    "has_null_or_empty",
    "has_typed",
    "ordered",
    "python",
    "reasons_of",
    "version",
]

MAX_LINE_CHARS = 1_000_000
"""Longer lines are `too_long`: Spark's JSON parser stops at 20,000,000 characters, DuckDB's read at a buffer."""

TRIM = " \t\r\v\f"
"""Trimmed from both ends of a line before anything else: what C's isspace and Java's differ on."""

REASONS = ("too_long", "not_flat_json", "dup_key", "missing", "empty", "bad_type")
"""The kinds of reason in the order they are tried; the last three are followed by `:<key>`."""

_REPLACEMENT = r"\x{fffd}"  # what invalid UTF-8 becomes in most readers: never part of a good line
_WS = r"[ \t\r]*"
_CHARS = rf'[^"\\\x00-\x1f{_REPLACEMENT}]'
_ESCAPE = (
    r'\\(?:["\\/bfnrt]|u(?:[0-9abcefABCEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}'
    r"|[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))"
)
_STRING = f'"{_CHARS}*(?:{_ESCAPE}{_CHARS}*)*"'
_FILLED_STRING = f'"(?:{_CHARS}|{_ESCAPE}){_CHARS}*(?:{_ESCAPE}{_CHARS}*)*"'
_KEY = f'"{_CHARS}*"'
_NUMBER = r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?"
_LEXICAL = {
    "VARCHAR": _STRING,
    "BIGINT": r"(?:0|-?[1-9][0-9]{0,17})",
    # 17 digits and two of exponent: always finite, and every engine rounds them to the same double
    "DOUBLE": r"-?(?:0|[1-9][0-9]{0,16})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?",
}


def _object(pair: str) -> str:
    # no two loops over blanks side by side: backtracking engines would try every way to share a long run of them
    return rf"{_WS}\{{{_WS}(?:{pair}{_WS}(?:,{_WS}{pair}{_WS})*)?\}}{_WS}"


_PAIR = f"{_KEY}{_WS}:{_WS}(?:{_STRING}|{_NUMBER}|true|false|null)"
FLAT = _object(_PAIR)
"""A strict RFC 8259 object whose values are scalars; whole-line match."""

PARTS = {
    "WS": _WS,
    "CHAR": _CHARS,
    "ESCAPE": _ESCAPE,
    "TEXT": _STRING,
    "FILLED_TEXT": _FILLED_STRING,
    "INTEGER": _LEXICAL["BIGINT"],
    "DOUBLE": _LEXICAL["DOUBLE"],
    "NUMBER": _NUMBER,
    "KEY": _KEY,
    "PAIR": _PAIR,
}
"""What the expressions of this module are made of, smaller ones first, for who wants to write them readably."""


def _value(column: Column, *, required: bool) -> str:
    if not required:
        return f"(?:{_LEXICAL[column.type]}|null)"
    return _FILLED_STRING if column.type == "VARCHAR" else _LEXICAL[column.type]


def ordered(feed: Table) -> str:
    """Return the expression of a proven clean line of a feed; whole-line match.

    Declared keys in declared order with declared types, optional ones there or not: this leaves no room for
    duplicate or extra keys, nor for anything that two engines read differently. A good line may also be
    written otherwise; it then takes the slow path.
    """
    text = ""
    for column in feed.columns:
        pair = f'"{column.name}"{_WS}:{_WS}{_value(column, required=column.name in feed.required)}'
        separated = f"{_WS},{_WS}{pair}" if text else pair
        text += f"(?:{separated})?" if column.optional else separated
    return rf"{_WS}\{{{_WS}{text}{_WS}\}}{_WS}"


def has_key(column: Column) -> str:
    """Return the expression that finds the key of a column in a FLAT line; partial match."""
    return rf'[{{,]{_WS}"{column.name}"{_WS}:'


def has_null_or_empty(column: Column) -> str:
    """Return the expression that finds the key with null or "" as its value; partial match."""
    return rf'{has_key(column)}{_WS}(?:null|""){_WS}[,}}]'


def has_typed(column: Column) -> str:
    """Return the expression that finds the key with a value of its type, or null; partial match."""
    return rf"{has_key(column)}{_WS}(?:{_LEXICAL[column.type]}|null){_WS}[,}}]"


def reasons_of(feed: Table) -> tuple[str, ...]:
    """Return every reason a line of this feed can be quarantined for, in the order they are tried."""
    by_column: list[str] = []
    for column in feed.columns:
        if column.name in feed.required:
            by_column += [f"missing:{column.name}", f"empty:{column.name}"]
        by_column.append(f"bad_type:{column.name}")
    return ("too_long", "not_flat_json", "dup_key", *by_column)


def version(feed: Table) -> str:
    """Return what a remembered proof of a feed depends on: another version, another proof."""
    return hashlib.sha256(f"{MAX_LINE_CHARS} {ordered(feed)} {reasons_of(feed)}".encode()).hexdigest()[:16]


def python(expression: str) -> str:
    r"""Return an expression in the spelling of Python's `re`, which knows no `\x{fffd}`."""
    return re.sub(r"\\x\{fffd\}", "\N{REPLACEMENT CHARACTER}", expression)
