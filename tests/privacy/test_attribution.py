"""Whose device it is, on data where the truth is known: nobody gets another's device, and hardly any is left over.

The truth lies in a folder that no build is told of. What the tests do to the data is worse than what was published:
phone readings are lost, and instants are shared by several people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

import stedi.privacy
from stedi.build import build
from stedi.contracts import TABLES
from stedi.engine import Engine
from stedi.lake import Lake
from stedi.privacy import audit
from stedi.sample import write_sample
from stedi.settings import bundled_sample
from stedi.stages import PARAMETERS, RUN_PARAMETERS, STAGES, SqlFile

FEEDS = ("customer", "accelerometer", "step_trainer")

SEEDS = range(100, 122)
LOST = 0.05
"""Share of phone readings that never arrive."""

CROWDS = 40
"""Instants at which several more people record, without their own doing."""

PEOPLE_IN_A_CROWD = 6

Row = dict[str, Any]


def rows_of(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def attribute(
    devices: Iterable[tuple[str, int]], phones: Iterable[tuple[str, int]], clock_skew_ms: int = 0
) -> dict[str, tuple[str, int, int, int, float, int]]:
    """Run the stage on instants of devices and of consenting customers' phones; return what it says of each device."""
    with Engine(threads=2) as engine:
        stand(engine, devices, phones, clock_skew_ms)
        found = engine.run("attribution", STAGES["device_owners"].sql)
    assert len({serial for serial, *_ in found}) == len(found)
    return {serial: tuple(rest) for serial, *rest in found}


def stand(
    engine: Engine, devices: Iterable[tuple[str, int]], phones: Iterable[tuple[str, int]], clock_skew_ms: int
) -> None:
    """Stand what the stage reads before it."""
    for table in ("step_trainer_landing", "accelerometer_trusted"):
        engine.empty(table, {column.name: column.type for column in TABLES[table].columns})
    engine.empty(RUN_PARAMETERS, PARAMETERS)
    engine.run("parameters", "insert into run_parameters values (null, $skew)", {"skew": clock_skew_ms})
    for sql, rows in (
        ("insert into step_trainer_landing select unnest($2), unnest($1), 7", devices),
        ("insert into accelerometer_trusted select unnest($1), unnest($2), 0, 0, 0", phones),
    ):
        who, when = zip(*rows, strict=True) if (rows := list(rows)) else ((), ())
        engine.connection.execute(sql, [list(who), list(when)]).fetchall()


def refused(
    devices: Iterable[tuple[str, int]], phones: list[tuple[str, int]], agree: Collection[str], clock_skew_ms: int = 0
) -> list[str]:
    """Run the stage, then what a certificate asks of it; return the owners of devices that it is refused for."""
    with Engine(threads=2) as engine:
        stand(engine, devices, [(who, at) for who, at in phones if who in agree], clock_skew_ms)
        engine.run("owners", f"create table device_owners as {STAGES['device_owners'].sql}")
        assert engine.run("owners", "from device_owners"), "nothing is certified by being empty"
        engine.run("phones", "create table accelerometer_landing as from accelerometer_trusted limit 0")
        everybody = [list(values) for values in zip(*phones, strict=True)]
        engine.connection.execute("insert into accelerometer_landing select unnest($1), unnest($2), 0, 0, 0", everybody)
        engine.run("consents", "create table consents as select unnest($who) as email", {"who": list(agree)})
        check = SqlFile("owners", Path(stedi.privacy.__file__).parent / "checks/owners.sql")
        return [key for _, _, key in engine.run("check", check.sql)]


def owners(found: dict[str, tuple[str, int, int, int, float, int]]) -> dict[str, str]:
    return {serial: owner for serial, (owner, *_) in found.items()}


def worsen(folder: Path, seed: int) -> None:
    """Lose phone readings, and have several people record at instants of others, phones and devices alike."""
    random = Random(seed)
    truth: dict[str, str] = json.loads((folder / "truth.json").read_bytes())
    serials = {owner: serial for serial, owner in truth.items()}
    phones = [row for file in sorted((folder / "accelerometer/landing").iterdir()) for row in rows_of(file)]
    kept = [row for row in phones if random.random() >= LOST]
    assert 0.93 < len(kept) / len(phones) < 0.97
    instants = sorted({row["timestamp"] for row in phones})
    people = sorted(serials)
    extra_devices = []
    for instant in random.sample(instants, CROWDS):
        for person in random.sample(people, PEOPLE_IN_A_CROWD):
            kept.append({"user": person, "timestamp": instant, "x": 0.0, "y": 0.0, "z": 0.0})
            extra_devices.append(
                {"sensorReadingTime": instant, "serialNumber": serials[person], "distanceFromObject": 1}
            )
    for file in (folder / "accelerometer/landing").iterdir():
        file.unlink()
    (folder / "accelerometer/landing/kept.json").write_text("".join(json.dumps(row) + "\n" for row in kept))
    (folder / "step_trainer/landing/crowds.json").write_text("".join(json.dumps(r) + "\n" for r in extra_devices))


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_gets_another_ones_device_and_hardly_any_is_left_over(seed: int, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    write_sample(landing, seed=seed, serial_defect=True)
    worsen(landing, seed)
    truth: dict[str, str] = json.loads((landing / "truth.json").read_bytes())
    (landing / "truth.json").rename(tmp_path / "truth.json")  # out of reach of what is tested
    customers = [row for file in (landing / "customer/landing").iterdir() for row in rows_of(file)]
    agreed = {row["email"]: row["shareWithResearchAsOfDate"] for row in customers if "shareWithResearchAsOfDate" in row}
    assert len({row["serialNumber"] for row in customers}) == 30, "the serial numbers are of no use"

    consenting = {serial for serial, owner in truth.items() if owner in agreed}
    for skew in (1000, 0):
        build(tmp_path / "lake", landing, pseudonym_key="key", clock_skew_ms=skew)
        with duckdb.connect() as connection:
            found = connection.read_parquet(str(tmp_path / "lake/device_owner/curated/*.parquet")).fetchall()
        wrong = [serial for serial, owner, *_ in found if truth[serial] != owner]
        assert wrong == []
        assert {serial for serial, *_ in found} <= consenting
        assert len(found) >= 0.99 * len(consenting) == 0.99 * 482

    with duckdb.connect() as connection:
        training = connection.read_parquet(str(tmp_path / "lake/training/curated/*.parquet"))
        devices = training.aggregate(
            "devicePseudonym, customerPseudonym, min(timestamp) as first, count(*) as n"
        ).fetchall()
    # nor does a customer get two devices, or a row from before the first consent of all
    assert len(devices) == len({customer for _, customer, *_ in devices}) > 400
    assert min(first for *_, first, _ in devices) >= min(agreed.values())


@pytest.mark.parametrize(
    "source", [str(bundled_sample()), os.environ.get("STEDI_LANDING", "")], ids=["sample", "published"]
)
def test_the_reference_counts(source: str, tmp_path: Path) -> None:
    """What is known of the published data, of which the sample has all the counts."""
    if not (Path(source) / "expected.json").is_file() or not source:
        pytest.skip("STEDI_LANDING names no folder with the published landing data")
    build(tmp_path / "lake", source)
    agreed = "(select email, shareWithResearchAsOfDate as since from customer_trusted)"
    counts = {
        "readings since the consent, and of how many": (
            f'select count(*), count(distinct "user") from accelerometer_trusted join {agreed} on "user" = email'
            ' where "timestamp" >= since'
        ),
        "joined on the timestamp alone": (
            f'select count(*) from machine_learning_curated join {agreed} on "user" = email where "timestamp" >= since'
        ),
        "with another customer's phone": (
            "select count(*) from machine_learning_curated join device_owners using (serialNumber)"
            ' where "user" <> owner'
        ),
        "by the serial numbers, which are right there": (
            "select count(*) from machine_learning_curated join customers_curated using (serialNumber)"
            ' where "user" <> email'
        ),
    }
    with Lake.open(tmp_path / "lake") as lake:
        found = {what: lake.sql(sql).pl().row(0) for what, sql in counts.items()}
        devices = lake.sql("select serialNumber, sensorReadingTime from step_trainer_landing").pl().rows()
        phones = lake.sql('select "user", "timestamp" from accelerometer_landing').pl().rows()
        truth = dict(lake.sql("select serialNumber, email from customer_landing").pl().rows())
    assert list(found.values()) == [(32_025, 464), (34_437,), (2_700,), (2_700,)]
    attributed = attribute(devices, phones)  # everybody's phones, whoever agreed
    assert owners(attributed) == truth
    assert len(truth) == 956
    assert {(readings, matched) for _, readings, matched, *_ in attributed.values()} == {(30, 30)}
    assert max(runner_up for *_, runner_up, _, _ in attributed.values()) == 23


def test_a_device_of_somebody_who_did_not_consent_is_nobodys(tmp_path: Path) -> None:
    """Even one whose owner always trains with somebody who did: 23 of 30 instants, the most that was published."""
    mine = [("my phone", t) for t in range(30)]
    devices = [("my device", t) for t in range(30)] + [("theirs", t) for t in range(7, 37)]
    assert owners(attribute(devices, mine)) == {"my device": "my phone"}
    # and without the device that explains the phone better
    assert attribute(devices[30:], mine) == {}


def test_a_companions_device_that_matches_nearly_all_is_behind_the_phones_own() -> None:
    mine = [("my phone", t) for t in range(30)]
    devices = [("my device", t) for t in range(30)] + [("theirs", t) for t in range(4, 34)]
    assert owners(attribute(devices, mine)) == {"my device": "my phone"}


@pytest.mark.parametrize("skew", [0, 250])
@pytest.mark.parametrize(("shared", "is_refused"), [(26, False), (28, True)])
def test_a_companion_with_a_device_of_their_own_is_told_apart_by_any_clock(
    *, skew: int, shared: int, is_refused: bool
) -> None:
    """Ten more pairs show what all clocks differ by."""
    walks = {f"p{n}": [100_000 * n + 1700 * t for t in range(30)] for n in range(11)}
    theirs = [*walks["p0"][:shared], *(9_000_000 + t for t in range(30 - shared))]
    walks["no consent"] = theirs
    devices = [(f"device of {who}", at) for who, walk in walks.items() for at in walk]
    phones = [(who, at + skew) for who, walk in walks.items() for at in walk]
    found = refused(devices, phones, walks.keys() - {"no consent"}, skew)
    assert set(found) == ({"p0"} if is_refused else set())


def test_a_crowd_of_devices_says_nothing_to_the_certificate_either() -> None:
    """Of 23 devices of a class one has an owner who agreed; a classmate has but a phone."""
    alone, together = range(30), range(1000, 1200)
    classmates = [(f"d{n}", at) for n in range(22) for at in (*together, *range(2000 + 50 * n, 2020 + 50 * n))]
    devices = [("mine", at) for at in (*alone, *together)] + classmates
    phones = [("me", at) for at in (*alone, *together)] + [("classmate", at) for at in together]
    assert refused(devices, phones, {"me"}) == []
    assert refused(devices, [*phones, *(("classmate", at) for at in alone)], {"me"}) == ["me"]


@pytest.mark.parametrize(("instants", "attributed"), [(1, False), (4, False), (5, True)])
def test_a_device_with_few_readings_is_nobodys(instants: int, *, attributed: bool) -> None:
    times = range(1000, 1000 + instants)
    found = attribute([("d", t) for t in times], [("a", t) for t in times])
    assert owners(found) == ({"d": "a"} if attributed else {})


@pytest.mark.parametrize(("matched", "attributed"), [(23, False), (24, True), (30, True)])
def test_four_of_five_instants_are_enough(matched: int, *, attributed: bool) -> None:
    found = attribute([("d", t) for t in range(30)], [("a", t) for t in range(matched)])
    assert found == ({"d": ("a", 30, matched, 0, matched / 30, 0)} if attributed else {})


@pytest.mark.parametrize(("other", "attributed"), [(30, False), (25, False), (24, True), (0, True)])
def test_a_near_tie_is_a_tie(other: int, *, attributed: bool) -> None:
    phones = [("a", t) for t in range(30)] + [("b", t) for t in range(other)]
    found = attribute([("d", t) for t in range(30)], phones)
    assert found == ({"d": ("a", 30, 30, other, (30 - other) / 30, 0)} if attributed else {})


def test_what_is_left_out_is_counted_by_reason(
    *, tmp_path: Path, landing: Path, write_walk: Callable[..., None], add_lines: Callable[..., Path]
) -> None:
    """Ada and Bob walk together, Zoe did not agree, and of two devices more than 3 readings landed of one only."""
    for name in ("Ada", "Bob"):
        write_walk(landing, name, range(1655297000000, 1655297000030))
    write_walk(landing, "Zoe", range(1655298000000, 1655298000030))
    new = [
        {"sensorReadingTime": 1655299000000 + t, "serialNumber": serial, "distanceFromObject": 1}
        for serial, readings in (("few", 3), ("many", 30))
        for t in range(readings)
    ]
    add_lines(landing, "step_trainer", new)

    def left_out(lake: Path, **given: Any) -> dict[str, dict[str, int]]:
        run = build(lake, landing, **given)
        assert run.manifest is not None
        return {name: table.left_out for name, table in run.manifest.tables.items() if table.left_out}

    expected = {
        "device_owners": {
            "devices near a tie": 2,
            "devices with fewer than 5 readings": 1,
            "devices that match nobody": 2,
        },
        "training_curated": {
            "phone readings older than the consent": 0,
            "device readings of devices that are nobody's": 33 * 3 + 33,
        },
    }
    assert left_out(tmp_path / "lake", pseudonym_key="key") == expected
    # it stands in the manifest, for builds too that leave device_owners as it is
    assert left_out(tmp_path / "lake", pseudonym_key="another") == expected
    write_walk(landing, "Ada", range(1655297000000, 1655297000060))
    expected["device_owners"]["devices near a tie"] = 1  # of Bob's device Ada's phone still knows all there is
    assert left_out(tmp_path / "lake")["device_owners"] == expected["device_owners"]


def test_a_stage_in_steps_is_the_stage() -> None:
    stage = STAGES["device_owners"]
    assert stage.in_steps is not None
    found, stays, left = stage.in_steps
    walks = [(name, 100 * number + t) for number, name in enumerate("abc") for t in range(30)]
    phones = [*walks, *[("tie", t) for t in range(30)]]
    with Engine(threads=2) as engine:
        stand(engine, walks, phones, 0)
        whole = engine.run("whole", f"from ({stage.sql}) order by all")
        engine.run("found", f"create table found as {found}")
        assert engine.run("stays", f"from ({stays}) order by all") == whole
        assert [row[0] for row in whole] == ["b", "c"]
        assert [row[0] for row in engine.run("left", left)] == ["a"]


def test_a_phone_may_have_two_devices_at_once_or_in_turn() -> None:
    phone = [("a", t) for t in range(60)]
    at_once = [(d, t) for d in ("left", "right") for t in range(30)]
    in_turn = [("first", t) for t in range(30)] + [("second", t) for t in range(30, 60)]
    assert owners(attribute(at_once, phone)) == {"left": "a", "right": "a"}
    assert owners(attribute(in_turn, phone)) == {"first": "a", "second": "a"}


def test_readings_that_landed_twice_count_once() -> None:
    once = [("d", t) for t in range(4)]
    assert attribute(once * 3, [("a", t) for t in range(4)] * 3) == {}


def test_no_phones_no_devices_one_customer() -> None:
    walk = [("x", t) for t in range(9)]
    assert attribute(walk, []) == attribute([], walk) == attribute([], []) == {}
    assert attribute(walk, walk) == {"x": ("x", 9, 9, 0, 1.0, 0)}


def test_times_at_the_ends_of_what_may_land() -> None:
    times = [10**18 - 1 - t for t in range(5)] + [-(10**18) + 1 + t for t in range(5)] + [-1, 0, 1]
    for skew in (0, 60_000):
        assert attribute([("d", t) for t in times], [("a", t) for t in times], skew)["d"][:3] == ("a", 13, 13)


@pytest.mark.parametrize("who", ["devices", "phones"])
def test_a_crowded_instant_says_nothing(who: str) -> None:
    crowd = [(f"one of many {i}", 0) for i in range(20)]
    device, phone = [("d", t) for t in range(6)], [("a", t) for t in range(6)]
    found = attribute(device + crowd * (who == "devices"), phone + crowd * (who == "phones"))
    assert found == {"d": ("a", 5, 5, 0, 1.0, 0)}
    fewer = crowd[:-1]
    found = attribute(device + fewer * (who == "devices"), phone + fewer * (who == "phones"))
    assert found["d"][1] == 6


def test_ten_thousand_devices_of_one_instant_are_nobodys() -> None:
    devices = [(f"d{i}", 5) for i in range(10_000)]
    walk = [("mine", t) for t in range(100, 110)]
    phones = [("a", 5)] + [("a", t) for _, t in walk]
    assert owners(attribute(devices + walk, phones)) == {"mine": "a"}


def test_a_hot_instant_of_a_hundred_thousand_readings_a_side_is_bounded() -> None:
    """Unbounded these would be ten thousand million votes."""
    hot = [(f"x{i}", 5) for i in range(100_000)]
    walk = [("mine", t) for t in range(100, 110)]
    assert owners(attribute(hot + walk, hot + walk)) == {"mine": "mine"}
    assert owners(attribute(hot + walk, hot + walk, 3)) == {"mine": "mine"}


# what no one plans for, in whole builds


@pytest.mark.parametrize("kind", ["no phones", "no devices", "one customer", "nobody agrees", "nothing"])
def test_lakes_with_next_to_nothing_in_them(
    *,
    tmp_path: Path,
    write_landing: Callable[..., Path],
    write_walk: Callable[..., None],
    customer: Callable[..., dict[str, object]],
    add_lines: Callable[..., Path],
    kind: str,
) -> None:
    landing = write_landing(tmp_path / "landing", [] if kind == "nobody agrees" else ["Ada"])
    write_walk(landing, "Ada")
    empty = {"no phones": ["accelerometer"], "no devices": ["step_trainer"], "nothing": list(FEEDS)}
    for feed in empty.get(kind, []):
        for file in (landing / feed / "landing").iterdir():
            file.write_bytes(b"")
    if kind == "one customer":
        add_lines(landing, "customer", [customer("Ada")], "customers.json")
    run = build(tmp_path / "lake", landing)
    assert run.manifest is not None
    rows = run.manifest.rows()
    found = {"one customer": (1, 9)}.get(kind, (0, 0))
    assert (rows["device_owners"], rows["training_curated"]) == found
    devices = 0 if kind in ("no devices", "nothing") else 2
    assert sum(run.manifest.tables["device_owners"].left_out.values()) == devices - found[0]
    certificate = audit(tmp_path / "lake")
    assert certificate.verdict == "clean", certificate.violations


def test_a_hot_instant_of_one_phone_and_its_device_is_bounded() -> None:
    """Unbounded these would be ten thousand million training rows; the pairs of 100 readings are within the bound."""
    walk = [("d", t) for t in range(1, 8)]
    hot, busy = [("d", 100)] * 100_000, [("d", 200)] * 100
    with Engine(threads=2) as engine:
        stand(engine, [*walk, *hot, *busy], [*walk, *hot, *busy], 0)
        engine.run("key", "update run_parameters set pseudonym_key = 'key'")
        for table in ("customer_trusted", "device_owners"):
            engine.empty(table, {column.name: column.type for column in TABLES[table].columns})
        engine.run("who", "insert into customer_trusted (email, shareWithResearchAsOfDate) values ('d', 3)")
        engine.run("whose", f"insert into device_owners {STAGES['device_owners'].sql}")
        found = engine.run(
            "training", f"select timestamp, count(*) from ({STAGES['training_curated'].sql}) group by all order by all"
        )
    assert found == [*((t, 1) for t in range(3, 8)), (200, 100 * 100)]


# clocks that differ


def shifted(walk: Iterable[tuple[str, int]], by: int) -> list[tuple[str, int]]:
    return [(who, t + by) for who, t in walk]


def irregular(name: str, seed: int, count: int = 30) -> list[tuple[str, int]]:
    random = Random(seed)
    return [(name, t) for t in sorted(random.sample(range(60_000), count))]


def test_clocks_off_by_a_constant_are_off_by_default() -> None:
    walk = irregular("a", 1)
    assert attribute(shifted(walk, 250), walk) == {}


@pytest.mark.parametrize("by", [-500, -250, -1, 0, 1, 250, 500])
def test_clocks_off_by_a_constant_within_the_limit(by: int) -> None:
    walk = irregular("a", 1)
    assert attribute(shifted(walk, -by), walk, 500) == {"a": ("a", 30, 30, 1 if by else 0, 1.0, by)} or (
        attribute(shifted(walk, -by), walk, 500)["a"][5] == by
    )


def test_clocks_off_by_more_than_the_limit_are_nobodys() -> None:
    walk = irregular("a", 1)
    assert attribute(shifted(walk, 501), walk, 500) == {}


def test_every_clock_may_be_off_by_its_own() -> None:
    walks = {name: irregular(name, seed) for seed, name in enumerate("abcdefgh")}
    off = {name: 37 * number - 111 for number, name in enumerate(walks)}
    devices = [reading for name, walk in walks.items() for reading in shifted(walk, -off[name])]
    found = attribute(devices, [reading for walk in walks.values() for reading in walk], 200)
    assert owners(found) == {name: name for name in walks}
    assert {name: row[5] for name, row in found.items()} == off


def test_at_a_steady_pace_no_one_gets_a_device_by_choosing_the_difference() -> None:
    """Devices that read every second match any phone that does, at some difference: these stay nobody's."""
    steady = {name: [(name, 1000 * t + 137 * number) for t in range(30)] for number, name in enumerate("abc")}
    phones = [*steady["a"], *steady["b"]]
    devices = [reading for walk in steady.values() for reading in walk]
    assert owners(attribute(devices, phones, 1000)) == {"a": "a", "b": "b"}
    assert attribute(steady["c"], phones, 1000) == {}


def test_training_follows_the_clock_of_the_phone(
    tmp_path: Path, write_landing: Callable[..., Path], write_walk: Callable[..., None], add_lines: Callable[..., Path]
) -> None:
    landing = write_landing(tmp_path / "landing", ["Ada"])
    write_walk(landing, "Ada", [1655297000000 + 997 * t for t in range(8)])
    file = landing / "step_trainer/landing/walk of Ada.json"
    late = [{**row, "sensorReadingTime": row["sensorReadingTime"] - 40} for row in rows_of(file)]
    add_lines(landing, "step_trainer", late, file.name)
    (landing / "step_trainer/landing/distances.json").write_bytes(b"")
    for skew, rows in ((0, 0), (39, 0), (40, 8)):
        run = build(tmp_path / "lake", landing, clock_skew_ms=skew)
        assert run.manifest is not None
        assert run.manifest.rows()["training_curated"] == rows
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(tmp_path / "lake/training/curated/*.parquet"))
        assert found.filter("timestamp - sensorReadingTime = 40").count("*").fetchall() == [(8,)]


@pytest.mark.parametrize(("readings", "rows"), [(100, 106), (101, 6)])
def test_a_phone_with_too_many_readings_of_one_instant(
    *, tmp_path: Path, write_landing: Callable[..., Path], write_walk: Callable[..., None], readings: int, rows: int
) -> None:
    landing = write_landing(tmp_path / "landing", ["Ada"])
    for file in landing.rglob("*.json"):
        if "customer" not in str(file):
            file.write_bytes(b"")
    write_walk(landing, "Ada", range(1655297000000, 1655297000007))
    file = landing / "accelerometer/landing/walk of Ada.json"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines) + lines[0] * (readings - 1))
    run = build(tmp_path / "lake", landing)
    assert run.manifest is not None
    assert run.manifest.rows()["training_curated"] == rows
