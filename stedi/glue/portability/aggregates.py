"""Aggregates and windows: of doubles, of ties, of an order that is none."""

from __future__ import annotations

from sqlglot import exp

from stedi.glue.portability.lint import UNKNOWN, WHOLE, Lint, Scope, is_number, text_of

__all__ = ["count", "extreme", "filtered", "total", "window"]


def count(lint: Lint, node: exp.Count, scope: Scope) -> str:
    """Read a count: of rows, of values that are not NULL, of distinct ones."""
    counted = node.this
    if isinstance(counted, exp.Distinct):
        lint.arguments(counted, "expressions")
        if len(counted.expressions) != 1:
            lint.refuse(node, "counts combinations, of which those with a NULL count differently")
        lint.types_of(counted.expressions, scope)
    elif not isinstance(counted, exp.Star):
        lint.type_of(counted, scope)
    return "BIGINT"


def total(lint: Lint, node: exp.Sum, scope: Scope) -> str:
    """Read sum(x): of whole numbers a hugeint to DuckDB; of doubles refused."""
    kind = lint.type_of(node.this, scope)
    if kind == "DOUBLE":
        lint.refuse(node, "the sum of doubles depends on the order of the rows, and differs from run to run")
    elif kind not in (*WHOLE, UNKNOWN):
        lint.refuse(node, f"sums {kind}")
    return "HUGEINT"


def extreme(lint: Lint, node: exp.Min | exp.Max, scope: Scope) -> str:
    """Read min(x) or max(x)."""
    kind = lint.type_of(node.this, scope)
    if kind == "DOUBLE":
        lint.refuse(node, "-0.0 and 0.0 are the same, and which of them it gives differs")
    return kind


def filtered(lint: Lint, node: exp.Filter, scope: Scope) -> str:
    """Read an aggregate over the rows that fulfil a condition."""
    lint.condition(node.expression.this, scope)
    return lint.type_of(node.this, scope)


def window(lint: Lint, node: exp.Window, scope: Scope) -> str:
    """Read a window; one that picks or numbers rows must leave no ties."""
    function = node.this
    order = node.args.get("order")
    keys = [ordered.this for ordered in order.expressions] if order is not None else []
    for ordered in order.expressions if order is not None else ():
        lint.arguments(ordered, "this", "desc", "nulls_first", "with_fill")
    parts = [*(node.args.get("partition_by") or ()), *keys]
    lint.types_of(parts, scope)
    if isinstance(function, exp.RowNumber | exp.Lead | exp.Lag) and not _is_total(lint, parts):
        lint.refuse(node, "its order leaves ties, which every run breaks otherwise; order by a key too, or use rank")
    if isinstance(function, exp.RowNumber | exp.Rank | exp.DenseRank):
        if not keys:
            lint.refuse(node, "ranks rows without an order")
        lint.arguments(function)
        return "BIGINT"
    if isinstance(function, exp.Lead | exp.Lag):
        lint.arguments(function, "this", "offset")
        offset = function.args.get("offset")
        if offset is not None and not is_number(offset):
            lint.refuse(node, "Spark takes a number written out for how many rows away, and nothing else")
        return lint.type_of(function.this, scope)
    if not isinstance(function, exp.Count | exp.Sum | exp.Min | exp.Max):
        lint.unknown(function)
        return UNKNOWN
    if isinstance(function.this, exp.Distinct):
        lint.refuse(node, "Spark has no distinct in a window")
    return lint.type_of(function, scope)


def _is_total(lint: Lint, parts: list[exp.Expr]) -> bool:
    names = set(map(text_of, parts))
    if lint.grouped is not None:
        return set(lint.grouped) <= names
    return lint.facts.determines(names)
