"""A forget that is killed, at any step or time, has changed nothing, or the next command finishes it.

And in no moment between has landing lost a line of anybody else.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from person import ADA, traces, write_people
from victims import Victims

from stedi.build import build
from stedi.forget import forget
from stedi.lake import Lake
from stedi.publish import ERASING
from stedi.tombstones import TOMBSTONES
from stedi.verify import verify

EMAIL = str(ADA["email"])
EVERY_STEP = bool(os.environ.get("STEDI_FORGET_DEEP"))

MOMENTS = ("before", "halfway", "after")

PAIRS = [(place, moment) for moment in MOMENTS for place in ("elsewhere", "inside")]
PAIRS = PAIRS if EVERY_STEP else PAIRS[::3] + PAIRS[5:]
"""Where the landing data are, and when in a step a process is killed."""

DECISIVE = "move _stedi/staging/journal.json"

WORK = """
import stedi.forget, stedi.person, stedi.remains, stedi.mentions
import stedi.publish
from stedi.forget import forget

def work(action, lake, email, last, moment):
    Dying.last, Dying.moment = int(last), moment
    if action == "settle":
        stedi.publish.open_storage = lambda uri, options=None: Dying(Path(uri))
        stedi.publish.settle(Dying(Path(lake)))
    else:
        stedi.forget.open_storage = lambda uri, options=None: Dying(Path(uri))
        forget(lake, email, pseudonym_key="key")
"""
"""Of the processes that are killed: action, lake, email, last step, moment."""


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    found = Victims(WORK)
    yield found
    found.close()


class World:
    """A lake from which Ada is to go, as it was, and the tables that are to be."""

    def __init__(self, folder: Path, read: Callable[[Path], dict[str, tuple[str, list[str]]]], *, inside: bool) -> None:
        self.folder = folder
        self._read = read
        self.people = write_people(folder / "landing")
        self.landing = self.people.landing
        self.lake = self.landing if inside else folder / "lake"
        build(self.lake, self.landing, pseudonym_key="key")
        self.was = {path: (self.landing / path).read_bytes() for path in self.people.others}
        self.old = self.tables()
        self._places = [self.landing] if inside else [self.landing, self.lake]
        self.keep()
        forget(self.lake, EMAIL, pseudonym_key="key")
        self.new = self.tables()
        self.reset()

    def tables(self) -> dict[str, list[str]]:
        return {path: lines for path, (_, lines) in self._read(self.lake).items()}

    def keep(self) -> None:
        """Have what is there now be that to which `reset` returns."""
        shutil.rmtree(self.folder / "was", ignore_errors=True)
        for place in self._places:
            shutil.copytree(place, self.folder / "was" / place.name)

    def reset(self) -> None:
        for place in self._places:
            shutil.rmtree(place)
            shutil.copytree(self.folder / "was" / place.name, place)

    def finish(self, turn: int) -> str:
        """Run the next command, another kind each turn, and return which lake is there: all of it."""
        self.people.assert_whole(self.was)
        if turn % 3 == 0:
            build(self.lake, self.landing, pseudonym_key="key")
        elif turn % 3 == 1:
            assert verify(self.lake).problems == []
        else:
            with Lake.open(self.lake) as opened:
                assert opened.sql("select count(*) from customer_trusted").pl().height
        now = self.tables()
        assert now in (self.old, self.new), "a mix"
        if now == self.old:
            assert {path: (self.landing / path).read_bytes() for path in self.was} == self.was
            assert not (self.lake / TOMBSTONES).exists()
            return "old"
        self.people.assert_only_theirs_went()
        assert traces(self.people.values, self.lake, self.landing) == []
        return "new"

    def assert_clean_in_the_end(self) -> None:
        found = forget(self.lake, EMAIL, pseudonym_key="key")
        assert found.done or found.was_forgotten
        assert self.tables() == self.new
        assert traces(self.people.values, self.lake, self.landing) == []
        build(self.lake, self.landing, pseudonym_key="key")
        assert verify(self.lake).problems == []
        assert not list(self.landing.glob(f"{ERASING}*"))
        assert not (self.lake / "_stedi/staging").exists()
        assert not list(self.landing.rglob("*.partial"))


@pytest.fixture
def world(
    request: pytest.FixtureRequest, tmp_path: Path, read_lake: Callable[[Path], dict[str, tuple[str, list[str]]]]
) -> World:
    return World(tmp_path, read_lake, inside=request.param == "inside")


def to_kill_at(steps: list[str], moment: str) -> list[int]:
    """Return the numbers of the steps to kill at: of several that are alike the first and the last, or all of them."""
    like = [
        re.sub(r"[^ ]*/(tables|quarantine)/.*|(?<=\.stedi-erasing-).*|(?<=delete )_quarantine/.*", "", step)
        for step in steps
    ]
    ends = {like.index(step) for step in like} | {len(like) - 1 - like[::-1].index(step) for step in like}
    if EVERY_STEP:
        return list(range(1, len(steps) + 1))
    # each of them by one of three tests
    return [at + 1 for at in sorted(ends)][MOMENTS.index(moment) :: len(MOMENTS)]


@pytest.mark.parametrize(("world", "moment"), PAIRS, indirect=["world"])
def test_killed_at_each_step(world: World, victims: Victims, moment: str) -> None:
    steps = victims.steps("forget", world.lake, EMAIL, -1, "-")
    assert world.finish(0) == "new"
    states = {}
    for number in to_kill_at(steps, moment):
        world.reset()
        step = victims.step("forget", world.lake, EMAIL, number, moment)
        assert of_any_build(step) == of_any_build(steps[number - 1])
        states[number] = world.finish(number)
        if EVERY_STEP or number % 3 == 0:
            world.assert_clean_in_the_end()
    decided = steps.index(DECISIVE) + (moment != "after")
    assert states == {number: "old" if number <= decided else "new" for number in states}
    moves = [step for step in steps[steps.index(DECISIVE) + 1 :] if step.startswith("move")]
    landing = len({path for path in world.was if world.was[path] != (world.landing / path).read_bytes()})
    # landing files first, then the tombstones, then everything else, the manifest last
    assert [step.startswith(f"move {ERASING}-") for step in moves].index(False) == landing == 10
    assert moves[landing : landing + 2] == [f"move _stedi/staging/forgotten.{name}" for name in ("key", "json")]
    assert moves[-1] == "move _stedi/staging/manifest.json"


def of_any_build(step: str) -> str:
    return re.sub(r"(/staging/|-erasing-)[0-9a-f]{16}", r"\1OF-THIS-RUN", step)


@pytest.mark.parametrize(("world", "moment"), PAIRS, indirect=["world"])
def test_killed_at_each_step_of_the_recovery(world: World, victims: Victims, moment: str) -> None:
    last = victims.steps("forget", world.lake, EMAIL, -1, "-").index(DECISIVE) + 1
    world.reset()
    assert victims.step("forget", world.lake, EMAIL, last, "after") == DECISIVE
    world.keep()
    steps = victims.steps("settle", world.lake, EMAIL, -1, "-")
    assert len([step for step in steps if step.startswith(f"move {ERASING}-")]) == 10
    assert world.finish(1) == "new"
    for number in to_kill_at(steps, moment):
        world.reset()
        assert victims.step("settle", world.lake, EMAIL, number, moment) == steps[number - 1]
        assert world.finish(number) == "new"
    world.assert_clean_in_the_end()


@pytest.mark.parametrize("world", ["elsewhere"], indirect=True)
def test_killed_at_random_times(world: World, victims: Victims) -> None:
    times = random.Random(5)
    states: list[str] = []
    longest = 0.6
    turns = itertools.count()
    # on a busy machine it takes more kills until one comes too late, for the bound grows with each that does not
    while (turn := next(turns)) < (50 if EVERY_STEP else 8) or len(set(states)) < 2:
        world.reset()
        killed = victims.kill_after(times.uniform(0.02, longest), "forget", world.lake, EMAIL, 0, "-")
        # about half of the kills shall come too late: how long it takes depends on the machine
        longest *= 1.25 if killed else 0.8
        states.append(world.finish(turn))
        assert killed or states[-1] == "new"
    world.assert_clean_in_the_end()
