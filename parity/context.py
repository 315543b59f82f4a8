"""Other tables than the two that are compared, which some causes are found by: opened when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from parity.sources import Data, Source, open_source
from stedi.contracts import TABLES
from stedi.engine import Engine, quoted
from stedi.errors import StediError, UsageError
from stedi.storage import Options, open_storage

__all__ = ["Context", "Known", "Tables", "lake_context"]

Tables = Mapping[str, Data] | Callable[[], Mapping[str, Data]]
"""Tables by name, or what returns them when the first is asked for."""


class Known:
    """One table of the context: its view, quoted, and its columns by name without regard to case."""

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self.source = source
        self.view = quoted(source.view)
        self.types = {column.lower(): type_ for column, type_ in source.columns}
        self._spelled = {column.lower(): column for column, _ in source.columns}

    def spelled(self, name: str) -> str | None:
        """Return a column as it is spelled here, or None."""
        return self._spelled.get(name.lower())

    def column(self, name: str) -> str | None:
        """Return a column, quoted as SQL, or None where it has none of that name."""
        spelled = self._spelled.get(name.lower())
        return quoted(spelled) if spelled is not None else None


class Context:
    """Tables by name. One that cannot be read is as if it were not there: it is evidence, not what is compared."""

    def __init__(self, engine: Engine, tables: Tables, folder: Path, options: Options | None) -> None:
        self._engine = engine
        self._given = tables
        self._folder = folder
        self._options = options
        self._open: dict[str, Known | None] = {}

    @cached_property
    def _tables(self) -> Mapping[str, Data]:
        return self._given() if callable(self._given) else self._given

    def __iter__(self) -> Iterator[Known]:
        return (known for name in self._tables if (known := self.get(name)) is not None)

    def __bool__(self) -> bool:
        return bool(self._tables)

    def get(self, name: str) -> Known | None:
        """Return a table of the context, or None."""
        if name not in self._open:
            self._open[name] = self._known(name) if name in self._tables else None
        return self._open[name]

    def _known(self, name: str) -> Known | None:
        view = f"context_{len(self._open)}"
        try:
            source = open_source(
                self._engine, view, self._tables[name], name, folder=self._folder, options=self._options
            )
        except StediError:
            return None
        return Known(name, source) if source else None


def lake_context(lake: str, options: Options | None = None) -> dict[str, Data]:
    """Return where the tables of a lake lie, landing too: what a comparison takes as context.

    UsageError where there is none of them.
    """
    storage = open_storage(lake, options)
    if not any(storage.list(table.prefix) for table in TABLES.values()):
        raise UsageError(f"{lake}: holds no table of the lakehouse", fix="name the lake of the left table")
    return {name: f"{lake.rstrip('/')}/{table.prefix}" for name, table in TABLES.items()}
