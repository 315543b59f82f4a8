"""How a command ends: the one place where an error becomes output and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import types
from pathlib import Path

import click

from stedi.errors import AuditFailed, EnvironmentFault, StediError, VerifyFailed

__all__ = ["run"]

INTERRUPTED = 130
WRONG = 2


def run(cli: click.Group, arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing but SystemExit's own kind comes out of here."""
    try:
        signal.signal(signal.SIGINT, _interrupt)
    except ValueError:  # not the main thread: whoever runs us there looks after Ctrl-C
        pass
    # Polars raises KeyboardInterrupt of its own accord and leaves the signal pending, so a second one may come while
    # the first is handled. There is no third: _interrupt raises once.
    try:
        try:
            return _run(cli, arguments)
        except KeyboardInterrupt:
            return _interrupted()
    except KeyboardInterrupt:
        return _interrupted()


def _run(cli: click.Group, arguments: list[str] | None) -> int:
    try:
        code = cli.main(args=arguments, prog_name="stedi", standalone_mode=False)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return WRONG
    except click.ClickException as error:
        error.show()
        return WRONG
    except SystemExit as end:  # shell completion, or a closed pipe
        return 0 if type(sys.stdout).__name__ == "PacifyFlushWrapper" else int(end.code or 0)
    except StediError as error:
        return _failed(error)
    except OSError as error:
        from stedi.storage import fault

        return _failed(fault(error, str(error.filename or "a file")))
    except MemoryError:
        return _failed(EnvironmentFault("out of memory", fix="give the machine more, or DuckDB less: --memory-limit 1GB"))
    except Exception as error:  # noqa: BLE001 - the last line of defence: no stack trace for a user
        return _unforeseen(error)
    return code if isinstance(code, int) else 0


def _failed(error: StediError) -> int:
    """Print an error, everything it lists and what to do next."""
    _say(f"Error: {error.message}")
    if isinstance(error, AuditFailed):
        for audit, lines in error.violations.items():
            for line in lines:
                _say(f"  {audit}: {line}")
    if isinstance(error, VerifyFailed):
        for problem in error.problems:
            _say(f"  {problem}")
    if error.fix:
        _say(f"Fix: {error.fix}")
    _trace()
    return error.exit_code


def _unforeseen(error: Exception) -> int:
    duckdb = sys.modules.get("duckdb")
    if duckdb is not None and isinstance(error, duckdb.Error):
        from stedi.engine import explain

        return _failed(explain(error, "a query of this command"))
    # the message of an exception may quote the data, so only its kind and place are shown
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" in {Path(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno}" if place else ""
    _say(f"Error: this should not have happened: {type(error).__name__}{where}")
    _say("Fix: run it again with STEDI_DEBUG=1 for the whole story, and report it")
    _trace()
    return WRONG


def _trace() -> None:
    if os.environ.get("STEDI_DEBUG"):
        import traceback

        traceback.print_exc()


def _say(text: str) -> None:
    try:
        click.echo(text, err=True)
    except OSError:  # nobody listens
        pass


def _interrupt(number: int, frame: types.FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _interrupted() -> int:
    _say("Interrupted: nothing was published")
    return INTERRUPTED
