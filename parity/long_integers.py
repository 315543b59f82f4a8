"""Whole numbers of JSON that DuckDB reads as doubles: of those many stand for one."""

from __future__ import annotations

from collections.abc import Sequence

from parity.sources import Source
from stedi.engine import Engine, quoted
from stedi.errors import UsageError

__all__ = ["refuse_long_integers"]

_EXACT = 2**53
"""The whole numbers up to which each is a double of its own."""

_WHOLE = r"[\[:,\s](-?[0-9]{16,}[.eE]?)"
_TEXT = r'"(?:[^"\\]|\\.)*"'


def refuse_long_integers(engine: Engine, source: Source, names: Sequence[str], what: str) -> None:
    """Refuse whole numbers of JSON that were read as doubles, each of which may stand for many."""
    if source.kind != "JSON":
        return
    double = {name: type_ for name, type_ in source.columns if "DOUBLE" in type_ and name in names}
    long = f"coalesce(abs(try_cast({{}} as hugeint)) > {_EXACT}, true)"
    for name, type_ in double.items():
        text, texts = quoted(name), quoted(f"{source.view}_texts")
        whole = f"regexp_full_match({text}, '-?[0-9]{{16,}}')"
        counted, values = f"count(*) filter ({whole} and {long.format(text)})", {}
        if type_ != "DOUBLE":
            values = {"text": _TEXT, "whole": _WHOLE}
            found = f"regexp_extract_all(regexp_replace({text}, $text, '', 'g'), $whole, 1)"
            is_whole = f"lambda n: not regexp_matches(n, '[.eE]') and {long.format('n')}"
            counted = f"coalesce(sum(len(list_filter({found}, {is_whole}))), 0)"
        [(count,)] = engine.run(what, f"select {counted} from {texts}", values)
        if count:
            key = source.spelled.get(name, name)
            raise UsageError(
                f"{what}: {key} has {count:,} whole numbers that are too long to be compared",
                fix="write them as text on both sides, or leave the column out",
            )
