"""An audit under way: the lake, its landing data, the files of both, and the certificate that is written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stedi.engine import Engine
from stedi.errors import EnvironmentFault
from stedi.lake import Lake
from stedi.landing import Landed
from stedi.privacy.certificate import Certificate, Check, CoveredFile
from stedi.privacy.consents import Consents
from stedi.privacy.values import Values
from stedi.storage import Entry, Storage, faults

__all__ = ["CHECKED_IN_SQL", "CHECKS", "TRAINING", "Audit", "literal", "see_file", "unreadable"]

CHECKS: Mapping[str, str] = {
    "consent": "every trusted and curated row is of a customer who agrees to research",
    "landed": "every trusted and curated row landed under the name it has",
    "owners": "no device of device_owners matches the phone of somebody who did not agree as well as its owner's",
    "training": "every training row is of one customer who agrees, and not from before the consent",
    "pseudonyms": "customers and devices of training_curated are known by a keyed hash only",
    "columns": "tables have their columns, and no other ones",
    "values": "no personal value stands in training_curated, in metadata, in what builds say of themselves, in reports",
}
"""The checks in their order, and what each holds."""

CHECKED_IN_SQL = ("consent", "landed", "owners", "training", "pseudonyms")
"""The checks that are SQL files: every row of them is a violation."""

TRAINING = "training_curated"


@dataclass(slots=True)
class Audit:
    """An audit under way: a lake and its landing data, the files of both, and what is known so far."""

    lake: Lake
    landing: Storage
    certificate: Certificate
    values: Values = field(default_factory=Values)
    consents: Consents = field(default_factory=Consents)
    tables: dict[str, list[Entry]] = field(default_factory=dict)
    others: list[tuple[str, Entry]] = field(default_factory=list)
    landed: dict[str, Landed] = field(default_factory=dict)
    local: dict[str, Path] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        return self.lake.engine

    def check(self, name: str) -> Check:
        """Return the check of that name, added to the certificate the first time."""
        for check in self.certificate.checks:
            if check.name == name:
                return check
        self.certificate.checks.append(Check(name, CHECKS[name]))
        return self.certificate.checks[-1]

    def cover(self, place: str, path: str, file: Path) -> None:
        """Put a file into the certificate, with its hash."""
        with faults(path), file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = os.fstat(stream.fileno()).st_size
        self.certificate.files.append(CoveredFile(place, path, size, digest))


def literal(text: str) -> str:
    """Return a text as DuckDB reads it in a statement."""
    return "'" + text.replace("'", "''") + "'"


def see_file(path: str, *, is_file: bool) -> None:
    """Raise EnvironmentFault for a pipe, which cannot be read twice, for a link that leads nowhere, or the like."""
    if not is_file:
        raise EnvironmentFault(
            f"{path}: is no file but a pipe or the like, so what it holds is not known",
            fix="put what it holds into a file, or move it away",
        )


def unreadable(path: str) -> EnvironmentFault:
    """Return the error for a Parquet file of which the footer can be read, but not all rows."""
    return EnvironmentFault(
        f"{path}: cannot be read as Parquet to its end, so what it holds is not known",
        fix="put a whole file in its place, or move it away; `stedi build --force` makes tables again",
    )
