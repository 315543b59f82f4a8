"""What of a zone's SQL means the same on DuckDB and on Spark; everything else is refused."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from stedi.stages import SqlFile

__all__ = ["check"]


def check(stage: SqlFile) -> exp.Query:
    """Return the parsed query of a stage."""
    query = sqlglot.parse_one(stage.sql, dialect="duckdb")
    assert isinstance(query, exp.Query)
    return query
