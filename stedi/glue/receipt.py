"""The receipt of a parity run: which job scripts, byte for byte, gave the same tables as DuckDB, on which Glue.

`stedi parity run` writes it, `stedi glue release` asks it whether the scripts may go to AWS. It holds names, hashes and
verdicts; no data.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stedi.contracts import TABLES
from stedi.errors import EnvironmentFault, UsageError
from stedi.storage import faults

__all__ = ["FORMAT", "SAME", "Receipt", "digests"]

FORMAT = 1
SAME = "same"
"""The verdict of a run, and of a table, without a difference."""

_LARGEST = 1_000_000
_AGAIN = "`stedi parity run --report DIR` writes DIR/receipt.json for the scripts as they are now"


def digests(scripts: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of each script, in hex: scripts are known by it everywhere."""
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(scripts.items())}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a parity run found.

    `glue` lists the Glue versions it ran as, `scripts` maps a script's name to its SHA-256 (see `digests`), `tables` a
    table to its verdict, `versions` a component to its version; `finished` is a time in ISO 8601.
    """

    verdict: str
    glue: tuple[str, ...]
    scripts: Mapping[str, str]
    tables: Mapping[str, str]
    versions: Mapping[str, str]
    finished: str

    def dump(self) -> str:
        """Return the receipt as JSON, indented for people."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Receipt:
        """Read a receipt. EnvironmentFault where the file cannot be read, UsageError where it is no receipt."""
        if not Path(path).exists():
            raise EnvironmentFault(f"{os.fspath(path)}: there is no such receipt", fix=_AGAIN)
        with faults(f"cannot read {os.fspath(path)}"), Path(path).open("rb") as file:
            data = file.read(_LARGEST)
        try:
            return _parse(json.loads(data))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{os.fspath(path)}: is not a parity receipt that this version can read", fix=_AGAIN
            ) from error

    def covers(self, scripts: Mapping[str, str], glue: str) -> bool:
        """Return whether these scripts (name -> text) and no others were found the same on this Glue version."""
        return not self.gaps(scripts, glue)

    def gaps(self, scripts: Mapping[str, str], glue: str) -> list[str]:
        """Return why this receipt does not cover these scripts, one reason an entry; nothing: it does."""
        found = [] if self.verdict == SAME else [f"its verdict is {self.verdict}, not {SAME}"]
        if glue not in self.glue:
            found.append(f"it is of Glue {', '.join(self.glue) or 'none'}, not {glue}")
        now = digests(scripts)
        found += [f"{name}: was not part of the run" for name in now if name not in self.scripts]
        found += [f"{name}: has changed since" for name in now if self.scripts.get(name, now[name]) != now[name]]
        found += [f"{name}: was part of the run and is no script now" for name in sorted(self.scripts.keys() - now)]
        made = {f"{table.glue_job}.py": table.name for table in TABLES.values() if table.glue_job}
        for name in now:
            table = made.get(name)
            if table is not None and self.tables.get(table) != SAME:
                verdict = self.tables.get(table)
                found.append(f"{table}: {f'its verdict is {verdict}' if verdict else 'was not compared'}")
        return found


def _parse(raw: dict[str, Any]) -> Receipt:
    if raw.pop("format") != FORMAT:
        raise ValueError("another format")
    glue = raw.pop("glue")
    if not isinstance(glue, list):
        raise TypeError("glue")
    receipt = Receipt(glue=tuple(glue), **raw)
    maps = (receipt.scripts, receipt.tables, receipt.versions)
    texts: list[object] = [receipt.verdict, receipt.finished, *receipt.glue]
    texts += [text for found in maps for pair in found.items() for text in pair]
    # they are shown on a terminal
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise TypeError("a text")
    return receipt
