"""Personal data in what others have written: messages of exceptions, notes, lines of scripts.

A script may put a row into its exception in whatever form it likes, so besides what looks like personal data the
landing data themselves are asked: whatever of a text stands in a column marked as personal is taken out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stedi.contracts import FEEDS
from stedi.masking import mask_emails

__all__ = ["Hide", "hider"]

Hide = Callable[[str], str]
"""Takes personal data out of a text."""

_SHORTEST = 3
_LONGEST = 4000  # characters of a text; none is shown at that length
_WORD = re.compile(rf"\w{{{_SHORTEST},}}")


def hider(texts: Iterable[str], landing: Callable[[], Mapping[str, Any]]) -> Hide:
    """Return what hides the personal data that these texts hold, of the good rows that `landing` returns by feed.

    Values are looked for as they stand in the rows, and the words of a value by themselves. Where no text has a word,
    no row is read.
    """
    whole = "\n".join(text[:_LONGEST] for text in texts).replace("\0", " ")
    words = sorted(set(_WORD.findall(whole)))
    if not words:
        return mask_emails
    found: set[str] = set()
    rows = landing()
    for feed in FEEDS:
        for column in feed.columns:
            if column.pii:
                found |= _standing_in(whole, words, rows[feed.name], column.name)
    if not found:
        return mask_emails
    # the longest first: a name before its parts
    parts = "|".join(re.escape(value) for value in sorted(found, key=len, reverse=True))
    pattern = re.compile(rf"(?<!\w)(?:{parts})(?!\w)")
    return lambda text: pattern.sub("***", mask_emails(text))


def _standing_in(whole: str, words: list[str], rows: Any, column: str) -> set[str]:
    """Return the values of a column that stand in a text, and their words that do."""
    named = f'"{column}"'
    listed = ", ".join(map(_quoted, words))
    sql = (
        f"select distinct {named} from landing where length({named}) >= {_SHORTEST} and"
        f" (contains({_quoted(whole)}, {named}) or list_has_any(regexp_extract_all({named}, '\\w+'), [{listed}]))"
    )
    values = [value for (value,) in rows.query("landing", sql).fetchall()]
    found = {value for value in values if value in whole}
    return found.union(*(set(_WORD.findall(value)) & set(words) for value in values))


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
