"""A build that is killed, at every step of its publish and at random times, leaves the old lake or the new one.

Another process goes on from what each has left.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from victims import Victims

from stedi.build import build
from stedi.errors import EnvironmentFault
from stedi.lake import Lake
from stedi.stages import STAGES
from stedi.verify import verify

RANDOM_KILLS = 30

DECISIVE = "move _stedi/staging/journal.json"
"""The step that puts the journal in place: all before it is the old lake, all after it the new one."""

Content = dict[str, tuple[str, list[str]]]

WORK = """
from stedi.build import build
from stedi.publish import settle

def work(action, lake, landing, other, last, moment):
    storage = Dying(Path(lake))
    Dying.last, Dying.moment = int(last), moment
    if action == "settle":
        settle(storage)
    elif action == "build":
        build(lake, landing, storage=storage, pseudonym_key="key")
    while action == "build for ever":
        build(lake, landing, force=True, pseudonym_key="key")
        build(lake, other, force=True, pseudonym_key="key")
"""
"""Of the processes that are killed: action, lake, landing, other landing, last step, moment."""


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    found = Victims(WORK)
    yield found
    found.close()


class World:
    """Two landing folders that differ in every table, and the two lakes that they give."""

    def __init__(
        self,
        folder: Path,
        write: Callable[..., Path],
        add: Callable[..., Path],
        walk: Callable[..., None],
        read: Callable[[Path], Content],
    ) -> None:
        self.folder = folder
        self.read = read
        self.old_landing = write(folder / "old-landing", ("Ada", "Bob"))
        walk(self.old_landing, "Ada", range(1655297000000, 1655297000020))
        add(self.old_landing, "customer", ["no json"])
        self.new_landing = write(folder / "new-landing", ("Eve", "Mallory", "Trent"))
        walk(self.new_landing, "Eve", range(1655298000000, 1655298000020))
        add(self.new_landing, "accelerometer", ["no json", "{}"])
        build(folder / "old", self.old_landing, pseudonym_key="key")
        build(folder / "new", self.new_landing, pseudonym_key="key")
        self.old, self.new = read(folder / "old"), read(folder / "new")
        self.lake = folder / "lake"

    def reset(self, *, empty: bool) -> None:
        shutil.rmtree(self.lake, ignore_errors=True)
        if not empty:
            shutil.copytree(self.folder / "old", self.lake)

    def whole(self, turn: int) -> str:
        """Run the next command, another kind each turn, and return which of the two lakes is there: all of it."""
        kind = turn % 3
        if kind == 0:
            # the same lake whichever was there, but it says what it found
            found = build(self.lake, self.new_landing, pseudonym_key="key")
            assert self.read(self.lake) == self.new
            return "none" if found.published is None else "old" if found.stale else "new"
        if self.read(self.lake) == {} and not (self.lake / "_stedi/journal.json").exists():
            with pytest.raises(EnvironmentFault, match="no lake was built"):
                Lake.open(self.lake)
            return "none"
        if kind == 1:
            assert verify(self.lake).problems == []
        else:
            with Lake.open(self.lake) as opened:
                assert opened.sql("select distinct customerName from customer_trusted").pl().height
        content = self.read(self.lake)
        assert content in (self.old, self.new), "a mix"
        return "new" if content == self.new else "old"

    def assert_next_build_is_clean(self) -> None:
        build(self.lake, self.new_landing, pseudonym_key="key")
        assert self.read(self.lake) == self.new
        files = [path for path in (self.lake / "_stedi").rglob("*") if path.is_file()]
        left = {path.relative_to(self.lake).as_posix() for path in files}
        # the name of a dead holder is of no consequence: it is shown only while the lock is held
        assert left - {"_stedi/lock.holder", "_stedi/lock.holder.partial"} == {"_stedi/manifest.json", "_stedi/lock"}
        assert not [path for path in self.lake.rglob("*.partial") if path.name != "lock.holder.partial"]


@pytest.fixture
def world(
    tmp_path: Path,
    write_landing: Callable[..., Path],
    add_lines: Callable[..., Path],
    write_walk: Callable[..., None],
    read_lake: Callable[[Path], Content],
) -> World:
    return World(tmp_path, write_landing, add_lines, write_walk, read_lake)


def test_the_two_lakes_differ_in_every_table(world: World) -> None:
    assert len(world.old) == len(world.new) == 8
    assert len(world.old.keys() & world.new.keys()) == 7
    assert all(
        world.old[path] != world.new[path] and world.old[path][1] for path in world.old.keys() & world.new.keys()
    )


@pytest.mark.parametrize("moment", ["before", "halfway", "after"])
@pytest.mark.parametrize("before", ["none", "old"])
def test_killed_at_each_step_of_a_build(world: World, victims: Victims, before: str, moment: str) -> None:
    steps: list[str] = []
    states: list[str] = []
    while True:
        world.reset(empty=before == "none")
        step = victims.step("build", world.lake, world.new_landing, "-", len(steps) + 1, moment)
        if not step:
            break
        steps.append(step)
        states.append(world.whole(len(steps)))
        world.assert_next_build_is_clean()
    assert world.whole(0) == "new"
    decided = steps.index(DECISIVE) + (moment != "after")
    assert states == [before] * decided + ["new"] * (len(steps) - decided)
    assert {re.sub("staging/[0-9a-f]{16}/", "staging/", step) for step in steps if step.startswith("move")} >= {
        f"move _stedi/staging/tables/{name}-0.parquet" for name in STAGES
    } | {"move _stedi/staging/quarantine/accelerometer_landing.parquet", "move _stedi/staging/manifest.json"}
    assert steps[-2:] == ["delete _stedi/journal.json", "clear _stedi/staging"]
    assert ("delete _quarantine/customer/quarantine.parquet" in steps) == (before == "old")


@pytest.mark.parametrize("moment", ["before", "halfway", "after"])
def test_killed_at_each_step_of_the_recovery(world: World, victims: Victims, moment: str) -> None:
    world.reset(empty=False)
    last = 1
    # stopped with the journal in place and nothing moved
    while victims.step("build", world.lake, world.new_landing, "-", last, "after") != DECISIVE:
        world.reset(empty=False)
        last += 1
    stopped = world.folder / "stopped"
    world.lake.rename(stopped)
    steps: list[str] = []
    while True:
        shutil.rmtree(world.lake, ignore_errors=True)
        shutil.copytree(stopped, world.lake)
        step = victims.step("settle", world.lake, world.new_landing, "-", len(steps) + 1, moment)
        if not step:
            break
        steps.append(step)
        assert world.whole(len(steps)) == "new"
        world.assert_next_build_is_clean()
    assert len([step for step in steps if step.startswith("move")]) == 9
    assert world.whole(0) == "new"


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_times(world: World, victims: Victims, seed: int) -> None:
    world.reset(empty=False)
    times = random.Random(seed)
    states = ["old"]
    longest = 0.3
    for turn in range(RANDOM_KILLS // 2):
        assert victims.kill_after(
            times.uniform(0.01, longest), "build for ever", world.lake, world.new_landing, world.old_landing, 0, "-"
        )
        states.append(world.whole(turn))
        # about half of the kills shall come after a build: how long that takes depends on the machine
        longest *= 0.8 if states[-1] != states[-2] else 1.25
    assert "none" not in states
    assert len(set(states)) == 2, "no build came to its end"
    world.assert_next_build_is_clean()
