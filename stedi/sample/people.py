"""The people of the cell: names, birth days, and dates that agree with their readings.

Times are offsets in ms from the start of the cell; a date may be negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from stedi.sample.draw import below, chance, shuffled
from stedi.sample.names import FIRST_NAMES, LAST_NAMES

__all__ = ["Person", "make_people"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
OLDEST_YEAR = 967


@dataclass(frozen=True, slots=True)
class Person:
    """One customer with device and phone; optional dates are None where not shared."""

    first: str
    last: str
    phone: str
    birth_day: str
    registered: int
    updated: int
    research: int | None
    public: int | None
    friends: int | None
    instants: tuple[int, ...]  # 30, ascending: when the device and the phone were read
    rows: tuple[int, ...]  # accelerometer rows at each of the instants, at least 1


def make_people(
    rng: Random, instants: dict[int, list[int]], rows: dict[int, tuple[int, ...]], cuts: dict[int, int]
) -> tuple[Person, ...]:
    """Make one person for each entry of `instants`, numbered from 0.

    `cuts` holds the consenting people: how many of their instants lie before the consent.
    """
    names = shuffled(rng, ((first, last) for first in FIRST_NAMES for last in LAST_NAMES))
    oldest = below(rng, len(instants))
    people = []
    for who in range(len(instants)):
        times = instants[who]
        registered = times[0] - HOUR_MS - below(rng, 60 * DAY_MS)
        research = _consent(rng, registered, times, cuts[who]) if who in cuts else None
        public = registered + below(rng, 30 * DAY_MS) if chance(rng, 40) else None
        friends = registered + below(rng, 30 * DAY_MS) if chance(rng, 50) else None
        changed = max(date for date in (registered, research, public, friends) if date is not None)
        people.append(
            Person(
                first=names[who][0],
                last=names[who][1],
                # 555-0100 to 555-0199 are set aside for fiction in every area.
                phone=f"{201 + who // 100}55501{who % 100:02d}",
                birth_day=f"{OLDEST_YEAR:04d}-01-01" if who == oldest else _birth_day(rng),
                registered=registered,
                updated=changed + (below(rng, DAY_MS) if chance(rng, 30) else 0),
                research=research,
                public=public,
                friends=friends,
                instants=tuple(times),
                rows=rows[who],
            )
        )
    return tuple(people)


def _consent(rng: Random, registered: int, times: list[int], cut: int) -> int:
    """Return a consent date with exactly `cut` of the times before it; half the cuts fall on a reading."""
    if cut == 0:
        return registered if chance(rng, 30) else registered + below(rng, times[0] - registered)
    if cut == len(times):
        return times[-1] + 1 + below(rng, DAY_MS)
    return times[cut] - (below(rng, times[cut] - times[cut - 1]) if chance(rng, 50) else 0)


def _birth_day(rng: Random) -> str:
    """Return a birth day; one in twenty in a century the old website should have refused."""
    year = OLDEST_YEAR + below(rng, 1900 - OLDEST_YEAR) if chance(rng, 5) else 1935 + below(rng, 70)
    return f"{year:04d}-{1 + below(rng, 12):02d}-{1 + below(rng, 28):02d}"
