"""Decide, as IAM does, whether a policy allows something: Deny before Allow, wildcards, the conditions in use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["allows", "denies", "resolved"]


def resolved(value: Any, names: Mapping[str, str]) -> Any:
    """Return a part of a template with Ref, Fn::Sub and Fn::GetAtt replaced by what they stand for."""
    if isinstance(value, list):
        return [resolved(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"}:
        return names[value["Ref"]]
    if value.keys() == {"Fn::GetAtt"}:
        return names[".".join(value["Fn::GetAtt"])]
    if value.keys() == {"Fn::Sub"}:
        return re.sub(r"\$\{([^}]+)\}", lambda found: names[found[1]], value["Fn::Sub"])
    return {key: resolved(item, names) for key, item in value.items()}


def allows(
    statements: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Return whether statements of a policy allow an action on a resource, in the context of a request."""
    effects = {s["Effect"] for s in statements if _applies(s, action, resource, context or {})}
    return "Allow" in effects and "Deny" not in effects


def denies(
    statements: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Return whether statements of a policy deny an action on a resource whatever else allows it."""
    return any(s["Effect"] == "Deny" and _applies(s, action, resource, context or {}) for s in statements)


def _applies(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    known = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    assert statement.keys() <= known, "what is not understood cannot be decided"
    return (
        any(_matches(pattern, action, flags=re.IGNORECASE) for pattern in _list(statement["Action"]))
        and any(_matches(pattern, resource) for pattern in _list(statement["Resource"]))
        and all(
            _holds(operator, key, expected, context)
            for operator, pairs in statement.get("Condition", {}).items()
            for key, expected in pairs.items()
        )
    )


def _holds(operator: str, key: str, expected: Any, context: Mapping[str, str]) -> bool:
    if key not in context:
        return False
    found = context[key]
    if operator in ("StringEquals", "Bool"):
        return found in _list(expected)
    if operator == "NumericLessThan":
        return all(float(found) < float(value) for value in _list(expected))
    raise AssertionError(f"{operator} is not understood")


def _matches(pattern: str, text: str, flags: int = 0) -> bool:
    parts = re.split(r"([*?])", pattern)
    expression = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return bool(re.fullmatch(expression, text, flags | re.DOTALL))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
