"""Which devices are a customer's: by evidence, and never somebody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from person import START

from stedi.build import build
from stedi.forget import forget
from stedi.person import Person
from stedi.sample import write_sample

Add = Callable[..., Path]


class Town:
    """Landing data of people whose records name a serial number, whose phones and devices record at given instants."""

    def __init__(self, folder: Path, add: Add) -> None:
        self.landing = folder / "landing"
        self._lake = folder / "lake"
        self._add = add
        self._people: list[dict[str, object]] = []
        self._phones: list[dict[str, object]] = []
        self._devices: list[dict[str, object]] = []

    def person(self, name: str, claims: str = "", instants: range = range(0), *, consents: bool = True) -> None:
        """Add a customer, who names a serial number, and whose phone records at some instants."""
        email = f"{name}@example.com"
        record: dict[str, object] = {"email": email, "serialNumber": claims or f"nobody's {name}", "lastUpdateDate": 1}
        self._people.append(record | ({"shareWithResearchAsOfDate": 1} if consents else {}))
        self._phones += [{"user": email, "timestamp": START + at, "x": 1, "y": 1, "z": 1} for at in instants]

    def device(self, serial: str, instants: range) -> None:
        self._devices += [
            {"sensorReadingTime": START + at, "serialNumber": serial, "distanceFromObject": 7} for at in instants
        ]

    def forget(self, name: str) -> Person:
        """Write, build and forget; see that exactly the readings of the devices went that are said to be theirs."""
        ordered = ("customerName", "email", "phone", "birthDay", "serialNumber", "registrationDate", "lastUpdateDate")
        lines = [{key: row.get(key) for key in ordered} | row for row in self._people]
        self._add(self.landing, "customer", lines)
        self._add(self.landing, "accelerometer", self._phones)
        devices = self._add(self.landing, "step_trainer", self._devices)
        build(self._lake, self.landing)
        person = forget(self._lake, f"{name}@example.com").person
        left = [json.loads(line) for line in devices.read_bytes().splitlines()]
        assert left == [row for row in self._devices if row["serialNumber"] not in person.devices]
        return person


@pytest.fixture
def town(tmp_path: Path, add_lines: Add) -> Town:
    town = Town(tmp_path, add_lines)
    for number in range(12):
        town.person(f"other{number}", f"other device {number}", range(1000 * number, 1000 * number + 9))
    return town


@pytest.mark.parametrize("consents", [True, False])
def test_a_device_that_records_when_their_phone_does(town: Town, consents: bool) -> None:
    town.person("ann", "other device 3", range(100_000, 100_010), consents=consents)
    town.device("ann's", range(100_000, 100_010))
    town.device("other device 3", range(3000, 3009))
    person = town.forget("ann")
    assert (person.attributed, person.claimed, person.unproven) == (frozenset({"ann's"}), frozenset(), 1)


def test_a_device_that_only_they_claim(town: Town) -> None:
    town.person("ann", "ann's")
    town.device("ann's", range(100_000, 100_003))
    person = town.forget("ann")
    assert (person.attributed, person.claimed, person.unproven) == (frozenset(), frozenset({"ann's"}), 0)


def test_a_claim_that_somebody_else_makes_too(town: Town) -> None:
    town.person("ann", "other device 5")
    town.device("other device 5", range(100_000, 100_003))
    person = town.forget("ann")
    assert (person.devices, person.unproven) == (frozenset(), 1)


@pytest.mark.parametrize("consents", [True, False])
def test_a_claim_to_a_device_that_is_anothers(town: Town, consents: bool) -> None:
    town.person("bob", "other device 5", range(100_000, 100_010), consents=consents)
    town.person("ann", "bob's")
    town.device("bob's", range(100_000, 100_010))
    person = town.forget("ann")
    assert (person.devices, person.unproven) == (frozenset(), 1)


def test_two_people_who_record_together_cannot_be_told_apart(town: Town) -> None:
    for name in ("ann", "bob"):
        town.person(name, "shared", range(100_000, 100_010))
    town.device("shared", range(100_000, 100_010))
    person = town.forget("ann")
    assert (person.devices, person.unproven) == (frozenset(), 1)


def test_claims_count_for_nothing_where_many_share_a_serial_number(town: Town) -> None:
    for name in ("bob", "cyd", "dan"):
        town.person(name, "the same")
    town.person("ann", "ann's")
    town.device("ann's", range(100_000, 100_003))
    person = town.forget("ann")
    assert (person.devices, person.unproven) == (frozenset(), 1)


def test_the_spellings_of_one_customer_vote_together(town: Town) -> None:
    town.person("ann", "x", range(100_000, 100_010, 2))
    town.person("ANN", "x", range(100_001, 100_010, 2))
    town.device("ann's", range(100_000, 100_010))
    assert town.forget("Ann").attributed == {"ann's"}


@pytest.mark.parametrize("seed", [1, 2])
def test_where_the_truth_is_known(tmp_path: Path, seed: int) -> None:
    """On data with the serial number defect: the device of whoever is forgotten, consenting or not, and no other."""
    landing = tmp_path / "landing"
    write_sample(landing, seed=seed, serial_defect=True)
    truth: dict[str, str] = json.loads((landing / "truth.json").read_bytes())
    (landing / "truth.json").rename(tmp_path / "truth.json")
    build(tmp_path / "lake", landing)
    owners = {owner: serial for serial, owner in truth.items()}
    for email in Random(seed).sample(sorted(owners), 4):
        found = forget(tmp_path / "lake", email)
        assert found.person.devices == {owners[email]}
        assert found.done
