"""One build at a time changes a lake on S3, and a lock that nobody holds is in nobody's way."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from s3.faults import answer, before, lose
from s3.proxy import Fault, on

from stedi.errors import LakeBusy
from stedi.storage import Options, open_storage

if TYPE_CHECKING:
    from s3.lakehouse import Lakehouse

Command = Callable[..., tuple[int, str, str]]

LOCK = "lake/_stedi/lock"

pytestmark = pytest.mark.usefixtures("quick")


class Other:
    """A build in a process of its own, held up in the middle."""

    def __init__(self, process: subprocess.Popen[str], release: threading.Event) -> None:
        self.process = process
        self._release = release

    def end(self) -> tuple[int, str]:
        """Let it go on, and return its exit code and stderr."""
        self._release.set()
        err = self.process.communicate(timeout=30)[1]
        return self.process.returncode, err


@contextmanager
def other_build(lake: Lakehouse, command: list[str], path: str) -> Iterator[Other]:
    """Have another build under way that waits before it puts something."""
    arrived, release = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        arrived.set()
        release.wait(30)

    lake.s3.proxy.add(Fault(on("PUT", path), before(wait)))
    words = [*command, "build", "--lake", lake.uri]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert arrived.wait(20)
            yield Other(process, release)
        finally:
            release.set()
            process.kill()


def test_two_builds_at_once(lake: Lakehouse, stedi: Command, stedi_command: list[str]) -> None:
    with other_build(lake, stedi_command, "_stedi/staging/journal") as other:
        code, out, err = stedi("build", "--lake", lake.uri)
        assert (code, out) == (2, "")
        holder = f"stedi build, process {other.process.pid} on {platform.node()}, since "
        assert f"Error: {lake.uri}: another process is changing this lake ({holder}" in err
        assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\)", err)
        assert "Fix: wait for it to end; if it is dead, take its lock with `stedi build --break-lock`" in err
        lock = json.loads(lake.s3.get(LOCK))
        assert (lock["process"], "T" in lock["since"]) == (other.process.pid, True)
        # readers need no lock: they read the lake before
        code, out, err = stedi(
            "query", "select count(*) as n from customer_trusted", "--format", "csv", "--lake", lake.uri
        )
        assert (code, out) == (0, "n\r\n2\r\n")
        assert "what is read is the lake before" in err
        assert other.end()[0] == 0
    lake.assert_new()
    put = next(request for request in lake.s3.requests("PUT") if request.key == LOCK)
    assert put.headers["if-none-match"] == "*"


@pytest.mark.parametrize("where", ["here", "on another machine"])
def test_a_lock_is_broken_on_demand_and_its_build_publishes_nothing(
    *,
    lake: Lakehouse,
    stedi: Command,
    stedi_command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    where: str,
) -> None:
    if where != "here":
        monkeypatch.setenv("STEDI_CACHE_DIR", str(tmp_path / "another"))
    with other_build(lake, stedi_command, "_stedi/staging/") as other:
        monkeypatch.setenv("STEDI_CACHE_DIR", str(tmp_path / "cache"))
        assert stedi("build", "--lake", lake.uri, "--break-lock")[0] == 0
        lake.assert_new()
        ids = {path: build for path, (build, _) in lake.content().items()}
        code, err = other.end()
        assert code == 2
        assert "somebody has broken the lock of this build; nothing was published" in err
    assert {path: build for path, (build, _) in lake.content().items()} == ids
    assert lake.s3.keys(LOCK) == []
    # what it had staged goes with the next build
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.assert_new()


def test_a_lock_that_somebody_else_has_by_now_is_not_released(
    lake: Lakehouse, stedi: Command, stedi_command: list[str]
) -> None:
    with other_build(lake, stedi_command, "_stedi/staging/") as other:
        lake.s3.put(LOCK, foreign())
        assert other.end()[0] == 2
    assert lake.s3.get(LOCK) == foreign()
    assert lake.state() == "old"


def test_the_lock_of_a_dead_process_of_this_machine_is_taken_over(
    lake: Lakehouse, stedi: Command, stedi_command: list[str]
) -> None:
    with other_build(lake, stedi_command, "_stedi/staging/") as other:
        other.process.kill()
        other.process.wait(10)
    assert json.loads(lake.s3.get(LOCK))["process"] == other.process.pid
    lake.s3.proxy.wait_until_idle()
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.assert_new()


def foreign(process: int = 1) -> bytes:
    """Return the lock of a process of another machine."""
    holder = f"stedi build, process {process} on elsewhere"
    return json.dumps(
        {"holder": holder, "machine": "elsewhere", "process": process, "since": "2026-01-31T12:00:00+00:00", "id": "1"}
    ).encode()


def test_the_lock_of_another_machine_is_respected_until_it_is_broken(lake: Lakehouse, stedi: Command) -> None:
    lake.s3.put(LOCK, foreign(os.getpid()))
    code, out, err = stedi("build", "--lake", lake.uri)
    assert (code, out) == (2, "")
    assert f"(stedi build, process {os.getpid()} on elsewhere, since 2026-01-31T12:00:00+00:00)" in err
    assert lake.s3.get(LOCK) == foreign(os.getpid())
    assert lake.state() == "old"
    assert stedi("build", "--lake", lake.uri, "--break-lock")[0] == 0
    lake.assert_new()


@pytest.mark.parametrize("content", [b"\xff not json", b"[]", b'{"process": "1", "machine": 7}'])
def test_a_lock_that_says_nothing_is_respected_until_it_is_broken(
    lake: Lakehouse, stedi: Command, content: bytes
) -> None:
    lake.s3.put(LOCK, content)
    code, _, err = stedi("build", "--lake", lake.uri)
    assert code == 2
    assert "another process is changing this lake (its name is not known" in err
    assert stedi("build", "--lake", lake.uri, "--break-lock")[0] == 0
    lake.assert_new()


def test_a_lock_that_came_with_a_copy_of_a_folder_is_nobodys(lake: Lakehouse, stedi: Command) -> None:
    lake.s3.put(LOCK, b"")
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.assert_new()


def test_the_name_of_a_holder_cannot_write_lines_of_its_own(lake: Lakehouse, stedi: Command) -> None:
    lake.s3.put(LOCK, json.dumps({"holder": "a\x1b[31m\nError: b", "since": ["\r"]}).encode())
    code, _, err = stedi("build", "--lake", lake.uri)
    assert code == 2
    assert "\x1b" not in err
    assert "\nError: b" not in err


def test_of_two_that_take_over_one_lock_one_gets_it(lake: Lakehouse, stedi: Command) -> None:
    lake.s3.put(LOCK, foreign())
    # the other one comes between reading the lock and replacing it
    lake.s3.proxy.add(
        Fault(
            lambda request: request.key == LOCK and "if-match" in request.headers,
            before(lambda _: lake.s3.put(LOCK, foreign(2))),
        )
    )
    code, _, err = stedi("build", "--lake", lake.uri, "--break-lock")
    assert code == 2
    assert "another process is changing this lake" in err
    assert lake.s3.get(LOCK) == foreign(2)
    assert lake.state() == "old"


@pytest.mark.parametrize("held", [False, True])
def test_a_lost_answer_does_not_lock_a_build_out(lake: Lakehouse, stedi: Command, *, held: bool) -> None:
    if held:
        lake.s3.put(LOCK, foreign())
    condition = "if-match" if held else "if-none-match"
    lake.s3.proxy.add(Fault(lambda request: request.key == LOCK and condition in request.headers, lose()))
    assert stedi("build", "--lake", lake.uri, *(["--break-lock"] if held else []))[0] == 0
    lake.assert_new()


def test_a_build_that_fails_releases_its_lock(lake: Lakehouse, stedi: Command) -> None:
    lake.s3.proxy.add(Fault(on("GET", "customers.json"), answer(403, "AccessDenied"), times=None))
    assert stedi("build", "--lake", lake.uri)[0] == 2
    assert lake.s3.keys(LOCK) == []
    lake.assert_old()


def test_each_of_many_has_the_lock_alone(lake: Lakehouse) -> None:
    inside = most = taken = 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most, taken
        for _ in range(5):
            storage = open_storage(lake.uri, Options())
            try:
                with storage.lock("_stedi/lock", "one of many"):
                    with guard:
                        inside, taken = inside + 1, taken + 1
                        most = max(most, inside)
                    storage.stat("_stedi/manifest.json")
                    with guard:
                        inside -= 1
            except LakeBusy:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert taken >= 2
    assert lake.s3.keys(LOCK) == []
