"""How the tests run, and what they share: small landing data, the real command line, lakes read without the product.

`HYPOTHESIS_PROFILE` chooses how much hypothesis tries: `ci` (the default where `CI` is set) tries 300 examples a law,
always the same ones, so that a red run is about the change; `dev` tries fewer and always others; `debug` says what it
tries.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, Verbosity, settings

from stedi.cache import default_folder
from stedi.cli import cli, progress
from stedi.cli.ending import run

os.environ["TZ"] = "UTC"
time.tzset()
# a shell lets what it starts in the background ignore Ctrl-C, and so would the commands that tests interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# on a busy machine anything takes long: a command then says so on the stderr that tests look at
progress.LONG = 3600.0

# a law builds whole lakes: how long one takes says nothing, and drawing a landing folder may take a while
settings.register_profile(
    "base", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile(
    "ci", parent=settings.get_profile("base"), max_examples=300, derandomize=True, print_blob=True
)
settings.register_profile("dev", parent=settings.get_profile("base"), max_examples=40)
settings.register_profile("debug", parent=settings.get_profile("dev"), max_examples=10, verbosity=Verbosity.verbose)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

FILES = {"customer": "customers.json", "accelerometer": "readings.json", "step_trainer": "distances.json"}

Answer = tuple[int, str, str]
"""Exit code, stdout and stderr of a command."""


def _line(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def _add(landing: Path, feed: str, lines: Iterable[object], name: str = "more.json") -> Path:
    file = landing / feed / "landing" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(_line(line) + b"\n" for line in lines))
    return file


def _customer(name: str, *, consents: bool = True) -> dict[str, object]:
    number = sum(name.encode())
    person: dict[str, object] = {
        "customerName": f"{name} Quillfeather",
        "email": f"{name}.Quillfeather@example.com",
        "phone": f"20255{number:05}",
        "birthDay": f"0967-03-{number % 28 + 1:02}",
        "serialNumber": f"serial-{number}",
        "registrationDate": 1655000000000,
        "lastUpdateDate": 1655000000000 + number,
    }
    return person | ({"shareWithResearchAsOfDate": 1655000000001} if consents else {})


def _write(landing: Path, names: Sequence[str] = ("Ada", "Bob")) -> Path:
    """Write a landing folder: each name agrees to research and has readings; so has Zoe, who does not agree."""
    people = [*map(_customer, names), _customer("Zoe", consents=False)]
    times = range(1655296678763, 1655296678766)
    readings = [{"user": p["email"], "timestamp": t, "x": 0.5, "y": -1.0, "z": 1.0} for p in people for t in times]
    distances = [
        {"sensorReadingTime": t, "serialNumber": p["serialNumber"], "distanceFromObject": t % 300}
        for p in people
        for t in times
    ]
    for (feed, name), lines in zip(FILES.items(), (people, readings, distances), strict=True):
        _add(landing, feed, lines, name)
    return landing


def _walk(landing: Path, name: str, instants: Iterable[int] = range(1655297000000, 1655297000006)) -> None:
    """Add readings at instants of the person's own: enough to see whose device it is."""
    person = _customer(name)
    times = list(instants)
    readings = [
        {"user": person["email"], "timestamp": t, "x": sum(name.encode()) / 100, "y": 0.0, "z": -1.0} for t in times
    ]
    distances = [
        {"sensorReadingTime": t, "serialNumber": person["serialNumber"], "distanceFromObject": 7} for t in times
    ]
    _add(landing, "accelerometer", readings, f"walk of {name}.json")
    _add(landing, "step_trainer", distances, f"walk of {name}.json")


def _read(lake: Path) -> dict[str, tuple[str, list[str]]]:
    """Return every Parquet file of a lake but staged ones: path -> build id, rows as text, sorted."""
    found = {}
    for file in sorted(lake.rglob("*.parquet")):
        path = file.relative_to(lake).as_posix()
        if not path.startswith("_stedi/"):
            with pq.ParquetFile(file) as parquet:
                rows = sorted(map(repr, parquet.read().to_pylist()))
                found[path] = (parquet.schema_arrow.metadata[b"stedi_build"].decode(), rows)
    return found


def _read_quarantine(lake: Path) -> list[tuple[str, int, str, bytes]]:
    """Return the quarantined lines: landing file, line number, reason, raw bytes; sorted."""
    lines = []
    for file in (lake / "_quarantine").rglob("*"):
        if file.is_file():
            with pq.ParquetFile(file) as parquet:
                lines += [(row["file"], row["line"], row["reason"], row["raw"]) for row in parquet.read().to_pylist()]
    return sorted(lines)


@pytest.fixture(scope="session")
def add_lines() -> Callable[..., Path]:
    """Return `add_lines(landing, feed, lines, name)`: lines are text, bytes or objects; returns the file."""
    return _add


@pytest.fixture(scope="session")
def customer() -> Callable[..., dict[str, object]]:
    """Return `customer(name, consents=True)`: a good customer line, as an object."""
    return _customer


@pytest.fixture(scope="session")
def write_landing() -> Callable[..., Path]:
    """Return `write_landing(folder, names)`: small landing data of these people."""
    return _write


@pytest.fixture(scope="session")
def write_walk() -> Callable[..., None]:
    """Return `write_walk(landing, name, instants)`: adds readings at instants of this person's own."""
    return _walk


@pytest.fixture(scope="session")
def read_lake() -> Callable[[Path], dict[str, tuple[str, list[str]]]]:
    """Return `read_lake(lake)`: every published and quarantine file with its build id and rows."""
    return _read


@pytest.fixture(scope="session")
def read_quarantine() -> Callable[[Path], list[tuple[str, int, str, bytes]]]:
    """Return `read_quarantine(lake)`: (landing file, line number, reason, raw bytes) of every quarantined line."""
    return _read_quarantine


@pytest.fixture(scope="session", autouse=True)
def no_users_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is fetched out of the cache of whoever runs the tests, in commands and in calls of the library."""
    own = tmp_path_factory.mktemp("user")
    classes = default_folder() / ".spark"  # of Spark, which are nobody's data
    if classes.is_dir():
        (own / "stedi").mkdir(mode=0o700)
        (own / "stedi" / classes.name).symlink_to(classes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(own))
        yield


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in an empty folder with no setting of whoever runs the tests."""
    for name in os.environ:
        if name.startswith("STEDI_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """Return small, clean landing data."""
    return _write(tmp_path / "landing")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Return where the lake of a test will be."""
    return tmp_path / "lake"


@pytest.fixture
def stedi(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Return `stedi("build", "--lake", lake)`: runs a command in this process, gives exit code, stdout and stderr.

    Whatever the command, it must not show a stack trace.
    """

    def command(*arguments: object) -> Answer:
        capsys.readouterr()
        code = run(cli, [str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "should not have happened" not in err
        return code, out, err

    return command


@pytest.fixture
def stedi_command() -> list[str]:
    """Return the command line's start, for a process of its own."""
    return [sys.executable, "-m", "stedi.cli"]


@pytest.fixture
def plain_user() -> list[str]:
    """Return a prefix that takes from a command root's right to read and write everything; skips where it cannot."""
    import os

    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root may read and write everything, and there is no setpriv to give that up")
    return [setpriv, "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, so that no core waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI a test of Spark or S3 that is skipped has failed: what it checks was not checked."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    needed = item.get_closest_marker("spark") or "s3" in item.path.parts
    if os.environ.get("CI") and report.skipped and needed and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI is to run it: {report.longrepr}"
