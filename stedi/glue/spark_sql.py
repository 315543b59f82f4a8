"""The SQL of a zone as Spark reads it: one query, or steps where Spark would compute a part of it more than once."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from stedi.glue.portability import check
from stedi.stages import SqlFile

__all__ = ["SparkQuery", "in_steps", "spark_query", "transpiled"]

_WIDTH = 80

# their text is not the language's but the author's
_NAMES = (TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER)

_SPELLED = {"varchar": "string", "//": "div", "asc": "asc nulls last", "sha256": "sha2"}
"""Words that Spark spells otherwise, or with which it means something else."""

_ALSO = {"sha256": ", 256"}
"""What Spark wants said besides, at the end of the arguments of a function."""


@dataclass(frozen=True)
class SparkQuery:
    """A query in Spark SQL: the comment before it, the views to make first, and the query itself.

    `kept` are the steps that are read more than once.
    """

    header: str
    sql: str
    steps: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


def spark_query(stage: SqlFile) -> SparkQuery:
    """Return the query of a stage for Spark; NotPortable where Spark would read something differently."""
    return in_steps(transpiled(stage.sql, check(stage)))


def in_steps(text: str) -> SparkQuery:
    """Return a query of Spark SQL with a step for each of its CTEs, if some are read more than once.

    DuckDB computes such a CTE once. Spark puts it into the plan once for each reader, so that a chain of them doubles
    from link to link, and the plan ends the driver before it is made. To cache it would not do: the plan of what is
    cached is kept, and gone through with every plan above it.
    """
    header = "".join(takewhile(lambda line: line.startswith("--"), text.splitlines(keepends=True)))
    text = text.removeprefix(header)
    query = sqlglot.parse_one(text, dialect="spark")
    names = [cte.alias for cte in query.ctes] if isinstance(query, exp.Query) else []
    read = Counter(table.name for table in query.find_all(exp.Table))
    kept = tuple(name for name in names if read[name] > 1)
    if not kept:
        return SparkQuery(header, text)
    bodies, rest = _cut(text)
    return SparkQuery(header, rest, dict(zip(names, bodies, strict=True)), kept)


def _cut(text: str) -> tuple[list[str], str]:
    """Return the text of each CTE of a query, and that of the query after them."""
    bodies: list[str] = []
    depth, start, end = 0, 0, 0
    for token in sqlglot.tokenize(text, dialect="spark"):
        if end and token.token_type != TokenType.COMMA:
            break
        end = 0
        if token.token_type == TokenType.L_PAREN:
            start = start if depth else token.end + 1
            depth += 1
        elif token.token_type == TokenType.R_PAREN:
            depth -= 1
            if not depth:
                bodies.append(textwrap.dedent(text[start : token.start].strip("\n").rstrip()) + "\n")
                end = token.end + 1
    return bodies, text[end:].strip() + "\n"


def transpiled(sql: str, query: exp.Query) -> str:
    """Return SQL of DuckDB and its parsed query as Spark SQL, with its comments.

    It is what sqlglot makes of it. Where the file has the same words, but for how Spark spells some, its own lines are
    kept, since they are written to be read.
    """
    generated = query.sql(
        "spark", pretty=True, indent=4, pad=4, normalize_functions="lower", comments=False, max_text_width=_WIDTH
    )
    respelled = _respelled(sql)
    if _is_same(respelled, generated):
        return respelled
    header = takewhile(lambda line: line.startswith("--"), sql.splitlines())
    return "\n".join([*header, _lower(generated)]) + "\n"


def _is_same(text: str, other: str) -> bool:
    """Return whether two texts of Spark SQL have the same tree and words, in places that the tree leaves open.

    The tree alone does not tell: `isnull`, `::` and a comma too many stand in none. Brackets and where a `not` stands
    are for the tree to tell.
    """
    try:
        return _words(text) == _words(other) and (
            sqlglot.parse_one(text, dialect="spark") == sqlglot.parse_one(other, dialect="spark")
        )
    except SqlglotError:
        return False


def _words(text: str) -> Counter[str]:
    """Return the words of a text, as they are written, with how often each stands there."""
    words = Counter(text[token.start : token.end + 1].lower() for token in sqlglot.tokenize(text, dialect="spark"))
    del words["("], words[")"]
    return words


def _respelled(text: str) -> str:
    """Return the text of a file with the words that Spark spells otherwise replaced."""
    at, pieces, closing = 0, [], [""]
    function = ""
    for token in sqlglot.tokenize(text, dialect="duckdb"):
        word = None
        if token.token_type == TokenType.IDENTIFIER:
            word = f"`{token.text}`"
        elif token.token_type == TokenType.L_PAREN:
            closing.append(_ALSO.get(function, ""))
        elif token.token_type == TokenType.R_PAREN:
            word = f"{closing.pop()})"
        elif token.token_type != TokenType.STRING:
            word = _SPELLED.get(token.text.lower())
        function = token.text.lower()
        if word is not None:
            pieces += [text[at : token.start], word]
            at = token.end + 1
    return "".join([*pieces, text[at:]])


def _lower(text: str) -> str:
    """Return Spark SQL with its keywords in lower case."""
    for token in sqlglot.tokenize(text, dialect="spark"):
        if token.token_type not in _NAMES or token.text in ("CAST", "TRY_CAST"):
            text = text[: token.start] + text[token.start : token.end + 1].lower() + text[token.end + 1 :]
    return text
