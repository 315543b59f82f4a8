"""The certificate of a privacy audit: what was looked at, file by file with hashes, and what was found.

It holds counts, hashes, names of files and masked values; nothing personal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

__all__ = ["CLEAN", "FORMAT", "VIOLATED", "Certificate", "Check", "CoveredFile"]

FORMAT = 1
CLEAN, VIOLATED = "clean", "violated"
"""The two verdicts."""


@dataclass(frozen=True, slots=True)
class CoveredFile:
    """One file that the certificate is about: path under the root of its place, bytes, SHA-256.

    `place` is landing, table, quarantine, record (what stedi writes about builds), other (of the lake) or report.
    """

    place: str
    path: str
    size: int
    sha256: str


@dataclass(slots=True)
class Check:
    """One thing that was checked: what it holds, how much of what was looked at, and the violations, masked."""

    name: str
    holds: str
    counts: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Certificate:
    """What an audit found. `started` and `finished` are times in ISO 8601, UTC."""

    lake: str
    landing: str
    build: str
    started: str
    finished: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    files: list[CoveredFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def violations(self) -> Sequence[str]:
        """Every violation, with the check that found it."""
        return [f"{check.name}: {violation}" for check in self.checks for violation in check.violations]

    @property
    def verdict(self) -> str:
        """Whether nothing was found."""
        return VIOLATED if self.violations else CLEAN

    def document(self) -> dict[str, object]:
        """Return the certificate as it is written in JSON: the verdict first, the files last."""
        found = asdict(self)
        files = found.pop("files")
        return {"format": FORMAT, "verdict": self.verdict, **found, "violations": self.violations, "files": files}
