"""The run record of the last published build, `_stedi/manifest.json`.

It names every input with its fingerprint, every published file with its checksum, the ledger and the versions. It
holds no personal data: counts, hashes, file names and reasons only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from stedi.errors import EnvironmentFault
from stedi.settings import bundled_sample
from stedi.storage import Storage

__all__ = [
    "MANIFEST",
    "THE_LAKE",
    "THE_SAMPLE",
    "FeedRecord",
    "FileRecord",
    "InputRecord",
    "LedgerRecord",
    "Manifest",
    "TableRecord",
]

MANIFEST = "_stedi/manifest.json"
THE_LAKE = "."
"""Stands in a manifest for landing data in the lake itself, which may be moved."""

THE_SAMPLE = "sample:"
"""Stands in a manifest for the bundled sample, which is where this installation is."""

_FORMAT = 1


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
    names; another order of keys; a BOM).
    """

    path: str
    size: int
    version: str
    rows: int
    clean: bool
    quarantined: int = 0
    unknown_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """One feed as it was read: its files, what else lay there, and the bad lines by reason."""

    name: str
    build: str
    rule: str
    files: tuple[InputRecord, ...]
    left: tuple[str, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    quarantine: tuple[FileRecord, ...] = ()

    @property
    def rows(self) -> int:
        """Good rows of the feed."""
        return sum(file.rows for file in self.files)

    @property
    def quarantined(self) -> int:
        """Bad lines of the feed."""
        return sum(self.reasons.values())


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """Where the lines of a feed went: `lines` = `kept` + `dropped` + `quarantined`."""

    feed: str
    lines: int
    kept: int
    dropped: int
    why: str
    quarantined: int

    def __str__(self) -> str:
        return (
            f"{self.feed}: {self.lines:,} = {self.kept:,} kept + {self.dropped:,} {self.why}"
            f" + {self.quarantined:,} quarantined"
        )


@dataclass(frozen=True, slots=True)
class TableRecord:
    """One published table. `build` stands in the metadata of each of its files, `sql` is its SQL's hash."""

    name: str
    build: str
    sql: str
    inputs: tuple[str, ...]
    rows: int
    seconds: float
    files: tuple[FileRecord, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A published build: `build` stands for all of it, `landing` is the root its feeds were read from."""

    build: str
    landing: str
    finished: str
    seconds: float
    versions: dict[str, str]
    feeds: dict[str, FeedRecord]
    tables: dict[str, TableRecord]
    ledger: tuple[LedgerRecord, ...]
    audits: tuple[str, ...]

    def rows(self) -> dict[str, int]:
        """Return the rows of every table, landing first."""
        return {name: feed.rows for name, feed in self.feeds.items()} | {n: t.rows for n, t in self.tables.items()}

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
        try:
            return _parse(json.loads(data))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise EnvironmentFault(
                f"{storage.uri}/{MANIFEST}: is not a manifest this version can read",
                fix="delete that file and run `stedi build`: everything is built again",
            ) from error


def _parse(raw: dict[str, Any]) -> Manifest:
    if raw.pop("format") != _FORMAT:
        raise ValueError("another format")
    feeds = {name: _parse_feed(feed) for name, feed in raw.pop("feeds").items()}
    tables = {name: _parse_table(table) for name, table in raw.pop("tables").items()}
    ledger = tuple(LedgerRecord(**entry) for entry in raw.pop("ledger"))
    return Manifest(feeds=feeds, tables=tables, ledger=ledger, audits=tuple(raw.pop("audits")), **raw)


def _parse_feed(raw: dict[str, Any]) -> FeedRecord:
    files = tuple(InputRecord(**{**file, "unknown_keys": tuple(file["unknown_keys"])}) for file in raw.pop("files"))
    quarantine = tuple(FileRecord(**file) for file in raw.pop("quarantine"))
    return FeedRecord(files=files, quarantine=quarantine, left=tuple(raw.pop("left")), **raw)


def _parse_table(raw: dict[str, Any]) -> TableRecord:
    files = tuple(FileRecord(**file) for file in raw.pop("files"))
    return TableRecord(files=files, inputs=tuple(raw.pop("inputs")), **raw)
