"""What was fetched from S3: whole objects under a key of their content, private, bounded in size.

An object that has not changed is never fetched again. The names of the files are hashes, so no name in a bucket can
lead out of the folder.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from stedi.errors import UsageError
from stedi.storage import PRIVATE_FILE, faults, make_private_folder

if TYPE_CHECKING:
    from stedi.cache_users import CacheUsers

__all__ = ["CACHE_SIZE", "Cache", "Filling", "Held", "open_cache"]

CACHE_SIZE = "50GB"
"""Bytes the cache may hold, by default."""

STALE_SECONDS = 24 * 3600
"""Age after which a file that was never finished is nobody's any more."""

_SUFFIX = re.compile(r"(?:\.jsonl?(?:\.gz)?|\.parquet)$", re.IGNORECASE)  # DuckDB and the sieve go by it
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?)(i?)B?", re.IGNORECASE)
_PARTIAL = ".partial-"
_MADE = "made"


@dataclass(frozen=True, slots=True)
class Held:
    """What the cache holds of one bucket: objects, their bytes, and when one was last used (seconds since 1970)."""

    bucket: str
    objects: int
    bytes: int
    used: float


class Cache:
    """A folder of fetched objects: `<bucket>/<hash of endpoint, bucket, key and ETag>.<suffix>`, mode 0700."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._made: set[Path] = set()

    def place(self, endpoint: str, bucket: str, key: str, etag: str) -> Path:
        """Return where an object is, or would be."""
        name = hashlib.sha256(json.dumps([endpoint, bucket, key, etag]).encode()).hexdigest()
        suffix = found.group().lower() if (found := _SUFFIX.search(key)) else ""
        return self.folder / (bucket if _BUCKET.fullmatch(bucket) else "other") / f"{name}{suffix}"

    def use(self, file: Path, size: int) -> bool:
        """Return whether a whole object is there, and note that it was used: nobody makes room of it any more."""
        self.join()
        try:
            if file.stat().st_size != size:
                return False
            os.utime(file)
        except OSError:
            return False
        return True

    def filling(self, file: Path) -> Filling:
        """Begin to write an object, which stands under its own name once it is kept."""
        with self._faults():
            if file.parent not in self._made:
                make_private_folder(file.parent)
                self._made.add(file.parent)
            try:
                return Filling(file, self._faults)
            except FileNotFoundError:  # somebody has removed the folder meanwhile
                make_private_folder(file.parent)
                return Filling(file, self._faults)

    def _faults(self) -> contextlib.AbstractContextManager[None]:
        return faults(f"cannot write to the cache, {self.folder}")

    def workspace(self, name: str) -> Path:
        """Return a folder for what is made before it is put into a bucket; it need not be there yet."""
        return self.folder / _MADE / name

    def make_room(self, needed: int) -> None:
        """Remove what was used longest ago until `needed` more bytes fit; what somebody may be reading stays."""
        files = sorted(self._files(), key=lambda found: found[1].st_mtime_ns)
        held = sum(status.st_size for _, status in files)
        in_use = min(self._users.began(), default=time.time_ns())
        for file, status in files:
            if held + needed <= self.limit or status.st_mtime_ns >= in_use:
                return
            file.unlink(missing_ok=True)
            held -= status.st_size

    @functools.cached_property
    def _users(self) -> CacheUsers:
        from stedi.cache_users import CacheUsers

        return CacheUsers(self.folder)

    def join(self) -> None:
        """Say that this is being used, for as long as it lives."""
        with self._faults():
            self._users.join()

    def held(self) -> list[Held]:
        """Return what is held of each bucket."""
        found: dict[str, list[os.stat_result]] = {}
        for file, status in self._files():
            found.setdefault(file.parent.name, []).append(status)
        return [
            Held(bucket, len(all_), sum(s.st_size for s in all_), max(s.st_mtime for s in all_))
            for bucket, all_ in sorted(found.items())
        ]

    def clear(self, bucket: str | None = None) -> tuple[int, int]:
        """Remove what is held, of one bucket or of all; return how many objects and bytes went.

        With all goes what killed builds had made here, unless somebody who lives may be making it.
        """
        gone = [(file, status) for file, status in self._files() if bucket in (None, file.parent.name)]
        if bucket is None and not self._users.began():
            made = [file for file in (self.folder / _MADE).rglob("*") if file.is_file() and not file.is_symlink()]
            gone += [(file, file.stat()) for file in made]
        for file, _ in gone:
            with faults(f"cannot remove {file}"):
                file.unlink(missing_ok=True)
        return len(gone), sum(status.st_size for _, status in gone)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Yield the objects, and remove what a killed process left half fetched."""
        folders = [folder for folder in self.folder.glob("*") if folder.is_dir() and not folder.is_symlink()]
        for file in (file for folder in folders for file in folder.glob("*")):
            try:
                status = file.lstat()
            except OSError:
                continue  # another process has just removed it
            if file.name.startswith(_PARTIAL):
                if time.time() - status.st_mtime > STALE_SECONDS:
                    file.unlink(missing_ok=True)
            elif re.fullmatch(r"[0-9a-f]{64}.*", file.name):
                yield file, status


class Filling:
    """An object on its way into the cache: a private file under a name that is nobody's until it is kept."""

    def __init__(self, file: Path, faults: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self._file = file
        self._faults = faults
        self._partial = file.with_name(f"{_PARTIAL}{secrets.token_hex(8)}")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._stream = os.fdopen(os.open(self._partial, flags, PRIVATE_FILE), "r+b", buffering=0)
        self._at = 0
        self._open = True

    def write(self, data: bytes, at: int) -> None:
        """Write some bytes of the object."""
        with self._faults():
            if at != self._at:
                self._stream.seek(at)
            left = memoryview(data)
            while left:
                left = left[self._stream.write(left) :]
        self._at = at + len(data)

    def md5(self) -> str:
        """Return the MD5 of what was written."""
        with self._faults():
            self._at = self._stream.seek(0)
            digest = hashlib.file_digest(self._stream, functools.partial(hashlib.md5, usedforsecurity=False))
            self._at = -1
        return digest.hexdigest()

    def keep(self) -> None:
        """Give the object its name."""
        with self._faults():
            self._stream.close()
            self._partial.replace(self._file)
        self._open = False

    def drop(self) -> None:
        """Remove what was written, if it was not kept."""
        if self._open:
            self._open = False
            self._stream.close()
            with contextlib.suppress(OSError):
                self._partial.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.keep()
        else:
            self.drop()


def open_cache(folder: str = "", size: str = "") -> Cache:
    """Return the cache in a folder, or in that of this user, with a bound written as 20GB."""
    place = Path(os.path.expanduser(folder)) if folder else default_folder()  # noqa: PTH111 - raises for no home
    return Cache(place.absolute(), bytes_of(size or CACHE_SIZE))


def bytes_of(size: str) -> int:
    """Return the bytes of a size as 20GB or 512MiB; UsageError where it is none."""
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        raise UsageError(f"{size}: is no size", fix="write it as 20GB or 500MB")
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the cache folder of this user, as this system has it; EnvironmentFault where the user has no home."""
    if sys.platform == "win32":
        root = environment.get("LOCALAPPDATA")
        below = Path("stedi", "Cache")
    elif sys.platform == "darwin":
        root, below = None, Path("Library", "Caches", "stedi")
    else:
        root, below = environment.get("XDG_CACHE_HOME"), Path("stedi")
    if root and Path(root).is_absolute():
        return Path(root) / below
    try:
        home = Path.home()
    except RuntimeError as error:
        raise UsageError("this user has no home folder to cache in", fix="name a folder with --cache-dir") from error
    return home / (below if sys.platform in ("win32", "darwin") else Path(".cache", "stedi"))
