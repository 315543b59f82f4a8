"""What a command is told besides its command line: `stedi.toml`, and where the bundled sample is.

The command line wins over the environment (`STEDI_<OPTION>`), which wins over the file. OPTIONS declares every option
a file may set, so that a file can be checked without loading the commands; a test holds it against the commands.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stedi.errors import EnvironmentFault, UsageError
from stedi.storage import faults

__all__ = ["CONFIG_VARIABLE", "FORMATS", "OPTIONS", "bundled_sample", "load_settings", "misspelled", "nearest"]

CONFIG_VARIABLE = "STEDI_CONFIG"
FILE = "stedi.toml"

_PREFIX = "STEDI_"
_VARIABLES = (CONFIG_VARIABLE, "STEDI_DEBUG", "STEDI_PSEUDONYM_KEY")
"""Variables that stand for no option."""

PLACE, TEXT, FLAG, COUNT, SHARE = "a path or URI", "a text", "true or false", "a whole number", "a number"
"""Kinds of option, as errors name them."""

FORMATS = ("table", "csv", "json")

_ON_S3: Mapping[str, str] = {"cache_dir": PLACE, "cache_size": TEXT, "no_cache": FLAG, "requester_pays": FLAG}

OPTIONS: Mapping[str, Mapping[str, str | tuple[str, ...]]] = {
    "build": {
        **_ON_S3,
        "sse_kms_key": TEXT,
        "break_lock": FLAG,
        "lake": PLACE,
        "landing": PLACE,
        "strict": FLAG,
        "force": FLAG,
        "memory_limit": TEXT,
        "pseudonym_key_file": PLACE,
        "clock_skew_ms": COUNT,
        "json": FLAG,
    },
    "verify": {
        **_ON_S3,
        "lake": PLACE,
        "expected": PLACE,
        "athena": FLAG,
        "database": TEXT,
        "workgroup": TEXT,
        "memory_limit": TEXT,
        "json": FLAG,
    },
    "query": {**_ON_S3, "lake": PLACE, "format": FORMATS, "limit": COUNT, "memory_limit": TEXT},
    "sample": {
        **_ON_S3,
        "sse_kms_key": TEXT,
        "scale": COUNT,
        "seed": COUNT,
        "serial_defect": FLAG,
        "dirty": SHARE,
        "json": FLAG,
    },
    "privacy audit": {**_ON_S3, "lake": PLACE, "reports": PLACE, "memory_limit": TEXT, "json": FLAG},
    "parity diff": {
        **_ON_S3,
        "key": TEXT,
        "tolerance": TEXT,
        "table": TEXT,
        "context": PLACE,
        "may_be_empty": FLAG,
        "show_pii": FLAG,
        "report": PLACE,
        "memory_limit": TEXT,
        "json": FLAG,
    },
    "privacy forget": {
        **_ON_S3,
        "sse_kms_key": TEXT,
        "break_lock": FLAG,
        "lake": PLACE,
        "landing": PLACE,
        "late": FLAG,
        "in_advance": FLAG,
        "dry_run": FLAG,
        "yes": FLAG,
        "memory_limit": TEXT,
        "pseudonym_key_file": PLACE,
        "json": FLAG,
    },
    "doctor": {**_ON_S3, "lake": PLACE, "json": FLAG},
    "cache show": {"bucket": TEXT, "cache_dir": PLACE, "cache_size": TEXT, "json": FLAG},
    "cache clear": {"bucket": TEXT, "cache_dir": PLACE, "json": FLAG},
    "glue render": {"out": PLACE, "glue": ("5.1", "6.0"), "check": FLAG, "json": FLAG},
    "glue ddl": {"lake": PLACE, "database": TEXT, "json": FLAG},
    "glue release": {
        "lake": PLACE,
        "role": TEXT,
        "database": TEXT,
        "glue": TEXT,
        "receipt": PLACE,
        "without_parity": TEXT,
        "upload_landing": PLACE,
        "pseudonym_key_path": TEXT,
        "clock_skew_ms": COUNT,
        "adopt": FLAG,
        "dry_run": FLAG,
        "json": FLAG,
    },
    "glue athena": {
        "database": TEXT,
        "workgroup": TEXT,
        "format": FORMATS,
        "limit": COUNT,
        "timeout": SHARE,
        "price": SHARE,
    },
    "glue run": {"timeout": SHARE, "start_timeout": SHARE, "late_erased": FLAG, "json": FLAG},
    "glue infra": {
        "deploy": FLAG,
        "lake": PLACE,
        "database": TEXT,
        "stack": TEXT,
        "vpc": TEXT,
        "route_tables": TEXT,
        "schedule": TEXT,
        "yes": FLAG,
        "json": FLAG,
    },
    "parity run": {
        **_ON_S3,
        "landing": PLACE,
        "jobs": PLACE,
        "glue": TEXT,
        "engine": ("spark", "aws"),
        "master": TEXT,
        "glue_6_python": PLACE,
        "spark_memory": TEXT,
        "timeout": SHARE,
        "report": PLACE,
        "known": PLACE,
        "clock_skew_ms": COUNT,
        "show_pii": FLAG,
        "keep": FLAG,
        "lake": PLACE,
        "memory_limit": TEXT,
        "json": FLAG,
    },
}
"""The options of each command, and what each takes; a tuple lists the words it takes.

The options of `cache show` are in the table [cache.show] of a file, those of all commands of a group in [cache]."""

_HERE = Path(__file__).parent


def bundled_sample() -> Path | None:
    """Return the folder of the bundled landing data: inside the installed package, or beside it in a checkout."""
    for folder in (_HERE / "sample_data", _HERE.parent / "sample_data"):
        if (folder / "expected.json").is_file():
            return folder
    return None


def load_settings(environment: Mapping[str, str] = os.environ) -> dict[str, dict[str, Any]]:
    """Return the settings of each command from `stedi.toml`, or from the file $STEDI_CONFIG names.

    Empty where there is no file. UsageError names the file and the key that is wrong; EnvironmentFault says that the
    file cannot be read.
    """
    named = environment.get(CONFIG_VARIABLE)
    fix = f"correct ${CONFIG_VARIABLE}, or unset it"
    file = _at_home(named, f"${CONFIG_VARIABLE}", fix) if named else Path(FILE)
    with faults(f"cannot read {file}"):
        if not file.is_file():
            if not named and not os.path.lexists(file):
                return {}
            wrong = "is no file" if file.exists() else "no such file"
            raise EnvironmentFault(f"{file}: {wrong}", fix=fix if named else "make it a file, or remove it")
        data = file.read_bytes()
    import tomllib

    try:
        raw = tomllib.loads(data.decode())
    except RecursionError as error:
        raise UsageError(f"{file}: is nested too deeply for settings", fix="correct the file") from error
    except ValueError as error:
        raise UsageError(f"{file}: is not TOML: {error}", fix="correct the file") from error
    return _parse(file, raw)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return how to ask for the known name that is most like this one: `; did you mean lake?`, or nothing."""
    found = _nearest(name, known)
    return f"; did you mean {found}?" if found else ""


def misspelled(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return what to tell of variables that look like those of options and are none; others may be anybody's."""
    known = {f"{_PREFIX}{option.upper()}" for options in OPTIONS.values() for option in options} | set(_VARIABLES)
    meant = {
        name: _nearest(name.removeprefix(_PREFIX), [each.removeprefix(_PREFIX) for each in known], 0.8)
        for name in sorted(environment)
        if name.startswith(_PREFIX) and name not in known
    }
    return [f"${name} is no setting, and has no effect; did you mean {_PREFIX}{m}?" for name, m in meant.items() if m]


def _nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    import difflib

    known = list(known)
    # letters in another order are the likeliest slip
    found = [each for each in known if sorted(each) == sorted(name)]
    return next(iter(found or difflib.get_close_matches(name, known, n=1, cutoff=cutoff)), "")


def _parse(file: Path, raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {command: {} for command in OPTIONS}
    _spread(file, (), raw, found)
    return found


def _spread(file: Path, path: tuple[str, ...], table: Mapping[str, Any], found: dict[str, dict[str, Any]]) -> None:
    """Set what a table of the file says for every command below its path; then the tables in it, which win."""
    commands = [command for command in OPTIONS if tuple(command.split()[: len(path)]) == path]
    below = {command.split()[len(path)] for command in commands if len(command.split()) > len(path)}
    everywhere = {option: kind for command in commands for option, kind in OPTIONS[command].items()}
    tables = {key: value for key, value in table.items() if key in below and isinstance(value, dict)}
    for key, value in table.items():
        if key not in tables:
            shown = ".".join((*path, key))
            option = _known(file, shown, key, everywhere, [*everywhere, *sorted(below)])
            checked = _checked(file, shown, value, everywhere[option])
            for command in commands:
                if option in OPTIONS[command]:
                    found[command][option] = checked
    for key, inner in tables.items():
        _spread(file, (*path, key), inner, found)


def _known(file: Path, shown: str, key: str, options: Mapping[str, object], names: Iterable[str]) -> str:
    option = key.replace("-", "_")
    if option not in options:
        raise UsageError(
            f"{file}: {shown}: no such setting{nearest(option, names)}",
            fix=f"known are {', '.join(sorted(options))}",
        )
    return option


def _checked(file: Path, key: str, value: object, kind: str | tuple[str, ...]) -> object:
    """Return a value as its option takes it; a path is relative to the folder of the file."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        PLACE: isinstance(value, str),
        TEXT: isinstance(value, str),
        FLAG: isinstance(value, bool),
        COUNT: is_number and isinstance(value, int),
        SHARE: is_number,
    }
    if isinstance(kind, tuple):
        if value not in kind:
            raise UsageError(f"{file}: {key}: is none of {', '.join(kind)}", fix="correct the file")
    elif not fits[kind]:
        raise UsageError(f"{file}: {key}: takes {kind}, not {_toml_type(value)}", fix="correct the file")
    if isinstance(value, str) and "\0" in value:
        raise UsageError(f"{file}: {key}: holds a NUL character", fix="correct the file")
    if kind == PLACE and isinstance(value, str) and "://" not in value:
        if not value:
            raise UsageError(f"{file}: {key}: is empty", fix=f"name {PLACE}, or remove the line")
        return str(file.absolute().parent / _at_home(value, f"{file}: {key}", "write the whole path"))
    return value


def _at_home(path: str, what: str, fix: str) -> Path:
    """Return a path with the home folder that `~` stands for; UsageError, about `what`, where there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{what}: {path}: there is no such home folder", fix=fix) from error


def _toml_type(value: object) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a float", str: "a string", list: "an array", dict: "a table"}
    return names.get(type(value), f"a {type(value).__name__}")
