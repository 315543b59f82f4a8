"""A build on S3 that is killed before any of its changes leaves the old lake or the new one, and nothing else.

Every kill is real: the proxy ends the process in the middle of a request, and the request never reaches S3.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from s3.victims import Killer, Victims, die

from stedi.build import build
from stedi.errors import EnvironmentFault
from stedi.lake import Lake
from stedi.verify import verify

if TYPE_CHECKING:
    from s3.lakehouse import Lakehouse

pytestmark = pytest.mark.usefixtures("quick")

EVERY_STEP = bool(os.environ.get("STEDI_S3_DEEP"))
RANDOM_KILLS = 20 if EVERY_STEP else 3

DECISIVE = "COPY lake/_stedi/journal.json"
"""The change that puts the journal in place: all before it is the old lake, all after it the new one."""

WORK = """
from stedi.build import build

def work(lake):
    build(lake, lake, force=True)
"""


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    found = Victims(WORK)
    yield found
    found.close()


def whole(lake: Lakehouse, turn: int) -> str:
    """Run the next command, another kind each turn, and return which lake is there: all of it."""
    if turn % 3 == 0:
        # the same lake whichever was there, but it says what it found
        found = build(lake.uri, lake.uri)
        assert lake.state() == "new"
        return "none" if found.published is None else "old" if found.stale else "new"
    if "lake/_stedi/journal.json" not in lake.s3.keys("lake/_stedi/") and lake.state() == "none":
        with pytest.raises(EnvironmentFault, match="no lake was built"):
            Lake.open(lake.uri)
        return "none"
    if turn % 8 == 1:
        # the landing data are those of the lake that was to be
        assert [problem for problem in verify(lake.uri).problems if "landing" not in problem] == []
    else:
        with Lake.open(lake.uri) as opened:
            assert opened.sql("select distinct customerName from customer_trusted").pl().height
    return lake.state()


def assert_next_build_is_clean(lake: Lakehouse, cache: Path) -> None:
    build(lake.uri, lake.uri)
    if lake.s3.keys("lake/_stedi/lock"):
        # the dead one had only its lock left to release: it is in nobody's way
        build(lake.uri, lake.uri, force=True)
    lake.assert_new()
    # what the dead one had made, on this machine
    assert [path for path in (cache / "made").rglob("*") if path.is_file()] == []


def changes(lake: Lakehouse) -> list[str]:
    """Return the changes that a build makes, in order; those that are made side by side are in any."""
    lake.s3.proxy.clear()
    build(lake.uri, lake.uri, force=True)
    return [f"{request.kind} {request.key}" for request in lake.s3.requests() if request.changes]


def test_the_changes_that_a_build_makes(lake: Lakehouse) -> None:
    steps = changes(lake)
    decided = steps.index(DECISIVE)
    assert steps[0] == "PUT lake/_stedi/lock"
    assert all(step.startswith("PUT lake/_stedi/staging/") for step in steps[1:decided])
    assert {step.removeprefix("COPY lake/") for step in steps[decided:] if step.startswith("COPY")} == {
        *lake.new,
        "_stedi/manifest.json",
        "_stedi/journal.json",
    }
    assert "DELETE lake/_quarantine/customer/quarantine.parquet" in steps[decided:]
    assert steps[-1] == "DELETE lake/_stedi/lock"
    lake.assert_new()


def part_of(step: str) -> str:
    """Return the part of a build that a step is of: those of one part are done side by side, and come in any order."""
    if re.match(r"PUT lake/_stedi/staging/[0-9a-f]{16}/", step):
        return "staging"
    if re.match(r"COPY lake/\w+/\w+/\w+-0.parquet|COPY lake/_quarantine/|DELETE lake/_stedi/staging/\w{16}/", step):
        return "putting in place"
    return step


def to_kill_at(steps: list[str]) -> list[int]:
    """Return the numbers of the steps to kill at: of each part some from the first to the last, or all of them."""
    numbers: dict[str, list[int]] = {}
    for number, step in enumerate(steps, 1):
        numbers.setdefault(part_of(step), []).append(number)
    some = {found[at] for found in numbers.values() for at in {0, len(found) // 3, 2 * len(found) // 3, -1}}
    return [number for number in range(1, len(steps) + 1) if EVERY_STEP or number in some]


@pytest.mark.parametrize("part", range(3))
def test_killed_before_each_change(lake: Lakehouse, victims: Victims, tmp_path: Path, part: int) -> None:
    kill_each(lake=lake, victims=victims, before="old", first=part, every=3, cache=tmp_path / "cache")


def test_killed_where_there_was_no_lake(lake: Lakehouse, victims: Victims, tmp_path: Path) -> None:
    lake.reset(empty=True)
    # there is less to see
    every = 1 if EVERY_STEP else 4
    kill_each(lake=lake, victims=victims, before="none", first=2, every=every, cache=tmp_path / "cache")


def kill_each(*, lake: Lakehouse, victims: Victims, before: str, first: int, every: int, cache: Path) -> None:
    """Kill builds one after the other, each at a step of its own, and look at what each has left."""
    steps = changes(lake)
    for last in to_kill_at(steps)[first % every :: every]:
        lake.reset(empty=before == "none")
        step = die(lake, victims, last)
        assert part_of(step) == part_of(steps[last - 1])
        assert whole(lake, last) == ("new" if last > steps.index(DECISIVE) + 1 else before), step
        assert_next_build_is_clean(lake, cache)


def test_killed_in_the_middle_of_an_upload_in_parts(lake: Lakehouse, victims: Victims, tmp_path: Path) -> None:
    seen = set()
    for last in range(3, 30, 4):
        lake.reset()
        # so small that every table is uploaded in parts, which S3 would refuse at the end
        step = die(lake, victims, last, part=300)
        unfinished = lake.s3.uploads()
        seen.add(bool(unfinished))
        assert step
        assert_next_build_is_clean(lake, tmp_path / "cache")
        if True in seen:
            break
    assert True in seen


def test_uploads_that_somebody_else_has_not_finished_stay(lake: Lakehouse) -> None:
    ours, theirs = "lake/_stedi/staging/x/tables/a.parquet", "lake/customer/landing/large.json"
    for key in (ours, theirs, "lake2/_stedi/staging/b"):
        lake.s3.client.create_multipart_upload(Bucket=lake.s3.name, Key=key)
    build(lake.uri, lake.uri)
    assert [upload["Key"] for upload in lake.s3.uploads()] == [theirs, "lake2/_stedi/staging/b"]


def test_killed_at_random_times(lake: Lakehouse, victims: Victims, tmp_path: Path) -> None:
    chance = random.Random(3)
    started = time.monotonic()
    victims.start(lake.uri, 32 << 20)
    assert victims.end() == 0
    whole_time = time.monotonic() - started
    killed = 0
    for turn in range(10 * RANDOM_KILLS):
        lake.reset()
        pid = victims.start(lake.uri, 32 << 20)
        time.sleep(chance.random() * whole_time)
        os.kill(pid, signal.SIGKILL)
        code = victims.end()
        assert code in (0, -signal.SIGKILL)
        lake.s3.proxy.wait_until_idle()
        assert whole(lake, turn) in ("old", "new")
        assert_next_build_is_clean(lake, tmp_path / "cache")
        killed += code != 0
        if killed == RANDOM_KILLS:
            return
    pytest.fail("builds end before they are killed")


def test_killed_while_it_fetches(lake: Lakehouse, victims: Victims, tmp_path: Path) -> None:
    lake.s3.proxy.clear()
    killer = Killer(lake, lambda request: request.kind == "GET" and "/landing/" in request.key, 2)
    killer.kill(victims.start(lake.uri, 32 << 20))
    assert victims.end() == -signal.SIGKILL
    lake.s3.proxy.wait_until_idle()
    lake.s3.proxy.clear()
    assert lake.state() == "old"
    assert_next_build_is_clean(lake, tmp_path / "cache")
