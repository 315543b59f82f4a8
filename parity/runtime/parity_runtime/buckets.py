"""S3 as folders: every bucket that a job names becomes a folder of the run, mode 0700, under the same paths.

Hadoop's ViewFileSystemOverloadScheme mounts `s3://bucket` on a local folder when the configuration names the bucket.
A script may put a bucket's name together while it runs, so the one place is watched that every path comes through:
the commands that PySpark sends to the JVM.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from parity_runtime.guard import refuse

__all__ = ["WAREHOUSE", "Buckets", "s3_of", "spark_conf"]

WAREHOUSE = "parity-catalog"
"""The bucket of tables that nobody gives a place: Spark's warehouse is its folder, and they lie in `database.db`."""

_VIEW = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
_ABSTRACT = "org.apache.hadoop.fs.viewfs.ViewFs"
_COMMITTER = "org.apache.hadoop.mapreduce.lib.output.FileOutputCommitterFactory"
# no word boundary before it: a command marks a string with the letter s; the key is looked at, not taken, since
# another path may follow it after a comma
_NAMED = re.compile(r"(s3[an]?://([A-Za-z0-9][A-Za-z0-9._-]*))(?=(/[^\n\"'`]*)?)")

# a call of a writer with a path: readers are given theirs as lists
_WRITTEN = re.compile(r"c\no\d+\n(?:save|json|parquet|text|csv|orc|xml|saveAsTextFile)\ns(?:file:/*(?=/))?(.*)\n")
# the same in SQL, where a line break of the text is a backslash and a letter
_INSERTED = re.compile(
    r"insert(?:\s|\\n)+overwrite(?:\s|\\n)+(?:local(?:\s|\\n)+)?directory(?:\s|\\n)+['\"](?:file:/*(?=/))?([^'\"\n]*)",
    re.IGNORECASE,
)
# a string that is given to Spark and begins as the address of what is on another machine
_ELSEWHERE = re.compile(r"^s((?:hdfs|webhdfs|ftp|sftp|jdbc):\w*)", re.MULTILINE)
_SCHEME = re.compile(r"\w+:")


def spark_conf() -> dict[str, str]:
    """Return the Spark settings that put local folders in the place of S3."""
    conf = {"spark.hadoop.fs.viewfs.overload.scheme.target.file.impl": "org.apache.hadoop.fs.LocalFileSystem"}
    for scheme in ("s3", "s3a", "s3n"):
        conf[f"spark.hadoop.fs.{scheme}.impl"] = _VIEW
        conf[f"spark.hadoop.fs.AbstractFileSystem.{scheme}.impl"] = _ABSTRACT
    # Hadoop's default for s3a is of the connector to AWS, which is not there
    conf["spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a"] = _COMMITTER
    return conf


_INNER = "in-"
"""What the views begin with that buckets are links in: a root that falls back to a folder itself lists entries that
fail when they are asked for permissions, which Spark does."""


def s3_of(location: str) -> str:
    """Return the S3 path of a place as Spark names it, "" where it is none: a folder of the buckets is one, too."""
    if location.startswith(("s3:", "s3a:", "s3n:")):
        return location.rstrip("/")
    folder = Path(unquote(location.partition("file:")[2]))
    root = Path(os.environ["PARITY_ROOT"]) / "buckets"
    return f"s3://{folder.relative_to(root)}" if folder.is_relative_to(root) else ""


class Buckets:
    """The folders under `root`, one a bucket; `configure(key, value)` sets a Hadoop setting once there is a context."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.configure: Callable[[str, str], None] | None = None
        self._seen: set[str] = set()
        self._waiting: list[str] = []

    def note(self, command: str) -> None:
        """Mount every bucket that a command names and that is not mounted yet.

        Raises RefusedCallError for a path that leaves its bucket, and for one outside of the run that is written to.
        """
        if written := _WRITTEN.match(command) or _INSERTED.search(command):
            self._refuse_outside(written[1])
        if elsewhere := _ELSEWHERE.search(command):
            refuse(elsewhere[1], "a parity run has no network; put the data on s3")
        for start, bucket, key in _NAMED.findall(command):
            if _leaves(key):
                refuse(f"{start}{key}", "its '..' leave the bucket, and S3 has no such key")
            if bucket not in self._seen:
                self._seen.add(bucket)
                (self.root / bucket).mkdir(mode=0o700, parents=True, exist_ok=True)
                self._waiting.append(bucket)
        if self._waiting and self.configure is not None:
            waiting, self._waiting = self._waiting, []
            for bucket in waiting:
                self.configure(f"fs.viewfs.mounttable.{_INNER}{bucket}.link./all", f"file://{self.root / bucket}")
                self.configure(f"fs.viewfs.mounttable.{bucket}.linkFallback", f"viewfs://{_INNER}{bucket}/all")

    def _refuse_outside(self, path: str) -> None:
        run = self.root.parent
        if not _SCHEME.match(path) and not Path(os.path.normpath(run / "home" / path)).is_relative_to(run):
            refuse(f"writing to {path}", "what a job leaves is on S3; write to s3://bucket/prefix")


def _leaves(key: str) -> bool:
    """Say whether the `..` of a key go above its bucket; within it Hadoop resolves them before S3 sees the key."""
    depth = 0
    for part in key.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return True
    return False
