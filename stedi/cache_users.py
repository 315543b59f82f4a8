"""Who uses the cache: each user has a file there that is locked for as long as it lives, and the system drops locks."""

from __future__ import annotations

import contextlib
import secrets
import threading
import weakref
from pathlib import Path

from filelock import FileLock, Timeout

from stedi.storage import PRIVATE_FILE, make_private_folder

__all__ = ["CacheUsers"]


class CacheUsers:
    """The users of a cache, of whom this is one once it has joined."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / ".users"
        self._mark: FileLock | None = None
        self._joining = threading.Lock()

    def join(self) -> None:
        """Say, as long as this lives, that what is used from now on is in use."""
        with self._joining:
            while self._mark is None:
                make_private_folder(self._folder)
                mark = FileLock(self._folder / secrets.token_hex(8), timeout=0, mode=PRIVATE_FILE)
                with contextlib.suppress(Timeout):
                    mark.acquire()
                    if Path(mark.lock_file).exists():  # else taken for a dead one's in this very moment
                        self._mark = mark
                        weakref.finalize(self, _leave, mark)

    def began(self) -> list[int]:
        """Return when those began that live, this one included (ns since 1970); the marks of the dead go."""
        found: list[int] = []
        for file in self._folder.glob("*"):
            with contextlib.suppress(OSError):
                began = file.stat().st_mtime_ns
                try:
                    with FileLock(file, timeout=0):
                        file.unlink(missing_ok=True)
                except Timeout:
                    found.append(began)
        return found


def _leave(mark: FileLock) -> None:
    with contextlib.suppress(OSError):
        Path(mark.lock_file).unlink()
    mark.release()
