"""All tables or none: staged files are put in place under a journal.

The journal is put in place before the first file moves and deleted after the last. A build killed before that
leaves the old lake; one killed after it leaves a journal that any later command rolls forward to the new lake.

A forget publishes likewise, and besides an erasure: landing files without the lines of a customer, and tombstones.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stedi.contracts import FEEDS, TABLES
from stedi.errors import EnvironmentFault, LakeBusy
from stedi.manifest import JOURNAL, MANIFEST, OWN, THE_LAKE, FileRecord, Manifest, is_published
from stedi.storage import Purged, Storage, make_private, open_storage, this_process
from stedi.tombstones import KEY, TOMBSTONES

__all__ = [
    "ERASING",
    "LOCK",
    "STAGING",
    "Erasure",
    "Steps",
    "cleared",
    "is_unsettled",
    "needs_recovery",
    "publish",
    "read_journal",
    "recover",
    "settle",
    "staged_record",
]

LOCK = "_stedi/lock"
STAGING = "_stedi/staging"

ERASING = ".stedi-erasing"
"""Where landing files stand that are to replace others: beside the feeds, since landing may be in another place.

Each forget has a folder of its own, whose name begins so: the lock is the lake's, and another lake of the same landing
data may be forgetting somebody just now.
"""

_ERASING = re.compile(rf"{re.escape(ERASING)}-[0-9a-f]{{16}}")

_MARK = f"{STAGING}/erasing.json"
"""Says, from before a forget writes there, which landing place has such files, and in which folder."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a forget puts in place before the tables: landing files and the tombstones.

    `moves` are staged path, final path, and the version of the file that is replaced: one that has changed since is
    left, for there may be lines of others in it, and the tombstones keep its lines out. `writes` holds small files.
    `folder` is where all that is staged is. `purged` is told what became of old versions.
    """

    landing: Storage
    moves: Sequence[tuple[str, str, str]]
    writes: Mapping[str, bytes] = field(default_factory=dict)
    folder: str = field(default_factory=lambda: f"{ERASING}-{secrets.token_hex(8)}")
    purged: list[Purged] = field(default_factory=list)

    def begin(self, lake: Storage) -> None:
        """Say in the lake where landing files are being made anew, so that a stop leaves none of them there."""
        lake.write(_MARK, json.dumps([_name(lake, self.landing), self.folder]).encode())


def staged_record(file: Path, target: str) -> FileRecord:
    """Return the record of a staged file as it will be published: size and SHA-256. Makes the file private."""
    make_private(file)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    return FileRecord(target, file.stat().st_size, digest.hexdigest())


def publish(
    storage: Storage,
    moves: Sequence[tuple[str, str]],
    deletes: Sequence[str],
    manifest: Manifest,
    erasure: Erasure | None = None,
) -> None:
    """Put staged files in place (`moves`: staged path, final path), delete others, and make `manifest` the lake's.

    EnvironmentFault, and nothing is changed, where a file cannot be put in its place.
    """
    staged_journal = f"{STAGING}/journal.json"
    small = {MANIFEST: manifest.dump(), **(erasure.writes if erasure else {})}
    for path, data in small.items():
        storage.write(_staged(path), data)
    moves = [*((_staged(path), path) for path in small if path != MANIFEST), *moves, (_staged(MANIFEST), MANIFEST)]
    for path in (*(final for _, final in moves), *deletes):
        storage.make_ready(path)
    storage.stage([staged for staged, final in moves if final not in small])
    steps = Steps(moves, deletes, erasure)
    storage.write(staged_journal, (json.dumps(steps.dump(storage), indent=1) + "\n").encode())
    try:
        storage.move(staged_journal, JOURNAL)
        _begin(storage, steps)
        try:
            _roll_forward(storage, steps)
        except EnvironmentFault as fault:
            left = "the next command on the lake finishes what was begun to be published"
            raise EnvironmentFault(f"{fault.message}; {left}", fix=fault.fix) from fault
    except KeyboardInterrupt:
        if storage.stat(staged_journal) is not None:
            raise
        # with the journal in place the build is decided; the rest takes milliseconds
        _roll_forward(storage, steps)


def needs_recovery(storage: Storage) -> bool:
    """Return whether a build was stopped, or is under way: there is a journal, or something staged."""
    return is_unsettled(entry.path for entry in storage.list(OWN))


def is_unsettled(paths: Iterable[str]) -> bool:
    """Return the same of the files below OWN."""
    return any(path == JOURNAL or path.startswith(f"{STAGING}/") for path in paths)


def recover(storage: Storage) -> bool:
    """Finish what a stopped build began to publish, clear what it staged; True where there was a journal.

    Only for the holder of the lake's lock.
    """
    steps = read_journal(storage)
    if steps is not None:
        _roll_forward(storage, steps)
    _clear_erasing(storage)
    storage.clear(STAGING)
    return steps is not None


@contextlib.contextmanager
def cleared(storage: Storage) -> Iterator[None]:
    """Leave nothing staged where the block fails, unless it is to be put in place yet; for the holder of the lock."""
    try:
        yield
    except Exception:
        # a lock away from this machine may be somebody else's by now: what is there the next command clears
        if storage.reads_in_place:
            with contextlib.suppress(EnvironmentFault):
                if storage.stat(JOURNAL) is None:
                    storage.clear(STAGING)
        raise


def settle(storage: Storage) -> str:
    """Finish what a stopped build left, so that the lake is the old one or the new one, never a mix.

    Returns a note where that cannot be done and does no harm: another build is under way, or this user may only read.
    Raises EnvironmentFault where a build was stopped while it published and this user cannot write.
    """
    if not needs_recovery(storage):
        return ""
    try:
        with storage.lock(LOCK, this_process("stedi, rolling a stopped build forward")):
            recover(storage)
    except LakeBusy as busy:
        return f"{storage.uri}: another process is changing this lake ({busy.holder}); what is read is the lake before"
    except EnvironmentFault:
        if storage.stat(JOURNAL) is not None:
            raise
        return f"{storage.uri}: a stopped build left files in _stedi/staging, and this user may not remove them"
    return ""


def read_journal(storage: Storage) -> Steps | None:
    """Return what a stopped build has yet to do, None where there is no journal; EnvironmentFault for a damaged one."""
    journal = storage.read(JOURNAL)
    if journal is None:
        return None
    try:
        return _parse(json.loads(journal), storage)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EnvironmentFault(
            f"{storage.uri}/{JOURNAL}: is damaged, so a stopped build cannot be finished",
            fix="delete that file and run `stedi build --force`",
        ) from error


@dataclass(frozen=True, slots=True)
class Steps:
    """What a journal holds: what is to be done yet, in this order, erasure first."""

    moves: Sequence[tuple[str, str]]
    deletes: Sequence[str]
    erasure: Erasure | None = None

    def dump(self, lake: Storage) -> dict[str, Any]:
        steps: dict[str, Any] = {"moves": self.moves, "deletes": self.deletes}
        if self.erasure:
            erasure = {"landing": _name(lake, self.erasure.landing), "folder": self.erasure.folder}
            steps["erasure"] = erasure | {"moves": self.erasure.moves}
        return steps


def _parse(raw: dict[str, Any], lake: Storage) -> Steps:
    """Return the steps of a journal; ValueError for what neither a build nor a forget writes into one."""
    moves = [(staged, final) for staged, final in raw["moves"]]
    deletes = list(raw["deletes"])
    for staged, final in moves:
        known = final in (MANIFEST, KEY, TOMBSTONES) or is_published(final)
        if not staged.startswith(f"{STAGING}/") or ".." in staged or not known:
            raise ValueError("a move that no build makes")
    if not all(is_published(path) for path in deletes):
        raise ValueError("a file that no build deletes")
    if "erasure" not in raw:
        return Steps(moves, deletes)
    erased = [(staged, final, version) for staged, final, version in raw["erasure"]["moves"]]
    folder = raw["erasure"]["folder"]
    if not _ERASING.fullmatch(folder):
        raise ValueError("a folder that no forget makes")
    for staged, final, _ in erased:
        landed = any(final.startswith(feed.prefix) for feed in FEEDS)
        if not staged.startswith(f"{folder}/") or ".." in staged or not landed or "/../" in final:
            raise ValueError("a move that no forget makes")
    return Steps(moves, deletes, Erasure(_place(lake, raw["erasure"]["landing"]), erased, folder=folder))


def _begin(lake: Storage, steps: Steps) -> None:
    """Put the first landing file in place; where that is not allowed nothing has changed, and nothing is decided."""
    if steps.erasure and steps.erasure.moves:
        try:
            _replace(steps.erasure.landing, *steps.erasure.moves[0])
        except EnvironmentFault:
            staged, final, version = steps.erasure.moves[0]
            now = steps.erasure.landing.stat(final)
            if now is not None and now.version == version and steps.erasure.landing.stat(staged) is not None:
                lake.delete(JOURNAL)
            raise


def _replace(landing: Storage, staged: str, final: str, version: str) -> None:
    """Put a landing file in the place of the one of this version; of none that has come there since."""
    now = landing.stat(final)
    # not staged any more: it was put in place before the forget was stopped
    if now is not None and now.version == version and landing.stat(staged) is not None:
        landing.move(staged, final)


def _roll_forward(storage: Storage, steps: Steps) -> None:
    erasure = steps.erasure
    for step in erasure.moves if erasure else ():
        _replace(erasure.landing, *step)  # type: ignore[union-attr]
    # what is not staged any more was put in place before the build was stopped
    left = {entry.path for entry in storage.list(f"{STAGING}/")}
    moves = [(staged, final) for staged, final in steps.moves if staged in left]
    tables = [move for move in moves if is_published(move[1])]
    # who is forgotten is said before the tables are there, and what the tables are after it
    storage.move_each([move for move in moves if move not in tables and move[1] != MANIFEST])
    storage.move_each(tables)
    storage.move_each([move for move in moves if move[1] == MANIFEST])
    for path in steps.deletes:
        storage.delete(path)
    if erasure:
        with contextlib.suppress(EnvironmentFault):  # what is there holds nothing of the customer
            erasure.landing.clear(erasure.folder)
        _forget_copies(storage, erasure)
    storage.delete(JOURNAL)
    storage.clear(STAGING)


def _forget_copies(lake: Storage, erasure: Erasure) -> None:
    """Remove what was replaced from where it may be kept still: this machine's cache, old versions in a bucket."""
    for place in (lake, erasure.landing):
        place.clear_fetched()
    made = sorted({table.prefix for table in TABLES.values() if table.zone != "landing"})
    erased = [*(final for _, final, _ in erasure.moves), f"{erasure.folder}/"]
    erasure.purged.append(erasure.landing.purge(erased, beside=[feed.prefix for feed in FEEDS]))
    erasure.purged.append(lake.purge([*made, "_quarantine/", f"{STAGING}/"]))


def _clear_erasing(lake: Storage) -> None:
    """Remove the landing files that a forget, stopped before it was decided, had made."""
    mark = lake.read(_MARK)
    if mark is not None:
        with contextlib.suppress(EnvironmentFault, ValueError, TypeError):
            place, folder = json.loads(mark)
            if _ERASING.fullmatch(folder):
                _place(lake, place).clear(folder)


def _staged(path: str) -> str:
    return f"{STAGING}/{path.rpartition('/')[2]}"


def _name(lake: Storage, landing: Storage) -> str:
    return THE_LAKE if landing.uri == lake.uri else landing.uri


def _place(lake: Storage, name: object) -> Storage:
    if not isinstance(name, str):
        raise TypeError("no place")
    return lake if name == THE_LAKE else open_storage(name, lake.options)
