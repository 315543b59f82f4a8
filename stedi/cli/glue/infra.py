"""`stedi glue infra`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from stedi.cli.glue.options import database
from stedi.cli.options import as_json, option
from stedi.cli.output import note, print_json, print_lines, print_table, shown, write
from stedi.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from stedi.glue.infra import ChangeSet

__all__ = ["infra"]


@click.command(
    epilog="""\b
Examples:
  stedi glue infra > stack.yaml                         to read, or to deploy by other means
  stedi glue infra --deploy --lake s3://bucket/stedi    shows what will change, and asks
  stedi glue infra --deploy --lake s3://bucket/stedi --schedule "cron(0 3 * * ? *)" --yes
""",
)
@option("--deploy", is_flag=True, help="Make or change the stack, once what will change is confirmed.")
@option("--lake", metavar="URI", help="The lake: s3://bucket or s3://bucket/prefix; the bucket is made by the stack.")
@database
@option("--stack", metavar="NAME", help="Name of the stack. [default: the database's, with hyphens]")
@option("--vpc", metavar="ID", help="VPC that gets a gateway endpoint to S3, with --route-tables.")
@option("--route-tables", metavar="IDS", help="Route tables of that VPC that lead to the endpoint, with commas.")
@option("--schedule", metavar="CRON", help='When the workflow starts, as "cron(0 3 * * ? *)" in UTC; "" for never.')
@option("--yes", is_flag=True, help="Deploy without asking.")
@as_json
def infra(
    *,
    deploy: bool,
    lake: str | None,
    database: str,
    stack: str | None,
    vpc: str | None,
    route_tables: str | None,
    schedule: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Print or deploy the CloudFormation template of everything the jobs stand on.

    Bucket (encrypted, versioned, private, TLS only), role of the jobs, log groups, Glue database, Athena workgroup; a
    gateway endpoint to S3 with --vpc; and, once `stedi glue release` has made the jobs, a workflow that runs them in
    their order. Without --deploy nothing is asked of AWS. A stack that is there keeps what no option changes.
    """
    from stedi.glue import infra as stacks
    from stedi.glue import names
    from stedi.glue.template import template

    if not deploy:
        given = {"--lake": lake, "--stack": stack, "--vpc": vpc, "--route-tables": route_tables, "--schedule": schedule}
        for name in ("--vpc", "--route-tables", "--schedule", "--stack"):
            if given[name] is not None:
                raise UsageError(f"{name} is for --deploy", fix="the template takes it as a parameter")
        if as_json:
            print_json(template())
        else:
            write(stacks.text())
        return
    if lake is None:
        raise UsageError("--deploy needs to know the lake", fix="name it: --lake s3://bucket/prefix")
    if bool(vpc) != bool(route_tables):
        raise UsageError("--vpc and --route-tables go together", fix="give both, or none")
    name = names.database(database)
    wanted = stacks.Wanted(
        names.stack(name.replace("_", "-") if stack is None else stack),
        names.lake(lake),
        name,
        names.vpc(vpc) if vpc else None,
        names.route_tables(route_tables) if route_tables else None,
        None if schedule is None else names.schedule(schedule),
    )
    _deploy(wanted, yes=yes, as_json=as_json)


def _deploy(wanted: object, *, yes: bool, as_json: bool) -> None:
    from stedi.glue import infra as stacks
    from stedi.glue.aws import Aws

    assert isinstance(wanted, stacks.Wanted)
    aws = Aws()
    change_set = stacks.prepare(aws, wanted)
    if not as_json:
        _show(change_set)
    if change_set.arn and not yes:
        wanted_so = False
        try:
            wanted_so = _confirmed(change_set.stack)
        finally:
            if not wanted_so:  # Ctrl-C at the question is a no, too
                stacks.discard(aws, change_set)
        if not wanted_so:
            raise CheckFailed(
                f"stack {change_set.stack}: not deployed; nothing was changed", fix="say yes, or give --yes"
            )
    outputs = stacks.execute(aws, change_set, note)
    if as_json:
        document = asdict(change_set) | {"outputs": outputs}
        print_json({name: document[name] for name in ("stack", "is_new", "parameters", "changes", "outputs")})
        return
    if outputs:
        print_table(("output", "value"), [(name, shown(value)) for name, value in outputs.items()])
    if change_set.parameters["WithJobs"] == "false":
        print_lines("", "the workflow follows once the jobs are there: `stedi glue release`, then this command again")


def _show(change_set: ChangeSet) -> None:
    if not change_set.arn:
        print_lines(f"stack {change_set.stack}: nothing to change", "")
        return
    if not change_set.changes:
        print_lines(f"stack {change_set.stack}: no resource changes, only what the stack says of itself", "")
        return
    rows = [(c.action, c.resource, c.type, {"True": "yes"}.get(c.replacement, "")) for c in change_set.changes]
    print_table(("change", "resource", "type", "replaced"), rows)
    print_lines("")


def _confirmed(stack: str) -> bool:
    """Ask, where somebody can answer."""
    if not sys.stdin.isatty():
        return False
    return click.confirm(f"Deploy this to stack {stack}?", err=True)
