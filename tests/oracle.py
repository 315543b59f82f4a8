"""The whole lakehouse again, in plain Python: what a build must give for a landing folder.

Written from the issue, not from the code: nothing here imports stedi, there is no regular expression of the reading
rule and no SQL. It is slow, keeps everything in memory and reads as directly as it can.

Values are compared typed. A double is kept as its hexadecimal text, so -0.0 is not 0.0 and every bit counts.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pyarrow.parquet as pq  # type: ignore[import-untyped]

Value = str | int | None
Row = tuple[Value, ...]
Bag = Counter[Row]

LONGEST = 1_000_000
BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r\v\f"

CUSTOMER = {
    "customerName": "text",
    "email": "text",
    "phone": "text",
    "birthDay": "text",
    "serialNumber": "text",
    "registrationDate": "integer",
    "lastUpdateDate": "integer",
    "shareWithResearchAsOfDate": "integer",
    "shareWithPublicAsOfDate": "integer",
    "shareWithFriendsAsOfDate": "integer",
}
ACCELEROMETER = {"user": "text", "timestamp": "integer", "x": "double", "y": "double", "z": "double"}
STEP_TRAINER = {"sensorReadingTime": "integer", "serialNumber": "text", "distanceFromObject": "integer"}

FEEDS = {"customer": CUSTOMER, "accelerometer": ACCELEROMETER, "step_trainer": STEP_TRAINER}
REQUIRED = {
    "customer": ("email", "serialNumber"),
    "accelerometer": ("user", "timestamp"),
    "step_trainer": ("sensorReadingTime", "serialNumber"),
}
MAY_BE_ABSENT_WHEN_CLEAN = {"shareWithResearchAsOfDate", "shareWithPublicAsOfDate", "shareWithFriendsAsOfDate"}

DEVICE_OWNER = {
    "serialNumber": "text",
    "owner": "text",
    "readings": "integer",
    "matched": "integer",
    "runner_up_matched": "integer",
    "confidence": "double",
    "clock_skew_ms": "integer",
}
TRAINING = {
    "customerPseudonym": "text",
    "devicePseudonym": "text",
    "sensorReadingTime": "integer",
    "distanceFromObject": "integer",
    "timestamp": "integer",
    "x": "double",
    "y": "double",
    "z": "double",
}

KEY = "the key that whoever compares with the oracle builds with"
"""Of the pseudonyms."""

CROWD = 20
MOST_AT_ONCE = 100

MADE = {
    "customer_trusted": ("customer/trusted", CUSTOMER),
    "accelerometer_trusted": ("accelerometer/trusted", ACCELEROMETER),
    "step_trainer_trusted": ("step_trainer/trusted", STEP_TRAINER),
    "customers_curated": ("customer/curated", CUSTOMER),
    "machine_learning_curated": ("machine_learning/curated", STEP_TRAINER | ACCELEROMETER),
    "device_owners": ("device_owner/curated", DEVICE_OWNER),
    "training_curated": ("training/curated", TRAINING),
}
WHO = {
    "customer_trusted": "email",
    "accelerometer_trusted": "user",
    "customers_curated": "email",
    "machine_learning_curated": "user",
    "device_owners": "owner",
}
"""The column of each table that says whose row it is; device readings carry none, training rows a pseudonym."""


# the reading rule


@dataclass(frozen=True)
class Verdict:
    """What a line is: `reason` is None for a good one, whose `row` and `unknown` keys are then given.

    `in_order` says that the keys stand as the feed writes them: all declared ones, in order, no other.
    """

    reason: str | None
    row: Row = ()
    unknown: frozenset[str] = frozenset()
    in_order: bool = False


def judge(feed: str, line: bytes) -> Verdict:
    """Say what a line without its blanks around it is."""
    if len(line.decode(errors="replace")) > LONGEST:
        return Verdict("too_long")
    pairs = flat_object(line)
    if pairs is None:
        return Verdict("not_flat_json")
    keys, spelled = [key for key, _ in pairs], dict(pairs)
    if len(spelled) < len(keys):
        return Verdict("dup_key")
    columns = FEEDS[feed]
    for key, kind in columns.items():
        if wrong := _wrong(spelled.get(key), kind, required=key in REQUIRED[feed]):
            return Verdict(f"{wrong}:{key}")
    row = tuple(value_of(kind, spelled.get(key, "null")) for key, kind in columns.items())
    asked = [key for key in columns if key in spelled or key not in MAY_BE_ABSENT_WHEN_CLEAN]
    return Verdict(None, row, frozenset(keys) - set(columns), keys == asked)


def _wrong(scalar: str | None, kind: str, *, required: bool) -> str | None:
    """Return what is wrong with the text of a value, None where it may stand in its column."""
    if scalar is None:
        return "missing" if required else None
    if required and scalar in ("null", '""'):
        return "empty"
    return None if scalar == "null" or is_a(kind, scalar) else "bad_type"


def flat_object(line: bytes) -> list[tuple[str, str]] | None:
    """Return the keys of a strict, flat JSON object with the text of their values; None for anything else."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    if "\N{REPLACEMENT CHARACTER}" in text:
        return None
    try:
        return list(_pairs(text))
    except ValueError:
        return None


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    at = _after_blanks(text, 0)
    at = _after_blanks(text, _after(text, at, "{"))
    if text[at : at + 1] != "}":
        while True:
            key, end = _scalar(text, at)
            if not key.startswith('"') or "\\" in key:
                raise ValueError("no plain key")
            at = _after_blanks(text, _after(text, _after_blanks(text, end), ":"))
            value, end = _scalar(text, at)
            yield key[1:-1], value
            at = _after_blanks(text, end)
            if text[at : at + 1] != ",":
                break
            at = _after_blanks(text, at + 1)
    at = _after_blanks(text, _after(text, at, "}"))
    if at != len(text):
        raise ValueError("text after the object")


def _after_blanks(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\r"):
        at += 1
    return at


def _after(text: str, at: int, expected: str) -> int:
    if text[at : at + 1] != expected:
        raise ValueError(f"no {expected}")
    return at + 1


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


# numbers stay text: Python refuses to convert thousands of digits
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant)


def _scalar(text: str, at: int) -> tuple[str, int]:
    """Return the text of the scalar that begins at a place, and where it ends."""
    if text[at : at + 1] in ("{", "["):
        raise ValueError("nested")
    value, end = _DECODER.raw_decode(text, at)
    scalar = text[at:end]
    if scalar.startswith('"'):
        if any(0xD800 <= ord(char) <= 0xDFFF for char in value):
            raise ValueError("half a surrogate pair")
    elif scalar not in ("true", "false", "null"):
        whole, fraction, exponent = digits(scalar)
        if whole > 31 or fraction > 30 or exponent > 3:
            raise ValueError("a number out of bounds")
    return scalar, end


def digits(number: str) -> tuple[int, int, int]:
    """Return how many digits a JSON number has before the point, after it, and in its exponent."""
    mantissa, _, exponent = number.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    return len(whole.lstrip("-")), len(fraction), len(exponent.lstrip("+-"))


def is_a(kind: str, scalar: str) -> bool:
    """Return whether the text of a scalar, other than null, is of a kind."""
    if kind == "text" or scalar.startswith('"') or scalar in ("true", "false"):
        return kind == "text" and scalar.startswith('"')
    whole, fraction, exponent = digits(scalar)
    if kind == "integer":
        return not fraction and not exponent and whole <= 18 and scalar != "-0"
    return whole <= 17 and fraction <= 20 and exponent <= 2


def value_of(kind: str, scalar: str) -> Value:
    """Return the value of a scalar of a kind."""
    value = json.loads(scalar)
    if value is None or kind != "double":
        return value  # type: ignore[no-any-return]
    return float(value).hex()


# landing files


@dataclass
class Feed:
    """One feed, read: good rows, bad lines as (file, line number, reason, bytes), and non-blank lines in all."""

    rows: list[Row] = field(default_factory=list)
    bad: list[tuple[str, int, str, bytes]] = field(default_factory=list)
    lines: int = 0
    unknown: dict[str, frozenset[str]] = field(default_factory=dict)


def lines_of(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the lines of a file that are not blank: number from 1, bytes, bytes without the blanks around."""
    for number, line in enumerate(content.removeprefix(BOM).split(b"\n"), 1):
        if text := line.strip(BLANKS):
            yield number, line, text


def files_of(landing: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield path below landing and unpacked content of every landing file of a feed, sorted."""
    root = landing / name / "landing"
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        if any(part[0] in "._" for part in file.relative_to(root).parts):
            continue
        if not file.name.lower().endswith((".json", ".jsonl", ".json.gz", ".jsonl.gz")):
            continue
        content = file.read_bytes()
        packed = file.name.lower().endswith(".gz")
        yield file.relative_to(landing).as_posix(), gzip.decompress(content) if packed else content


def read_feed(landing: Path, name: str) -> Feed:
    """Read every landing file of a feed, line by line."""
    feed = Feed()
    for path, content in files_of(landing, name):
        for number, line, text in lines_of(content):
            verdict = judge(name, text)
            feed.lines += 1
            if verdict.reason is None:
                feed.rows.append(verdict.row)
                feed.unknown[path] = feed.unknown.get(path, frozenset()) | verdict.unknown
            else:
                raw = line[:LONGEST] if verdict.reason == "too_long" else line
                feed.bad.append((path, number, verdict.reason, raw))
    return feed


# the zones


def consenting(customers: list[Row]) -> set[str]:
    """Return the emails that agreed to research, by their records.

    A record agrees with a research date above 0. The record updated last decides; where that is not known or not
    one, it is no.
    """
    share, updated = _place(CUSTOMER, "shareWithResearchAsOfDate"), _place(CUSTOMER, "lastUpdateDate")
    found = set()
    for email in {_text(row[_place(CUSTOMER, "email")]) for row in customers}:
        records = [row for row in customers if row[_place(CUSTOMER, "email")] == email]
        agreeing = [row[updated] for row in records if _number(row[share]) > 0]
        refusing = [row[updated] for row in records if _number(row[share]) <= 0]
        if not agreeing or None in refusing:
            continue
        dated = [_number(date) for date in agreeing if date is not None]
        if not refusing or (dated and max(dated) > max(map(_number, refusing))):
            found.add(email)
    return found


def agreed_since(customers: list[Row], email: Value) -> int:
    """Return since when a consenting customer agrees: as the record says that was updated last."""
    share, updated = _place(CUSTOMER, "shareWithResearchAsOfDate"), _place(CUSTOMER, "lastUpdateDate")
    records = [row for row in customers if row[_place(CUSTOMER, "email")] == email and _number(row[share]) > 0]
    last = [(row[updated] is not None, _number(row[updated]), _number(row[share])) for row in records]
    return max(last)[2]


def attributed(devices: list[Row], phones: list[Row]) -> list[Row]:
    """Say whose each device is, from all device readings and the phone readings of consenting customers."""
    of_device: dict[str, set[int]] = defaultdict(set)
    of_phone: dict[str, set[int]] = defaultdict(set)
    for time, serial, _ in devices:
        of_device[_text(serial)].add(_number(time))
    for user, time, *_ in phones:
        of_phone[_text(user)].add(_number(time))
    everyone = [Counter(time for times in who.values() for time in times) for who in (of_device, of_phone)]
    crowded = {time for counts in everyone for time, count in counts.items() if count > CROWD}

    found: list[tuple[str, str, int, int, int]] = []
    for serial, times in of_device.items():
        counted = times - crowded
        ranking = sorted(((len(counted & heard), user) for user, heard in of_phone.items()), reverse=True)
        (matched, user), (second, _) = [*ranking, (0, ""), (0, "")][:2]
        if matched >= 5 and matched / len(counted) >= 0.8 and (matched - second) / len(counted) >= 0.2:
            found.append((serial, user, len(counted), matched, second))
    best = {user: max(m * 1000 // n for _, u, n, m, _ in found if u == user) for _, user, *_ in found}
    return [
        (serial, user, readings, matched, second, ((matched - second) / readings).hex(), 0)
        for serial, user, readings, matched, second in found
        if matched * 1000 // readings >= best[user] - 100
    ]


def pseudonym(kind: str, value: Value) -> str:
    """Return what stands for a customer or a device."""
    inner = hashlib.sha256(f"{KEY}{kind} {value}".encode()).hexdigest()
    return hashlib.sha256(f"{KEY}{inner}".encode()).hexdigest()


def training(owners: list[Row], customers: list[Row], devices: list[Row], phones: list[Row]) -> list[Row]:
    """Pair the readings of each attributed device with its owner's of the same instant, from the consent on."""
    heard: dict[tuple[Value, Value], list[Row]] = defaultdict(list)
    for user, time, *axes in phones:
        heard[user, time].append(tuple(axes))
    found = []
    for serial, user, *_ in owners:
        since = agreed_since(customers, user)
        for time, device, distance in devices:
            rows = heard[user, time]
            if device == serial and _number(time) >= since and len(rows) <= MOST_AT_ONCE:
                names = pseudonym("customer", user), pseudonym("device", serial)
                found += [(*names, time, distance, time, *axes) for axes in rows]
    return found


@dataclass
class Lakehouse:
    """Everything a build of a landing folder has to give."""

    feeds: dict[str, Feed]
    consenting: set[str]
    tables: dict[str, Bag]
    ledger: dict[str, tuple[int, int, int, int]]
    """Of each feed: lines that are not blank, kept, dropped, quarantined."""

    @property
    def quarantine(self) -> dict[str, list[tuple[str, int, str, bytes]]]:
        """Bad lines of each feed by file and number."""
        return {name: sorted(feed.bad) for name, feed in self.feeds.items()}


def lakehouse(landing: Path) -> Lakehouse:
    """Make the lakehouse of a landing folder."""
    feeds = {name: read_feed(landing, name) for name in FEEDS}
    agreed = consenting(feeds["customer"].rows)
    share = _place(CUSTOMER, "shareWithResearchAsOfDate")
    email, serial = _place(CUSTOMER, "email"), _place(CUSTOMER, "serialNumber")

    customers = [row for row in feeds["customer"].rows if row[email] in agreed and _number(row[share]) > 0]
    phones = [row for row in feeds["accelerometer"].rows if row[_place(ACCELEROMETER, "user")] in agreed]
    active = {row[_place(ACCELEROMETER, "user")] for row in phones}
    curated = [row for row in customers if row[email] in active]
    serials = {row[serial] for row in curated}
    devices = [row for row in feeds["step_trainer"].rows if row[_place(STEP_TRAINER, "serialNumber")] in serials]
    time, instant = _place(STEP_TRAINER, "sensorReadingTime"), _place(ACCELEROMETER, "timestamp")
    pairs = [device + phone for device in devices for phone in phones if device[time] == phone[instant]]

    owners = attributed(feeds["step_trainer"].rows, phones)

    tables = {
        "customer_trusted": Counter(customers),
        "accelerometer_trusted": Counter(phones),
        "step_trainer_trusted": Counter(devices),
        "customers_curated": Counter(curated),
        "machine_learning_curated": Counter(pairs),
        "device_owners": Counter(owners),
        "training_curated": Counter(training(owners, customers, feeds["step_trainer"].rows, phones)),
    }
    kept = {"customer": len(customers), "accelerometer": len(phones), "step_trainer": len(devices)}
    ledger = {
        name: (feed.lines, kept[name], len(feed.rows) - kept[name], len(feed.bad)) for name, feed in feeds.items()
    }
    return Lakehouse(feeds, agreed, tables, ledger)


def _place(columns: dict[str, str], name: str) -> int:
    return list(columns).index(name)


def _number(value: Value) -> int:
    """Return a date as a number; one that is not there is 0, which nobody agrees with."""
    assert not isinstance(value, str)
    return value or 0


def _text(value: Value) -> str:
    assert isinstance(value, str)
    return value


# what stands in a lake, read without DuckDB


def published(lake: Path) -> dict[str, Bag]:
    """Return the rows of every published table."""
    return {name: _bag(lake / folder, columns) for name, (folder, columns) in MADE.items()}


def published_quarantine(lake: Path) -> dict[str, list[tuple[str, int, str, bytes]]]:
    """Return the quarantined lines of every feed by file and number."""
    found: dict[str, list[tuple[str, int, str, bytes]]] = {}
    for name in FEEDS:
        rows = [row for file in sorted((lake / "_quarantine" / name).glob("*.parquet")) for row in _read(file)]
        found[name] = sorted((row["file"], row["line"], row["reason"], row["raw"]) for row in rows)
    return found


def _bag(folder: Path, columns: dict[str, str]) -> Bag:
    files = sorted(folder.glob("*.parquet"))
    assert files, f"{folder} holds no table"
    bag: Bag = Counter()
    for file in files:
        for row in _read(file):
            assert list(row) == list(columns)
            bag[tuple(value.hex() if isinstance(value, float) else value for value in row.values())] += 1
    return bag


def _read(file: Path) -> list[dict[str, Any]]:
    # partitioning=None: a folder named a=b above the lake is no column
    return pq.read_table(file, partitioning=None).to_pylist()  # type: ignore[no-any-return]
