"""Whether a landing line is of somebody who is forgotten: a good one by its email or device, a bad one by its words.

A bad line is no row, so nothing says whose it is but what stands in it. Every word of it and every text in quotes is
held against the tombstones. While a customer is being forgotten more is known of them: then also their name and phone
number count, unless the line has the email of somebody else in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator

from stedi.contracts import Table
from stedi.escapes import decoded, readings
from stedi.tombstones import Tombstones, normal, subject

__all__ = ["Mentions", "phrase"]

_TEXT = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_BETWEEN = re.compile(r"[\s\"'<>(),;:{}\[\]=|\\/?&]+")
_EMAIL = re.compile(r"\w@\w")
_SERIAL = re.compile(r"serialNumber\W{1,9}([^\s\"'<>(),;{}\[\]\\]+)", re.IGNORECASE)
_DOMAIN = re.compile(r"@[\w.-]+")
_LOCAL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~\u0300-\u036f-]+")
_AROUND = re.compile(r"[!#$&'*/=?^`{|}~]")

_SHORTEST = 5
"""Characters from which on a word of a line of devices is a serial number wherever it stands, and no distance."""

_REMEMBERED = 1_000_000
_LONGEST = 254
"""Characters of an email; longer texts are not remembered, a line of a megabyte would be."""


class Mentions:
    """Asked of the lines of one feed: are they of somebody forgotten?

    `email` and `values` are what is known of the customer who is being forgotten, besides the tombstones.
    """

    def __init__(self, feed: Table, tombstones: Tombstones, email: str = "", values: Collection[str] = ()) -> None:
        self._tombstones = tombstones
        self._column, self._is_customer = subject(feed)
        self._email = phrase([email]) if email else None
        self._values = phrase(values) if values else None
        self._known: dict[str, bool] = {}

    def owns(self, line: bytes) -> bool:
        """Return whether a line, if it is a row, is one of theirs."""
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return False
        value = found.get(self._column) if isinstance(found, dict) else None
        return isinstance(value, str) and self._has(value)

    def in_bad(self, line: bytes) -> bool:
        """Return whether a line that is no row names somebody forgotten."""
        text = decoded(line)
        texts = [text, *readings(text)]
        if any(self._has(word) for text in texts for word in set(_words(text)) if self._is_telling(word)):
            return True
        if not self._is_customer and any(self._has(serial) for text in texts for serial in _SERIAL.findall(text)):
            return True
        plain = [normal(text) for text in texts]
        if self._email and any(map(self._email.search, plain)):
            return True
        values = self._values
        return values is not None and any(values.search(text) and not _EMAIL.search(text) for text in plain)

    def _has(self, value: str) -> bool:
        found = self._known.get(value)
        if found is None:
            tombstones = self._tombstones
            found = tombstones.has_customer(value) if self._is_customer else self._has_either(value)
            if len(self._known) < _REMEMBERED and len(value) <= _LONGEST:
                self._known[value] = found
        return found

    def _is_telling(self, word: str) -> bool:
        return self._is_customer or len(word) >= _SHORTEST or "@" in word

    def _has_either(self, value: str) -> bool:
        return self._tombstones.has_device(value) or ("@" in value and self._tombstones.has_customer(value))


def _words(text: str) -> Iterator[str]:
    """Yield what may be a value: texts in quotes, words, with and without a full stop at their end, and emails."""
    yield from (found[0] or found[1] for found in _TEXT.findall(text))
    for word in _BETWEEN.split(text):
        if word:
            yield word
            if word.endswith("."):
                yield word.rstrip(".")
    for found in _DOMAIN.finditer(text):
        # whatever stands around it; the signs it may begin behind may be its own, too
        if local := _LOCAL.match(text[max(found.start() - _LONGEST, 0) : found.start()][::-1]):
            for end in (*(sign.start() for sign in _AROUND.finditer(local[0])), local.end()):
                yield local[0][:end][::-1] + found[0].rstrip(".-")


def phrase(values: Collection[str]) -> re.Pattern[str]:
    """Return the expression that finds one of some values in a text, but not as a part of a longer one.

    Between the words of a value may stand any blanks.
    """
    found = "|".join(r"\s+".join(map(re.escape, normal(value).split())) for value in sorted(values))
    return re.compile(rf"(?<![\w.+%\u0300-\u036f-])(?:{found})(?!\w|[.-]\w)")
