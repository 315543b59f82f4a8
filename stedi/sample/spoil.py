"""Which lines of a feed a dirty sample spoils, and how: decided by arithmetic, so it streams at any scale."""

from __future__ import annotations

from collections import Counter

from stedi.contracts import FEEDS, Table
from stedi.sample.dirt import TOO_LONG, TRUNCATED, Kind, kinds
from stedi.sample.draw import Stream, below, shuffled, stream

__all__ = ["Spoiler"]

MOST_TOO_LONG = 2  # over-long lines in a feed: each is a megabyte


class Spoiler:
    """The bad lines of one feed: `total` of `rows * scale`, evenly spread, all kinds in turn.

    The bad lines are numbered from 0 in the order they are written. Number j has the kind j modulo the
    kinds, in a drawn order that shows every reason once before any reason comes again. The last bad line
    is the feed's last line, truncated and without a newline, as an interrupted upload leaves it.
    """

    def __init__(self, table: Table, seed: int, rate: float, rows: int, scale: int) -> None:
        """Plan for `scale` cells of `rows` lines; `rate` in 0..0.5, above 0 means at least one bad line."""
        self._feed = FEEDS.index(table)
        self._seed = seed
        self._rows = rows
        self._scale = scale
        self.total = max(1, round(rate * rows * scale)) if rate > 0 else 0
        self._kinds = _in_turn(table, seed)

    def reasons(self) -> dict[str, int]:
        """Return how many bad lines the feed holds for each reason."""
        found: Counter[str] = Counter()
        rounds, rest = divmod(self.total, len(self._kinds))
        for at, kind in enumerate(self._kinds):
            lines = rounds + (at < rest)
            if kind.reason == TOO_LONG and lines > MOST_TOO_LONG:
                found[TRUNCATED.reason] += lines - MOST_TOO_LONG
                lines = MOST_TOO_LONG
            found[kind.reason] += lines
        if self.total:
            found[self._kind_in_turn(self.total - 1).reason] -= 1
            found[TRUNCATED.reason] += 1
        return {reason: lines for reason, lines in sorted(found.items()) if lines}

    def spoil(self, data: bytes, number: int, start: int) -> bytes:
        """Return the lines of cell `number` from line `start` on with the chosen ones made bad."""
        lines = data.split(b"\n")  # ends with an empty piece: the last line has its newline
        stop = start + len(lines) - 1
        for at, j in self._chosen(number).items():
            if start <= at < stop:
                lines[at - start] = self._kind(j).spoil(lines[at - start])
        if number == self._scale - 1 and stop == self._rows and self.total:
            lines.pop()
        return b"\n".join(lines)

    def _chosen(self, number: int) -> dict[int, int]:
        """Return the lines of a cell that are bad: place in the cell -> number of the bad line."""
        first = self.total * number // self._scale
        count = self.total * (number + 1) // self._scale - first
        rng = stream(self._seed, Stream.DIRT, self._feed, number)
        bad = {}
        for i in range(count):
            low, high = i * self._rows // count, (i + 1) * self._rows // count
            is_last = first + i == self.total - 1
            bad[self._rows - 1 if is_last else low + below(rng, high - low)] = first + i
        return bad

    def _kind(self, j: int) -> Kind:
        return TRUNCATED if j == self.total - 1 else self._kind_in_turn(j)

    def _kind_in_turn(self, j: int) -> Kind:
        rounds, at = divmod(j, len(self._kinds))
        kind = self._kinds[at]
        return TRUNCATED if kind.reason == TOO_LONG and rounds >= MOST_TOO_LONG else kind


def _in_turn(table: Table, seed: int) -> list[Kind]:
    """Return the kinds of a feed in drawn order: first one of each reason, then a second of each, ..."""
    rng = stream(seed, Stream.KINDS, FEEDS.index(table))
    seen: Counter[str] = Counter()
    ranked = []
    for kind in shuffled(rng, kinds(table)):
        ranked.append((seen[kind.reason], kind))
        seen[kind.reason] += 1
    return [kind for _, kind in sorted(ranked, key=lambda pair: pair[0])]
