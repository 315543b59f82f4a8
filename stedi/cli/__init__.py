"""The command line: commands parse, call the library and print.

Each command is a module of its own, loaded when it is run, so that `stedi --help` costs no more than click.
"""

from __future__ import annotations

from importlib import import_module

import click

from stedi import __version__

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS = {
    "build": "Build the lakehouse from landing data.",
    "verify": "Check a published lake: files, counts, ledger, audits.",
    "query": "Run SQL over every zone of a lake, read-only.",
    "sample": "Write landing data of any size, with known results.",
    "cache": "Show or clear what was fetched from S3.",
    "doctor": "Show what this machine has, and how to get what it lacks.",
}
"""Every command and the first line of its help, known without loading it."""

_PARAMETERS = {"json": "as_json", "format": "form"}
"""Options whose parameter has another name, since theirs is Python's."""


class _Commands(click.Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"stedi.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from stedi.settings import nearest

            ctx.fail(f"No such command {args[0]!r}{nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


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
    from stedi.settings import load_settings

    ctx.default_map = {
        command: {_PARAMETERS.get(option, option): value for option, value in options.items()}
        for command, options in load_settings().items()
    }


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
