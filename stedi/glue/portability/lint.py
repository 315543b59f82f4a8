"""One walk through a query: what its parts may name, which rule reads which, and what was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from stedi.contracts import TABLES
from stedi.glue.portability.keys import Facts, Relation
from stedi.glue.portability.traps import ARGUMENTS, FUNCTIONS, NODES
from stedi.stages import PARAMETERS, RUN_PARAMETERS

__all__ = ["COUNTED", "NOT_PROVEN", "UNKNOWN", "WHOLE", "Lint", "Rule", "Scope", "is_number", "text_of"]

NOT_PROVEN = "is not proven to mean the same on Spark"
UNKNOWN = "UNKNOWN"
"""The type of what was refused: nothing more is said about it."""

WHOLE = ("INTEGER", "BIGINT")
COUNTED = (*WHOLE, "HUGEINT")


@dataclass(frozen=True)
class Scope:
    """What an expression may name: the sources of its SELECT, then those of the queries around it."""

    sources: Mapping[str, Relation]
    outer: Scope | None = None

    def column(self, alias: str, name: str) -> str | None:
        """Return the type of a column; None where there is none."""
        if alias in self.sources:
            return self.sources[alias].columns.get(name)
        return self.outer.column(alias, name) if self.outer else None


@dataclass(frozen=True)
class Rule:
    """How an expression is read: the parts it may have, and what gives its type."""

    read: Callable[[Lint, Any, Scope], str]
    arguments: tuple[str, ...] = ("this",)


def _given() -> dict[str, Relation]:
    """Return what a query may name before its first CTE."""
    tables = {name: Relation({c.name.lower(): c.type for c in table.columns}) for name, table in TABLES.items()}
    return {**tables, RUN_PARAMETERS: Relation(PARAMETERS, frozenset({frozenset()}))}


@dataclass
class Lint:
    """What is known on the way through a query; (line, reason) of what is refused are in `problems`."""

    rules: Mapping[type[exp.Expr], Rule]
    problems: list[tuple[int, str]] = field(default_factory=list)
    named: dict[str, Relation] = field(default_factory=_given)
    facts: Facts = field(default_factory=Facts)
    grouped: tuple[str, ...] | None = None

    # types

    def condition(self, node: exp.Expr, scope: Scope) -> None:
        """Refuse a condition that is no boolean."""
        if self.type_of(node, scope) not in ("BOOLEAN", UNKNOWN):
            self.refuse(node, "is no condition: Spark does not take numbers and texts for one")

    def type_of(self, node: exp.Expr, scope: Scope) -> str:
        """Return the type of an expression, and refuse what is not proven to mean the same."""
        rule = self.rules.get(type(node))
        if rule is None:
            self.unknown(node)
            return UNKNOWN
        self.arguments(node, *rule.arguments)
        return rule.read(self, node, scope)

    def types_of(self, nodes: Iterable[exp.Expr], scope: Scope) -> list[str]:
        """Return the types of several expressions; a number written out is a double among doubles, to both engines."""
        nodes = list(nodes)
        kinds = [self.type_of(node, scope) for node in nodes]
        if "DOUBLE" not in kinds:
            return kinds
        return [
            "DOUBLE" if is_number(node) or is_number(node.this) else kind
            for node, kind in zip(nodes, kinds, strict=True)
        ]

    def same(self, node: exp.Expr, kinds: Iterable[str]) -> str:
        """Return the one type of several values; refuse where an engine would have to cast one of them."""
        found = set(kinds) - {"NULL"}
        if UNKNOWN in found:
            return UNKNOWN
        if found <= set(WHOLE) and len(found) > 1:
            return "BIGINT"
        if len(found) > 1:
            self.refuse(node, f"mixes {' and '.join(sorted(found))}, and the two cast differently; write the cast")
            return UNKNOWN
        return found.pop() if found else "NULL"

    def comparable(self, node: exp.Expr, kinds: Iterable[str]) -> str:
        """Refuse a comparison for which an engine would have to cast; return the type of its result."""
        self.same(node, ["BIGINT" if kind in COUNTED else kind for kind in kinds])
        return "BOOLEAN"

    # refusals

    def arguments(self, node: exp.Expr, *allowed: str) -> None:
        """Refuse the parts of a node that are not allowed."""
        for name, value in node.args.items():
            if name not in allowed and value not in (None, False, [], ""):
                why = ARGUMENTS.get((type(node).__name__, name.rstrip("_")), NOT_PROVEN)
                self.refuse(node, f"{type(node).__name__.lower()} with {name.rstrip('_')}: {why}")

    def unknown(self, node: exp.Expr) -> None:
        """Refuse a node that no rule reads, with the reason that is known."""
        name = node.name.lower() if isinstance(node, exp.Anonymous) else type(node).__name__
        why = FUNCTIONS.get(name) or NODES.get(name)
        self.refuse(node, f"{node.sql('duckdb')[:60]}: {why}" if why else f"{node.sql('duckdb')[:60]} {NOT_PROVEN}")

    def refuse(self, node: exp.Expr, reason: str) -> None:
        """Note what is refused, and in which line."""
        self.problems.append((_line(node), reason))


def text_of(node: exp.Expr) -> str:
    """Return what tells an expression from others; a column is `alias.column`."""
    return f"{node.table}.{node.name}".lower() if isinstance(node, exp.Column) else node.sql().lower()


def is_number(node: exp.Expr) -> bool:
    """Return whether a node is a number written out."""
    return isinstance(node, exp.Literal) and not node.is_string


def _line(node: exp.Expr) -> int:
    """Return the line of the file a node stands in: the parser notes it for names only."""
    lines = [part.meta["line"] for part in node.walk() if "line" in part.meta]
    if lines:
        return int(min(lines))
    return _line(node.parent) if node.parent is not None else 1
