"""Look at what of a release is in AWS already, and take its steps.

Every step is whole and may be taken again: a release that is stopped anywhere goes on when it is run again, since the
plan is made anew from what is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

from stedi.errors import EnvironmentFault
from stedi.glue import upload
from stedi.glue.aws import Aws
from stedi.glue.jobs import ARGUMENTS, SCRIPTS
from stedi.glue.names import Lake
from stedi.glue.release import Found, Plan, Step, Wanted, merged_job, merged_table
from stedi.parameters import MOST_KEY_BYTES

__all__ = ["deliver", "look", "see_bucket"]

Told = Callable[[str, int, int], object]


def look(aws: Aws, wanted: Wanted, landing: Mapping[str, Path] | None = None) -> tuple[Found, list[str]]:
    """Return what is there, and what is worth knowing of it; only read calls are made.

    EnvironmentFault where bucket, role or database are not as a release needs them.
    """
    notes: list[str] = []
    # first who asks: a bucket's HEAD has no body to say that the credentials are what is wrong
    _ = aws.account
    see_bucket(aws, wanted.lake)
    notes += _see_role(aws, wanted.role)
    for uri in dict.fromkeys(job["DefaultArguments"].get(ARGUMENTS["pseudonym_key"]) for job in wanted.jobs.values()):
        notes += _see_key(aws, wanted.lake, uri) if uri else []
    database = f"database {wanted.database}"
    if aws.find("glue", "get_database", database, Name=wanted.database) is None:
        raise EnvironmentFault(
            f"{database}: is not in the Data Catalog of {aws.region}",
            fix="`stedi glue infra --deploy` makes it, as does the first statement of `stedi glue ddl`;"
            " correct --database or AWS_REGION where it is there",
        )
    tables = aws.pages("glue", "get_tables", database, "TableList", DatabaseName=wanted.database)
    jobs = aws.call("glue", "batch_get_jobs", "Glue jobs", JobNames=list(wanted.jobs))["Jobs"]
    states, others = upload.look(aws, wanted.lake, landing) if landing else ({}, [])
    notes += [f"{wanted.lake.location(path)}: is none of these landing files; jobs read it, too" for path in others]
    found = Found(
        {name: digest for name in wanted.scripts if (digest := _script(aws, wanted.lake, name))},
        {table["Name"]: table for table in tables},
        {job["Name"]: job for job in jobs},
        states,
    )
    return found, notes


def deliver(
    aws: Aws, wanted: Wanted, found: Found, plan: Plan, *, landing: Mapping[str, Path], told: Told = lambda *_: None
) -> None:
    """Take the steps of a plan. EnvironmentFault says at which one it stopped."""
    for number, step in enumerate(plan.steps):
        told(f"{step.kind} {step.name}", number, len(plan.steps))
        try:
            _take(aws, wanted, found, step, landing)
        except EnvironmentFault as fault:
            fault.fix += f"; {number} of {len(plan.steps)} steps are done, and the same command goes on from there"
            raise


def _take(aws: Aws, wanted: Wanted, found: Found, step: Step, landing: Mapping[str, Path]) -> None:
    what = f"{step.kind} {step.name}"
    if step.kind == "landing":
        upload.put(aws, wanted.lake, step.name, landing[step.name])
    elif step.kind == "script":
        aws.call(
            "s3",
            "put_object",
            what,
            **_object(aws, wanted.lake, step.name),
            Body=wanted.scripts[step.name].encode(),
            ContentType="text/x-python",
        )
    elif step.kind == "table":
        sent = merged_table(found.tables.get(step.name), wanted.tables[step.name])
        operation = f"{step.action}_table"
        aws.call("glue", operation, what, DatabaseName=wanted.database, TableInput=sent)
    elif step.action == "create":
        aws.call("glue", "create_job", what, Name=step.name, **wanted.jobs[step.name])
    else:
        sent = merged_job(found.jobs[step.name], wanted.jobs[step.name])
        aws.call("glue", "update_job", what, JobName=step.name, JobUpdate=sent)


def _object(aws: Aws, lake: Lake, script: str) -> dict[str, str]:
    return {
        "Bucket": lake.bucket,
        "Key": lake.key(f"{SCRIPTS}{script}"),
        "ExpectedBucketOwner": aws.account.number,
    }


def _script(aws: Aws, lake: Lake, name: str) -> str:
    """Return the SHA-256 of a script as it is in the bucket, nothing where it is not: ETags depend on encryption."""
    answer = aws.find("s3", "get_object", f"script {name}", **_object(aws, lake, name))
    return hashlib.sha256(aws.body(answer, f"script {name}")).hexdigest() if answer else ""


def see_bucket(aws: Aws, lake: Lake) -> None:
    """Raise EnvironmentFault where the bucket of a lake is not there, in another region, or another account's."""
    what = f"bucket {lake.bucket}"
    head = aws.find("s3", "head_bucket", what, Bucket=lake.bucket)
    if head is None:
        raise EnvironmentFault(f"{what}: there is no such bucket", fix="`stedi glue infra --deploy` makes it")
    region = head.get("BucketRegion") or aws.region
    if region != aws.region:
        raise EnvironmentFault(
            f"{what}: is in {region}, and the jobs would be in {aws.region}", fix=f"set AWS_REGION={region}"
        )
    try:
        aws.call("s3", "head_bucket", what, Bucket=lake.bucket, ExpectedBucketOwner=aws.account.number)
    except EnvironmentFault as fault:
        # it could be asked about without the condition, so this is about the condition
        if "access denied" not in fault.message:
            raise
        raise EnvironmentFault(
            f"{what}: belongs to another AWS account than {aws.account.number}",
            fix="name a bucket of this account, or sign in to the account that has it",
        ) from fault


def _see_role(aws: Aws, arn: str) -> list[str]:
    """Return a note where one may not look at the role; EnvironmentFault where Glue could not take it."""
    what = f"role {arn}"
    if arn.split(":")[4] != aws.account.number:
        raise EnvironmentFault(
            f"{what}: is in another account than {aws.account.number}", fix="Glue takes roles of its own account only"
        )
    try:
        answer = aws.find("iam", "get_role", what, RoleName=arn.rpartition("/")[2])
    except EnvironmentFault as fault:
        if "access denied" not in fault.message:
            raise
        return [f"{what}: cannot be looked at (iam:GetRole is denied); whether Glue may take it shows when a job runs"]
    if answer is None or answer["Role"]["Arn"] != arn:
        raise EnvironmentFault(
            f"{what}: there is no such role", fix="`stedi glue infra --deploy` makes one, and prints its ARN"
        )
    trust = answer["Role"].get("AssumeRolePolicyDocument")
    if "glue.amazonaws.com" not in (unquote(trust) if isinstance(trust, str) else repr(trust)):
        raise EnvironmentFault(
            f"{what}: does not trust glue.amazonaws.com, so Glue cannot run jobs with it",
            fix="let that service assume it, or use the role that `stedi glue infra --deploy` makes",
        )
    return []


def _see_key(aws: Aws, lake: Lake, uri: str) -> list[str]:
    """Return notes about the object that holds the key of the pseudonyms, which is not read."""
    what = f"key {uri}"
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    notes = []
    if not uri.startswith(lake.location(SCRIPTS)):
        notes.append(
            f"{what}: is not below {lake.location(SCRIPTS)}, where the role of `stedi glue infra` may read it; let the"
            " role of the jobs"
        )
    try:
        head = aws.find("s3", "head_object", what, Bucket=bucket, Key=key)
    except EnvironmentFault as fault:
        if "access denied" not in fault.message:
            raise
        notes.append(f"{what}: cannot be looked at (s3:GetObject is denied); whether it is there shows when a job runs")
        return notes
    if head is None:
        raise EnvironmentFault(f"{what}: is not there", fix=f"openssl rand -hex 32 | aws s3 cp - {uri}")
    if not 0 < head["ContentLength"] <= MOST_KEY_BYTES:
        raise EnvironmentFault(
            f"{what}: has {head['ContentLength']:,} bytes, which is no key",
            fix=f"write one line of text into it: openssl rand -hex 32 | aws s3 cp - {uri}",
        )
    return notes
