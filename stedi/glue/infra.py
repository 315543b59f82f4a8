"""Make or change the stack of the template, through a change set that is looked at before it is carried out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stedi.errors import CheckFailed, EnvironmentFault
from stedi.glue import names, yaml
from stedi.glue.aws import Aws
from stedi.glue.jobs import dag
from stedi.glue.template import template

__all__ = ["Change", "ChangeSet", "Wanted", "discard", "execute", "prepare", "text"]

MADE_BY = {"Key": "made_by", "Value": "stedi glue"}
"""Tag of every stack that is ours."""

POLL = 3.0
PATIENCE = 1800.0
"""Seconds between two looks at a stack, and before nothing more is expected of it."""

_UNCHANGED = ("didn't contain changes", "No updates are to be performed")
_NEW = "REVIEW_IN_PROGRESS"
_STABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}
_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}

Told = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the stack shall be; what is None stays as it is, and is the default in a new stack."""

    stack: str
    lake: names.Lake
    database: str
    vpc: str | None = None
    route_tables: tuple[str, ...] | None = None
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change to a resource: Add, Modify or Remove, and whether it is another one afterwards."""

    action: str
    resource: str
    type: str
    replacement: str


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What CloudFormation would do; `arn` is empty where it has nothing to do.

    `began` says that the stack, which is empty until a change set is carried out, is there because of this one.
    """

    stack: str
    arn: str
    is_new: bool
    parameters: Mapping[str, str]
    changes: tuple[Change, ...] = field(default=())
    began: bool = False


def text() -> str:
    """Return the template as YAML."""
    return yaml.dump(template())


def prepare(aws: Aws, wanted: Wanted) -> ChangeSet:
    """Have CloudFormation work out what it would do; nothing is changed yet.

    CheckFailed where a stack of that name is not ours; EnvironmentFault where it cannot be changed now.
    """
    what = f"stack {wanted.stack}"
    found = _find(aws, wanted.stack)
    is_new = found is None or found["StackStatus"] == _NEW
    if found is not None and not is_new:
        _see_changeable(found, wanted.stack)
    before = {} if found is None or is_new else _pairs(found.get("Parameters", ()), "Parameter")
    parameters = _parameters(wanted, before, with_jobs=_with_jobs(aws, before))
    made = aws.call(
        "cloudformation",
        "create_change_set",
        what,
        StackName=wanted.stack,
        ChangeSetName=f"stedi-{secrets.token_hex(8)}",
        ChangeSetType="CREATE" if is_new else "UPDATE",
        TemplateBody=text(),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
        Tags=[MADE_BY],
    )
    arn = str(made["Id"])
    described = _await_change_set(aws, what, arn)
    if described["Status"] == "FAILED":
        reason = str(described.get("StatusReason", ""))
        discard(aws, ChangeSet(wanted.stack, arn, is_new, parameters, began=found is None))
        if any(said in reason for said in _UNCHANGED):
            return ChangeSet(wanted.stack, "", is_new, parameters)
        raise EnvironmentFault(
            f"{what}: CloudFormation cannot work out the change: {reason}", fix="correct what it says"
        )
    changes = [change["ResourceChange"] for change in described.get("Changes", ())]
    return ChangeSet(
        wanted.stack,
        arn,
        is_new,
        parameters,
        tuple(
            Change(c["Action"], c["LogicalResourceId"], c["ResourceType"], c.get("Replacement") or "") for c in changes
        ),
        began=found is None,
    )


def discard(aws: Aws, change_set: ChangeSet) -> None:
    """Take a change set back, and the empty stack that CloudFormation has begun for it, but none that was there."""
    what = f"stack {change_set.stack}"
    aws.call("cloudformation", "delete_change_set", what, ChangeSetName=change_set.arn)
    if change_set.began:
        aws.call("cloudformation", "delete_stack", what, StackName=change_set.stack)


def execute(aws: Aws, change_set: ChangeSet, told: Told = lambda _: None) -> dict[str, str]:
    """Carry a change set out, wait until the stack is as it says, and return the stack's outputs.

    EnvironmentFault says which resource failed and why; CloudFormation has then put the stack back as it was.
    """
    what = f"stack {change_set.stack}"
    if change_set.arn:
        aws.call("cloudformation", "execute_change_set", what, ChangeSetName=change_set.arn)
    end = time.monotonic() + PATIENCE
    last = ""
    while True:
        found = _find(aws, change_set.stack)
        status = str(found["StackStatus"]) if found else "gone"
        if found and (status in _DONE or not change_set.arn):
            return _pairs(found.get("Outputs", ()), "Output")
        if not status.endswith("_IN_PROGRESS"):
            raise _failure(aws, change_set, status)
        if status != last:
            told(f"{what}: {status}")
            last = status
        if time.monotonic() > end:
            raise EnvironmentFault(
                f"{what}: is still {status} after {PATIENCE / 60:.0f} minutes",
                fix="CloudFormation goes on by itself; run the command again later",
            )
        time.sleep(POLL)


def _find(aws: Aws, stack: str) -> dict[str, Any] | None:
    found = aws.find("cloudformation", "describe_stacks", f"stack {stack}", StackName=stack)
    return found["Stacks"][0] if found and found["Stacks"] else None


def _see_changeable(found: Mapping[str, Any], stack: str) -> None:
    status = found["StackStatus"]
    if MADE_BY not in found.get("Tags", ()):
        raise CheckFailed(
            f"stack {stack}: is there, and was not made by stedi; nothing was changed",
            fix="name another one with --stack",
        )
    if status.endswith("_IN_PROGRESS"):
        raise EnvironmentFault(f"stack {stack}: is being changed ({status})", fix="wait until that is over")
    if status not in _STABLE:
        raise EnvironmentFault(
            f"stack {stack}: cannot be changed, it is {status}",
            fix=f"aws cloudformation delete-stack --stack-name {stack}, then run the command again; a bucket stays",
        )


def _with_jobs(aws: Aws, before: Mapping[str, str]) -> bool:
    """Return whether the workflow can be made: all jobs are there."""
    jobs = list(dag())
    missing = aws.call("glue", "batch_get_jobs", "Glue jobs", JobNames=jobs).get("JobsNotFound", ())
    if missing and before.get("WithJobs") == "true":
        raise CheckFailed(
            f"job {min(missing)}: is not there, and the workflow of the stack needs it; nothing was changed",
            fix="`stedi glue release` makes it; then run the command again",
        )
    return not missing


def _parameters(wanted: Wanted, before: Mapping[str, str], *, with_jobs: bool) -> dict[str, str]:
    """Return every parameter of the template with its value."""
    defaults = {name: str(declared.get("Default", "")) for name, declared in template()["Parameters"].items()}
    given = {
        "BucketName": wanted.lake.bucket,
        "LakePrefix": wanted.lake.prefix,
        "DatabaseName": wanted.database,
        "VpcId": wanted.vpc,
        "RouteTableIds": None if wanted.route_tables is None else ",".join(wanted.route_tables),
        "Schedule": wanted.schedule,
        "WithJobs": "true" if with_jobs else "false",
    }
    kept = {name: value for name, value in before.items() if name in defaults}
    return {**defaults, **kept, **{name: value for name, value in given.items() if value is not None}}


def _pairs(found: Any, what: str) -> dict[str, str]:
    return {str(pair[f"{what}Key"]): str(pair.get(f"{what}Value", "")) for pair in found}


def _await_change_set(aws: Aws, what: str, arn: str) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while True:
        found = aws.call("cloudformation", "describe_change_set", what, ChangeSetName=arn)
        if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return found
        if time.monotonic() > end:
            raise EnvironmentFault(f"{what}: CloudFormation does not answer", fix="run the command again later")
        time.sleep(POLL)


def _failure(aws: Aws, change_set: ChangeSet, status: str) -> EnvironmentFault:
    """Return the error for a stack that is not what it was to be: the first resource that failed, and why."""
    what = f"stack {change_set.stack}"
    failed = [
        event
        for event in aws.pages(
            "cloudformation", "describe_stack_events", what, "StackEvents", StackName=change_set.stack
        )
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", "")
    ]
    if not failed:
        return EnvironmentFault(f"{what}: is {status}", fix="see its events in the console of CloudFormation")
    first = failed[-1]  # the newest event comes first
    reason = " ".join(str(first.get("ResourceStatusReason", "no reason given")).split())
    fix = "correct what it says, and run the command again"
    if first["ResourceType"] == "AWS::S3::Bucket" and "already exists" in reason.lower().replace(
        "already owned", "already exists"
    ):
        fix = "a bucket of that name is there, yours or somebody else's: name another one with --lake"
    if status == "ROLLBACK_COMPLETE":
        fix += f"; first delete what is left: aws cloudformation delete-stack --stack-name {change_set.stack}"
    return EnvironmentFault(f"{what}: is {status}: {first['LogicalResourceId']} failed: {reason}", fix=fix)
