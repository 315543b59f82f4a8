"""A number with what it counts, as people write it."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, one: str, more: str = "") -> str:
    """Return a number and its noun: `1 line`, `2,000 lines`; `more` where that is not `one` with an s."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"
