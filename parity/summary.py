"""The outcome of a run as a report: what is shown on a terminal, printed as JSON and written with `--report`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from parity.outcome import Outcome, SideOutcome
from parity.report import Report
from parity.verdict import TableVerdict, Verdict, failed
from stedi.masking import mask_path

__all__ = ["report_of"]

LEFT = "DuckDB"

_NO_JOB = "correct it, or leave it out in parity.toml: [jobs] skip"


def report_of(outcome: Outcome, reproducer: str = "") -> Report:
    """Return the report: of each table the worst verdict of all sides, and whatever else is not the same.

    `reproducer` is the text of `parity.reproducer`, where a property test has failed.
    """
    glue = ", ".join(side.glue for side in outcome.sides)
    return Report(
        [*outcome.tables().values(), *_others(outcome)],
        labels=(LEFT, f"Glue {glue}"),
        title=f"Parity of Glue {glue}",
        inputs=outcome.inputs,
        facts=_facts(outcome),
        details=_details(outcome),
        known=(*outcome.known, *(_pair_named(t, names) for names in outcome.pairs for t in outcome.known)),
        reproducer=reproducer,
        seconds=outcome.seconds.get("total", 0.0),
        finished=datetime.fromisoformat(outcome.finished),
    )


def _others(outcome: Outcome) -> list[TableVerdict]:
    """Return verdicts on what is no table and not the same: jobs, quarantine, ledger, two Glues, known differences."""
    stray = [job for side in outcome.sides for job in side.stray]
    found = {job.name: failed(job.name, f"{job.where}: {job.problem}", fix=job.likely or _NO_JOB) for job in stray}
    for side in outcome.sides:
        for verdict in side.quarantine:
            if not verdict.same:
                found.setdefault(verdict.table, verdict)
        for check in side.ledger:
            if check.verdict is not Verdict.SAME:
                said = f"{LEFT}: {check.left}; Glue {side.glue}: {check.right}"
                found.setdefault(check.name, TableVerdict(check.name, check.verdict, problem=said))
    for names, verdicts in outcome.pairs.items():
        for verdict in verdicts:
            if not verdict.same:
                name = _pair_named(verdict.table, names)
                found[name] = replace(verdict, table=name)
    if outcome.problems:
        said = "; ".join(outcome.problems)
        found["known differences"] = TableVerdict("known differences", Verdict.DIFFERENT, problem=said)
    return list(found.values())


def _pair_named(table: str, names: str) -> str:
    first, second = names.split()
    return f"{table}: Glue {first} against {second}"


def _facts(outcome: Outcome) -> Mapping[str, str]:
    facts = {"landing": mask_path(outcome.landing), "jobs": mask_path(outcome.jobs)}
    if outcome.clock_skew_ms:
        facts["clock skew"] = f"{outcome.clock_skew_ms:,} ms"
    for side in outcome.sides:
        facts[f"Glue {side.glue}"] = ", ".join(_of_side(side, outcome))
        if side.quarantine and all(verdict.same for verdict in side.quarantine):
            lines = sum(verdict.left_rows or 0 for verdict in side.quarantine)
            facts["quarantine"] = f"same, {lines:,} lines"
        if side.ledger and all(check.verdict is Verdict.SAME for check in side.ledger):
            facts["ledger"] = "same: " + "; ".join(f"{c.name.removeprefix('ledger of ')} {c.left}" for c in side.ledger)
    for names, verdicts in outcome.pairs.items():
        first, second = names.split()
        if all(verdict.same for verdict in verdicts):
            facts[f"Glue {first} against {second}"] = f"the same {len(verdicts)} tables"
    for entry in outcome.known.values():
        facts[f"known difference {entry.id}"] = f"{entry.table}, until {entry.expires}: {entry.reason}"
    return facts


def _of_side(side: SideOutcome, outcome: Outcome) -> Iterator[str]:
    """Yield the versions of a side and, where there are several sides, which of its tables are not the same."""
    yield from (f"{name} {version}" for name, version in side.versions.items())
    if len(outcome.sides) > 1:
        kinds: dict[Verdict, list[str]] = {}
        for verdict in side.tables:
            kinds.setdefault(verdict.verdict, []).append(verdict.table)
        for kind, tables in kinds.items():
            yield f"{len(tables)} same" if kind is Verdict.SAME else f"{kind} {' '.join(tables)}"


def _details(outcome: Outcome) -> Mapping[str, Any]:
    return {
        "exit_code": outcome.exit_code,
        "landing": mask_path(outcome.landing),
        "jobs": mask_path(outcome.jobs),
        "glue": [side.glue for side in outcome.sides],
        "sides": {side.glue: _side(side) for side in outcome.sides},
        "pairs": {names: {v.table: _brief(v) for v in verdicts} for names, verdicts in outcome.pairs.items()},
        "known": {t: {**asdict(entry), "expires": str(entry.expires)} for t, entry in outcome.known.items()},
        "problems": list(outcome.problems),
        "mapping": [dict(zip(("script", "place", "table"), row, strict=True)) for row in outcome.mapping],
        "notes": list(outcome.notes),
        "versions": dict(outcome.versions),
        "times": dict(outcome.seconds),
        "started": outcome.started,
    }


def _side(side: SideOutcome) -> dict[str, Any]:
    return {
        "engine": side.engine,
        "versions": dict(side.versions),
        "tables": {verdict.table: _brief(verdict) for verdict in side.tables},
        "quarantine": {verdict.table: _brief(verdict) for verdict in side.quarantine},
        "ledger": {c.name: {"verdict": str(c.verdict), "left": c.left, "right": c.right} for c in side.ledger},
        "jobs": [asdict(job) for job in side.jobs],
        "notes": [str(note) for note in side.notes],
        "times": dict(side.seconds),
    }


def _brief(verdict: TableVerdict) -> dict[str, Any]:
    return {
        "verdict": str(verdict.verdict),
        "left_rows": verdict.left_rows,
        "right_rows": verdict.right_rows,
        "cause": str(verdict.cause) if verdict.cause else None,
        "follows": verdict.follows or None,
        "problem": verdict.problem or None,
    }
