"""The lock of a lake on S3: an object that is written on the condition that there is none.

It names its holder, and since when. That of a process of this machine that is dead is taken over.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from stedi.errors import EnvironmentFault, LakeBusy
from stedi.s3.errors import code_of
from stedi.storage import Entry

__all__ = ["Lock"]

_HELD: set[str] = set()
"""The locks that this process holds."""

_CONDITION = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


class Lock:
    """The lock at a path of a storage, in terms of what the storage can do with objects.

    `put(path, data, **conditions)` returns an ETag or raises the ClientError, `read(path)` returns content and ETag.
    """

    def __init__(
        self,
        uri: str,
        path: str,
        *,
        put: Callable[..., str],
        read: Callable[[str], tuple[bytes | None, str]],
        stat: Callable[[str], Entry | None],
        delete: Callable[[str], None],
    ) -> None:
        self._uri = uri
        self._path = path
        self._put = put
        self._read = read
        self._stat = stat
        self._delete = delete
        self._etag = ""

    @contextlib.contextmanager
    def held(self, holder: str, *, by_force: bool) -> Iterator[None]:
        """Hold the lock, taken from whoever has it `by_force`; LakeBusy names who else holds it."""
        mark = secrets.token_hex(8)
        _HELD.add(mark)
        try:
            self._etag = self._take(holder, mark, by_force=by_force)
            try:
                yield
            finally:
                # what cannot be released is taken over by the next process of this machine
                with contextlib.suppress(EnvironmentFault):
                    if self._is_ours():
                        self._delete(self._path)
        finally:
            _HELD.discard(mark)

    def see(self) -> None:
        """Raise EnvironmentFault where the lock is not that of this process any more."""
        if not self._is_ours():
            raise EnvironmentFault(
                f"{self._uri}: somebody has broken the lock of this build; nothing was published",
                fix="see that no other build is running, and run the command again",
            )

    def _is_ours(self) -> bool:
        entry = self._stat(self._path)
        return entry is not None and entry.version == self._etag

    def _take(self, holder: str, mark: str, *, by_force: bool) -> str:
        ours = {
            "holder": holder,
            "machine": _machine(),
            "process": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "id": mark,
        }
        data = json.dumps(ours, indent=1).encode()
        try:
            return self._put(self._path, data, IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) not in _CONDITION:
                raise
        found, etag = self._read(self._path)
        if found == data:  # the answer to an earlier attempt was lost
            return etag
        if found is None:
            raise self._busy({})  # released in this very moment
        theirs = _parsed(found)
        # an empty one was a folder's, and came here with a copy of it
        if found and not (by_force or _is_dead(theirs)):
            raise self._busy(theirs)
        try:
            return self._put(self._path, data, IfMatch=etag)
        except ClientError as error:
            if code_of(error) not in (*_CONDITION, "NoSuchKey", "404"):
                raise
        found, etag = self._read(self._path)
        if found == data:
            return etag
        raise self._busy(_parsed(found or b""))

    def _busy(self, theirs: Mapping[str, Any]) -> LakeBusy:
        name = f"{theirs.get('holder', 'its name is not known')}, since {theirs.get('since', 'just now')}"
        name = "".join(character if character.isprintable() else "?" for character in name)
        return LakeBusy(
            f"{self._uri}: another process is changing this lake ({name})",
            holder=name,
            fix="wait for it to end; if it is dead, take its lock with `stedi build --break-lock`",
        )


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _machine() -> str:
    """Name this machine and its space of process ids, which a container has to itself."""
    with contextlib.suppress(OSError, AttributeError):
        return f"{platform.node()} {uuid.getnode():x} {Path('/proc/self/ns/pid').readlink()}"
    return f"{platform.node()} {uuid.getnode():x}"


def _is_dead(theirs: Mapping[str, Any]) -> bool:
    """Return whether the holder of a lock was a process of this machine and is no more."""
    process = theirs.get("process")
    if theirs.get("machine") != _machine() or not isinstance(process, int) or process <= 0:
        return False
    if process == os.getpid():
        return theirs.get("id") not in _HELD  # left by an earlier command of this process
    if os.name == "nt":
        return False  # there os.kill ends the process that it is asked about
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
