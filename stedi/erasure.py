"""Landing files without some of their lines: made beside the old ones, read as if they were there, then put there.

Every byte of the other lines stays as it is, blanks, line ends and bad lines too. A file that loses all of its lines
stays, empty.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from stedi.errors import EnvironmentFault
from stedi.storage import Entry, Fetched, Options, Storage, faults
from stedi.unpacked import is_zipped, unpacked

__all__ = ["Remade", "WithoutLines", "copy_without", "remake"]

_BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"


class _Lines(Protocol):
    def readline(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Remade:
    """A landing file that is to be replaced: the file as it was, the staged one, and the entry it will be."""

    old: Entry
    staged: str
    file: Path
    new: Entry


class WithoutLines:
    """The landing data as they will be: those of a place, with files that were made anew instead of the old ones."""

    reads_in_place = True

    def __init__(self, landing: Storage, remade: Sequence[Remade]) -> None:
        self.uri = landing.uri
        self.options: Options = landing.options
        self._landing = landing
        self._remade = {made.old.path: made for made in remade}

    def exists(self) -> bool:
        return self._landing.exists()

    def list(self, prefix: str) -> list[Entry]:
        found = self._landing.list(prefix)
        return [self._remade[entry.path].new if entry.path in self._remade else entry for entry in found]

    def list_each(self, prefixes: Sequence[str]) -> Mapping[str, Sequence[Entry]]:
        return {prefix: self.list(prefix) for prefix in prefixes}

    def fetch(self, entries: Sequence[Entry], fetched: Fetched | None = None) -> Mapping[str, Path]:
        own = {entry.path: self._remade[entry.path].file for entry in entries if entry.path in self._remade}
        others = self._landing.fetch([entry for entry in entries if entry.path not in own], fetched)
        return {entry.path: own.get(entry.path) or others[entry.path] for entry in entries}


def remake(landing: Storage, files: Mapping[Entry, Collection[int]], staging: str) -> list[Remade]:
    """Make landing files anew without the lines of these numbers, in a folder of the landing place.

    EnvironmentFault, with nothing changed, where one cannot be replaced.
    """
    folder = landing.workspace(staging)
    local = landing.fetch(list(files))
    remade = []
    for at, (entry, numbers) in enumerate(files.items()):
        landing.make_ready(entry.path)
        source = local[entry.path]
        if source.is_symlink():
            raise EnvironmentFault(
                f"{landing.uri}/{entry.path}: is a link, and stedi does not write where links lead",
                fix="put the file itself there, and run the command again",
            )
        suffix = "".join(source.suffixes[-2:]) if is_zipped(source) else source.suffix
        staged = f"{staging}/{at}{suffix.lower()}"
        file = folder / f"{at}{suffix.lower()}"
        with faults(f"cannot write to {folder}"):
            copy_without(source, file, numbers)
            _as_before(source, file)
        remade.append(Remade(entry, staged, file, Entry(entry.path, file.stat().st_size, landing.version_of(file))))
    return remade


def copy_without(source: Path, target: Path, numbers: Collection[int]) -> None:
    """Copy a file without the lines of these numbers, counted from 1; one that ends in .gz is packed again."""
    zipped = is_zipped(source)
    with (
        unpacked(source, zipped=zipped) as old,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out,
    ):
        if zipped:
            # no name and no time in it: the same lines give the same bytes
            with gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0) as packed:
                _copy(old, packed, numbers)
        else:
            _copy(old, out, numbers)
        out.flush()
        os.fsync(out.fileno())  # it replaces what cannot be made again


def _copy(old: _Lines, out: IO[bytes] | gzip.GzipFile, numbers: Collection[int]) -> None:
    wanted = frozenset(numbers)
    number, is_first = 1, True
    while piece := old.readline(_BLOCK):  # a line may be longer than memory
        if number not in wanted:
            if is_first and number > 1 and piece.startswith(_BOM):
                out.write(b"\n")  # a mark that is at the start of no file makes a bad line, and it stays one
            out.write(piece)
            is_first = False
        number += piece.endswith(b"\n")


def _as_before(source: Path, file: Path) -> None:
    """Give a file the mode and, where this user may, the owner of the one it replaces: others read it too."""
    status = source.stat()
    shutil.copymode(source, file)
    with contextlib.suppress(OSError, AttributeError):
        os.chown(file, status.st_uid, status.st_gid)
