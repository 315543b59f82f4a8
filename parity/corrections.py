"""`parity.toml`: what the scripts' own text does not say, or says wrongly.

[inputs]                                   # a place that scripts read -> the landing feed that is there
"s3://bucket/cust/in/" = "customer_landing"
"mydb.cust" = "customer_landing"

[outputs]                                  # a place that scripts write -> the table it is
"s3://bucket/ml/" = "machine_learning_curated"
"s3://bucket/customer/trusted_rejects/" = "none"

[jobs]
skip = ["old.py"]                          # not run
order = ["first.py", "second.py"]          # run in this order, whatever they read, and all of them into one place

[arguments]                                # of getResolvedOptions, for every script
BUCKET = "my-bucket"

[tables]
skip = ["machine_learning_curated"]        # not compared

[runtime]                                  # what is unproven against AWS, read otherwise
field_case = "insensitive"
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parity.places import normal
from parity.scripts import Script
from stedi.contracts import FEEDS, TABLES
from stedi.errors import UsageError
from stedi.settings import nearest
from stedi.storage import faults

__all__ = ["FILE", "NO_TABLE", "Corrections", "load_corrections", "unused_places"]

FILE = "parity.toml"

NO_TABLE = "none"
"""What [outputs] says of a place that is none of our tables."""

_KNOWN = {
    "inputs": None,
    "outputs": None,
    "arguments": None,
    "jobs": ("skip", "order"),
    "tables": ("skip",),
    "runtime": None,
}


@dataclass(frozen=True, slots=True)
class Corrections:
    """What a parity.toml says; places as `normal` spells them, catalog names in lower case."""

    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    runtime: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None


def load_corrections(jobs: Path) -> Corrections:
    """Read the corrections beside the jobs, else those of the current folder; UsageError where one is no use."""
    for file in (jobs / FILE, Path(FILE)):
        with faults(f"cannot read {file}"):
            if file.is_file():
                return parse_corrections(file, file.read_bytes())
    return Corrections()


def parse_corrections(file: Path, data: bytes) -> Corrections:
    """Return what the content of a parity.toml says."""
    try:
        raw = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: is not TOML: {error}", fix="correct the file") from error
    for section, values in raw.items():
        _check(file, section, values)
    tables = _names(file, raw, "tables", "skip")
    for name in tables:
        _one_of(file, "tables.skip", name, TABLES)
    return Corrections(
        _places(file, raw, "inputs", [feed.name for feed in FEEDS]),
        _places(file, raw, "outputs", [*(name for name, table in TABLES.items() if table.zone != "landing"), NO_TABLE]),
        _arguments(file, raw.get("arguments", {})),
        _names(file, raw, "jobs", "skip"),
        _names(file, raw, "jobs", "order"),
        tables,
        _settings(file, raw.get("runtime", {})),
        file,
    )


def unused_places(corrections: Corrections, scripts: Collection[Script]) -> Iterator[str]:
    """Yield what to say of places that no script has: most likely they are misspelled."""
    for section, verb, places in (("inputs", "reads", corrections.inputs), ("outputs", "writes", corrections.outputs)):
        accesses = [one for script in scripts for one in (script.reads if section == "inputs" else script.writes)]
        named = {name for one in accesses for name in (normal(one.path) if one.path else "", one.table) if name}
        for place in places:
            if place not in named:
                yield f"[{section}] {place}: no script {verb} it{nearest(place, named)}"


def _check(file: Path, section: str, values: object) -> None:
    if section in _KNOWN and not isinstance(values, dict):
        raise UsageError(f"{file}: {section}: is a section", fix=f"write [{section}] on a line, and its settings below")
    if section not in _KNOWN or not isinstance(values, dict):
        raise UsageError(
            f"{file}: {section}: no such section{nearest(section, _KNOWN)}", fix=f"known are {', '.join(_KNOWN)}"
        )
    known = _KNOWN[section]
    for key in values:
        if known is not None and key not in known:
            raise UsageError(
                f"{file}: {section}.{key}: no such setting{nearest(key, known)}", fix=f"known are {', '.join(known)}"
            )


def _places(file: Path, raw: Mapping[str, Any], section: str, tables: list[str]) -> dict[str, str]:
    found = {}
    for place, table in raw.get(section, {}).items():
        _one_of(file, f"{section}.{place}", table, tables)
        found[normal(place) if "://" in place else place.lower()] = table
    return found


def _arguments(file: Path, values: Mapping[str, object]) -> dict[str, str]:
    for name, value in values.items():
        if isinstance(value, dict | list):
            raise UsageError(f"{file}: arguments.{name}: takes a text", fix="write it as the job is given it")
    return {name: str(value) for name, value in values.items()}


def _names(file: Path, raw: Mapping[str, Any], section: str, key: str) -> tuple[str, ...]:
    values = raw.get(section, {}).get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UsageError(f"{file}: {section}.{key}: takes a list of names", fix="correct the file")
    return tuple(values)


def _settings(file: Path, values: Mapping[str, object]) -> dict[str, str]:
    found = {name: str(value) for name, value in values.items()}
    try:
        importlib.import_module("parity.runtime.parity_runtime.settings").Settings.of(found)
    except ValueError as error:
        raise UsageError(f"{file}: {error}", fix="docs/parity-runtime.md says what each decides") from error
    return found


def _one_of(file: Path, where: str, name: object, known: Any) -> None:
    if not isinstance(name, str) or name not in known:
        raise UsageError(
            f"{file}: {where}: {name!r} is no table that can be there{nearest(str(name), known)}",
            fix=f"known are {', '.join(known)}",
        )
