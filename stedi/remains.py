"""What a forget does not reach, looked for as far as that can be and said plainly: names of files, other files, copies.

What is said of a file is its path, without an email that may be in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from stedi.counted import counted
from stedi.errors import EnvironmentFault
from stedi.escapes import readings
from stedi.listing import Listing, named
from stedi.manifest import MANIFEST
from stedi.masking import mask_path
from stedi.mentions import phrase
from stedi.publish import ERASING, LOCK, STAGING
from stedi.storage import Entry, LandingPlace, Storage, faults
from stedi.tombstones import KEY, TOMBSTONES, normal
from stedi.unpacked import is_zipped, unpacked

__all__ = ["remains_of"]

_BLOCK = 1 << 20

_ROWS = 1000

_LARGEST = 100 << 20
"""Bytes of a file that is looked into; what is larger is nobody's note of a customer."""

_NAMED = 10
"""Private folders that are named, the oldest first."""


def remains_of(
    lake: Storage,
    landing: Storage,
    listings: Iterable[Listing],
    files: Collection[Entry],
    *,
    email: str | None,
    rows: Mapping[str, int],
    published: Collection[str],
    after: LandingPlace,
    staging: str,
) -> list[str]:
    """Return what whoever erases a customer has to look after by hand.

    `rows` of the tables, and landing `after`, are as they will be; `published` are the files of the lake that are made
    anew or deleted, and `staging` is where landing files are made anew.
    """
    listings = list(listings)
    notes = []
    if email is not None:
        # the truth about made-up data, which `stedi sample` writes beside them, is of people too
        beside = ["truth.json", *(path for each in listings for path in each.left)]
        known = {MANIFEST, KEY, TOMBSTONES, LOCK, *published}
        if lake.uri == landing.uri:
            known |= {*beside, *(entry.path for each in listings for entry in each.files)}
        within = [e for e in lake.list("") if e.path not in known and not e.path.startswith((f"{STAGING}/", ERASING))]
        notes = [
            *_named(landing, listings, email),
            *_in_lines(after, listings, email),
            *_in_others(landing, filter(None, map(landing.stat, beside)), email),
            *_in_others(lake, within, email),
        ]
    linked = [path for path, file in landing.fetch(list(files)).items() if file.stat().st_nlink > 1]
    if linked:
        notes.append(f"{_shown(landing, linked)}: has other names (hard links), which keep the lines")
    if not _fits(landing, rows):
        notes.append(
            f"{landing.uri}/expected.json: names counts from before; `stedi verify` holds the tables against them"
        )
    return notes + _of_other_forgets(landing, staging) + _private_folders()


def _named(landing: Storage, listings: Iterable[Listing], email: str) -> list[str]:
    paths = [path for listing in listings for path in (*(f.path for f in listing.files), *listing.left)]
    # as a part of another one too: what stands around it in a name, as in `of_ann@example.com.json`, says nothing
    found = [path for path in paths if normal(email) in normal(path)]
    return [f"{_shown(landing, found)}: has the email in its name; rename it"] if found else []


def _in_lines(after: LandingPlace, listings: Iterable[Listing], email: str) -> list[str]:
    """Count the lines of others that hold the email: they are not erased, since whose they are is known."""
    wanted = phrase([email])
    sign = normal(email).partition("@")[0].encode()
    found: dict[str, int] = {}
    for listing in listings:
        for path, file in after.fetch(listing.files).items():
            if lines := _lines_with(file, wanted, sign):
                found[path] = lines
    what = "of others with the email elsewhere than where it says whose they are, to be looked after by hand"
    return [f"{_shown(after, list(found))}: {counted(sum(found.values()), 'line')} {what}"] if found else []


def _lines_with(file: Path, wanted: re.Pattern[str], sign: bytes) -> int:
    lines = 0
    with faults(f"cannot read {file}"), unpacked(file, zipped=is_zipped(file)) as stream:
        while block := stream.read(_BLOCK) + stream.readline(_BLOCK):
            # most have none of it, and this is the fastest way to know
            if sign in block.lower() or not sign.isascii():
                texts = (line.decode(errors="replace") for line in block.splitlines())
                lines += sum(any(wanted.search(normal(each)) for each in (text, *readings(text))) for text in texts)
    return lines


def _in_others(place: Storage, entries: Iterable[Entry], email: str) -> list[str]:
    """Look into files that builds leave alone; what is packed there, but as Parquet, is not found."""
    found = [
        entry.path for entry in entries if entry.size <= _LARGEST and _holds(place.fetch([entry])[entry.path], email)
    ]
    what = "is no file of stedi's, and holds the email; look after it"
    return named([f"{_shown(place, [path])}: {what}" for path in found])


def _holds(file: Path, email: str) -> bool:
    wanted = phrase([email])
    return file.is_file() and any(
        wanted.search(normal(reading)) for text in _texts(file, 2 * len(email)) for reading in (text, *readings(text))
    )


def _texts(file: Path, overlap: int) -> Iterator[str]:
    """Yield what a file says: the rows of Parquet, where it can be read, and the bytes in pieces that overlap."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    with contextlib.suppress(pa.ArrowException, OSError), pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(_ROWS):
            yield "\n".join(str(value) for column in batch.columns for value in column.to_pylist())
    with faults(f"cannot read {file}"), file.open("rb") as stream:
        rest = ""
        while block := stream.read(_BLOCK):
            text = rest + block.decode(errors="replace")
            yield text
            rest = text[-overlap:]


def _shown(landing: LandingPlace, paths: list[str]) -> str:
    others = f" and {counted(len(paths) - 1, 'other')}" if len(paths) > 1 else ""
    return f"{landing.uri}/{mask_path(paths[0])}{others}"


def _fits(landing: Storage, rows: Mapping[str, int]) -> bool:
    """Return whether the expected counts beside the landing data, if there are any, are those of the tables."""
    data = landing.read("expected.json")
    try:
        expected = json.loads(data) if data else {}
    except ValueError:
        return True
    return not isinstance(expected, dict) or all(expected.get(name, count) == count for name, count in rows.items())


def _of_other_forgets(landing: Storage, staging: str) -> list[str]:
    """Look for landing files that were made anew for other lakes: nothing but a command on that lake removes them."""
    entries: list[Entry] = []
    with contextlib.suppress(EnvironmentFault):  # beside the feeds may be folders that this user may not look into
        entries = landing.list("") if landing.reads_in_place else landing.list(f"{ERASING}-")
    others = {e.path.partition("/")[0] for e in entries if e.path.startswith(f"{ERASING}-")} - {staging}
    if not others:
        return []
    what = (
        "folders that forgets in other lakes are making, or have left when they were killed; the next command on such"
    )
    return [f"{landing.uri}/{min(others)}: {len(others)} {what} a lake removes its own"]


def _private_folders() -> list[str]:
    """Look for the private folders of commands that were killed: good lines and spill may be in them."""
    mine = getattr(os, "getuid", lambda: None)()
    temporary = Path(tempfile.gettempdir())
    found: list[tuple[float, str]] = []
    for folder in temporary.glob("stedi-*"):
        with contextlib.suppress(OSError):  # its command has ended meanwhile
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and mine in (None, status.st_uid):
                found.append((status.st_mtime, folder.name))
    if not found:
        return []
    # which of them a process still works in cannot be told; the oldest are the likeliest to be left over
    names = [name for _, name in sorted(found)]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    what = f"{', '.join(names[:_NAMED])}{more}: of commands that run now, or were killed"
    return [f"{temporary}: {what}; remove those of killed ones, they may hold landing lines"]
