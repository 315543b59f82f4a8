"""What Parquet files say of their columns, each by itself: DuckDB reads those of a folder as text where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stedi.engine import Engine

__all__ = ["Written", "mixed_kinds", "top_level"]

_TEXT = ("UTF8", "STRING", "ENUM", "JSON")
_LOGICAL = ("DECIMAL", "TIMESTAMP", "DATE", "TIME", "UUID", "INTERVAL")
_PHYSICAL = {"INT32": "integer", "INT64": "integer", "INT96": "timestamp", "FLOAT": "double", "DOUBLE": "double"}


@dataclass(frozen=True, slots=True)
class Written:
    """A column as a file has it: REQUIRED, OPTIONAL or REPEATED, and its kind, "" where it holds nothing but NULL."""

    repetition: str
    kind: str


def top_level(engine: Engine, paths: Sequence[str], what: str) -> dict[str, dict[str, Written]]:
    """Return the top-level columns of each file, by the names in it."""
    sql = (
        "select file_name, name, num_children, repetition_type, type, converted_type, logical_type"
        " from parquet_schema($files)"
    )
    found: dict[str, dict[str, Written]] = {}
    below = 0
    for file, name, children, repetition, *types in engine.run(what, sql, {"files": list(paths)}):
        if file not in found:
            found[file], below = {}, 0
        elif below:
            below += (children or 0) - 1
        else:
            found[file][str(name)] = Written(str(repetition), "nested" if children else _kind(*types))
            below = children or 0
    return found


def _kind(physical: str, converted: str | None, logical: str | None) -> str:
    said = f"{converted or ''} {logical or ''}".upper()
    if "NULLTYPE" in said:
        return ""
    if physical == "BYTE_ARRAY" and "DECIMAL" not in said:
        return "text" if any(word in said for word in _TEXT) else "binary"
    named = next((word.lower() for word in _LOGICAL if word in said), "")
    return named or _PHYSICAL.get(physical, physical.lower())


def mixed_kinds(files: Iterable[Mapping[str, Written]]) -> dict[str, str]:
    """Return the columns, in lower case, of which files hold other kinds of values, with the kinds in words."""
    kinds: dict[str, dict[str, None]] = {}
    for columns in files:
        folded = [name.lower() for name in columns]
        for name, column in columns.items():
            if column.kind and folded.count(name.lower()) == 1:
                kinds.setdefault(name.lower(), {})[column.kind] = None
    return {name: " and as ".join(sorted(found)) for name, found in kinds.items() if len(found) > 1}
