"""Progress on stderr: a bar on a terminal; elsewhere lines, and only once a command has taken a while."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from stedi.cli.output import note

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Parts", "Rows"]

LONG = 2.0
"""Seconds after which a command has something to say of its progress."""

BAR_AFTER = 0.2
"""Seconds after which a terminal gets its bar: importing rich for it would slow a small build down."""


class _Shown:
    """A bar where stderr is a terminal, lines where it is not."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._terminal = sys.stderr.isatty()
        self._resources = ExitStack()
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def pause(self) -> None:
        """Take the bar away, as for a question; it comes back with what is told next."""
        self._resources.close()
        self._bar = None

    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _draw(self, what: str, done: int, total: int) -> None:
        if self._bar is None:
            if self._seconds() < BAR_AFTER:
                return
            self._bar = self._new_bar(what, total)
        bar, task = self._bar
        bar.update(task, description=what, completed=done, total=total)

    def _new_bar(self, what: str, total: int) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%", markup=False),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        task = bar.add_task(what, total=total)  # before the bar is drawn for the first time
        self._resources.enter_context(bar)
        return bar, task

    def _line(self, text: str) -> None:
        note(f"{self._seconds():6.1f} s  {text}")


class Parts(_Shown):
    """Progress of a build, told part by part; `seconds` holds how long each part has taken."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = {}
        self._current = ""
        self._next = 0.0
        self._since = self._started

    def __exit__(self, *_: object) -> None:
        self._end_part()
        super().__exit__()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Be told that part `done` of `total` begins, or how far one is that says so after a colon."""
        part, _, state = what.partition(": ")
        goes_on = part == self._current
        if not goes_on:
            self._end_part()
            self._current = part
        if self._terminal:
            self._draw(what, done, total)
        elif self._seconds() >= max(LONG, self._next if goes_on else 0.0):
            self._next = self._seconds() + LONG
            self._line(what if state else f"{what} ({done + 1} of {total})")

    def _end_part(self) -> None:
        now = time.perf_counter()
        if self._current:
            self.seconds[self._current] = self.seconds.get(self._current, 0.0) + now - self._since
        self._since = now


class Rows(_Shown):
    """Progress of writing a known number of rows."""

    def __init__(self, what: str, total: int) -> None:
        super().__init__()
        self._what = what
        self._total = total
        self._done = 0
        self._next = LONG

    def __call__(self, rows: int) -> None:
        """Be told that so many rows more are written."""
        self._done += rows
        if self._terminal:
            self._draw(self._what, self._done, self._total)
        elif self._seconds() >= self._next:
            self._next = self._seconds() + LONG
            self._line(f"{self._what}: {self._done:,} of {self._total:,} rows")
