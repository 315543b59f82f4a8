"""A lake in a bucket that a build is to change: what it was, what it will be, and nothing between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s3.bucket import Bucket

__all__ = ["CUSTOMERS", "READINGS", "TABLE", "Content", "Lakehouse", "Worlds"]

Content = dict[str, tuple[str, list[str]]]

CUSTOMERS = "customer/landing/customers.json"
READINGS = "accelerometer/landing/readings.json"
TABLE = "customer/trusted/customer_trusted-0.parquet"


@dataclass(frozen=True)
class Worlds:
    """Two folders of landing data that differ in every table, and the lakes made of them; `old` is in its lake."""

    old: Path
    new: Path
    new_lake: Path
    read: Callable[[Path], Content]


class Lakehouse:
    """A lake under s3://bucket/lake whose landing data have changed since it was built."""

    def __init__(self, s3: Bucket, worlds: Worlds, folder: Path) -> None:
        self.s3 = s3
        self.uri = s3.uri("lake")
        self._folder = folder
        self._downloads = 0
        self._read = worlds.read
        self.old = worlds.read(worlds.old)
        self.new = {path: rows for path, (_, rows) in worlds.read(worlds.new_lake).items()}
        self._lake = {file.relative_to(worlds.old).as_posix(): file.read_bytes() for file in files(worlds.old)}
        self._landing = {file.relative_to(worlds.new).as_posix(): file.read_bytes() for file in files(worlds.new)}
        self.reset()

    def reset(self, *, empty: bool = False) -> None:
        """Have the old lake there, or none, and the new landing data."""
        self.s3.empty()
        objects = ({} if empty else self._lake) | self._landing
        self.s3.put_many({f"lake/{path}": data for path, data in objects.items()})

    def content(self) -> Content:
        """Return the published tables."""
        self._downloads += 1
        return self._read(self.s3.download(self._folder / str(self._downloads), "lake"))

    def state(self) -> str:
        """Return which lake is there: old, new, none or a mix."""
        found = self.content()
        if not found:
            return "none"
        return "old" if found == self.old else "new" if _rows(found) == self.new else "a mix"

    def assert_old(self) -> None:
        assert self.state() == "old"
        assert "lake/_stedi/lock" not in self.s3.keys("lake/_stedi/")

    def assert_new(self) -> None:
        """See that the new lake is there, and nothing of how it came to be."""
        assert self.state() == "new"
        assert self.s3.keys("lake/_stedi/") == ["lake/_stedi/manifest.json"]
        assert self.s3.uploads() == []

    def asked(self, kind: str, path: str) -> int:
        """Return how often something was asked of a file."""
        return [request.key for request in self.s3.requests(kind)].count(f"lake/{path}")


def files(folder: Path) -> list[Path]:
    """Return the files of a folder; the lock of a local build is a file that stays."""
    return sorted(file for file in folder.rglob("*") if file.is_file() and file.name != "lock")


def _rows(content: Content) -> dict[str, list[str]]:
    return {path: rows for path, (_, rows) in content.items()}
