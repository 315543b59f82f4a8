"""One side of a comparison, opened in the engine as a view: files, folders, objects, frames and relations.

A folder is read as Spark and Glue write them: parts in nested folders, names that begin with `_` or `.` and checksum
files left out, the format told by the content and not by the name (Glue's JSON has none).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import duckdb

from parity.folders import Partitions, is_hidden, partitions_of
from parity.kinds import mixed_kinds, top_level
from stedi.engine import ABOUT_SQL, Engine, explained, glob_safe, quoted
from stedi.errors import EnvironmentFault, StediError, UsageError
from stedi.manifest import MANIFEST
from stedi.masking import scrub
from stedi.storage import Entry, Options, Storage, faults, open_storage

__all__ = ["Data", "Source", "open_source", "readable"]

Data = Any
"""A path or URI of a file or folder, a sequence of paths, paths by where they lie below the table's folder, an Arrow
table, dataset or reader, a Polars frame, lazy or not, or a DuckDB relation."""

MAX_JSON_BYTES = 64_000_000
"""Bytes a JSON object can have: a whole file where it is one array."""

_SAMPLED_FILES = 1_000_000
_NULL = '"NULL"'
_FILE = "_stedi_parity_file"
"""The column of each row's file, beside the file's own, which may well be called filename."""
_DIGITS = 38
"""Digits of a decimal that DuckDB holds; larger ones it reads as doubles."""
_TEXTUAL = ("DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UUID", "TIMESTAMP_NS")

_FIX = {
    "Parquet": "see that its files are whole",
    "JSON": "see that each line is one JSON object, with each key once, or the file one array of them",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A table as it lies: the view it is read through, and its columns as (name, DuckDB type).

    `weak` are the columns whose values are told by text, and what that is: `JSON`, where a number is no integer or
    double and a date no more than text, or a `folder` name. `spelled` maps columns that the engine had to rename to the
    names they have in the file. `required` are those that its schema lets hold no NULL, None where it does not say.
    `mixed` maps columns, in lower case, that the files hold as other kinds of values each, read as one, to these kinds.
    """

    view: str
    kind: str
    columns: tuple[tuple[str, str], ...]
    weak: Mapping[str, str] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] | None = None
    mixed: Mapping[str, str] = field(default_factory=dict)


def open_source(
    engine: Engine, view: str, data: Data, what: str, *, folder: Path, options: Options | None = None
) -> Source | None:
    """Make a view of `data`; None where there is no such place, or nothing but markers in it.

    `what` names it in errors, `folder` is a private one for what must be written down to be read twice. Raises
    UsageError for what is no table, EnvironmentFault for files that cannot be read.
    """
    if isinstance(data, str | os.PathLike):
        return _open_place(engine, view, os.fspath(data), what, options)
    if isinstance(data, Mapping):
        return (
            _open_files(engine, view, {str(place): Path(file) for place, file in data.items()}, what) if data else None
        )
    if isinstance(data, Sequence) and all(isinstance(item, str | os.PathLike) for item in data):
        # of files alone nobody knows which of their folders is the table's
        return _open_files(engine, view, {str(at): Path(path) for at, path in enumerate(data)}, what) if data else None
    return _open_object(engine, view, data, what, folder)


def _open_place(engine: Engine, view: str, place: str, what: str, options: Options | None) -> Source | None:
    storage, entries = _entries(place, options)
    if not entries:
        return None
    return _open_files(engine, view, storage.fetch(entries), what)


def _entries(place: str, options: Options | None) -> tuple[Storage, list[Entry]]:
    """Return the data files of a file or folder."""
    storage = open_storage(place, options)
    listed = storage.list("") if not Path(storage.uri).is_file() else []
    if any(entry.path == MANIFEST for entry in listed):
        raise UsageError(f"{storage.uri}: is a lake, which holds many tables", fix="compare the folder of one of them")
    found = [entry for entry in listed if _is_data(entry)]
    parent, _, name = storage.uri.rpartition("/")
    if not found and name and not parent.endswith(":/"):  # above a bucket there is nothing
        beside = open_storage(parent or "/", options)
        try:
            entry = beside.stat(name)
        except EnvironmentFault:  # a folder
            entry = None
        if entry is not None:
            return beside, [entry]
    return storage, found


def _is_data(entry: Entry) -> bool:
    return bool(entry.size) and not is_hidden(PurePosixPath(entry.path)) and not entry.path.endswith(".crc")


def _open_files(engine: Engine, view: str, files: Mapping[str, Path], what: str) -> Source:
    """Open files, given by their path below the place, which may hold `column=value` of a partition."""
    kinds = {path: _kind(file, what) for path, file in files.items()}
    kind, *others = sorted(set(kinds.values()))
    if others:
        raise UsageError(f"{what}: holds {kind} and {others[0]} files", fix="compare a folder of one format")
    paths = list(files.values())
    if kind == "arrow":
        return _open_arrow_files(engine, view, paths, what)
    partitions = partitions_of(files, what)
    with readable(what, kind):
        if kind == "JSON":
            return _open_json(engine, view, files, partitions, what)
        return _open_parquet(engine, view, files, partitions, what)


@contextlib.contextmanager
def readable(what: str, kind: str) -> Iterator[None]:
    """Say of files that turn out in the block to be damaged that they are; EnvironmentFault."""
    try:
        yield
    except StediError as error:
        # DuckDB has no error of its own for a damaged file, and what it says of one may quote it
        if kind not in _FIX or not isinstance(error.__cause__, duckdb.Error) or isinstance(error, UsageError):
            raise
        about_sql = isinstance(error.__cause__, ABOUT_SQL) and "non-record" not in str(error.__cause__)
        if isinstance(error, EnvironmentFault) or about_sql:
            raise
        raise EnvironmentFault(f"{what}: is no {kind} that can be read", fix=_FIX[kind]) from error


def _kind(file: Path, what: str) -> str:
    """Tell the format of a file by its first bytes."""
    with faults(f"{what}: cannot read {file}"), file.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(b"PAR1"):
        return "Parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if head.startswith(b"\x1f\x8b") or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return "JSON"
    raise UsageError(
        f"{what}: {file.name} is neither Parquet nor JSON nor Arrow", fix="name data files, or their folder"
    )


def _open_parquet(engine: Engine, view: str, files: Mapping[str, Path], partitions: Partitions, what: str) -> Source:
    paths = [glob_safe(file) for file in files.values()]
    read = "from read_parquet($files, hive_partitioning = false, union_by_name = true, filename = $filename)"
    plain = _view_files(engine, view, read, {"files": paths, "filename": False}, what)
    files_schema = top_level(engine, paths, what)
    mixed = mixed_kinds(files_schema.values())
    if any("DOUBLE" in type_ for _, type_ in plain):
        _refuse_long_decimals(engine, paths, what)
    names = set(next(iter(partitions.values()), ()))
    if names:
        _view_files(engine, f"{view}_files", read, {"files": paths, "filename": _FILE}, what)
        plain = _view_partitioned(engine, view, files, partitions, what)
        return Source(view, "Parquet", tuple(plain), dict.fromkeys(names, "folder"), mixed=mixed)
    written = {name: column.repetition for name, column in next(iter(files_schema.values())).items()}
    spelled: dict[str, str] = {}
    if any(re.search(r"_\d+$", name) for name, _ in plain):
        spelled = {name: real for (name, _), real in zip(plain, written, strict=False) if name != real}
    required = frozenset(name for name, repetition in written.items() if repetition == "REQUIRED")
    return Source(view, "Parquet", tuple(plain), spelled=spelled, required=required, mixed=mixed)


def _refuse_long_decimals(engine: Engine, paths: Sequence[str], what: str) -> None:
    """Refuse decimals that would be compared as doubles, of which many stand for one."""
    sql = f"select name, max(precision) from parquet_schema($files) where precision > {_DIGITS} group by name"
    for name, digits in engine.run(what, sql, {"files": paths}):
        raise UsageError(
            f"{what}: {name} has {digits} digits, and only {_DIGITS} can be compared",
            fix="compare it as text, or leave it out",
        )


def _open_json(engine: Engine, view: str, files: Mapping[str, Path], partitions: Partitions, what: str) -> Source:
    paths = [glob_safe(file) for file in files.values()]
    # format: a file may hold an object a line, or an array of them; the name says nothing of compression
    compression: Literal["gzip", "auto_detect"] = (
        "gzip" if all(_is_gzip(file) for file in files.values()) else "auto_detect"
    )
    guess = (
        "from read_json($files, hive_partitioning = false, maximum_object_size = $size, records = true,"
        " compression = $compression, sample_size = -1, maximum_sample_files = $sampled, union_by_name = true,"
        f" filename = '{_FILE}')"
    )
    values = {"files": paths, "size": MAX_JSON_BYTES, "compression": compression, "sampled": _SAMPLED_FILES}
    try:
        guessed = [pair for pair in _view_files(engine, f"{view}_files", guess, values, what) if pair[0] != _FILE]
    except StediError as error:
        if "non-record" in str(error.__cause__) and _is_keyless(engine, paths, what):
            raise UsageError(f"{what}: its objects have no key", fix="see what wrote them") from error
        raise
    # a date of JSON is text: read as a date it would no longer be told from another spelling of it
    columns = {name: _untyped(type_) for name, type_ in guessed if type_ != _NULL}
    nulls = [name for name, type_ in guessed if type_ == _NULL]
    spelled = {name: twin for name, _ in guessed if (twin := _twin(name, guessed))}
    texts = {name: "VARCHAR" for name, type_ in columns.items() if "DOUBLE" in type_}
    for name, types in ((f"{view}_files", columns), (f"{view}_texts", texts)):
        if types and spelled:
            # by their keys: in a list of columns to read DuckDB takes two that differ in case for one
            keyed = {column: (spelled.get(column, column), type_) for column, type_ in types.items()}
            _view_keys(engine, name, keyed, values, what)
        elif types:
            with explained(what):
                relation = engine.connection.read_json(
                    paths,
                    columns=types,
                    records="true",
                    hive_partitioning=False,
                    maximum_object_size=MAX_JSON_BYTES,
                    compression=compression,
                    filename=_FILE,
                )
                relation.create_view(name, replace=True)
    if partitions:
        found = _view_partitioned(engine, view, files, partitions, what, nulls=nulls if columns else ())
    else:
        also = "".join(f", null as {quoted(name)}" for name in nulls) if columns else ""
        found = _view(engine, view, f"select * exclude ({_FILE}){also} from {quoted(f'{view}_files')}", what)
    weak = dict.fromkeys((name for name, _ in found), "JSON")
    weak |= dict.fromkeys(next(iter(partitions.values()), ()), "folder")
    return Source(view, "JSON", tuple(found), weak, spelled)


def _view_keys(
    engine: Engine, view: str, keyed: Mapping[str, tuple[str, str]], values: Mapping[str, object], what: str
) -> None:
    """Make a view of objects of JSON, with a column for each key: its name -> the key and the type."""
    picked = []
    for name, (key, type_) in keyed.items():
        at = key.replace("~", "~0").replace("/", "~1").replace("'", "''")
        value = f"json ->> '/{at}'" if type_ == "VARCHAR" else f"(json -> '/{at}')::{type_}"
        picked.append(f"{value} as {quoted(name)}")
    read = (
        f"from read_json_objects($files, maximum_object_size = $size, compression = $compression, filename = '{_FILE}')"
    )
    given = {name: values[name] for name in ("files", "size", "compression")}
    keys = "json_keys(json)"
    [(twice,)] = engine.run(what, f"select count(*) {read} where len({keys}) <> len(list_distinct({keys}))", given)
    if twice:
        raise EnvironmentFault(f"{what}: is no JSON that can be read", fix=_FIX["JSON"])
    _view_files(engine, view, f"select {', '.join(picked)}, {_FILE} {read}", given, what)


def _is_keyless(engine: Engine, paths: Sequence[str], what: str) -> bool:
    """Return whether there is nothing in files of JSON but `{}`."""
    counts = "count(*), count(*) filter (json::varchar = '{}')"
    sql = f"select {counts} from read_json_objects($files, maximum_object_size = $size)"
    [(objects, empty)] = engine.run(what, sql, {"files": list(paths), "size": MAX_JSON_BYTES})
    return bool(objects == empty)


def _untyped(type_: str) -> str:
    """Return the type that JSON is read in: text for what it tells by text, within nested values too."""
    if type_ in _TEXTUAL or not type_.endswith(("]", ")")):
        return "VARCHAR" if type_ in _TEXTUAL else type_
    found = duckdb.sqltype(type_)
    if found.id == "list":
        return f"{_untyped(str(dict(found.children)['child']))}[]"
    if found.id == "map":
        return f"MAP({', '.join(_untyped(str(of)) for _, of in found.children)})"
    if found.id == "struct":
        return f"STRUCT({', '.join(f'{quoted(name)} {_untyped(str(of))}' for name, of in found.children)})"
    return type_


def _twin(name: str, columns: Sequence[tuple[str, str]]) -> str:
    """Return what a key is about called that differs from another in case only, which DuckDB has renamed; else ""."""
    stem, separator, number = name.rpartition("_")
    if not (separator and number.isdigit()):
        return ""
    return stem if any(other != stem and other.lower() == stem.lower() for other, _ in columns) else ""


def _view_partitioned(
    engine: Engine,
    view: str,
    files: Mapping[str, Path],
    partitions: Partitions,
    what: str,
    *,
    nulls: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """Make a view of the files, with a column for each name in their folders."""
    names = list(next(iter(partitions.values())))
    table = quoted(f"{view}_partitions")
    engine.run(what, f"create temp table {table} (_file varchar{''.join(f', {quoted(n)} varchar' for n in names)})")
    values = [[str(files[path]), *partitions[path].values()] for path in files]
    engine.connection.executemany(f"insert into {table} values (?{', ?' * len(names)})", values)
    # as Spark does: what a folder says goes before what its files hold
    folded = {name.lower() for name in names}
    own = [name for name, _ in _columns(engine, f"{view}_files") if name.lower() in folded]
    left_out = ", ".join(map(quoted, (_FILE, *own)))
    picked = [f"null as {quoted(name)}" for name in nulls if name.lower() not in folded]
    picked += [f"p.{quoted(name)}" for name in names]
    return _view(
        engine,
        view,
        f"select d.* exclude ({left_out}), {', '.join(picked)} from {quoted(f'{view}_files')} as d"
        f" join {table} as p on d.{_FILE} = p._file",
        what,
    )


def _open_arrow_files(engine: Engine, view: str, files: Sequence[Path], what: str) -> Source:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.dataset  # type: ignore[import-untyped]

    try:
        dataset = pyarrow.dataset.dataset([str(file) for file in files], format="ipc")
    except (pa.ArrowInvalid, OSError) as error:
        raise EnvironmentFault(
            f"{what}: is no Arrow file that can be read", fix="see that the file is whole"
        ) from error
    _refuse_nanoseconds(dataset.schema, what)
    engine.connection.register(view, dataset)
    return Source(view, "Arrow", _columns(engine, view))


def _refuse_nanoseconds(schema: Any, what: str) -> None:
    """Refuse durations that DuckDB cuts to microseconds when it reads them."""
    for column in schema:
        if "duration[ns]" in str(column.type):
            raise UsageError(
                f"{what}: {column.name} is {column.type}, of which only microseconds can be compared",
                fix="cast it to duration[us], or to int64",
            )


def _open_object(engine: Engine, view: str, data: Data, what: str, folder: Path) -> Source:
    """Open a frame, table or relation of this process: as it lies in memory where it can be read more than once."""
    module = type(data).__module__.partition(".")[0].lstrip("_")
    name = type(data).__name__
    if module == "polars" and name == "LazyFrame":
        file = folder / f"{view}.parquet"
        data.sink_parquet(file)
        return _open_parquet(engine, view, {file.name: file}, {}, what)
    if module == "duckdb" and hasattr(data, "to_arrow_reader"):
        data, name = data.to_arrow_reader(), "RecordBatchReader"
    if module == "polars" and name == "DataFrame":
        _refuse_nanoseconds(data.clear().to_arrow().schema, what)
    elif module == "pyarrow" and hasattr(data, "schema"):
        _refuse_nanoseconds(data.schema, what)
    if name == "RecordBatchReader":
        loading = f"{view}_reader"
        engine.connection.register(loading, data)
        engine.run(what, f"create temp table {quoted(view)} as from {quoted(loading)}")
        engine.connection.unregister(loading)
        return Source(view, name, _columns(engine, view))
    if (module, name) == ("polars", "DataFrame") or hasattr(data, "__arrow_c_stream__") or module == "pyarrow":
        try:
            engine.connection.register(view, data)
            return Source(view, name, _columns(engine, view))
        except (duckdb.NotImplementedException, duckdb.InvalidInputException) as error:
            text = str(error)
            said = "it has no columns" if "at least one column" in text else scrub(text)
            raise UsageError(f"{what}: {said}", fix="give columns of types that DuckDB knows") from error
    raise UsageError(
        f"{what}: {type(data).__name__} is no table", fix="give a path, an Arrow table, a Polars frame or a relation"
    )


def _columns(engine: Engine, view: str) -> tuple[tuple[str, str], ...]:
    return tuple((row[0], row[1]) for row in engine.run(view, f"describe {quoted(view)}"))


def _view(engine: Engine, view: str, sql: str, what: str) -> list[tuple[str, str]]:
    engine.run(what, f"create or replace temp view {quoted(view)} as {sql}")
    return list(_columns(engine, view))


def _view_files(engine: Engine, view: str, sql: str, values: Mapping[str, object], what: str) -> list[tuple[str, str]]:
    """Make a view of files: their names are values, which `create view` takes from a relation only."""
    with explained(what):
        engine.connection.sql(sql, params=dict(values)).create_view(view, replace=True)
    return list(_columns(engine, view))


def _is_gzip(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"
