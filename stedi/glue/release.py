"""A release: what shall be in AWS, what is there, and the steps from one to the other.

Pure: nothing here asks AWS (see `delivery`). Scripts are compared by hash, landing files by checksum, tables and jobs
field by field; what a release does not set, as a connection that somebody gave a job, stays as it is. What somebody
else made is not changed unless that is asked for (`adopt`), and nothing is ever deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from stedi.glue import jobs, names
from stedi.glue.ddl import MADE_BY, shapes, table_input
from stedi.glue.receipt import Receipt, digests

__all__ = ["Found", "Kind", "Plan", "Step", "Wanted", "merged_job", "merged_table", "note_of", "plan", "want"]

Kind = Literal["landing", "script", "table", "job"]

KINDS: tuple[Kind, ...] = ("landing", "script", "table", "job")
"""In the order in which a release takes its steps: a job is never there before its script."""

_SIGN = "Made by stedi glue release"
"""Stands in the description of every job that is ours."""

_REASON_LENGTH = 500
_PARITY = re.compile(r"parity: same as DuckDB, run of \S+")

# what AWS adds to a job by itself, and what goes with another way to say how large it is
_NOT_SENT = {"Name", "CreatedOn", "LastModifiedOn", "AllocatedCapacity", "MaxCapacity", "CodeGenConfigurationNodes"}
_NESTED = ("DefaultArguments", "Command", "ExecutionProperty")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be: scripts by name, TableInput by table, definition by job."""

    lake: names.Lake
    role: str
    database: str
    scripts: Mapping[str, str]
    tables: Mapping[str, dict[str, Any]]
    jobs: Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """What is there: the SHA-256 of scripts, tables and jobs as AWS describes them.

    `landing` maps each file that shall be there to how its object stands: same, changed or missing.
    """

    scripts: Mapping[str, str]
    tables: Mapping[str, dict[str, Any]]
    jobs: Mapping[str, dict[str, Any]]
    landing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to create or to update, and why."""

    kind: Kind
    name: str
    action: Literal["create", "update"]
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in their order, what must not be done and why, what is worth knowing, and how much stays as it is."""

    steps: tuple[Step, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]
    unchanged: Mapping[Kind, int]


def note_of(receipt: Receipt | None, reason: str) -> str:
    """Return what the description of a job says its release rests on: a receipt, or why there is none."""
    if receipt is not None:
        return f"{_SIGN}; parity: same as DuckDB, run of {receipt.finished}"
    shown = " ".join("".join(c if c.isprintable() else " " for c in reason).split())
    return f"{_SIGN}; without parity: {shown[:_REASON_LENGTH]}"


def want(
    scripts: Mapping[str, str],
    lake: names.Lake,
    *,
    role: str,
    database: str,
    glue: str,
    note: str,
    parameters: Mapping[str, str] | None = None,
) -> Wanted:
    """Return what a release of these scripts shall leave in AWS; `parameters` are what jobs shall be told, by name."""
    define = partial(jobs.definition, role=role, database=database, glue=glue, note=note, parameters=parameters)
    return Wanted(
        lake,
        role,
        database,
        scripts,
        {shape.name: table_input(shape, lake) for shape in shapes().values()},
        {job: define(job, lake) for job in jobs.dag()},
    )


def plan(wanted: Wanted, found: Found, *, adopt: bool = False) -> Plan:
    """Return the steps from what is there to what shall be."""
    made = _Made()
    for path, state in found.landing.items():
        made.add("landing", path, state != "missing", ("another content",) if state == "changed" else ())
    for name, digest in digests(wanted.scripts).items():
        there = found.scripts.get(name, "")
        made.add("script", name, bool(there), (f"{there[:12]} becomes {digest[:12]}",) if there != digest else ())
    for name, table in wanted.tables.items():
        made.table(name, found.tables.get(name), table, adopt=adopt)
    for name, definition in wanted.jobs.items():
        made.job(name, found.jobs.get(name), definition, adopt=adopt)
    made.notes += [
        f"table {name}: is of an earlier release, and none of this one; left alone"
        for name in sorted(found.tables.keys() - wanted.tables.keys())
        if _is_our_table(found.tables[name])
    ]
    steps = sorted(made.steps, key=lambda step: KINDS.index(step.kind))
    return Plan(tuple(steps), tuple(made.refused), tuple(made.notes), made.unchanged)


@dataclass(slots=True)
class _Made:
    """A plan that is being made."""

    steps: list[Step] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unchanged: dict[Kind, int] = field(default_factory=dict)

    def add(self, kind: Kind, name: str, is_there: bool, why: tuple[str, ...]) -> None:
        if not is_there:
            self.steps.append(Step(kind, name, "create"))
        elif why:
            self.steps.append(Step(kind, name, "update", why))
        else:
            self.unchanged[kind] = self.unchanged.get(kind, 0) + 1

    def table(self, name: str, there: Mapping[str, Any] | None, table: Mapping[str, Any], *, adopt: bool) -> None:
        why = tuple(_table_differences(there, table)) if there else ()
        if there and not _is_our_table(there) and not adopt:
            others = [reason for reason in why if not reason.startswith("made_by ")]
            if others:
                self.refused.append(f"table {name}: exists with another schema, made by somebody else: {_list(others)}")
                return
            self.notes.append(f"table {name}: was made by somebody else, as it shall be; left alone")
            why = ()
        self.add("table", name, there is not None, why)

    def job(self, name: str, there: Mapping[str, Any] | None, job: Mapping[str, Any], *, adopt: bool) -> None:
        why = tuple(_job_differences(there, job)) if there else ()
        if there and not adopt:
            lake, ours = (there.get("DefaultArguments") or {}).get("--LAKE"), job["DefaultArguments"]["--LAKE"]
            if _SIGN not in (there.get("Description") or ""):
                self.refused.append(f"job {name}: exists, made by somebody else")
                return
            if lake != ours:
                self.refused.append(f"job {name}: exists, and works on the lake {lake}, not {ours}")
                return
        self.add("job", name, there is not None, why)
        told = {**((there or {}).get("DefaultArguments") or {}), **job["DefaultArguments"]}
        if "pseudonym_key" in jobs.parameters_of(name) and jobs.ARGUMENTS["pseudonym_key"] not in told:
            self.notes.append(
                f"job {name}: has no key of the pseudonyms, so each run makes others; --pseudonym-key-path names one"
            )


def merged_table(there: Mapping[str, Any] | None, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a TableInput with the parameters that others have given the table."""
    kept = dict(there.get("Parameters", {})) if there else {}
    return {**table, "Parameters": {**kept, **table["Parameters"]}}


def merged_job(there: Mapping[str, Any] | None, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition with what others have given the job, since an update leaves nothing that is not sent."""
    kept = {name: value for name, value in (there or {}).items() if name not in _NOT_SENT and value is not None}
    nested = {name: {**kept.get(name, {}), **job[name]} for name in _NESTED}
    return {**kept, **job, **nested}


def _is_our_table(table: Mapping[str, Any]) -> bool:
    return bool((table.get("Parameters") or {}).items() >= MADE_BY.items())


def _table_differences(there: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of a table is not as it shall be."""
    storage, wanted = there.get("StorageDescriptor") or {}, table["StorageDescriptor"]
    yield from _column_differences(storage.get("Columns") or (), wanted["Columns"])
    yield from _differences(storage, {name: wanted[name] for name in ("Location", "InputFormat", "OutputFormat")})
    serde = storage.get("SerdeInfo") or {}
    library = {"SerDe": serde.get("SerializationLibrary")}
    yield from _differences(library, {"SerDe": wanted["SerdeInfo"]["SerializationLibrary"]})
    yield from _differences(serde.get("Parameters") or {}, wanted["SerdeInfo"]["Parameters"], "SerDe ")
    if there.get("PartitionKeys"):
        yield f"is partitioned by {', '.join(key['Name'] for key in there['PartitionKeys'])}"
    yield from _differences(there, {name: table[name] for name in ("TableType", "Description")})
    yield from _differences(there.get("Parameters") or {}, table["Parameters"])


def _column_differences(there: Any, wanted: Any) -> Iterator[str]:
    found = {column["Name"]: column for column in there}
    for column in wanted:
        name, kind = column["Name"], column["Type"]
        if name not in found:
            yield f"column {name} {kind} is missing"
        elif found[name]["Type"] != kind:
            yield f"column {name} is {found[name]['Type']}, shall be {kind}"
        elif found[name].get("Comment") != column["Comment"]:
            yield f"column {name} has another comment"
    names_wanted = [column["Name"] for column in wanted]
    more = [name for name in found if name not in names_wanted]
    if more:
        yield f"column {', '.join(more)} is none of this table"
    elif list(found) != names_wanted and len(found) == len(names_wanted):
        yield "its columns are in another order"


def _job_differences(there: Mapping[str, Any], job: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of a job is not as it shall be."""
    for name, value in job.items():
        if name in _NESTED:
            yield from _differences(there.get(name) or {}, value)
        elif name == "Description":
            # another run that found the same scripts the same is no change
            if _PARITY.sub("", there.get(name) or "") != _PARITY.sub("", value):
                yield "another description"
        elif name == "Role":
            role = str(there.get(name) or "")  # the API takes the name of a role too
            if role not in (value, value.rpartition("/")[2]):
                yield f"Role {role}, shall be {value}"
        else:
            yield from _differences(there, {name: value})


def _differences(there: Mapping[str, Any], wanted: Mapping[str, Any], what: str = "") -> Iterator[str]:
    for name, value in wanted.items():
        if name not in there:
            yield f"{what}{name} is not set, shall be {value}"
        elif there[name] != value:
            yield f"{what}{name} {there[name]}, shall be {value}"


def _list(reasons: list[str]) -> str:
    shown = "; ".join(reasons[:3])
    return f"{shown}; and {len(reasons) - 3} more" if len(reasons) > 3 else shown  # noqa: PLR2004 - as above
