"""What a Glue script reads and writes, found in its text: nothing is run.

S3 paths (through variables, f-strings and concatenation where they are constant), tables of the catalog, sinks with
their catalog name, plain Spark's `spark.read` and `df.write`, and the tables that SQL texts name.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from parity.interpret import Interpreter
from parity.sqltext import Declared, declared, plain_name, tables_of, used_database
from parity.values import UNKNOWN, Call, Unknown

__all__ = ["Access", "Script", "Step", "closed", "is_open", "read_script"]

_NOT_UTF_8 = re.compile(r"invalid or missing encoding declaration.*")
_OPEN = re.compile(r"\{[^{},]*\}")


@dataclass(frozen=True, slots=True)
class Access:
    """One place a script reads or writes: a path, a table of the catalog ("database.table", lower case), or both."""

    line: int
    path: str = ""
    table: str = ""
    format: str = ""
    written: bool = True

    @property
    def name(self) -> str:
        """The place as it is shown."""
        return " as ".join(part for part in (self.path, self.table) if part)


@dataclass(frozen=True, slots=True)
class Step:
    """What a script does to rows in a line: `kind` is join, filter, sql, columns or dedupe."""

    line: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Script:
    """A script, read. `error` says in which line it is no Python; `notes` what is odd about it, by line.

    `declared` are the tables of which its SQL says where they lie.
    """

    name: str
    text: str
    reads: tuple[Access, ...] = ()
    writes: tuple[Access, ...] = ()
    steps: tuple[Step, ...] = ()
    arguments: tuple[str, ...] = ()
    notes: tuple[tuple[int, str], ...] = ()
    error: tuple[int, str] | None = None
    declared: tuple[Declared, ...] = ()

    @property
    def stem(self) -> str:
        """The name without its folder and suffix."""
        return Path(self.name).stem


def closed(text: str) -> str:
    """Return a path with a name in the place of each part that is not known."""
    return _OPEN.sub("unknown", text)


def is_open(text: str) -> bool:
    """Return whether a part of a path is not known from the script alone."""
    return bool(_OPEN.search(text))


def read_script(
    name: str, data: bytes, arguments: Mapping[str, str] | None = None, modules: Mapping[str, bytes] | None = None
) -> Script:
    """Read a script.

    `arguments` are the values of those it asks for with getResolvedOptions, `modules` what lies beside it to import.
    """
    text = ""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # "\d" in a text of somebody else's script
            tree = ast.parse(text, filename=name)
    except UnicodeDecodeError as error:
        return Script(name, "", error=(data[: error.start].count(b"\n") + 1, "it is not UTF-8"))
    except SyntaxError as error:
        return Script(name, text, error=(error.lineno or 1, _NOT_UTF_8.sub("it is not UTF-8", error.msg)))
    except (ValueError, RecursionError, MemoryError) as error:
        return Script(name, text, error=(1, f"it is no Python: {type(error).__name__}"))
    found = _Finder(dict(arguments or {}))
    interpreter = Interpreter(found.call, found.attribute, modules or {})
    try:
        interpreter.run(tree)
    except (RecursionError, MemoryError):
        found.notes.append(
            (1, "it is nested too deeply, or holds too much, to be read; give its places in parity.toml")
        )
    if interpreter.gave_up:
        found.notes.append((1, "it loops more often than it is read; give its places in parity.toml"))
    return replace(found.script(), name=name, text=text)


@dataclass(slots=True)
class _Source:
    """A `spark.read`, with what has been set on it."""

    format: str = ""
    path: str = ""


@dataclass(slots=True)
class _Target:
    """A `df.write`, with what has been set on it."""

    format: str = ""
    path: str = ""


@dataclass(slots=True)
class _Sink:
    line: int
    path: str
    table: str = ""
    format: str = ""
    written: bool = False


_FILES = ("json", "parquet", "csv", "orc", "text")
_STEPS = {
    "Join": "join",
    "join": "join",
    "crossJoin": "join",
    "Filter": "filter",
    "filter": "filter",
    "where": "filter",
    "sql": "sql",
    "DropFields": "columns",
    "SelectFields": "columns",
    "ApplyMapping": "columns",
    "RenameField": "columns",
    "drop_fields": "columns",
    "select_fields": "columns",
    "apply_mapping": "columns",
    "rename_field": "columns",
    "select": "columns",
    "drop": "columns",
    "dropDuplicates": "dedupe",
    "drop_duplicates": "dedupe",
    "distinct": "dedupe",
}


@dataclass
class _Finder:
    """Gathers what the calls of one script mean."""

    arguments: dict[str, str]
    reads: list[Access] = field(default_factory=list)
    writes: list[Access] = field(default_factory=list)
    sinks: list[_Sink] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    views: set[str] = field(default_factory=set)
    queries: list[tuple[int, str, str]] = field(default_factory=list)
    database: str = ""
    declared: list[Declared] = field(default_factory=list)

    def script(self) -> Script:
        for line, query, database in self.queries:
            self._query(line, query, database)
        sinks = [Access(s.line, s.path, s.table, s.format, s.written) for s in self.sinks]
        for sink in self.sinks:
            if not sink.written:
                self.notes.append((sink.line, "a sink that no frame is written to"))
        return Script(
            "",
            "",
            _unique(self.reads),
            _unique([*self.writes, *sinks]),
            tuple(dict.fromkeys(self.steps)),
            tuple(dict.fromkeys(self.asked)),
            tuple(dict.fromkeys(self.notes)),
            declared=tuple(self.declared),
        )

    def attribute(self, name: str, receiver: Any, line: int) -> Any:
        if isinstance(receiver, Unknown):
            return {"read": _Source(), "readStream": _Source(), "write": _Target(), "writeStream": _Target()}.get(name)
        return None

    def call(self, call: Call) -> Any:
        self._step(call)
        for handle in (self._options, self._glue, self._spark, self._sink):
            found = handle(call)
            if found is not None:
                return found
        return None

    def _step(self, call: Call) -> None:
        name = call.before[-1] if call.name == "apply" and call.before else call.name
        kind = _STEPS.get(name, "")
        if kind and call.before and not isinstance(call.receiver, str | list | tuple | dict):
            text = call.argument("sqlQuery", 0, "") if kind == "sql" else call.source
            self.steps.append(Step(call.line, kind, text if isinstance(text, str) else call.source))

    def _options(self, call: Call) -> Any:
        if call.name != "getResolvedOptions":
            return None
        names = call.argument("options", 1)
        for name in names if isinstance(names, list | tuple) else ():
            if isinstance(name, str):
                self.asked.append(name)
        return {name: self.arguments.get(name, Unknown(name)) for name in self.asked}

    def _glue(self, call: Call) -> Any:
        """Note what the calls of a GlueContext read and write."""
        family = call.before[-1] if call.before else ""
        name = f"{family}.{call.name}" if family.startswith(("create_", "write_")) else call.name
        match name.replace("_frame_from_", "_frame.from_"):
            case "create_dynamic_frame.from_options" | "create_data_frame.from_options":
                options = _mapping(call.argument("connection_options", 1))
                paths = options.get("paths", options.get("path"))
                for path in paths if isinstance(paths, list | tuple) else [paths]:
                    self._reads(call.line, path, call.argument("format", 2, ""))
            case "create_dynamic_frame.from_catalog" | "create_data_frame.from_catalog":
                self.reads.append(Access(call.line, table=_dotted(call, "database", "table_name", 0)))
            case "getSource":
                paths = call.argument("paths", None, _mapping(call.argument("options")).get("paths"))
                for path in paths if isinstance(paths, list | tuple) else [paths]:
                    self._reads(call.line, path, "")
            case "write_dynamic_frame.from_options" | "write_data_frame.from_options":
                options = _mapping(call.argument("connection_options", 2))
                self._writes(call.line, options.get("path"), call.argument("format", 3, ""))
            case "write_dynamic_frame.from_catalog" | "write_data_frame.from_catalog":
                self.writes.append(Access(call.line, table=_dotted(call, "database", "table_name", 1)))
            case "getSink":
                path = call.argument("path", None, _mapping(call.argument("options")).get("path"))
                self.sinks.append(_Sink(call.line, _text(path)))
                return self.sinks[-1]
            case "client" | "resource" if call.before == ("boto3",):
                self.notes.append((call.line, f"calls AWS itself ({call.source}); no job here reaches it"))
            case _:
                return None
        return UNKNOWN

    def _sink(self, call: Call) -> Any:
        sink = call.receiver
        if not isinstance(sink, _Sink):
            return None
        match call.name:
            case "setCatalogInfo":
                sink.table = _dotted(call, "catalogDatabase", "catalogTableName", 0)
            case "setFormat":
                sink.format = _text(call.argument("format", 0, ""))
            case "writeFrame" | "write":
                sink.written = True
            case _:
                pass
        return sink

    def _spark(self, call: Call) -> Any:  # noqa: C901, PLR0912 - one case a call
        """Note what plain Spark reads and writes."""
        of = call.receiver
        match call.name:
            case "createOrReplaceTempView" | "createTempView" | "registerTempTable" | "createOrReplaceGlobalTempView":
                self.views.add(_text(call.argument("name", 0)).lower())
            case "sql" if isinstance(of, Unknown):
                query = call.argument("sqlQuery", 0)
                if isinstance(query, str):
                    self.database = used_database(query) or self.database
                    self.queries.append((call.line, query, self.database))
            case "setCurrentDatabase" if isinstance(of, Unknown):
                self.database = _text(call.argument("dbName", 0)).lower()
            case "table" if isinstance(of, Unknown | _Source):
                self._names_table(call, self.reads)
            case "saveAsTable" | "insertInto" if isinstance(of, _Target):
                self._names_table(call, self.writes, of.path)
            case "format" if isinstance(of, _Source | _Target):
                of.format = _text(call.argument("source", 0))
                return of
            case "option" if isinstance(of, _Source | _Target):
                if call.argument("key", 0) == "path":
                    of.path = _text(call.argument("value", 1))
                return of
            case "options" if isinstance(of, _Source | _Target):
                of.path = _text(call.keywords["path"]) if "path" in call.keywords else of.path
                return of
            case "load" | "json" | "parquet" | "csv" | "orc" | "text" if isinstance(of, _Source):
                given = call.argument("path", 0, call.argument("paths", None, of.path))
                many = [given, *call.positional[1:]] if call.name == "parquet" else [given]
                for path in (p for one in many for p in (one if isinstance(one, list | tuple) else [one])):
                    self._reads(call.line, path, call.name if call.name in _FILES else of.format)
            case "save" | "json" | "parquet" | "csv" | "orc" | "text" if isinstance(of, _Target):
                kind = call.name if call.name in _FILES else of.format
                self._writes(call.line, call.argument("path", 0, of.path), kind)
            case _:
                return of if isinstance(of, _Source | _Target) else None
        return UNKNOWN

    def _names_table(self, call: Call, into: list[Access], path: str = "") -> None:
        table = call.argument("tableName", 0, call.argument("name"))
        name = plain_name(_text(table))
        if name not in self.views or into is self.writes:
            into.append(Access(call.line, path, _within(self.database, name)))

    def _reads(self, line: int, path: Any, form: Any) -> None:
        self.reads.append(Access(line, _text(path), format=form if isinstance(form, str) else ""))

    def _writes(self, line: int, path: Any, form: Any) -> None:
        self.writes.append(Access(line, _text(path), format=form if isinstance(form, str) else ""))

    def _query(self, line: int, query: str, database: str) -> None:
        placed = [found for found in declared(query) if found.location]
        self.declared += [replace(found, table=_within(database, found.table), line=line) for found in placed]
        read, written = tables_of(query)
        for names, into in ((read, self.reads), (written, self.writes)):
            into += [Access(line, table=_within(database, name)) for name in names if name not in self.views]


def _within(database: str, table: str) -> str:
    """Return a name with the database that a script uses, where it names none itself."""
    return f"{database}.{table}" if database and "." not in table else table


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(UNKNOWN if value is None else value)


def _dotted(call: Call, database: str, table: str, position: int) -> str:
    names = call.argument(database, position), call.argument(table, position + 1)
    return ".".join(map(_text, names)).lower()


def _unique(found: list[Access]) -> tuple[Access, ...]:
    return tuple(dict.fromkeys(found))
