"""The Python API, `Lake.open("lake").table("customer_trusted").pl()`."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from stedi.contracts import TABLES, Table
from stedi.errors import EnvironmentFault, StediError, UsageError
from stedi.listing import named, see_landing
from stedi.manifest import JOURNAL, FileRecord, Manifest
from stedi.publish import settle
from stedi.standing import damage
from stedi.storage import Entry, Options, Storage, open_storage

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped]

    from stedi.engine import Engine
    from stedi.landing import Landed
    from stedi.relations import Relations
    from stedi.tombstones import Tombstones

__all__ = ["QUARANTINE", "Lake", "LakeTable", "Rows"]

QUARANTINE = "quarantine"
"""The relation that holds the quarantined lines of every feed."""

T = TypeVar("T")


def open_manifest(storage: Storage) -> Manifest:
    """Return the manifest of a lake; EnvironmentFault where it was never built."""
    manifest = Manifest.load(storage)
    if manifest is None:
        raise EnvironmentFault(f"{storage.uri}: no lake was built here", fix=f"run `stedi build --lake {storage.uri}`")
    return manifest


class Lake:
    """A published lake, open for reading: every table of every zone, landing and quarantine included.

    `notes` says what a reader should know (a build under way, landing files changed since). Nothing is read before it
    is asked for. Close it, or use it in a `with` statement: DuckDB's memory and the private folder go then.
    """

    def __init__(
        self, storage: Storage, manifest: Manifest, *, memory_limit: str | None = None, whole: bool = False
    ) -> None:
        self.storage = storage
        self.manifest = manifest
        self.notes: list[str] = []
        self.landed: dict[str, Landed] = {}
        self._memory_limit = memory_limit
        self._whole = whole
        self._engine: Engine | None = None
        self._relations: Relations | None = None
        self._workspace: Path | None = None
        self._forgotten: Tombstones | None = None
        self._entries: dict[str, Entry] = {}
        self._fetched: dict[str, Path] = {}
        self._remove: Callable[[], object] = lambda: None

    @classmethod
    def open(
        cls,
        uri: str | os.PathLike[str] = "lake",
        *,
        memory_limit: str | None = None,
        whole: bool = False,
        options: Options | None = None,
    ) -> Self:
        """Open the lake in a folder or on S3; EnvironmentFault where there is none, with how to build it.

        Of files on S3 DuckDB reads the parts it needs; `whole` has them fetched instead, for who needs all of them.
        """
        storage = open_storage(uri, options)
        note = settle(storage)
        lake = cls(storage, open_manifest(storage), memory_limit=memory_limit, whole=whole)
        if note:
            lake.notes.append(note)
        return lake

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        rows = self.tables
        width = max(map(len, rows))
        lines = [f"{name.ljust(width)}  {count:>12,} rows" for name, count in rows.items()]
        return "\n".join([f"Lake {self.storage.uri}, built {self.manifest.finished}", *lines])

    def close(self) -> None:
        """Let go of the engine and remove the private folder; a use after that opens both anew."""
        if self._engine is not None:
            self._engine.connection.close()
            self._engine = None
            self._relations = None
        self._remove()
        self._workspace = None
        self._forgotten = None
        self.landed.clear()
        self._entries.clear()
        self._fetched.clear()

    @property
    def tables(self) -> dict[str, int]:
        """Every table and its rows, landing first."""
        return self.manifest.rows()

    def table(self, name: str) -> LakeTable:
        """Return one table; UsageError where there is none of that name."""
        if name not in self.tables:
            from stedi.settings import nearest

            raise UsageError(
                f"{self.storage.uri}: no table {name}{nearest(name, self.tables)}",
                fix=f"the tables are {', '.join(self.tables)}",
            )
        return LakeTable(self, name)

    def sql(self, query: str) -> Rows:
        """Return the rows of one query over the tables by name; UsageError where it is no query."""
        from stedi.query import parse

        return Rows(self, query, parse(self, query))

    @property
    def engine(self) -> Engine:
        """The engine of this lake, opened at first use."""
        if self._engine is None:
            from stedi.engine import Engine

            # who asks for everything counts it; to keep the order of 35,000 small files takes a gigabyte
            in_order = not self._whole
            self._engine = Engine(memory_limit=self._memory_limit, spill=self.workspace / "spill", in_order=in_order)
            # a name in a query is a table of the lake, never a variable of the Python program
            self._engine.run("settings", "set python_enable_replacements = false")
            if self.storage.filesystem is not None and not self._whole:
                self._engine.reach(self.storage.filesystem)
        return self._engine

    @property
    def workspace(self) -> Path:
        """A folder of this user alone for what may hold personal data: good lines of unclean files, spill."""
        if self._workspace is None:
            self._workspace = Path(tempfile.mkdtemp(prefix="stedi-"))
            self._remove = weakref.finalize(self, shutil.rmtree, self._workspace, ignore_errors=True)
        return self._workspace

    def relations(self, *, in_memory: bool = False) -> Relations:
        """Return the tables as relations; `in_memory`, at the first call, has landing parsed once for all."""
        if self._relations is None:
            from stedi.relations import Relations

            files = {
                name: [self._place(file.path) for file in table.files] for name, table in self.manifest.tables.items()
            }
            self._relations = Relations(self.engine, self._land, files, in_memory=in_memory)
        return self._relations

    def stand(self, names: Collection[str]) -> None:
        """Open tables in the engine, and see that they are those of the manifest."""
        self.check_whole(names)
        from stedi.query import translated

        with translated(damage=lambda: self.damage(names)):
            self.relations().open(sorted(set(names) & TABLES.keys()))
            if QUARANTINE in names:
                self._open_quarantine()

    def check_whole(self, names: Iterable[str]) -> None:
        """Raise StediError where a file of these tables is not the one the manifest names: it was published anew."""
        for name in set(names) & self.manifest.tables.keys():
            record = self.manifest.tables[name]
            for file in record.files:
                entry = self.storage.stat(file.path)
                known = self._entries.get(file.path)
                if entry is not None and entry == known:
                    continue
                # what was checked before has changed since; what was not is checked by the build id it carries
                if entry is None or known is not None or entry.size != file.size or not self._is_of(file, record.build):
                    raise self.damage([name]) or StediError(
                        f"{self.storage.uri}: {name} was published anew, or damaged, since this lake was opened",
                        fix="open the lake again; if that does not help, `stedi verify` says what is wrong",
                    )
                self._entries[file.path] = entry

    def _is_of(self, file: FileRecord, build: str) -> bool:
        """Return whether a file carries a build id; one without a Parquet footer does not."""
        from stedi.engine import build_of

        try:
            return build_of(self.engine, self._place(file.path)) == build
        except EnvironmentFault:
            raise
        except StediError:
            return False

    def damage(self, names: Iterable[str]) -> EnvironmentFault | None:
        """Return what is to be said of a file of these tables that is not as it was published, if one is not.

        None too where another build has put its own files in place since this lake was opened, or is about to.
        """
        files = [file for name in names for file in self._records(name)]
        found = damage(self.storage, files)
        # in this order: the journal goes after the new manifest is there
        is_old = found and (self.storage.stat(JOURNAL) is not None or Manifest.load(self.storage) != self.manifest)
        return None if is_old else found

    def files_of(self, name: str) -> list[str | Path]:
        """Return what DuckDB reads where it reads a table that stands in the engine."""
        if name in self.landed:
            return list(self.landed[name].good)
        return [self._place(file.path) for file in self._records(name)]

    def fetch(self, entry: Entry) -> Path:
        """Return a path on this machine with the content of a file of this lake, fetched once; for `whole` lakes."""
        if entry.path not in self._fetched:
            self._fetched |= self.storage.fetch([entry])
        return self._fetched[entry.path]

    def local(self, path: str) -> Path:
        """Return the same of a path."""
        if path not in self._fetched:
            self._fetched[path] = self.storage.local(path)
        return self._fetched[path]

    def _place(self, path: str) -> str | Path:
        return self.local(path) if self._whole else self.storage.location(path)

    def _records(self, name: str) -> list[FileRecord]:
        if name == QUARANTINE:
            return [file for feed in self.manifest.feeds.values() for file in feed.quarantine]
        return list(self.manifest.tables[name].files) if name in self.manifest.tables else []

    def _land(self, name: str) -> Landed:
        if name not in self.landed:
            from stedi.landing import land

            landing = open_storage(self.manifest.landing_of(self.storage), self.storage.options)
            record = self.manifest.feeds[name]
            seen = see_landing(landing, record)
            if seen.vanished:
                raise EnvironmentFault(
                    f"{landing.uri}/{seen.vanished[0]}: this landing file of {name} is gone",
                    fix="put it back, or run `stedi build` to build from what is there",
                )
            changed = [f"{landing.uri}/{path}: changed since the last build" for path in seen.changed]
            self.notes += named(changed)
            self.landed[name] = land(
                self.engine, landing, seen.listing, self.workspace, record, tombstones=self.forgotten()
            )
        return self.landed[name]

    def forgotten(self) -> Tombstones:
        """Return who is forgotten in this lake."""
        if self._forgotten is None:
            from stedi.tombstones import load_tombstones

            self._forgotten = load_tombstones(self.storage, self.manifest.forgotten_by)
        return self._forgotten

    def _open_quarantine(self) -> None:
        from stedi.engine import glob_safe

        columns = "file, line, reason, raw"
        parts = [
            f"select '{TABLES[name].feed}' as feed, {columns} from"
            f" read_parquet(${TABLES[name].feed}, hive_partitioning = false)"
            for name, feed in self.manifest.feeds.items()
            if feed.quarantine
        ]
        files = {
            TABLES[name].feed: [glob_safe(self._place(file.path)) for file in feed.quarantine]
            for name, feed in self.manifest.feeds.items()
            if feed.quarantine
        }
        if parts:
            relation = self.engine.connection.sql(" union all ".join(parts), params=files)
            relation.create_view(QUARANTINE)
        else:
            empty = "null::varchar as feed, null::varchar as file, null::bigint as line, null::varchar as reason"
            self.engine.run(
                QUARANTINE,
                f"create or replace view {QUARANTINE} as select {empty}, null::blob as raw where false",
            )


class Rows:
    """The rows of a query, read when one of its three forms is asked for."""

    def __init__(self, lake: Lake, query: str, names: Collection[str]) -> None:
        self._lake = lake
        self._query = query
        self._names = names

    def __repr__(self) -> str:
        return f"Rows of {self._query!r}: .pl(), .arrow() or .duckdb()"

    def duckdb(self) -> duckdb.DuckDBPyRelation:
        """Return a DuckDB relation; it lives as long as the lake is open."""
        from stedi.query import translated

        with translated(self._query, damage=lambda: self._lake.damage(self._names)):
            self._lake.stand(self._names)
            return self._lake.engine.connection.sql(self._query)

    def arrow(self) -> pa.Table:
        """Return an Arrow table."""
        return self._read(lambda relation: relation.to_arrow_table())

    def pl(self) -> pl.DataFrame:
        """Return a Polars data frame."""
        frame: pl.DataFrame = self._read(lambda relation: relation.pl())
        return frame

    def _read(self, form: Callable[[Any], T]) -> T:
        relation = self.duckdb()
        from stedi.query import translated

        with translated(self._query, damage=lambda: self._lake.damage(self._names)):
            result = form(relation)
        self._lake.check_whole(self._names)
        return result


class LakeTable(Rows):
    """One table of a lake."""

    def __init__(self, lake: Lake, name: str) -> None:
        from stedi.engine import quoted

        super().__init__(lake, f"from {quoted(name)}", (name,))
        self.name = name
        self.rows = lake.tables[name]
        self.contract: Table = TABLES[name]

    def __repr__(self) -> str:
        columns = "\n".join(f"  {column.name} {column.type}: {column.comment}" for column in self.contract.columns)
        return f"{self.name}, {self.rows:,} rows: {self.contract.comment}\n{columns}"
