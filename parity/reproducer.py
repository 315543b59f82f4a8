"""Landing data on which two sides differ, small enough to be printed: what a failed property test leaves behind."""

from __future__ import annotations

from pathlib import Path

from parity.outcome import Outcome
from parity.verdict import Verdict

__all__ = ["reproducer"]


def reproducer(landing: Path, outcome: Outcome) -> str:
    """Return landing files as Python bytes by their path, and what differs on them.

    For data that was made up: the lines stand there as they are.
    """
    lines = [f"parity is {outcome.verdict} on these landing files:", "", "landing = {"]
    files = sorted(path for path in landing.rglob("*") if path.is_file())
    lines += [f"    {file.relative_to(landing).as_posix()!r}: {file.read_bytes()!r}," for file in files]
    lines += ["}", ""]
    for side in outcome.sides:
        for verdict in (*side.tables, *side.quarantine):
            if not verdict.same:
                said = verdict.problem or (verdict.explanation.evidence if verdict.explanation else "")
                lines.append(f"Glue {side.glue}: {verdict.table}: {verdict.verdict}: {said}")
                lines += [f"    {e.kind}: {dict(e.values)} {dict(e.changed) or ''}" for e in verdict.examples]
        for check in side.ledger:
            if check.verdict is not Verdict.SAME:
                lines.append(f"Glue {side.glue}: {check.name}: {check.left} against {check.right}")
    return "\n".join(lines)
