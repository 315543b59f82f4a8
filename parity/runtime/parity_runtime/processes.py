"""Processes that end with the job or the worker that started them, whatever they do to stay.

On Linux a process whose parent has ended comes to the worker, in whatever session it is. Elsewhere those of the
job's own process group are all that can be found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

__all__ = ["adopt_orphans", "end_orphans", "end_with_parent"]

_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36


def end_with_parent() -> None:
    """Have this process killed when the one that forked it ends, where the system can do that."""
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def adopt_orphans() -> None:
    """Have every process below this one come to it, and not to init, when its parent ends."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def end_orphans(kept: Collection[int] = ()) -> None:
    """Kill the children of this process but for `kept`, and what then comes to it, until there is nothing left."""
    while orphans := [child for child in _children() if child not in kept]:
        for child in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        for child in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value)


def _children() -> list[int]:
    """Return the processes that have this one for their parent; none where there is no /proc."""
    own, found = str(os.getpid()), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            # pid (name) state parent ...: a name may hold anything
            if (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1] == own:
                found.append(int(folder.name))
    return found
