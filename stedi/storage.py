"""Where lakes and landing data live: one face over the places they may be in.

Paths are posix-style, relative to the root of the storage, as `customer/landing/a.json`. A name is only ever a
name: nothing here expands globs, follows `..` out of the root or pastes names into anything.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stedi.errors import EnvironmentFault, UsageError
from stedi.finding import Finding

if TYPE_CHECKING:
    from stedi.s3.ranges import RangeFileSystem

__all__ = ["Entry", "LandingPlace", "Options", "Storage", "faults", "open_storage"]

NOT_A_FILE = "not a file"
"""The version of a pipe, socket or device: nothing to read."""

_MEANT_FOR_S3 = ("s3:", "arn:")
"""How what is on S3 begins too, for others; a folder of such a name is ./s3: here."""

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its path under the root, size in bytes, and what changes whenever its content does.

    On S3 that is the ETag. A version id would say no more: a listing has none, and one content has one ETag.
    """

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
    if (separator and scheme.isalnum() and len(scheme) > 1) or text.lower().startswith(_MEANT_FOR_S3):
        raise UsageError(f"{text}: is neither a folder nor on S3", fix="give a folder, or s3://bucket/prefix")
    from stedi.local import LocalStorage

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


def this_process(command: str) -> str:
    """Name this process for a lock: command, process id, host."""
    return f"{command}, process {os.getpid()} on {platform.node()}"


def make_private(file: Path) -> None:
    """Take a file from everybody but its owner: it may hold personal data."""
    file.chmod(PRIVATE_FILE)


def make_private_folder(folder: Path) -> None:
    """Make a folder and its missing parents for the owner alone; folders that are there keep their mode."""
    missing = [folder, *folder.parents]
    for part in reversed(missing):
        if not part.exists():
            part.mkdir(mode=PRIVATE_DIR, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is a file, not a folder", str(folder))
