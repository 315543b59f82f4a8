"""Write a structure of dicts, lists, texts, numbers and booleans as YAML: the same bytes for the same structure.

YAML is a superset of JSON, so whatever is not plainly a word is written as JSON writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

__all__ = ["dump"]

# begins with a letter, and holds nothing that YAML gives a meaning; the words it reads as something else are quoted
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def dump(value: object) -> str:
    """Return a structure as YAML in block style; TypeError for what is none of the known types."""
    return "".join(f"{line}\n" for line in _lines(value))


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{_scalar(key)}:", item)
    elif isinstance(value, list | tuple) and value:
        for item in value:
            first, *others = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in others)
    else:
        yield _scalar(value)


def _entry(key: str, item: object) -> Iterator[str]:
    if isinstance(item, dict | list | tuple) and item:
        yield key
        yield from (f"  {line}" for line in _lines(item))
    else:
        yield f"{key} {_scalar(item)}"


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return (
            value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else json.dumps(value, ensure_ascii=False)
        )
    if isinstance(value, bool | int | float) or value in ({}, []):
        return json.dumps(value)
    raise TypeError(f"{type(value).__name__} has no place in a template")
