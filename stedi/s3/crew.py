"""Jobs done side by side by threads of which nobody has to wait for the last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

__all__ = ["Crew", "Stopped"]

GRACE = 2.0
"""Seconds that jobs have to come to their end once one has failed; then they are left behind."""


class Stopped(Exception):
    """Another job has failed, so this one need not go on."""


class Crew:
    """Threads that do jobs, in order; the first that fails stops the others, and so does Ctrl-C."""

    def __init__(self, jobs: Iterable[Callable[[], object]]) -> None:
        self._jobs = iter(jobs)
        self._next = threading.Lock()
        self._stop = threading.Event()
        self._failure: BaseException | None = None

    def work(self, at_once: int) -> None:
        """Do all jobs; raise what the first one that fails has raised."""
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(at_once)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive() and not self._stop.is_set():
                    thread.join(0.2)
        finally:
            self._stop.set()
            until = time.monotonic() + GRACE
            for thread in threads:
                if thread.ident is not None:
                    thread.join(max(until - time.monotonic(), 0))
        if self._failure is not None:
            raise self._failure

    def pause(self, seconds: float) -> None:
        """Wait, in a job."""
        if self._stop.wait(seconds):
            raise Stopped

    def look(self) -> None:
        """Raise Stopped in a job that need not go on."""
        if self._stop.is_set():
            raise Stopped

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                with self._next:
                    job = next(self._jobs, None)
                if job is None:
                    return
                job()
        except BaseException as failure:  # noqa: BLE001 - raised where the work was asked for
            with self._next:
                if self._failure is None and not self._stop.is_set():
                    self._failure = failure
                self._stop.set()
