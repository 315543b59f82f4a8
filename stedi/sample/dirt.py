"""The kinds of bad line: for each way the reading rule refuses a line, how to make one from a good line.

Each kind of a feed has exactly one reason, so what a dirty sample holds can be counted without reading it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from stedi.contracts import Column, Table

__all__ = ["LONGEST_LINE", "TOO_LONG", "TRUNCATED", "Kind", "kinds"]

LONGEST_LINE = 1_000_000  # characters; a longer line is not read
TOO_LONG = "too_long"
NOT_FLAT = "not_flat_json"


@dataclass(frozen=True, slots=True)
class Fields:
    """A good line taken apart: keys with the JSON text of their values, and its two separators.

    The text may hold lone surrogates U+DC80..U+DCFF: each stands for the raw byte 80..FF, so that
    invalid UTF-8 can be written.
    """

    items: tuple[tuple[str, str], ...]
    comma: str
    colon: str

    @classmethod
    def parse(cls, line: bytes) -> Fields:
        """Take apart one good line, with or without its newline."""
        text = line.decode("ascii")
        items = tuple((key, json.dumps(value)) for key, value in json.loads(text).items())
        return cls(items, ", ", ": ") if '": ' in text else cls(items, ",", ":")

    def text(self) -> str:
        return "{" + self.comma.join(f'"{key}"{self.colon}{value}' for key, value in self.items) + "}"

    def put(self, key: str, value: str) -> Fields:
        """Give a key another value; one that the line lacks is added at the end."""
        if any(key == other for other, _ in self.items):
            return replace(self, items=tuple((k, value if k == key else v) for k, v in self.items))
        return self.add(key, value)

    def add(self, key: str, value: str) -> Fields:
        return replace(self, items=(*self.items, (key, value)))

    def drop(self, key: str) -> Fields:
        return replace(self, items=tuple((k, v) for k, v in self.items if k != key))

    def rename(self, key: str, name: str) -> Fields:
        return replace(self, items=tuple((name if k == key else k, v) for k, v in self.items))

    def insert(self, key: str, text: str) -> Fields:
        """Put raw text at the end of a string value, before the closing quote."""
        return replace(self, items=tuple((k, v[:-1] + text + v[-1] if k == key else v) for k, v in self.items))


Damage = Callable[[Fields], str]


class Kind(NamedTuple):
    """One kind of bad line: the reason the reading rule gives, and how a good line becomes one."""

    name: str
    reason: str
    damage: Damage

    def spoil(self, line: bytes) -> bytes:
        """Return the bad version of one good line, without a newline."""
        return self.damage(Fields.parse(line)).encode("utf-8", "surrogateescape")


def kinds(table: Table) -> list[Kind]:
    """Return every kind of bad line of a landing feed."""
    return [*_broken(table), *_keys(table), *_types(table)]


def _cut_short(f: Fields) -> str:
    text = f.text()
    return text[: len(text) * 2 // 3]


TRUNCATED = Kind("truncated", NOT_FLAT, _cut_short)


def _broken(table: Table) -> Iterator[Kind]:
    """Yield the kinds that are no flat JSON object, whatever the keys, and the over-long line."""
    texts = [c.name for c in table.columns if c.type == "VARCHAR"]
    numbers = [c.name for c in table.columns if c.type != "VARCHAR" and not c.optional]
    text, number = texts[0], numbers[-1]

    yield Kind("over-long", TOO_LONG, lambda f: f.insert(text, "a" * LONGEST_LINE).text())
    yield TRUNCATED

    whole: dict[str, Damage] = {
        "plain text": lambda _: "this line is no JSON",
        "bare number": lambda _: "42",
        "bare null": lambda _: "null",
        "bare string": lambda f: json.dumps(f.items[0][0]),
        "array": lambda f: "[" + f.text() + "]",
        "cut after a key": lambda f: f.text().rsplit(":", 1)[0],
        "no opening brace": lambda f: f.text()[1:],
        "trailing comma": lambda f: f.text()[:-1] + ",}",
        "leading comma": lambda f: "{," + f.text()[1:],
        "no comma": lambda f: f.text().replace(",", " "),
        "no colon": lambda f: f.text().replace('":', '" ', 1),
        "two objects": lambda f: f.text() + f.text(),
        "two objects, a space between": lambda f: f.text() + " " + f.text(),
        "two objects, a comma between": lambda f: f.text() + "," + f.text(),
        "comment": lambda f: f.text() + " // checked",
        "single quotes": lambda f: f.text().replace('"', "'"),
        "unquoted key": lambda f: f.text().replace(f'"{f.items[0][0]}"', f.items[0][0], 1),
        "escaped key": lambda f: f.rename(text, f"\\u{ord(text[0]):04x}{text[1:]}").text(),
        "nested extra key": lambda f: f.add("device", '{"model": "ST-1"}').text(),
    }
    for name, damage in whole.items():
        yield Kind(name, NOT_FLAT, damage)

    inside_a_string = {
        "invalid UTF-8: lone byte": "\udcff",
        "invalid UTF-8: cut sequence": "\udce2\udc82",
        "invalid UTF-8: overlong": "\udcc0\udc80",
        "invalid UTF-8: surrogate": "\udced\udca0\udc80",
        "replacement character": "\ufffd",
        "raw NUL": "\x00",
        "raw tab": "\t",
        "raw escape character": "\x1b",
        "lone high surrogate escape": "\\ud83d",
        "lone low surrogate escape": "\\ude00",
        "unknown escape": "\\x41",
        "short unicode escape": "\\u12",
        "quote in a string": '"',
    }
    for name, inserted in inside_a_string.items():
        yield _inserted(name, text, inserted)

    as_a_number = {
        "NaN": "NaN",
        "Infinity": "Infinity",
        "minus Infinity": "-Infinity",
        "leading zero": "012",
        "plus sign": "+12",
        "no digits after the point": "12.",
        "no digits before the point": ".5",
        "hexadecimal": "0x10",
        "thousands separator": "1_000",
        "endless number": "9" * 40,
        "wrong literal": "True",
        "cut literal": "nul",
        "no value": "",
        "nested object": '{"value": 1}',
        "nested array": "[1]",
        "empty object": "{}",
    }
    for name, value in as_a_number.items():
        yield _value(name, NOT_FLAT, number, value)


def _keys(table: Table) -> Iterator[Kind]:
    """Yield the kinds with a key twice, and with a required key absent, null or empty."""
    column = {c.name: c for c in table.columns}
    yield Kind("key twice, same value", "dup_key", lambda f: f.add(*f.items[0]).text())
    yield Kind("key twice, other value", "dup_key", lambda f: f.add(f.items[0][0], "null").text())
    yield Kind("last key twice", "dup_key", lambda f: f.add(*f.items[-1]).text())
    yield Kind("unknown key twice", "dup_key", lambda f: f.add("note", "1").add("note", "2").text())

    yield Kind("no keys", f"missing:{table.required[0]}", lambda _: "{}")
    for key in table.required:
        yield _dropped(key)
        yield _renamed(key, key.upper())
        yield _value(f"{key} null", f"empty:{key}", key, "null")
        if column[key].type == "VARCHAR":
            yield _value(f"{key} empty", f"empty:{key}", key, '""')


def _types(table: Table) -> Iterator[Kind]:
    """Yield the kinds with a value of another type than the column's."""
    for column in table.columns:
        for value in _WRONG[column.type]:
            yield _wrong(column, value)
        if column.type != "VARCHAR" and column.name not in table.required:
            yield _wrong(column, '""')


_WRONG = {
    "VARCHAR": ("12", "1.5", "-0", "true"),
    "BIGINT": (
        '"1655564376361"',
        "1655564376361.5",
        "1655564376361.0",
        "1.6e12",
        "1234567890123456789",  # fits 64 bits, but has more than 18 digits
        "9223372036854775808",
        "-9223372036854775809",
        "-0",
        "true",
    ),
    "DOUBLE": ('"1.0"', '"NaN"', "1e400", "123456789012345678", "0.1234567890123456789012", "false"),
}


def _inserted(name: str, key: str, text: str) -> Kind:
    return Kind(name, NOT_FLAT, lambda f: f.insert(key, text).text())


def _dropped(key: str) -> Kind:
    return Kind(f"no {key}", f"missing:{key}", lambda f: f.drop(key).text())


def _renamed(key: str, name: str) -> Kind:
    return Kind(f"{key} spelled {name}", f"missing:{key}", lambda f: f.rename(key, name).text())


def _wrong(column: Column, value: str) -> Kind:
    return _value(f"{column.name} is {value}", f"bad_type:{column.name}", column.name, value)


def _value(name: str, reason: str, key: str, value: str) -> Kind:
    """Return the kind that gives one key another value."""
    return Kind(name, reason, lambda f: f.put(key, value).text())
