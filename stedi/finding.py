"""What `stedi doctor` finds, one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding"]

State = Literal["ok", "missing", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it stands, what was found, what to do. Optional things may be missing."""

    what: str
    state: State
    found: str
    fix: str = ""
    required: bool = True

    @property
    def wrong(self) -> bool:
        """Whether something that is required is not as it must be."""
        return self.required and self.state != "ok"
