"""The schema of JSON, from the data: what each record holds, merged; a field of two kinds is a choice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from awsglue import gluetypes as glue

__all__ = ["Shape", "documents", "infer", "merge_shapes", "type_of"]

_INT = 1 << 31
_LONG = 1 << 63


@dataclass
class Shape:
    """What some lines hold: fields in order of appearance, lines that are no objects, arrays at the root."""

    fields: dict[str, glue.DataType] = field(default_factory=dict)
    malformed: int = 0
    arrays: int = 0
    lines: int = 0


def infer(lines: Iterable[str]) -> Iterator[Shape]:  # noqa: C901 - it runs for every line: no calls
    """Return the shape of a partition's lines, one JSON document each."""
    shape = Shape()
    seen: set[tuple[tuple[str, ...], tuple[type, ...]]] = set()
    sizes: set[tuple[str, int]] = set()
    loads = json.loads
    for line in lines:
        shape.lines += 1
        try:
            value = loads(line)
        except (ValueError, RecursionError):
            shape.malformed += 1
            continue
        if type(value) is not dict:
            if type(value) is list and all(type(part) is dict for part in value):
                shape.arrays += 1
                for part in value:
                    _add(shape, part)
            else:
                shape.malformed += 1
            continue
        # records are much alike: what a signature has taught is not learned again, but for the size of integers
        signature = (tuple(value), tuple(map(type, value.values())))
        if signature not in seen:
            _add(shape, value)
            if not {dict, list} & set(signature[1]):
                seen.add(signature)
            continue
        for name, part in value.items():
            if type(part) is int:
                size = 0 if -_INT <= part < _INT else 1 if -_LONG <= part < _LONG else 2
                if (name, size) not in sizes:
                    sizes.add((name, size))
                    shape.fields[name] = glue.mergeDataTypes(shape.fields[name], type_of(part))
    yield shape


def _add(shape: Shape, record: dict[str, Any]) -> None:
    for name, value in record.items():
        found = type_of(value)
        known = shape.fields.get(name)
        shape.fields[name] = found if known is None else glue.mergeDataTypes(known, found)


def type_of(value: Any) -> glue.DataType:  # noqa: PLR0911 - a case a kind of type
    """Return the DynamicFrame type of a value as Python reads it from JSON."""
    if value is None:
        return glue.NullType()
    if isinstance(value, bool):
        return glue.BooleanType()
    if isinstance(value, int):
        if -_INT <= value < _INT:
            return glue.IntegerType()
        return glue.LongType() if -_LONG <= value < _LONG else glue.DecimalType(38, 0)
    if isinstance(value, float):
        return glue.DoubleType()
    if isinstance(value, str):
        return glue.StringType()
    if isinstance(value, dict):
        return glue.StructType([glue.Field(name, type_of(part)) for name, part in value.items()])
    if isinstance(value, list | tuple):
        element: glue.DataType = glue.UnknownType()
        for part in value:
            element = glue.mergeDataTypes(element, type_of(part))
        return glue.ArrayType(element)
    return _OTHER.get(type(value).__name__, glue.StringType)()


_OTHER: dict[str, type[glue.DataType]] = {
    "Decimal": glue.DecimalType,
    "date": glue.DateType,
    "datetime": glue.TimestampType,
    "bytes": glue.BinaryType,
    "bytearray": glue.BinaryType,
}


def merge_shapes(shapes: Iterable[Shape]) -> Shape:
    """Return the shape of all lines."""
    whole = Shape()
    for shape in shapes:
        whole.lines += shape.lines
        whole.malformed += shape.malformed
        whole.arrays += shape.arrays
        for name, found in shape.fields.items():
            known = whole.fields.get(name)
            whole.fields[name] = found if known is None else glue.mergeDataTypes(known, found)
    return whole


def documents(text: str, *, array: bool, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Split a text into its JSON documents, wherever their lines break; an array at the root into its objects.

    What is no JSON comes out as one piece, up to the end of the text: its reader counts it as malformed.
    """
    decoder = json.JSONDecoder()
    at, end = 0, len(text)
    while True:
        while at < end and text[at] in " \t\r\n,\ufeff":
            at += 1
        if at == end:
            return
        try:
            value, after = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield text[at:]
            return
        if path:
            yield from map(json.dumps, _at(value, path))
        elif array and isinstance(value, list):
            yield from map(json.dumps, value)
        else:
            yield text[at:after]
        at = after


def _at(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Follow a JsonPath's steps: a name, or `*` for all elements."""
    if not path:
        yield value
    elif path[0] == "*" and isinstance(value, list):
        for part in value:
            yield from _at(part, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])
