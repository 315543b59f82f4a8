"""Causes that lie in a column: its name, its type, how exact its values are."""

from __future__ import annotations

from parity.case import Case
from parity.difference import view_rows
from parity.fingerprint import Fingerprint, fingerprint, hashes
from parity.pairing import Column, common_type
from parity.verdict import Cause, ColumnPair, Explanation, Side, State
from stedi.engine import quoted

__all__ = [
    "case_of_names",
    "changed_values",
    "extra_column",
    "missing_column",
    "other_type",
    "precision",
    "renamed_column",
]

_NAMED = 20
"""Columns that are named in an explanation; more are counted."""

_TRIED = 100
"""Pairs of columns of which one may be the other renamed."""


def case_of_names(case: Case) -> Explanation | None:
    """Two columns of one side differ in case only, or one that is spelled otherwise lost its values."""
    for side, source in zip(Side, case.sources, strict=True):
        for name in source.spelled.values():
            twin = next((other for other, _ in source.columns if other.lower() == name.lower()), None)
            if twin is not None:
                evidence = f"{case.label(side)} has two columns that differ in case only: {twin} and {name}"
                if twin == name:
                    evidence = f"{case.label(side)} has two columns of one name: {name}"
                return Explanation(Cause.CASE_OF_NAMES, evidence, side)
    for number, column in enumerate(case.columns):
        if column.left and column.right and column.left != column.right:
            held = [case.ask(f"select count(c{number}) from {case.view(side)}")[0] for side in Side]
            if (held[0] == 0) != (held[1] == 0):
                side = Side.LEFT if held[0] == 0 else Side.RIGHT
                names = column.left, column.right
                own, other = names if side is Side.LEFT else names[::-1]
                evidence = (
                    f"{case.label(side)} spells {other} as {own}, and all {case.print(side).rows:,} values of it "
                    f"are NULL: its reader takes names as they are spelled"
                )
                return Explanation(Cause.CASE_OF_NAMES, evidence, side)
    return None


def renamed_column(case: Case) -> Explanation | None:
    """A column of the left and one of the right, of different names, hold the same values."""
    found = _renamed(case)
    if not found:
        return None
    names = ", ".join(f"{left.name} is {right.name}" for left, right in found)
    columns = list(case.columns)
    columns += [Column(one.name, one.name, other.name, _type(one, other)) for one, other in found]
    view_rows(case.engine, "left_renamed", case.sources[0].view, columns, [c.left for c in columns])
    view_rows(case.engine, "right_renamed", case.sources[1].view, columns, [c.right for c in columns])
    prints = [fingerprint(case.engine, view, "renamed columns") for view in ("left_renamed", "right_renamed")]
    rows = "the rows are the same under both names" if prints[0] == prints[1] else "both hold the same values"
    return Explanation(
        Cause.RENAMED_COLUMN, f"on {case.label(Side.RIGHT)} {names}: {rows}", Side.RIGHT, {"columns": len(found)}
    )


def _renamed(case: Case) -> list[tuple[ColumnPair, ColumnPair]]:
    single = {
        state: [pair for pair in case.pairing.pairs if pair.state is state]
        for state in (State.LEFT_ONLY, State.RIGHT_ONLY)
    }
    pairs = [(one, other) for one in single[State.LEFT_ONLY] for other in single[State.RIGHT_ONLY]]
    pairs = [pair for pair in pairs if _type(*pair)]
    if not pairs or len(pairs) > _TRIED:
        return []
    sums: list[list[tuple[int, ...]]] = []
    for at, source in enumerate(case.sources):
        picked = ", ".join(_sums(pair[at].name, _type(*pair)) for pair in pairs)
        row = case.ask(f"select {picked} from {quoted(source.view)}")
        sums.append([tuple(row[3 * number : 3 * number + 3]) for number in range(len(pairs))])
    found: list[tuple[ColumnPair, ColumnPair]] = []
    for pair, left, right in zip(pairs, *sums, strict=True):
        taken = any(pair[0] is one or pair[1] is other for one, other in found)
        if left == right and left[0] and not taken:
            found.append(pair)
    return found


def _sums(name: str, type_: str) -> str:
    """Return the SQL of how many values a column has in a type, and of the two sums of their hashes."""
    value = f"try_cast({quoted(name)} as {type_})"
    first, second = hashes([(value, type_)])
    return f"count({value}), sum({first}), sum({second})"


def _type(left: ColumnPair, right: ColumnPair) -> str:
    """Return the type both can be compared in, or nothing."""
    type_, state, _ = common_type(left.left or "", right.right or "")
    return type_ if state is not State.TYPE else ""


def missing_column(case: Case) -> Explanation | None:
    """The right lacks columns that the left has."""
    return _unpaired(case, State.LEFT_ONLY, Cause.MISSING_COLUMN, "lacks")


def extra_column(case: Case) -> Explanation | None:
    """The right has columns that the left has not."""
    return _unpaired(case, State.RIGHT_ONLY, Cause.EXTRA_COLUMN, "has more than it should:")


def _unpaired(case: Case, state: State, cause: Cause, verb: str) -> Explanation | None:
    renamed = {pair.name for both in _renamed(case) for pair in both}
    names = [pair.name for pair in case.pairing.pairs if pair.state is state and pair.name not in renamed]
    if not names:
        return None
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    evidence = f"{case.label(Side.RIGHT)} {verb} {', '.join(names[:_NAMED])}{more}"
    if case.columns:
        same = "the same" if case.prints[0] == case.prints[1] else "different"
        evidence += f"; in the other {len(case.columns)} columns the rows are {same}"
    if cause is Cause.EXTRA_COLUMN:
        of = next((known.name for known in case.context if all(known.column(name) for name in names)), None)
        evidence += f"; {of} has {'them' if len(names) > 1 else 'it'}" if of else ""
    return Explanation(cause, evidence, Side.RIGHT, {"columns": len(names)})


def precision(case: Case) -> Explanation | None:
    """Doubles of one side went through 32 bits: rounded to floats both sides are the same."""
    doubles = [at for at, column in enumerate(case.columns) if column.type == "DOUBLE"]
    if not doubles or case.prints[0] == case.prints[1]:
        return None
    rounded = [
        f"coalesce(try_cast(c{at} as float)::double, c{at}) as c{at}" if at in doubles else f"c{at}"
        for at in range(len(case.columns))
    ]
    prints: list[Fingerprint] = []
    exact: list[bool] = []
    for side in Side:
        view = f"{side}_rounded"
        case.engine.run(
            "precision",
            f"create or replace temp view {view}_values as select {', '.join(rounded)} from {case.view(side)}",
        )
        columns = [Column(c.name, f"c{at}", f"c{at}", c.type) for at, c in enumerate(case.columns)]
        view_rows(case.engine, view, f"{view}_values", columns, [c.left for c in columns])
        prints.append(fingerprint(case.engine, view, "precision"))
        off = " or ".join(f"c{at} is distinct from coalesce(try_cast(c{at} as float)::double, c{at})" for at in doubles)
        exact.append(not case.ask(f"select exists (from {case.view(side)} where {off})")[0])
    if prints[0] != prints[1] or exact[0] == exact[1]:
        return None
    side = Side.LEFT if exact[0] else Side.RIGHT
    evidence = (
        f"every double of {case.label(side)} is one of 32 bits, and rounded to those {case.label(side.other)} "
        f"is the same"
    )
    return Explanation(Cause.PRECISION, evidence, side, {"columns": len(doubles)})


def other_type(case: Case) -> Explanation | None:
    """Columns have different types; where both cast to one are the same, it is that alone."""
    pairs = [pair for pair in case.pairing.pairs if pair.state is State.TYPE]
    if not pairs:
        return None
    cause = Cause.PRECISION if all({p.left, p.right} == {"FLOAT", "DOUBLE"} for p in pairs) else Cause.TYPE
    evidence = "; ".join(f"{pair.name} is {pair.note}" for pair in pairs)
    lost = sum(_lost(case, pair) for pair in pairs)
    if lost:
        evidence += f"; {lost:,} values cannot be cast"
    elif case.prints[0] == case.prints[1]:
        evidence += "; cast to one type the rows are the same"
    return Explanation(cause, evidence, Side.RIGHT, {"columns": len(pairs), "not_cast": lost})


def _lost(case: Case, pair: ColumnPair) -> int:
    """Return how many values of a column its common type cannot hold."""
    [number] = [at for at, column in enumerate(case.columns) if column.name == pair.name]
    column = case.columns[number]
    lost = 0
    for side, source, name in zip(Side, case.sources, (column.left, column.right), strict=True):
        [held] = case.ask(f"select count({quoted(name or '')}) from {quoted(source.view)}")
        [cast] = case.ask(f"select count(c{number}) from {case.view(side)}")
        lost += held - cast
    return lost


def changed_values(case: Case) -> Explanation | None:
    """Rows of both sides have one key, and other values."""
    if not case.paired:
        return None
    names = ", ".join(
        f"{case.columns[at].name} ({count:,})" for at, count in sorted(case.changed.items(), key=lambda item: -item[1])
    )
    share = f" among one in {case.difference.one_in} of the keys" if case.difference.one_in > 1 else ""
    keys = ", ".join(case.columns[at].name for at in case.keys)
    pairs = "1 row has" if case.paired == 1 and not share else f"{case.paired:,} rows{share} have"
    evidence = f"{pairs} the same {keys} and other values: {names}"
    return Explanation(Cause.CHANGED_VALUES, evidence, None, {"rows": case.paired})
