"""report.md: for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from parity.report.document import Report, clean, name_shown
from parity.report.terminal import story
from parity.verdict import TableVerdict

__all__ = ["LONGEST", "markdown"]

EXAMPLES = 5
"""Examples shown of a table; report.json and report.html have all of them."""

LONGEST = 60_000
"""Characters: GitHub takes 65,536 of a comment."""

_SPECIAL = re.compile(r"[\\`*{}\[\]<>#|~&$@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def markdown(report: Report) -> str:
    """Return the report as Markdown: verdicts as a table, what differs folded away below it."""
    left, right = report.labels
    lines = [f"## {_text(report.title)}: {_text(str(report.verdict))}", "", _text(report.headline) + ".", ""]
    rows = [
        (
            v.table,
            name_shown(v),
            _rows(v.left_rows),
            _rows(v.right_rows),
            (v.cause.words if v.cause else v.problem) + (f" (follows from {v.follows})" if v.follows else ""),
        )
        for v in report.verdicts
    ]
    lines += _table(("table", "verdict", f"{left} rows", f"{right} rows", "cause"), rows, right=(2, 3))
    parts = ["\n".join(lines)]
    parts += [
        "\n".join(_details(verdict, report.labels, is_open=verdict is report.first))
        for verdict in report.verdicts
        if not verdict.same
    ]
    if report.reproducer:
        # indented, it is shown as it is
        lines = [f"    {clean(line)}" for line in report.reproducer.splitlines()]
        parts.append("\n".join(["<details><summary>Reproducer</summary>", "", *lines, "", "</details>"]))
    facts = [f"{_text(name)}: {_text(value)}" for name, value in report.facts.items()]
    end = f"<sub>{' · '.join([*facts, f'{report.seconds:.1f} s', report.finished.isoformat(timespec='seconds')])}</sub>"
    kept: list[str] = []
    for part in parts:
        if sum(map(len, kept)) + len(part) > LONGEST:
            kept.append("There is more to say: report.html has all of it.")
            break
        kept.append(part)
    return "\n\n".join([*kept, end]) + "\n"


def _details(verdict: TableVerdict, labels: tuple[str, str], *, is_open: bool) -> Iterator[str]:
    cause = f": {verdict.cause.words}" if verdict.cause else ""
    title = _text(f"{verdict.table}: {verdict.verdict}{cause}")
    yield f"<details{' open' if is_open else ''}><summary>{title}</summary>"
    yield ""
    yield from (f"- {_text(line)}" for line in story(verdict, labels))
    shown = verdict.examples[:EXAMPLES]
    if shown:
        names = list(shown[0].values)
        rows = [
            [
                example.kind,
                *(
                    f"{example.values[n]} → {example.changed[n]}" if n in example.changed else example.values[n]
                    for n in names
                ),
            ]
            for example in shown
        ]
        yield ""
        yield from _table(("example", *names), rows)
    yield ""
    yield "</details>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    rules = ["---:" if at in right else "---" for at in range(len(head))]
    lines = [[_text(cell) for cell in row] for row in (head, *rows)]
    return [f"| {' | '.join(cells)} |" for cells in (lines[0], rules, *lines[1:])]


def _rows(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _text(text: str) -> str:
    """Return a text that Markdown shows as it is: no markup, no link, nobody mentioned."""
    return _SPECIAL.sub(lambda found: f"&#{ord(found.group())};", clean(text)).replace("://", ":&#47;&#47;")
