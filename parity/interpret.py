"""Read Python without running it: what the expressions of a script come to, as far as its own text says.

Enough for scripts as people write them for Glue: constants, variables, f-strings, `+`, `%`, `.format`, lists and
dictionaries, loops over them, functions and classes of the script. What is not known stays UNKNOWN; where it is a part
of a text, its source stands there in braces, as `s3://{bucket}/customer/landing/`.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from parity.values import UNKNOWN, Call, Unknown, builtin, item, method, names, percent, plus, unaliased

__all__ = ["Interpreter"]

_DEEPEST = 8
_LONGEST_LOOP = 200
_MOST_TURNS = 2_000
"""Turns of loops and calls of functions of a script in all: loops within loops would never end."""


@dataclass(slots=True)
class _Function:
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: dict[str, Any]


@dataclass(slots=True)
class _Module:
    scope: dict[str, Any]


@dataclass(slots=True)
class _Class:
    """What a class of the script holds: its functions, and what it binds; `fields` are those with annotations."""

    scope: dict[str, Any]
    fields: tuple[str, ...]


@dataclass(slots=True)
class _Object:
    """An object of a class of the script."""

    of: _Class
    scope: dict[str, Any]


@dataclass
class Interpreter:
    """Walks a script in the order it would run; both branches of what it cannot decide.

    `on_call` is told every call and may return what it comes to (None: not known); `on_attribute` likewise, for
    attributes as `spark.read`. `modules` are the sources of what the script may import from beside it, by name.
    `gave_up` says that it loops more often than is followed.
    """

    on_call: Callable[[Call], Any]
    on_attribute: Callable[[str, Any, int], Any]
    modules: Mapping[str, bytes] = field(default_factory=dict)
    scope: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    gave_up: bool = False
    _depth: int = 0
    _turns: int = 0
    _line: int | None = None  # of the call outside all functions of the script, or of an import
    _imported: dict[str, _Module] = field(default_factory=dict)

    def run(self, tree: ast.Module) -> None:
        """Walk a whole script."""
        self._run(tree.body, self.scope)

    # statements

    def _run(self, statements: Iterable[ast.stmt], scope: dict[str, Any]) -> Any:
        returned: Any = None
        for statement in statements:
            found = self._one(statement, scope)
            returned = found if returned is None else returned
        return returned

    def _one(self, node: ast.stmt, scope: dict[str, Any]) -> Any:  # noqa: C901, PLR0912 - one case a form
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                scope[node.name] = _Function(node, scope)
            case ast.ClassDef():
                scope[node.name] = self._class(node, scope)
            case ast.Assign(targets=targets, value=value):
                found = self.value(value, scope)
                for target in targets:
                    self._bind(target, found, scope)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, self.value(value, scope), scope)
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                scope[name] = plus(scope.get(name, Unknown(name)), self.value(value, scope))
            case ast.Return(value=ast.expr() as value):
                return self.value(value, scope)
            case ast.If(test=test, body=body, orelse=orelse):
                decided = self.value(test, scope)
                if isinstance(decided, bool):
                    return self._run(body if decided else orelse, scope)
                return _first(self._run(body, scope), self._run(orelse, scope))
            case ast.For() | ast.AsyncFor():
                return self._loop(node, scope)
            case ast.Import(names=names):
                for alias in names:
                    if alias.name in self.modules:
                        scope[alias.asname or alias.name] = self._import(alias.name, node.lineno)
            case ast.ImportFrom(module=str() as module, names=names) if module in self.modules:
                found = self._import(module, node.lineno).scope
                for alias in names:
                    scope |= found if alias.name == "*" else {}
                    if alias.name in found:
                        scope[alias.asname or alias.name] = found[alias.name]
            case _:
                return self._other(node, scope)
        return None

    def _import(self, name: str, line: int) -> _Module:
        """Walk a module that lies beside the script, once."""
        if name not in self._imported:
            module = self._imported[name] = _Module({"__name__": name})
            outside, self._line = self._line, self._line or line
            with contextlib.suppress(SyntaxError, ValueError):  # importing it says so
                self._run(ast.parse(self.modules[name]).body, module.scope)
            self._line = outside
        return self._imported[name]

    def _loop(self, node: ast.For | ast.AsyncFor, scope: dict[str, Any]) -> Any:
        returned: Any = None
        for one in self._items(node.iter, node.target, scope):
            self._bind(node.target, one, scope)
            returned = _first(returned, self._run(node.body, scope))
        return _first(returned, self._run(node.orelse, scope))

    def _class(self, node: ast.ClassDef, scope: dict[str, Any]) -> _Class:
        """Walk the body of a class."""
        bases = [base for base in (self.value(base, scope) for base in node.bases) if isinstance(base, _Class)]
        inherited = {name: value for base in reversed(bases) for name, value in base.scope.items()}
        inside = scope | inherited
        self._run(node.body, inside)
        own = {name: value for name, value in inside.items() if name not in scope or value is not scope[name]}
        fields = [s.target.id for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)]
        return _Class(inherited | own, (*(name for base in bases for name in base.fields), *fields))

    def _other(self, node: ast.stmt, scope: dict[str, Any]) -> Any:
        """Walk what neither binds nor decides: expressions first, then the statements inside (with, try, while)."""
        returned: Any = None
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child, scope)
            elif isinstance(child, ast.withitem):
                found = self.value(child.context_expr, scope)
                if child.optional_vars is not None:
                    self._bind(child.optional_vars, found, scope)
            elif isinstance(child, ast.stmt):
                returned = _first(returned, self._one(child, scope))
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                returned = _first(returned, self._run(child.body, scope))
        return returned

    def _bind(self, target: ast.expr, value: Any, scope: dict[str, Any]) -> None:
        match target:
            case ast.Name(id=name):
                scope[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                many = value if isinstance(value, list | tuple) and len(value) == len(targets) else [UNKNOWN] * 99
                for inner, item in zip(targets, many, strict=False):
                    self._bind(inner, item, scope)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=key)):
                if isinstance(scope.get(name), dict):
                    scope[name][key] = value
            case ast.Attribute(value=inner, attr=name):
                of = self.value(inner, scope)
                if isinstance(of, _Object | _Class):
                    of.scope[name] = value
            case _:
                pass

    # expressions

    def value(self, node: ast.expr, scope: dict[str, Any]) -> Any:  # noqa: C901, PLR0911, PLR0912 - one case a form
        """Return what an expression comes to."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return scope.get(name, self.scope.get(name, Unknown(name)))
            case ast.JoinedStr(values=parts):
                return "".join(self._part(part, scope) for part in parts)
            case ast.List(elts=items):
                return [self.value(item, scope) for item in items]
            case ast.Tuple(elts=items):
                return tuple(self.value(item, scope) for item in items)
            case ast.Dict(keys=keys, values=values):
                pairs = [
                    (self.value(key, scope) if key else UNKNOWN, self.value(value, scope))
                    for key, value in zip(keys, values, strict=True)
                ]
                return {key: value for key, value in pairs if isinstance(key, str | int)}
            case ast.ListComp(elt=inner) | ast.SetComp(elt=inner) | ast.GeneratorExp(elt=inner):
                return [self.value(inner, inside) for inside in self._each(node.generators, scope)]
            case ast.DictComp(key=key, value=inner):
                pairs = [
                    (self.value(key, inside), self.value(inner, inside))
                    for inside in self._each(node.generators, scope)
                ]
                return {key: value for key, value in pairs if isinstance(key, str | int)}
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return plus(self.value(left, scope), self.value(right, scope))
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                return percent(self.value(left, scope), self.value(right, scope), node)
            case ast.BoolOp(op=ast.Or(), values=values):
                found = [self.value(value, scope) for value in values]
                return next((value for value in found if not isinstance(value, Unknown) and value), found[-1])
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                one, other = self.value(left, scope), self.value(right, scope)
                known = isinstance(one, str | int) and isinstance(other, str | int)
                return one == other if known else Unknown(ast.unparse(node))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                decided = self.value(test, scope)
                one, other = self.value(body, scope), self.value(orelse, scope)
                return other if decided is False or isinstance(one, Unknown) else one
            case ast.Subscript(value=inner, slice=key):
                return item(self.value(inner, scope), self.value(key, scope), node)
            case ast.NamedExpr(target=target, value=inner):
                found_value = self.value(inner, scope)
                self._bind(target, found_value, scope)
                return found_value
            case ast.Attribute(value=inner, attr=name):
                receiver = self.value(inner, scope)
                if isinstance(receiver, _Module | _Object | _Class):
                    held = self._member(receiver, name)
                    is_property = isinstance(held, _Function) and "property" in _decorators(held)
                    return self._enter(held, Call(node.lineno, name), receiver) if is_property else held
                found_value = self.on_attribute(name, receiver, node.lineno)
                return Unknown(ast.unparse(node)) if found_value is None else found_value
            case ast.Lambda():
                return _Function(node, scope)
            case ast.Call():
                return self._call(node, scope)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.value(child, scope)
                return Unknown(ast.unparse(node))

    def _part(self, part: ast.expr, scope: dict[str, Any]) -> str:
        value = self.value(part.value if isinstance(part, ast.FormattedValue) else part, scope)
        if (
            isinstance(part, ast.FormattedValue)
            and part.format_spec is not None
            and isinstance(value, str | int | float)
        ):
            with contextlib.suppress(ValueError):
                return format(value, self.value(part.format_spec, scope))
        return value if isinstance(value, str) else str(value)

    def _call(self, node: ast.Call, scope: dict[str, Any]) -> Any:
        function = node.func
        receiver: Any = None
        if isinstance(function, ast.Attribute):
            name, before = function.attr, names(function.value)
            receiver = self.value(function.value, scope)
        elif isinstance(function, ast.Name):
            name, before = function.id, ()
        else:
            self.value(function, scope)
            name, before = "", ()
        before, name = unaliased((*before, name), scope)
        if receiver is None and before:
            receiver = Unknown(".".join(before))
        positional, keywords = self._arguments(node, scope)
        source = ast.unparse(node)
        call = Call(self._line or node.lineno, name, before, receiver, positional, keywords, source)
        local = scope.get(name, self.scope.get(name)) if not before and isinstance(function, ast.Name) else None
        bound: tuple[Any, ...] = ()
        if isinstance(receiver, _Module | _Object | _Class):
            local = self._member(receiver, name)
            bound = _bound(receiver, local)
        if isinstance(local, _Function):
            found = self._enter(local, call, *bound)
        elif isinstance(local, _Class):
            found = self._make(local, call)
        elif name in ("map", "submit") and positional and isinstance(positional[0], _Function):
            found = self._handed(positional[0], call)
        elif isinstance(receiver, str | list | tuple | dict):
            found = method(call)
        else:
            found = builtin(call)
        if found is None:
            found = self.on_call(call)
        return Unknown(source) if found is None else found

    def _handed(self, function: _Function, call: Call) -> Any:
        """Walk a function that is handed to an executor, or to `map`, with what it will be called with."""
        rest = call.positional[1:]
        if call.name == "submit":
            return self._enter(function, replace(call, positional=rest))
        if not rest or not all(isinstance(values, list | tuple) for values in rest):
            return None
        turns = [*zip(*rest, strict=False)][:_LONGEST_LOOP]
        return [self._enter(function, replace(call, positional=turn)) for turn in turns]

    def _arguments(self, node: ast.Call, scope: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positional = tuple(
            self.value(argument.value if isinstance(argument, ast.Starred) else argument, scope)
            for argument in node.args
        )
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, dict):
                keywords |= {str(key): item for key, item in value.items()}
        return positional, keywords

    def _each(self, generators: list[ast.comprehension], scope: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the scope of each turn of a comprehension."""
        if not generators:
            yield scope
            return
        first, *rest = generators
        for one in self._items(first.iter, first.target, scope):
            inside = dict(scope)
            self._bind(first.target, one, inside)
            if not any(self.value(test, inside) is False for test in first.ifs):
                yield from self._each(rest, inside)

    def _items(self, over: ast.expr, target: ast.expr, scope: dict[str, Any]) -> Iterable[Any]:
        found = self.value(over, scope)
        known = isinstance(found, list | tuple | dict) and len(found) <= _LONGEST_LOOP
        if known and self._turns + len(found) <= _MOST_TURNS:
            self._turns += len(found)
            return [*found]
        self.gave_up |= known
        return [Unknown(ast.unparse(target))]

    def _member(self, of: _Module | _Object | _Class, name: str) -> Any:
        found = of.scope.get(name)
        if found is None and isinstance(of, _Object):
            found = of.of.scope.get(name)
        return Unknown(name) if found is None else found

    def _make(self, of: _Class, call: Call) -> _Object:
        """Make an object of a class of the script."""
        made = _Object(of, dict(zip(of.fields, call.positional, strict=False)) | dict(call.keywords))
        start = of.scope.get("__init__")
        if isinstance(start, _Function):
            made.scope.clear()
            self._enter(start, call, made)
        return made

    def _enter(self, function: _Function, call: Call, *bound: Any) -> Any:
        """Walk a function of the script with what it is called with."""
        self.gave_up |= self._turns >= _MOST_TURNS
        if self._depth >= _DEEPEST or self._turns >= _MOST_TURNS:
            return None
        self._turns += 1
        arguments = function.node.args
        names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        inner = dict(function.scope)
        defaults = dict(zip(names[len(names) - len(arguments.defaults) :], arguments.defaults, strict=True))
        only = zip((a.arg for a in arguments.kwonlyargs), arguments.kw_defaults, strict=True)
        defaults |= {name: value for name, value in only if value is not None}
        inner |= dict.fromkeys((*names, *(a.arg for a in arguments.kwonlyargs)), UNKNOWN)
        inner |= {name: self.value(value, function.scope) for name, value in defaults.items()}
        inner |= dict(zip(names, (*bound, *call.positional), strict=False))
        inner |= dict(call.keywords)
        outside, self._line = self._line, call.line
        self._depth += 1
        try:
            if isinstance(function.node, ast.Lambda):
                return self.value(function.node.body, inner)
            return self._run(function.node.body, inner)
        finally:
            self._depth -= 1
            self._line = outside


def _first(one: Any, other: Any) -> Any:
    return other if one is None else one


def _decorators(function: _Function) -> set[str]:
    if isinstance(function.node, ast.Lambda):
        return set()
    return {names(decorator)[-1] for decorator in function.node.decorator_list if names(decorator)}


def _bound(receiver: _Module | _Object | _Class, function: Any) -> tuple[Any, ...]:
    """Return what a method gets before its arguments."""
    if not isinstance(function, _Function) or isinstance(receiver, _Module):
        return ()
    decorators = _decorators(function)
    if "classmethod" in decorators:
        return (receiver.of if isinstance(receiver, _Object) else receiver,)
    return (receiver,) if isinstance(receiver, _Object) and "staticmethod" not in decorators else ()
