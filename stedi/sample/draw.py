"""Seeded draws that give the same values on every Python version and platform.

`random.Random` promises stable results for `random()` and `getrandbits()` only; `shuffle`, `choice` and
`randint` have changed before. So everything here is derived from those two.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from random import Random
from typing import TypeVar

__all__ = ["Stream", "below", "chance", "shuffled", "spread", "stream"]

T = TypeVar("T")


class Stream(IntEnum):
    """The independent sequences of draws that one seed stands for."""

    CELL = 0
    SERIALS = 1
    DIRT = 2
    KINDS = 3


def stream(seed: int, *parts: int) -> Random:
    """Return the generator of one purpose: same seed and parts, same draws.

    The seed counts modulo 2**64; each part is in 0..2**32-1.
    """
    # Random(-1) equals Random(1): the sign is folded in here, so that each seed has its own draws.
    number = seed % 2**64
    for part in parts:
        number = number << 32 | part
    return Random(number)  # noqa: S311 - sample data, nothing secret


def below(rng: Random, limit: int) -> int:
    """Draw an integer in 0..limit-1; `limit` at least 1 and far below 2**53."""
    return int(rng.random() * limit)


def chance(rng: Random, percent: int) -> bool:
    """Draw True in `percent` of a hundred cases."""
    return below(rng, 100) < percent


def shuffled(rng: Random, items: Iterable[T]) -> list[T]:
    """Return the items in a drawn order."""
    deck = list(items)
    for last in range(len(deck) - 1, 0, -1):
        other = below(rng, last + 1)
        deck[last], deck[other] = deck[other], deck[last]
    return deck


def spread(rng: Random, count: int, total: int, low: int, high: int) -> list[int]:
    """Draw `count` integers in low..high that add up to exactly `total`.

    Raises ValueError where no such integers exist.
    """
    if not count * low <= total <= count * high:
        message = f"{count} integers in {low}..{high} cannot add up to {total}"
        raise ValueError(message)
    values = [low + below(rng, high - low + 1) for _ in range(count)]
    missing = total - sum(values)
    step = 1 if missing > 0 else -1
    while missing:
        at = below(rng, count)
        if low <= values[at] + step <= high:
            values[at] += step
            missing -= step
    return values
