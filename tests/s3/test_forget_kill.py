"""A forget on S3 that is killed before any of its changes has changed nothing, or the next command finishes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from person import ADA, People, traces, write_people
from s3.victims import Victims, die

from stedi.build import build
from stedi.forget import forget
from stedi.lake import Lake
from stedi.storage import Options
from stedi.verify import verify

if TYPE_CHECKING:
    from s3.bucket import Bucket

pytestmark = pytest.mark.usefixtures("quick")

EVERY_STEP = bool(os.environ.get("STEDI_S3_DEEP"))
EMAIL = str(ADA["email"])
DECISIVE = "COPY lake/_stedi/journal.json"

WORK = f"""
import stedi.forget, stedi.person, stedi.remains, stedi.mentions
from stedi.forget import forget
from stedi.storage import Options

def work(lake):
    options = Options(cache_dir=os.environ["STEDI_CACHE_DIR"])
    forget(lake, {EMAIL!r}, pseudonym_key="key", options=options)
"""


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    found = Victims(WORK)
    yield found
    found.close()


class World:
    """A lake in a bucket, its landing data in it, from which Ada is to go."""

    def __init__(self, s3: Bucket, folder: Path) -> None:
        self.s3 = s3
        self.uri = s3.uri("lake")
        self._folder = folder
        self.options = Options(cache_dir=os.environ["STEDI_CACHE_DIR"])
        self._people: People = write_people(folder / "landing")
        s3.upload(self._people.landing, "lake")
        build(self.uri, self.uri, pseudonym_key="key", options=self.options)
        self._was = {key: s3.get(key) for key in s3.keys("")}

    def reset(self) -> None:
        self.s3.empty()
        self.s3.put_many(self._was)

    def changes(self) -> list[str]:
        """Return the changes that a forget makes, in order."""
        self.s3.proxy.clear()
        forget(self.uri, EMAIL, pseudonym_key="key", options=self.options)
        return [f"{request.kind} {request.key}" for request in self.s3.requests() if request.changes]

    def see_landing(self) -> None:
        """See that no landing object has lost a line but Ada's."""
        for path in self._people.others:
            (self._people.landing / path).write_bytes(self.s3.get(f"lake/{path}"))
        self._people.assert_whole({path: self._was[f"lake/{path}"] for path in self._people.others})

    def state(self) -> str:
        """Return whether Ada is where she was, or nowhere."""
        shutil.rmtree(self._folder / "now", ignore_errors=True)
        now = self.s3.download(self._folder / "now")
        if not traces(self._people.values, now):
            self.see_landing()
            self._people.assert_only_theirs_went()
            return "new"
        same = {key: self.s3.get(key) for key in self.s3.keys("") if "/_stedi/" not in key}
        return "old" if same == {key: data for key, data in self._was.items() if "/_stedi/" not in key} else "a mix"

    def finish(self, turn: int) -> str:
        """Run the next command, another kind each turn."""
        self.see_landing()
        if turn % 3 == 0:
            build(self.uri, self.uri, pseudonym_key="key", options=self.options)
        elif turn % 3 == 1:
            assert verify(self.uri, options=self.options).problems == []
        else:
            with Lake.open(self.uri, options=self.options) as opened:
                assert opened.sql("select count(*) from customer_trusted").pl().height
        return self.state()


@pytest.fixture
def world(s3: Bucket, tmp_path: Path) -> World:
    return World(s3, tmp_path)


def to_kill_at(steps: list[str], decided: int) -> list[int]:
    """Return the numbers of the steps to kill at: all, or around the decision, some that follow, and at the end."""
    last = len(steps)
    some = {2, decided, decided + 1, decided + 2, decided + 14, decided + 22, last - 20, last - 2}
    return list(range(1, last + 1)) if EVERY_STEP else sorted(some)


@pytest.mark.parametrize("part", range(2))
def test_killed_before_each_change(world: World, victims: Victims, part: int) -> None:
    cache = Path(os.environ["STEDI_CACHE_DIR"])
    steps = world.changes()
    assert world.state() == "new"
    decided = steps.index(DECISIVE) + 1
    moves = [step for step in steps[decided:] if step.startswith("COPY")]
    assert [("/landing/" in step) for step in moves] == [True] * 10 + [False] * (len(moves) - 10)
    for number in to_kill_at(steps, decided)[part::2]:
        world.reset()
        step = die(world, victims, number)
        assert step, steps[number - 1]
        assert world.finish(number) == ("new" if number > decided else "old"), step
        if world.s3.keys("lake/_stedi/lock"):
            build(world.uri, world.uri, force=True, pseudonym_key="key", options=world.options)
        again = forget(world.uri, EMAIL, pseudonym_key="key", options=world.options)
        assert again.done or again.was_forgotten
        assert world.state() == "new"
        assert world.s3.keys("lake/.stedi-erasing") == []
        assert traces([EMAIL], cache) == []
