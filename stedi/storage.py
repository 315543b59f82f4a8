"""Where lakes and landing data live: one face over the places they may be in.

Paths are posix-style, relative to the root of the storage, as `customer/landing/a.json`. A name is only ever a
name: nothing here expands globs, follows `..` out of the root or pastes names into anything.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from stedi.errors import EnvironmentFault, LakeBusy, UsageError
from stedi.finding import Finding

if TYPE_CHECKING:
    from stedi.s3.ranges import RangeFileSystem

__all__ = ["Entry", "LandingPlace", "LocalStorage", "Options", "Storage", "faults", "open_storage"]

NOT_A_FILE = "not a file"
"""The version of a pipe, socket or device: nothing to read."""

LEAST_FREE = 500_000_000
"""Bytes free on the lake's disk below which a build of the sample may fail."""

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its path under the root, size in bytes, and what changes whenever its content does."""

    path: str
    size: int
    version: str


@dataclass(frozen=True, slots=True)
class Options:
    """How storages away from this machine are used; the empty value of each means what its comment says.

    Credentials are none of them: those are found by the conventions of AWS.
    """

    cache_dir: str = ""  # this user's cache folder
    cache_size: str = ""  # stedi.cache.CACHE_SIZE
    sse_kms_key: str = ""  # objects are encrypted with keys of S3
    requester_pays: bool = False  # the owner of the bucket pays
    break_lock: bool = False  # a lock that is held is respected


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of replaced versions: how many were `removed`, and why others may be there yet, "" for none."""

    removed: int = 0
    kept: str = ""


Fetched = Callable[[int, int], None]
"""Told how many bytes are fetched, and of how many."""


class LandingPlace(Protocol):
    """What a build needs of the place its landing data are in: to list files and to read them."""

    uri: str
    options: Options
    reads_in_place: bool
    """Whether `fetch` gives the files themselves, which somebody may change while they are read."""

    def exists(self) -> bool:
        """Return whether the place is there: a folder, a bucket."""
        ...

    def list(self, prefix: str) -> list[Entry]:
        """Return every file below a prefix, in nested folders too, sorted by path; none where there is none."""
        ...

    def list_each(self, prefixes: Sequence[str]) -> Mapping[str, Sequence[Entry]]:
        """Return, by prefix, what `list` returns of each."""
        ...

    def fetch(self, entries: Sequence[Entry], fetched: Fetched | None = None) -> Mapping[str, Path]:
        """Return, by path, files on this machine with the content of these; EnvironmentFault where one has changed."""
        ...


class Storage(LandingPlace, Protocol):
    """What a build needs of the place a lake is in, and a forget of that of the landing data."""

    @property
    def filesystem(self) -> RangeFileSystem | None:
        """What DuckDB reads `location`s through, None where they are local."""
        ...

    def look(self) -> list[Finding]:
        """Look at whether a lake can be here, and what it would take; raises nothing for what is wrong."""
        ...

    def stat(self, path: str) -> Entry | None:
        """Return one file as it is now, or None."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return the content of a small file, or None where there is none."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Replace a small file in one step, durably."""
        ...

    def local(self, path: str) -> Path:
        """Return a path on this machine that holds the content of a file."""
        ...

    def location(self, path: str) -> str | Path:
        """Return where DuckDB reads parts of a file, through `filesystem` where there is one."""
        ...

    def workspace(self, path: str) -> Path:
        """Make a private folder on this machine whose files `stage` and `move` can put in place."""
        ...

    def version_of(self, file: Path) -> str:
        """Return the version a file of a workspace will have once it is put in place, as far as that is known."""
        ...

    def stage(self, paths: Sequence[str]) -> None:
        """Bring files of a workspace to where `move` can put them in place in one step."""
        ...

    def make_ready(self, path: str) -> None:
        """See that a staged file can be put in place at a path; EnvironmentFault says why not."""
        ...

    def move(self, source: str, target: str) -> None:
        """Put a staged file in place in one step, over what was there."""
        ...

    def move_each(self, moves: Sequence[tuple[str, str]]) -> None:
        """Put staged files in place, each in one step, in any order; the first that fails is raised."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file; nothing happens where there is none."""
        ...

    def clear(self, path: str) -> None:
        """Remove a folder with all below it, workspaces and what was never finished included."""
        ...

    def clear_fetched(self) -> None:
        """Remove what this machine keeps of files it fetched from here."""
        ...

    def purge(self, paths: Sequence[str], beside: Sequence[str] = ()) -> Purged:
        """Remove the versions of files, and of all below folders (`a/b/`), that were replaced or deleted.

        Those below the folders `beside` are counted only. It raises nothing: what is kept is said.
        """
        ...

    def lock(self, path: str, holder: str) -> contextlib.AbstractContextManager[None]:
        """Hold the lock at `path`; LakeBusy names who holds it. A dead holder's lock is taken over."""
        ...


def open_storage(uri: str | os.PathLike[str], options: Options | None = None) -> Storage:
    """Open the storage at a folder or URI; it need not exist yet. UsageError where the scheme is unknown."""
    text = os.fspath(uri)
    options = options or Options()
    if not text:
        raise UsageError("an empty path is no lake or landing folder", fix="give a folder")
    scheme, separator, place = text.partition("://")
    if separator and scheme.lower() == "s3":
        from stedi.s3 import S3Storage

        return S3Storage(place, options)
    if separator and scheme.isalnum() and len(scheme) > 1:
        raise UsageError(f"{text}: is neither a folder nor on S3", fix="give a folder, or s3://bucket/prefix")
    # expanded as text: `./~` is a folder here, of which Path would make `~`
    return LocalStorage(Path(os.path.expanduser(text)).resolve(), options)  # noqa: PTH111 - as above


@contextlib.contextmanager
def faults(what: str) -> Iterator[None]:
    """Turn an OSError of the block into an EnvironmentFault that names `what` and the fix."""
    try:
        yield
    except OSError as error:
        raise fault(error, what) from error


def fault(error: OSError, what: str) -> EnvironmentFault:
    """Return the EnvironmentFault that says what an OSError about `what` means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EnvironmentFault(f"{what}: no space left on the disk", fix="free some space and run the command again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return EnvironmentFault(f"{what}: permission denied", fix="give this user access, or name another folder")
    return EnvironmentFault(f"{what}: {error.strerror or type(error).__name__}", fix="see that the path is right")


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


def this_process(command: str) -> str:
    """Name this process for a lock: command, process id, host."""
    return f"{command}, process {os.getpid()} on {platform.node()}"


def make_private(file: Path) -> None:
    """Take a file from everybody but its owner: it may hold personal data."""
    file.chmod(PRIVATE_FILE)


def _holder(file: Path) -> str:
    try:
        name = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return "its name is not known yet"
    return str(name)


def make_private_folder(folder: Path) -> None:
    """Make a folder and its missing parents for the owner alone; folders that are there keep their mode."""
    missing = [folder, *folder.parents]
    for part in reversed(missing):
        if not part.exists():
            part.mkdir(mode=PRIVATE_DIR, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is a file, not a folder", str(folder))


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
