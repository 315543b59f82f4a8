"""Rules of data quality (DQDL): those about a frame's shape and the completeness of its columns."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, KeysView, Sequence
from dataclasses import dataclass
from typing import Any

from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection
from pyspark.sql import Column, Window
from pyspark.sql import functions as F

from parity_runtime.content import FieldOf, new_name
from parity_runtime.types import glue_type
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
_OF_WHOLE_FRAMES = ("ColumnCount", "ColumnExists", "RowCount")


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
        return _Lazy(self, {"originalData": self._frame}, self._frame.glue_ctx)

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

    def rows(self) -> DynamicFrame:
        """Return the frame with four more fields: which rules a record passes, fails, and which are about no record."""
        content = self._frame._content
        passed: list[Column] = []
        failed: list[Column] = []
        whole: list[Column] = []
        for rule in self._rules:
            text = F.lit(rule.text)
            if rule.kind in _OF_WHOLE_FRAMES:
                whole.append(text)
                continue
            fields = [content.resolve(name, f"rule {rule.kind}") for name in rule.columns]
            holds = _holds(rule.kind, [F.col(field.column) for field in fields if field], whole=None not in fields)
            passed.append(F.when(holds, text))
            failed.append(F.when(~holds, text))
        made = {
            "DataQualityRulesPass": _texts(passed),
            "DataQualityRulesFail": _texts(failed),
            "DataQualityRulesSkip": _texts(whole),
        }
        result = F.when(F.size(made["DataQualityRulesFail"]) > 0, "Failed").otherwise("Passed")
        named = {name: new_name() for name in (*made, "DataQualityEvaluationResult")}
        content = content.with_columns(list(zip(named.values(), (*made.values(), result), strict=True)))
        more = [FieldOf(name, at, glue_type(content.df.schema[at].dataType)) for name, at in named.items()]
        return self._frame._with(content.with_fields([*content.fields, *more]), "rowLevelOutcomes")

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


def _holds(kind: str, columns: Sequence[Column], *, whole: bool) -> Column:
    """Say of a record whether it is complete, or the only one with its values; it is neither without the columns."""
    full, once = F.lit(whole), F.lit(whole)
    if whole and kind in ("Completeness", "IsComplete", "IsPrimaryKey"):
        for column in columns:
            full = full & column.isNotNull()
    if whole and kind in ("IsPrimaryKey", "IsUnique", "Uniqueness"):
        once = F.count(F.lit(1)).over(Window.partitionBy(*columns)) == 1
    return full & once


def _texts(found: Sequence[Column]) -> Column:
    return F.filter(F.array(*found).cast("array<string>"), lambda text: text.isNotNull())


class _Lazy(DynamicFrameCollection):
    """A collection whose outcomes are worked out when they are asked for."""

    def __init__(self, outcomes: Outcomes, frames: dict[str, DynamicFrame], glue_ctx: Any) -> None:
        super().__init__(frames, glue_ctx)
        self._outcomes = outcomes

    def __getitem__(self, key: str) -> DynamicFrame:
        if key in _ASKED_FOR and key not in self._frames:
            self._frames[key] = _ASKED_FOR[key](self._outcomes)
        return super().__getitem__(key)

    def keys(self) -> KeysView[str]:
        return dict.fromkeys((*_ASKED_FOR, *self._frames)).keys()

    def select(self, key: str, transformation_ctx: str = "") -> DynamicFrame:
        return self[key] if key in _ASKED_FOR else super().select(key, transformation_ctx)


_ASKED_FOR: dict[str, Callable[[Outcomes], DynamicFrame]] = {
    "ruleOutcomes": Outcomes.frame,
    "rowLevelOutcomes": Outcomes.rows,
}
