"""What Spark's JVM has loaded, kept for the next JVM, which maps it; nothing hangs on it."""

from __future__ import annotations

import stat
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from parity_runtime.class_archive import FIRST_JAVA, KEPT, LEAST_JOBS, ClassArchive

from parity.worker import Worker

pytestmark = pytest.mark.spark

MAPPED = """
from pathlib import Path
from pyspark.context import SparkContext
jvm = SparkContext()._jvm.java.lang.ProcessHandle.current().pid()
print("mapped" if "spark.jsa" in Path(f"/proc/{jvm}/maps").read_text() else "read")
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where archives are kept, for a user who has none yet and whose folder has a blank in its name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a cache"))
    monkeypatch.delenv("CI", raising=False)
    return tmp_path / "a cache" / "stedi" / ".spark"


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[[Worker], bool]:
    """Return `mapped(worker)`: runs a job, which says whether its JVM has the archive in memory."""
    script = tmp_path / "a_job.py"
    script.write_text(textwrap.dedent(MAPPED), encoding="utf-8")

    def run(worker: Worker) -> bool:
        result = worker.run(script, log=tmp_path / "a_job.log")
        said = result.log.read_text(encoding="utf-8")
        assert result.state == "succeeded", said
        return "mapped" in said.splitlines()

    return run


def test_a_jvm_leaves_its_classes_to_the_next(
    cache: Path, mapped: Callable[[Worker], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Worker(memory="512m", master="local[1]") as worker:
        assert worker.keeps_classes
        assert not mapped(worker)
        assert not worker.keep_classes()  # of one job
        assert not [mapped(worker) for _ in range(LEAST_JOBS - 1)].count(True)
        assert worker.keep_classes()
        assert not worker.keep_classes()  # it is there
    [folder] = cache.iterdir()
    assert {path.name for path in folder.iterdir()} == {"conf", "java.jsa", "spark.jsa"}
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (cache, folder, *folder.iterdir())} == {0}
    monkeypatch.setenv("CI", "1")  # makes none, and has what is there
    with Worker(memory="512m", master="local[1]") as worker:
        assert not worker.keeps_classes
        assert mapped(worker)


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path]:
    """Return what looks like the homes of a Java and of a Spark."""
    java, spark = tmp_path / "java", tmp_path / "spark"
    for folder in (java / "lib", java / "bin", spark / "jars"):
        folder.mkdir(parents=True)
    (java / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{FIRST_JAVA}.0.9"\n', encoding="utf-8")
    (java / "lib" / "modules").touch()
    return java, spark


def test_another_java_or_spark_has_another_archive_and_the_oldest_go(homes: tuple[Path, Path], tmp_path: Path) -> None:
    (homes[0] / "bin" / "java").write_text('#!/bin/sh\ntouch "${2#*=}"\n', encoding="utf-8")
    (homes[0] / "bin" / "jcmd").write_text('#!/bin/sh\neval touch "$4"\n', encoding="utf-8")
    for program in (homes[0] / "bin").iterdir():
        program.chmod(0o700)
    for version in range(KEPT + 1):
        (homes[1] / "jars" / f"spark-{version}.jar").touch()
        archive = ClassArchive.of(str(tmp_path / "cache"), *homes, making=True)
        assert archive is not None
        assert archive.keep(1, LEAST_JOBS)
        assert not archive.keep(1, LEAST_JOBS)
        same = ClassArchive.of(str(tmp_path / "cache"), *homes, making=True)
        assert same is not None
        assert not same.making
        assert any("spark.jsa" in option for option in same.options())
    assert len(list((tmp_path / "cache").iterdir())) == KEPT


def test_there_is_none_where_it_cannot_be(homes: tuple[Path, Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (tmp_path / "file").touch()
    (homes[0] / "bin" / "java").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (homes[0] / "bin" / "java").chmod(0o700)
    broken = ClassArchive.of(str(cache), *homes, making=True)
    assert broken is not None
    assert not broken.making
    assert not any("jsa" in option for option in broken.options())
    for place in ("", str(tmp_path / 'a "quoted" cache'), str(tmp_path / "file")):
        assert ClassArchive.of(place, *homes, making=True) is None
    (homes[0] / "release").write_text('JAVA_VERSION="1.8.0_392"\n', encoding="utf-8")
    assert ClassArchive.of(str(cache), *homes, making=True) is None
    (homes[0] / "release").unlink()
    assert ClassArchive.of(str(cache), *homes, making=True) is None
