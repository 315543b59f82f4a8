"""The run record of the last published build, `_stedi/manifest.json`.

It names every input with its fingerprint, every published file with its checksum, the ledger and the versions. It
holds no personal data: counts, hashes, file names and reasons only.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from stedi import __version__
from stedi.contracts import FEEDS, TABLES
from stedi.errors import EnvironmentFault
from stedi.settings import bundled_sample
from stedi.storage import Storage

__all__ = [
    "JOURNAL",
    "MANIFEST",
    "OWN",
    "THE_LAKE",
    "THE_SAMPLE",
    "FeedRecord",
    "FileRecord",
    "InputRecord",
    "LedgerRecord",
    "Manifest",
    "TableRecord",
    "is_published",
]

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

OWN = "_stedi/"
"""Where all lies in a lake that is no table."""

MANIFEST = "_stedi/manifest.json"
JOURNAL = "_stedi/journal.json"
THE_LAKE = "."
"""Stands in a manifest for landing data in the lake itself, which may be moved."""

THE_SAMPLE = "sample:"
"""Stands in a manifest for the bundled sample, which is where this installation is."""

_FORMAT = 1
_SIMPLE: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "bool": (bool,), "float": (int, float)}

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A published file: path under the lake root, bytes, SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A landing file as it was read: path under the landing root, bytes, version, good rows in it.

    `clean` remembers the proof that every line is a row; an unclean file has bad lines (`quarantined`), or
    lines that are good but not as the feed writes them (`unknown_keys`, masked where they do not look like
    names; another order of keys; a BOM), or lines of forgotten customers, which were dropped (`forgotten`).
    """

    path: str
    size: int
    version: str
    rows: int
    clean: bool
    quarantined: int = 0
    unknown_keys: tuple[str, ...] = ()
    forgotten: int = 0


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """One feed as it was read: its files, what else lay there, and the bad lines by reason.

    `forgotten_by` stands for the tombstones it was read under, "" where nobody was forgotten.
    """

    name: str
    build: str
    rule: str
    files: tuple[InputRecord, ...]
    left: tuple[str, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    quarantine: tuple[FileRecord, ...] = ()
    forgotten_by: str = ""

    @property
    def rows(self) -> int:
        """Good rows of the feed."""
        return sum(file.rows for file in self.files)

    @property
    def quarantined(self) -> int:
        """Bad lines of the feed."""
        return sum(self.reasons.values())

    @property
    def forgotten(self) -> int:
        """Lines of forgotten customers that landed nevertheless."""
        return sum(file.forgotten for file in self.files)

    @property
    def lines(self) -> int:
        """All lines of the feed but blank ones."""
        return self.rows + self.quarantined + self.forgotten


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """Where the lines of a feed went: `lines` = `kept` + `dropped` + `quarantined`.

    `forgotten` of those dropped were of forgotten customers, the others for the reason `why`.
    """

    feed: str
    lines: int
    kept: int
    dropped: int
    why: str
    quarantined: int
    forgotten: int = 0

    def __str__(self) -> str:
        forgotten = f" + {self.forgotten:,} of forgotten customers" if self.forgotten else ""
        dropped = f"{self.dropped - self.forgotten:,} {self.why}{forgotten}"
        return f"{self.feed}: {self.lines:,} = {self.kept:,} kept + {dropped} + {self.quarantined:,} quarantined"


@dataclass(frozen=True, slots=True)
class TableRecord:
    """One published table. `build` stands in the metadata of each of its files, `sql` is its SQL's hash.

    `left_out` counts, by reason, what landed and is not in it, where a fact counts that.
    """

    name: str
    build: str
    sql: str
    inputs: tuple[str, ...]
    rows: int
    seconds: float
    files: tuple[FileRecord, ...]
    left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A published build: `build` stands for all of it, `landing` is the root its feeds were read from.

    `parameters` holds what stands for each parameter the tables were made with; never the pseudonym key.
    """

    build: str
    landing: str
    finished: str
    seconds: float
    versions: dict[str, str]
    feeds: dict[str, FeedRecord]
    tables: dict[str, TableRecord]
    ledger: tuple[LedgerRecord, ...]
    audits: tuple[str, ...]
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def forgotten_by(self) -> str:
        """What stands for the tombstones the lake was built under, "" where nobody was forgotten."""
        return max((feed.forgotten_by for feed in self.feeds.values()), default="")

    def rows(self) -> dict[str, int]:
        """Return the rows of every table, landing first."""
        return {name: feed.rows for name, feed in self.feeds.items()} | {n: t.rows for n, t in self.tables.items()}

    def files(self) -> dict[str, tuple[FileRecord, ...]]:
        """Return every published file: those of each table, and of each feed its quarantine."""
        tables = {name: table.files for name, table in self.tables.items()}
        return tables | {name: feed.quarantine for name, feed in self.feeds.items()}

    def landing_of(self, lake: Storage) -> str:
        """Return where the landing data is, for a lake or an installation that may have been moved since."""
        if self.landing == THE_SAMPLE:
            return str(bundled_sample() or self.landing)
        return lake.uri if self.landing == THE_LAKE else self.landing

    def dump(self) -> bytes:
        """Return the manifest as JSON, sorted and indented for people."""
        return (json.dumps({"format": _FORMAT, **asdict(self)}, indent=1) + "\n").encode()

    @staticmethod
    def load(storage: Storage) -> Manifest | None:
        """Read the manifest of a lake, None where it was never built. EnvironmentFault where it is damaged."""
        data = storage.read(MANIFEST)
        if data is None:
            return None
        raw = None
        try:
            raw = json.loads(data)
            return _parse(dict(raw))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if later := _later(raw):
                raise EnvironmentFault(
                    f"{storage.uri}/{MANIFEST}: was written by {later}, and this is stedi {__version__}",
                    fix="use that version, or a later one; the lake is as it should be",
                ) from error
            raise EnvironmentFault(
                f"{storage.uri}/{MANIFEST}: is not a manifest this version can read",
                fix=f"delete that file and run `stedi build --lake {storage.uri} --landing URI`, as before:"
                " everything is built again",
            ) from error


def is_published(path: str) -> bool:
    """Return whether a path under the lake root is one a build may write or delete: a table's file or a quarantine."""
    folder, _, name = path.rpartition("/")
    made = [table.prefix for table in TABLES.values() if table.zone != "landing"]
    quarantines = [f"_quarantine/{feed.feed}/" for feed in FEEDS]
    return f"{folder}/" in (*made, *quarantines) and name.endswith(".parquet")


def _later(raw: object) -> str:
    """Return which later version wrote a manifest that cannot be read, "" where none did."""
    if not isinstance(raw, dict):
        return ""
    versions = raw.get("versions")
    version = str(versions.get("stedi")) if isinstance(versions, dict) else ""
    if re.fullmatch(r"\d{1,4}(\.\d{1,4}){1,3}\w{0,9}", version) and _numbers(version) > _numbers(__version__):
        return f"stedi {version}"
    made = raw.get("format")
    return f"a later stedi, in format {made}" if type(made) is int and made > _FORMAT else ""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _parse(raw: dict[str, Any]) -> Manifest:
    if raw.pop("format") != _FORMAT:
        raise ValueError("another format")
    feeds = {name: _parse_feed(feed) for name, feed in raw.pop("feeds").items()}
    tables = {name: _parse_table(table) for name, table in raw.pop("tables").items()}
    if feeds.keys() - {feed.name for feed in FEEDS} or tables.keys() - TABLES.keys():
        raise ValueError("tables that are none of ours")
    ledger = tuple(_typed(LedgerRecord(**entry)) for entry in raw.pop("ledger"))
    if not all(type(value) is str for value in raw.get("parameters", {}).values()):
        raise TypeError("parameters")
    return _typed(Manifest(feeds=feeds, tables=tables, ledger=ledger, audits=tuple(raw.pop("audits")), **raw))


def _typed(record: T) -> T:
    """Return a record whose simple fields hold what they are declared to hold; TypeError otherwise."""
    for name, allowed in _simple_fields(type(record)):
        value = getattr(record, name)
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise TypeError(name)
    return record


@cache  # a manifest may hold 100,000 records
def _simple_fields(kind: type[DataclassInstance]) -> list[tuple[str, tuple[type, ...]]]:
    return [(one.name, _SIMPLE[str(one.type)]) for one in fields(kind) if str(one.type) in _SIMPLE]


def _parse_files(raw: list[dict[str, Any]]) -> tuple[FileRecord, ...]:
    files = tuple(_typed(FileRecord(**file)) for file in raw)
    if not all(is_published(file.path) for file in files):
        raise ValueError("a file that no build writes")
    return files


def _parse_feed(raw: dict[str, Any]) -> FeedRecord:
    files = tuple(
        _typed(InputRecord(**{**file, "unknown_keys": tuple(file["unknown_keys"])})) for file in raw.pop("files")
    )
    if any(type(count) is not int for count in raw["reasons"].values()):
        raise TypeError("reasons")
    quarantine = _parse_files(raw.pop("quarantine"))
    return _typed(FeedRecord(files=files, quarantine=quarantine, left=tuple(raw.pop("left")), **raw))


def _parse_table(raw: dict[str, Any]) -> TableRecord:
    files = _parse_files(raw.pop("files"))
    if any(type(count) is not int for count in raw.get("left_out", {}).values()):
        raise TypeError("left_out")
    return _typed(TableRecord(files=files, inputs=tuple(raw.pop("inputs")), **raw))
