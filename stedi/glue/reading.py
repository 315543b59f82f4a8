r"""The reading rule as Spark evaluates it, and as a job script writes it down.

java.util.regex reads the language of `stedi.rule` in the same way, under two conditions: loops over groups are
possessive (other ones recurse, and a line with a thousand escapes overflows the stack of the JVM), and a whole line is
what stands between `\A` and `\z` (`$` also matches before a final line break). The grammar is deterministic, so a
possessive loop takes nothing that another one would give back.

Blanks around a line are part of the expressions instead of being trimmed first: Spark's `btrim` takes the end of a
broken UTF-8 sequence for a character, and removes what stands behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from stedi import rule
from stedi.contracts import Column, Table
from stedi.sieve import RAW_BYTES_KEPT

__all__ = [
    "BLANK_LINE",
    "FLAT",
    "HAS_KEY",
    "HAS_VALUE",
    "HIDDEN",
    "LANDING_FILE",
    "MAX_LINE_CHARS",
    "RAW_BYTES_KEPT",
    "TOO_LONG",
    "TRIM",
    "clean",
    "clean_text",
    "constants_text",
    "refused",
    "refused_text",
]

WIDTH = 120
"""No line of a script is longer."""

MAX_LINE_CHARS = rule.MAX_LINE_CHARS
TRIM = rule.TRIM

LANDING_FILE = r"\.[jJ][sS][oO][nN][lL]?(\.[gG][zZ])?$"
HIDDEN = r"/[_.]"
"""Of the path of a file below the prefix of its feed: `stedi.listing` in two expressions."""


def java(expression: str) -> str:
    """Return an expression of the reading rule in the spelling of java.util.regex."""
    return expression.replace(")*", ")*+")


PARTS: dict[str, str] = {name: java(text) for name, text in rule.PARTS.items()} | {"EDGE": r"[ \t\r\x0b\f]*"}
"""What the expressions are made of: these have a name in the scripts."""

_WS, _EDGE = PARTS["WS"], PARTS["EDGE"]
_FILLED = _EDGE.removesuffix("*").replace("[", "[^")


def _whole(expression: str) -> str:
    # the blanks at the edges of the expression are those of the line
    inner = java(expression).removeprefix(_WS).removesuffix(_WS)
    return rf"\A{_EDGE}+{inner}{_EDGE}+\z"


BLANK_LINE = rf"\A{_EDGE}+\z"
TOO_LONG = rf"\A{_EDGE}+{_FILLED}(?s:.{{{MAX_LINE_CHARS - 1},}}){_FILLED}"
"""A line of more characters, without the blanks around it; a broken UTF-8 sequence counts as one."""
FLAT = _whole(rule.FLAT)


def clean(feed: Table) -> str:
    """Return the expression of a proven clean line of a feed."""
    return _whole(rule.ordered(feed))


def refused(feed: Table) -> Iterator[tuple[str, str, str]]:
    """Yield why a flat line is no row of a feed, in the order tried: reason, what it then has, what it then lacks.

    Both are expressions of which a part of the line is matched; empty where there is no such condition.
    """
    for column in feed.columns:
        if column.name in feed.required:
            yield f"missing:{column.name}", "", rule.has_key(column)
            yield f"empty:{column.name}", rule.has_null_or_empty(column), ""
        yield f"bad_type:{column.name}", rule.has_key(column), java(rule.has_typed(column))


# as a script writes them

HAS_KEY = """rf'[{{,]{WS}"{key}"{WS}:'"""
HAS_VALUE = 'rf"{found}{WS}(?:{value}){WS}[,}}]"'


def constants_text(feeds: Iterable[Table]) -> Iterator[str]:
    """Yield the constants of the rule that some feeds are read with, each as Python text."""
    known: dict[str, str] = {}
    kinds = {_kind(column) for feed in feeds for column in feed.columns}
    for name in ("EDGE", *rule.PARTS):
        if name in _KINDS.values() and name not in kinds:
            continue
        yield f"{name} = {_literal(PARTS[name], known)}"
        known[name] = PARTS[name]
    for name, text in (("BLANK_LINE", BLANK_LINE), ("TOO_LONG", TOO_LONG), ("FLAT", FLAT)):
        yield f"{name} = {_literal(text, known)}"


def clean_text(feed: Table) -> str:
    """Return the expression of a proven clean line as Python text, a line a column."""
    return _literal(clean(feed), PARTS, re.compile(r'(?=\(\?:\{WS\},\{WS\}"|(?<!\?:)\{WS\},\{WS\}")'))


def refused_text(feed: Table) -> Iterator[tuple[str, str, str]]:
    """Yield the tuples of `refused`, each of their values as Python text, in terms of `has`."""
    for column in feed.columns:
        key = f'has("{column.name}")'
        if column.name in feed.required:
            yield f'"missing:{column.name}"', '""', key
            yield f'"empty:{column.name}"', f'has("{column.name}", \'null|""\')', '""'
        yield f'"bad_type:{column.name}"', key, f'has("{column.name}", f"{{{_kind(column)}}}|null")'


_KINDS = {"VARCHAR": "TEXT", "BIGINT": "INTEGER", "DOUBLE": "DOUBLE"}


def _kind(column: Column) -> str:
    return _KINDS[column.type]


def _literal(expression: str, known: Mapping[str, str], at: re.Pattern[str] | None = None) -> str:
    """Return an expression as Python text, made of those that are known; on several lines where it is too long.

    With `at` it is broken where that matches the text of the f-string.
    """
    text = expression.replace("{", "{{").replace("}", "}}")
    for name, part in sorted(known.items(), key=lambda item: -len(item[1])):
        text = text.replace(part.replace("{", "{{").replace("}", "}}"), f"{{{name}}}")
    assert "'" not in text
    if not re.search(r"(?<!\{)\{[A-Z]", text):
        text = expression
        pieces = [_quoted("r", piece) for piece in _broken(text)]
    else:
        pieces = [_quoted("rf", piece) for line in (at.split(text) if at else [text]) for piece in _broken(line)]
    if len(pieces) == 1:
        return pieces[0]
    return "(\n" + "".join(f"    {piece}\n" for piece in pieces) + ")"


def _quoted(prefix: str, text: str) -> str:
    return f"{prefix}'{text}'" if '"' in text else f'{prefix}"{text}"'


def _broken(text: str) -> Iterable[str]:
    """Return a long text in pieces, broken behind an alternative."""
    room = WIDTH - 20
    pieces = [""]
    for token in re.findall(r"(?:\\.|[^|\\])+\|?", text):
        if pieces[-1] and len(pieces[-1]) + len(token) > room:
            pieces.append("")
        pieces[-1] += token
    return pieces
