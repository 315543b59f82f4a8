"""The personal values of a lake, and where a text holds one of them.

A value is known by its words: runs of letters and digits, whatever their case and whatever stands between them. So
`Ada.Quill@example.com` is found as `ada.quill%40example.com` and in a file name, and a search costs a look-up a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from stedi.contracts import TABLES
from stedi.escapes import readings
from stedi.masking import mask

__all__ = ["FIRST_RECENT_YEAR", "PERSONAL", "Found", "Values", "is_evidence"]

PERSONAL: frozenset[str] = frozenset(c.name for table in TABLES.values() for c in table.columns if c.pii)
"""The columns that hold personal data."""

FIRST_RECENT_YEAR = 2020
"""A birthday from this year on is not told from the date of a build; nobody born since trains for science."""

_WORDS, _CHARACTERS, _DIGITS, _MIXED, _FOREIGN = 2, 5, 7, 8, 3

_WORD = re.compile(r"[^\W_]+")
_GAP = re.compile(r"[\W_]{4,}")  # `", "` stands between two values of a JSON list, and is no part of one
_DAY = re.compile(r"(\d{1,4})-\d\d-\d\d")
_DIGITS_APART = re.compile(r"(?<!\d)\d++(?:[ \u00a0().\-\u2010-\u2015/+:]{1,3}\d++)+")
_MOST_GROUPS = 7  # of digits in a phone number
_MOST_WORDS = 12
"""So many words of a value say whose it is; of one of a megabyte, held against a text of its words, all would never."""

Found = dict[tuple[str, str], int]
"""How often a text holds a value: by the column it is of, and the value as it may be shown."""


def is_evidence(value: str) -> bool:
    """Return whether a text that holds this value must have it from the personal data.

    Two words and five letters or digits are enough, as of an email or a full name; of digits alone it takes seven. A
    single word is evidence if it has eight characters, a digit among them; where a letter is not Latin, unlike all of
    the product's texts, three are enough, in however many words. A single name such as May is a word that anybody
    writes, and a recent birthday the date of a build.
    """
    words = _WORD.findall(value)
    size = sum(map(len, words))
    day = _DAY.fullmatch(value.strip())
    if day:
        return int(day[1]) < FIRST_RECENT_YEAR
    if size < _FOREIGN:
        return False
    if "".join(words).isdigit():
        return size >= _DIGITS
    if not all(map(_is_latin, set("".join(words)))):
        return True
    if len(words) >= _WORDS:
        return size >= _CHARACTERS
    return size >= _MIXED and any(map(str.isdigit, words[0]))


def _is_latin(sign: str) -> bool:
    return sign.isascii() or unicodedata.name(sign, "LATIN").startswith("LATIN")


class Values:
    """Personal values, each with the column it is of; `passed_over` counts by column those that are no evidence."""

    def __init__(self) -> None:
        self.passed_over: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self._column: dict[str, str] = {}
        self._phones: set[str] = set()
        self._first: set[str] = set()
        self._lengths: set[int] = set()
        self._none: set[str] = set()

    def add(self, column: str, value: str) -> None:
        """Add one value, as it landed; once is enough."""
        words = _words(value)[:_MOST_WORDS]
        key = " ".join(words)
        if key in self._column or key in self._none:
            return
        if not is_evidence(value):
            self.passed_over[column] += 1
            self._none.add(key)
            return
        self.known[column] += 1
        self._know(words, column)
        digits = key.replace(" ", "")
        if digits.isdigit() and not _DAY.fullmatch(value):
            self._phones.add(digits)
            self._know([digits], column)

    def _know(self, words: list[str], column: str) -> None:
        self._column[" ".join(words)] = column
        self._first.add(words[0])
        self._lengths.add(len(words))

    def find(self, text: str) -> Found:
        """Return the personal values in a text, as it is written and as it reads without escapes."""
        keys = Counter(self._keys(text))
        for reading in readings(text):
            keys |= Counter(self._keys(reading))
        found: Counter[tuple[str, str]] = Counter()
        for key, count in keys.items():
            found[self._column.get(key, "phone"), mask(key)] += count
        return dict(found)

    def find_all(self, texts: Iterable[str]) -> Found:
        """Return the personal values in all of these texts."""
        found: Counter[tuple[str, str]] = Counter()
        for text in texts:
            found.update(self.find(text))
        return dict(found)

    def _keys(self, text: str) -> Iterator[str]:
        # the longest first: an email is no name besides
        lengths = sorted(self._lengths, reverse=True)
        for part in _GAP.split(text):
            words = _words(part)
            free = 0
            for start, first in enumerate(words):
                if start < free or first not in self._first:
                    continue
                for length in lengths:
                    key = " ".join(words[start : start + length])
                    if key in self._column and start + length <= len(words):
                        free = start + length
                        yield key
                        break
        for written in _DIGITS_APART.findall(text) if self._phones else ():
            # as it landed, or without anything between its digits, it is words and found as such; what stands right
            # before or after may be a date, a country's code or another number
            groups = re.findall(r"\d+", written)
            for start in range(len(groups)):
                for end in range(start + 2, min(start + _MOST_GROUPS, len(groups)) + 1):
                    digits = "".join(groups[start:end])
                    if digits in self._phones and " ".join(groups[start:end]) not in self._column:
                        yield digits


def _words(text: str) -> list[str]:
    plain = text if text.isascii() else unicodedata.normalize("NFC", text)
    return _WORD.findall(plain.casefold())
