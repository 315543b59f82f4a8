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

__all__ = ["SCHEMES", "Buckets", "spark_conf", "split_uri"]

SCHEMES = ("s3", "s3a", "s3n")

_VIEW = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
_ABSTRACT = "org.apache.hadoop.fs.viewfs.ViewFs"
# no word boundary before it: a command marks a string with the letter s
_NAMED = re.compile(r"s3[an]?://([A-Za-z0-9][A-Za-z0-9._-]*)")
_URI = re.compile(r"s3[an]?://([A-Za-z0-9][A-Za-z0-9._-]*)(?:/(.*))?", re.DOTALL)


def split_uri(uri: str) -> tuple[str, str]:
    """Split `s3://bucket/a/b/` into bucket and key, the key without outer slashes; ValueError for anything else."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise ValueError(f"{uri!r} is no S3 path: s3://bucket/prefix")
    return found[1], (found[2] or "").strip("/")


def spark_conf() -> dict[str, str]:
    """Return the Spark settings that put local folders in the place of S3."""
    conf = {"spark.hadoop.fs.viewfs.overload.scheme.target.file.impl": "org.apache.hadoop.fs.LocalFileSystem"}
    for scheme in SCHEMES:
        conf[f"spark.hadoop.fs.{scheme}.impl"] = _VIEW
        conf[f"spark.hadoop.fs.AbstractFileSystem.{scheme}.impl"] = _ABSTRACT
    return conf


class Buckets:
    """The folders under `root`, one a bucket; `configure(key, value)` sets a Hadoop setting once there is a context."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.configure: Callable[[str, str], None] | None = None
        self._seen: set[str] = set()
        self._waiting: list[str] = []

    def local(self, uri: str) -> Path:
        """Return the local path of an S3 path; raises ValueError where it would leave its bucket."""
        bucket, key = split_uri(uri)
        if ".." in key.split("/"):
            raise ValueError(f"{uri}: a path with '..'")
        return self.root / bucket / key

    def note(self, text: str) -> None:
        """Mount every bucket that a text names and that is not mounted yet."""
        for bucket in _NAMED.findall(text):
            if bucket not in self._seen:
                self._seen.add(bucket)
                (self.root / bucket).mkdir(mode=0o700, parents=True, exist_ok=True)
                self._waiting.append(bucket)
        if self._waiting and self.configure is not None:
            waiting, self._waiting = self._waiting, []
            for bucket in waiting:
                self.configure(f"fs.viewfs.mounttable.{bucket}.linkFallback", f"file://{os.fspath(self.root / bucket)}")
