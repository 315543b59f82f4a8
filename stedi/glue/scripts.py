"""The rendered scripts as files: written to a folder, or held against one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from stedi.storage import faults

__all__ = ["MARK", "State", "drift", "states", "write"]

State = Literal["new", "changed", "same", "left over"]

MARK = "Written by `stedi glue render`"
"""In every script; what bears it and is no longer rendered is left over."""


def states(folder: Path, scripts: Mapping[str, str]) -> dict[str, State]:
    """Return how the files in a folder stand to the scripts as rendered: those, and then scripts that are left over."""
    found: dict[str, State] = {}
    for name, text in scripts.items():
        there = _read(folder / name)
        found[name] = "new" if there is None else "same" if there == text else "changed"
    with faults(f"cannot read {folder}"):
        others = sorted(file.name for file in folder.glob("*.py") if file.name not in scripts and file.is_file())
    return found | {name: "left over" for name in others if MARK in (_read(folder / name) or "")}


def write(folder: Path, scripts: Mapping[str, str]) -> dict[str, State]:
    """Write what is not there as rendered, and return how the files stood before; other files are left alone."""
    before = states(folder, scripts)
    with faults(f"cannot write to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, state in before.items():
            if state in ("new", "changed"):
                (folder / name).write_text(scripts[name], encoding="utf-8", newline="\n")
    return before


def drift(folder: Path, scripts: Mapping[str, str]) -> str:
    """Return what would have to change for a folder to hold the scripts, as a unified diff; empty if nothing."""
    return "".join(_drift(folder, scripts))


def _drift(folder: Path, scripts: Mapping[str, str]) -> Iterator[str]:
    for name, state in states(folder, scripts).items():
        if state != "same":
            there = (_read(folder / name) or "").splitlines(keepends=True)
            wanted = scripts.get(name, "").splitlines(keepends=True)
            file = (folder / name).as_posix()
            old, new = ("/dev/null" if state == "new" else file), ("/dev/null" if state == "left over" else "rendered")
            yield from difflib.unified_diff(there, wanted, old, new)


def _read(file: Path) -> str | None:
    with faults(f"cannot read {file}"):
        try:
            return file.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return None
