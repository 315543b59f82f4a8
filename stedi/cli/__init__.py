"""The command line: commands parse, call the library and print.

Each command is a module of its own, loaded when it is run, so that `stedi --help` costs no more than click.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from stedi import __version__

__all__ = ["COMMANDS", "cli", "find", "is_group", "main"]

COMMANDS = {
    "build": "Build the lakehouse from landing data.",
    "verify": "Check a published lake: files, counts, ledger, audits.",
    "query": "Run SQL over every zone of a lake, read-only.",
    "sample": "Write landing data of any size, with known results.",
    "cache": "What was fetched from S3 and is kept on this machine.",
    "cache show": "Show what is kept, bucket by bucket.",
    "cache clear": "Remove what is kept.",
    "glue": "The AWS side: tables, infrastructure, releases and runs of the Glue jobs.",
    "glue render": "Write the Glue job scripts, one a table.",
    "glue ddl": "Print the statements that make the tables in Athena.",
    "glue infra": "Print or deploy the CloudFormation template of everything the jobs stand on.",
    "glue release": "Bring scripts, tables and jobs into AWS, and landing data where asked.",
    "glue run": "Run the released jobs in AWS, all or those named, and follow them.",
    "glue athena": "Run a query in Athena, and say what it scanned and about what that costs.",
    "privacy": "Personal data: proof that they are where they belong, and their erasure.",
    "privacy forget": "Erase a customer from landing data and tables, for good.",
    "privacy audit": "Prove that personal data are where they belong, and print a certificate.",
    "parity": "Whether Glue jobs give the tables that the zone SQL gives.",
    "parity run": "Run the Glue jobs and compare their tables with those of the zones' SQL.",
    "parity diff": "Compare two tables, row by row, and say why they differ.",
    "doctor": "Show what this machine has, and how to get what it lacks.",
}
"""Every command and group of commands, and the first line of its help, known without loading it."""

_ELSEWHERE = {"parity": "parity.cli"}
"""Groups whose commands are not modules of `stedi.cli`."""

_PARAMETERS = {"json": "as_json", "format": "form"}
"""Options whose parameter has another name, since theirs is Python's."""


def is_group(name: str) -> bool:
    """Return whether a name of COMMANDS stands for a group of commands."""
    return any(other.startswith(f"{name} ") for other in COMMANDS)


class _Commands(click.Group):
    """The commands below a name, `""` for all; each is imported when it is asked for."""

    def __init__(self, *arguments: Any, path: str = "", **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._path = path

    def _below(self) -> dict[str, str]:
        start = f"{self._path} " if self._path else ""
        names = {name: name.removeprefix(start) for name in COMMANDS if name.startswith(start)}
        return {short: COMMANDS[name] for name, short in names.items() if " " not in short}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._below())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._below():
            return None
        return find(f"{self._path} {cmd_name}".lstrip())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self._below()
        if args and args[0] not in known and not args[0].startswith("-"):
            from stedi.settings import nearest

            ctx.fail(f"No such command {args[0]!r}{nearest(args[0], known)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._below().items()))


def find(name: str) -> click.Command:
    """Return a command or group of COMMANDS, loaded."""
    group, _, last = name.rpartition(" ")
    if is_group(name):
        return _Commands(last, path=name, help=COMMANDS[name])
    package = _ELSEWHERE.get(group, ".".join(["stedi.cli", *group.split()]))
    command: click.Command = getattr(import_module(f"{package}.{last}"), last)
    return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  stedi build                                  the bundled sample, into ./lake
  stedi build --landing DIR --lake DIR         your landing data
  stedi query "select * from customer_trusted limit 5"

\b
Every option can also come from stedi.toml in this folder (or the file $STEDI_CONFIG names) and from
the environment: STEDI_LAKE for --lake, STEDI_MEMORY_LIMIT for --memory-limit, STEDI_STRICT=1 for --strict.
The command line wins over the environment, the environment over the file.

\b
Shell completion, for bash (zsh and fish likewise):
  eval "$(_STEDI_COMPLETE=bash_source stedi)"

\b
Exit codes: 0 done, 1 a check failed, 2 wrong usage or environment, 130 interrupted.
""",
)
@click.version_option(__version__, prog_name="stedi", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The STEDI lakehouse on one machine: landing JSON to audited Parquet tables."""
    from stedi.cli.output import note
    from stedi.settings import load_settings, misspelled

    for text in misspelled():
        note(f"note: {text}")
    ctx.default_map = {}
    for command, options in load_settings().items():
        of_command = ctx.default_map
        for word in command.split():
            of_command = of_command.setdefault(word, {})
        of_command |= {_PARAMETERS.get(option, option): value for option, value in options.items()}


def main() -> None:
    """Run the command line and end the process with its exit code."""
    import gc
    import os
    import sys
    from pathlib import Path

    # a command makes next to no cycles, and looking for them takes a tenth of a small build
    gc.disable()
    # a stream that was closed for us is None: write to nowhere instead
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end

    from stedi.cli.ending import run

    code = run(cli)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody listens any more
        pass
    # everything is closed by now; taking the interpreter down in good order takes longer than a build of nothing
    os._exit(code)
