"""Names of things in AWS, checked before the first call: what AWS would refuse, or take for something else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stedi.errors import UsageError

__all__ = [
    "GLUE_VERSIONS",
    "Lake",
    "database",
    "glue_version",
    "key_file",
    "lake",
    "role",
    "route_tables",
    "schedule",
    "stack",
    "vpc",
    "workgroup",
]

GLUE_VERSIONS = ("5.1", "6.0")
"""The versions of Glue that jobs are rendered for."""

_BUCKET = re.compile(r"(?!.*\.\.)(?!xn--|sthree-)(?!.*(?:-s3alias|--ol-s3)$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
# what needs no quoting in a URL, in SQL and in a policy, where * ? and ${ have a meaning
_PREFIX = re.compile(r"[A-Za-z0-9!_.()=-]+(?:/[A-Za-z0-9!_.()=-]+)*")
_LONGEST_PREFIX = 100  # a policy has no room for longer ones
_LONGEST_KEY = 1024
_DATABASE = re.compile(r"[a-z0-9_]{1,128}")
_WORKGROUP = re.compile(r"[a-zA-Z0-9._-]{1,128}")
_STACK = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{0,127}")
_ROLE = re.compile(r"arn:aws(?:-[a-z-]+)?:iam::\d{12}:role/(?:[\x21-\x7e]+/)?[\w+=,.@-]{1,64}", re.ASCII)
_VPC = re.compile(r"vpc-[0-9a-f]{8,17}")
_CRON = re.compile(r"cron\((?:[A-Za-z0-9*?,/#-]+ ){5}[A-Za-z0-9*?,/#-]+\)")
_ROUTE_TABLE = re.compile(r"rtb-[0-9a-f]{8,17}")


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake in a bucket: `prefix` is empty or ends with a slash."""

    bucket: str
    prefix: str

    @property
    def uri(self) -> str:
        """Its root as jobs are told it, without a slash at the end."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, path: str) -> str:
        """Return the key of an object by its path under the lake root."""
        return f"{self.prefix}{path}"

    def location(self, path: str) -> str:
        """Return the URI of an object or prefix by its path under the lake root."""
        return f"s3://{self.bucket}/{self.prefix}{path}"


def lake(uri: str) -> Lake:
    """Return the lake that an URI names; UsageError where Glue could not have it."""
    if not uri.startswith("s3://"):
        raise UsageError(f"{uri}: is no lake on S3", fix="write --lake s3://bucket or s3://bucket/prefix")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    _see_bucket(bucket, uri)
    if prefix and (not _PREFIX.fullmatch(prefix) or ".." in prefix or len(prefix) >= _LONGEST_PREFIX):
        raise UsageError(
            f"{uri}: the prefix cannot be used in tables and policies",
            fix=f"use letters, digits and ! _ . ( ) = - between the slashes, fewer than {_LONGEST_PREFIX}",
        )
    return Lake(bucket, f"{prefix}/" if prefix else "")


def database(name: str) -> str:
    """Return the name of a Glue database as Athena takes it; UsageError otherwise."""
    return _checked(name, _DATABASE, "database", "lower-case letters, digits and underscores")


def workgroup(name: str) -> str:
    """Return the name of an Athena workgroup; UsageError otherwise."""
    return _checked(name, _WORKGROUP, "workgroup", "letters, digits, dots, underscores and hyphens")


def stack(name: str) -> str:
    """Return the name of a CloudFormation stack; UsageError otherwise."""
    return _checked(name, _STACK, "stack", "letters, digits and hyphens, a letter first")


def role(arn: str) -> str:
    """Return the ARN of a role; UsageError otherwise."""
    if not _ROLE.fullmatch(arn):
        raise UsageError(
            f"{arn or 'nothing'}: is no ARN of a role",
            fix="write it as arn:aws:iam::123456789012:role/NAME; `stedi glue infra --deploy` prints that of its role",
        )
    return arn


def key_file(uri: str) -> str:
    """Return the URI of an object that holds a key of the pseudonyms; UsageError where a job could not read it."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not key:
        raise UsageError(f"{uri or 'nothing'}: is no object on S3", fix="write it as s3://bucket/prefix/key.txt")
    _see_bucket(bucket, uri)
    # Spark takes * ? [ { for a pattern, and a name that ends with a slash for a folder
    if not _PREFIX.fullmatch(key) or ".." in key or len(key) > _LONGEST_KEY:
        raise UsageError(
            f"{uri}: a job could not read this object",
            fix=f"name it with letters, digits and ! _ . ( ) = - between the slashes, at most {_LONGEST_KEY:,}",
        )
    return uri


def vpc(name: str) -> str:
    """Return the id of a VPC; UsageError otherwise."""
    if not _VPC.fullmatch(name):
        raise UsageError(f"{name}: is no id of a VPC", fix="write it as vpc-0123456789abcdef0")
    return name


def route_tables(names: str) -> tuple[str, ...]:
    """Return ids of route tables, given with commas; UsageError otherwise."""
    found = tuple(name.strip() for name in names.split(","))
    for name in found:
        if not _ROUTE_TABLE.fullmatch(name):
            raise UsageError(
                f"{name or 'nothing'}: is no id of a route table",
                fix="write them as rtb-0123456789abcdef0,rtb-0123456789abcdef1",
            )
    return found


def schedule(text: str) -> str:
    """Return when a workflow starts, as EventBridge writes it, or nothing for never; UsageError otherwise."""
    if text and not _CRON.fullmatch(text):
        raise UsageError(f"{text}: is no schedule", fix='write six fields, in UTC: "cron(0 3 * * ? *)"')
    return text


def glue_version(name: str) -> str:
    """Return a version of Glue that there are scripts for; UsageError otherwise."""
    if name not in GLUE_VERSIONS:
        raise UsageError(f"Glue {name}: no scripts are rendered for it", fix=f"use {' or '.join(GLUE_VERSIONS)}")
    return name


def _see_bucket(bucket: str, uri: str) -> None:
    if not _BUCKET.fullmatch(bucket) or _ADDRESS.fullmatch(bucket):
        raise UsageError(
            f"{uri}: {bucket or 'nothing'} is no name of a bucket",
            fix="3 to 63 lower-case letters, digits, dots and hyphens; a letter or digit at both ends",
        )


def _checked(name: str, pattern: re.Pattern[str], what: str, allowed: str) -> str:
    if not pattern.fullmatch(name):
        raise UsageError(f"{name or 'nothing'}: is no name of a {what}", fix=f"use {allowed}, at most 128")
    return name
