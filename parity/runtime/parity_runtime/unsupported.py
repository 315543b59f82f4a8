"""The error of a call that a job may make on Glue and cannot make here."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["UnsupportedGlueCallError", "unsupported"]


class UnsupportedGlueCallError(NotImplementedError):
    """A part of Glue that the parity runtime does not have: `call` names it, `advice` says what to do."""

    def __init__(self, call: str, advice: str) -> None:
        super().__init__(f"{call} is not supported by the parity runtime: {advice}")
        self.call = call
        self.advice = advice


def unsupported(call: str, advice: str) -> NoReturn:
    """Raise UnsupportedGlueCallError."""
    raise UnsupportedGlueCallError(call, advice)
