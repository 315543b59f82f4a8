"""Every table of a lake as a relation in the engine, opened when a statement first reads it.

Builds, audits, verification and queries all see the lake through this: landing feeds as their good rows, published or
staged tables as Parquet, and the facts the audits share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from stedi.contracts import TABLES
from stedi.engine import Engine, quoted
from stedi.landing import Landed, open_lines, open_rows
from stedi.stages import FACTS

__all__ = ["Relations"]

_LINES = "_lines"


class Relations:
    """The tables of one lake in one engine.

    `landed` reads a feed, once, when one of its relations is needed; `files` holds the Parquet files of the tables
    that are made; `materialise` loads landing rows into memory instead of parsing them at each reference.
    """

    def __init__(
        self,
        engine: Engine,
        landed: Callable[[str], Landed],
        files: Mapping[str, Sequence[Path]],
        *,
        materialise: bool,
    ) -> None:
        self.engine = engine
        self._landed = landed
        self._files = dict(files)
        self._materialise = materialise
        self._open: set[str] = set()

    def put(self, name: str, files: Sequence[Path]) -> None:
        """Have a table, made just now, read from these files."""
        self._files[name] = files

    def need(self, sql: str) -> None:
        """Open everything a statement reads."""
        self.open(self.engine.tables_in(sql))

    def open(self, names: Iterable[str]) -> None:
        """Open relations by name; names that are none of the lake's are left to the engine to refuse."""
        for name in sorted(set(names) - self._open):
            self._open.add(name)
            feed = TABLES.get(name.removesuffix(_LINES))
            if feed is not None and feed.zone == "landing":
                if name.endswith(_LINES):
                    open_lines(self.engine, feed, self._landed(feed.name))
                else:
                    open_rows(self.engine, feed, self._landed(feed.name), materialise=self._materialise)
            elif name in self._files:
                self.engine.view_parquet(name, self._files[name])
            elif name in FACTS:
                self.need(FACTS[name].sql)
                self.engine.run(name, f"create table {quoted(name)} as {FACTS[name].sql}")
