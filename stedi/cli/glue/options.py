"""Options that several commands of `stedi glue` have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from stedi.cli.options import option

__all__ = ["DATABASE", "database", "glue", "lake", "workgroup"]

DATABASE = "stedi"

F = TypeVar("F", bound=Callable[..., Any])


def lake(command: F) -> F:
    """Add --lake, which must be on S3."""
    return option("--lake", metavar="URI", required=True, help="The lake: s3://bucket or s3://bucket/prefix.")(command)


def database(command: F) -> F:
    """Add --database."""
    return option(
        "--database",
        metavar="NAME",
        default=DATABASE,
        show_default=True,
        help="Database of the Glue Data Catalog.",
    )(command)


def glue(command: F) -> F:
    """Add --glue."""
    return option("--glue", metavar="VERSION", default="5.1", show_default=True, help="Version of Glue: 5.1 or 6.0.")(
        command
    )


def workgroup(command: F) -> F:
    """Add --workgroup."""
    return option(
        "--workgroup",
        metavar="NAME",
        default="",
        help="Workgroup of Athena, with a place for results. [default: named as the database]",
    )(command)
