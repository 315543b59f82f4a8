"""Ctrl-C: one KeyboardInterrupt, engines stopped, and an end within two seconds whatever is running.

SIGTERM, and SIGHUP of a terminal that is closed, are the same, so that they leave no private folder behind either.

Python runs a signal's handler when its main thread comes back to Python. DuckDB looks at signals between two tasks of
a query, but a task of the main thread itself may take for ever; so a second thread, which the signal reaches at once,
interrupts the engines, and ends the process if that does not help. A lake outlives that as it outlives a kill.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["INTERRUPTED", "interruptible", "unhurried", "was_interrupted", "was_terminated"]

INTERRUPTED = 130

PATIENCE = 1.5
"""Seconds that a command gets to end in good order."""

_EVERY = 0.05

_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]

_pressed: list[int] = []  # no lock, since a signal handler adds to it

_unhurried = threading.Event()


def was_interrupted() -> bool:
    """Return whether Ctrl-C was pressed, or its like sent: whatever error comes after it is its consequence."""
    return bool(_pressed)


def was_terminated() -> bool:
    """Return whether it was not Ctrl-C but a signal that nobody is there to answer for."""
    return any(number != signal.SIGINT for number in _pressed)


@contextmanager
def unhurried() -> Iterator[None]:
    """Have a command that was interrupted take the time for this block; another Ctrl-C in it raises at once."""
    _unhurried.set()
    ignored = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if in_main:
            signal.signal(signal.SIGINT, ignored)
        _unhurried.clear()


@contextmanager
def interruptible() -> Iterator[None]:
    """Have Ctrl-C in this block raise one KeyboardInterrupt soon, or else end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield  # whoever runs us there looks after Ctrl-C
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if number == signal.SIGINT or handler != signal.SIG_IGN:  # nohup has SIGHUP ignored
            signal.signal(number, _raise_once)
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    ended = threading.Event()
    _pressed.clear()
    watcher = threading.Thread(target=_watch, args=(reading, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(wakeup)
        os.close(writing)
        watcher.join()
        os.close(reading)
        for number, handler in before.items():
            if signal.getsignal(number) is _raise_once:
                signal.signal(number, handler)


def _raise_once(number: int, frame: types.FrameType | None) -> None:
    for handled in _SIGNALS:
        if signal.getsignal(handled) is _raise_once:
            signal.signal(handled, signal.SIG_IGN)
    _pressed.append(number)
    raise KeyboardInterrupt


def _watch(reading: int, ended: threading.Event) -> None:
    while signals := os.read(reading, 1):
        if signals[0] in _SIGNALS:
            _pressed.append(signals[0])
            _stop(ended)


def _stop(ended: threading.Event) -> None:
    since = time.monotonic()
    while not ended.wait(_EVERY):
        engine = sys.modules.get("stedi.engine")
        if engine is not None:
            engine.interrupt_all()  # again and again: the next statement may have begun
        if _unhurried.is_set():
            since = time.monotonic()
        if time.monotonic() - since > PATIENCE:
            os.write(2, b"Interrupted\n")
            os._exit(INTERRUPTED)
