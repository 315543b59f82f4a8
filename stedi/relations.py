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
from stedi.parameters import Parameters
from stedi.stages import FACTS, PARAMETERS, RUN_PARAMETERS

__all__ = ["Relations"]

_LINES = "_lines"


class Relations:
    """The tables of one lake in one engine.

    `landed` reads a feed, once, when one of its relations is needed; `files` holds the Parquet files of the tables
    that are made; `in_memory` loads landing rows into memory instead of parsing them at each reference. `parameters`
    are needed to make tables only. `columns` holds what the Parquet files say of those that were opened.
    """

    def __init__(
        self,
        engine: Engine,
        landed: Callable[[str], Landed],
        files: Mapping[str, Sequence[str | Path]],
        *,
        in_memory: bool,
        parameters: Parameters | None = None,
    ) -> None:
        self.engine = engine
        self._landed = landed
        self._files = dict(files)
        self.in_memory = in_memory
        self._parameters = parameters
        self._open: set[str] = set()
        self.columns: dict[str, list[tuple[str, str]]] = {}

    def put(self, name: str, files: Sequence[Path]) -> None:
        """Have a table, made just now, read from these files."""
        self._files[name] = files

    def open(self, names: Iterable[str]) -> None:
        """Open relations by name, and what they are made of; a name that is none of the lake's is passed over."""
        for name in names:
            if name not in self._open:
                self._open.add(name)
                self._open_one(name)

    def _open_one(self, name: str) -> None:
        feed = TABLES.get(name.removesuffix(_LINES))
        if feed is not None and feed.zone == "landing":
            landed = self._landed(feed.name)
            if name.endswith(_LINES):
                open_lines(self.engine, feed, landed)
            else:
                open_rows(self.engine, feed, landed, in_memory=self.in_memory)
        elif name in self._files:
            self.columns[name] = self.engine.view_parquet(name, self._files[name])
        elif name == RUN_PARAMETERS and self._parameters is not None:
            self._open_parameters(self._parameters)
        elif name in FACTS:
            self.open(FACTS[name].inputs)
            self.engine.run(name, f"create table {quoted(name)} as {FACTS[name].sql}")

    def _open_parameters(self, parameters: Parameters) -> None:
        """Stand the parameters before the stages: as variables of the connection, which DuckDB never spills."""
        values = {"pseudonym_key": parameters.key, "clock_skew_ms": parameters.clock_skew_ms}
        for name, value in values.items():
            self.engine.run(RUN_PARAMETERS, f"set variable {name} = $value", {"value": value})
        columns = ", ".join(f"getvariable('{name}')::{kind} as {name}" for name, kind in PARAMETERS.items())
        self.engine.run(RUN_PARAMETERS, f"create view {RUN_PARAMETERS} as select {columns}")
