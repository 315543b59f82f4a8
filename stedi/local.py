"""A lake or landing data in a folder of this machine."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from stedi.errors import EnvironmentFault, LakeBusy, UsageError
from stedi.finding import Finding
from stedi.storage import NOT_A_FILE, PRIVATE_FILE, Entry, Fetched, Options, Purged, faults, make_private_folder

if TYPE_CHECKING:
    from stedi.s3.ranges import RangeFileSystem

__all__ = ["LocalStorage"]

LEAST_FREE = 500_000_000
"""Bytes free on the lake's disk below which a build of the sample may fail."""


class LocalStorage:
    """A folder on this machine."""

    filesystem: RangeFileSystem | None = None
    reads_in_place = True

    def __init__(self, root: Path, options: Options | None = None) -> None:
        self.root = root
        self.uri = str(root)
        self.options = options or Options()

    def _at(self, path: str) -> Path:
        parts = PurePosixPath(path).parts
        if ".." in parts or PurePosixPath(path).is_absolute():
            raise UsageError(f"{path}: leads out of {self.uri}", fix="name a path below the folder")
        return self.root.joinpath(*parts)

    def exists(self) -> bool:
        return self.root.exists()

    def look(self) -> list[Finding]:
        # the folder of the lake, or the nearest one above it that is there
        there = next(folder for folder in (self.root, *self.root.parents) if folder.exists())
        free = shutil.disk_usage(there).free
        space = Finding("free disk", "ok", f"{free / 1e9:.1f} GB at {there}")
        if free < LEAST_FREE:
            space = Finding("free disk", "problem", space.found, "free some space, or name a lake on another disk")
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            fix = "give this user access, or name another folder with --lake"
            return [space, Finding("lake writable", "problem", f"{there}: cannot be written", fix)]
        return [space, Finding("lake writable", "ok", str(self.root))]

    def list(self, prefix: str) -> list[Entry]:
        found: list[Entry] = []
        start = self._at(prefix)
        with faults(f"cannot list {start}"):
            if start.exists():
                for folder, names in _walk(start):
                    below = Path(folder).relative_to(self.root)
                    for name in names:  # joined as text: a Path for each of 100,000 files takes seconds
                        try:
                            status = _status(os.path.join(folder, name))  # noqa: PTH118 - as above
                        except FileNotFoundError:
                            continue  # it has gone meanwhile, as a lock does
                        if not stat.S_ISDIR(status.st_mode):
                            path = f"{below.as_posix()}/{name}" if below.parts else name
                            found.append(Entry(path, status.st_size, _version(status)))
        return sorted(found, key=lambda entry: entry.path)

    def list_each(self, prefixes: Sequence[str]) -> Mapping[str, Sequence[Entry]]:
        return {prefix: self.list(prefix) for prefix in prefixes}

    def stat(self, path: str) -> Entry | None:
        file = self._at(path)
        with faults(f"cannot read {file}"):
            try:
                status = file.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, "it is a folder, where a file belongs")
        return Entry(path, status.st_size, _version(status))

    def read(self, path: str) -> bytes | None:
        file = self._at(path)
        with faults(f"cannot read {file}"):
            try:
                return file.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, path: str, data: bytes) -> None:
        file = self._at(path)
        with faults(f"cannot write {file}"):
            make_private_folder(file.parent)
            partial = file.with_name(file.name + ".partial")
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(file)

    def make_ready(self, path: str) -> None:
        self.stat(path)
        folder = self._at(path).parent
        with faults(f"cannot put files into {folder}"):
            make_private_folder(folder)
            if not folder.resolve().is_relative_to(self.root.resolve()):
                raise OSError(errno.EXDEV, "it is a link that leads out of the lake")
            if folder.stat().st_dev != self.root.stat().st_dev:
                raise OSError(
                    errno.EXDEV, "it is on another disk than the lake, and files are put in place by renaming"
                )
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "permission denied")

    def move(self, source: str, target: str) -> None:
        file = self._at(target)
        with faults(f"cannot put {file} in place"):
            make_private_folder(file.parent)
            self._at(source).replace(file)

    def move_each(self, moves: Sequence[tuple[str, str]]) -> None:
        for source, target in moves:
            self.move(source, target)

    def delete(self, path: str) -> None:
        file = self._at(path)
        with faults(f"cannot delete {file}"):
            file.unlink(missing_ok=True)

    def clear(self, path: str) -> None:
        folder = self._at(path)
        with faults(f"cannot delete {folder}"):
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)
            else:
                folder.unlink(missing_ok=True)

    def fetch(self, entries: Sequence[Entry], fetched: Fetched | None = None) -> Mapping[str, Path]:
        return {entry.path: self._at(entry.path) for entry in entries}

    def local(self, path: str) -> Path:
        return self._at(path)

    def location(self, path: str) -> str | Path:
        return self._at(path)

    def stage(self, paths: Sequence[str]) -> None:
        pass  # a workspace is in the lake

    def version_of(self, file: Path) -> str:
        with faults(f"cannot read {file}"):
            return _version(file.stat())

    def clear_fetched(self) -> None:
        pass  # nothing is fetched

    def purge(self, paths: Sequence[str], beside: Sequence[str] = ()) -> Purged:
        return Purged()  # a folder has no other versions

    def workspace(self, path: str) -> Path:
        folder = self._at(path)
        with faults(f"cannot write to {folder}"):
            make_private_folder(folder)
        return folder

    @contextlib.contextmanager
    def lock(self, path: str, holder: str) -> Iterator[None]:
        # the operating system drops a dead holder's lock, so the file's content is only ever a name to show
        from filelock import FileLock, Timeout

        file = self._at(path)
        with faults(f"cannot lock {self.uri}"):
            make_private_folder(file.parent)
            if file.is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{file} is a folder, where the lock file belongs; remove it")
            lock = FileLock(file, timeout=0, mode=PRIVATE_FILE)
            try:
                lock.acquire()
            except Timeout:
                name = _holder(file.with_suffix(".holder"))
                raise LakeBusy(
                    f"{self.uri}: another process is changing this lake ({name})",
                    holder=name,
                    fix="wait for it to end, or stop it; its lock goes with it",
                ) from None
        try:
            # on a full disk the name is lacking, but the lock holds: its holder may clear what has filled the disk
            with contextlib.suppress(EnvironmentFault):
                self.write(file.with_suffix(".holder").relative_to(self.root).as_posix(), json.dumps(holder).encode())
            yield
        finally:
            with contextlib.suppress(OSError):
                file.with_suffix(".holder").unlink(missing_ok=True)
            lock.release()


def _holder(file: Path) -> str:
    try:
        name = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return "its name is not known yet"
    return str(name)


def _status(file: str) -> os.stat_result:
    """Return the status of a file; of a link that leads nowhere its own: whoever reads it will say so."""
    try:
        return os.stat(file)  # noqa: PTH116 - as text, as above
    except OSError:
        return os.lstat(file)


def _walk(start: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the folders at and below one with their files, through links to folders too, but through each once."""
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(start, onerror=_raise, followlinks=True):
        try:
            status = Path(folder).stat()
        except FileNotFoundError:
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield folder, names


def _version(status: os.stat_result) -> str:
    return str(status.st_mtime_ns) if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode) else NOT_A_FILE


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # a folder that has gone meanwhile holds nothing
        raise error
