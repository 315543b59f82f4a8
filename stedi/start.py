"""Where the command `stedi` begins: before anything is imported that takes time, so that Ctrl-C ends it quietly."""

from __future__ import annotations

import os
import signal
import types

__all__ = ["main"]

INTERRUPTED = 130


def main() -> None:
    """Run the command line; until it looks after signals itself, one ends the process without a stack trace."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from stedi.cli import main as run

    run()


def _end(number: int, frame: types.FrameType | None) -> None:
    os.write(2, b"Interrupted\n")
    os._exit(INTERRUPTED)
