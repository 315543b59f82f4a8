"""The portability lint: SQL of a zone that Spark would read differently than DuckDB, or not at all, is refused.

It allows what is proven to mean the same, construct by construct and with the types it is used on, and refuses
everything else. tests/glue/test_portability.py lists what is allowed and what is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from stedi.contracts import TABLES, Table
from stedi.errors import Refused
from stedi.glue.keys import Facts, Relation
from stedi.glue.traps import ARGUMENTS, CASTS, FUNCTIONS, NODES
from stedi.stages import PARAMETERS, RUN_PARAMETERS, SqlFile

__all__ = ["NotPortable", "check", "problems"]

_NOT_PROVEN = "is not proven to mean the same on Spark"
_UNKNOWN = "UNKNOWN"
"""The type of what was refused: nothing more is said about it."""

_WHOLE = ("INTEGER", "BIGINT")
_COUNTED = (*_WHOLE, "HUGEINT")
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

_TYPES = {"TEXT": "VARCHAR", "VARCHAR": "VARCHAR", "BIGINT": "BIGINT", "INT": "INTEGER", "DOUBLE": "DOUBLE"}


class NotPortable(Refused):
    """SQL that Spark would read differently: exit 1. `problems` are `file:line: reason`."""


def check(stage: SqlFile) -> exp.Query:
    """Return the query of a stage, parsed; NotPortable where Spark would read something of it differently."""
    query, found = _read(stage.sql, TABLES[stage.name])
    if found or query is None:
        file = f"stedi/{stage.path.parent.parent.name}/{stage.path.parent.name}/{stage.path.name}"
        raise NotPortable(
            f"{stage.name}: Spark would not read its SQL as DuckDB does",
            problems=[f"{file}:{line}: {reason}" for line, reason in found],
            fix="write it with what both read the same way; tests/glue/test_portability.py lists that",
        )
    return query


def problems(sql: str, table: Table) -> list[tuple[int, str]]:
    """Return the line and the reason of everything that is refused in the SQL of a table."""
    return _read(sql, table)[1]


def _read(sql: str, table: Table) -> tuple[exp.Query | None, list[tuple[int, str]]]:
    try:
        statements = sqlglot.parse(sql, dialect="duckdb")
    except SqlglotError as error:
        known = getattr(error, "errors", None) or [{}]
        return None, [(known[0].get("line") or 1, f"cannot be parsed: {known[0].get('description', 'what is this?')}")]
    query = statements[0]
    if len(statements) != 1 or not isinstance(query, exp.Query):
        return None, [(1, "is not one query")]
    lint = _Lint()
    lint.result(query, table)
    return query, sorted(set(lint.problems))


@dataclass(frozen=True)
class _Scope:
    """What an expression may name: the sources of its SELECT, then those of the queries around it."""

    sources: Mapping[str, Relation]
    outer: _Scope | None = None

    def column(self, alias: str, name: str) -> str | None:
        """Return the type of a column; None where there is none."""
        if alias in self.sources:
            return self.sources[alias].columns.get(name)
        return self.outer.column(alias, name) if self.outer else None


class _Lint:
    """One walk through a query; collects (line, reason) in `problems`."""

    def __init__(self) -> None:
        self.problems: list[tuple[int, str]] = []
        self._named: dict[str, Relation] = {
            **{name: Relation({c.name.lower(): c.type for c in table.columns}) for name, table in TABLES.items()},
            RUN_PARAMETERS: Relation(PARAMETERS, frozenset({frozenset()})),
        }
        self._facts = Facts()
        self._grouped: tuple[str, ...] | None = None

    # queries

    def result(self, query: exp.Query, table: Table) -> None:
        """Check the query that makes a table: its columns are those of the contract, each with a cast."""
        self._ctes(query)
        relation = self._query(query, None)
        select = query
        while isinstance(select, exp.SetOperation):
            select = select.left
        if self.problems or not isinstance(select, exp.Select):
            return
        for column, projection in zip(table.columns, select.expressions, strict=False):
            if projection.alias != column.name or not isinstance(projection.unalias(), exp.Cast):
                self._refuse(
                    projection, f"column {column.name} of the contract is not written cast(...) as {column.name}"
                )
            elif relation.columns[column.name.lower()] != column.type:
                self._refuse(projection, f"{column.name} is not {column.type}, as the contract says")
        if len(select.expressions) != len(table.columns):
            self._refuse(select, f"has {len(select.expressions)} columns, the contract {len(table.columns)}")

    def _ctes(self, query: exp.Query) -> None:
        with_ = query.args.get("with_")
        if with_ is None:
            return
        self._arguments(with_, "expressions")
        for cte in with_.expressions:
            self._arguments(cte, "this", "alias")
            name = cte.alias.lower()
            if name in self._named:
                self._refuse(cte, f"{name} is a table or CTE already, and which of the two is meant differs")
            self._named[name] = self._query(cte.this, None)

    def _query(self, node: exp.Expr, outer: _Scope | None) -> Relation:
        if isinstance(node, exp.Subquery):
            self._arguments(node, "this", "alias")
            return self._query(node.this, outer)
        if isinstance(node, exp.Select):
            return self._select(node, outer)
        if isinstance(node, exp.Union | exp.Except | exp.Intersect):
            return self._set_operation(node, outer)
        self._unknown(node)
        return Relation({})

    def _set_operation(self, node: exp.SetOperation, outer: _Scope | None) -> Relation:
        self._arguments(node, "this", "expression", "distinct", *(("with_",) if node.parent is None else ()))
        left, right = self._query(node.this, outer), self._query(node.expression, outer)
        if len(left.columns) != len(right.columns):
            self._refuse(node, "the two queries have different numbers of columns")
        columns = {
            name: self._same(node, (kind, other))
            for (name, kind), other in zip(left.columns.items(), right.columns.values(), strict=False)
        }
        is_all = isinstance(node, exp.Union) and not node.args.get("distinct")
        if not is_all and "DOUBLE" in columns.values():
            self._refuse(node, "which of -0.0 and 0.0 stays differs; compare no doubles")
        keys = {frozenset(columns)} if node.args.get("distinct") else set()
        return Relation(columns, frozenset(keys))

    def _select(self, node: exp.Select, outer: _Scope | None) -> Relation:
        allowed = ("expressions", "from_", "joins", "where", "group", "having", "distinct")
        self._arguments(node, *allowed, *(("with_",) if node.parent is None else ()))
        before = self._facts, self._grouped
        self._facts, self._grouped = Facts(), None
        scope = self._sources(node, outer)
        if (where := node.args.get("where")) is not None:
            self._condition(where.this, scope)
            self._learn(where.this)
        if (group := node.args.get("group")) is not None:
            self._group(group, scope)
        if (having := node.args.get("having")) is not None:
            self._condition(having.this, scope)
        relation = self._projected(node, scope)
        self._facts, self._grouped = before
        return relation

    def _group(self, group: exp.Group, scope: _Scope) -> None:
        self._arguments(group, "expressions")
        for expression in group.expressions:
            if isinstance(expression, exp.Literal):
                self._refuse(expression, "group by a number of a column: write the column")
            elif self._type(expression, scope) == "DOUBLE":
                self._refuse(expression, "-0.0 and 0.0 are one group, and which of them stands for it differs")
        self._grouped = tuple(map(_text, group.expressions))

    def _projected(self, node: exp.Select, scope: _Scope) -> Relation:
        columns: dict[str, str] = {}
        inside = isinstance(node.parent, exp.Exists | exp.Subquery | exp.In)
        for number, projection in enumerate(node.expressions):
            expression = projection.unalias()
            name = projection.alias_or_name.lower() or str(number)
            if not inside and not projection.alias and not isinstance(expression, exp.Column):
                self._refuse(projection, "has no name: the two make up different ones")
            if name in columns:
                self._refuse(projection, f"{name} is there twice")
            columns[name] = self._type(expression, scope)
        distinct = node.args.get("distinct")
        if distinct is not None:
            self._arguments(distinct)
            if "DOUBLE" in columns.values():
                self._refuse(
                    node, "-0.0 and 0.0 are the same, and which of them stays differs; select distinct no doubles"
                )
        return Relation(columns, frozenset(self._keys(node, columns)))

    def _keys(self, node: exp.Select, columns: Mapping[str, str]) -> Iterator[frozenset[str]]:
        """Yield what tells the rows of a SELECT apart, in its own columns."""
        if node.args.get("distinct") is not None:
            yield frozenset(columns)
        names = {_text(p.unalias()): p.alias_or_name.lower() for p in node.expressions}
        if self._grouped is not None:
            if all(expression in names for expression in self._grouped):
                yield frozenset(names[expression] for expression in self._grouped)
        elif any(p.find(exp.AggFunc) and not p.find(exp.Window) for p in node.expressions):
            yield frozenset()
        else:
            for key in self._facts.found():
                if key <= names.keys():
                    yield frozenset(names[column] for column in key)
        for projection in node.expressions:
            window = projection.unalias()
            if isinstance(window, exp.Window) and isinstance(window.this, exp.RowNumber):
                parts = [_text(part) for part in window.args.get("partition_by") or ()]
                if all(part in names for part in parts):
                    yield frozenset({projection.alias_or_name.lower(), *(names[part] for part in parts)})

    # sources

    def _sources(self, node: exp.Select, outer: _Scope | None) -> _Scope:
        sources: dict[str, Relation] = {}
        scope = _Scope(sources, outer)
        from_ = node.args.get("from_")
        if from_ is None:
            return scope
        self._add(from_.this, sources, outer)
        for join in node.args.get("joins") or ():
            self._join(join, sources, scope)
        return scope

    def _join(self, join: exp.Join, sources: dict[str, Relation], scope: _Scope) -> None:
        self._arguments(join, "this", "kind", "side", "on")
        kind, side, on = join.kind.upper(), join.side.upper(), join.args.get("on")
        if (kind == "CROSS") == (on is not None):
            self._refuse(join, "write cross join, or what is joined on")
        if kind not in ("INNER", "CROSS", "SEMI", "ANTI", "OUTER", "") or side not in ("", "LEFT", "RIGHT", "FULL"):
            self._unknown(join)
        alias = self._add(join.this, sources, scope.outer)
        if on is not None:
            self._condition(on, scope)
        if side:
            self._facts.whole = False
        elif kind in ("SEMI", "ANTI"):
            self._facts.sources.pop(alias, None)
            sources[alias] = Relation({})
        elif on is not None:
            self._learn(on)

    def _add(self, node: exp.Expr, sources: dict[str, Relation], outer: _Scope | None) -> str:
        """Add a source to a scope and return its alias."""
        alias, relation = node.alias_or_name.lower(), Relation({})
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            self._arguments(node, "this", "alias")
            if node.args.get("alias"):
                self._arguments(node.args["alias"], "this")
            if node.name.lower() in self._named:
                relation = self._named[node.name.lower()]
            else:
                self._refuse(node, f"{node.name} is no table of the lakehouse")
        elif isinstance(node, exp.Values):
            relation = self._values(node)
        elif isinstance(node, exp.Subquery) and node.alias:
            relation = self._query(node, outer)
        else:
            self._unknown(node.this if isinstance(node, exp.Table) else node)
        if alias in sources:
            self._refuse(node, f"{alias} is there twice")
        sources[alias] = self._facts.sources[alias] = relation
        return alias

    def _values(self, node: exp.Values) -> Relation:
        self._arguments(node, "expressions", "alias")
        names = [identifier.name.lower() for identifier in node.args["alias"].columns] if node.alias else []
        rows = [row.expressions for row in node.expressions if isinstance(row, exp.Tuple)]
        if not names or any(len(row) != len(names) for row in rows):
            self._refuse(node, "write values (...) as name (columns)")
            return Relation({})
        kinds = [self._same(node, [self._type(row[at], _Scope({})) for row in rows]) for at in range(len(names))]
        return Relation(dict(zip(names, kinds, strict=True)))

    def _learn(self, condition: exp.Expr) -> None:
        """Note what a condition that every row fulfils says about equal and constant columns."""
        if isinstance(condition, exp.Paren):
            self._learn(condition.this)
        elif isinstance(condition, exp.And):
            self._learn(condition.left)
            self._learn(condition.right)
        elif isinstance(condition, exp.EQ):
            left, right = _text(condition.left), _text(condition.right)
            columns = [isinstance(side, exp.Column) for side in (condition.left, condition.right)]
            if all(columns):
                self._facts.equal.append((left, right))
            elif columns[0] and isinstance(condition.right, exp.Literal):
                self._facts.constant.add(left)

    # expressions

    def _condition(self, node: exp.Expr, scope: _Scope) -> None:
        if self._type(node, scope) not in ("BOOLEAN", _UNKNOWN):
            self._refuse(node, "is no condition: Spark does not take numbers and texts for one")

    def _type(self, node: exp.Expr, scope: _Scope) -> str:
        """Return the type of an expression, and refuse what is not proven to mean the same."""
        rule = _RULES.get(type(node))
        if rule is None:
            self._unknown(node)
            return _UNKNOWN
        self._arguments(node, *rule.arguments)
        return rule.read(self, node, scope)

    def _types(self, nodes: Iterable[exp.Expr], scope: _Scope) -> list[str]:
        """Return the types of several expressions; a number written out is a double among doubles, to both engines."""
        nodes = list(nodes)
        kinds = [self._type(node, scope) for node in nodes]
        if "DOUBLE" not in kinds:
            return kinds
        return [
            "DOUBLE" if _is_number(node) or _is_number(node.this) else kind
            for node, kind in zip(nodes, kinds, strict=True)
        ]

    def _same(self, node: exp.Expr, kinds: Iterable[str]) -> str:
        """Return the one type of several values; refuse where an engine would have to cast one of them."""
        found = set(kinds) - {"NULL"}
        if _UNKNOWN in found:
            return _UNKNOWN
        if found <= set(_WHOLE) and len(found) > 1:
            return "BIGINT"
        if len(found) > 1:
            self._refuse(node, f"mixes {' and '.join(sorted(found))}, and the two cast differently; write the cast")
            return _UNKNOWN
        return found.pop() if found else "NULL"

    def _comparable(self, node: exp.Expr, kinds: Iterable[str]) -> str:
        self._same(node, ["BIGINT" if kind in _COUNTED else kind for kind in kinds])
        return "BOOLEAN"

    def _column(self, node: exp.Column, scope: _Scope) -> str:
        if not node.table:
            self._refuse(
                node,
                f"{node.name} may be an alias or, as user, a function: write whose column it is, t.{node.name}",
            )
            return _UNKNOWN
        kind = scope.column(node.table.lower(), node.name.lower())
        if kind is None:
            self._refuse(node, f"there is no {node.table}.{node.name} here")
        return kind or _UNKNOWN

    def _literal(self, node: exp.Literal, scope: _Scope) -> str:
        if node.is_string:
            return "VARCHAR"
        if _INTEGER.fullmatch(node.name):
            return "INTEGER" if int(node.name) <= _INTEGER_MAX else "BIGINT"
        if _DECIMAL.fullmatch(node.name) and isinstance(node.parent, exp.Cast):
            return "DECIMAL"
        self._refuse(
            node, f"{node.name}: a decimal to one and a double to the other; write cast({node.name} as double)"
        )
        return _UNKNOWN

    def _arithmetic(self, node: exp.Binary, scope: _Scope) -> str:
        kind = self._same(node, self._types((node.left, node.right), scope))
        if kind not in (*_WHOLE, "DOUBLE", _UNKNOWN):
            self._refuse(node, f"calculates with {kind}, and the two cast or widen it differently")
            return _UNKNOWN
        return kind

    def _whole(self, node: exp.Binary, scope: _Scope) -> str:
        kind = self._same(node, self._types((node.left, node.right), scope))
        if kind not in (*_WHOLE, _UNKNOWN):
            self._refuse(node, f"divides {kind}, whole numbers only are proven to mean the same on Spark")
            return _UNKNOWN
        return kind

    def _divided(self, node: exp.Div, scope: _Scope) -> str:
        left, right = self._types((node.left, node.right), scope)
        if left not in ("DOUBLE", _UNKNOWN):
            self._refuse(
                node, "divides whole numbers or decimals, of which the types differ; write cast(... as double) /"
            )
        if right not in (*_WHOLE, "DOUBLE", _UNKNOWN):
            self._refuse(node, f"divides by {right}")
        divisor = node.right.unnest()
        if not isinstance(divisor, exp.Nullif) and not (isinstance(divisor, exp.Literal) and float(divisor.name)):
            self._refuse(node, "x / 0 is infinite to DuckDB and an error to Spark; write / nullif(..., 0)")
        return "DOUBLE"

    def _compared(self, node: exp.Expr, scope: _Scope) -> str:
        operands = [value for key, value in node.args.items() if key in ("this", "expression", "low", "high")]
        return self._comparable(node, self._types(operands, scope))

    def _logical(self, node: exp.Expr, scope: _Scope) -> str:
        for operand in (node.this, node.args.get("expression")):
            if operand is not None:
                self._condition(operand, scope)
        return "BOOLEAN"

    def _is(self, node: exp.Is, scope: _Scope) -> str:
        self._type(node.this, scope)
        if not isinstance(node.expression, exp.Null):
            self._refuse(node, f"{_NOT_PROVEN}; is [not] null is")
        return "BOOLEAN"

    def _in(self, node: exp.In, scope: _Scope) -> str:
        kinds = self._types((node.this, *node.expressions), scope)
        if (query := node.args.get("query")) is not None:
            relation = self._query(query, scope)
            if len(relation.columns) != 1:
                self._refuse(node, "the query after in has more than one column")
            kinds += relation.columns.values()
        return self._comparable(node, kinds)

    def _exists(self, node: exp.Exists, scope: _Scope) -> str:
        self._query(node.this, scope)
        return "BOOLEAN"

    def _scalar(self, node: exp.Subquery, scope: _Scope) -> str:
        relation = self._query(node.this, scope)
        if frozenset() not in relation.keys or len(relation.columns) != 1:
            self._refuse(
                node, "a query in the place of a value must have one row and column: an aggregate without group by"
            )
        return next(iter(relation.columns.values()), _UNKNOWN)

    def _case(self, node: exp.Case, scope: _Scope) -> str:
        subject = node.args.get("this")
        for branch in node.args["ifs"]:
            self._arguments(branch, "this", "true")
            if subject is None:
                self._condition(branch.this, scope)
            else:
                self._comparable(node, self._types((subject, branch.this), scope))
        values = [branch.args["true"] for branch in node.args["ifs"]]
        values += [node.args["default"]] if node.args.get("default") is not None else []
        return self._same(node, self._types(values, scope))

    def _coalesce(self, node: exp.Coalesce, scope: _Scope) -> str:
        return self._same(node, self._types((node.this, *node.expressions), scope))

    def _nullif(self, node: exp.Nullif, scope: _Scope) -> str:
        kind, other = self._types((node.this, node.expression), scope)
        self._comparable(node, (kind, other))
        return kind

    def _number(self, node: exp.Expr, scope: _Scope) -> str:
        kind = self._type(node.this, scope)
        if kind not in (*_WHOLE, "DOUBLE", _UNKNOWN):
            self._refuse(node, f"calculates with {kind}")
        return kind

    def _joined(self, node: exp.DPipe, scope: _Scope) -> str:
        for kind in self._types((node.left, node.right), scope):
            if kind not in ("VARCHAR", _UNKNOWN):
                self._refuse(node, f"joins {kind} to a text; write the cast")
        return "VARCHAR"

    def _hash(self, node: exp.Expr, scope: _Scope) -> str:
        if self._type(node.this, scope) not in ("VARCHAR", _UNKNOWN):
            self._refuse(node, "hashes what is no text")
        return "VARCHAR"

    def _cast(self, node: exp.Cast, scope: _Scope) -> str:
        kind, wanted = self._type(node.this, scope), _TYPES.get(node.to.sql())
        if wanted is None:
            self._refuse(node, f"casts to {node.to.sql().lower()}, which is no type of the contracts")
            return _UNKNOWN
        if kind not in (wanted, "NULL", _UNKNOWN) and (kind, wanted) not in _CASTS:
            self._refuse(node, f"casts {kind} to {wanted}: {CASTS.get((kind, wanted), _NOT_PROVEN)}")
        return wanted

    # aggregates and windows

    def _count(self, node: exp.Count, scope: _Scope) -> str:
        counted = node.this
        if isinstance(counted, exp.Distinct):
            self._arguments(counted, "expressions")
            if len(counted.expressions) != 1:
                self._refuse(node, "counts combinations, of which those with a NULL count differently")
            self._types(counted.expressions, scope)
        elif not isinstance(counted, exp.Star):
            self._type(counted, scope)
        return "BIGINT"

    def _sum(self, node: exp.Sum, scope: _Scope) -> str:
        kind = self._type(node.this, scope)
        if kind == "DOUBLE":
            self._refuse(node, "the sum of doubles depends on the order of the rows, and differs from run to run")
        elif kind not in (*_WHOLE, _UNKNOWN):
            self._refuse(node, f"sums {kind}")
        return "HUGEINT"

    def _extreme(self, node: exp.Min | exp.Max, scope: _Scope) -> str:
        kind = self._type(node.this, scope)
        if kind == "DOUBLE":
            self._refuse(node, "-0.0 and 0.0 are the same, and which of them it gives differs")
        return kind

    def _filter(self, node: exp.Filter, scope: _Scope) -> str:
        self._condition(node.expression.this, scope)
        return self._type(node.this, scope)

    def _window(self, node: exp.Window, scope: _Scope) -> str:
        function = node.this
        order = node.args.get("order")
        keys = [ordered.this for ordered in order.expressions] if order is not None else []
        for ordered in order.expressions if order is not None else ():
            self._arguments(ordered, "this", "desc", "nulls_first", "with_fill")
        parts = [*(node.args.get("partition_by") or ()), *keys]
        self._types(parts, scope)
        if isinstance(function, exp.RowNumber | exp.Lead | exp.Lag) and not self._is_total(parts):
            self._refuse(
                node, "its order leaves ties, which every run breaks otherwise; order by a key too, or use rank"
            )
        if isinstance(function, exp.RowNumber | exp.Rank | exp.DenseRank):
            if not keys:
                self._refuse(node, "ranks rows without an order")
            self._arguments(function)
            return "BIGINT"
        if isinstance(function, exp.Lead | exp.Lag):
            self._arguments(function, "this", "offset")
            return self._type(function.this, scope)
        if not isinstance(function, exp.Count | exp.Sum | exp.Min | exp.Max):
            self._unknown(function)
            return _UNKNOWN
        return self._type(function, scope)

    def _is_total(self, parts: list[exp.Expr]) -> bool:
        names = set(map(_text, parts))
        if self._grouped is not None:
            return set(self._grouped) <= names
        return self._facts.determines(names)

    # refusals

    def _arguments(self, node: exp.Expr, *allowed: str) -> None:
        """Refuse the parts of a node that are not allowed."""
        for name, value in node.args.items():
            if name not in allowed and value not in (None, False, [], ""):
                why = ARGUMENTS.get((type(node).__name__, name.rstrip("_")), _NOT_PROVEN)
                self._refuse(node, f"{type(node).__name__.lower()} with {name.rstrip('_')}: {why}")

    def _unknown(self, node: exp.Expr) -> None:
        name = node.name.lower() if isinstance(node, exp.Anonymous) else type(node).__name__
        why = FUNCTIONS.get(name) or NODES.get(name)
        self._refuse(node, f"{node.sql('duckdb')[:60]}: {why}" if why else f"{node.sql('duckdb')[:60]} {_NOT_PROVEN}")

    def _refuse(self, node: exp.Expr, reason: str) -> None:
        self.problems.append((_line(node), reason))


def _text(node: exp.Expr) -> str:
    """Return what tells an expression from others; a column is `alias.column`."""
    return f"{node.table}.{node.name}".lower() if isinstance(node, exp.Column) else node.sql().lower()


def _is_number(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string


def _line(node: exp.Expr) -> int:
    """Return the line of the file a node stands in: the parser notes it for names only."""
    lines = [part.meta["line"] for part in node.walk() if "line" in part.meta]
    if lines:
        return int(min(lines))
    return _line(node.parent) if node.parent is not None else 1


@dataclass(frozen=True)
class _Rule:
    """How an expression is read: the parts it may have, and what gives its type."""

    read: Callable[[_Lint, Any, _Scope], str]
    arguments: tuple[str, ...] = ("this",)


_TWO = ("this", "expression")
_RULES: dict[type[exp.Expr], _Rule] = {
    exp.Column: _Rule(_Lint._column, ("this", "table")),
    exp.Literal: _Rule(_Lint._literal, ("this", "is_string")),
    exp.Null: _Rule(lambda *_: "NULL"),
    exp.Boolean: _Rule(lambda *_: "BOOLEAN"),
    exp.Paren: _Rule(lambda lint, node, scope: lint._type(node.this, scope)),
    exp.Neg: _Rule(_Lint._number),
    exp.Abs: _Rule(_Lint._number),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul), _Rule(_Lint._arithmetic, _TWO)),
    **dict.fromkeys((exp.IntDiv, exp.Mod), _Rule(_Lint._whole, _TWO)),
    exp.Div: _Rule(_Lint._divided, _TWO),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _Rule(_Lint._compared, _TWO)),
    **dict.fromkeys((exp.NullSafeEQ, exp.NullSafeNEQ), _Rule(_Lint._compared, _TWO)),
    exp.Between: _Rule(_Lint._compared, ("this", "low", "high")),
    exp.In: _Rule(_Lint._in, ("this", "expressions", "query")),
    exp.Is: _Rule(_Lint._is, _TWO),
    **dict.fromkeys((exp.And, exp.Or), _Rule(_Lint._logical, _TWO)),
    exp.Not: _Rule(_Lint._logical),
    exp.Exists: _Rule(_Lint._exists),
    exp.Subquery: _Rule(_Lint._scalar),
    exp.Case: _Rule(_Lint._case, ("this", "ifs", "default")),
    exp.Coalesce: _Rule(_Lint._coalesce, ("this", "expressions")),
    exp.Nullif: _Rule(_Lint._nullif, _TWO),
    exp.DPipe: _Rule(_Lint._joined, (*_TWO, "safe")),
    exp.SHA2: _Rule(_Lint._hash, ("this", "length")),
    exp.MD5: _Rule(_Lint._hash),
    exp.Cast: _Rule(_Lint._cast, ("this", "to")),
    exp.Count: _Rule(_Lint._count, ("this", "big_int")),
    exp.Sum: _Rule(_Lint._sum),
    **dict.fromkeys((exp.Min, exp.Max), _Rule(_Lint._extreme)),
    exp.Filter: _Rule(_Lint._filter, _TWO),
    exp.Window: _Rule(_Lint._window, ("this", "partition_by", "order", "over")),
}
