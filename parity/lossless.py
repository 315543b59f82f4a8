"""Where text of a folder's name or a value of JSON does not stand for what a cast makes of it.

A cast makes a day of an instant, 2 of 1.5 and 16 of 0x10. Two values are the same only where nothing is lost so.
"""

from __future__ import annotations

from typing import Any

from parity.pairing import FLOATS, INTEGERS

__all__ = ["lost"]

_DIGITS = {"TIMESTAMP_S": 0, "TIMESTAMP_MS": 3, "TIMESTAMP_NS": 9, "TIMESTAMPTZ_NS": 9, "TIME_NS": 9}
"""Digits of a second that a type holds; any other type of times holds six."""

_INSTANTS = ("DATE", *(f"TIMESTAMP{unit}" for unit in ("", "_S", "_MS", "_NS", " WITH TIME ZONE", "TZ_NS")))
_TIMES = ("TIME", "TIME_NS")
_NESTED = ("list", "array", "struct", "map")


def lost(sql: str, own: str, strong: str) -> str:
    """Return, as SQL, whether a value of its own type is no value of the type that it is cast to; NULL never is.

    The session's time zone has to be UTC: text without a zone is of UTC.
    """
    return f"({sql} is not null and (try_cast({sql} as {strong}) is null or coalesce({_less(sql, own, strong)}, true)))"


def _less(sql: str, own: str, strong: str) -> str:
    """Return whether the cast of a value, which is none of NULL, holds less than the value."""
    if own == strong:
        return "false"
    if own.endswith(("]", ")")):
        from duckdb import sqltype

        if sqltype(own).id in _NESTED:
            return _within(sql, sqltype(own), sqltype(strong), 0)
    cast = f"try_cast({sql} as {strong})"
    if own == "VARCHAR":
        return _text(sql, cast, strong)
    # the shortest text of a number stands for it, as 0.1 does for a float
    if strong in FLOATS and own in (*INTEGERS, "DOUBLE"):
        exact = "hugeint" if own != "DOUBLE" else "double"
        shortest = f"try_cast({cast}::varchar as {'decimal(38, 0)' if own != 'DOUBLE' else 'double'})"
        return f"try_cast({cast} as {exact}) is distinct from {sql} and {shortest} is distinct from {sql}"
    if strong.startswith("DECIMAL") and own == "DOUBLE":
        return f"{cast}::double <> {sql}"
    return "false"


def _text(sql: str, cast: str, strong: str) -> str:
    if strong in INTEGERS:
        return f"not regexp_full_match({sql}, '[+-]?[0-9]+')"
    if strong == "BOOLEAN":
        return f"lower({sql}) not in ('true', 'false')"
    if strong.startswith("DECIMAL"):
        scale = strong.rpartition(",")[2].rstrip(")")
        return f"not regexp_full_match({sql}, '[+-]?[0-9]+([.][0-9]{{0,{scale}}}0*)?')"
    finer = f"regexp_matches({sql}, '[.][0-9]{{{_DIGITS.get(strong, 6)}}}[0-9]*[1-9]')"
    if strong in _INSTANTS:
        return f"{finer} or try_cast({sql} as timestamptz) is distinct from {cast}::timestamptz"
    if strong in _TIMES:  # a day before it, or a zone behind it, would be left out
        return f"{finer} or regexp_matches({sql}, '[0-9][+-][0-9]')"
    return "false"


def _within(sql: str, own: Any, strong: Any, depth: int) -> str:
    """Return whether anything within a nested value is less after the cast."""
    name = f"x{depth}"
    if own.id in ("list", "array") and strong.id in ("list", "array"):
        inner = _element(name, dict(own.children)["child"], dict(strong.children)["child"], depth + 1)
        return _any(f"{sql}::{dict(own.children)['child']}[]", name, inner)
    if own.id == strong.id == "map":
        sides = zip(("map_keys", "map_values"), own.children, strong.children, strict=True)
        parts = [
            _any(f"{part}({sql})", name, _element(name, one, other, depth + 1)) for part, (_, one), (_, other) in sides
        ]
        return f"({' or '.join(parts)})"
    if own.id == strong.id == "struct":
        others = {field.lower(): type_ for field, type_ in strong.children}
        parts = []
        for field, type_ in own.children:
            literal = field.replace("'", "''")
            if field.lower() in others:
                parts.append(_element(f"struct_extract({sql}, '{literal}')", type_, others[field.lower()], depth))
        return f"({' or '.join(parts)})" if parts else "false"
    return "false" if str(own) == str(strong) else f"{sql} is not null"


def _any(values: str, name: str, inner: str) -> str:
    return "false" if inner == "false" else f"len(list_filter({values}, lambda {name}: {inner})) > 0"


def _element(sql: str, own: Any, strong: Any, depth: int) -> str:
    if str(own) == str(strong) or str(own) == '"NULL"':
        return "false"
    if own.id in _NESTED and strong.id in _NESTED:
        return f"({sql} is not null and {_within(sql, own, strong, depth)})"
    return lost(sql, str(own), str(strong))
