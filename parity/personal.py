"""Personal data in what others have written: messages of exceptions, notes, lines of scripts, values of other columns.

A script may put a row into its exception, or into a column, in whatever form it likes. So besides what looks like
personal data the data themselves are asked: whatever of a text stands in a column marked as personal is taken out, and
so is whatever stands in a line that is no row, since nobody knows which part of that is personal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from stedi.contracts import FEEDS, TABLES
from stedi.engine import quoted
from stedi.escapes import decoded, letters, readings
from stedi.masking import mask_emails

__all__ = ["Ask", "Hide", "Hider", "hider", "hider_of"]

Hide = Callable[[str], str]
"""Takes personal data out of a text."""

Hider = Callable[[Iterable[str]], Hide]
"""Returns what hides the personal data that these texts hold."""

Ask = Callable[[str], Iterable[tuple[Any, ...]]]
"""Runs SQL over `people`, whose column `v` holds the distinct values of one column of personal data."""

_SHORTEST = 3  # bytes: two letters say little of a name, but two Chinese ones are a whole one
_GLUED = 6  # letters and digits from which a value is found within a longer word too
_LONGEST = 20_000  # characters of a text; the runtime keeps no more of a message

_AT_ONCE = 10_000  # quarantined lines

_MARKS = "".join(c for c in map(chr, range(0x300, 0x2100)) if unicodedata.category(c)[0] == "M")
_LETTERS = rf"(?:[^\W\d_]|[{_MARKS}])+"
_PARTS = re.compile(rf"{_LETTERS}|\d+")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_DATED = re.compile(r"(?=(?<!\d)(\d{1,4})[\W_]{1,2}(\d{1,2})[\W_]{1,2}(\d{1,4})(?!\d))")
_NUMBER = re.compile(r"\d(?:[\W_]{0,2}\d){6,}")  # of a phone or a birthday, however they are set apart

_COLUMNS = {column for table in TABLES.values() for column in table.columns}
_NAMES = {*TABLES, *(column.name for column in _COLUMNS)}
_FOLDED = frozenset(map(str.casefold, _NAMES))
_KNOWN = "|".join(sorted(map(re.escape, _NAMES), key=len, reverse=True))
_WORD = re.compile(rf"(?<!\w)(?:{_KNOWN})(?!\w)|(?P<word>{_LETTERS})", re.IGNORECASE)
# what a column that holds nothing personal has in a line: as its contract says, and nothing else
_PLAIN = "|".join(
    rf'"{column.name}"\s*:\s*' + (r'"[^"\\]*"' if column.type == "VARCHAR" else r"-?[\d.]+(?![\d.])")
    for column in sorted(_COLUMNS, key=str)
    if not column.pii
)
_IMPERSONAL = re.compile(_PLAIN)
_ORDINARY = frozenset(
    re.findall(
        r"\w+",
        "and are bad but cannot does error false for from has have into its json key line nan not null row rows that"
        " the this true type value was with",
    )
)
"""Words of broken lines that are left in messages: nobody is called so."""


def hider(texts: Iterable[str], landing: Callable[[], Mapping[str, Any]], quarantined: Iterable[Path] = ()) -> Hide:
    """Return what hides the personal data that these texts hold, of the landing data.

    `landing` returns the good rows by feed, `quarantined` are the files of the lines that are none. Values are looked
    for in any case and however their parts are set apart, and the words of a value by themselves; names of our tables
    and columns stay. Where no text has a word, nothing is read.
    """

    def columns() -> Iterator[Ask]:
        rows = landing()
        for feed in FEEDS:
            for column in feed.columns:
                if column.pii:
                    yield _asking(rows[feed.name], column.name)

    return hider_of(texts, columns, quarantined)


def hider_of(texts: Iterable[str], columns: Callable[[], Iterable[Ask]], quarantined: Iterable[Path] = ()) -> Hide:
    """Return what hides the values of columns, and of quarantined lines, that these texts hold."""
    whole = "\n".join(letters(text[:_LONGEST]) for text in texts).replace("\0", " ")
    words = sorted({found["word"] for found in _WORD.finditer(whole) if _is_long(found["word"])})
    if not words and not any(c.isalnum() for c in whole):
        return mask_emails
    dates = _dates(whole)
    values: set[str] = set()
    hidden: set[str] = set()
    sql = _sql(whole, words, dates)
    rows = (row for ask in columns() for row in ask(sql))
    for text, is_word in chain(rows, _in_lines(quarantined, whole, words, dates)):
        (hidden if is_word else values).add(text)
    hidden = {word.casefold() for word in hidden}
    # the longest first: a name before its parts
    patterns = [pattern for value in sorted(values, key=len, reverse=True) if (pattern := _pattern(value))]
    whole_value = re.compile("|".join(patterns) or "(?!)", re.IGNORECASE)

    def word(found: re.Match[str]) -> str:
        return "***" if found["word"] and found["word"].casefold() in hidden else found.group()

    return lambda text: _WORD.sub(word, whole_value.sub("***", mask_emails(letters(text))))


def _asking(rows: Any, column: str) -> Ask:
    named = quoted(column)
    people = f"with people as (select distinct {named} as v from landing where {named} is not null)"
    return lambda sql: rows.query("landing", f"{people} {sql}").fetchall()


def _sql(whole: str, words: list[str], dates: Iterable[str]) -> str:
    """Return SQL for the values that stand in a text, and for the words of values that do.

    The end of an email's domain is no word: it stands in names of Java's classes.
    """
    listed = ", ".join(f"lower({_literal(word)})" for word in words)
    dated = ", ".join(map(_literal, dates)) or "''"
    squeezed = "regexp_replace(lower({}), '[^\\p{{L}}\\p{{M}}\\p{{N}}]', '', 'g')"
    within = f"contains({squeezed.format(_literal(whole))}, {squeezed.format('v')})"
    parts = "regexp_extract_all(lower(regexp_replace(v, '(@.*)\\.[^.]*$', '\\1')), '[\\p{L}\\p{M}]+')"
    return (
        f"select v, false from people where strlen(v) >= {_SHORTEST} and"
        f" ({within} and {squeezed.format('v')} <> '' or v in ({dated}))"
        f" union all select distinct unnest(list_intersect({parts}, [{listed}]::varchar[])), true from people"
    )


def _pattern(value: str) -> str:
    """Return a pattern of a value, however its parts are set apart; "" of a single word, which is hidden as one."""
    parts: list[str] = _PARTS.findall(value)
    size = sum(map(len, parts))
    if not parts or (len(parts) == 1 and not parts[0].isdecimal()) or value.casefold() in _FOLDED:
        return ""
    if all(part.isdecimal() for part in parts):
        digits = r"[\W_]{0,2}".join("".join(parts))
        pattern = digits if size >= _GLUED else rf"(?<!\w){digits}(?!\w)"
        return "|".join([pattern, *_orders(value)])
    pattern = r"[\W_]{0,3}".join(map(re.escape, parts))
    return pattern if size >= _GLUED else rf"(?<![^\W_]){pattern}(?![^\W_])"


def _orders(value: str) -> Iterator[str]:
    """Yield patterns of a date in other orders and without its zeros, as `date(1965, 3, 1)` or `1.3.1965`."""
    if found := _DATE.fullmatch(value):
        year, month, day = (f"0*{int(part)}" for part in found.groups())
        for order in ((year, month, day), (day, month, year), (month, day, year)):
            parts = r"[\W_]{1,2}".join(order)
            yield rf"(?<!\d){parts}(?!\d)"


def _dates(text: str) -> set[str]:
    """Return the dates that a text may hold, as landing data write them."""
    found: set[str] = set()
    for one, two, three in _DATED.findall(text):
        for year, month, day in ((one, two, three), (three, two, one), (three, one, two)):
            if len(year) > 2 and len(month) <= 2 and len(day) <= 2:  # noqa: PLR2004 - digits
                found.add(f"{int(year):04}-{int(month):02}-{int(day):02}")
    return found


def _in_lines(files: Iterable[Path], whole: str, words: Iterable[str], dates: set[str]) -> Iterator[tuple[str, bool]]:
    """Yield what of quarantined lines stands in a text, and whether it is a word.

    Nobody knows where a field of a broken line begins and ends, so they are looked through in words and numbers.
    """
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    wanted = {word.casefold() for word in words} - _ORDINARY
    digits = "".join(filter(str.isdecimal, whole))
    for file in files:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(_AT_ONCE, columns=["raw"]):
                # before any escape is undone: what only then looks like such a column is text of another one
                raw = _IMPERSONAL.sub("", "\n".join(map(decoded, batch["raw"].to_pylist())))
                for text in (letters(raw), *readings(raw)):
                    found = {match["word"].casefold() for match in _WORD.finditer(text) if match["word"]}
                    yield from ((word, True) for word in wanted & found)
                    yield from ((date, False) for date in {match.group() for match in _DATE.finditer(text)} & dates)
                    numbers = {"".join(filter(str.isdecimal, number)) for number in _NUMBER.findall(text)}
                    yield from ((number, False) for number in numbers if number in digits)


def _is_long(word: str | None) -> bool:
    return word is not None and len(word.encode()) >= _SHORTEST


def _literal(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
