"""`parity-known.toml`: differences that are known and allowed for a while, strict both ways.

    [[known]]
    id = "ml-distance-text"
    table = "machine_learning_curated"
    cause = "type"
    reason = "the job keeps distanceFromObject as text until the consumers are moved"
    expires = 2027-01-31

An entry allows the difference of that table with that cause. One that no difference matches any more fails the run, as
does one that has expired: nothing stays allowed that nobody needs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from stedi.contracts import TABLES
from stedi.errors import UsageError
from stedi.settings import nearest
from stedi.storage import faults

__all__ = ["FILE", "Known", "Settled", "load_known", "settle_known"]

FILE = "parity-known.toml"

_KEYS = ("id", "table", "cause", "reason", "expires")


@dataclass(frozen=True, slots=True)
class Known:
    """One known difference; allowed up to and including the day it expires."""

    id: str
    table: str
    cause: str
    reason: str
    expires: date


@dataclass(frozen=True, slots=True)
class Settled:
    """What known differences come to: `allowed` maps a table to its entry; `problems` fail the run."""

    allowed: Mapping[str, Known]
    problems: tuple[str, ...]


def load_known(file: Path, causes: Iterable[str]) -> tuple[Known, ...]:
    """Read the known differences, none where there is no file; UsageError names what is wrong with an entry."""
    with faults(f"cannot read {file}"):
        if not file.exists():
            return ()
        data = file.read_bytes()
    try:
        raw = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: is not TOML: {error}", fix="correct the file") from error
    entries = raw.pop("known", [])
    if raw or not isinstance(entries, list):
        raise UsageError(f"{file}: {next(iter(raw), 'known')}: only [[known]] entries stand here", fix="correct it")
    found = [_entry(file, number, entry, tuple(causes)) for number, entry in enumerate(entries, 1)]
    for what, values in (("id", [entry.id for entry in found]), ("table", [entry.table for entry in found])):
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise UsageError(f"{file}: two entries with the {what} {twice[0]}", fix="keep one of them")
    return tuple(found)


def settle_known(known: Sequence[Known], different: Mapping[str, Collection[str]], today: date) -> Settled:
    """Hold the known differences against those of a run.

    `different` maps a table to the causes of its difference: another one each, where versions of Glue or places do.
    """
    allowed: dict[str, Known] = {}
    problems: list[str] = []
    for entry in known:
        if entry.expires < today:
            problems.append(f"{entry.id}: expired on {entry.expires}; heal {entry.table}, or decide again")
        elif entry.table not in different:
            problems.append(f"{entry.id}: {entry.table} is no longer different; remove the entry")
        elif others := sorted(set(different[entry.table]) - {entry.cause}):
            only = "not only" if entry.cause in different[entry.table] else "not"
            found = " and ".join(map(repr, others))
            problems.append(f"{entry.id}: {entry.table} differs by {found}, {only} by {entry.cause!r}; look again")
        else:
            allowed[entry.table] = entry
    return Settled(allowed, tuple(problems))


def _entry(file: Path, number: int, raw: Any, causes: tuple[str, ...]) -> Known:
    where = f"{file}: entry {number}"
    for key in raw if isinstance(raw, dict) else ():
        if key not in _KEYS:
            raise UsageError(f"{where}: {key}: no such setting{nearest(key, _KEYS)}", fix=f"known are {_KEYS}")
    for key in _KEYS:
        if not isinstance(raw, dict) or not str(raw.get(key) or "").strip():
            raise UsageError(f"{where}: has no {key}", fix="give id, table, cause, reason and expires")
        kind = date if key == "expires" else str
        if not isinstance(raw[key], kind) or isinstance(raw[key], datetime):
            asked = "a date without quotes, as 2027-01-31" if kind is date else "a text"
            raise UsageError(f"{where}: {key}: takes {asked}", fix="correct the file")
    for key, values in (("table", tuple(TABLES)), ("cause", causes)):
        if raw[key] not in values:
            raise UsageError(
                f"{where}: {key}: there is no {raw[key]!r}{nearest(raw[key], values)}",
                fix=f"known are {', '.join(values)}",
            )
    return Known(raw["id"], raw["table"], raw["cause"], raw["reason"], raw["expires"])
