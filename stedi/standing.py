"""What lies in a lake, listed once, against what its manifest says: damaged tables, foreign files, a stopped build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stedi.contracts import TABLES
from stedi.manifest import FileRecord, Manifest
from stedi.publish import OWN, is_unsettled
from stedi.stages import STAGES
from stedi.storage import Entry, Storage

__all__ = ["Standing", "look_at"]


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
        """Return, by the folder of a table, the files that no build has put there."""
        own = {file.path for file in _files(self.manifest)}
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


def _files(manifest: Manifest | None) -> Iterable[FileRecord]:
    return [file for files in manifest.files().values() for file in files] if manifest else []
