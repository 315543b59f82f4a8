"""A customer with marked values, in landing data of every kind, and a search that finds a value wherever it stands."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]

__all__ = [
    "ADA",
    "BOB",
    "START",
    "People",
    "content_of",
    "distances",
    "of",
    "readings",
    "snapshot",
    "traces",
    "write_people",
]

Record = dict[str, object]

START = 1655400000000

ADA: Record = {
    "customerName": "Ada Quillfeather",
    "email": "Ada.Quillfeather@example.com",
    "phone": "2025550142",
    "birthDay": "0967-03-19",
    "serialNumber": "device-of-ada",
    "registrationDate": START - 9000,
    "lastUpdateDate": START - 8000,
    "shareWithResearchAsOfDate": START - 8000,
}
BOB: Record = {
    "customerName": "Bob Nettlesworth",
    "email": "Bob.Nettlesworth@example.com",
    "phone": "3035550199",
    "birthDay": "1971-11-02",
    "serialNumber": "device-of-bob",
    "registrationDate": START - 9000,
    "lastUpdateDate": START - 8000,
    "shareWithResearchAsOfDate": START - 8000,
}
EVE: Record = BOB | {
    "customerName": "Eve Marchbanks",
    "email": "Eve.Marchbanks@example.com",
    "phone": "4045550177",
    "birthDay": "1802-05-06",
    "serialNumber": "device-of-eve",
}


@dataclass
class People:
    """Landing data of Ada, Bob and Eve in files of every kind, and which lines of them are Ada's."""

    landing: Path
    theirs: list[bytes] = field(default_factory=list)
    others: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def values(self) -> list[str]:
        """What may stand nowhere once Ada is forgotten."""
        return [str(ADA[key]) for key in ("customerName", "email", "phone", "birthDay", "serialNumber")]

    def add(
        self, feed: str, name: str, lines: Iterable[tuple[bytes, bool]], *, end: bytes = b"\n", start: bytes = b""
    ) -> Path:
        """Write a landing file of lines, each with whether it is Ada's; packed where its name says so."""
        lines = list(lines)
        file = self.landing / feed / "landing" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        data = start + b"".join(line + end for line, _ in lines)
        file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        self.theirs += [line for line, is_theirs in lines if is_theirs]
        kept = b"".join(line + end for line, is_theirs in lines if not is_theirs)
        # the mark of the byte order goes with the first line
        path = file.relative_to(self.landing).as_posix()
        self.others[path] = [start + kept if not (lines and lines[0][1]) else kept]
        return file

    def content(self, path: str) -> bytes:
        """Return what is to be left of a file."""
        return b"".join(self.others[path])

    def assert_only_theirs_went(self) -> None:
        """See that each landing file holds all lines but Ada's, byte for byte."""
        for path in self.others:
            assert content_of(self.landing / path) == self.content(path), path

    def assert_whole(self, before: dict[str, bytes]) -> None:
        """See that nothing of a landing file was lost but lines of Ada: each is as it was, or as it is to be."""
        for path in self.others:
            found = (self.landing / path).read_bytes()
            assert found == before[path] or content_of(self.landing / path) == self.content(path), path


def of(person: Record) -> tuple[bytes, bool]:
    return json.dumps(person).encode(), person["email"] == ADA["email"]


def readings(person: Record, first: int, count: int = 8, **other: object) -> list[tuple[bytes, bool]]:
    lines = [
        {"user": person["email"], "timestamp": at, "x": 1.5, "y": -0.25, "z": 0.5} | other
        for at in range(first, first + count)
    ]
    return [(json.dumps(line).encode(), person is ADA) for line in lines]


def distances(person: Record, first: int, count: int = 8) -> list[tuple[bytes, bool]]:
    serial = person["serialNumber"]
    lines = [
        {"sensorReadingTime": at, "serialNumber": serial, "distanceFromObject": 9} for at in range(first, first + count)
    ]
    return [(json.dumps(line).encode(), person is ADA) for line in lines]


def write_people(landing: Path) -> People:
    """Write landing data in which Ada's lines stand in every way that a line may be written."""
    people = People(landing)
    name, email, phone = (str(ADA[key]) for key in ("customerName", "email", "phone"))
    people.add("customer", "customers.json", [of(ADA), of(BOB), of(EVE)])
    shouting = {**ADA, "email": f"  {email.upper()}\u200b ", "lastUpdateDate": START - 7000}
    escaped = json.dumps(ADA).replace("@", r"\u0040")
    reordered = json.dumps(dict(reversed(ADA.items())))
    people.add(
        "customer",
        "deep/other ways.json",
        [
            (json.dumps(shouting).encode(), True),
            (b"", False),
            (escaped.encode(), True),
            (reordered.encode(), True),
            (b"   \t", False),
            (json.dumps({**BOB, "lastUpdateDate": START - 6000}).encode(), False),
        ],
        end=b"\r\n",
        start=b"\xef\xbb\xbf",
    )
    one = json.dumps(ADA)
    people.add(
        "customer",
        "bad.json",
        [
            (b"no json", False),
            (one[:60].encode(), True),
            ((one + one).encode(), True),
            (one.replace('"phone": "', '"phone": ').encode(), True),
            (one.encode().replace(b"Ada Quill", b"Ada \xff Quill"), True),
            (email.encode(), True),
            (f"moved: {phone}".encode(), True),
            (f'{{"note": "{name} called, {email.lower()}."'.encode(), True),
        ],
    )
    people.add(
        "accelerometer",
        "day one.json",
        [*readings(BOB, START), *readings(ADA, START + 100), *readings(EVE, START + 200)],
    )
    people.add("accelerometer", "day two.json.gz", [*readings(ADA, START + 300), *readings(BOB, START + 400)])
    people.add(
        "accelerometer",
        "bad.jsonl",
        [
            (json.dumps({"user": email}).encode(), True),
            (f"{{'user': '{email}'}}".encode(), True),
            (json.dumps({"user": BOB["email"]}).encode(), False),
            *readings(ADA, START + 500, 1, user=email.swapcase()),
        ],
    )
    people.add("accelerometer", "hers alone.json", readings(ADA, START + 600))
    people.add(
        "step_trainer", "s.json", [*distances(BOB, START), *distances(ADA, START + 100), *distances(EVE, START + 200)]
    )
    people.add("step_trainer", "t.jsonl.gz", [*distances(ADA, START + 300), *distances(BOB, START + 400)])
    people.add(
        "step_trainer",
        "bad.json",
        [(b'{"serialNumber": "device-of-ada"', True), (b'{"serialNumber": "device-of-bob"', False)],
    )
    return people


def content_of(file: Path) -> bytes:
    """Return what a file holds, unpacked."""
    return gzip.decompress(file.read_bytes()) if file.name.endswith(".gz") else file.read_bytes()


def snapshot(*folders: Path) -> dict[str, tuple[int, bytes]]:
    """Return every file of some folders with its content and what shows that it was written anew."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}


def traces(values: Sequence[str], *folders: Path) -> list[str]:
    """Return where a value stands, in whatever case: in names, in bytes as they are, unpacked, or read as Parquet."""
    found = []
    for file in (file for folder in folders for file in folder.rglob("*")):
        texts = [file.name, *(_texts(file) if file.is_file() else ())]
        lowered = "\n".join(texts).lower()
        found += [f"{file}: {value}" for value in values if value.lower() in lowered]
    return found


def _texts(file: Path) -> Iterator[str]:
    data = file.read_bytes()
    yield data.decode("latin-1")
    yield json_unescaped(data)
    if data[:2] == b"\x1f\x8b":
        unpacked = gzip.decompress(data)
        yield unpacked.decode("latin-1")
        yield json_unescaped(unpacked)
    if data[:4] == b"PAR1":
        with pq.ParquetFile(file) as parquet:
            for row in parquet.read().to_pylist():
                yield from (v.decode("latin-1") if isinstance(v, bytes) else str(v) for v in row.values())


def json_unescaped(data: bytes) -> str:
    return data.decode("latin-1").replace(r"\u0040", "@")
