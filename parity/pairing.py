"""Which column of one table stands to which of the other, and in which type the two are compared.

Pure, but for DuckDB's own reading of its type names. Names are compared without regard to case, order is ignored.
Widths of integers, precision of decimals of one scale, units of timestamps and enumerations against text are noted:
they hold the same values; so are these within lists, structs and maps, and the order of a struct's fields. Everything
else is a difference of type.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity.verdict import ColumnPair, State
from stedi.engine import quoted

__all__ = ["FLOATS", "INTEGERS", "Column", "Pairing", "common_type", "is_number", "pair"]

_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER")
INTEGERS = (*_SIGNED, *_UNSIGNED, "UBIGINT", "HUGEINT")
_TIMESTAMPS = ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS")
_TIMES = ("TIME", "TIME_NS")
_ZONED = "TIMESTAMP WITH TIME ZONE"
_ZONED_TIMESTAMPS = (_ZONED, "TIMESTAMPTZ_NS")
FLOATS = ("FLOAT", "DOUBLE")
_NULL = '"NULL"'
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_MOST_DIGITS = 38


@dataclass(frozen=True, slots=True)
class Column:
    """A column that both sides are compared in: its names there, None where it is taken as NULL, and the type."""

    name: str
    left: str | None
    right: str | None
    type: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """All columns as pairs, and those that the rows are compared in."""

    pairs: tuple[ColumnPair, ...]
    compared: tuple[Column, ...]

    @property
    def differs(self) -> bool:
        """Whether the schemas differ."""
        return any(pair.state not in (State.SAME, State.NOTED) for pair in self.pairs)


def pair(
    left: Sequence[tuple[str, str]],
    right: Sequence[tuple[str, str]],
    *,
    weak_left: Mapping[str, str] | None = None,
    weak_right: Mapping[str, str] | None = None,
    optional: Collection[str] = (),
    tolerant: Collection[str] = (),
) -> Pairing:
    """Pair the columns of two tables, given as (name, type).

    `weak` says of columns where text stands for their values, `JSON` or `folder` names, so that their types are open;
    `optional` names columns that may be absent, and are then taken as NULL; `tolerant` ones may be float on one side,
    double on the other. Of two columns of one side whose names differ in case only, the one spelled as the other side's
    is paired.
    """
    pairs: list[ColumnPair] = []
    compared: list[Column] = []
    rest = dict(right)
    is_tolerant = {name.lower() for name in tolerant}
    # a second spelling of a column that the other side has is no column that it lacks
    both = {name.lower() for name, _ in left} & {name.lower() for name, _ in right}
    may_lack = {name.lower() for name in optional} - both
    matches = _matches([name for name, _ in left], list(rest))
    for name, left_type in left:
        other = matches.get(name)
        if other is None:
            as_null = name.lower() in may_lack
            pairs.append(_single(name, State.LEFT_ONLY, left_type, as_null=as_null))
            if as_null:
                compared.append(Column(name, name, None, left_type))
            continue
        right_type = rest.pop(other)
        type_, state, note = common_type(
            left_type, right_type, weak_left=(weak_left or {}).get(name), weak_right=(weak_right or {}).get(other)
        )
        if name.lower() in is_tolerant and {left_type, right_type} == set(FLOATS):
            state = State.NOTED
        if name.lower() in is_tolerant and type_.startswith("DECIMAL") and "DOUBLE" in (left_type, right_type):
            type_ = "DOUBLE"  # a number of JSON is not rounded to the places of the other side first
        if name != other:
            note = "; ".join(filter(None, [f"the right spells it {other}", note]))
            state = State.NOTED if state is State.SAME else state
        pairs.append(ColumnPair(name, state, left_type, right_type, note))
        compared.append(Column(name, name, other, type_))
    for name, right_type in rest.items():
        as_null = name.lower() in may_lack
        pairs.append(_single(name, State.RIGHT_ONLY, right_type, as_null=as_null))
        if as_null:
            compared.append(Column(name, None, name, right_type))
    return Pairing(tuple(pairs), tuple(compared))


def _single(name: str, state: State, type_: str, *, as_null: bool) -> ColumnPair:
    left, right = (type_, None) if state is State.LEFT_ONLY else (None, type_)
    if as_null:
        return ColumnPair(name, State.NOTED, left, right, f"{state}, taken as NULL on the other side", as_null=True)
    return ColumnPair(name, state, left, right)


def _matches(left: Sequence[str], right: Sequence[str]) -> Mapping[str, str]:
    """Return the right's name for each of the left's: the same one, else one that differs in case."""
    found = {name: name for name in left if name in set(right)}
    free = [name for name in right if name not in found]
    for name in left:
        if name not in found:
            other = next((other for other in free if other.lower() == name.lower()), None)
            if other is not None:
                found[name] = other
                free.remove(other)
    return found


def common_type(
    left: str, right: str, *, weak_left: str | None = None, weak_right: str | None = None
) -> tuple[str, State, str]:
    """Return the type in which values of two types are compared, whether that is a difference, and a note."""
    if left == right:
        return left, State.SAME, ""
    note = f"{left} on the left, {right} on the right"
    for null, other in ((left, right), (right, left)):
        if null == _NULL:
            return other, State.NOTED, f"{note}: one side knows no type, as all of it is NULL"
    if (wider := _wider(left, right)) is not None:
        return wider, State.NOTED, note
    if (meant := _meant(left, right, weak_left, weak_right)) is not None:
        return meant, State.NOTED, f"{note}: {weak_left or weak_right} has no type for it"
    return _bridge(left, right), State.TYPE, note


def _meant(left: str, right: str, weak_left: str | None, weak_right: str | None) -> str | None:
    """Return the type that values of the other side's type mean, where text stands for them or for what is in them."""
    for kind, weak, strong in ((weak_left, left, right), (weak_right, right, left)):
        if kind and _stands_for(kind, weak, strong):
            return strong
    if "JSON" in (weak_left, weak_right) and all(type_.endswith(("]", ")")) for type_ in (left, right)):
        from duckdb import sqltype

        return _wider_nested(sqltype(left), sqltype(right), weak_left, weak_right)
    return None


def _stands_for(kind: str, weak: str, strong: str) -> bool:
    """Return whether text of this kind, read as the weak type, may stand for a value of the strong one.

    The values decide: what cannot be cast without loss is a difference (`parity.lossless`).
    """
    is_decimal = strong.startswith("DECIMAL")
    if kind == "JSON" and (strong in FLOATS or is_decimal):
        return weak in (*INTEGERS, "DOUBLE")
    if weak != "VARCHAR" or (strong.endswith(("]", ")")) and not is_decimal):
        return False
    return kind != "JSON" or strong not in (*INTEGERS, *FLOATS, "BOOLEAN")


def _wider(left: str, right: str) -> str | None:
    """Return the type that holds the values of both, where the two differ in width only."""
    if left in INTEGERS and right in INTEGERS:
        return "BIGINT" if {left, right} <= {*_SIGNED, *_UNSIGNED} else "HUGEINT"
    for units in (_TIMESTAMPS, _TIMES, _ZONED_TIMESTAMPS):
        if left in units and right in units:
            return max(left, right, key=units.index)
    if all(type_ in ("VARCHAR", "JSON") or type_.startswith("ENUM(") for type_ in (left, right)):
        return "VARCHAR"
    decimals = _DECIMAL.fullmatch(left), _DECIMAL.fullmatch(right)
    if decimals[0] and decimals[1] and decimals[0][2] == decimals[1][2]:
        return max(left, right, key=lambda type_: int(_DECIMAL.fullmatch(type_)[1]))  # type: ignore[index]
    if all(type_.endswith(("]", ")")) for type_ in (left, right)):
        from duckdb import sqltype

        return _wider_nested(sqltype(left), sqltype(right))
    return None


def _wider_nested(left: Any, right: Any, weak_left: str | None = None, weak_right: str | None = None) -> str | None:
    """Return the type that holds the nested values of both; in JSON a field may be absent."""

    def held(one: Any, other: Any) -> str | None:
        return _held(str(one), str(other), weak_left, weak_right)

    if {left.id, right.id} <= {"list", "array"}:
        inner = held(dict(left.children)["child"], dict(right.children)["child"])
        return f"{inner}[]" if inner else None
    if left.id == right.id == "map":
        parts = [held(one, other) for (_, one), (_, other) in zip(left.children, right.children, strict=True)]
        return f"MAP({', '.join(filter(None, parts))})" if all(parts) else None
    if left.id == right.id == "struct":
        own, others = ({name.lower(): (name, type_) for name, type_ in side.children} for side in (left, right))
        if (others.keys() - own.keys() and weak_left != "JSON") or (
            own.keys() - others.keys() and weak_right != "JSON"
        ):
            return None
        both = others | own
        types = {
            name: held(own[name][1], others[name][1]) if name in own and name in others else str(type_)
            for name, (_, type_) in both.items()
        }
        fields = ", ".join(f"{quoted(both[name][0])} {types[name]}" for name in [*own, *(others.keys() - own.keys())])
        return f"STRUCT({fields})" if all(types.values()) else None
    return None


def _held(one: str, other: str, weak_left: str | None, weak_right: str | None) -> str | None:
    if other in {one, _NULL}:
        return one
    return other if one == _NULL else _wider(one, other) or _meant(one, other, weak_left, weak_right)


def is_number(type_: str) -> bool:
    """Return whether values of a type can lie a distance apart."""
    return type_ in (*INTEGERS, *FLOATS) or _DECIMAL.fullmatch(type_) is not None


def _bridge(left: str, right: str) -> str:
    """Return the type in which values of different types are set side by side to explain the difference."""
    for zoned in reversed(_ZONED_TIMESTAMPS):
        if zoned in (left, right) and (left in _TIMESTAMPS or right in _TIMESTAMPS):
            return zoned
    if is_number(left) and is_number(right):
        return "DOUBLE"
    if "VARCHAR" in (left, right):
        other = right if left == "VARCHAR" else left
        return other if not other.endswith(("]", ")")) or other.startswith("DECIMAL") else "VARCHAR"
    return "VARCHAR"
