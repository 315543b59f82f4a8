"""The outcome of a run as one JSON document: what `--json` prints and report.json holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from parity.outcome import Outcome, SideOutcome
from parity.verdict import TableVerdict

__all__ = ["FORMAT", "document"]

FORMAT = 1


def document(outcome: Outcome) -> dict[str, Any]:
    """Return the document; `tables` holds the worst verdict of all sides, `sides` each of them whole."""
    return {
        "format": FORMAT,
        "verdict": str(outcome.verdict),
        "exit_code": outcome.exit_code,
        "landing": outcome.landing,
        "jobs": outcome.jobs,
        "tables": {name: _table(verdict) for name, verdict in outcome.tables().items()},
        "sides": {side.glue: _side(side) for side in outcome.sides},
        "pairs": {names: {v.table: _table(v) for v in verdicts} for names, verdicts in outcome.pairs.items()},
        "known": {t: {**asdict(entry), "expires": str(entry.expires)} for t, entry in outcome.known.items()},
        "problems": list(outcome.problems),
        "mapping": [dict(zip(("script", "place", "table"), row, strict=True)) for row in outcome.mapping],
        "notes": list(outcome.notes),
        "versions": dict(outcome.versions),
        "seconds": dict(outcome.seconds),
        "started": outcome.started,
        "finished": outcome.finished,
    }


def _side(side: SideOutcome) -> dict[str, Any]:
    return {
        "engine": side.engine,
        "versions": dict(side.versions),
        "tables": {verdict.table: _table(verdict) for verdict in side.tables},
        "quarantine": {verdict.table: _table(verdict) for verdict in side.quarantine},
        "ledger": {c.name: {"verdict": str(c.verdict), "left": c.left, "right": c.right} for c in side.ledger},
        "jobs": [asdict(job) for job in side.jobs],
        "notes": [str(note) for note in side.notes],
        "seconds": dict(side.seconds),
    }


def _table(verdict: TableVerdict) -> dict[str, Any]:
    found = {**asdict(verdict), "cause": str(verdict.cause) if verdict.cause and not verdict.same else None}
    found["seconds"] = round(verdict.seconds, 3)
    return {**found, "verdict": str(verdict.verdict)}
