"""The Glue jobs: one a table that is made, in the order their SQL asks for, each defined as the Glue API takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stedi import plan
from stedi.contracts import TABLES
from stedi.glue.names import Lake
from stedi.stages import STAGES

__all__ = [
    "ARGUMENTS",
    "PARITY_RUNS",
    "SCRIPTS",
    "TIMEOUT_MINUTES",
    "dag",
    "definition",
    "log_group",
    "parameters_of",
    "script_of",
    "table_of",
]

SCRIPTS = "_stedi/glue/"
"""Where the scripts are under the lake root."""

PARITY_RUNS = "_stedi/parity/"
"""Where parity runs have their copies and tables under the lake root, a folder each, until they are over."""

ARGUMENTS: Mapping[str, str] = {"pseudonym_key": "--PSEUDONYM_KEY_PATH", "clock_skew_ms": "--CLOCK_SKEW_MS"}
"""The argument that tells a job a parameter of its stage."""

WORKER_TYPE = "G.1X"
WORKERS = 2
"""The least that Glue takes for Spark: a driver and an executor, 4 vCPUs and 16 GB each."""

TIMEOUT_MINUTES = 60
"""Glue stops a run that takes longer; its own default would let a hanging one go on for hours."""


def dag() -> dict[str, tuple[str, ...]]:
    """Return every job with the jobs whose tables it reads, each after those; alphabetical where free."""
    job_of = {name: table.glue_job for name, table in TABLES.items() if table.glue_job}
    inputs = {
        job_of[name]: tuple(sorted(job_of[table] for table in stage.inputs if table in job_of))
        for name, stage in STAGES.items()
        if name in job_of
    }
    return {job: inputs[job] for job in plan.order(inputs, given=())}


def table_of(job: str) -> str:
    """Return the table that a job makes; KeyError where there is no such job."""
    return {table.glue_job: name for name, table in TABLES.items() if table.glue_job}[job]


def parameters_of(job: str) -> tuple[str, ...]:
    """Return the parameters that the stage of a job reads."""
    return STAGES[table_of(job)].parameters


def script_of(job: str) -> str:
    """Return the name of a job's script."""
    return f"{job}.py"


def log_group(database: str) -> str:
    """Return the name that the jobs' log groups begin with: `/output` and `/error` follow."""
    return f"/stedi/{database}"


def definition(
    job: str,
    lake: Lake,
    *,
    role: str,
    database: str,
    glue: str,
    note: str,
    parameters: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what a job is, as CreateJob and UpdateJob take it, without its name.

    `note` ends its description: what the release rests on. `parameters` are those given, by name: a job is told the
    ones that its stage reads, and without one does what its script says. A run is never retried by Glue, runs alone,
    and remembers nothing of earlier ones: each overwrites the table whole.
    """
    given = parameters or {}
    arguments: Mapping[str, str] = {
        "--LAKE": lake.uri,
        **{ARGUMENTS[name]: given[name] for name in parameters_of(job) if name in given},
        "--job-language": "python",
        "--job-bookmark-option": "job-bookmark-disable",
        "--enable-continuous-cloudwatch-log": "true",
        "--custom-logGroup-prefix": log_group(database),
    }
    return {
        "Description": f"{TABLES[table_of(job)].comment}. {note}",
        "Role": role,
        "Command": {
            "Name": "glueetl",
            "ScriptLocation": lake.location(f"{SCRIPTS}{script_of(job)}"),
            "PythonVersion": "3",
        },
        "DefaultArguments": dict(arguments),
        "GlueVersion": glue,
        "WorkerType": WORKER_TYPE,
        "NumberOfWorkers": WORKERS,
        "ExecutionClass": "STANDARD",
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "MaxRetries": 0,
        "Timeout": TIMEOUT_MINUTES,
    }
