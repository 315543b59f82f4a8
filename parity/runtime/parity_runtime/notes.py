"""What the runtime has to say about a job: printed in the job's log, and handed to the harness as data.

A note's kind is one of `KINDS`; the harness reads causes from them. Its line is that of the script, where one is
on the stack.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass

__all__ = ["KINDS", "Note", "at_end", "finish", "note", "script_line", "start", "taken"]

KINDS = (
    "absent field",  # a field is named that the frame does not have
    "duplicate column",  # two columns of one name became one field
    "error records",  # a function of the script raised
    "ignored",  # an option that changes nothing here
    "malformed",  # lines that are no JSON objects were left out
    "missing input",  # a path without files
    "refused",  # a call of AWS or of the network
    "type",  # types that do not fit were compared or cast
    "written",  # where output went
)


@dataclass(frozen=True)
class Note:
    """One note: its kind, what it says, the line of the script."""

    kind: str
    message: str
    line: int | None


_notes: list[Note] = []
_last: list[Callable[[], None]] = []
_script: list[str] = [""]


def start(script: str) -> None:
    """Forget all notes and take `script` for the file whose lines are named."""
    _notes.clear()
    _last.clear()
    _script[0] = script


def script_line() -> int | None:
    """Return the line of the script that is running, None where none is."""
    for frame in reversed(traceback.extract_stack()):
        if frame.filename == _script[0]:
            return frame.lineno
    return None


def note(kind: str, message: str, *, line: int | None = None) -> None:
    """Print a note and keep it, once; its line is `line`, else the one that the script is at."""
    assert kind in KINDS, kind
    found = Note(kind, message, line or script_line())
    if found not in _notes:
        _notes.append(found)
        where = f", line {found.line}" if found.line else ""
        with contextlib.suppress(OSError, ValueError, AttributeError):  # it has printed all it may, or closed stderr
            sys.stderr.write(f"[parity] {kind}{where}: {message}\n")
            sys.stderr.flush()


def at_end(say: Callable[[], None]) -> None:
    """Call `say`, which leaves notes, when the job has ended."""
    _last.append(say)


def finish() -> None:
    """Let those speak who had to wait for the job's end."""
    for say in _last:
        say()


def taken() -> list[dict[str, object]]:
    """Return all notes as plain data."""
    return [asdict(found) for found in _notes]
