"""report.html: one page that needs nothing else, built as a tree of elements, so that all text in it is text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from parity.report.document import Report, clean, name_shown
from parity.report.picture import picture
from parity.report.terminal import ways
from parity.verdict import Example, State, TableVerdict
from stedi.counted import counted

__all__ = ["page"]

_STYLE = Path(__file__).with_name("page.css")

Node = ET.Element | str


def page(report: Report) -> str:
    """Return the report as an HTML page."""
    body = _element(
        "main",
        _header(report),
        _section("From table to table", _element("div", picture(report), class_="scroll")) if report.verdicts else "",
        _section("Verdicts", _element("div", _verdicts(report), class_="scroll")),
        *(_details(verdict, report.labels) for verdict in report.verdicts),
        _section("Reproducer", _element("pre", *_lines(report.reproducer))) if report.reproducer else "",
    )
    head = _element(
        "head",
        _element("meta", charset="utf-8"),
        _element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # it loads and runs nothing, whatever the data hold
        _element("meta", **{"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        _element("title", f"{report.title}: {report.verdict}"),
        _element("style", _STYLE.read_text(encoding="utf-8")),
    )
    html = _element("html", head, _element("body", body), lang="en")
    return "<!DOCTYPE html>\n" + ET.tostring(html, encoding="unicode", method="html") + "\n"


_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def _element(tag: str, *children: Node, class_: str = "", **attributes: str) -> ET.Element:
    """Return an element; texts among its children are escaped when the page is written."""
    element = ET.Element(tag, {"class": class_} if class_ else {})
    for name, value in attributes.items():
        element.set(name, clean(value))
    last: ET.Element | None = None
    for child in children:
        if isinstance(child, str):
            text = child if tag == "style" else clean(child)
            if last is None:
                element.text = (element.text or "") + text
            else:
                last.tail = (last.tail or "") + text
        else:
            element.append(child)
            last = child
    return element


def _lines(text: str) -> Iterable[Node]:
    for line in text.splitlines():
        yield line
        yield _element("br")


def _section(title: str, *children: Node) -> ET.Element:
    return _element("section", _element("h2", title), *children)


def _header(report: Report) -> ET.Element:
    facts = {**report.facts, "took": f"{report.seconds:.1f} s", "finished": f"{report.finished:%Y-%m-%d %H:%M} UTC"}
    return _element(
        "header",
        _element("p", report.title, class_="title"),
        _element("h1", report.headline, class_=f"banner {report.verdict}"),
        _element("dl", *(_element("div", _element("dt", n), _element("dd", v)) for n, v in facts.items())),
    )


def _verdicts(report: Report) -> ET.Element:
    rows = []
    for verdict in report.verdicts:
        cause: Node = verdict.cause.words if verdict.cause else verdict.problem
        rows.append(
            _element(
                "tr",
                _element("td", _element("a", verdict.table, href=f"#table-{verdict.table}")),
                _element("td", _badge(verdict)),
                _number(verdict.left_rows),
                _number(verdict.right_rows),
                _element("td", cause, f" (follows from {verdict.follows})" if verdict.follows else ""),
            )
        )
    return _table(("table", "verdict", report.labels[0], report.labels[1], "cause"), rows, right=report.labels)


def _badge(verdict: TableVerdict) -> ET.Element:
    return _element("span", name_shown(verdict), class_=f"badge {verdict.verdict}")


def _details(verdict: TableVerdict, labels: tuple[str, str]) -> ET.Element:
    parts: list[Node] = []
    if verdict.follows:
        follows = _element("a", verdict.follows, href=f"#table-{verdict.follows}")
        parts.append(
            _element("p", "Follows from ", follows, ", which it is made from: look there first.", class_="hint")
        )
    if verdict.problem:
        parts.append(_element("p", verdict.problem, class_="evidence"))
    if verdict.fix:
        parts.append(_element("p", f"Fix: {verdict.fix}"))
    for at, explanation in enumerate(verdict.causes):
        words = explanation.cause.words if at == 0 else f"also fits: {explanation.cause.words}"
        parts.append(
            _element("p", _element("b", words), ": ", explanation.evidence, class_="evidence" if at == 0 else "")
        )
    counts = ways(verdict.rows, labels)
    if counts:
        parts.append(_bars(counts))
    if verdict.changed:
        changes = ", ".join(f"{name} ({counted(count, 'row')})" for name, count in verdict.changed.items())
        parts.append(_element("p", "Changed, of rows with the same key: ", changes))
    parts += [_columns(verdict, labels), _examples(verdict)]
    if verdict.notes:
        parts.append(_element("ul", *(_element("li", note) for note in verdict.notes), class_="notes"))
    title = _element("summary", _element("h3", verdict.table), " ", _badge(verdict))
    is_open = {} if verdict.same else {"open": "open"}
    return _element("details", title, *parts, class_=f"card {verdict.verdict}", id=f"table-{verdict.table}", **is_open)


def _bars(counts: Mapping[str, int]) -> ET.Element:
    """Return how many rows differ in which way, as bars."""
    most = max(counts.values())
    return _element(
        "div",
        *(
            _element(
                "div",
                _element("span", name, class_="what"),
                _element("span", _element("i", style=f"width:{max(100 * count / most, 0.5):.1f}%"), class_="bar"),
                _element("span", f"{count:,}", class_="count"),
            )
            for name, count in counts.items()
        ),
        class_="bars",
    )


def _columns(verdict: TableVerdict, labels: tuple[str, str]) -> Node:
    if not verdict.columns:
        return ""
    differ = [pair for pair in verdict.columns if pair.state not in (State.SAME, State.NOTED)]
    rows = [
        _element(
            "tr",
            _element("td", pair.name),
            _element("td", pair.left or "none"),
            _element("td", pair.right or "none"),
            _element("td", str(pair.state), class_="off" if pair in differ else ""),
            _element("td", pair.note),
        )
        for pair in verdict.columns
    ]
    table = _element("div", _table(("column", *labels, "", "note"), rows), class_="scroll")
    title = counted(len(verdict.columns), "column")
    title += f", {len(differ)} of them different" if differ else ", the same on both sides"
    return _element("details", _element("summary", title), table, **({"open": "open"} if differ else {}))


def _examples(verdict: TableVerdict) -> Node:
    if not verdict.examples:
        return ""
    names = list(verdict.examples[0].values)
    rows = [
        _element(
            "tr",
            _element("td", _element("span", example.kind, class_="kind"), _times(example)),
            *(_value(example, name) for name in names),
        )
        for example in verdict.examples
    ]
    title = _element("h4", counted(len(verdict.examples), "example"))
    return _element("div", title, _element("div", _table(("", *names), rows), class_="scroll"))


def _times(example: Example) -> str:
    often = max(example.left_times, example.right_times) > 1
    return f" {example.left_times} : {example.right_times}" if often else ""


def _value(example: Example, name: str) -> ET.Element:
    value = example.values.get(name, "")
    if name not in example.changed:
        return _element("td", value, class_="null" if value == "NULL" else "")
    return _element("td", _element("del", value), " ", _element("ins", example.changed[name]), class_="changed")


def _number(count: int | None) -> ET.Element:
    return _element("td", "" if count is None else f"{count:,}", class_="number")


def _table(head: Sequence[str], rows: Iterable[ET.Element], right: Sequence[str] = ()) -> ET.Element:
    cells = (_element("th", name, class_="number" if name in right else "", scope="col") for name in head)
    return _element("table", _element("thead", _element("tr", *cells)), _element("tbody", *rows))
