"""All tables or none: staged files are put in place under a journal.

The journal is put in place before the first file moves and deleted after the last. A build killed before that
leaves the old lake; one killed after it leaves a journal that any later command rolls forward to the new lake.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stedi.errors import EnvironmentFault, LakeBusy
from stedi.manifest import MANIFEST, FileRecord, Manifest, is_published
from stedi.storage import Storage, make_private, this_process

__all__ = ["JOURNAL", "LOCK", "STAGING", "needs_recovery", "publish", "recover", "settle", "staged_record"]

JOURNAL = "_stedi/journal.json"
LOCK = "_stedi/lock"
STAGING = "_stedi/staging"


def staged_record(file: Path, target: str) -> FileRecord:
    """Return the record of a staged file as it will be published: size and SHA-256. Makes the file private."""
    make_private(file)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    return FileRecord(target, file.stat().st_size, digest.hexdigest())


def publish(storage: Storage, moves: Sequence[tuple[str, str]], deletes: Sequence[str], manifest: Manifest) -> None:
    """Put staged files in place (`moves`: staged path, final path), delete others, and make `manifest` the lake's.

    EnvironmentFault, and nothing is changed, where a file cannot be put in its place.
    """
    staged_manifest, staged_journal = f"{STAGING}/manifest.json", f"{STAGING}/journal.json"
    storage.write(staged_manifest, manifest.dump())
    moves = [*moves, (staged_manifest, MANIFEST)]
    for path in (*(final for _, final in moves), *deletes):
        storage.make_ready(path)
    storage.stage([staged for staged, _ in moves if staged != staged_manifest])
    steps = {"moves": moves, "deletes": deletes}
    storage.write(staged_journal, (json.dumps(steps, indent=1) + "\n").encode())
    try:
        storage.move(staged_journal, JOURNAL)
        _roll_forward(storage, moves, deletes)
    except KeyboardInterrupt:
        if storage.stat(staged_journal) is not None:
            raise
        # with the journal in place the build is decided; the rest takes milliseconds
        _roll_forward(storage, moves, deletes)


def needs_recovery(storage: Storage) -> bool:
    """Return whether a build was stopped, or is under way: there is a journal, or something staged."""
    return storage.stat(JOURNAL) is not None or bool(storage.list(STAGING))


def recover(storage: Storage) -> bool:
    """Finish what a stopped build began to publish, clear what it staged; True where there was a journal.

    Only for the holder of the lake's lock.
    """
    journal = storage.read(JOURNAL)
    if journal is not None:
        try:
            moves, deletes = _parse(json.loads(journal))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise EnvironmentFault(
                f"{storage.uri}/{JOURNAL}: is damaged, so a stopped build cannot be finished",
                fix="delete that file and run `stedi build --force`",
            ) from error
        _roll_forward(storage, moves, deletes)
    storage.clear(STAGING)
    return journal is not None


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


def _parse(steps: dict[str, Any]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the moves and deletes of a journal; ValueError for what no build writes into one."""
    moves = [(staged, final) for staged, final in steps["moves"]]
    deletes = list(steps["deletes"])
    for staged, final in moves:
        if not staged.startswith(f"{STAGING}/") or ".." in staged or not (final == MANIFEST or is_published(final)):
            raise ValueError("a move that no build makes")
    if not all(is_published(path) for path in deletes):
        raise ValueError("a file that no build deletes")
    return moves, deletes


def _roll_forward(storage: Storage, moves: Iterable[tuple[str, str]], deletes: Iterable[str]) -> None:
    for staged, final in moves:
        # not staged any more: it was put in place before the build was stopped
        if storage.stat(staged) is not None:
            storage.move(staged, final)
    for path in deletes:
        storage.delete(path)
    storage.delete(JOURNAL)
    storage.clear(STAGING)
