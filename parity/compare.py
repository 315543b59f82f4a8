"""Two tables to a verdict: schema, then row count, then the rows as a multiset; and where they differ, why.

Typed values are compared, never rendered text. First come the fingerprints, one pass over each side; only where they
differ the full difference, bounded in memory, and the search for the cause.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from parity.case import Case
from parity.causes import find_causes, row_order
from parity.context import Context, Tables
from parity.difference import SIDES, changed_by_key, find_difference, look_up, view_rows
from parity.examples import EXAMPLES, Show, find_examples
from parity.fingerprint import Fingerprint, fingerprint
from parity.long_integers import refuse_long_integers
from parity.lossless import lost
from parity.pairing import Pairing, is_number, pair
from parity.personal import Hider
from parity.shown import show_all, showing, without_names
from parity.sources import Data, Source, open_source, readable
from parity.tolerance import Tolerance, near, pair_near
from parity.verdict import Cause, Explanation, Side, State, TableVerdict, Verdict, missing
from stedi.contracts import Table
from stedi.engine import Engine, quoted
from stedi.errors import EnvironmentFault, StediError, UsageError
from stedi.settings import nearest
from stedi.storage import Options

__all__ = ["MEMORY_LIMIT", "Data", "Tolerance", "compare"]

MEMORY_LIMIT = "1200MB"
"""What a comparison takes of memory unless told otherwise; the rest goes to disk."""


def compare(
    left: Data,
    right: Data,
    *,
    table: str = "",
    contract: Table | None = None,
    keys: Sequence[str] = (),
    tolerance: Mapping[str, float | Tolerance] | None = None,
    context: Tables | None = None,
    labels: tuple[str, str] = ("left", "right"),
    may_be_empty: bool = False,
    show_pii: bool = False,
    hider: Hider | None = None,
    examples: int = EXAMPLES,
    memory_limit: str | None = None,
    options: Options | None = None,
) -> TableVerdict:
    """Compare two tables and return the verdict; the left one is what the right one should be.

    `contract` says which columns are optional and personal, and by which keys to pair rows that changed (its required
    columns; `keys` goes first). `tolerance` maps columns of doubles to how far two values may lie apart. `context`
    holds other tables of the left side by name, which some causes need, or returns them when it is called, where one
    does. `labels` name the sides in the evidence. `hider` knows what is personal in the data that both tables were made
    from; without one only what the tables and the context hold is known, and more is masked.
    Two empty tables are the same only with `may_be_empty`; a table that is not there is `missing`, on both sides too.
    Raises UsageError for keys and tolerances that name no column, EnvironmentFault where a side cannot be read.
    """
    started = time.perf_counter()
    name = table or (contract.name if contract else "table")
    with (
        tempfile.TemporaryDirectory(prefix="stedi-parity-", ignore_cleanup_errors=True) as folder,
        Engine(memory_limit=memory_limit or MEMORY_LIMIT, spill=Path(folder), in_order=False) as engine,
    ):
        # an instant without a zone is set beside one with a zone as if it were of UTC
        engine.run("settings", "set TimeZone = 'UTC'")
        names = _named(left, f"{name}, {labels[0]}"), _named(right, f"{name}, {labels[1]}")
        places = [
            open_source(engine, view, data, what, folder=Path(folder), options=options)
            for view, data, what in zip(("left_table", "right_table"), (left, right), names, strict=True)
        ]
        first, second = places
        if first is None or second is None:
            return _missing(engine, name, places, names)
        case = _case(
            engine,
            name,
            first,
            second,
            contract=contract,
            keys=keys,
            tolerance=_tolerances(tolerance or {}),
            context=Context(engine, context or {}, Path(folder), options),
            labels=labels,
            names=names,
        )
        show = show_all if show_pii else showing(case, hider)
        with _blaming(engine, (first, second), names):
            verdict = _judge(case, may_be_empty=may_be_empty, show=show, most=examples)
        if not show_pii:
            verdict = without_names(verdict, case, hider)
        return replace(verdict, seconds=time.perf_counter() - started)


def _case(
    engine: Engine,
    name: str,
    left: Source,
    right: Source,
    *,
    contract: Table | None,
    keys: Sequence[str],
    tolerance: Mapping[str, Tolerance],
    context: Context,
    labels: tuple[str, str],
    names: tuple[str, str],
) -> Case:
    """Pair the columns, view both sides in common types and take their fingerprints."""
    pairing = pair(
        left.columns,
        right.columns,
        weak_left=left.weak,
        weak_right=right.weak,
        optional=[column.name for column in contract.columns if column.optional] if contract else (),
        tolerant=tolerance,
    )
    pairing = _settled(engine, pairing, (left, right), names, tolerance)
    columns = pairing.compared
    # read as a double, one stands for many, and only beside a double of the other side that is what it means
    both = left.kind == right.kind == "JSON"
    own = [column for column in columns if both or "DOUBLE" not in column.type]
    refuse_long_integers(engine, left, [column.left for column in own if column.left], names[0])
    refuse_long_integers(engine, right, [column.right for column in own if column.right], names[1])
    at = {column.name.lower(): number for number, column in enumerate(columns)}
    view_rows(engine, SIDES[0], left.view, columns, [column.left for column in columns])
    view_rows(engine, SIDES[1], right.view, columns, [column.right for column in columns])
    tolerant = dict(zip(_numbered(list(tolerance), at, "tolerance"), tolerance.values(), strict=True))
    for number in tolerant:
        if not is_number(columns[number].type):
            raise UsageError(f"tolerance {columns[number].name}: it is {columns[number].type}", fix="name a number")
    chosen = keys or [key for key in (contract.required if contract else ()) if key.lower() in at]
    return Case(
        engine=engine,
        name=name,
        sources=(left, right),
        pairing=pairing,
        prints=(_print(engine, SIDES[0], left, names[0]), _print(engine, SIDES[1], right, names[1])),
        keys=tuple(_numbered(chosen, at, "key")),
        tolerance=tolerant,
        contract=contract,
        context=context,
        labels=labels,
    )


def _print(engine: Engine, view: str, source: Source, what: str) -> Fingerprint:
    """Return the fingerprint of a side, which is where all of it is read for the first time."""
    with readable(what, source.kind):
        return fingerprint(engine, view, what)


def _judge(case: Case, *, may_be_empty: bool, show: Show, most: int) -> TableVerdict:
    left, right = case.prints
    verdict = TableVerdict(
        case.name,
        Verdict.DIFFERENT,
        left_rows=left.rows,
        right_rows=right.rows,
        columns=case.pairing.pairs,
        notes=_notes(case),
    )
    if left.rows == 0 and right.rows == 0 and not may_be_empty:
        evidence = "both sides are empty, and nothing says that they may be"
        return replace(verdict, causes=(Explanation(Cause.EMPTY, evidence),))
    if left == right and not case.pairing.differs:
        return replace(verdict, verdict=Verdict.SAME, fingerprint=str(left), causes=row_order(case))
    if left != right:
        case.difference = find_difference(case.engine, left.rows + right.rows, case.keys)
        if case.tolerance:
            near_note = pair_near(case.engine, case.columns, case.tolerance)
            case.difference = look_up(case.engine, case.keys)
            within = "values within their tolerance are taken as the same"
            verdict = replace(verdict, notes=(*verdict.notes, within, *filter(None, [near_note])))
            if not case.difference.rows.any and not case.pairing.differs:
                return replace(verdict, verdict=Verdict.SAME)
    pairs, others = None, [at for at in range(len(case.columns)) if at not in case.keys]
    if case.difference.rows.any and case.keys:
        nearness = {at: near(at, case.columns[at].type, tolerance) for at, tolerance in case.tolerance.items()}
        case.paired, case.changed = changed_by_key(case.engine, case.keys, others, nearness)
        pairs = others
    found = (
        find_examples(case.engine, [c.name for c in case.columns], show, pairs=pairs, most=most)
        if case.difference.rows.any
        else ()
    )
    return replace(
        verdict,
        rows=case.difference.rows,
        changed={case.columns[at].name: count for at, count in case.changed.items()},
        examples=found,
        causes=find_causes(case),
    )


def _settled(
    engine: Engine,
    pairing: Pairing,
    places: tuple[Source, Source],
    names: tuple[str, str],
    tolerant: Collection[str],
) -> Pairing:
    """Make a column a difference of type whose values the type of both cannot hold.

    That is what stands for no value of the other side's type, and instants beyond what nanoseconds reach; and what the
    files of a side hold as other kinds of values each: read as one, as text mostly, 1 would be the same as the text 1.
    """
    (left, right), types = places, [dict(place.columns) for place in places]
    # other types are a difference as they are; and of what may lie apart, a little may be lost
    exact = {pair.name for pair in pairing.pairs if pair.state is State.NOTED}
    exact -= {name for name in exact if name.lower() in {column.lower() for column in tolerant}}
    failing: dict[str, str] = {}
    for column in pairing.compared:
        sides = ((left, column.left, types[0], names[0]), (right, column.right, types[1], names[1]))
        for source, name, own, what in sides:
            if name is not None and name.lower() in source.mixed:
                failing[column.name] = f"files of one side hold it as {source.mixed[name.lower()]}"
            if name is None or own[name] == column.type:
                continue
            if name not in source.weak and not column.type.endswith("_NS"):
                continue
            text = quoted(name)
            bad_value = (
                lost(text, own[name], column.type)
                if name in source.weak and column.name in exact
                else f"{text} is not null and try_cast({text} as {column.type}) is null"
            )
            with readable(what, source.kind):
                sql = f"select count(*) filter ({bad_value}) from {quoted(source.view)}"
                [(bad,)] = engine.run(source.view, sql)
            if bad:
                failing[column.name] = f"{bad:,} values of {own[name]} are no {column.type}"
    if not failing:
        return pairing
    pairs = tuple(
        replace(pair, state=State.TYPE, note="; ".join(filter(None, [pair.note, failing[pair.name]])))
        if pair.name in failing
        else pair
        for pair in pairing.pairs
    )
    return replace(pairing, pairs=pairs)


@contextlib.contextmanager
def _blaming(engine: Engine, sources: Sequence[Source], names: Sequence[str]) -> Iterator[None]:
    """Say of a query that fails in the block which side cannot be read, where one is why.

    A column that only one side has is read for the first time when a cause is looked for.
    """
    try:
        yield
    except StediError as error:
        if not isinstance(error.__cause__, duckdb.Error) or isinstance(error, EnvironmentFault):
            raise
        for source, what in zip(sources, names, strict=True):
            columns = ", ".join(quoted(name) for name, _ in source.columns)
            with readable(what, source.kind):
                engine.run(what, f"select sum(hash({columns})) from {quoted(source.view)}")
        raise


def _tolerances(given: Mapping[str, float | Tolerance]) -> dict[str, Tolerance]:
    return {column: by if isinstance(by, Tolerance) else Tolerance(by) for column, by in given.items()}


def _numbered(names: Sequence[str], at: Mapping[str, int], what: str) -> list[int]:
    for name in names:
        if name.lower() not in at:
            raise UsageError(
                f"{what} {name}: no column that both sides have{nearest(name, at)}", fix="name one that both have"
            )
    return [at[name.lower()] for name in names]


def _notes(case: Case) -> tuple[str, ...]:
    noted = (pair for pair in case.pairing.pairs if pair.state is State.NOTED and pair.note)
    return (*(f"{pair.name}: {pair.note}" for pair in noted), *_nullability(case))


def _nullability(case: Case) -> Iterator[str]:
    """Yield which columns may hold NULL by the schema of one side only."""
    left, right = (source.required for source in case.sources)
    if left is None or right is None:
        return
    columns = [column for column in case.columns if column.left and column.right]
    for side, own, other in ((Side.LEFT, left, right), (Side.RIGHT, right, left)):
        names = [(c.left, c.right) if side is Side.LEFT else (c.right, c.left) for c in columns]
        only = [one for one, two in names if one in own and two not in other]
        if only:
            yield f"by its schema {case.label(side)} holds no NULL in {', '.join(map(str, only))}"


def _named(data: Data, otherwise: str) -> str:
    """Return what to call a side in errors: the place it is at, where it has one."""
    return os.fspath(data) if isinstance(data, str | os.PathLike) else otherwise


def _missing(engine: Engine, name: str, places: Sequence[Source | None], names: Sequence[str]) -> TableVerdict:
    counts = [None if place is None else _count(engine, place) for place in places]
    where = " and ".join(what for what, place in zip(names, places, strict=True) if place is None)
    return missing(name, f"{where}: there is no table", left_rows=counts[0], right_rows=counts[1])


def _count(engine: Engine, source: Source) -> int:
    [(rows,)] = engine.run(source.view, f"select count(*) from {quoted(source.view)}")
    return int(rows)
