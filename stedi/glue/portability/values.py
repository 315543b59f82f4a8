"""Expressions: the type of each, and what of it is refused."""

from __future__ import annotations

import re

from sqlglot import exp

from stedi.glue.portability.lint import NOT_PROVEN, UNKNOWN, WHOLE, Lint, Scope, is_number
from stedi.glue.portability.traps import CASTS

__all__ = [
    "arithmetic",
    "case",
    "cast",
    "coalesce",
    "column",
    "compared",
    "divided",
    "hashed",
    "joined",
    "literal",
    "logical",
    "null_test",
    "nullif",
    "number",
    "whole",
]

_INTEGER_MAX = 2**31 - 1
_INTEGER = re.compile(r"\d{1,18}")
_DECIMAL = re.compile(r"\d{1,9}\.\d{1,9}")

_CASTS = {
    ("INTEGER", "BIGINT"),
    ("HUGEINT", "BIGINT"),
    ("INTEGER", "DOUBLE"),
    ("BIGINT", "DOUBLE"),
    ("DECIMAL", "DOUBLE"),
    ("INTEGER", "VARCHAR"),
    ("BIGINT", "VARCHAR"),
}
"""Casts that give the same on both, besides those to the type itself and of NULL."""

_NUMBERS_OF_ROWS = (exp.RowNumber, exp.Rank, exp.DenseRank)
"""Functions of windows that are an INTEGER to Spark already."""

_TYPES = {"TEXT": "VARCHAR", "VARCHAR": "VARCHAR", "BIGINT": "BIGINT", "INT": "INTEGER", "DOUBLE": "DOUBLE"}


def column(lint: Lint, node: exp.Column, scope: Scope) -> str:
    """Read alias.column."""
    if not node.table:
        lint.refuse(
            node,
            f"{node.name} may be an alias or, as user, a function: write whose column it is, t.{node.name}",
        )
        return UNKNOWN
    kind = scope.column(node.table.lower(), node.name.lower())
    if kind is None:
        lint.refuse(node, f"there is no {node.table}.{node.name} here")
    return kind or UNKNOWN


def literal(lint: Lint, node: exp.Literal, scope: Scope) -> str:
    """Read a text or a number written out."""
    if node.is_string:
        return "VARCHAR"
    if _INTEGER.fullmatch(node.name):
        return "INTEGER" if int(node.name) <= _INTEGER_MAX else "BIGINT"
    if _DECIMAL.fullmatch(node.name) and isinstance(node.parent, exp.Cast):
        return "DECIMAL"
    lint.refuse(node, f"{node.name}: a decimal to one and a double to the other; write cast({node.name} as double)")
    return UNKNOWN


def arithmetic(lint: Lint, node: exp.Binary, scope: Scope) -> str:
    """Read a sum, a difference or a product."""
    kind = lint.same(node, lint.types_of((node.left, node.right), scope))
    if kind not in (*WHOLE, "DOUBLE", UNKNOWN):
        lint.refuse(node, f"calculates with {kind}, and the two cast or widen it differently")
        return UNKNOWN
    return kind


def whole(lint: Lint, node: exp.Binary, scope: Scope) -> str:
    """Read the quotient or the rest of whole numbers; by 0 both engines fail."""
    kind = lint.same(node, lint.types_of((node.left, node.right), scope))
    if kind not in (*WHOLE, UNKNOWN):
        lint.refuse(node, f"divides {kind}, whole numbers only are proven to mean the same on Spark")
        return UNKNOWN
    return kind


def divided(lint: Lint, node: exp.Div, scope: Scope) -> str:
    """Read the quotient of doubles."""
    left, right = lint.types_of((node.left, node.right), scope)
    if left not in ("DOUBLE", UNKNOWN):
        lint.refuse(node, "divides whole numbers or decimals, of which the types differ; write cast(... as double) /")
    if right not in (*WHOLE, "DOUBLE", UNKNOWN):
        lint.refuse(node, f"divides by {right}")
    divisor = node.right.unnest()
    if not isinstance(divisor, exp.Nullif) and not (is_number(divisor) and float(divisor.name)):
        lint.refuse(node, "x / 0 is infinite to DuckDB and an error to Spark; write / nullif(..., 0)")
    return "DOUBLE"


def compared(lint: Lint, node: exp.Expr, scope: Scope) -> str:
    """Read a comparison."""
    operands = [value for key, value in node.args.items() if key in ("this", "expression", "low", "high")]
    return lint.comparable(node, lint.types_of(operands, scope))


def logical(lint: Lint, node: exp.Expr, scope: Scope) -> str:
    """Read and, or, not."""
    for operand in (node.this, node.args.get("expression")):
        if operand is not None:
            lint.condition(operand, scope)
    return "BOOLEAN"


def null_test(lint: Lint, node: exp.Is, scope: Scope) -> str:
    """Read is [not] null."""
    lint.type_of(node.this, scope)
    if not isinstance(node.expression, exp.Null):
        lint.refuse(node, f"{NOT_PROVEN}; is [not] null is")
    return "BOOLEAN"


def case(lint: Lint, node: exp.Case, scope: Scope) -> str:
    """Read case, with or without a subject."""
    subject = node.args.get("this")
    for branch in node.args["ifs"]:
        lint.arguments(branch, "this", "true")
        if subject is None:
            lint.condition(branch.this, scope)
        else:
            lint.comparable(node, lint.types_of((subject, branch.this), scope))
    values = [branch.args["true"] for branch in node.args["ifs"]]
    values += [node.args["default"]] if node.args.get("default") is not None else []
    return lint.same(node, lint.types_of(values, scope))


def coalesce(lint: Lint, node: exp.Coalesce, scope: Scope) -> str:
    """Read the first of several values that is not NULL."""
    return lint.same(node, lint.types_of((node.this, *node.expressions), scope))


def nullif(lint: Lint, node: exp.Nullif, scope: Scope) -> str:
    """Read a value that is NULL where it equals another."""
    kind, other = lint.types_of((node.this, node.expression), scope)
    lint.comparable(node, (kind, other))
    return kind


def number(lint: Lint, node: exp.Expr, scope: Scope) -> str:
    """Read the negative or absolute value of a number."""
    kind = lint.type_of(node.this, scope)
    if kind not in (*WHOLE, "DOUBLE", UNKNOWN):
        lint.refuse(node, f"calculates with {kind}")
    return kind


def joined(lint: Lint, node: exp.DPipe, scope: Scope) -> str:
    """Read a || b."""
    for kind in lint.types_of((node.left, node.right), scope):
        if kind not in ("VARCHAR", UNKNOWN):
            lint.refuse(node, f"joins {kind} to a text; write the cast")
    return "VARCHAR"


def hashed(lint: Lint, node: exp.Expr, scope: Scope) -> str:
    """Read the hash of a text."""
    if lint.type_of(node.this, scope) not in ("VARCHAR", UNKNOWN):
        lint.refuse(node, "hashes what is no text")
    return "VARCHAR"


def cast(lint: Lint, node: exp.Cast, scope: Scope) -> str:
    """Read a cast."""
    kind, wanted = lint.type_of(node.this, scope), _TYPES.get(node.to.sql())
    if wanted is None:
        lint.refuse(node, f"casts to {node.to.sql().lower()}, which is no type of the contracts")
        return UNKNOWN
    if wanted == "INTEGER" and isinstance(node.this, exp.Window) and isinstance(node.this.this, _NUMBERS_OF_ROWS):
        return wanted
    if kind not in (wanted, "NULL", UNKNOWN) and (kind, wanted) not in _CASTS:
        lint.refuse(node, f"casts {kind} to {wanted}: {CASTS.get((kind, wanted), NOT_PROVEN)}")
    return wanted
