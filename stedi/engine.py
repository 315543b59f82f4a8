"""DuckDB as a build uses it: settings, statements one can watch, errors a person can use.

Values reach DuckDB as parameters only. The text of a statement is made of this product's own SQL files and of the
identifiers in contracts.py.
"""

from __future__ import annotations

import contextlib
import re
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb

from stedi.contracts import Table
from stedi.errors import EnvironmentFault, StediError, UsageError
from stedi.masking import scrub

if TYPE_CHECKING:
    from stedi.s3.ranges import RangeFileSystem

__all__ = ["BUILD_KEY", "Engine", "build_of", "explained", "glob_safe", "interrupt_all", "read_fault"]

BUILD_KEY = "stedi_build"
"""Key of the build id in the metadata of a Parquet file."""

MAX_OBJECT_BYTES = 4_000_000
"""Bytes a clean line can have (1,000,000 characters of UTF-8); the read buffers are twice this size."""

_DUCKDB_SHARE = 0.9
"""Share of a memory limit that is DuckDB's own."""

ABOUT_SQL = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
"""Errors that speak of the text of a statement; the others may quote the data."""

Trace = Callable[[str], None]


class Engine:
    """One in-memory DuckDB database, with the tables of a lake as relations in it.

    Without `in_order` rows are written as they come from several threads, which for a large join saves a tenth.
    """

    def __init__(
        self,
        *,
        memory_limit: str | None = None,
        threads: int | None = None,
        spill: Path | None = None,
        in_order: bool = True,
        trace: Trace | None = None,
    ) -> None:
        self._trace = trace
        config: dict[str, Any] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            # DuckDB 2.0 checkpoints in-memory tables too, to compress them: a second lost on 8 million rows
            "checkpoint_threshold": "1000TB",
            "preserve_insertion_order": in_order,
        }
        if memory_limit:
            config["memory_limit"] = memory_limit
        if threads:
            config["threads"] = threads
        if spill:
            config["temp_directory"] = _utf8(spill)
        try:
            self.connection = duckdb.connect(config=config)
        except duckdb.Error as error:
            if not memory_limit:
                raise
            raise UsageError(
                f"memory limit {memory_limit}: DuckDB does not take it", fix="write a size, as 2GB or 800MB"
            ) from error
        # DuckDB draws a bar of its own in notebooks
        self.connection.execute("set enable_progress_bar = false").fetchall()
        if memory_limit:
            # the process needs some too, and DuckDB more than it counts
            self.run("settings", f"set memory_limit = '{int(_DUCKDB_SHARE * self.memory_limit())}B'")
        _OPEN.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # after Ctrl-C another thread may still be in it: then it goes with the process
        with contextlib.suppress(duckdb.Error):
            self.connection.close()

    def beside(self) -> Engine:
        """Return an engine on the same tables, for another thread."""
        other = object.__new__(Engine)
        other._trace = self._trace
        other.connection = self.connection.cursor()
        _OPEN.add(other)
        return other

    def run(self, what: str, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows; `what` names it in errors.

        Raises EnvironmentFault (disk full, memory limit, a file that cannot be read), StediError for anything else
        DuckDB refuses, KeyboardInterrupt when interrupted.
        """
        if self._trace:
            self._trace(sql)
        with explained(what):
            return self.connection.execute(sql, parameters).fetchall()

    def stream(
        self, what: str, sql: str, parameters: Mapping[str, object] | None = None, *, at_once: int = 10_000
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of one statement, some at once; errors are those of `run`."""
        with explained(what):
            cursor = self.connection.cursor()
            cursor.execute(sql, parameters)
            while rows := cursor.fetchmany(at_once):
                yield from rows

    @contextlib.contextmanager
    def joins_as_written(self) -> Iterator[None]:
        """Have joins build their hash tables on the right side of the SQL, not on what DuckDB takes for smaller.

        It takes a JSON file for a few hundred rows whatever its size, and then builds a hash table of all of landing to
        look up a few emails in it.
        """
        self.run("setting", "set disabled_optimizers = 'build_side_probe_side'")
        try:
            yield
        finally:
            self.run("setting", "reset disabled_optimizers")

    def threads(self) -> int:
        """Return how many threads statements may use."""
        [(threads,)] = self.run("threads", "select current_setting('threads')")
        return int(threads)

    def memory_limit(self) -> int:
        """Return the memory limit in bytes."""
        [(text,)] = self.run("memory limit", "select current_setting('memory_limit')")
        number, unit = re.fullmatch(r"([\d.]+) ?(\w+)", text).groups()  # type: ignore[union-attr]
        powers = {"bytes": 0, "KiB": 1, "MiB": 2, "GiB": 3, "TiB": 4, "PiB": 5, "EiB": 6}
        return int(float(number) * 1024 ** powers[unit])

    def view_json(self, table: Table, files: Sequence[Path], *, name: str | None = None) -> None:
        """Make a view of a feed over files in which every line is known to be good."""
        with explained(f"landing files of {table.feed}"):
            relation = self.connection.read_json(
                [glob_safe(file) for file in files],
                columns={column.name: column.type for column in table.columns},
                format="newline_delimited",
                records="true",
                maximum_object_size=MAX_OBJECT_BYTES,
                hive_partitioning=False,  # else a folder named user=ann replaces the column of that name
            )
            relation.create_view(name or table.name)

    def view_lines(self, name: str, files: Sequence[Path]) -> None:
        """Make a view with one column, `line`: the raw text of every line of the files."""
        with explained(name):
            relation = self.connection.sql(
                "select json as line from"
                " read_json_objects($files, format = 'newline_delimited', maximum_object_size = $size,"
                " hive_partitioning = false)",
                params={"files": [glob_safe(file) for file in files], "size": MAX_OBJECT_BYTES},
            )
            relation.create_view(name)

    def reach(self, filesystem: RangeFileSystem) -> None:
        """Let statements read through a file system."""
        self.connection.register_filesystem(filesystem)
        _REACHED.add(filesystem)

    def view_parquet(self, name: str, files: Sequence[str | Path]) -> list[tuple[str, str]]:
        """Make a view over Parquet files and return its columns with their types."""
        with explained(f"files of {name}"):
            relation = self.connection.read_parquet([glob_safe(file) for file in files], hive_partitioning=False)
            relation.create_view(name)
            return list(zip(relation.columns, map(str, relation.types), strict=True))

    def empty(self, name: str, columns: Mapping[str, str]) -> None:
        """Make a table without rows."""
        self.run(name, f"create table {quoted(name)} ({', '.join(f'{quoted(c)} {t}' for c, t in columns.items())})")

    def copy(self, what: str, sql: str, target: Path, build: str, *, split: str | None = None) -> int:
        """Write a query's rows to Parquet (zstd, version 1) and return how many.

        `target` becomes one file, or with `split` (a size, as 1GB) a folder of files of about that size.
        """
        # Parquet version 2 encodings make Spark 3.5.6 read wrong strings (apache/spark#50966)
        size = ", file_size_bytes $split" if split else ""
        statement = (
            f"copy ({sql}) to $target (format parquet, compression zstd, parquet_version V1, "
            f"kv_metadata {{{BUILD_KEY}: $build}}{size})"
        )
        values: dict[str, object] = {"target": _utf8(target), "build": build}
        if split:
            values["split"] = split
        [(rows,)] = self.run(what, statement, values)
        return int(rows)


_OPEN: weakref.WeakSet[Engine] = weakref.WeakSet()
_REACHED: weakref.WeakSet[RangeFileSystem] = weakref.WeakSet()


def interrupt_all() -> None:
    """Stop what the engines of this process run, from any thread: DuckDB does not always see Ctrl-C by itself."""
    for engine in list(_OPEN):
        with contextlib.suppress(duckdb.Error):  # closed in the meantime
            engine.connection.interrupt()


def build_of(engine: Engine, file: str | Path) -> str | None:
    """Return the build id in a Parquet file's metadata, None where it has none."""
    rows = engine.run(
        f"metadata of {Path(file).name}",
        "select value from parquet_kv_metadata($file) where key = $key::blob",
        {"file": glob_safe(file), "key": BUILD_KEY},
    )
    return bytes(rows[0][0]).decode() if rows else None


def glob_safe(file: str | Path) -> str:
    """Return a path that DuckDB, which expands globs in every name, reads as this file and no other.

    A text is the name of a file in a file system that the engine reaches, and holds nothing to expand.

    EnvironmentFault where there is none: DuckDB takes a backslash in a pattern for a separator, and reads UTF-8 only.
    """
    if isinstance(file, str):
        return file
    name = _utf8(file)
    safe = re.sub(r"[*?\[]", r"[\g<0>]", name)
    if safe != name and "\\" in name:
        raise EnvironmentFault(
            f"{name}: DuckDB cannot read a name with both a backslash and one of * ? [", fix="rename the file or folder"
        )
    return safe


def quoted(identifier: str) -> str:
    """Return an identifier of contracts.py in double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def _utf8(file: Path) -> str:
    name = str(file)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        is_utf8 = sys.getfilesystemencoding() == "utf-8"
        raise EnvironmentFault(
            f"{ascii(name)[1:-1]}: DuckDB cannot read a name that is not UTF-8",
            fix="rename the file or folder" if is_utf8 else "set PYTHONUTF8=1: in this locale no name is UTF-8",
        ) from error
    return name


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what DuckDB raises in the block into an error of ours about `what`."""
    try:
        yield
    except duckdb.InterruptException as error:  # by interrupt_all
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise explain(error, what) from error
    except RuntimeError as error:
        if "interrupt" not in str(error).lower():  # DuckDB swallows Ctrl-C and says this instead
            raise
        raise KeyboardInterrupt from error


def read_fault() -> StediError | None:
    """Return, once, why a file system could not be read, if that is what stopped a statement."""
    for filesystem in list(_REACHED):
        fault: StediError | None = filesystem.fault
        filesystem.fault = None
        if fault is not None:
            return fault
    return None


def explain(error: duckdb.Error, what: str) -> StediError:
    """Return the error of ours that says what a DuckDB error means, without any personal data in it."""
    if (fault := read_fault()) is not None:
        return fault
    text = str(error)
    if "No space left on device" in text or "max_temp_directory_size" in text:
        return EnvironmentFault(f"{what}: no space left on the disk", fix="free some space and run the command again")
    if isinstance(error, duckdb.OutOfMemoryException):
        return EnvironmentFault(f"{what}: needs more memory than the limit", fix="give more with --memory-limit")
    if isinstance(error, duckdb.IOException):
        return EnvironmentFault(f"{what}: {scrub(text)}", fix="see that the file can be read or written")
    # what DuckDB says of SQL names columns; what it says of values may quote them
    said = scrub(text) if isinstance(error, ABOUT_SQL) else type(error).__name__
    return StediError(f"{what}: DuckDB says: {said}", fix="report this with the command that gave it")
