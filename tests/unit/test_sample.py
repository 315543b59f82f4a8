"""The sample: its counts for any seed and scale, its bytes, its serial defect and its dirt.

Nothing here shares code with the generator: lines are read back with `json` and joined in plain Python.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stedi.contracts import FEEDS, Column, Table
from stedi.errors import EnvironmentFault, UsageError
from stedi.sample import DEFAULT_SEED, Sample, SampleReport, write_sample

PUBLISHED = {
    "customer_landing": 956,
    "accelerometer_landing": 81_273,
    "step_trainer_landing": 28_680,
    "customer_trusted": 482,
    "accelerometer_trusted": 40_981,
    "step_trainer_trusted": 14_460,
    "customers_curated": 482,
    "machine_learning_curated": 43_681,
    "device_owners": 482,
    "training_curated": 32_025,
}
RESEARCH = "shareWithResearchAsOfDate"
MOST_CHARACTERS = 1_000_000
Row = dict[str, Any]


def feed_bytes(sample: Sample) -> dict[str, bytes]:
    """Return all bytes of each feed, and of each document under its path."""
    found: dict[str, bytes] = defaultdict(bytes)
    for file in sample.files():
        found[file.feed or file.path] += b"".join(chunk.data for chunk in file.chunks)
    return found


def parsed(data: bytes) -> list[Row]:
    return [json.loads(line) for line in data.splitlines()]


def feeds(sample: Sample) -> tuple[list[Row], list[Row], list[Row]]:
    found = feed_bytes(sample)
    return parsed(found["customer"]), parsed(found["accelerometer"]), parsed(found["step_trainer"])


def digest(folder: Path) -> dict[str, str]:
    """Return each file's path and hash."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def built(
    customers: list[Row], phone: list[Row], device: list[Row], truth: dict[str, str] | None = None
) -> dict[str, int]:
    """Return the rows of the ten tables, computed as the table definitions say; `truth` is whose each device is."""
    trusted = [c for c in customers if c.get(RESEARCH, 0) > 0]
    emails = {c["email"] for c in trusted}
    heard = [r for r in phone if r["user"] in emails]
    users = {r["user"] for r in heard}
    curated = [c for c in trusted if c["email"] in users]
    carried = {c["serialNumber"] for c in curated}
    steps = [r for r in device if r["serialNumber"] in carried]
    at = Counter(r["timestamp"] for r in heard)
    truth = truth or {c["serialNumber"]: c["email"] for c in customers}
    since = {c["email"]: c[RESEARCH] for c in trusted}
    agreed = Counter((r["user"], r["timestamp"]) for r in heard if r["timestamp"] >= since[r["user"]])
    return {
        "customer_landing": len(customers),
        "accelerometer_landing": len(phone),
        "step_trainer_landing": len(device),
        "customer_trusted": len(trusted),
        "accelerometer_trusted": len(heard),
        "step_trainer_trusted": len(steps),
        "customers_curated": len(curated),
        "machine_learning_curated": sum(at[r["sensorReadingTime"]] for r in steps),
        "device_owners": len({serial for serial, owner in truth.items() if owner in emails}),
        "training_curated": sum(agreed[truth[r["serialNumber"]], r["sensorReadingTime"]] for r in device),
    }


@pytest.mark.parametrize("seed", [DEFAULT_SEED, 0, 1, -1, 2**63])
def test_every_seed_is_calibrated(seed: int) -> None:
    sample = Sample(seed=seed)
    customers, phone, device = feeds(sample)
    assert built(customers, phone, device) == PUBLISHED == sample.expected

    owner = {c["serialNumber"]: c["email"] for c in customers}
    consent = {c["email"]: c[RESEARCH] for c in customers if RESEARCH in c}
    assert len(owner) == len(set(owner.values())) == len({c["customerName"] for c in customers}) == 956
    device_times: dict[str, set[int]] = defaultdict(set)
    for reading in device:
        device_times[owner[reading["serialNumber"]]].add(reading["sensorReadingTime"])
    phone_rows = Counter(r["user"] for r in phone)
    phone_times: dict[str, Counter[int]] = defaultdict(Counter)
    for reading in phone:
        phone_times[reading["user"]][reading["timestamp"]] += 1

    assert Counter(map(len, device_times.values())) == {30: 956}
    assert min(phone_rows.values()) == 77
    assert max(phone_rows.values()) == 90
    assert all(set(phone_times[user]) == times for user, times in device_times.items())
    assert sum(n > 1 for times in phone_times.values() for n in times.values()) > 0.7 * 28_680

    people_at: dict[int, list[str]] = defaultdict(list)
    for user, times in device_times.items():
        for time in times:
            people_at[time].append(user)
    sharing = [sorted(u for u in users if u in consent) for users in people_at.values()]
    pairs = Counter(tuple(users) for users in sharing if len(users) > 1)
    assert {len(pair) for pair in pairs} == {2}
    assert pairs.total() == 439
    assert min(pairs.values()) == 1
    assert max(pairs.values()) == 23
    strangers = Counter(
        (guest, host) for users in people_at.values() for guest in users for host in users
        if guest not in consent and host in consent
    )  # fmt: skip
    assert set(strangers.values()) == {1, 2}

    agreed = [r for r in phone if r["user"] in consent and r["timestamp"] >= consent[r["user"]]]
    assert len(agreed) == 32_025
    assert len({r["user"] for r in agreed}) == 464
    agreed_at = Counter(r["timestamp"] for r in agreed)
    assert sum(agreed_at[t] for user in consent for t in device_times[user]) == 34_437
    assert any(r["timestamp"] == consent[r["user"]] for r in agreed), "a reading at the very consent"


def test_customers_are_plausible() -> None:
    customers, _, _ = feeds(Sample())
    years = [c["birthDay"][:4] for c in customers]
    assert min(years) == "0967"
    assert sum(year >= "1900" for year in years) > 0.9 * len(years)
    for customer in customers:
        dates = [value for key, value in customer.items() if key.startswith("shareWith")]
        assert all(customer["registrationDate"] <= date <= customer["lastUpdateDate"] for date in dates)
        assert customer["registrationDate"] <= customer["lastUpdateDate"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", customer["birthDay"])
        assert re.fullmatch(r"[A-Z][a-z]+\.[A-Z][a-z]+@example\.com", customer["email"])
        assert re.fullmatch(r"\d{3}55501\d\d", customer["phone"])
    assert None not in {value for c in customers for value in c.values()}
    assert {3, 2, 1, 0} == {sum(key.startswith("shareWith") for key in c) for c in customers}


def test_lines_have_the_exact_format() -> None:
    found = feed_bytes(Sample())
    uuid = rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    share = rb'(, "shareWith%sAsOfDate": \d{13})?'
    shapes = {
        "customer": rb'\{"customerName": "[^"]+", "email": "[^"]+", "phone": "\d+", "birthDay": "[-\d]{10}"'
        rb', "serialNumber": "' + uuid + rb'", "registrationDate": \d{13}, "lastUpdateDate": \d{13}'
        + b"".join(share % who for who in (b"Research", b"Public", b"Friends")) + rb"\}",
        "accelerometer": rb'\{"user":"[^"]+","timestamp":\d{13}'
        rb',"x":(-1|0|1)\.0,"y":(-1|0|1)\.0,"z":(-1|0|1)\.0\}',
        "step_trainer": rb'\{"sensorReadingTime":\d{13},"serialNumber":"' + uuid
        + rb'","distanceFromObject":(2\d\d|300)\}',
    }  # fmt: skip
    for feed, shape in shapes.items():
        assert found[feed].endswith(b"}\n")
        assert all(re.fullmatch(shape, line) for line in found[feed][:-1].split(b"\n")), feed


def test_bytes_of_the_default_sample_never_change() -> None:
    found = feed_bytes(Sample())
    assert {feed.feed: hashlib.sha256(found[feed.feed]).hexdigest()[:16] for feed in FEEDS} == {
        "customer": "68fa9ab2c3457fd6",
        "accelerometer": "e1b8ddd9f8d39b76",
        "step_trainer": "d2d8dfdf2396e359",
    }


def test_same_settings_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_sample(tmp_path / name, seed=7, dirty=0.02, serial_defect=True)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    write_sample(tmp_path / "c", seed=8, dirty=0.02, serial_defect=True)
    one, other = digest(tmp_path / "a"), digest(tmp_path / "c")
    assert [name for name in one if one[name] == other[name]] == ["expected.json"]


def test_files_can_be_read_in_any_order() -> None:
    def whole(*, backwards: bool) -> dict[str, bytes]:
        files = list(Sample(dirty=0.05, scale=2).files())
        return {f.path: b"".join(c.data for c in f.chunks) for f in (files[::-1] if backwards else files)}

    assert whole(backwards=False) == whole(backwards=True)


def test_scale_multiplies_every_count() -> None:
    sample = Sample(scale=2)
    customers, phone, device = feeds(sample)
    assert built(customers, phone, device) == {name: 2 * n for name, n in PUBLISHED.items()} == sample.expected
    for key in ("email", "serialNumber", "customerName"):
        assert len({c[key] for c in customers}) == 2 * 956
    assert customers[0]["birthDay"] == customers[956]["birthDay"]
    times = [{r["timestamp"] for r in part} for part in (phone[:81_273], phone[81_273:])]
    assert max(times[0]) < min(times[1])


def test_large_scales_come_in_bounded_files() -> None:
    sample = Sample(scale=1000)
    counts = Counter(file.feed for file in sample.files())
    assert counts == {"customer": 5, "accelerometer": 100, "step_trainer": 40, None: 1}
    last = [file for file in sample.files() if file.feed == "accelerometer"][-1]
    sizes = [(len(chunk.data), chunk.rows) for chunk in last.chunks]
    assert sum(rows for _, rows in sizes) == 10 * 81_273
    assert max(size for size, _ in sizes) < 10_000_000
    assert sum(size for size, _ in sizes) < 128_000_000


def test_serial_defect(tmp_path: Path) -> None:
    report = write_sample(tmp_path, serial_defect=True, scale=2)
    read = {t.feed: [p.read_bytes() for p in sorted((tmp_path / t.prefix).iterdir())] for t in FEEDS}
    customers, phone, device = (parsed(b"".join(read[t.feed])) for t in FEEDS)
    truth = json.loads((tmp_path / "truth.json").read_text())

    assert built(customers, phone, device, truth) == report.expected
    assert json.loads((tmp_path / "expected.json").read_text()) == report.expected
    carried = {c["serialNumber"] for c in customers}
    assert len(carried) == 30
    assert carried == set(list(truth)[:30])
    assert truth == {
        c["serialNumber"]: d["email"]
        for c, d in zip(feeds(Sample(scale=2))[0], customers, strict=True)
    }  # fmt: skip
    assert set(truth) == {r["serialNumber"] for r in device}
    heard: dict[str, set[int]] = defaultdict(set)
    for reading in phone:
        heard[reading["user"]].add(reading["timestamp"])
    assert all(r["sensorReadingTime"] in heard[truth[r["serialNumber"]]] for r in device)


class _BrokenError(ValueError):
    """The line is no flat JSON object."""


def _pairs(line: bytes) -> list[tuple[str, Any]]:
    """Return the pairs of one flat JSON object with integers as int, numbers as their text in a list."""

    def refuse(_: str) -> None:
        raise _BrokenError

    text = line.decode("utf-8")
    if "\ufffd" in text:
        raise _BrokenError
    found = json.loads(
        text,
        object_pairs_hook=lambda pairs: ("object", pairs),
        parse_constant=refuse,
        parse_int=lambda digits: ["number", digits],
        parse_float=lambda digits: ["number", digits],
    )
    if not isinstance(found, tuple):
        raise _BrokenError
    pairs: list[tuple[str, Any]] = found[1]
    for key, value in pairs:
        nested = isinstance(value, tuple) or (isinstance(value, list) and value[:1] != ["number"])
        digits = value[1] if isinstance(value, list) and len(value) == 2 else ""
        surrogates = isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value)
        if nested or surrogates or len(digits) > 31 or f'"{key}"' not in text:
            raise _BrokenError
    return pairs


NUMBERS = {
    "BIGINT": re.compile(r"0|-?[1-9]\d{0,17}"),
    "DOUBLE": re.compile(r"-?(0|[1-9]\d{0,16})(\.\d{1,20})?([eE][+-]?\d{1,2})?"),
}


def reason(table: Table, line: bytes) -> str | None:
    """Return why the reading rule refuses a line, None for a good one: the rule again, on top of `json`."""
    if len(line) > MOST_CHARACTERS:
        return "too_long"
    try:
        pairs = _pairs(line)
    except ValueError:
        return "not_flat_json"
    row = dict(pairs)
    if len(row) < len(pairs):
        return "dup_key"
    faults = (_fault(column, row, required=column.name in table.required) for column in table.columns)
    return next((fault for fault in faults if fault), None)


def _fault(column: Column, row: Row, *, required: bool) -> str | None:
    if column.name not in row:
        return f"missing:{column.name}" if required else None
    value = row[column.name]
    if required and value in (None, ""):
        return f"empty:{column.name}"
    if column.type == "VARCHAR":
        good = value is None or isinstance(value, str)
    else:
        digits = value[1] if isinstance(value, list) else ""
        good = value is None or bool(NUMBERS[column.type].fullmatch(digits))
    return None if good else f"bad_type:{column.name}"


@pytest.mark.parametrize(("seed", "rate", "scale"), [(DEFAULT_SEED, 0.01, 1), (3, 0.25, 1), (4, 0.001, 2)])
def test_dirt_is_what_dirty_json_says(seed: int, rate: float, scale: int) -> None:
    sample = Sample(seed=seed, dirty=rate, scale=scale)
    found = feed_bytes(sample)
    clean = feed_bytes(Sample(seed=seed, scale=scale))
    ledger = json.loads(found["dirty.json"])
    assert json.loads(found["expected.json"]) == {t.name: ledger[t.feed]["rows"] for t in FEEDS}

    for table in FEEDS:
        lines, originals = found[table.feed].split(b"\n"), clean[table.feed].splitlines()
        assert len(lines) == len(originals), "the last line has no newline"
        changed = [i for i, pair in enumerate(zip(lines, originals, strict=True)) if pair[0] != pair[1]]
        assert len(changed) == max(1, round(rate * len(originals)))
        why = Counter(reason(table, lines[i]) for i in changed)
        assert why == ledger[table.feed]["quarantined"]
        assert ledger[table.feed]["rows"] == len(originals) - len(changed)
        assert all(reason(table, line) is None for line in originals[::97])
        assert why["too_long"] <= 2
        assert len(lines[-1]) < len(originals[-1])
        gaps = [after - before for before, after in pairwise([0, *changed, len(lines)])]
        assert max(gaps) <= 2 * len(lines) / len(changed) + 1, "spread over the files"


def test_dirt_shows_every_reason() -> None:
    ledger = json.loads(feed_bytes(Sample(dirty=0.2))["dirty.json"])
    for table in FEEDS:
        reasons = {"too_long", "not_flat_json", "dup_key"}
        reasons |= {f"missing:{key}" for key in table.required} | {f"empty:{key}" for key in table.required}
        reasons |= {f"bad_type:{column.name}" for column in table.columns}
        assert set(ledger[table.feed]["quarantined"]) == reasons


def test_the_smallest_dirt_is_one_line() -> None:
    ledger = Sample(dirty=1e-9).quarantined
    assert ledger == {table.feed: {"not_flat_json": 1} for table in FEEDS}


def test_report_and_progress(tmp_path: Path) -> None:
    told: list[int] = []
    report: SampleReport = write_sample(tmp_path / "new" / "folder", progress=told.append)
    files = digest(tmp_path / "new" / "folder")
    assert set(report.files) == set(files)
    assert sum((tmp_path / "new" / "folder" / name).stat().st_size for name in files) == report.bytes
    assert report.rows == {"customer": 956, "accelerometer": 81_273, "step_trainer": 28_680}
    assert sum(told) == sum(report.rows.values())
    assert report.expected == PUBLISHED
    assert report.quarantined == {}
    assert sorted(files) == [
        "accelerometer/landing/accelerometer-0000.json",
        "accelerometer/landing/accelerometer-0001.json",
        "accelerometer/landing/accelerometer-0002.json",
        "customer/landing/customer-0000.json",
        "expected.json",
        "step_trainer/landing/step_trainer-0000.json",
        "step_trainer/landing/step_trainer-0001.json",
    ]


def test_a_failed_write_leaves_no_part(tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path, progress=stop)
    assert digest(tmp_path) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 0}, "scale is 0"),
        ({"dirty": 0.51}, r"dirty share is 0\.51"),
        ({"dirty": -0.1}, "dirty share"),
        ({"dirty": float("nan")}, "dirty share"),
    ],
)
def test_refuses_settings_out_of_range(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write_sample(tmp_path / "target", **settings)
    assert not (tmp_path / "target").exists()


def test_refuses_a_target_with_landing_data(tmp_path: Path) -> None:
    present = tmp_path / "step_trainer" / "landing" / "mine.json"
    present.parent.mkdir(parents=True)
    present.write_text("{}")
    with pytest.raises(UsageError, match="already holds files"):
        write_sample(tmp_path)
    assert digest(tmp_path).keys() == {"step_trainer/landing/mine.json"}
    with pytest.raises(EnvironmentFault, match=r"mine.json.*: Not a directory"):
        write_sample(present)
