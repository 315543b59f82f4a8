"""The record of one build: what was asked, then what each step found, and the engine they share."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from stedi import plan
from stedi.contracts import FEEDS, TABLES
from stedi.listing import Listing
from stedi.manifest import FeedRecord, FileRecord, LedgerRecord, Manifest, TableRecord
from stedi.parameters import Parameters
from stedi.publish import STAGING
from stedi.storage import LandingPlace, Storage
from stedi.tombstones import NOBODY, Tombstones

if TYPE_CHECKING:
    from stedi.engine import Engine
    from stedi.landing import Landed
    from stedi.relations import Relations

__all__ = ["IN_MEMORY_SHARE", "ONE_THREAD_BELOW_BYTES", "Progress", "Run", "silent"]

IN_MEMORY_SHARE = 0.4
"""Landing is loaded into memory where its JSON is at most this share of the memory limit."""

ONE_THREAD_BELOW_BYTES = 32_000_000
"""Below so much landing JSON DuckDB works on one thread: as fast for so little, and building again gives the same
bytes. On several threads the rows are the same, but their order and the row groups depend on which was first."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many parts of the build are done, and of how many."""


def silent(what: str, done: int, total: int) -> None:
    """Report progress to nobody."""


@dataclass
class Run:
    """The record of one run: what was asked, then what each step found."""

    lake: Storage
    landing: LandingPlace
    strict: bool = False
    force: bool = False
    memory_limit: str | None = None
    parameters: Parameters = field(default_factory=Parameters)
    is_forget: bool = False
    progress: Progress = silent
    trace: Callable[[str], None] | None = None

    started: float = field(default_factory=time.perf_counter)
    resources: ExitStack = field(default_factory=ExitStack)
    published: Manifest | None = None
    tombstones: Tombstones = NOBODY
    listings: dict[str, Listing] = field(default_factory=dict)
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    landed: dict[str, Landed] = field(default_factory=dict)
    made: dict[str, TableRecord] = field(default_factory=dict)
    moves: list[tuple[str, str]] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    ledger: list[LedgerRecord] = field(default_factory=list)
    audits: list[str] = field(default_factory=list)
    manifest: Manifest | None = None

    _engine: Engine | None = None
    _relations: Relations | None = None
    _parts_done: int = 0

    @property
    def build(self) -> str:
        """The id of the lake as it will stand."""
        return plan.build_id({name: self.ids[name] for name in self.order})

    @property
    def staging(self) -> str:
        """Where this build makes its tables and quarantine."""
        return f"{STAGING}/{self.build}"

    @property
    def engine(self) -> Engine:
        """The engine of this run, opened at first use."""
        if self._engine is None:
            from stedi.engine import Engine

            spill = self.lake.workspace(f"{self.staging}/spill")
            engine = Engine(
                memory_limit=self.memory_limit,
                threads=1 if self.is_small else None,
                spill=spill,
                in_order=self.is_small,
                trace=self.trace,
            )
            self._engine = self.resources.enter_context(engine)
        return self._engine

    @property
    def relations(self) -> Relations:
        """The tables of the lake as this build sees them: published ones until they are made anew."""
        if self._relations is None:
            from stedi.relations import Relations

            self._relations = Relations(
                self.engine,
                self.land,
                {name: [self.lake.local(f.path) for f in t.files] for name, t in self._standing().items()},
                in_memory=self.size <= IN_MEMORY_SHARE * self.engine.memory_limit(),
                parameters=self.parameters,
            )
        return self._relations

    def land(self, name: str) -> Landed:
        """Prove or sieve a feed, once; what is small is read together."""
        if name not in self.landed:
            from stedi.landing import land, land_and_load

            workspace = self.lake.workspace(self.staging)
            remembered = self.published.feeds if self.published and self.same_landing else {}
            if self.is_small and self.relations.in_memory:
                rest = {n: listing for n, listing in self.listings.items() if n not in self.landed}
                self.landed |= land_and_load(
                    self.engine,
                    self.landing,
                    dict(sorted(rest.items(), key=lambda item: -item[1].size)),
                    workspace,
                    remembered,
                    tombstones=self.tombstones,
                    fetched=lambda feed: partial(self._fetching, feed),
                )
            else:
                self.landed[name] = land(
                    self.engine,
                    self.landing,
                    self.listings[name],
                    workspace,
                    remembered.get(name),
                    tombstones=self.tombstones,
                    fetched=partial(self._fetching, name),
                )
        return self.landed[name]

    @property
    def is_small(self) -> bool:
        """Whether DuckDB works on one thread."""
        return self.size < ONE_THREAD_BELOW_BYTES

    @property
    def same_landing(self) -> bool:
        """Whether the last build read the same landing folder."""
        return self.published is not None and self.published.landing_of(self.lake) == self.landing.uri

    @property
    def size(self) -> int:
        """Bytes of landing JSON, about."""
        return sum(listing.size for listing in self.listings.values())

    def done(self, what: str) -> None:
        """Report that the next part of the build begins."""
        self.progress(what, self._parts_done, len(self.stale) + 3)
        self._parts_done += 1

    def _fetching(self, feed: str, done: int, total: int) -> None:
        if done < total:
            self.progress(f"fetching {feed}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB", done, total)
        else:
            self.progress("reading landing files", self._parts_done - 1, len(self.stale) + 3)

    def _standing(self) -> dict[str, TableRecord]:
        return {n: t for n, t in self.published.tables.items() if n not in self.stale} if self.published else {}

    def standing_files(self) -> list[FileRecord]:
        """Return the published files that this run reads: those of the tables that stay."""
        return [file for table in self._standing().values() for file in table.files]

    def tables(self) -> dict[str, TableRecord]:
        """Return every table as it will stand: those that stay and those made by this run, in contract order."""
        found = self._standing() | self.made
        return {name: found[name] for name in TABLES if name in found}

    def feeds(self) -> dict[str, FeedRecord]:
        """Return every feed as it was read, by this run or by an earlier one."""
        earlier = self.published.feeds if self.published else {}
        return {f.name: self.landed[f.name].record if f.name in self.landed else earlier[f.name] for f in FEEDS}
