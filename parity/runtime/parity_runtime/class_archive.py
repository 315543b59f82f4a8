"""The classes of Spark's JVM, kept in this user's cache folder as they lie in memory, for the JVMs to come.

To read 14,000 classes from 300 jars and to verify them is a seventh of the time of a small run. A JVM can map them
from an archive instead (JEP 310, JEP 350). It checks by itself that the jars are those that the archive was made of,
and reads them as ever where they are not. An archive holds classes of Java and of Spark, nothing of jobs or data.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ClassArchive"]

FIRST_JAVA = 17
"""The first with all that is used here."""

KEPT = 3
"""Archives of so many pairs of Spark and Java stay, 115 MB each."""

LEAST_JOBS = 5
"""Fewer jobs have loaded too little: their archive would stand in the way of a better one."""

SECONDS = 120

_UNQUOTED = re.compile(r'[^"\\\n]+')  # Spark takes the options apart again
_VERSION = re.compile(r'^JAVA_VERSION="(?:1\.)?(\d+)', re.MULTILINE)


class ClassArchive:
    """The archive of a pair of Spark and Java below `cache`, which is this user's own; it may not be there yet.

    `java` is the home of a JDK, `spark` that of a Spark. Where `making`, a JVM is started such that `keep` can make it.
    """

    def __init__(self, cache: Path, java: Path, spark: Path, *, making: bool) -> None:
        self._java = java
        self._folder = cache / _pair(java, spark)
        self.conf = self._folder / "conf"
        self._base, self._archive = self._folder / "java.jsa", self._folder / "spark.jsa"
        self.conf.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.making = making and not self._archive.is_file() and self._made_base()

    @classmethod
    def of(cls, cache: str, java: Path, spark: Path, *, making: bool) -> ClassArchive | None:
        """Return the archive; None where there is no cache, it cannot be written, or this Java is too old."""
        if not cache or not _UNQUOTED.fullmatch(cache):
            return None
        try:
            release = _VERSION.search((java / "release").read_text(encoding="utf-8", errors="replace"))
            if release is None or int(release[1]) < FIRST_JAVA:
                return None
            return cls(Path(cache), java, spark, making=making)
        except OSError:
            return None

    def options(self) -> Iterator[str]:
        """Yield the options of a JVM that reads the archive or remembers what it loads."""
        if self._archive.is_file():
            os.utime(self._folder)  # the ones that are used stay
            yield f'"-XX:SharedArchiveFile={self._archive}"'
        elif self.making:
            yield f'"-XX:SharedArchiveFile={self._base}"'
            yield "-XX:+RecordDynamicDumpInfo"
        yield "-Xlog:disable"  # of classes that are in no archive

    def keep(self, pid: int, jobs: int) -> bool:
        """Make the archive of a JVM that has run so many jobs; return whether it did."""
        if not self.making or jobs < LEAST_JOBS:
            return False
        self.making = False
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            made = Path(folder) / self._archive.name
            jcmd: list[str | Path] = [self._java / "bin" / "jcmd", str(pid), "VM.cds", "dynamic_dump", f'"{made}"']
            if not _done(jcmd) or not made.is_file():
                return False
            made.replace(self._archive)
        by_age = sorted(self._folder.parent.iterdir(), key=lambda folder: folder.stat().st_mtime)
        for old in by_age[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return True

    def _made_base(self) -> bool:
        """Have the archive of Java's own classes, which the other builds upon; not every Java comes with one."""
        if not self._base.is_file():
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                made = Path(folder) / self._base.name
                if not _done([self._java / "bin" / "java", "-Xshare:dump", f"-XX:SharedArchiveFile={made}"]):
                    return False
                made.replace(self._base)
        return True


def _pair(java: Path, spark: Path) -> str:
    """Return a name for a pair of Java and Spark that changes when one of them is installed anew."""
    jars, modules = spark / "jars", java / "lib" / "modules"
    parts = [java.resolve(), (java / "release").read_bytes(), modules.stat().st_mtime_ns, jars.resolve()]
    parts += [jars.stat().st_mtime_ns, len(list(jars.iterdir()))]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _done(command: list[str | Path]) -> bool:
    try:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - of the JDK that runs Spark
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0
