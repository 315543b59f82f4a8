"""Options as every command has them: each can also come from `STEDI_<OPTION>` and from stedi.toml."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from stedi.cli.output import expect_json
from stedi.parameters import MAX_CLOCK_SKEW_MS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["as_json", "clock_skew_ms", "folders", "lake", "memory_limit", "on_s3", "option"]

_SIZE = re.compile(r"\d+(?:\.\d+)? ?(?:[KMGT]i?B?|%)", re.IGNORECASE)

F = TypeVar("F", bound=Callable[..., Any])


class _Flag(click.types.BoolParamType):
    """A flag as the environment gives it; click lists all words there are, the empty one too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        found = self.str_to_bool(value)
        if found is None:
            self.fail(f"{value!r} is neither true nor false; say 1 or 0", param, ctx)
        return found


_FLAG = _Flag()


def option(flag: str, /, *names: str, **settings: Any) -> Callable[[F], F]:
    """Return click's option, settable from the environment too; `flag` is its long name, as `--memory-limit`.

    One that takes no value has an opposite, as `--no-strict`, for who has it set in the environment or the file.
    """
    variable = "STEDI_" + flag.removeprefix("--").replace("-", "_").upper()
    opposite = f"--{flag.removeprefix('--no-')}" if flag.startswith("--no-") else f"--no-{flag.removeprefix('--')}"
    declared = f"{flag}/{opposite}" if settings.get("is_flag") else flag
    if settings.get("is_flag"):
        settings.setdefault("type", _FLAG)
    return click.option(declared, *names, envvar=variable, **settings)


def folders(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete a folder's name."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def lake(command: F) -> F:
    """Add --lake."""
    return option(
        "--lake",
        metavar="URI",
        default="lake",
        show_default=True,
        shell_complete=folders,
        help="Folder of the lake, or s3://bucket/prefix.",
    )(command)


def on_s3(*also: str) -> Callable[[F], F]:
    """Add what concerns lakes and landing data on S3, given to the command together as `options`.

    `also` names those that only some commands have: sse_kms_key, break_lock.
    """
    flags = {
        "cache_dir": option(
            "--cache-dir",
            metavar="DIR",
            default="",
            shell_complete=folders,
            help="Where objects fetched from S3 are kept. [default: this user's cache folder]",
        ),
        "cache_size": option(
            "--cache-size",
            metavar="SIZE",
            default="",
            help="Bytes kept there at most, as 20GB; what was used longest ago goes. [default: 50GB]",
        ),
        "no_cache": option("--no-cache", is_flag=True, help="Keep nothing of what is fetched from S3."),
        "requester_pays": option("--requester-pays", is_flag=True, help="Pay for requests to somebody else's bucket."),
        "sse_kms_key": option(
            "--sse-kms-key",
            metavar="KEY",
            default="",
            help="KMS key that encrypts what is written to S3. [default: keys of S3]",
        ),
        "break_lock": option(
            "--break-lock", is_flag=True, help="Take the lock of a lake on S3 from a build that died elsewhere."
        ),
    }
    names = [name for name in flags if name in also or name not in ("sse_kms_key", "break_lock")]

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def gathered(*arguments: Any, **values: Any) -> Any:
            import tempfile

            from stedi.storage import Options

            chosen = {name: values.pop(name) for name in names}
            with contextlib.ExitStack() as stack:
                if chosen.pop("no_cache"):
                    folder = tempfile.TemporaryDirectory(prefix="stedi-", ignore_cleanup_errors=True)
                    chosen["cache_dir"] = stack.enter_context(folder)
                return command(*arguments, options=Options(**chosen), **values)

        found: Any = gathered
        for name in reversed(names):
            found = flags[name](found)
        return cast("F", found)

    return decorate


def clock_skew_ms(says: str = "", /, *, unset: str = "") -> Callable[[F], F]:
    """Add --clock-skew-ms: 0, or None where `unset` says what holds then.

    `says` is for a command to which it means something else than to a build.
    """
    says = says or "Attribute a device to an owner whose phone's clock is up to so much ahead or behind."
    return option(
        "--clock-skew-ms",
        type=click.IntRange(0, MAX_CLOCK_SKEW_MS),
        metavar="N",
        default=None if unset else 0,
        show_default=not unset,
        help=f"{says} [default: {unset}]" if unset else says,
    )


def memory_limit(command: F) -> F:
    """Add --memory-limit."""
    return option(
        "--memory-limit",
        metavar="SIZE",
        callback=_size,
        help="Memory to use, as 2GB, 800MB or 50%: DuckDB gets nine tenths of it, and spills to disk what needs more.",
    )(command)


def _size(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _SIZE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no size, as 2GB, 800MB or 50%.")
    return value


def as_json(command: F) -> F:
    """Add --json."""
    # eager, so that it is known when another option is wrong
    return option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=_expect_json,
        help="Print one JSON document instead of text.",
    )(command)


def _expect_json(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    expect_json(asked=value)
    return value
