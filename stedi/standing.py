"""What lies in a lake, listed once, against what its manifest says: damaged tables, foreign files, a stopped build."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stedi.contracts import TABLES
from stedi.errors import EnvironmentFault
from stedi.manifest import OWN, FileRecord, Manifest
from stedi.publish import is_unsettled
from stedi.stages import STAGES
from stedi.storage import Entry, Storage, faults

__all__ = ["Standing", "damage", "look_at", "wrong_with"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A lake as it stands: its manifest, None where it was never built, and the files of each folder of the lake."""

    manifest: Manifest | None
    folders: Mapping[str, Sequence[Entry]]

    def damaged(self) -> set[str]:
        """Return the tables of which a file is missing or has another size than the build gave it."""
        if self.manifest is None:
            return set()
        sizes = {entry.path: entry.size for entries in self.folders.values() for entry in entries}
        files = self.manifest.files()
        damaged = {name for name, all_ in files.items() if any(sizes.get(file.path) != file.size for file in all_)}
        # a quarantine file that is gone is written again by whatever reads its feed
        return {reader for name in damaged for reader in ([name] if name in STAGES else self._readers(name))}

    def foreign(self) -> dict[str, list[str]]:
        """Return, by the folder of a table, the files that no build has put there, and that none would replace."""
        own = {file.path for file in _files(self.manifest)} | {
            f"{TABLES[name].prefix}{name}-0.parquet" for name in STAGES
        }
        found = {
            TABLES[name].prefix: [entry.path for entry in self.folders[TABLES[name].prefix] if entry.path not in own]
            for name in STAGES
        }
        return {prefix: paths for prefix, paths in found.items() if paths}

    def unsettled(self) -> bool:
        """Return whether a build was stopped, or is under way."""
        return is_unsettled(entry.path for entry in self.folders[OWN])

    def _readers(self, feed: str) -> list[str]:
        tables = self.manifest.tables if self.manifest else {}
        return [name for name, table in tables.items() if feed in table.inputs]


def look_at(lake: Storage) -> Standing:
    """Look at a lake: its manifest, and one listing of each folder that builds write to."""
    manifest = Manifest.load(lake)
    made = [TABLES[name].prefix for name in STAGES]
    others = {f"{file.path.rpartition('/')[0]}/" for file in _files(manifest)} - set(made)
    return Standing(manifest, lake.list_each([*made, *sorted(others), OWN]))


def damage(lake: Storage, files: Iterable[FileRecord]) -> EnvironmentFault | None:
    """Return what is to be said of the first published file that is not as it was put in place; None where all are.

    Of files that are not on this machine only the size is looked at.
    """
    for file in files:
        place = (lambda path=file.path: lake.local(path)) if lake.reads_in_place else None
        if wrong := wrong_with(file, lake.stat(file.path), place):
            return EnvironmentFault(
                f"{lake.uri}/{file.path}: {wrong}", fix=f"`stedi build --force --lake {lake.uri}` makes it again"
            )
    return None


def wrong_with(file: FileRecord, entry: Entry | None, place: Callable[[], Path] | None) -> str:
    """Return how a published file differs from its record, "" where it does not; `place` gives its content, to hash."""
    if entry is None:
        return "is missing"
    if entry.size != file.size:
        return f"has {entry.size:,} bytes, not {file.size:,}"
    if place is None:
        return ""
    try:
        with faults(file.path), place().open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except EnvironmentFault as error:
        return f"cannot be read: {error.message.removeprefix(file.path).strip(' :')}"
    return "" if digest == file.sha256 else "has another checksum than when it was published"


def _files(manifest: Manifest | None) -> Iterable[FileRecord]:
    return [file for files in manifest.files().values() for file in files] if manifest else []
