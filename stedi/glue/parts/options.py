"""The arguments of a job."""

from __future__ import annotations

import sys

from awsglue.utils import getResolvedOptions


def options(required: list[str], optional: list[str]) -> dict[str, str]:
    """Return the arguments of the job; optional ones only where they were given."""
    given = {argument.split("=", 1)[0] for argument in sys.argv}
    return getResolvedOptions(sys.argv, required + [name for name in optional if f"--{name}" in given])
