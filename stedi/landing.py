"""Landing files to good rows and quarantined lines.

Prove what can be proven, sieve the rest, and stand a relation of good rows before the stages. Nothing vanishes: every
line that is not blank is either a row of the relation or a line in quarantine.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from stedi import rule
from stedi.contracts import Table
from stedi.engine import MAX_OBJECT_BYTES, Engine, glob_safe, quoted
from stedi.errors import StediError
from stedi.listing import Listing
from stedi.manifest import FeedRecord, InputRecord
from stedi.masking import mask_key
from stedi.proof import Proofs, prove
from stedi.side_by_side import side_by_side
from stedi.storage import Entry, Fetched, LandingPlace, faults, make_private
from stedi.tombstones import NOBODY, Tombstones, subject

if TYPE_CHECKING:
    from stedi.mentions import Mentions
    from stedi.sieve import BadLine

_PART_BYTES = 1 << 20
"""Bytes of small files that are proven together: a statement for each of 100,000 files takes minutes."""

QUARANTINED = {"file": "VARCHAR", "line": "BIGINT", "reason": "VARCHAR", "raw": "BLOB"}
"""The columns of a quarantine."""

__all__ = ["QUARANTINED", "Landed", "land", "land_and_load", "open_lines", "open_rows", "quarantine_query"]


@dataclass(slots=True)
class Landed:
    """One feed, read: its record, the local files of good lines, and the spool of bad ones.

    `loaded` says that its rows stand in the engine already; `seconds` is how long it took. `forgotten` holds, by file,
    the numbers of the lines that were passed over.
    """

    record: FeedRecord
    good: list[Path]
    bad: Path | None = None
    loaded: bool = False
    seconds: float = 0.0
    forgotten: Mapping[str, Sequence[int]] = field(default_factory=dict)


def land(
    engine: Engine,
    storage: LandingPlace,
    listing: Listing,
    workspace: Path,
    remembered: FeedRecord | None = None,
    *,
    tombstones: Tombstones = NOBODY,
    mentions: Mentions | None = None,
    fetched: Fetched | None = None,
) -> Landed:
    """Read a feed: prove or sieve each file; `remembered` is what is known of files that have not changed.

    Lines of the forgotten are passed over: those `tombstones` tell, or `mentions`, if given, which knows more.
    """
    reading = _Reading(listing, storage.fetch(listing.files, fetched), remembered, tombstones, mentions)
    proofs = reading.without_forgotten(engine, reading.prove(engine, reading.unproven))
    return reading.end(proofs, workspace)


def land_and_load(
    engine: Engine,
    storage: LandingPlace,
    listings: Mapping[str, Listing],
    workspace: Path,
    remembered: Mapping[str, FeedRecord],
    *,
    tombstones: Tombstones = NOBODY,
    fetched: Callable[[str], Fetched],
) -> dict[str, Landed]:
    """Read small feeds side by side, and load their rows meanwhile, in the hope that all files are clean."""
    readings = {
        name: _Reading(listing, storage.fetch(listing.files, fetched(name)), remembered.get(name), tombstones)
        for name, listing in listings.items()
    }
    tasks: list[Callable[[Engine], Proofs]] = []
    owners: list[str] = []
    for name, reading in readings.items():
        proving = [partial(reading.prove, entries=part) for part in _parts(reading.unproven)]
        tasks += [reading.load, *proving]
        owners += [name] * (1 + len(proving))
    found = side_by_side(engine, tasks)
    landed = {}
    for name, reading in readings.items():
        proofs: Proofs = {}
        for owner, proven in zip(owners, found, strict=True):
            proofs |= proven if owner == name else {}
        proofs = reading.without_forgotten(engine, proofs)
        if reading.loaded and None in proofs.values():
            engine.run(f"reading {name}", f"drop table {quoted(name)}")
            reading.loaded = False
        landed[name] = reading.end(proofs, workspace)
    return landed


class _Reading:
    """A feed while it is read: where its files are on this machine, and which of them are not known to be clean."""

    def __init__(
        self,
        listing: Listing,
        local: Mapping[str, Path],
        remembered: FeedRecord | None,
        tombstones: Tombstones = NOBODY,
        mentions: Mentions | None = None,
    ) -> None:
        self.listing = listing
        self.loaded = False
        self.seconds = 0.0
        self._local = local
        self._tombstones = tombstones
        self._mentions = mentions
        self._known = _known(remembered, listing.feed)
        self._is_checked = remembered is not None and remembered.forgotten_by == tombstones.digest
        self.unproven = [entry for entry in listing.files if not _is_clean(self._known, entry)]

    def load(self, engine: Engine) -> Proofs:
        """Load the rows of all files, proven or not; what a line refuses to give is seen when it is sieved."""
        started = time.perf_counter()
        files = list(self._local.values())
        try:
            if files:
                _load(engine, self.listing.feed, files)
                self.loaded = True
        except StediError:  # a line that the typed reader refuses: the proof will not have it either
            pass
        self.seconds += time.perf_counter() - started
        return {}

    def prove(self, engine: Engine, entries: Sequence[Entry]) -> Proofs:
        """Prove some files."""
        started = time.perf_counter()
        files = [self._local[entry.path] for entry in entries]
        proofs = prove(engine, self.listing.feed, files, sum(entry.size for entry in entries))
        self.seconds += time.perf_counter() - started
        return proofs

    def without_forgotten(self, engine: Engine, proofs: Proofs) -> Proofs:
        """Return the proofs, and None for a clean file in which somebody forgotten has a line: the sieve takes it."""
        if not self._tombstones:
            return proofs
        started = time.perf_counter()
        clean = [file for file, rows in proofs.items() if rows]
        if not self._is_checked:
            known = [entry for entry in self.listing.files if _is_clean(self._known, entry)]
            clean += [self._local[entry.path] for entry in known if self._known[entry.path].rows]
        theirs = _files_of_forgotten(engine, self.listing.feed, clean, self._tombstones)
        self.seconds += time.perf_counter() - started
        return proofs | dict.fromkeys(theirs)

    def end(self, proofs: Proofs, workspace: Path) -> Landed:
        """Sieve the files that are not proven, and say what the feed holds."""
        started = time.perf_counter()
        feed = self.listing.feed
        inputs: list[InputRecord] = []
        good: list[Path] = []
        forgotten: dict[str, Sequence[int]] = {}
        reasons: Counter[str] = Counter()
        with contextlib.ExitStack() as stack:
            spool: _Spool | None = None
            for entry in self.listing.files:
                file = self._local[entry.path]
                rows = proofs[file] if file in proofs else self._known[entry.path].rows
                if rows is not None:
                    inputs.append(InputRecord(entry.path, entry.size, entry.version, rows, clean=True))
                    good += [file] if rows else []
                    continue
                spool = spool or stack.enter_context(_Spool(workspace, feed, self._whose()))
                sieved, kept, passed_over = spool.sieve(entry, file)
                inputs.append(sieved)
                forgotten |= {entry.path: passed_over} if passed_over else {}
                good += [kept] if sieved.rows else []
                reasons = spool.reasons
        record = FeedRecord(
            feed.name,
            self.listing.build,
            rule.version(feed),
            tuple(inputs),
            self.listing.left,
            _in_order(feed, reasons),
            forgotten_by=self._tombstones.digest,
        )
        bad = spool.bad if spool and reasons else None
        return Landed(record, good, bad, self.loaded, self.seconds + time.perf_counter() - started, forgotten)

    def _whose(self) -> Mentions | None:
        if self._mentions is None and self._tombstones:
            from stedi.mentions import Mentions

            return Mentions(self.listing.feed, self._tombstones)
        return self._mentions


def _files_of_forgotten(engine: Engine, feed: Table, files: Sequence[Path], tombstones: Tombstones) -> set[Path]:
    """Return which of some clean files have a row of somebody forgotten."""
    if not files:
        return set()
    column, is_customer = subject(feed)
    names = {glob_safe(file): file for file in files}
    values: dict[str, object] = {"files": list(names), "size": MAX_OBJECT_BYTES}
    rows = (
        f"(select {quoted(column)} as subject, filename from read_json("
        f"$files, columns = {{{quoted(column)}: 'VARCHAR'}}, format = 'newline_delimited', filename = true,"
        " maximum_object_size = $size, hive_partitioning = false))"
    )
    what = f"forgotten customers in {feed.name}"
    found = [value for (value,) in engine.run(what, f"select distinct subject from {rows}", values)]
    theirs = [value for value in found if tombstones.has(value, customer=is_customer)]
    if not theirs:
        return set()
    named = f"select distinct filename from {rows} where subject in (select unnest($theirs))"
    return {Path(name) for (name,) in engine.run(what, named, values | {"theirs": theirs})}


def _parts(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut files into parts worth a statement each: a large file by itself, small ones together."""
    part: list[Entry] = []
    size = 0
    for entry in entries:
        part.append(entry)
        size += entry.size
        if size >= _PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _load(engine: Engine, feed: Table, files: list[Path]) -> None:
    source = f"{feed.name}_json"
    engine.view_json(feed, files, name=source)
    try:
        engine.run(f"reading {feed.name}", f"create table {quoted(feed.name)} as from {quoted(source)}")
    finally:
        engine.run(f"reading {feed.name}", f"drop view {quoted(source)}")


def open_rows(engine: Engine, feed: Table, landed: Landed, *, in_memory: bool) -> None:
    """Stand the good rows of a feed in the engine under the feed's name."""
    if landed.loaded:
        return
    if not landed.good:
        engine.empty(feed.name, {column.name: column.type for column in feed.columns})
    elif in_memory:
        started = time.perf_counter()
        _load(engine, feed, landed.good)
        landed.seconds += time.perf_counter() - started
    else:
        engine.view_json(feed, landed.good)


def open_lines(engine: Engine, feed: Table, landed: Landed) -> None:
    """Stand the good lines of a feed, as text, in the engine as `<feed>_lines`."""
    name = f"{feed.name}_lines"
    if landed.good:
        engine.view_lines(name, landed.good)
    else:
        engine.empty(name, {"line": "JSON"})


def quarantine_query(engine: Engine, feed: str, bad: Path) -> str:
    """Stand the spooled bad lines of a feed in the engine and return the query that gives them in order."""
    name = f"{feed}_bad"
    relation = engine.connection.read_json(
        glob_safe(bad),
        columns={"file": "VARCHAR", "line": "BIGINT", "reason": "VARCHAR", "raw": "VARCHAR"},
        format="newline_delimited",
        maximum_object_size=8 * MAX_OBJECT_BYTES,
        hive_partitioning=False,
    )
    relation.create_view(name)
    return f"select file, line, reason, from_base64(raw) as raw from {quoted(name)} order by file, line"


class _Spool:
    """Where the sieve of one feed puts what it finds: good lines a file each, bad lines together."""

    def __init__(self, workspace: Path, feed: Table, mentions: Mentions | None) -> None:
        from stedi.sieve import Judge

        self.folder = workspace / "sieved" / feed.feed
        for folder in (self.folder.parent, self.folder):
            folder.mkdir(exist_ok=True, mode=0o700)
        self.bad = self.folder / "bad.json"
        self.reasons: Counter[str] = Counter()
        self._judge = Judge(feed)
        self._mentions = mentions
        self._count = 0

    def __enter__(self) -> Self:
        self._stream = self.bad.open("w", encoding="ascii", newline="\n")
        make_private(self.bad)
        return self

    def __exit__(self, *_: object) -> None:
        # what is still buffered is written now
        with faults(f"cannot write to {self.folder}"):
            self._stream.close()

    def sieve(self, entry: Entry, file: Path) -> tuple[InputRecord, Path, Sequence[int]]:
        from stedi.sieve import sieve

        kept = self.folder / f"good-{self._count}.json"
        self._count += 1

        def bad(line: BadLine) -> None:
            raw = base64.b64encode(line.raw).decode("ascii")
            json.dump({"file": entry.path, "line": line.number, "reason": line.reason, "raw": raw}, self._stream)
            self._stream.write("\n")

        with faults(f"cannot write to {self.folder}"), kept.open("wb") as good:
            make_private(kept)
            found = sieve(self._judge, file, good, bad, self._mentions)
            self._stream.flush()
        self.reasons += found.reasons
        record = InputRecord(
            entry.path,
            entry.size,
            entry.version,
            found.rows,
            clean=False,
            quarantined=found.reasons.total(),
            unknown_keys=tuple(sorted(map(mask_key, found.unknown_keys))),
            forgotten=len(found.forgotten),
        )
        return record, kept, found.forgotten


def _known(remembered: FeedRecord | None, feed: Table) -> dict[str, InputRecord]:
    if remembered is None or remembered.rule != rule.version(feed):
        return {}
    return {file.path: file for file in remembered.files}


def _is_clean(known: Mapping[str, InputRecord], entry: Entry) -> bool:
    file = known.get(entry.path)
    return file is not None and file.clean and (file.size, file.version) == (entry.size, entry.version)


def _in_order(feed: Table, reasons: Counter[str]) -> dict[str, int]:
    return {reason: reasons[reason] for reason in rule.reasons_of(feed) if reasons[reason]}
