"""Objects fetched side by side into the cache, each once, whole, and of the version that was listed."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path

from stedi.cache import Cache, Filling
from stedi.s3.checks import has_checksum, see_same, see_whole
from stedi.s3.connection import AT_ONCE, Answer, persistent
from stedi.s3.crew import Crew
from stedi.s3.errors import Mismatched
from stedi.storage import Entry, Fetched

__all__ = ["Fetch"]

PART = 32 << 20
"""Bytes of an object that one request fetches; larger objects take several."""

BLOCK = 1 << 20
"""Bytes of a request that are held in memory."""

Get = Callable[[Entry, tuple[int, int] | None], Answer]
Explained = Callable[[str], AbstractContextManager[None]]


class Fetch:
    """One go at fetching objects."""

    def __init__(self, get: Get, explained: Explained, cache: Cache, fetched: Fetched | None) -> None:
        self._get = get
        self._explained = explained
        self._cache = cache
        self._fetched = fetched
        self._lock = threading.Lock()
        self._open: set[Filling] = set()
        self._done = self._total = 0

    def __call__(self, wanted: Sequence[tuple[Entry, Path]]) -> None:
        """Fetch objects to their places."""
        self._total = sum(entry.size for entry, _ in wanted)
        self._crew = Crew(self._jobs(wanted))
        requests = sum(max(-(-entry.size // PART), 1) for entry, _ in wanted)
        try:
            self._crew.work(min(requests, AT_ONCE))
        finally:
            # of jobs that were stopped, or left behind
            for filling in list(self._open):
                filling.drop()

    def _jobs(self, wanted: Sequence[tuple[Entry, Path]]) -> Iterator[Callable[[], object]]:
        for entry, place in wanted:
            if entry.size <= min(BLOCK, PART):
                yield functools.partial(self._small, entry, place)
            else:
                large = _Large(entry, place, range(0, entry.size, PART))
                for start in large.starts:
                    yield functools.partial(self._part, large, start)

    def _small(self, entry: Entry, place: Path) -> None:
        """Fetch an object that is held in memory."""

        def attempt() -> bytes:
            answer = self._get(entry, None)
            with closing(answer.body) as body:
                data: bytes = body.read()
            see_whole(len(data), entry.size)
            see_same(hashlib.md5(data, usedforsecurity=False).hexdigest(), answer)
            return data

        with self._explained(entry.path):
            data = persistent(attempt, wait=self._crew.pause)
            with self._cache.filling(place) as filling:
                filling.write(data, 0)
            self._count(len(data))

    def _part(self, large: _Large, start: int) -> None:
        """Fetch a part of an object; the last of its parts to arrive puts it in place."""
        with self._explained(large.entry.path):
            with large.lock:
                if large.filling is None:
                    large.filling = self._cache.filling(large.place)
                    self._open.add(large.filling)
            persistent(lambda: self._attempt(large, start), wait=self._crew.pause)
            with large.lock:
                large.left -= 1
                if large.left:
                    return
            persistent(lambda: self._finish(large, large.filling), Mismatched, wait=self._crew.pause)

    def _finish(self, large: _Large, filling: Filling | None) -> None:
        """Put an object in place once it is what S3 has; what is not is fetched again by the next attempt."""
        assert filling is not None
        if large.damaged:
            for start in large.starts:
                persistent(functools.partial(self._attempt, large, start), wait=self._crew.pause)
        large.damaged = large.has_checksum and filling.md5() != large.entry.version
        if large.damaged:
            self._count(-large.entry.size)
            raise Mismatched("another checksum than S3 has")
        filling.keep()
        self._open.discard(filling)

    def _attempt(self, large: _Large, start: int) -> None:
        at, end = start, min(start + PART, large.entry.size)
        try:
            answer = self._get(large.entry, (start, end) if len(large.starts) > 1 else None)
            with closing(answer.body) as body:
                while block := body.read(BLOCK):
                    self._crew.look()
                    large.write(block, at)
                    at += len(block)
                    self._count(len(block))
            see_whole(at, end)
        except BaseException:
            self._count(start - at)
            raise
        large.has_checksum = large.has_checksum and has_checksum(answer)

    def _count(self, size: int) -> None:
        with self._lock:
            self._done += size
            if self._fetched:
                self._fetched(self._done, self._total)


class _Large:
    """An object that is fetched in parts, by several threads."""

    def __init__(self, entry: Entry, place: Path, starts: Sequence[int]) -> None:
        self.entry = entry
        self.place = place
        self.starts = starts
        self.left = len(starts)
        self.has_checksum = True
        self.damaged = False
        self.lock = threading.Lock()
        self.filling: Filling | None = None

    def write(self, block: bytes, at: int) -> None:
        with self.lock:
            assert self.filling is not None
            self.filling.write(block, at)
