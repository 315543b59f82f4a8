"""The landing data of a run: listed once, given to both sides as the same bytes."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stedi import rule
from stedi.contracts import FEEDS
from stedi.listing import Listing, check_unchanged, list_feed
from stedi.storage import Entry, Options, Storage, faults, make_private_folder, open_storage

__all__ = ["LandingData", "look"]

_BLOCK = 1 << 22


@dataclass(frozen=True)
class LandingData:
    """Where landing data are, and the files of each feed as they were listed."""

    storage: Storage
    listings: dict[str, Listing]

    @property
    def size(self) -> int:
        """Bytes of landing JSON, about."""
        return sum(listing.size for listing in self.listings.values())

    def check(self) -> None:
        """Raise EnvironmentFault where a file is not as it was listed: both sides are to read the same bytes."""
        check_unchanged(self.storage, self.listings.values())

    def lay(self, feed: str, folder: Path, *, everything: bool = False) -> None:
        """Put the files of a feed into a folder, by their paths below the feed's own.

        `everything` puts those there too that a build leaves alone, for jobs that are to leave them alone themselves.
        """
        listing = self.listings[feed]
        entries = list(listing.files)
        if everything and listing.left:
            left = set(listing.left)
            entries += [e for e in self.storage.list(listing.feed.prefix) if e.path in left and _is_file(e)]
        local = self.storage.fetch(entries)
        with faults(f"cannot put landing data into {folder}"):
            make_private_folder(folder)
            for entry in entries:
                target = folder / PurePosixPath(entry.path).relative_to(listing.feed.prefix)
                make_private_folder(target.parent)
                _link(local[entry.path], target)

    def join(self, feed: str, file: Path) -> None:
        """Write all lines of a feed into one file: for scripts that read one file by its name."""
        local = self.storage.fetch(self.listings[feed].files)
        with faults(f"cannot write {file}"):
            make_private_folder(file.parent)
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
                out = gzip.GzipFile(fileobj=target, mode="wb") if file.suffix == ".gz" else target
                for path in local.values():
                    last = b"\n"
                    for block in _blocks(path):
                        out.write(block)
                        last = block
                    if not last.endswith(b"\n"):
                        out.write(b"\n")
                if out is not target:
                    out.close()

    def count(self, feed: str) -> int:
        """Count the lines of a feed that are not blank, by looking at bytes alone."""
        local = self.storage.fetch(self.listings[feed].files)
        with faults(f"cannot read the landing data of {feed}"):
            return sum(_count(path) for path in local.values())


def look(uri: str, options: Options | None = None) -> LandingData:
    """List the landing data at a folder or URI; EnvironmentFault where a feed has none."""
    storage = open_storage(uri, options)
    return LandingData(storage, {feed.name: list_feed(storage, feed) for feed in FEEDS})


def _is_file(entry: Entry) -> bool:
    return not entry.version.startswith("not ")


def _link(source: Path, target: Path) -> None:
    """Put a file at another path without copying it, where that can be: jobs replace files, they never change one."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
        target.chmod(0o600)


def _blocks(path: Path) -> Iterator[bytes]:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def _count(path: Path) -> int:
    blanks = rule.TRIM.encode() + b"\n"
    found, rest, first = 0, b"", True
    for block in _blocks(path):
        lines = (rest + block).split(b"\n")
        if first:
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
            first = False
        rest = lines.pop()
        found += sum(1 for line in lines if line.strip(blanks))
    if first:
        return 0
    return found + bool(rest.removeprefix(b"\xef\xbb\xbf" if not found else b"").strip(blanks))
