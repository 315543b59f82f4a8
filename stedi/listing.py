"""The landing files of a feed, listed once: a build is of one listing, never of a mix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stedi import rule
from stedi.contracts import FEEDS, TABLES, Table
from stedi.errors import EnvironmentFault
from stedi.manifest import FeedRecord
from stedi.plan import build_id
from stedi.storage import NOT_A_FILE, Entry, LandingPlace

__all__ = ["SUFFIXES", "Listing", "Seen", "check_unchanged", "list_feed", "list_feeds", "named", "see_landing"]

NAMED = 20
"""So many files a note each; there may be 100,000."""

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_GZIP_FACTOR = 10  # how much bigger such lines are unpacked, about


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one feed, listed once: those to read, and the paths that are left alone.

    `forgotten` stands for the tombstones that they are read under.
    """

    feed: Table
    files: tuple[Entry, ...]
    left: tuple[str, ...]
    forgotten: str = ""

    @property
    def build(self) -> str:
        """The id that stands for these files under this reading rule, without the lines of who is forgotten."""
        without = [self.forgotten] if self.forgotten else []
        return build_id(rule.version(self.feed), [(f.path, f.size, f.version) for f in self.files], *without)

    @property
    def size(self) -> int:
        """Bytes of JSON to read, about."""
        return sum(f.size * (_GZIP_FACTOR if f.path.lower().endswith(".gz") else 1) for f in self.files)


def list_feed(storage: LandingPlace, feed: Table, forgotten: str = "") -> Listing:
    """List the landing files of a feed.

    Read are `.json`, `.jsonl` and both with `.gz`, in nested folders too; names that begin with `_` or `.` are left,
    as Spark leaves them. EnvironmentFault where there is nothing to read.
    """
    return _listing(storage, feed, storage.list(feed.prefix), forgotten)


def list_feeds(storage: LandingPlace, forgotten: str = "") -> dict[str, Listing]:
    """List the landing files of every feed, by name, side by side where that is worth it."""
    found = storage.list_each([feed.prefix for feed in FEEDS])
    return {feed.name: _listing(storage, feed, found[feed.prefix], forgotten) for feed in FEEDS}


def _listing(storage: LandingPlace, feed: Table, entries: Iterable[Entry], forgotten: str) -> Listing:
    files: list[Entry] = []
    left: list[Entry] = []
    for entry in entries:
        # as text: a PurePosixPath for each of 100,000 files takes seconds
        parts = entry.path.removeprefix(feed.prefix).split("/")
        hidden = any(part.startswith((".", "_")) and part != "." for part in parts)
        readable = not hidden and entry.path.lower().endswith(SUFFIXES) and entry.version != NOT_A_FILE
        (files if readable else left).append(entry)
    if not files:
        raise _nothing(storage, feed, left)
    return Listing(feed, tuple(files), tuple(entry.path for entry in left), forgotten)


def _nothing(storage: LandingPlace, feed: Table, left: Sequence[Entry]) -> EnvironmentFault:
    """Return the error for a feed that has nothing to read."""
    to_try = "`stedi sample DIR` makes data to try"
    if not storage.exists():
        return EnvironmentFault(
            f"{storage.uri}: there is no such folder or bucket",
            fix=f"name the folder that holds {feed.prefix} with --landing; {to_try}",
        )
    what = f"{storage.uri}/{feed.prefix}: no landing files of {feed.feed}"
    if any(f"{storage.uri}/".endswith(f"/{known.prefix}") for known in FEEDS):
        return EnvironmentFault(what, fix=f"name the folder above: --landing {storage.uri.rsplit('/', 2)[0]}")
    if left:
        what += f", only others, as {left[0].path}"
    return EnvironmentFault(
        what,
        fix=f"put newline-delimited JSON there ({', '.join(SUFFIXES)}), or name another folder with --landing;"
        f" {to_try}",
    )


def named(notes: Sequence[str]) -> list[str]:
    """Return the first of some notes about a file each, and how many more there are."""
    rest = len(notes) - NAMED
    return [*notes[:NAMED], *([f"{rest:,} more, as {notes[NAMED]}"] if rest > 0 else [])]


def check_unchanged(storage: LandingPlace, listings: Iterable[Listing]) -> None:
    """Raise EnvironmentFault where a listed file is not as it was: a build is of one listing, never of a mix."""
    for listing in listings:
        now = {entry.path: entry for entry in storage.list(listing.feed.prefix)}
        for entry in listing.files:
            if now.get(entry.path) != entry:
                what = "changed" if entry.path in now else "was removed"
                raise EnvironmentFault(
                    f"{storage.uri}/{entry.path}: {what} while it was read",
                    fix="run the command again when nothing writes there; nothing was published",
                )


@dataclass(frozen=True, slots=True)
class Seen:
    """The landing files of one feed as they are now, held against those a lake was built from.

    `listing` holds the recorded files that are still there; the other three name files.
    """

    listing: Listing
    vanished: tuple[str, ...]
    changed: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every recorded file is there, unchanged."""
        return not self.vanished and not self.changed


def see_landing(landing: LandingPlace, record: FeedRecord) -> Seen:
    """Look at the landing files of a feed as they are now."""
    feed = TABLES[record.name]
    try:
        now = {entry.path: entry for entry in list_feed(landing, feed).files}
    except EnvironmentFault:
        now = {}
    was = {file.path: Entry(file.path, file.size, file.version) for file in record.files}
    return Seen(
        Listing(feed, tuple(now[path] for path in was if path in now), record.left, record.forgotten_by),
        vanished=tuple(path for path in was if path not in now),
        changed=tuple(path for path, entry in was.items() if path in now and now[path] != entry),
        new=tuple(path for path in now if path not in was),
    )
