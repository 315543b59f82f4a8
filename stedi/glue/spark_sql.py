"""The SQL of a zone as Spark reads it."""

from __future__ import annotations

from itertools import takewhile

import sqlglot
from sqlglot.tokenizer_core import TokenType

from stedi.glue.portability import check
from stedi.stages import SqlFile

__all__ = ["spark_sql"]

_WIDTH = 110

# their text is not the language's but the author's
_NAMES = (TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER)


def spark_sql(stage: SqlFile) -> str:
    """Return the query of a stage in Spark SQL, below the header comment of its file.

    NotPortable where Spark would read something of it differently, or not at all.
    """
    query = check(stage)
    text = query.sql(
        "spark", pretty=True, indent=4, pad=4, normalize_functions="lower", comments=False, max_text_width=_WIDTH
    )
    header = takewhile(lambda line: line.startswith("--"), stage.sql.splitlines())
    return "\n".join([*header, _lower(text)]) + "\n"


def _lower(text: str) -> str:
    """Return Spark SQL with its keywords in lower case."""
    for token in sqlglot.tokenize(text, dialect="spark"):
        if token.token_type not in _NAMES:
            text = text[: token.start] + text[token.start : token.end + 1].lower() + text[token.end + 1 :]
    return text
