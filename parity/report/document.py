"""report.json: everything a run found, as one document whose fields `docs/parity.md` lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from parity.verdict import Example, Explanation, TableVerdict, Verdict, in_order, overall, without_known
from stedi.counted import counted

__all__ = ["FORMAT", "Report", "clean", "document", "name_shown"]

FORMAT = 1
"""Goes up when a field changes its meaning or goes; new fields may come without."""

# what XML, terminals or files in UTF-8 cannot hold, or could be commanded by
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Report:
    """The verdicts of one run.

    `inputs` maps a table to those it is made from, and puts the verdicts in order; `facts` are shown as they are, what
    was compared with what; `known` names tables that are allowed to differ; `reproducer` is the made-up landing data
    of a property test that failed; `details` go into report.json under their own names: jobs, versions, and the like.
    """

    verdicts: Sequence[TableVerdict]
    labels: tuple[str, str] = ("left", "right")
    title: str = "Parity"
    inputs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    known: Collection[str] = ()
    reproducer: str = ""
    seconds: float = 0.0
    finished: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        known = {verdict.table for verdict in self.verdicts}
        inputs = {name: self.inputs.get(name, ()) for name in self.inputs if name in known or self.inputs[name]}
        object.__setattr__(self, "verdicts", tuple(in_order(self.verdicts, inputs)))

    @property
    def verdict(self) -> Verdict:
        """The worst of the verdicts, without differences that are known."""
        unknown = without_known(self.verdicts, self.known)
        return overall(unknown) if unknown or not self.verdicts else Verdict.SAME

    def is_known(self, verdict: TableVerdict) -> bool:
        """Return whether a verdict is a difference that is known."""
        return not without_known([verdict], self.known)

    @property
    def first(self) -> TableVerdict | None:
        """The first table in the order of the DAG that is not the same: where to look first."""
        return next((verdict for verdict in self.verdicts if not verdict.same and not verdict.follows), None)

    @property
    def headline(self) -> str:
        """The outcome in one sentence."""
        if not self.verdicts:
            return "no table was compared"
        tables = counted(len(self.verdicts), "table")
        if self.verdict is Verdict.SAME:
            known = sum(not verdict.same for verdict in self.verdicts)
            return f"{tables}: all the same" + (f" but for {counted(known, 'known difference')}" if known else "")
        kinds = [verdict.verdict for verdict in self.verdicts]
        parts = [f"{kinds.count(kind)} {kind}" for kind in Verdict if kind in kinds]
        first = f"; the first that diverges is {self.first.table}" if self.first and len(kinds) > 1 else ""
        return f"{tables}: {', '.join(parts)}{first}"


def document(report: Report) -> dict[str, Any]:
    """Return the document that report.json and `--json` hold."""
    return {
        **report.details,
        "format": FORMAT,
        "verdict": str(report.verdict),
        "headline": report.headline,
        "first": report.first.table if report.first else None,
        "labels": {"left": report.labels[0], "right": report.labels[1]},
        "facts": dict(report.facts),
        "seconds": round(report.seconds, 3),
        "finished": report.finished.isoformat(timespec="seconds"),
        "reproducer": report.reproducer or None,
        "tables": {verdict.table: _table(verdict) for verdict in report.verdicts},
    }


def _table(verdict: TableVerdict) -> dict[str, Any]:
    return {
        "verdict": str(verdict.verdict),
        "left_rows": verdict.left_rows,
        "right_rows": verdict.right_rows,
        "cause": str(verdict.cause) if verdict.cause else None,
        "evidence": verdict.explanation.evidence if verdict.explanation else None,
        "causes": [_cause(explanation) for explanation in verdict.causes],
        "follows": verdict.follows or None,
        "problem": verdict.problem or None,
        "fix": verdict.fix or None,
        "columns": [
            {"name": pair.name, "state": str(pair.state), "left": pair.left, "right": pair.right, "note": pair.note}
            for pair in verdict.columns
        ],
        "rows": {
            "left_only": verdict.rows.left_only,
            "right_only": verdict.rows.right_only,
            "repeated": verdict.rows.repeated,
            "left_surplus": verdict.rows.left_surplus,
            "right_surplus": verdict.rows.right_surplus,
        },
        "changed": dict(verdict.changed),
        "examples": [_example(example) for example in verdict.examples],
        "notes": list(verdict.notes),
        "elsewhere": [str(cause) for cause in verdict.elsewhere],
        "fingerprint": verdict.fingerprint or None,
        "seconds": round(verdict.seconds, 3),
    }


def _cause(explanation: Explanation) -> dict[str, Any]:
    return {
        "cause": str(explanation.cause),
        "words": explanation.cause.words,
        "side": str(explanation.side) if explanation.side else None,
        "evidence": explanation.evidence,
        "facts": dict(explanation.facts),
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "kind": example.kind,
        "left_times": example.left_times,
        "right_times": example.right_times,
        "values": dict(example.values),
        "changed": dict(example.changed),
    }


def clean(text: str) -> str:
    """Return a text that every report can hold: what XML or a terminal would choke on as escapes."""
    return _UNFIT.sub(lambda found: ascii(found.group())[1:-1], text)


def name_shown(verdict: TableVerdict) -> str:
    """Return the verdict with its sign, which does not hang on colours."""
    signs = {Verdict.SAME: "=", Verdict.DIFFERENT: "≠", Verdict.MISSING: "∅", Verdict.FAILED: "✕"}
    return f"{signs[verdict.verdict]} {verdict.verdict}"
