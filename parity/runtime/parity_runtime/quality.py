"""Rules of data quality (DQDL): those about a frame's shape and the completeness of its columns."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection
from pyspark.sql import functions as F

from parity_runtime.content import FieldOf
from parity_runtime.unsupported import unsupported

__all__ = ["Outcomes", "Rule", "parse"]

_RULES = re.compile(r"\s*Rules\s*=\s*\[(.*)\]\s*", re.DOTALL)
_RULE = re.compile(r'(\w+)((?:\s+"[^"]*")*)\s*(?:(<=|>=|!=|=|<|>)\s*([\d.]+)|between\s+([\d.]+)\s+and\s+([\d.]+))?')
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
}
_KNOWN = (
    "ColumnCount",
    "ColumnExists",
    "Completeness",
    "IsComplete",
    "IsPrimaryKey",
    "IsUnique",
    "RowCount",
    "Uniqueness",
)


@dataclass(frozen=True)
class Rule:
    """One rule: its text, its kind, the columns it names, what its number is compared with."""

    text: str
    kind: str
    columns: tuple[str, ...]
    holds: Callable[[float], bool]


def parse(ruleset: str) -> tuple[Rule, ...]:
    """Read a ruleset; ValueError for what is none, UnsupportedGlueCallError for kinds of rules that are not here."""
    found = _RULES.fullmatch(ruleset)
    if found is None:
        raise ValueError(f"{ruleset!r} is no ruleset: Rules = [ ColumnCount > 0 ]")
    parts = (part.strip(" \t\r,") for part in re.split(r",(?=\s*[A-Za-z])|\n", found[1]))
    return tuple(_rule(part) for part in parts if part)


def _rule(text: str) -> Rule:
    found = _RULE.fullmatch(text)
    if found is None or found[1] not in _KNOWN:
        unsupported(f"the data quality rule {text!r}", f"there are {', '.join(_KNOWN)} here")
    _, columns, sign, bound, low, high = found.groups()

    def holds(value: float) -> bool:
        if sign:
            return _COMPARE[sign](value, float(bound))
        return float(low) < value < float(high) if low else bool(value)

    return Rule(text, found[1], tuple(re.findall(r'"([^"]*)"', columns)), holds)


class Outcomes:
    """The rules of a frame; evaluated when the outcomes are asked for."""

    def __init__(self, frame: DynamicFrame, rules: Sequence[Rule]) -> None:
        self._frame = frame
        self._rules = rules

    def collection(self) -> DynamicFrameCollection:
        """Return outcomes and data."""
        return _Lazy(self, {"rowLevelOutcomes": self._frame, "originalData": self._frame}, self._frame.glue_ctx)

    def frame(self) -> DynamicFrame:
        """Return a record a rule: Rule, Outcome, FailureReason, EvaluatedMetrics."""
        rows = []
        for rule in self._rules:
            value = self._value(rule)
            passed = rule.holds(value)
            reason = None if passed else f"Value: {value:g} does not meet the constraint requirement!"
            rows.append((rule.text, "Passed" if passed else "Failed", reason, {rule.kind: float(value)}))
        schema = "Rule string, Outcome string, FailureReason string, EvaluatedMetrics map<string,double>"
        df = self._frame.glue_ctx.spark_session.createDataFrame(rows, schema)
        return DynamicFrame.fromDF(df, self._frame.glue_ctx, "ruleOutcomes")

    def _value(self, rule: Rule) -> float:
        content = self._frame._content
        if rule.kind == "ColumnCount":
            return len(content.fields)
        if rule.kind == "RowCount":
            return content.df.count()
        fields = [content.resolve(name, f"rule {rule.kind}") for name in rule.columns]
        there = [field for field in fields if field is not None]
        if rule.kind == "ColumnExists" or len(there) < len(fields):
            return float(rule.kind == "ColumnExists" and len(there) == len(fields))
        return self._share(rule.kind, there)

    def _share(self, kind: str, fields: Sequence[FieldOf]) -> float:
        columns = [F.col(field.column) for field in fields]
        df = self._frame._content.df
        full = columns[0].isNotNull()
        for column in columns[1:]:
            full = full & column.isNotNull()
        counted = df.groupBy(*columns).agg(F.count(F.lit(1)).alias("n")).withColumn("full", full)
        once = F.sum(F.when(F.col("n") == 1, 1).otherwise(0))
        row = counted.agg(F.sum("n"), F.sum(F.when(F.col("full"), F.col("n")).otherwise(0)), once).first()
        rows, complete, single = (row[0] or 0, row[1] or 0, row[2] or 0) if row is not None else (0, 0, 0)
        share = {"Completeness": complete, "IsComplete": complete, "Uniqueness": single, "IsUnique": single}
        value = (share.get(kind, min(complete, single)) / rows) if rows else 1.0
        return value if kind in ("Completeness", "Uniqueness") else float(value == 1.0)


class _Lazy(DynamicFrameCollection):
    """A collection whose `ruleOutcomes` are worked out when they are asked for."""

    def __init__(self, outcomes: Outcomes, frames: dict[str, DynamicFrame], glue_ctx: Any) -> None:
        super().__init__(frames, glue_ctx)
        self._outcomes = outcomes

    def __getitem__(self, key: str) -> DynamicFrame:
        if key == "ruleOutcomes" and key not in self._frames:
            self._frames[key] = self._outcomes.frame()
        return super().__getitem__(key)

    def select(self, key: str, transformation_ctx: str = "") -> DynamicFrame:
        return self[key] if key == "ruleOutcomes" else super().select(key, transformation_ctx)
