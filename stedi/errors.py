"""What can go wrong, and the exit code each kind of it ends with.

Exit codes are the contract: 0 done, 1 a check failed, 2 wrong usage or environment, 130 interrupted.
A message says which object, what is wrong and what to do next; the command line prints it in one place.
"""

from __future__ import annotations

from typing import ClassVar

from stedi.masking import mask_path

__all__ = [
    "AuditFailed",
    "CheckFailed",
    "EnvironmentFault",
    "LakeBusy",
    "Refused",
    "RunsFailed",
    "StediError",
    "UsageError",
    "VerifyFailed",
]


class StediError(Exception):
    """Base of every foreseeable error: `message` says what is wrong, `fix` what to do next.

    Neither shows anything like an email, which the name of a file or an argument may hold.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, fix: str = "") -> None:
        self.message = mask_path(message)
        self.fix = mask_path(fix)
        super().__init__(self.message)
        if fix:
            self.add_note(f"Fix: {self.fix}")


class UsageError(StediError):
    """The command or call is wrong: exit 2."""


class EnvironmentFault(StediError):
    """A file, folder, disk or setting is not as a run needs it: exit 2."""


class LakeBusy(EnvironmentFault):
    """Another process holds the lake's lock: exit 2. `holder` says who."""

    def __init__(self, message: str, *, holder: str, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.holder = holder


class CheckFailed(StediError):
    """A check of the data failed, nothing was published: exit 1."""

    exit_code = 1


class AuditFailed(CheckFailed):
    """Audits found violations. `violations` maps an audit to its masked lines."""

    def __init__(self, message: str, *, violations: dict[str, list[str]], fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.violations = violations


class Refused(CheckFailed):
    """What was asked for must not be done, so nothing was. `problems` names every reason."""

    def __init__(self, message: str, *, problems: list[str], fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.problems = problems


class RunsFailed(CheckFailed):
    """Jobs did not succeed. `problems` says which, and what is known of each."""

    def __init__(self, message: str, *, problems: list[str], fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.problems = problems


class VerifyFailed(CheckFailed):
    """A published lake is not what its manifest says. `problems` names all of them."""

    def __init__(self, message: str, *, problems: list[str], fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.problems = problems
