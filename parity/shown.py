"""What a comparison shows of the data: values of examples, and the names that the data give their columns.

Columns of personal data are masked by their name. But a job can put a name or a phone into any column, or make columns
of them, so whatever else is shown is looked through as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from parity.case import Case
from parity.difference import SIDES
from parity.examples import Show
from parity.personal import Ask, Hider, hider_of
from parity.verdict import TableVerdict
from stedi.contracts import TABLES, Table
from stedi.engine import Engine, quoted
from stedi.masking import mask, mask_emails

__all__ = ["show_all", "showing", "without_names"]

LONGEST = 120
"""Characters of a value that is shown."""

_PLAIN = ("INT", "FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN", "NULL")
"""What types of numbers contain; text, dates and nested values may hold anything."""

_PERSONAL = {column.name.lower() for table in TABLES.values() for column in table.columns if column.pii}

_SMALL = 1e6
"""Numbers below are nobody's phone or birthday."""

_ENUM = re.compile(r"ENUM\((?:'(?:[^']|'')*'(?:, )?)*\)")
_NESTED = (")", "]")


def _masked(columns: Sequence[tuple[str, str]], contract: Table | None) -> frozenset[str]:
    """Return the columns, given as (name, type), whose values are not to be shown.

    Those that the contract marks, and those of any table's personal data by their name. Nobody knows what a column
    holds that no contract speaks of: unless it holds numbers it is masked too.
    """
    known = {column.name.lower() for column in contract.columns} if contract else set()
    return frozenset(
        name
        for name, type_ in columns
        if name.lower() in _PERSONAL or (name.lower() not in known and not _is_plain(type_))
    )


def _is_plain(type_: str) -> bool:
    return (any(word in type_ for word in _PLAIN) and not type_.endswith(("]", ")"))) or type_[:8] == "DECIMAL("


def _own_hider(case: Case) -> Hider:
    """Return what hides the personal data of a case: those of its two tables and of the context."""

    def columns() -> Iterator[Ask]:
        for source in (*case.sources, *(known.source for known in case.others)):
            for name, _ in source.columns:
                if name.lower() in _PERSONAL:
                    yield _asking(case.engine, source.view, name)

    return lambda texts: hider_of(texts, columns)


def _asking(engine: Engine, view: str, column: str) -> Ask:
    people = f"with people as (select distinct {quoted(column)}::varchar as v from {quoted(view)})"
    return lambda sql: engine.run("personal data", f"{people} {sql}")


def showing(case: Case, hider: Hider | None) -> Show:
    """Return how values of examples come to be shown.

    A `hider` that is given knows all personal data there can be. Without one nobody does: then text of a column that
    the contract knows is shown only where that column has it on both sides, or on one and in a table of the context.
    """
    columns = case.columns
    hidden = _masked([(column.name, column.type) for column in columns], case.contract)

    def show(values: Collection[tuple[int, object]]) -> Callable[[int, object], str]:
        texts: dict[int, set[str]] = {at: set() for at, column in enumerate(columns) if column.name not in hidden}
        for at, value in values:
            if at in texts and value is not None:
                texts[at].add(_text(value))
        hide = (hider or _own_hider(case))([text for found in texts.values() for text in found])
        known = {
            at: _on_both(case, at, found)
            for at, found in texts.items()
            if hider is None and found and not _is_plain(columns[at].type)
        }

        def shown(at: int, value: object) -> str:
            if value is None:
                return "NULL"
            text = _text(value)
            if at not in texts or text not in known.get(at, (text,)):
                return mask(str(value))
            is_small = isinstance(value, int | float) and abs(value) < _SMALL
            return _cut(text if is_small else hide(text))

        return shown

    return show


def show_all(values: Collection[tuple[int, object]]) -> Callable[[int, object], str]:
    """Return how values are shown to whoever has asked for personal data."""
    return lambda _, value: "NULL" if value is None else _cut(_text(value))


def _on_both(case: Case, at: int, texts: Iterable[str]) -> set[str]:
    """Return which texts a column holds on both sides, or on one and in a table of the context."""
    held = "select distinct {column}::varchar as v from {view} where {column}::varchar in (select unnest($texts))"
    sides = [held.format(column=f"c{at}", view=view) for view in SIDES]
    others = [
        held.format(column=column, view=known.view)
        for known in case.others
        if (column := known.column(case.columns[at].name)) is not None
    ]
    context = f"select distinct v from ({' union all '.join(others)})" if others else ""
    each = " union all ".join([*sides, *filter(None, [context])])
    sql = f"select v from ({each}) group by v having count(*) > 1"
    return {text for (text,) in case.engine.run("examples", sql, {"texts": list(texts)})}


def _text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def without_names(verdict: TableVerdict, case: Case, hider: Hider | None) -> TableVerdict:
    """Return a verdict whose columns, where the contract does not know them, have no personal data for names.

    Nor have their types: those of nested values hold names, and that of an enumeration holds its values.
    """
    known = {column.name.lower() for column in case.contract.columns} if case.contract else set()
    columns = [column for source in case.sources for column in source.columns]
    names = {name for name, _ in columns if name.lower() not in known}
    names |= {type_ for _, type_ in columns if type_.endswith(_NESTED)}
    hide = mask_emails if verdict.same else (hider or _own_hider(case))(sorted(names))
    new = _distinct({name: hide(_ENUM.sub("ENUM", name)) for name in names})
    if not new:
        return verdict

    def text(said: str) -> str:
        return pattern.sub(lambda found: new[found.group()], said)

    pattern = re.compile("|".join(re.escape(name) for name in sorted(new, key=len, reverse=True)))
    return replace(
        verdict,
        columns=tuple(
            replace(
                pair,
                name=new.get(pair.name, pair.name),
                left=pair.left and new.get(pair.left, pair.left),
                right=pair.right and new.get(pair.right, pair.right),
                note=text(pair.note),
            )
            for pair in verdict.columns
        ),
        changed={new.get(name, name): count for name, count in verdict.changed.items()},
        examples=tuple(
            replace(
                example,
                values={new.get(name, name): value for name, value in example.values.items()},
                changed={new.get(name, name): value for name, value in example.changed.items()},
            )
            for example in verdict.examples
        ),
        causes=tuple(
            replace(
                cause,
                evidence=text(cause.evidence),
                facts={fact: text(value) if isinstance(value, str) else value for fact, value in cause.facts.items()},
            )
            for cause in verdict.causes
        ),
        notes=tuple(map(text, verdict.notes)),
    )


def _distinct(names: dict[str, str]) -> dict[str, str]:
    """Return the names that are shown otherwise, each as a name of its own."""
    found: dict[str, str] = {}
    for name, shown in sorted(names.items()):
        if shown != name:
            number = sum(other.startswith(shown) for other in found.values())
            found[name] = f"{shown} ({number + 1})" if number else shown
    return found
