"""Queries: CTEs, sources, joins, what tells the rows of each apart, and where a query stands as a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp

from stedi.contracts import Table
from stedi.glue.portability.keys import Facts, Relation
from stedi.glue.portability.lint import UNKNOWN, Lint, Scope, text_of

__all__ = ["exists", "is_in", "result", "scalar"]


_JOINS = {(kind, "") for kind in ("", "INNER", "CROSS", "SEMI", "ANTI")}
_JOINS |= {(kind, side) for kind in ("", "OUTER") for side in ("LEFT", "RIGHT", "FULL")}

_JOIN_WORDS = frozenset(("anti", "cross", "except", "full", "inner", "intersect", "join", "lateral", "left", "minus"))
_JOIN_WORDS |= {"natural", "on", "right", "semi", "union", "using"}
"""What Spark does not take as the alias of a source, whether it is one to DuckDB or not."""


def result(lint: Lint, query: exp.Query, table: Table) -> None:
    """Check the query that makes a table: its columns are those of the contract, each with a cast."""
    _ctes(lint, query)
    relation = _query(lint, query, None)
    select = query
    while isinstance(select, exp.SetOperation):
        select = select.left
    if lint.problems or not isinstance(select, exp.Select):
        return
    for column, projection in zip(table.columns, select.expressions, strict=False):
        if projection.alias != column.name or not isinstance(projection.unalias(), exp.Cast):
            lint.refuse(projection, f"column {column.name} of the contract is not written cast(...) as {column.name}")
        elif relation.columns[column.name.lower()] != column.type:
            lint.refuse(projection, f"{column.name} is not {column.type}, as the contract says")
    if len(select.expressions) != len(table.columns):
        lint.refuse(select, f"has {len(select.expressions)} columns, the contract {len(table.columns)}")


def _ctes(lint: Lint, query: exp.Query) -> None:
    with_ = query.args.get("with_")
    if with_ is None:
        return
    lint.arguments(with_, "expressions")
    for cte in with_.expressions:
        lint.arguments(cte, "this", "alias")
        name = cte.alias.lower()
        if name in lint.named:
            lint.refuse(cte, f"{name} is a table or CTE already, and which of the two is meant differs")
        lint.named[name] = _query(lint, cte.this, None)


def _query(lint: Lint, node: exp.Expr, outer: Scope | None) -> Relation:
    if isinstance(node, exp.Subquery):
        lint.arguments(node, "this", "alias")
        return _query(lint, node.this, outer)
    if isinstance(node, exp.Select):
        return _select(lint, node, outer)
    if isinstance(node, exp.Union | exp.Except | exp.Intersect):
        return _set_operation(lint, node, outer)
    lint.unknown(node)
    return Relation({})


def _set_operation(lint: Lint, node: exp.SetOperation, outer: Scope | None) -> Relation:
    lint.arguments(node, "this", "expression", "distinct", *(("with_",) if node.parent is None else ()))
    left, right = _query(lint, node.this, outer), _query(lint, node.expression, outer)
    if len(left.columns) != len(right.columns):
        lint.refuse(node, "the two queries have different numbers of columns")
    columns = {
        name: lint.same(node, (kind, other))
        for (name, kind), other in zip(left.columns.items(), right.columns.values(), strict=False)
    }
    is_all = isinstance(node, exp.Union) and not node.args.get("distinct")
    if not is_all and "DOUBLE" in columns.values():
        lint.refuse(node, "which of -0.0 and 0.0 stays differs; compare no doubles")
    keys = {frozenset(columns)} if node.args.get("distinct") else set()
    return Relation(columns, frozenset(keys))


def _select(lint: Lint, node: exp.Select, outer: Scope | None) -> Relation:
    allowed = ("expressions", "from_", "joins", "where", "group", "having", "distinct")
    lint.arguments(node, *allowed, *(("with_",) if node.parent is None else ()))
    before = lint.facts, lint.grouped
    lint.facts, lint.grouped = Facts(), None
    scope = _sources(lint, node, outer)
    if (where := node.args.get("where")) is not None:
        lint.condition(where.this, scope)
        _learn(lint, where.this)
    if (group := node.args.get("group")) is not None:
        _group(lint, group, scope)
    if (having := node.args.get("having")) is not None:
        lint.condition(having.this, scope)
    relation = _projected(lint, node, scope)
    lint.facts, lint.grouped = before
    return relation


def _group(lint: Lint, group: exp.Group, scope: Scope) -> None:
    lint.arguments(group, "expressions")
    for expression in group.expressions:
        if isinstance(expression, exp.Literal):
            lint.refuse(expression, "group by a number of a column: write the column")
        elif lint.type_of(expression, scope) == "DOUBLE":
            lint.refuse(expression, "-0.0 and 0.0 are one group, and which of them stands for it differs")
    lint.grouped = tuple(map(text_of, group.expressions))


def _projected(lint: Lint, node: exp.Select, scope: Scope) -> Relation:
    columns: dict[str, str] = {}
    inside = isinstance(node.parent, exp.Exists | exp.Subquery | exp.In)
    for number, projection in enumerate(node.expressions):
        expression = projection.unalias()
        name = projection.alias_or_name.lower() or str(number)
        if not inside and not projection.alias and not isinstance(expression, exp.Column):
            lint.refuse(projection, "has no name: the two make up different ones")
        if name in columns:
            lint.refuse(projection, f"{name} is there twice")
        columns[name] = lint.type_of(expression, scope)
    distinct = node.args.get("distinct")
    if distinct is not None:
        lint.arguments(distinct)
        if "DOUBLE" in columns.values():
            lint.refuse(node, "-0.0 and 0.0 are the same, and which of them stays differs; select distinct no doubles")
    return Relation(columns, frozenset(_keys(lint, node, columns)))


def _keys(lint: Lint, node: exp.Select, columns: Mapping[str, str]) -> Iterator[frozenset[str]]:
    """Yield what tells the rows of a SELECT apart, in its own columns."""
    if node.args.get("distinct") is not None:
        yield frozenset(columns)
    names = {text_of(p.unalias()): p.alias_or_name.lower() for p in node.expressions}
    if lint.grouped is not None:
        if all(expression in names for expression in lint.grouped):
            yield frozenset(names[expression] for expression in lint.grouped)
    elif any(p.find(exp.AggFunc) and not p.find(exp.Window) for p in node.expressions):
        yield frozenset()
    else:
        for key in lint.facts.found():
            if key <= names.keys():
                yield frozenset(names[column] for column in key)
    for projection in node.expressions:
        window = projection.unalias()
        if isinstance(window, exp.Window) and isinstance(window.this, exp.RowNumber):
            parts = [text_of(part) for part in window.args.get("partition_by") or ()]
            if all(part in names for part in parts):
                yield frozenset({projection.alias_or_name.lower(), *(names[part] for part in parts)})


# sources


def _sources(lint: Lint, node: exp.Select, outer: Scope | None) -> Scope:
    sources: dict[str, Relation] = {}
    scope = Scope(sources, outer)
    from_ = node.args.get("from_")
    if from_ is None:
        return scope
    _add(lint, from_.this, sources, outer)
    for join in node.args.get("joins") or ():
        _join(lint, join, sources, scope)
    return scope


def _join(lint: Lint, join: exp.Join, sources: dict[str, Relation], scope: Scope) -> None:
    lint.arguments(join, "this", "kind", "side", "on")
    kind, side, on = join.kind.upper(), join.side.upper(), join.args.get("on")
    if (kind == "CROSS") == (on is not None):
        lint.refuse(join, "write cross join, or what is joined on")
    if (kind, side) not in _JOINS:
        lint.unknown(join)
    alias = _add(lint, join.this, sources, scope.outer)
    if on is not None:
        lint.condition(on, scope)
    if side:
        lint.facts.whole = False
    elif kind in ("SEMI", "ANTI"):
        lint.facts.sources.pop(alias, None)
        sources[alias] = Relation({})
    elif on is not None:
        _learn(lint, on)


def _add(lint: Lint, node: exp.Expr, sources: dict[str, Relation], outer: Scope | None) -> str:
    """Add a source to a scope and return its alias."""
    alias, relation = node.alias_or_name.lower(), Relation({})
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        lint.arguments(node, "this", "alias")
        if node.args.get("alias"):
            lint.arguments(node.args["alias"], "this")
        if node.name.lower() in lint.named:
            relation = lint.named[node.name.lower()]
        else:
            lint.refuse(node, f"{node.name} is no table of the lakehouse")
    elif isinstance(node, exp.Values):
        relation = _values(lint, node)
    elif isinstance(node, exp.Subquery) and node.alias:
        relation = _query(lint, node, outer)
    else:
        lint.unknown(node.this if isinstance(node, exp.Table) else node)
    if alias in _JOIN_WORDS:
        lint.refuse(node, f"{alias} is a word of joins to Spark, and no alias")
    if alias in sources:
        lint.refuse(node, f"{alias} is there twice")
    sources[alias] = lint.facts.sources[alias] = relation
    return alias


def _values(lint: Lint, node: exp.Values) -> Relation:
    lint.arguments(node, "expressions", "alias")
    names = [identifier.name.lower() for identifier in node.args["alias"].columns] if node.alias else []
    rows = [row.expressions for row in node.expressions if isinstance(row, exp.Tuple)]
    if not names or any(len(row) != len(names) for row in rows) or node.find(exp.Query):
        lint.refuse(node, "write values (...) as name (columns), with what is written out")
        return Relation({})
    kinds = [lint.same(node, [lint.type_of(row[at], Scope({})) for row in rows]) for at in range(len(names))]
    return Relation(dict(zip(names, kinds, strict=True)))


def _learn(lint: Lint, condition: exp.Expr) -> None:
    """Note what a condition that every row fulfils says about equal and constant columns."""
    if isinstance(condition, exp.Paren):
        _learn(lint, condition.this)
    elif isinstance(condition, exp.And):
        _learn(lint, condition.left)
        _learn(lint, condition.right)
    elif isinstance(condition, exp.EQ):
        left, right = text_of(condition.left), text_of(condition.right)
        columns = [isinstance(side, exp.Column) for side in (condition.left, condition.right)]
        if all(columns):
            lint.facts.equal.append((left, right))
        elif columns[0] and isinstance(condition.right, exp.Literal):
            lint.facts.constant.add(left)


# queries in the place of values


def is_in(lint: Lint, node: exp.In, scope: Scope) -> str:
    """Read x in (a, b) or x in (select ...)."""
    kinds = lint.types_of((node.this, *node.expressions), scope)
    if (query := node.args.get("query")) is not None:
        if not _is_filter(node):
            lint.refuse(
                node,
                "where it would be NULL Spark says false, except as a filter: have it in where, alone or in its and",
            )
        relation = _query(lint, query, None)
        if len(relation.columns) != 1:
            lint.refuse(node, "the query after in has more than one column")
        kinds += relation.columns.values()
    return lint.comparable(node, kinds)


def _is_filter(node: exp.Expr) -> bool:
    """Return whether a condition, or its negation, is one that every row must fulfil."""
    above = node.parent.parent if isinstance(node.parent, exp.Not) else node.parent
    while isinstance(above, exp.And | exp.Paren):
        above = above.parent
    return isinstance(above, exp.Where)


def exists(lint: Lint, node: exp.Exists, scope: Scope) -> str:
    """Read exists (select ...), the one query that may name columns of the row it stands beside."""
    if node.find(exp.AggFunc):
        lint.refuse(node, "an aggregate over no rows is a row to one and may be none to the other")
    _query(lint, node.this, scope)
    return "BOOLEAN"


def scalar(lint: Lint, node: exp.Subquery, scope: Scope) -> str:
    """Read a query in the place of a value; of which row it is asked it does not know."""
    relation = _query(lint, node.this, None)
    if frozenset() not in relation.keys or len(relation.columns) != 1:
        lint.refuse(node, "a query in the place of a value must have one row and column: an aggregate without group by")
    return next(iter(relation.columns.values()), UNKNOWN)
