"""The SQL of a zone as Spark reads it."""

from __future__ import annotations

from itertools import takewhile

import sqlglot
from sqlglot.tokenizer_core import TokenType

from stedi.glue.portability import check
from stedi.stages import SqlFile

__all__ = ["spark_sql"]

_WIDTH = 80

# their text is not the language's but the author's
_NAMES = (TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING, TokenType.NUMBER)

_SPELLED = {"varchar": "string", "//": "div", "asc": "asc nulls last", "sha256": "sha2"}
"""Words that Spark spells otherwise, or with which it means something else."""

_ALSO = {"sha256": ", 256"}
"""What Spark wants said besides, at the end of the arguments of a function."""


def spark_sql(stage: SqlFile) -> str:
    """Return the query of a stage in Spark SQL, with its comments.

    It is what sqlglot makes of it. Where that differs from the file only in how Spark spells some words, the file's own
    lines are kept, since they are written to be read. NotPortable where Spark would read something differently.
    """
    generated = check(stage).sql(
        "spark", pretty=True, indent=4, pad=4, normalize_functions="lower", comments=False, max_text_width=_WIDTH
    )
    respelled = _respelled(stage.sql)
    if sqlglot.parse_one(respelled, dialect="spark") == sqlglot.parse_one(generated, dialect="spark"):
        return respelled
    header = takewhile(lambda line: line.startswith("--"), stage.sql.splitlines())
    return "\n".join([*header, _lower(generated)]) + "\n"


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
