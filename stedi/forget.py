"""The right to erasure: one customer leaves landing files, quarantine, tables and caches, and does not come back.

Everything is made before anything is changed: landing files without the customer's lines, then, by the ordinary build
and read from those, every table and quarantine. One journal puts all of it in place, with the tombstones that have
later builds drop what lands late. So a forget that is killed has changed nothing, or is finished by the next command.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stedi.build import build, make, put_in_place
from stedi.contracts import FEEDS, TABLES
from stedi.erasure import Remade, WithoutLines, remake
from stedi.errors import CheckFailed, EnvironmentFault, UsageError
from stedi.lake import open_manifest
from stedi.landing import land
from stedi.listing import Listing, check_unchanged, list_feed
from stedi.manifest import JOURNAL, THE_SAMPLE, FeedRecord, Manifest
from stedi.mentions import Mentions
from stedi.parameters import Parameters, is_random
from stedi.person import Person, find_person, stands_in
from stedi.publish import LOCK, STAGING, Erasure, recover
from stedi.remains import remains_of
from stedi.run import Progress, Run, silent
from stedi.storage import Entry, Options, Storage, open_storage, this_process
from stedi.tombstones import KEY, TOMBSTONES, Tombstones, load_tombstones, normal

__all__ = ["Forgetting", "forget"]

_STEPS = ("looking for the customer", "making landing files anew", "making tables anew", "publishing")

Confirm = Callable[["Forgetting"], bool]


@dataclass(slots=True)
class Forgetting:
    """What a forget found, and whether it is done; counts only, nothing personal but names of files.

    `lines` counts, by landing file, the lines that go; `quarantined` by feed those of them that were quarantined;
    `tables` holds the rows of each table before and after. `was_forgotten` says that there was a tombstone already,
    `old_versions` how many replaced objects were removed from a bucket that keeps versions.
    """

    lake: str
    landing: str
    person: Person = field(default_factory=Person)
    was_forgotten: bool = False
    lines: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    tables: dict[str, tuple[int, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    done: bool = False
    old_versions: int = 0

    @property
    def is_tombstone_only(self) -> bool:
        """Whether nothing of the customer is there, and all that is left to do is a tombstone."""
        return bool(self.tables) and not self.lines and all(was == now for was, now in self.tables.values())


def forget(
    lake: str | Path,
    email: str | None,
    *,
    landing: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
    in_advance: bool = False,
    confirm: Confirm = lambda _: True,
    pseudonym_key: str | None = None,
    memory_limit: str | None = None,
    progress: Progress = silent,
    options: Options | None = None,
    storage: Storage | None = None,
) -> Forgetting:
    """Forget a customer: erase their lines and rows, and leave a tombstone.

    Args:
        lake: folder or S3 URI of a lake that was built.
        email: of the customer, however it is spelled; None erases what landed of all forgotten customers since.
        landing: where the lake was built from, for who wants that checked.
        dry_run: change nothing, and return what would go.
        in_advance: leave a tombstone where nothing of the customer is known, too.
        confirm: asked once it is known what goes; on False nothing is changed.
        pseudonym_key: that of the published training_curated, where it was given one.
        memory_limit: for DuckDB, as "2GB".
        progress: told of each part.
        options: how S3 is used, if it is.
        storage: where the lake is, if not simply at `lake`.

    Raises CheckFailed where nothing is known of the customer, or the tables without them fail an audit; StediError of
    other kinds where something is not there or not allowed. Nothing has changed then.
    """
    if email is not None and not normal(email):
        raise UsageError("the email is empty", fix="give the email of the customer")
    place = storage or open_storage(lake, options)
    parameters = _as_published(open_manifest(place), place, landing, pseudonym_key)
    with contextlib.ExitStack() as stack:
        stack.enter_context(place.lock(LOCK, this_process("stedi privacy forget")))
        recover(place)
        published = open_manifest(place)
        source = open_storage(published.landing_of(place), options)
        work = _Work(
            place,
            place if source.uri == place.uri else source,
            published,
            parameters,
            memory_limit,
            progress,
            Forgetting(place.uri, source.uri),
        )
        stack.enter_context(work.cleared())
        work.forget(email, in_advance=in_advance, dry_run=dry_run, confirm=confirm)
    if work.found.done and not work.is_current():
        # a bucket whose versions cannot be foreseen, as of objects under a key of KMS
        build(
            lake,
            source.uri,
            pseudonym_key=pseudonym_key,
            clock_skew_ms=parameters.clock_skew_ms,
            memory_limit=memory_limit,
            options=options,
        )
    return work.found


def _as_published(
    published: Manifest, lake: Storage, landing: str | os.PathLike[str] | None, pseudonym_key: str | None
) -> Parameters:
    """Return the parameters of the published tables; UsageError where they or the landing data are not those given."""
    where = published.landing_of(lake)
    if published.landing == THE_SAMPLE:
        raise UsageError(
            f"{lake.uri}: was built from the bundled sample, whose customers are made up",
            fix="build it from landing data of your own",
        )
    if landing is not None and open_storage(landing, lake.options).uri != open_storage(where, lake.options).uri:
        raise UsageError(
            f"{lake.uri}: was built from {where}, not from {os.fspath(landing)}",
            fix="leave --landing out, or build the lake from there first",
        )
    skew = published.parameters.get("clock_skew_ms", "0")
    parameters = Parameters(pseudonym_key, int(skew) if skew.isdecimal() else 0)
    known = published.parameters.get("pseudonym_key", "")
    if known and not is_random(known) and (pseudonym_key is None or parameters.fingerprint != known):
        another = "another pseudonym key" if pseudonym_key else "a pseudonym key, and all other pseudonyms would change"
        raise UsageError(
            f"{lake.uri}: training_curated was made with {another}",
            fix="give that key with --pseudonym-key-file, or have another one used first: `stedi build --force`",
        )
    return parameters


@dataclass
class _Work:
    """One forget under the lake's lock."""

    lake: Storage
    landing: Storage
    published: Manifest
    parameters: Parameters
    memory_limit: str | None
    progress: Progress
    found: Forgetting
    listings: dict[str, Listing] = field(default_factory=dict)
    manifest: Manifest | None = None
    erasure: Erasure | None = None

    def forget(self, email: str | None, *, in_advance: bool, dry_run: bool, confirm: Confirm) -> None:
        """Do it, or find that there is nothing to do."""
        self._step(0)
        old = load_tombstones(self.lake, self.published.forgotten_by or None)
        if email is None and not old:
            raise UsageError(f"{self.lake.uri}: nobody was forgotten in this lake", fix="name a customer to forget")
        self.listings = {feed.name: list_feed(self.landing, feed) for feed in FEEDS}
        known = self._find(email, old) if email is not None else dict(self.published.feeds)
        new = old if email is None else old.adding(email, self.found.person.devices)
        files = self._lines(email, new, known)
        if not files and not self._is_to_be_forgotten(email, in_advance=in_advance):
            return
        self._step(1)
        # the mark first, so that nothing stays in another place that nobody knows of
        self.erasure = Erasure(self.landing, ())
        self.erasure.begin(self.lake)
        remade = remake(self.landing, files, self.erasure.folder) if files else []
        self.found.lines = {entry.path: len(numbers) for entry, numbers in files.items()}
        run = self._run(new, remade)
        with run.resources:
            self._step(2)
            make(run)
            self._compare(run)
            self.found.notes += remains_of(
                self.lake,
                self.landing,
                self.listings.values(),
                files,
                email=email,
                rows={name: now for name, (_, now) in self.found.tables.items()},
                published={
                    *(file.path for files in self.published.files().values() for file in files),
                    *(final for _, final in run.moves),
                },
                after=run.landing,
                staging=self.erasure.folder,
            )
            if not dry_run and confirm(self.found):
                self._step(3)
                self._publish(run, new, self.erasure, remade)

    def _publish(self, run: Run, new: Tombstones, begun: Erasure, remade: Sequence[Remade]) -> None:
        self.landing.stage([made.staged for made in remade])
        check_unchanged(self.landing, self.listings.values())
        erasure = replace(
            begun,
            moves=[(made.staged, made.old.path, made.old.version) for made in remade],
            writes={KEY: new.key.encode(), TOMBSTONES: new.dump()},
        )
        put_in_place(run, erasure)
        self.manifest = run.manifest
        self.found.done = True
        self.found.old_versions = sum(purged.removed for purged in erasure.purged)
        self.found.notes += sorted({purged.kept for purged in erasure.purged if purged.kept})

    def _find(self, email: str, old: Tombstones) -> dict[str, FeedRecord]:
        """Find out about the customer; return what is known of the landing files then."""
        others = old.without(email)
        self.found.was_forgotten = others != old
        run = self._run(others, ())
        run.listings = {name: replace(listing, forgotten=others.digest) for name, listing in self.listings.items()}
        with run.resources:
            self.found.person = find_person(run.relations, email)
            return {name: landed.record for name, landed in run.landed.items()}

    def _lines(self, email: str | None, new: Tombstones, known: dict[str, FeedRecord]) -> dict[Entry, Sequence[int]]:
        """Return the numbers of the lines that are to go, by landing file."""
        files: dict[Entry, Sequence[int]] = {}
        run = self._run(new, ())
        with run.resources:
            for feed in FEEDS:
                listing = replace(self.listings[feed.name], forgotten=new.digest)
                mentions = Mentions(feed, new, email or "", self.found.person.values)
                workspace = self.lake.workspace(f"{STAGING}/lines")
                landed = land(
                    run.engine,
                    self.landing,
                    listing,
                    workspace,
                    known.get(feed.name),
                    tombstones=new,
                    mentions=mentions,
                )
                files |= {
                    entry: landed.forgotten[entry.path] for entry in listing.files if entry.path in landed.forgotten
                }
        return files

    def _is_to_be_forgotten(self, email: str | None, *, in_advance: bool) -> bool:
        """Return whether there is something to do for who has no line in landing; CheckFailed for who is unknown."""
        if email is None:
            return False
        tables = {name: [self.lake.local(f.path) for f in table.files] for name, table in self.published.tables.items()}
        bad = {n: [self.lake.local(f.path) for f in feed.quarantine] for n, feed in self.published.feeds.items()}
        run = self._run(Tombstones(), ())
        with run.resources:
            if stands_in(run.engine, tables, bad, email):
                return True
        if self.found.was_forgotten or in_advance:
            if "@" not in email:
                self.found.notes.append(
                    "what was given has no @, so it may be no email; what lands is known by its email"
                )
            return not self.found.was_forgotten
        raise CheckFailed(
            f"{self.lake.uri}: knows nothing of a customer with this email, so nothing was changed",
            fix="see that it is spelled right; --in-advance leaves a tombstone for what may land later",
        )

    def _compare(self, run: Run) -> None:
        before, feeds = self.published, run.feeds()
        rows = {name: feed.rows for name, feed in feeds.items()} | {name: t.rows for name, t in run.tables().items()}
        old = before.rows()
        self.found.tables = {name: (old.get(name, 0), rows[name]) for name in TABLES if name in rows}
        self.found.quarantined = {
            TABLES[name].feed: before.feeds[name].quarantined - feed.quarantined
            for name, feed in feeds.items()
            if name in before.feeds
        }
        as_built = [
            replace(self.listings[name], forgotten=feed.forgotten_by).build for name, feed in before.feeds.items()
        ]
        if as_built != [feed.build for feed in before.feeds.values()]:
            self.found.notes.append(
                "landing files have changed since the last build: what was not built yet is in the tables' rows after"
            )
        self.found.notes += run.notes

    def _run(self, tombstones: Tombstones, remade: Sequence[Remade]) -> Run:
        return Run(
            self.lake,
            WithoutLines(self.landing, remade) if remade else self.landing,
            memory_limit=self.memory_limit,
            parameters=self.parameters,
            is_forget=True,
            tombstones=tombstones,
            published=self.published,
        )

    def _step(self, number: int) -> None:
        self.progress(_STEPS[number], number, len(_STEPS))

    def is_current(self) -> bool:
        """Return whether the landing files are those that the published manifest names."""
        if self.manifest is None:
            return True
        feeds = self.manifest.feeds
        return all(
            list_feed(self.landing, TABLES[n], feed.forgotten_by).build == feed.build for n, feed in feeds.items()
        )

    @contextlib.contextmanager
    def cleared(self) -> Iterator[None]:
        """Leave nothing staged behind, unless it is still to be put in place."""
        try:
            yield
        finally:
            with contextlib.suppress(EnvironmentFault):
                if self.lake.stat(JOURNAL) is None:
                    with contextlib.suppress(EnvironmentFault):
                        if self.erasure is not None:
                            self.landing.clear(self.erasure.folder)
                    self.lake.clear(STAGING)
