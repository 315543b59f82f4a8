"""The SQL files: a stage for every table that is made, an audit for every promise that is kept, facts for the audits.

A zone's SQL knows nothing of files: it names its inputs as plain tables. What it reads is read from the SQL
itself, so a dependency is never declared a second time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stedi.contracts import TABLES

__all__ = ["AUDITS", "FACTS", "LEFT", "LEFT_OUT_OF", "PARAMETERS", "RUN_PARAMETERS", "STAGES", "SqlFile", "inputs_of"]

_HERE = Path(__file__).parent

RUN_PARAMETERS = "run_parameters"
"""The relation of one row that holds what is given to a run; it is no table of the lake and written nowhere."""

PARAMETERS = {"pseudonym_key": "VARCHAR", "clock_skew_ms": "BIGINT"}
"""The columns of that relation."""

LEFT = "_left"
"""`<table>_left` is what a stage found and then left out, while it is being made; a fact may count it."""

LEFT_OUT_OF = "left_out_of_"
"""The fact of this name and a table's says why what a build could have taken into the table is not there."""

_COMMENT = re.compile("--.*")
_LAST = "\n)\n\nselect\n"
_READ = re.compile(r"\b(?:from|join) (\w+)\b(?![.(])")
_ALIAS = re.compile(rf"\b(?:from|join) {RUN_PARAMETERS} as (\w+)\b")
_CTE = re.compile(r"\b(\w+) as \(")


@dataclass(frozen=True)
class SqlFile:
    """One SQL file of the product: its name is the table it makes or the audit it is."""

    name: str
    path: Path

    @cached_property
    def sql(self) -> str:
        """The text of the file, one statement."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The tables it reads, sorted."""
        return tuple(sorted(inputs_of(self.sql)))

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The columns of run_parameters it reads."""
        text = _COMMENT.sub("", self.sql)
        read = {f"{alias}.{name}" for alias in _ALIAS.findall(text) for name in PARAMETERS}
        return tuple(name for name in PARAMETERS if any(f.endswith(f".{name}") and f in text for f in read))

    @cached_property
    def depends_on(self) -> tuple[str, ...]:
        """What it is made from: the tables it reads, and the parameters."""
        return (*(name for name in self.inputs if name != RUN_PARAMETERS), *self.parameters)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @cached_property
    def in_steps(self) -> tuple[str, str, str] | None:
        """The query in three steps, None where nothing counts what it leaves out.

        The first gives the rows of its last CTE, `found`; from these, as the table `found`, the second gives the rows
        of the query and the third those that do not stay.
        """
        fact = FACTS.get(f"{LEFT_OUT_OF}{self.name}")
        if fact is None or f"{self.name}{LEFT}" not in fact.inputs:
            return None
        before, _, last = self.sql.rpartition(_LAST)
        return f"{before}\n)\n\nfrom found", f"select\n{last}", "from found as f where not f.stays"

    @cached_property
    def title(self) -> str:
        """The first header line without the name: what the table or audit is, in one sentence."""
        return self.sql.splitlines()[0].removeprefix("--").partition(":")[2].strip().rstrip(".")


def inputs_of(sql: str) -> frozenset[str]:
    """Return the tables one of the SQL files reads: what stands after `from` and `join`, without its own CTEs.

    This is enough for SQL in the form of this product, and needs no parser at start-up; a test holds it against what
    DuckDB's parser finds.
    """
    text = _COMMENT.sub("", sql)
    return frozenset(_READ.findall(text)) - frozenset(_CTE.findall(text))


def _load(folder: Path) -> Mapping[str, SqlFile]:
    return {path.stem: SqlFile(path.stem, path) for path in sorted(folder.glob("*.sql"))}


STAGES: Mapping[str, SqlFile] = {
    name: SqlFile(name, _HERE / "zones" / contract.zone / f"{name}.sql")
    for name, contract in TABLES.items()
    if contract.zone != "landing"
}
AUDITS: Mapping[str, SqlFile] = _load(_HERE / "audits")
FACTS: Mapping[str, SqlFile] = _load(_HERE / "audits" / "facts")
