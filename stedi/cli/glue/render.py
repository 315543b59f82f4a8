"""`stedi glue render`."""

from __future__ import annotations

from pathlib import Path

import click

from stedi.cli.options import as_json, folders, option
from stedi.cli.output import note, print_json, print_lines, print_table, shown, write
from stedi.errors import CheckFailed, UsageError

__all__ = ["render"]


@click.command(
    epilog="""\b
Examples:
  stedi glue render                        the job scripts, into ./glue
  stedi glue render --out jobs --check     for a script: exit 1 where jobs/ is not as it would be written
""",
)
@option(
    "--out",
    metavar="DIR",
    default="glue",
    show_default=True,
    type=click.Path(file_okay=False),
    shell_complete=folders,
    help="Folder of the scripts.",
)
@option(
    "--glue",
    type=click.Choice(["5.1", "6.0"]),
    default="5.1",
    show_default=True,
    help="Version of Glue the scripts are for; as yet they are the same.",
)
@option("--check", is_flag=True, help="Write nothing; show what would change, and exit 1 if anything would.")
@as_json
def render(*, out: str, glue: str, check: bool, as_json: bool) -> None:
    """Write the Glue job scripts, one a table.

    Each is self-contained: the table's SQL as Spark reads it, the reading rule with quarantine where it reads landing
    data, and an overwrite that leaves the old table where a run fails. SQL that Spark would read differently is refused
    with file, line and reason. Nothing is asked of AWS; `stedi glue release` sends the same scripts.
    """
    from stedi.contracts import TABLES
    from stedi.glue import scripts
    from stedi.glue.render import render as render_scripts

    if not out or "://" in out:
        raise UsageError(
            f"{out or 'nothing'}: is no folder of this machine",
            fix="name one with --out; `stedi glue release` brings scripts to S3",
        )
    folder, rendered = Path(out), render_scripts(glue)
    states = scripts.states(folder, rendered) if check else scripts.write(folder, rendered)
    drift = scripts.drift(folder, rendered) if check else ""
    if as_json:
        print_json({"folder": out, "glue": glue, "scripts": states, "drift": drift})
    elif check:
        write(drift)
    else:
        table_of = {f"{table.glue_job}.py": name for name, table in TABLES.items() if table.glue_job}
        print_table(("script", "makes", "was"), [(name, table_of[name], states[name]) for name in rendered])
        print_lines("", f"{len(rendered)} scripts in {shown(out)}")
        for name in states.keys() - rendered.keys():
            note(f"note: {shown(f'{out}/{name}')} was rendered once, and makes no table any more")
    if check and drift:
        wrong = sum(state != "same" for state in states.values())
        raise CheckFailed(
            f"{out}: {wrong} of {len(states)} scripts {'are' if wrong > 1 else 'is'} not as rendered",
            fix=f"look at what has changed, then run `stedi glue render --out {out}`",
        )
