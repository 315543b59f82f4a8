"""What click found wrong with a command line, as our errors are told: what it is, and what to do next."""

from __future__ import annotations

import click
from click.core import ParameterSource

__all__ = ["misuse"]

_PLACES = ("--lake", "--landing")


def misuse(error: click.ClickException) -> tuple[str, str, str]:
    """Return the usage line, what is wrong and how to get it right; "" for what there is not."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    wrong = error.format_message()
    if context is None:  # as where an option lacks its value
        return "", wrong, "see `--help` of this command"
    if isinstance(error, click.BadParameter) and (variable := _variable(context, error.param)):
        wrong = f"{wrong.rstrip('.')} (from ${variable})"
    return context.get_usage(), wrong, f"{_hint(error, context)}see `{context.command_path} --help`"


def _variable(context: click.Context, parameter: click.Parameter | None) -> str:
    """Return the variable of the environment that a value came from, "" where it came from elsewhere."""
    if parameter is None or context.get_parameter_source(parameter.name or "") is not ParameterSource.ENVIRONMENT:
        return ""
    return str(parameter.envvar)


def _hint(error: click.ClickException, context: click.Context) -> str:
    options = {name for parameter in context.command.params for name in parameter.opts}
    if isinstance(error, click.NoSuchOption) and error.option_name == "--json" and "--format" in options:
        return "give --format json, or "
    places = [f"`{name} DIR`" for name in _PLACES if name in options]
    # click has no error of its own for it
    if places and "unexpected extra argument" in error.message:
        return f"a folder is named by an option, {' or '.join(places)}; "
    return ""
