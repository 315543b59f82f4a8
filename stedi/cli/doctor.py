"""`stedi doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click

from stedi.cli.options import as_json, lake, on_s3
from stedi.cli.output import print_json, print_table, shown, write
from stedi.errors import CheckFailed
from stedi.storage import Options

__all__ = ["doctor"]


@click.command(
    epilog="""\b
Examples:
  stedi doctor
  stedi doctor --lake DIR --json
  stedi doctor --lake s3://bucket                 who you are there, and what you may do
""",
)
@lake
@on_s3()
@as_json
def doctor(lake: str, options: Options, as_json: bool) -> None:
    """Show what this machine has, and how to get what it lacks.

    Exit 1 where something is wrong that `stedi build` needs; Java, Spark and AWS are optional.
    """
    from stedi.doctor import examine

    findings = examine(lake, options=options)
    wrong = [finding for finding in findings if finding.wrong]
    if as_json:
        print_json({"ok": not wrong, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = [(finding.what, finding.state, shown(finding.found)) for finding in findings]
        print_table(("what", "state", "found"), rows)
        fixes = [finding for finding in findings if finding.state != "ok"]
        write("\n" if fixes else "")
        for finding in fixes:
            write(f"{finding.what}: {shown(finding.fix)}{'' if finding.required else ' (optional)'}\n")
    if wrong:
        names = ", ".join(finding.what for finding in wrong)
        raise CheckFailed(
            f"this machine is not ready: {names}", fix="; ".join(dict.fromkeys(finding.fix for finding in wrong))
        )
