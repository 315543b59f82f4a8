"""The lines of each feed, rendered a cell at a time.

Cell k is the calibrated cell with other identities (a number in the email, other serials) and all times
later by k spans. Readings keep their last eight digits then, so everything that changes from cell to cell
is a few strings: a cell is one `bytes.join` over pieces made once, which is what makes 110 million lines
a matter of a minute.
"""

from __future__ import annotations

from itertools import product
from typing import Protocol

from stedi.sample.cell import CELL_SPAN_MS, DEFECT_SERIALS, Cell, defect_serial
from stedi.sample.draw import Stream, stream

__all__ = ["AccelerometerLines", "CustomerLines", "Lines", "StepTrainerLines", "email", "serials"]

FIRST_SPAN = 16_555  # cell 0 starts at 16,555 * 10^8 ms: 2022-06-17T21:06:40Z
OFFSET_DIGITS = 8
AXES = ("-1.0", "0.0", "1.0")


class Lines(Protocol):
    """The lines of one feed."""

    rows: int
    """Lines in each cell."""

    def render(self, number: int, start: int, stop: int) -> bytes:
        """Return lines start..stop-1 of cell `number`, each with its newline; start < stop."""
        ...


def email(first: str, last: str, number: int) -> str:
    """Return the address of a customer in cell `number`."""
    return f"{first}.{last}{_address(number)}"


def serials(seed: int, number: int, count: int) -> list[str]:
    """Return the serials of the devices of cell `number`: random UUIDs, told by seed and cell.

    122 random bits each: two alike among a billion have odds of one in 10^19.
    """
    text = f"{stream(seed, Stream.SERIALS, number).getrandbits(128 * count):0{32 * count}x}"
    return [
        f"{text[i : i + 8]}-{text[i + 8 : i + 12]}-4{text[i + 13 : i + 16]}"
        f"-{'89ab'[int(text[i + 16], 16) & 3]}{text[i + 17 : i + 20]}-{text[i + 20 : i + 32]}"
        for i in range(0, 32 * count, 32)
    ]


class CustomerLines:
    """The customer records: a line a person."""

    def __init__(self, cell: Cell, seed: int, *, serial_defect: bool) -> None:
        self.rows = len(cell.people)
        self._people = cell.people
        self._seed = seed
        self._defect = serial_defect

    def render(self, number: int, start: int, stop: int) -> bytes:
        origin = (FIRST_SPAN + number) * CELL_SPAN_MS
        tag = f" {number}" if number else ""
        address = _address(number)
        if self._defect:
            reused = serials(self._seed, 0, self.rows)[:DEFECT_SERIALS]
            carried = [reused[defect_serial(i)] for i in range(self.rows)]
        else:
            carried = serials(self._seed, number, self.rows)
        lines = []
        for p, serial in zip(self._people[start:stop], carried[start:stop], strict=True):
            research = "" if p.research is None else f', "shareWithResearchAsOfDate": {origin + p.research}'
            public = "" if p.public is None else f', "shareWithPublicAsOfDate": {origin + p.public}'
            friends = "" if p.friends is None else f', "shareWithFriendsAsOfDate": {origin + p.friends}'
            lines.append(
                f'{{"customerName": "{p.first} {p.last}{tag}", "email": "{p.first}.{p.last}{address}"'
                f', "phone": "{p.phone}", "birthDay": "{p.birth_day}", "serialNumber": "{serial}"'
                f', "registrationDate": {origin + p.registered}, "lastUpdateDate": {origin + p.updated}'
                f"{research}{public}{friends}}}\n"
            )
        return "".join(lines).encode("ascii")


class AccelerometerLines:
    """The phone readings."""

    def __init__(self, cell: Cell) -> None:
        self.rows = len(cell.phone_lines)
        users = [f'{{"user":"{p.first}.{p.last}'.encode("ascii") for p in cell.people]
        values = [f',"x":{x},"y":{y},"z":{z}}}\n' for x, y, z in product(AXES, repeat=3)]
        self._heads = [users[who] for who, _, _ in cell.phone_lines]
        self._tails = [f"{t:0{OFFSET_DIGITS}d}{values[xyz]}".encode("ascii") for _, t, xyz in cell.phone_lines]
        # From the time of one line to the user of the next: between two pieces a cell has one constant.
        self._pieces = [tail + head for tail, head in zip(self._tails, self._heads[1:], strict=False)]

    def render(self, number: int, start: int, stop: int) -> bytes:
        between = f'{_address(number)}","timestamp":{FIRST_SPAN + number}'.encode("ascii")
        return between.join([self._heads[start], *self._pieces[start : stop - 1], self._tails[stop - 1]])


class StepTrainerLines:
    """The device readings."""

    def __init__(self, cell: Cell, seed: int) -> None:
        self.rows = len(cell.device_lines)
        self._devices = len(cell.people)
        self._seed = seed
        self._times = [f'{t:0{OFFSET_DIGITS}d},"serialNumber":"'.encode("ascii") for _, t, _ in cell.device_lines]
        self._who = [who for who, _, _ in cell.device_lines]
        self._distances = [distance for _, _, distance in cell.device_lines]
        self._ends = [f'","distanceFromObject":{d}}}\n'.encode("ascii") for d in range(max(self._distances) + 1)]

    def render(self, number: int, start: int, stop: int) -> bytes:
        head = f'{{"sensorReadingTime":{FIRST_SPAN + number}'.encode("ascii")
        owned = [serial.encode("ascii") for serial in serials(self._seed, number, self._devices)]
        ends = [end + head for end in self._ends]
        parts = [b""] * (3 * (stop - start))
        parts[0::3] = self._times[start:stop]
        parts[1::3] = [owned[who] for who in self._who[start:stop]]
        parts[2::3] = [ends[distance] for distance in self._distances[start:stop]]
        parts[-1] = self._ends[self._distances[stop - 1]]
        return head + b"".join(parts)


def _address(number: int) -> str:
    """Return the end of every address of a cell."""
    return f".{number}@example.com" if number else "@example.com"
