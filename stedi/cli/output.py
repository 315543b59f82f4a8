"""What commands print: data to stdout, everything else to stderr, and nothing that a closed pipe could break."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence

import click

from stedi.errors import EnvironmentFault
from stedi.masking import mask_path

__all__ = [
    "by_reason",
    "expect_json",
    "folded",
    "note",
    "plain_table",
    "print_json",
    "print_json_error",
    "print_lines",
    "print_table",
    "shown",
    "terminal_width",
    "write",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def write(text: str) -> bool:
    """Write to stdout; False where whoever read it has gone away, which is no error of this command.

    EnvironmentFault where it cannot be written for another reason, as a full disk.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # what is still buffered would break the pipe once more when the interpreter ends
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
        return False
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        return write(text.encode(encoding, errors="backslashreplace").decode(encoding))
    except OSError as error:
        from stedi.storage import fault

        raise fault(error, "cannot write the output") from error
    return True


def note(text: str) -> None:
    """Write a line to stderr, without anything like an email; where that cannot be, nobody is told."""
    with contextlib.suppress(OSError):
        click.echo(mask_path(text), err=True)


def terminal_width() -> int:
    """Return how many columns the terminal has."""
    return shutil.get_terminal_size().columns


def folded(line: str, indent: str = "    ") -> str:
    """Return a line as the lines it takes on this terminal, broken at blanks only; `indent` begins the later ones."""
    if len(line) <= terminal_width():
        return line
    return textwrap.fill(
        line,
        terminal_width(),
        subsequent_indent=indent,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_lines(*lines: str) -> None:
    """Write lines of text to stdout, on a terminal folded between words."""
    write("".join(f"{folded(line) if sys.stdout.isatty() else line}\n" for line in lines))


def print_json(document: object) -> None:
    """Write one JSON document to stdout."""
    _EXPECTED.clear()
    write(json.dumps(document, indent=1) + "\n")


_EXPECTED: set[str] = set()  # holds "json" from when a command is asked for a document until it writes it


def expect_json(*, asked: bool) -> None:
    """Note whether this command is to write one JSON document to stdout."""
    _EXPECTED.clear()
    _EXPECTED.update(["json"] if asked else [])


def print_json_error(message: str, fix: str, exit_code: int) -> None:
    """Write what went wrong as the JSON document of this command, if one is expected and not written yet."""
    if _EXPECTED:
        with contextlib.suppress(EnvironmentFault):  # the output is what went wrong
            print_json({"error": {"message": message, "fix": fix, "exit_code": exit_code}})


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Write a table to stdout: drawn by rich on a terminal, in plain columns elsewhere. `right` names numbers."""
    write(_rich_table(columns, rows, right) if sys.stdout.isatty() else plain_table(columns, rows, right))


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> str:
    """Return rows in columns of one width, two blanks apart, with a line below the names; never cut, never wrapped."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    is_right = [name in right for name in columns]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, is_right, strict=True)
        )
        return "  ".join(padded).rstrip() + "\n"

    return "".join([line(columns), line(["-" * width for width in widths]), *(line(row) for row in rows)])


def by_reason(lines: Mapping[str, int]) -> str:
    """Return how many lines were bad for each reason, as `2 bad_type:x, 1 not_flat_json`."""
    return ", ".join(f"{count:,} {reason}" for reason, count in lines.items())


def shown(text: str) -> str:
    """Return a text as it may be shown on a terminal: control characters, which could command it, as escapes."""
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(Text(name), justify="right" if name in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    # as wide as it comes: a terminal that is narrower wraps lines, but no name is ever cut
    width = sum(max(map(len, cells)) + 3 for cells in zip(columns, *rows, strict=True)) + 2
    console = Console(width=width, height=len(rows) + 2)  # rich asks a dumb terminal unless it is told both
    with console.capture() as capture:
        console.print(table, crop=False)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    # the rule alone is cut: wrapped it would be two
    return "".join(f"{line[: terminal_width()] if set(line) <= {'─', ' '} else line}\n" for line in lines)
