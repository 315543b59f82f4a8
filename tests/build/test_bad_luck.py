"""What bad luck gets: no room, no permission, Ctrl-C, two builds at once, files that somebody damages."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stedi.build import build
from stedi.errors import EnvironmentFault, LakeBusy
from stedi.local import LocalStorage
from stedi.manifest import JOURNAL
from stedi.publish import LOCK
from stedi.sample import write_sample
from stedi.storage import open_storage

Answer = tuple[int, str, str]
Content = dict[str, tuple[str, list[str]]]
Read = Callable[[Path], Content]


def run(command: list[object], **options: object) -> Answer:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert "Traceback" not in done.stderr
    assert "should not have happened" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def staged(lake: Path) -> list[Path]:
    return [path for path in (lake / "_stedi/staging").rglob("*") if path.is_file()]


# --- a lake that cannot be written


@pytest.mark.parametrize("place", ["lake", "lake/below"])
def test_a_file_where_the_lake_should_be(
    landing: Path, tmp_path: Path, stedi: Callable[..., Answer], place: str
) -> None:
    (tmp_path / "lake").write_text("a file")
    code, out, err = stedi("build", "--landing", landing, "--lake", tmp_path / place)
    assert (code, out) == (2, "")
    assert f"{tmp_path / place}: Not a directory" in err
    assert "Fix: " in err
    assert (tmp_path / "lake").read_text() == "a file"


@pytest.mark.parametrize("built", [False, True])
def test_a_lake_that_is_read_only(
    *,
    landing: Path,
    lake: Path,
    stedi: Callable[..., Answer],
    stedi_command: list[str],
    plain_user: list[str],
    read_lake: Read,
    built: bool,
) -> None:
    lake.mkdir()
    if built:
        assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    before = read_lake(lake)
    folders = [lake, *(path for path in lake.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        code, out, err = run([*plain_user, *stedi_command, "build", "--landing", landing, "--lake", lake, "--force"])
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert (code, out) == (2, "")
    assert str(lake) in err
    assert "permission denied\nFix: give this user access, or name another folder" in err
    assert read_lake(lake) == before


@pytest.mark.parametrize("table", ["customer/trusted/customer_trusted-0.parquet", "customer/trusted"])
def test_a_folder_where_a_table_belongs_or_a_file_where_its_folder_does(
    landing: Path, lake: Path, stedi: Callable[..., Answer], read_lake: Read, table: str
) -> None:
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    before = read_lake(lake)
    path, aside = lake / table, lake / "aside"
    path.rename(aside)
    if table.endswith(".parquet"):
        path.mkdir()
        (path / "x").touch()
    else:
        path.touch()
    for _ in range(2):  # the first try must not leave a half-published lake to the second
        code, out, err = stedi("build", "--landing", landing, "--lake", lake)
        assert (code, out) == (2, "")
        assert str(path) in err
        assert "Fix: " in err
    assert not (lake / JOURNAL).exists()
    assert stedi("verify", "--lake", lake)[0] in (1, 2)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    aside.rename(path)
    assert read_lake(lake) == before
    assert stedi("verify", "--lake", lake)[0] == 0


def test_a_folder_in_the_way_of_a_table_that_was_never_built(
    landing: Path, lake: Path, stedi: Callable[..., Answer], read_lake: Read
) -> None:
    way = lake / "step_trainer/trusted/step_trainer_trusted-0.parquet"
    way.mkdir(parents=True)
    code, out, err = stedi("build", "--landing", landing, "--lake", lake)
    assert (code, out) == (2, "")
    assert f"{way}: it is a folder, where a file belongs" in err
    assert not (lake / JOURNAL).exists()
    way.rmdir()
    assert read_lake(lake) == {}
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0


# --- no room


IN_A_SMALL_DISK = """
set -e
mount -t tmpfs -o size="$1",mode=0700 tmpfs "$2"
shift 2
exec "$@"
"""

FILLED = """
import json, os, sys
from pathlib import Path
from stedi.build import build
from stedi.errors import EnvironmentFault
from stedi.manifest import Manifest
from stedi.storage import open_storage
from stedi.verify import verify

small, big, disk = sys.argv[1:]
lake = Path(disk, "lake")

def tables():
    return {path.relative_to(lake).as_posix(): path.read_bytes() for path in sorted(lake.rglob("*"))
            if path.is_file() and "_stedi" not in path.relative_to(lake).parts}

build(lake, small)
before = tables()
try:
    build(lake, big)
    print("built")
except EnvironmentFault as error:
    assert "no space left on the disk" in error.message, error.message
    assert error.fix == "free some space and run the command again"
    assert tables() == before, "the old tables do not stand"
    print("full", error.message)
    # whatever is left of the disk is taken too: the next build must clear what this one has left
    filler = lake / "_stedi/staging/filler"
    filler.parent.mkdir(exist_ok=True)
    try:
        filler.write_bytes(bytes(10_000_000))
    except OSError:
        pass
    assert os.statvfs(disk).f_bavail == 0
    build(lake, small, force=True)
assert not (lake / "_stedi/staging").exists()
assert not (lake / "_stedi/journal.json").exists()
assert verify(lake).problems == []
"""


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return landing data whose lake takes half a megabyte, with bad lines."""
    folder = tmp_path_factory.mktemp("big") / "landing"
    write_sample(folder, dirty=0.002)
    return folder


# from one with no room for the first table to one with room for all but the manifest and the journal
@pytest.mark.parametrize("kilobytes", [80, 100, 200, 400, 600, 1000, 2000])
def test_a_full_disk(landing: Path, big: Path, tmp_path: Path, kilobytes: int) -> None:
    unshare = shutil.which("unshare")
    disk = tmp_path / "disk"
    disk.mkdir()
    inside = ["-m"] if os.geteuid() == 0 else ["-r", "-m"]
    start = [str(unshare), *inside, "sh", "-c", IN_A_SMALL_DISK, "sh", f"{kilobytes}k", str(disk)]
    if unshare is None or subprocess.run([*start, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no small disk can be mounted here, which takes unshare and the right to use it")
    code, out, err = run([*start, sys.executable, "-c", FILLED, landing, big, disk])
    assert code == 0, err
    if kilobytes <= 100:
        assert out.startswith("full ")


@pytest.mark.parametrize("most", [100, 3_000, 30_000, 100_000, 200_000])
def test_a_file_may_not_grow(
    *,
    landing: Path,
    big: Path,
    lake: Path,
    stedi: Callable[..., Answer],
    stedi_command: list[str],
    read_lake: Read,
    most: int,
) -> None:
    """The limit on the size of a file stands in for a full disk where none can be mounted."""
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    before = read_lake(lake)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    code, out, err = run([*stedi_command, "build", "--landing", big, "--lake", lake], preexec_fn=limit)
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert "Fix: " in err
    assert read_lake(lake) == before
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    assert staged(lake) == []
    assert stedi("verify", "--lake", lake)[0] == 0


class Full(LocalStorage):
    """A disk that is full from one write on."""

    def __init__(self, root: Path, at: int) -> None:
        super().__init__(root)
        self.writes = 0
        self.at = at

    def write(self, path: str, data: bytes) -> None:
        self.writes += 1
        if self.writes >= self.at:
            raise EnvironmentFault(f"cannot write {path}: no space left on the disk") from OSError(errno.ENOSPC, "")
        super().write(path, data)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_disk_that_is_full_at_the_end(
    landing: Path, lake: Path, write_landing: Callable[..., Path], read_lake: Read, at: int
) -> None:
    build(lake, landing)
    before = read_lake(lake)
    write_landing(landing, ("Eve",))
    with pytest.raises(EnvironmentFault, match="no space left"):
        build(lake, landing, storage=Full(lake, at))
    assert read_lake(lake) == before
    assert not (lake / JOURNAL).exists()
    build(lake, landing)
    assert read_lake(lake) != before
    assert staged(lake) == []


# --- Ctrl-C


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return landing data of 20 times the sample, a few of its customers' lines bad: a build takes a second or more."""
    folder = tmp_path_factory.mktemp("large") / "landing"
    write_sample(folder, scale=20)
    with (folder / "customer/landing/customer-0000.json").open("a") as customers:
        customers.write("no json\n")
    yield folder
    shutil.rmtree(folder)


INTERRUPTED_AT = """
import sys
__file__ = "stedi"  # else DuckDB takes this for a notebook and draws on stdout
import stedi.build
part = sys.argv[1]
told = stedi.build.Run.done
def done(run, what):
    told(run, what)
    if what.startswith(part):
        print(what, file=sys.stderr, flush=True)
stedi.build.Run.done = done
from stedi.cli import main
sys.argv[1:] = sys.argv[2:]
main()
"""
"""The command line, which says on stderr when a part of the build begins, so that Ctrl-C can come just then."""


@pytest.mark.parametrize(
    ("part", "delay"),
    [
        ("reading", 0.0),
        ("reading", 0.1),
        ("reading", 0.4),
        ("making accelerometer_trusted", 0.0),
        ("making accelerometer_trusted", 0.1),
        ("making machine_learning_curated", 0.1),
        ("auditing", 0.0),
        ("auditing", 0.2),
    ],
)
def test_ctrl_c(
    *, landing: Path, large: Path, lake: Path, stedi: Callable[..., Answer], read_lake: Read, part: str, delay: float
) -> None:
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    before = read_lake(lake)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED_AT, part, "build", "--landing", str(large), "--lake", str(lake)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    while line := process.stderr.readline():
        if line.startswith(part):
            break
    time.sleep(delay)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    took = time.monotonic() - sent
    if process.returncode == 0:
        pytest.skip("this machine had finished the build by then")
    assert process.returncode == 130
    assert took < 2
    assert (out, err.splitlines()[-1]) == ("", "Interrupted")
    assert "Traceback" not in err
    assert read_lake(lake) == before
    assert not (lake / JOURNAL).exists()
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    assert staged(lake) == []
    assert stedi("verify", "--lake", lake)[0] == 0


def test_ctrl_c_at_random_times(
    landing: Path, large: Path, lake: Path, stedi_command: list[str], read_lake: Read
) -> None:
    build(lake, landing)
    before = read_lake(lake)
    times = random.Random(7)
    interrupted = 0
    for _ in range(5):
        process = subprocess.Popen(
            [*stedi_command, "build", "--landing", str(large), "--lake", str(lake)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # before the first import is done Ctrl-C is Python's own affair
        time.sleep(times.uniform(0.4, 1.2))
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        if process.returncode == 0:
            build(lake, landing)
            continue
        assert time.monotonic() - sent < 2
        assert process.returncode == 130
        assert "Traceback" not in err
        assert read_lake(lake) == before
        interrupted += 1
    assert interrupted


class Interrupting(LocalStorage):
    """A place where Ctrl-C comes before or after a step of the publish."""

    def __init__(self, root: Path, at: int, *, after: bool) -> None:
        super().__init__(root)
        self.steps = 0
        self.at = at
        self.after = after
        self.step = ""

    def _step(self, name: str, work: Callable[[], None]) -> None:
        self.steps += 1
        now = self.steps == self.at
        if now:
            self.step = name
        if not now or self.after:
            work()
        if now:
            raise KeyboardInterrupt

    def write(self, path: str, data: bytes) -> None:
        self._step(f"write {path}", lambda: LocalStorage.write(self, path, data))

    def move(self, source: str, target: str) -> None:
        self._step(f"move {target}", lambda: LocalStorage.move(self, source, target))

    def delete(self, path: str) -> None:
        self._step(f"delete {path}", lambda: LocalStorage.delete(self, path))


@pytest.mark.parametrize("after", [False, True])
def test_ctrl_c_at_each_step_of_the_publish_is_all_or_nothing(
    landing: Path, lake: Path, tmp_path: Path, write_landing: Callable[..., Path], read_lake: Read, *, after: bool
) -> None:
    build(lake, landing, pseudonym_key="key")
    new_landing = write_landing(tmp_path / "new", ("Eve",))
    build(tmp_path / "new-lake", new_landing, pseudonym_key="key")
    old, new = read_lake(lake), read_lake(tmp_path / "new-lake")
    shutil.copytree(lake, tmp_path / "old-lake")
    at, outcomes = 0, []
    while True:
        at += 1
        shutil.rmtree(lake)
        shutil.copytree(tmp_path / "old-lake", lake)
        storage = Interrupting(lake, at, after=after)
        try:
            build(lake, new_landing, storage=storage, pseudonym_key="key")
        except KeyboardInterrupt:
            # nothing is published, and no later command will publish it either
            assert read_lake(lake) == old
            assert not (lake / JOURNAL).exists()
            outcomes.append("nothing")
        else:
            assert read_lake(lake) == new
            outcomes.append("all")
        if not storage.step:
            break
    assert at > 10
    assert outcomes == sorted(outcomes, reverse=True)
    assert {"nothing", "all"} == set(outcomes)


# --- two at once


HOLDER = """
import sys, time
from stedi.publish import LOCK
from stedi.storage import open_storage, this_process
with open_storage(sys.argv[1]).lock(LOCK, this_process("stedi build")):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(lake: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lake)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_build_is_refused_and_names_the_holder(
    landing: Path, lake: Path, stedi: Callable[..., Answer], holder: subprocess.Popen[str]
) -> None:
    code, out, err = stedi("build", "--landing", landing, "--lake", lake)
    assert (code, out) == (2, "")
    assert f"{lake}: another process is changing this lake (stedi build, process {holder.pid} on " in err
    assert "Fix: wait for it to end" in err
    assert not (lake / "_stedi/manifest.json").exists()


def test_the_lock_of_a_dead_holder_is_taken_over(
    landing: Path, lake: Path, stedi: Callable[..., Answer], holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    assert (lake / "_stedi/lock.holder").exists()
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    assert stedi("build", "--landing", landing, "--lake", lake, "--force")[0] == 0


def test_two_builds_at_once_one_is_done_and_one_refused(big: Path, lake: Path) -> None:
    begun, go = threading.Event(), threading.Event()

    def wait(what: str, done: int, total: int) -> None:
        assert done < total
        if what == "auditing":
            begun.set()
            assert go.wait(20)

    first = threading.Thread(target=build, args=(lake, big), kwargs={"progress": wait})
    first.start()
    try:
        assert begun.wait(20)
        with pytest.raises(LakeBusy, match=f"stedi build, process {os.getpid()} on") as caught:
            build(lake, big)
        assert caught.value.holder in caught.value.message
        assert caught.value.exit_code == 2
    finally:
        go.set()
        first.join()
    assert not build(lake, big).stale


def test_a_lake_is_read_while_another_process_builds(
    landing: Path, lake: Path, stedi: Callable[..., Answer], read_lake: Read
) -> None:
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    before = read_lake(lake)
    with open_storage(lake).lock(LOCK, "somebody"):
        staged_file = lake / "_stedi/staging/tables/x.parquet"
        staged_file.parent.mkdir(parents=True)
        staged_file.write_bytes(b"half")
        code, _, err = stedi("query", "from customer_trusted", "--lake", lake)
        assert (code, "another process is changing this lake" in err) == (0, True)
        assert staged_file.exists()
    assert read_lake(lake) == before


def test_a_lake_that_is_up_to_date_needs_no_lock(landing: Path, lake: Path, stedi: Callable[..., Answer]) -> None:
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    with open_storage(lake).lock(LOCK, "somebody"):
        assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
        assert stedi("build", "--landing", landing, "--lake", lake, "--force")[0] == 2


# --- published files and landing files that somebody damages or takes away


TRUSTED = "customer/trusted/customer_trusted-0.parquet"
PERSONAL = ("Quillfeather", "@example", "20255", "0967")


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (lambda content: content[:-100], "bytes, not "),
    "empty": (lambda _: b"", "has 0 bytes, not "),
    "no Parquet": (lambda _: b"Ada.Quillfeather@example.com\n", "has 29 bytes, not "),
    "zeros": (lambda content: bytes(len(content)), "has another checksum than when it was published"),
    "wrong magic at the end": (lambda content: content[:-4] + b"RAP1", "has another checksum"),
    "a damaged footer": (lambda content: content[:-600] + bytes(500) + content[-100:], "has another checksum"),
    "damaged rows": (lambda content: content[:4] + bytes(200) + content[204:], "has another checksum"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_published_file_is_named(
    *, landing: Path, lake: Path, stedi: Callable[..., Answer], add_lines: Callable[..., Path], name: str
) -> None:
    damage, wrong = DAMAGE[name]
    build(lake, landing)
    file = lake / TRUSTED
    file.write_bytes(damage(file.read_bytes()))
    # a new reading has the tables made again that read the customers, which are not
    add_lines(landing, "accelerometer", [{"user": "x", "timestamp": 1, "x": 0.0, "y": 0.0, "z": 0.0}])
    commands: list[tuple[object, ...]] = [("query", "from customer_trusted", "--lake", lake)]
    if "checksum" in wrong:  # another size has a build make the table again
        commands.append(("build", "--lake", lake))
    for command in commands:
        code, out, err = stedi(*command)
        assert (code, out) == (2, "")
        assert f"Error: {file}: " in err
        assert wrong in err
        assert f"Fix: `stedi build --force --lake {lake}`" in err
        assert not any(personal in err for personal in PERSONAL)
    code, _, err = stedi("verify", "--lake", lake)
    assert code == 1
    assert f"  {TRUSTED}: " in err
    assert wrong in err
    assert stedi("build", "--lake", lake, "--force")[0] == 0
    assert stedi("verify", "--lake", lake)[0] == 0


@pytest.mark.parametrize("feed", ["customer", "accelerometer"])
@pytest.mark.parametrize("bad", [False, True])
def test_a_landing_file_that_goes_between_listing_and_reading_is_named(
    *, landing: Path, lake: Path, add_lines: Callable[..., Path], feed: str, bad: bool
) -> None:
    file = add_lines(landing, feed, ["no json"] if bad else [], "gone.json")

    def vanish(what: str, done: int, total: int) -> None:
        if what.startswith("reading"):
            file.unlink(missing_ok=True)

    with pytest.raises(EnvironmentFault, match=r"gone\.json: was removed while it was read") as caught:
        build(lake, landing, progress=vanish)
    assert "nothing was published" in caught.value.fix
    assert not staged(lake)
