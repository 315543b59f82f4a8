"""The DAG as a drawing: tables by depth, each with its verdict; SVG that stands in the page."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

from parity.report.document import Report, clean, name_shown
from parity.verdict import TableVerdict

__all__ = ["picture"]

WIDTH, HEIGHT = 216, 62
"""Pixels of a table."""

ACROSS, DOWN, MARGIN = 52, 26, 8


def picture(report: Report) -> ET.Element:
    """Return the tables and what each is made from, coloured by verdict."""
    by_name = {verdict.table: verdict for verdict in report.verdicts}
    inputs = {name: tuple(report.inputs.get(name, ())) for name in [*by_name, *report.inputs]}
    names = list(dict.fromkeys([*inputs, *(source for sources in inputs.values() for source in sources)]))
    places = _places(names, inputs)
    width = max(x for x, _ in places.values()) + WIDTH + MARGIN
    height = max(y for _, y in places.values()) + HEIGHT + DOWN  # edges go along the gap below the last row too
    label = f"Tables and what each is made from. {report.headline}"
    drawing = ET.Element(
        "svg",
        {
            "class": "dag",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "role": "img",
            "aria-label": clean(label),
        },
    )
    for name in names:
        for source in inputs.get(name, ()):
            follows = name in by_name and source in by_name and not by_name[name].same and not by_name[source].same
            ET.SubElement(
                drawing, "path", {"d": _edge(places[source], places[name]), "class": "follows" if follows else "edge"}
            )
    for name in names:
        drawing.append(_node(name, places[name], by_name.get(name), is_first=by_name.get(name) is report.first))
    return drawing


def _places(names: Sequence[str], inputs: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Return the upper left corner of each table: columns by depth, what nothing makes right before it is needed."""
    depth: dict[str, int] = {}

    def deep(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((deep(source) for source in inputs.get(name, ())), default=-1)
        return depth[name]

    for name in names:
        deep(name)
    for name in names:
        if not inputs.get(name):
            depth[name] = min((depth[user] - 1 for user in names if name in inputs.get(user, ())), default=0)
    columns: dict[int, list[str]] = {}
    for name in names:
        columns.setdefault(depth[name], []).append(name)
    rank: dict[str, float] = {}
    for column in sorted(columns):
        # a table stands about where those stand that it is made from; what nothing makes stands below
        columns[column].sort(
            key=lambda name: _middle([rank[source] for source in inputs.get(name, ()) if source in rank])
        )
        rank |= {name: float(at) for at, name in enumerate(columns[column])}
    return {
        name: (MARGIN + column * (WIDTH + ACROSS), MARGIN + at * (HEIGHT + DOWN))
        for column, stack in columns.items()
        for at, name in enumerate(stack)
    }


def _middle(ranks: Sequence[float]) -> float:
    return sum(ranks) / len(ranks) if ranks else math.inf


def _edge(source: tuple[int, int], target: tuple[int, int]) -> str:
    x1, y1 = source[0] + WIDTH, source[1] + HEIGHT / 2
    x2, y2 = target[0], target[1] + HEIGHT / 2
    if x2 - x1 > ACROSS:
        # around the tables between: along the gap below the rows
        y = max(source[1], target[1]) + HEIGHT + DOWN / 2
        bend = ACROSS / 2
        return (
            f"M{x1},{y1} C{x1 + bend},{y1} {x1 + bend / 2},{y} {x1 + ACROSS},{y} "
            f"L{x2 - ACROSS},{y} C{x2 - bend / 2},{y} {x2 - bend},{y2} {x2},{y2}"
        )
    middle = (x1 + x2) / 2
    return f"M{x1},{y1} C{middle},{y1} {middle},{y2} {x2},{y2}"


def _node(name: str, place: tuple[int, int], verdict: TableVerdict | None, *, is_first: bool) -> ET.Element:
    kind = "none" if verdict is None else str(verdict.verdict)
    if verdict is not None and verdict.follows:
        kind += " later"
    node = ET.Element("g", {"class": f"table {kind}{' first' if is_first else ''}"})
    x, y = place
    size = {"width": str(WIDTH), "height": str(HEIGHT)}
    ET.SubElement(node, "rect", {"x": str(x), "y": str(y), "rx": "8", **size})
    ET.SubElement(node, "title").text = clean(name)
    link = node
    if verdict is not None:
        link = ET.SubElement(node, "a", {"href": f"#table-{clean(name)}"})
    shown = name if len(name) <= 25 else f"{name[:24]}…"  # noqa: PLR2004 - as many as fit
    for dy, style, text in ((21, "name", shown), (38, "rows", _rows(verdict)), (54, "verdict", _below(verdict))):
        ET.SubElement(link, "text", {"x": str(x + 12), "y": str(y + dy), "class": style}).text = clean(text)
    return node


def _rows(verdict: TableVerdict | None) -> str:
    if verdict is None:
        return ""
    counts = ["none" if rows is None else f"{rows:,}" for rows in (verdict.left_rows, verdict.right_rows)]
    return f"{counts[0]} rows" if counts[0] == counts[1] else f"{counts[0]} → {counts[1]} rows"


def _below(verdict: TableVerdict | None) -> str:
    if verdict is None:
        return "input, not compared"
    if verdict.follows:
        return f"{name_shown(verdict)}, follows"
    return name_shown(verdict) if verdict.cause is None or verdict.same else f"≠ {verdict.cause.words}"[:30]
