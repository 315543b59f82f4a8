"""What DuckDB reads parts of Parquet files on S3 through: a file system of names that we give, and of nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote, unquote

from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]

from stedi.errors import StediError
from stedi.storage import Entry

__all__ = ["RangeFileSystem"]

TAIL = 16_384
"""Last bytes of a file that are kept: DuckDB asks for its footer each time it opens one."""


class RangeFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Files by `stedi://<path, percent-encoded>`, each read as it was when it was first opened."""

    protocol = "stedi"
    cachable = False

    def __init__(self, head: Callable[[str], Entry], read: Callable[[Entry, int, int], bytes]) -> None:
        super().__init__()
        self._head = head
        self._read = read
        self._known: dict[str, Entry] = {}
        self._tails: dict[str, bytes] = {}
        self.fault: StediError | None = None
        """Why a read failed: DuckDB, through which it comes, does not say."""

    @staticmethod
    def location(path: str) -> str:
        """Return the name by which a path can be opened: no character of it means anything in a pattern."""
        return f"{RangeFileSystem.protocol}://{quote(path, safe='/-_.')}"

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def exists(self, path: str, **_: Any) -> bool:
        return True

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": self.entry(path).size, "type": "file"}

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(0, UTC)  # an entry never changes

    def open(self, path: str, mode: str = "rb", **_: Any) -> _RangeFile:
        if mode != "rb":
            raise PermissionError(f"{path}: is read only")
        return _RangeFile(self, path)

    def entry(self, path: str) -> Entry:
        """Return the object behind a name, as it was when it was first asked for."""
        name = unquote(self._strip_protocol(path).removeprefix("//"))
        if name not in self._known:
            with self._noted():
                self._known[name] = self._head(name)
        return self._known[name]

    def bytes_of(self, entry: Entry, start: int, end: int) -> bytes:
        """Return some bytes of an object."""
        tail_from = max(entry.size - TAIL, 0)
        with self._noted():
            if start < tail_from:
                return self._read(entry, start, end)
            if entry.path not in self._tails:
                self._tails[entry.path] = self._read(entry, tail_from, entry.size)
        return self._tails[entry.path][start - tail_from : end - tail_from]

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except StediError as fault:
            self.fault = fault
            raise


class _RangeFile:
    """An open file; each thread has a place of its own in it, since DuckDB's threads share it."""

    def __init__(self, filesystem: RangeFileSystem, path: str) -> None:
        self._filesystem = filesystem
        self._entry = filesystem.entry(path)
        self._at = threading.local()

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self.tell(), 2: self._entry.size}[whence]
        self._at.place = base + offset
        return base + offset

    def tell(self) -> int:
        return int(getattr(self._at, "place", 0))

    def read(self, size: int = -1) -> bytes:
        start = self.tell()
        end = self._entry.size if size < 0 else min(start + size, self._entry.size)
        data = self._filesystem.bytes_of(self._entry, start, end) if start < end else b""
        self._at.place = start + len(data)
        return data

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
