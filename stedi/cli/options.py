"""Options as every command has them: each can also come from `STEDI_<OPTION>` and from stedi.toml."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["as_json", "folders", "lake", "memory_limit", "option"]

_SIZE = re.compile(r"\d+(?:\.\d+)? ?(?:[KMGT]i?B?|%)", re.IGNORECASE)

F = TypeVar("F", bound=Callable[..., Any])


def option(flag: str, /, *names: str, **settings: Any) -> Callable[[F], F]:
    """Return click's option, settable from the environment too; `flag` is its long name, as `--memory-limit`."""
    variable = "STEDI_" + flag.removeprefix("--").replace("-", "_").upper()
    return click.option(flag, *names, envvar=variable, **settings)


def folders(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete a folder's name."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def lake(command: F) -> F:
    """Add --lake."""
    return option(
        "--lake", metavar="URI", default="lake", show_default=True, shell_complete=folders, help="Folder of the lake."
    )(command)


def memory_limit(command: F) -> F:
    """Add --memory-limit."""
    return option(
        "--memory-limit",
        metavar="SIZE",
        callback=_size,
        help="Memory DuckDB may use, as 2GB, 800MB or 50%; the rest spills to disk.",
    )(command)


def _size(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _SIZE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no size, as 2GB, 800MB or 50%.")
    return value


def as_json(command: F) -> F:
    """Add --json."""
    return option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")(command)
