"""The files of a sample as streams of bytes, wherever they are going to be written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from stedi.contracts import FEEDS
from stedi.errors import UsageError
from stedi.sample.cell import Cell, expected_counts, make_cell
from stedi.sample.lines import AccelerometerLines, CustomerLines, Lines, StepTrainerLines, email, serials
from stedi.sample.spoil import Spoiler

__all__ = ["DEFAULT_SEED", "MOST_DIRTY", "Chunk", "Sample", "SampleFile"]

DEFAULT_SEED = 30
MOST_DIRTY = 0.5


class _Split(NamedTuple):
    """How a feed is cut into files: how many at least, and the cells one may hold (64 to 90 MB)."""

    least_files: int
    cells: int


_SPLITS = {"customer": _Split(1, 200), "accelerometer": _Split(3, 10), "step_trainer": _Split(2, 25)}


class Chunk(NamedTuple):
    """Some bytes of a file, and the feed's lines in them (0 in the JSON documents at the root)."""

    data: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file: posix path under the target, the feed it belongs to (None: beside the data), its bytes.

    `chunks` is read once; a chunk holds at most one cell: 7 MB. Files may be read in any order, also
    side by side.
    """

    path: str
    feed: str | None
    chunks: Iterator[Chunk]


class Sample:
    """What a sample holds, told by its four settings alone; nothing is rendered before it is read."""

    def __init__(
        self, *, scale: int = 1, seed: int = DEFAULT_SEED, serial_defect: bool = False, dirty: float = 0.0
    ) -> None:
        """Check the settings and build the cell; raises UsageError for a setting out of its range."""
        if scale < 1:
            raise UsageError(f"the scale is {scale}", fix="give a scale of 1 or more")
        if not 0 <= dirty <= MOST_DIRTY:
            raise UsageError(f"the dirty share is {dirty}", fix=f"give a share from 0 to {MOST_DIRTY}")
        self._scale = scale
        self._seed = seed
        self._serial_defect = serial_defect
        self._cell: Cell = make_cell(seed)
        self._lines: dict[str, Lines] = {
            "customer": CustomerLines(self._cell, seed, serial_defect=serial_defect),
            "accelerometer": AccelerometerLines(self._cell),
            "step_trainer": StepTrainerLines(self._cell, seed),
        }
        self._spoilers = {t.feed: Spoiler(t, seed, dirty, self._lines[t.feed].rows, scale) for t in FEEDS if dirty > 0}

    @property
    def rows(self) -> dict[str, int]:
        """Lines of each feed, good and bad."""
        return {t.feed: self._scale * self._lines[t.feed].rows for t in FEEDS}

    @property
    def quarantined(self) -> dict[str, dict[str, int]]:
        """Bad lines of each feed by the reason the reading rule gives; empty unless dirty."""
        return {feed: spoiler.reasons() for feed, spoiler in self._spoilers.items()}

    @property
    def expected(self) -> dict[str, int]:
        """Rows a build must give by table: all ten, but of a dirty sample only the landing tables."""
        counts = expected_counts(self._cell, self._scale, serial_defect=self._serial_defect)
        if not self._spoilers:
            return counts
        return {t.name: counts[t.name] - self._spoilers[t.feed].total for t in FEEDS}

    def files(self) -> Iterator[SampleFile]:
        """Yield every file: the feeds in order of the contracts, then the documents at the root."""
        for table in FEEDS:
            feed = table.feed
            split = _SPLITS[feed]
            lines = self._lines[feed].rows * self._scale
            count = max(split.least_files, -(-self._scale // split.cells))
            for i in range(count):
                chunks = self._chunks(feed, i * lines // count, (i + 1) * lines // count)
                yield SampleFile(f"{table.prefix}{feed}-{i:04d}.json", feed, chunks)
        if self._serial_defect:
            yield SampleFile("truth.json", None, self._truth())
        if self._spoilers:
            good = {t.feed: self.expected[t.name] for t in FEEDS}
            found = {feed: {"rows": good[feed], "quarantined": n} for feed, n in self.quarantined.items()}
            yield SampleFile("dirty.json", None, _document(found))
        yield SampleFile("expected.json", None, _document(self.expected))

    def _chunks(self, feed: str, start: int, stop: int) -> Iterator[Chunk]:
        """Yield lines start..stop-1 of a feed, counted through all cells, a cell at a time."""
        lines = self._lines[feed]
        spoiler = self._spoilers.get(feed)
        while start < stop:
            number, first = divmod(start, lines.rows)
            last = min(lines.rows, first + stop - start)
            data = lines.render(number, first, last)
            if spoiler:
                data = spoiler.spoil(data, number, first)
            yield Chunk(data, last - first)
            start += last - first

    def _truth(self) -> Iterator[Chunk]:
        """Yield the document that says whose each device is, an entry a line, a cell at a time."""
        before = "{\n"
        for number in range(self._scale):
            owned = serials(self._seed, number, len(self._cell.people))
            entries = (
                f'"{serial}": "{email(person.first, person.last, number)}"'
                for serial, person in zip(owned, self._cell.people, strict=True)
            )
            yield Chunk((before + ",\n".join(entries)).encode("ascii"), 0)
            before = ",\n"
        yield Chunk(b"\n}\n", 0)


def _document(content: object) -> Iterator[Chunk]:
    yield Chunk((json.dumps(content, indent=2) + "\n").encode("ascii"), 0)
