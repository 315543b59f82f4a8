"""The report on a terminal: a table of verdicts, then what there is to know of each that is not the same."""

from __future__ import annotations

from collections.abc import Iterator

from parity.report.document import Report, clean
from parity.verdict import Rows, State, TableVerdict
from stedi.cli.output import plain_table, print_lines, print_table, write
from stedi.counted import counted

__all__ = ["print_report", "story", "ways"]

EXAMPLES = 6
"""Examples shown on a terminal; the other reports have all of them."""


def print_report(report: Report) -> None:
    """Write the report to stdout."""
    left, right = report.labels
    rows = [
        (v.table, str(v.verdict), _rows(v.left_rows), _rows(v.right_rows), v.cause.words if v.cause else "", v.follows)
        for v in report.verdicts
    ]
    head = ("table", "verdict", left, right, "cause", "follows from")
    if not any(row[5] for row in rows):
        head, rows = head[:5], [row[:5] for row in rows]  # type: ignore[assignment, misc]
    if not any(row[4] for row in rows):
        head, rows = head[:4], [row[:4] for row in rows]  # type: ignore[assignment, misc]
    print_table([clean(name) for name in head], [[clean(cell) for cell in row] for row in rows], right=(left, right))
    for verdict in report.verdicts:
        if not verdict.same:
            print_lines(
                "",
                f"{clean(verdict.table)}: {verdict.verdict}",
                *(f"  {line}" for line in story(verdict, report.labels)),
            )
            _print_examples(verdict)
    print_lines("", clean(report.headline))


def story(verdict: TableVerdict, labels: tuple[str, str]) -> Iterator[str]:
    """Yield what there is to say of a table that is not the same, a line each."""
    if verdict.problem:
        yield clean(verdict.problem)
    if verdict.fix:
        yield f"fix: {clean(verdict.fix)}"
    if verdict.follows:
        yield f"follows from {clean(verdict.follows)}, which it is made from"
    for at, explanation in enumerate(verdict.causes):
        yield f"{'cause' if at == 0 else 'also fits'}: {explanation.cause.words}: {clean(explanation.evidence)}"
    for pair in verdict.columns:
        if pair.state not in (State.SAME, State.NOTED):
            sides = (f"{label} {type_ or 'none'}" for label, type_ in zip(labels, (pair.left, pair.right), strict=True))
            yield clean(f"column {pair.name}: {', '.join(sides)}")
    counts = ways(verdict.rows, labels)
    if counts:
        yield clean("rows " + ", ".join(f"{way}: {count:,}" for way, count in counts.items()))
    if verdict.changed:
        yield clean("changed: " + ", ".join(f"{name} in {counted(n, 'row')}" for name, n in verdict.changed.items()))
    for note in verdict.notes:
        yield f"note: {clean(note)}"


def ways(rows: Rows, labels: tuple[str, str]) -> dict[str, int]:
    """Return how many rows differ in each way there is."""
    left, right = labels
    counts = {
        f"only in {left}": rows.left_only,
        f"only in {right}": rows.right_only,
        f"more often in {left}": rows.left_surplus,
        f"more often in {right}": rows.right_surplus,
    }
    return {way: count for way, count in counts.items() if count}


def _print_examples(verdict: TableVerdict) -> None:
    shown = verdict.examples[:EXAMPLES]
    if not shown:
        return
    names = list(shown[0].values)
    rows = [
        [
            example.kind,
            *(
                f"{example.values[name]} -> {example.changed[name]}"
                if name in example.changed
                else example.values[name]
                for name in names
            ),
        ]
        for example in shown
    ]
    table = plain_table([clean(name) for name in ("example", *names)], [[clean(cell) for cell in row] for row in rows])
    write("".join(f"  {line}\n" for line in ["", *table.splitlines()]))


def _rows(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
