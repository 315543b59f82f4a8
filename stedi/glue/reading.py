r"""The reading rule as Spark evaluates it.

java.util.regex reads the language of `stedi.rule` in the same way, under two conditions: loops over groups are
possessive (other ones recurse, and a line with a thousand escapes overflows the stack of the JVM), and a whole line is
what stands between `\A` and `\z` (`$` also matches before a final line break). The grammar is deterministic, so a
possessive loop takes nothing that another one would give back.

Blanks around a line are part of the expression instead of being trimmed first: Spark's `btrim` takes the end of a
broken UTF-8 sequence for a character and removes what stands behind it.
"""

from __future__ import annotations

from collections.abc import Iterator

from stedi import rule
from stedi.contracts import Table
from stedi.sieve import RAW_BYTES_KEPT

__all__ = ["BLANKS", "BLANK_LINE", "FLAT", "MAX_LINE_CHARS", "RAW_BYTES_KEPT", "clean", "java", "refused"]

MAX_LINE_CHARS = rule.MAX_LINE_CHARS
BLANKS = rule.TRIM
_AROUND = r"[ \t\r\x0b\f]*"


def java(expression: str) -> str:
    """Return an expression of the reading rule in the spelling of java.util.regex."""
    return expression.replace(")*", ")*+")


def _whole(expression: str) -> str:
    return rf"\A{_AROUND}(?:{java(expression)}){_AROUND}\z"


BLANK_LINE = rf"\A{_AROUND}\z"
FLAT = _whole(rule.FLAT)


def clean(feed: Table) -> str:
    """Return the expression of a proven clean line of a feed."""
    return _whole(rule.ordered(feed))


def refused(feed: Table) -> Iterator[tuple[str, str, str]]:
    """Yield why a flat line is no row of a feed, in the order tried: reason, what it then has, what it then lacks.

    Both are expressions, or empty where there is no such condition.
    """
    for column in feed.columns:
        if column.name in feed.required:
            yield f"missing:{column.name}", "", java(rule.has_key(column))
            yield f"empty:{column.name}", java(rule.has_null_or_empty(column)), ""
        yield f"bad_type:{column.name}", java(rule.has_key(column)), java(rule.has_typed(column))
