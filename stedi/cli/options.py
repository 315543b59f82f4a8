"""Options as every command has them: each can also come from `STEDI_<OPTION>` and from stedi.toml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["as_json", "lake", "memory_limit", "option"]

F = TypeVar("F", bound=Callable[..., Any])


def option(flag: str, /, *names: str, **settings: Any) -> Callable[[F], F]:
    """Return click's option, settable from the environment too; `flag` is its long name, as `--memory-limit`."""
    variable = "STEDI_" + flag.removeprefix("--").replace("-", "_").upper()
    return click.option(flag, *names, envvar=variable, **settings)


def lake(command: F) -> F:
    """Add --lake."""
    return option("--lake", metavar="URI", default="lake", show_default=True, help="Folder of the lake.")(command)


def memory_limit(command: F) -> F:
    """Add --memory-limit."""
    return option(
        "--memory-limit", metavar="SIZE", help="Memory DuckDB may use, as 2GB or 800MB; the rest spills to disk."
    )(command)


def as_json(command: F) -> F:
    """Add --json."""
    return option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")(command)
