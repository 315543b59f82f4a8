"""What a script wrote, told by its columns where no name tells it."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from parity.places import overlap
from parity.sources import open_source
from stedi.contracts import TABLES
from stedi.engine import Engine
from stedi.errors import StediError

__all__ = ["columns_of", "meant_by_columns"]

_ALIKE = 0.6
_CLEARLY = 0.2


def columns_of(files: Mapping[str, Path]) -> tuple[str, ...]:
    """Return the columns of what lies in files, given by their place below it; none where it is no table."""
    with tempfile.TemporaryDirectory(prefix="stedi-") as folder, Engine(memory_limit="500MB") as engine:
        try:
            source = open_source(engine, "output", files, "an output", folder=Path(folder))
        except StediError:
            return ()
        return tuple(name for name, _ in source.columns) if source else ()


def meant_by_columns(columns: Collection[str], taken: Collection[str]) -> str:
    """Return the table, none of those taken, that columns are clearly most like; "" where there is none.

    Tables with the same columns (a feed's trusted and curated ones) cannot be told apart so, unless all but one are
    taken.
    """
    scores = sorted(
        ((overlap(columns, table), name) for name, table in TABLES.items() if table.zone != "landing"), reverse=True
    )
    free = [(score, name) for score, name in scores if name not in taken]
    if not free or free[0][0] < _ALIKE:
        return ""
    second = free[1][0] if len(free) > 1 else 0.0
    return free[0][1] if free[0][0] - second >= _CLEARLY else ""
