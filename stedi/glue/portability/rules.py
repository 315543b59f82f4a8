"""Which rule reads which expression: what is in no row of this table is refused."""

from __future__ import annotations

from sqlglot import exp

from stedi.glue.portability import aggregates, queries, values
from stedi.glue.portability.lint import Rule

__all__ = ["RULES"]

_TWO = ("this", "expression")
RULES: dict[type[exp.Expr], Rule] = {
    exp.Column: Rule(values.column, ("this", "table")),
    exp.Literal: Rule(values.literal, ("this", "is_string")),
    exp.Null: Rule(lambda *_: "NULL"),
    exp.Boolean: Rule(lambda *_: "BOOLEAN"),
    exp.Paren: Rule(lambda lint, node, scope: lint.type_of(node.this, scope)),
    exp.Neg: Rule(values.number),
    exp.Abs: Rule(values.number),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul), Rule(values.arithmetic, _TWO)),
    **dict.fromkeys((exp.IntDiv, exp.Mod), Rule(values.whole, _TWO)),
    exp.Div: Rule(values.divided, _TWO),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), Rule(values.compared, _TWO)),
    **dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ), Rule(values.compared, _TWO)),
    exp.Between: Rule(values.compared, ("this", "low", "high")),
    exp.In: Rule(queries.is_in, ("this", "expressions", "query")),
    exp.Is: Rule(values.null_test, _TWO),
    **dict.fromkeys((exp.And, exp.Or), Rule(values.logical, _TWO)),
    exp.Not: Rule(values.logical),
    exp.Exists: Rule(queries.exists),
    exp.Subquery: Rule(queries.scalar),
    exp.Case: Rule(values.case, ("this", "ifs", "default")),
    exp.Coalesce: Rule(values.coalesce, ("this", "expressions")),
    exp.Nullif: Rule(values.nullif, _TWO),
    exp.DPipe: Rule(values.joined, (*_TWO, "safe")),
    exp.SHA2: Rule(values.hashed, ("this", "length")),
    exp.MD5: Rule(values.hashed),
    exp.Cast: Rule(values.cast, ("this", "to")),
    exp.Count: Rule(aggregates.count, ("this", "big_int")),
    exp.Sum: Rule(aggregates.total),
    **dict.fromkeys((exp.Min, exp.Max), Rule(aggregates.extreme)),
    exp.Filter: Rule(aggregates.filtered, _TWO),
    exp.Window: Rule(aggregates.window, ("this", "partition_by", "order", "over")),
}
