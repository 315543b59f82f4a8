"""What a line that is no row says of somebody: personal values, as far as they can be told from anything else in it.

A bad line may be cut off, be no JSON, or have its values under other keys. So of it count every email, what stands
behind the name of a personal column, in quotes or not, and in customers' lines what stands behind any unknown key.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

from stedi.contracts import TABLES, Table
from stedi.escapes import decoded, readings
from stedi.masking import email_pattern
from stedi.privacy.values import PERSONAL

__all__ = ["UNKNOWN", "bad_lines", "values_of"]

UNKNOWN = "quarantined_value"
"""What a value is of that stands behind a key that no contract knows."""

_COLUMNS = {column.name.lower(): column.name for table in TABLES.values() for column in table.columns}

_EMAIL = email_pattern(borders="{}=")
_PAIR = re.compile(
    r"(?<!\w)(?P<key>\w{1,60}+)[\"']?\s*+[:=]\s*+"
    r"(?:\"(?P<double>(?:[^\"\\]|\\.)*+)|'(?P<single>(?:[^'\\]|\\.)*+)|(?P<bare>[^\s\"',;{}\[\]]++))"
)
_PHONE = re.compile(r"\+?\d{7,12}")


def bad_lines(bad: Path | None) -> Iterator[str]:
    """Yield the text of the bad lines that a feed has spooled, if any."""
    if bad is not None:
        with bad.open(encoding="ascii") as lines:
            for line in lines:
                yield decoded(base64.b64decode(json.loads(line)["raw"]))


def values_of(feed: Table, text: str) -> Iterator[tuple[str, str]]:
    """Yield the personal values of a bad line, each with the column it is of, or UNKNOWN."""
    for reading in (text, *readings(text)):
        for email in _EMAIL.findall(reading):
            yield "email", email
        for pair in _PAIR.finditer(reading):
            column = _COLUMNS.get(pair["key"].lower())
            value = pair["double"] or pair["single"] or pair["bare"] or ""
            if column in PERSONAL:
                yield column, value
            elif column is None and feed.feed == "customer" and (not pair["bare"] or _PHONE.fullmatch(value)):
                yield UNKNOWN, value
