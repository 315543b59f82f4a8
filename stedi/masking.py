"""Personal data, masked: what may be shown of a value in logs, errors and reports."""

from __future__ import annotations

import re

from stedi.contracts import TABLES

__all__ = ["email_pattern", "mask", "mask_emails", "mask_key", "mask_path", "mask_rows", "scrub"]


def email_pattern(borders: str = "", at: str = "@") -> re.Pattern[str]:
    """Return the expression of what looks like an email: of a word between blanks, quotes, brackets and more borders.

    It begins where a word does: from within it, a word of a million letters would be looked through as often.
    """
    letter = rf"[^\s\"'<>(),;:{borders}]"
    return re.compile(rf"(?<!{letter}){letter}+{at}{letter}+")


_EMAIL = email_pattern()
_PATH_EMAIL = email_pattern(borders=r"/\\=", at="(?:@|%(?:25)*40)")
_NAME = re.compile(r"(?=.{1,40}$)[a-z]+(?:[A-Z][a-z]+|_[a-z]+)*[0-9]{0,2}")
_COLUMNS = {column.name.lower() for table in TABLES.values() for column in table.columns}
# from the first quote to the last: a value may hold quotes and line feeds itself; the one in "can't" is none
_QUOTED = re.compile(r"(?<![A-Za-z])[\"'].*[\"'](?![A-Za-z])|(?<![A-Za-z])[\"'].*", re.DOTALL)

# a list without the backquotes that Spark sets names in; what is part of a path, an ARN or a word is no phone or day
_ROW = re.compile(r"\[(?!`)[^\[\]`]*,[^\[\]`]*\]|\bRow\(.*\)")
_DIGITS = re.compile(r"(?<![\w:/.=-])\+?\(?\d(?:[ ()./-]{0,2}\d){6,}(?![\w/-])")


def mask(value: object) -> str:
    """Return a value as it may be shown: numbers as they are, text as its first letter and its length."""
    if value is None or isinstance(value, int | float):
        return "null" if value is None else str(value)
    text = str(value)
    return f"{text[:1]}*** ({len(text)} characters)" if text else "(empty)"


def mask_key(key: str) -> str:
    """Return a JSON key of unknown data: as it is where it looks like a name, masked where it does not.

    A column's name in another case, as `Email`, looks like one: that is what whoever reads it must be told.
    """
    return key if key.lower() in _COLUMNS or _NAME.fullmatch(key) else mask(key)


def mask_emails(text: str) -> str:
    """Return a text without anything like an email."""
    return _EMAIL.sub("***", text)


def mask_path(text: str) -> str:
    """Return a text, as a path, without anything in it that looks like an email."""
    return _PATH_EMAIL.sub("***", text)


def mask_rows(text: str) -> str:
    """Return a text without what looks like a row, a phone number or a day: Spark does not quote them all."""
    return _DIGITS.sub("***", _ROW.sub("[***]", text))


def scrub(message: str) -> str:
    """Return an engine's message, first line, without quoted values and anything like an email."""
    lines = _QUOTED.sub("'***'", message.strip()).splitlines()
    if not lines:
        return "no reason given"
    first = mask_emails(lines[0])
    # what was taken out may hold the parenthesis that this one closes
    return first.replace("'***')", "'***'") if first.count(")") > first.count("(") else first
