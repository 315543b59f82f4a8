"""Values that a script's text gives: what operators, methods and functions make of those that are known."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

__all__ = ["UNKNOWN", "Call", "Unknown", "builtin", "item", "method", "names", "percent", "plus", "unaliased"]


class Unknown:
    """A value that the text of the script does not give; `source` is how the script writes it."""

    def __init__(self, source: str = "") -> None:
        self.source = source

    def __repr__(self) -> str:
        return f"{{{self.source or '…'}}}"


UNKNOWN = Unknown()

_LONGEST = 1000
_LONGEST_TEXT = 1_000_000
"""A loop that doubles a value would fill the memory."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call in the script: `name` is its last name, `before` those before it, `receiver` what they come to."""

    line: int
    name: str
    before: tuple[str, ...] = ()
    receiver: Any = None
    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def argument(self, name: str, position: int | None = None, default: Any = UNKNOWN) -> Any:
        """Return an argument by name or position."""
        if name in self.keywords:
            return self.keywords[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return default


def plus(one: Any, other: Any) -> Any:
    """Return what `one + other` is: text with what is not known in braces, lists, numbers; nothing that is huge."""
    if isinstance(one, str) or isinstance(other, str):
        text = f"{one}{other}"
        return text if len(text) <= _LONGEST_TEXT else UNKNOWN
    for kind in (list, tuple):
        if isinstance(one, kind) and isinstance(other, kind) and len(one) + len(other) <= _LONGEST:
            return [*one, *other] if kind is list else (*one, *other)
    if type(one) is int and type(other) is int:
        return one + other
    return UNKNOWN


def percent(template: Any, values: Any, node: ast.expr) -> Any:
    """Return what `template % values` is."""
    if not isinstance(template, str):
        return Unknown(ast.unparse(node))
    try:
        return template % (values if isinstance(values, tuple | dict) else (values,))
    except (TypeError, ValueError, KeyError):
        return Unknown(ast.unparse(node))


def item(container: Any, key: Any, node: ast.expr) -> Any:
    """Return what `container[key]` is."""
    if isinstance(container, Mapping) and isinstance(key, str | int) and key in container:
        return container[key]
    if isinstance(container, list | tuple) and isinstance(key, int) and -len(container) <= key < len(container):
        return container[key]
    named = isinstance(container, Unknown) and isinstance(key, str) and isinstance(node, ast.Subscript)
    return Unknown(key if named and container.source == "arguments" else ast.unparse(node))


def names(node: ast.expr) -> tuple[str, ...]:
    """Return the names of `a.b().c` from the left."""
    match node:
        case ast.Attribute(value=inner, attr=name):
            return (*names(inner), name)
        case ast.Name(id=name):
            return (name,)
        case ast.Call(func=inner):
            return names(inner)
        case _:
            return ()


def unaliased(parts: tuple[str, ...], scope: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """Return the names before a call, and its own, where a name of the script is one for `glueContext.create_...`."""
    held = scope.get(parts[0])
    if isinstance(held, Unknown) and _DOTTED.fullmatch(held.source):
        parts = (*held.source.split("."), *parts[1:])
    return parts[:-1], parts[-1]


_DOTTED = re.compile(r"\w+(\.\w+)+")
_PLAIN = ("strip", "lstrip", "rstrip", "lower", "upper", "replace", "format", "removeprefix", "removesuffix", "split")


def method(call: Call) -> Any:
    """Return what a method of a known text, list or dictionary gives."""
    receiver, name = call.receiver, call.name
    try:
        if isinstance(receiver, str):
            if name == "join" and call.positional and isinstance(call.positional[0], Sequence):
                return receiver.join(str(item) for item in call.positional[0])
            return getattr(receiver, name)(*call.positional, **call.keywords) if name in _PLAIN else None
        if isinstance(receiver, dict):
            if name in ("items", "keys", "values"):
                return [*getattr(receiver, name)()]
            return (
                receiver.get(*call.positional[:2], UNKNOWN)
                if name == "get" and len(call.positional) == 1
                else (receiver.get(*call.positional[:2]) if name == "get" else None)
            )
        if isinstance(receiver, list) and name == "append":
            receiver.append(*call.positional)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        pass
    return None


def builtin(call: Call) -> Any:
    """Return what a few functions of Python give that paths are made with."""
    last = call.before[-1:]
    texts = [argument for argument in call.positional if isinstance(argument, str)]
    if call.name == "join" and last == ("path",) and len(texts) == len(call.positional) > 0:
        first, *rest = texts
        return "/".join([first.rstrip("/"), str(PurePosixPath(*rest))]) if rest else first
    if call.name in ("getenv", "get") and last in (("os",), ("environ",)) and len(call.positional) > 1:
        return call.positional[1]
    if call.before:
        return None
    if call.name == "str" and texts:
        return texts[0]
    if call.name == "dict" and not call.positional:
        return dict(call.keywords)
    return _listed(call) if call.name in _LISTS and _are_known(call.positional) else None


_LISTS: Mapping[str, Callable[..., Any]] = {
    "dict": dict,
    "enumerate": enumerate,
    "list": list,
    "range": range,
    "reversed": lambda values: [*values][::-1],
    "set": dict.fromkeys,
    "sorted": sorted,
    "tuple": tuple,
    "zip": zip,
}


def _are_known(values: Sequence[Any]) -> bool:
    """Return whether arguments are lists, numbers and texts of the script, and short."""
    return all(
        (isinstance(value, list | tuple | dict | str) and len(value) <= _LONGEST)
        or (type(value) is int and abs(value) <= _LONGEST)
        for value in values
    )


def _listed(call: Call) -> Any:
    """Return the list that a function of Python makes, with which loops over tables are written."""
    try:
        made = _LISTS[call.name](*call.positional, **call.keywords)
    except (TypeError, ValueError):
        return None
    return made if isinstance(made, dict) and call.name == "dict" else [*made]
