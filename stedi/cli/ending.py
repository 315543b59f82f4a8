"""How a command ends: the one place where an error becomes output and an exit code."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from pathlib import Path

import click

from stedi.cli.interrupt import INTERRUPTED, interruptible, was_interrupted
from stedi.cli.misuse import misuse
from stedi.cli.output import expect_json, note, print_json_error
from stedi.errors import AuditFailed, EnvironmentFault, Refused, RunsFailed, StediError, VerifyFailed
from stedi.masking import mask_path

__all__ = ["run"]

WRONG = 2


def run(cli: click.Group, arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing but SystemExit's own kind comes out of here."""
    # a guess, until the options are read
    given = sys.argv[1:] if arguments is None else arguments
    asked = {"--json", "--format=json"} & set(given) or ("--format", "json") in pairwise(given)
    expect_json(asked=bool(asked))
    # Polars raises KeyboardInterrupt of its own accord and leaves the signal pending, so a second one may come while
    # the first is handled; there is no third.
    try:
        try:
            with interruptible():
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
    except click.ClickException as error:
        return _misused(error)
    except SystemExit as end:  # shell completion, or a closed pipe
        return 0 if type(sys.stdout).__name__ == "PacifyFlushWrapper" else int(end.code or 0)
    except Exception as error:  # noqa: BLE001 - the last line of defence: no stack trace for a user
        if was_interrupted():
            _trace()
            raise KeyboardInterrupt from None
        return _failed(error) if isinstance(error, StediError) else _unforeseen(error)
    return code if isinstance(code, int) else 0


def _misused(error: click.ClickException) -> int:
    """Print what click found wrong with a command line; where a group has no command, the help that it is."""
    usage, wrong, fix = misuse(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        note(wrong)
    else:
        if usage:
            note(f"{usage}\n")
        note(f"Error: {wrong}")
        note(f"Fix: {fix}")
    print_json_error(mask_path(wrong), mask_path(fix), WRONG)
    return WRONG


def _failed(error: StediError) -> int:
    """Print an error, everything it lists and what to do next."""
    note(f"Error: {error.message}")
    if isinstance(error, AuditFailed):
        for audit, lines in error.violations.items():
            for line in lines:
                note(f"  {audit}: {line}")
    if isinstance(error, VerifyFailed | Refused | RunsFailed):
        for problem in error.problems:
            note(f"  {problem}")
    if error.fix:
        note(f"Fix: {error.fix}")
    print_json_error(error.message, error.fix, error.exit_code)
    error.__notes__ = []  # the fix, which a trace would say once more
    _trace()
    return error.exit_code


def _unforeseen(error: Exception) -> int:
    known = _as_ours(error)
    if known is not None:
        return _failed(known)
    # the message of an exception may quote the data, so only its kind and place are shown
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" in {Path(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno}" if place else ""
    message = f"this should not have happened: {type(error).__name__}{where}"
    fix = "run it again with STEDI_DEBUG=1 for the whole story, and report it"
    note(f"Error: {message}")
    note(f"Fix: {fix}")
    print_json_error(message, fix, WRONG)
    _trace()
    return WRONG


def _as_ours(error: Exception) -> StediError | None:
    """Return our error for one that an engine or the operating system raised where nobody expected it."""
    if isinstance(error, OSError):
        from stedi.storage import fault

        if not error.filename and not _current_folder_exists():
            return EnvironmentFault("the current folder is gone", fix="change to one that is there")
        return fault(error, str(error.filename or "a file, or the output"))
    if isinstance(error, MemoryError):
        return EnvironmentFault("out of memory", fix="give DuckDB less: --memory-limit 1GB")
    duckdb = sys.modules.get("duckdb")
    if duckdb is not None and isinstance(error, duckdb.Error):
        from stedi.engine import explain

        return explain(error, "a query of this command")
    return None


def _current_folder_exists() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _trace() -> None:
    if os.environ.get("STEDI_DEBUG"):
        import traceback

        traceback.print_exc()


def _interrupted() -> int:
    note("Interrupted")
    return INTERRUPTED
