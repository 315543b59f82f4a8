"""A build: from landing files to published tables, as a list of steps over a run record.

Each step takes the run and adds to it; the first that returns True ends the run. DuckDB is imported only when there
is something to build.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stedi import __version__, plan
from stedi.contracts import FEEDS, TABLES
from stedi.counted import counted
from stedi.errors import AuditFailed, CheckFailed, StediError, UsageError
from stedi.listing import check_unchanged, list_feeds, named
from stedi.manifest import OWN, THE_LAKE, THE_SAMPLE, FeedRecord, FileRecord, LedgerRecord, Manifest, TableRecord
from stedi.masking import mask_path
from stedi.parameters import Parameters
from stedi.publish import LOCK, Erasure, cleared, publish, recover, staged_record
from stedi.run import Progress, Run, silent
from stedi.settings import bundled_sample
from stedi.stages import LEFT, PARAMETERS, STAGES, SqlFile
from stedi.standing import Standing, damage, look_at
from stedi.storage import Options, Storage, open_storage, this_process
from stedi.tombstones import load_tombstones

if TYPE_CHECKING:
    from stedi.engine import Engine
    from stedi.landing import Landed

__all__ = ["Run", "build", "make", "put_in_place"]

SPLIT_FROM_BYTES = 20_000_000_000
"""From so much landing JSON on, tables are written as several files of about SPLIT_SIZE."""

SPLIT_SIZE = "1GB"


def build(
    lake: str | Path,
    landing: str | Path,
    *,
    strict: bool = False,
    force: bool = False,
    memory_limit: str | None = None,
    pseudonym_key: str | None = None,
    clock_skew_ms: int = 0,
    progress: Progress = silent,
    trace: Callable[[str], None] | None = None,
    options: Options | None = None,
    storage: Storage | None = None,
) -> Run:
    """Build a lake from landing data: all tables or none.

    Args:
        lake: folder or S3 URI of the lake; made where there is none.
        landing: folder or S3 URI that holds `<feed>/landing/`.
        strict: publish nothing where a line is quarantined.
        force: make every table again.
        memory_limit: for DuckDB, as "2GB"; what does not fit spills into the lake's staging folder.
        pseudonym_key: of the pseudonyms in training_curated; without one that table is left as it is where nothing it
            is made from has changed, and else made with a random key.
        clock_skew_ms: by how much the clocks of a device and its owner's phone may differ.
        progress: told of each part of the build.
        trace: told every SQL statement that runs.
        options: how S3 is used, if it is.
        storage: where the lake is, if not simply at `lake`.

    Returns the run record; its `manifest` is the published one. Raises StediError: AuditFailed and CheckFailed when a
    check failed, EnvironmentFault and UsageError when something is not there or not allowed. The old tables stand then.
    """
    run = Run(
        storage or open_storage(lake, options),
        open_storage(landing, options),
        strict=strict,
        force=force,
        memory_limit=memory_limit,
        parameters=Parameters(pseudonym_key, clock_skew_ms),
        progress=progress,
        trace=trace,
    )
    if any(f"{run.landing.uri}{sep}".startswith(f"{run.lake.uri}{sep}_stedi{sep}") for sep in {"/", os.sep}):
        raise UsageError(
            f"{run.landing.uri}: is inside _stedi, which builds clear", fix="put the landing data elsewhere"
        )
    with run.resources:
        for step in (_look, _lock, _work, _publish):
            if step(run):
                break
    return run


def _look(run: Run) -> bool:
    """List the landing files and find what is stale; nothing stale ends the run."""
    standing = look_at(run.lake)
    run.published = standing.manifest
    if not run.is_forget:
        run.tombstones = load_tombstones(
            run.lake, run.published.forgotten_by if run.published else None, standing.folders[OWN]
        )
    run.listings = list_feeds(run.landing, run.tombstones.digest)
    run.inputs = {name: stage.depends_on for name, stage in STAGES.items()}
    run.order = plan.order(run.inputs, [*(feed.name for feed in FEEDS), *PARAMETERS])
    run.given = run.parameters.ids(run.published.parameters if run.published else {})
    run.ids = _ids(run)
    run.notes = _notes(run, standing)
    published, damaged = _published_ids(run.published), standing.damaged()
    force = "forced" if run.force else "" if run.same_landing else "another landing folder"
    run.stale = plan.stale(run.order, run.inputs, run.ids, published, damaged, force=force)
    if any("pseudonym_key" in run.inputs[name] for name in run.stale):
        # made anew: with the key of this run, whatever that of the published table was
        run.given = run.parameters.ids({})
        run.ids = _ids(run)
    if run.stale or run.published is None or standing.unsettled():
        return False
    run.manifest = run.published
    _refuse_quarantined(run, run.published.feeds)
    return True


def _ids(run: Run) -> dict[str, str]:
    given = {name: listing.build for name, listing in run.listings.items()} | run.given
    return plan.build_ids(run.order, run.inputs, {n: s.digest for n, s in STAGES.items()}, given, __version__)


def _lock(run: Run) -> bool:
    """Take the lake for this run, finish what a stopped build left, and look again where the lake is another now."""
    run.resources.enter_context(run.lake.lock(LOCK, this_process("stedi build")))
    run.resources.enter_context(cleared(run.lake))
    finished = recover(run.lake)
    if run.stale and not finished and Manifest.load(run.lake) == run.published:
        return False
    return _look(run)


def _work(run: Run) -> bool:
    """Stage what is to be published; an error that comes of a file that has changed or is damaged names that file."""
    try:
        for step in (_read, _make, _audit):
            step(run)
    except (StediError, OSError) as error:
        _see_unchanged(run)
        # DuckDB's errors of which nothing better is known
        damaged = damage(run.lake, run.standing_files()) if type(error) is StediError else None
        raise (damaged or error) from error
    return False


def _read(run: Run) -> None:
    """Read all feeds, whatever is stale, since the audits and the ledger need them; prove or quarantine their lines."""
    run.done("reading landing files")
    # the largest first: what is imported for it then serves the small ones
    run.relations.open(sorted(run.listings, key=lambda name: -run.listings[name].size))
    _see_unchanged(run)
    _refuse_quarantined(run, run.feeds())
    for name, feed in run.feeds().items():
        if feed.forgotten:
            run.notes.append(
                f"{TABLES[name].feed}: dropped {counted(feed.forgotten, 'line')} of forgotten customers that landed"
                " late; `stedi privacy forget --late` erases them from the landing files"
            )
        if feed.quarantined and not feed.rows:
            run.notes.append(
                f"{TABLES[name].feed}: has no row among its {counted(feed.quarantined, 'line')}; the tables made"
                " from it are empty (one JSON object a line, keys as in docs/lakehouse.md?)"
            )
    withdrawals = run.feeds()["customer_landing"].quarantined
    if withdrawals:
        run.notes.append(
            f"customer: a withdrawal of consent that stands in a quarantined line has no effect; look at the"
            f" {counted(withdrawals, 'line')}"
        )
    for name, landed in run.landed.items():
        run.landed[name].record = _stage_quarantine(run, landed)


def _make(run: Run) -> None:
    """Run the stale stages into the staging folder, in order."""
    split = SPLIT_SIZE if run.size >= SPLIT_FROM_BYTES else None
    for name in run.stale:
        run.done(f"making {name}")
        run.made[name] = _make_table(run, name, split)
    if any(table.rows and "pseudonym_key" in table.inputs for table in run.made.values()):
        run.notes += run.parameters.notes(run.published.parameters if run.published else {})


def _audit(run: Run) -> None:
    """Audit the tables as they would stand; a violation publishes nothing."""
    from stedi.audit import audits_of, ledger_of, left_out_of, prepare, run_audits

    run.done("auditing")
    feeds = run.feeds()
    prepare(run.relations, {name: feed.rows for name, feed in feeds.items()}, run.tables())
    run.audits = audits_of(run.stale)
    violations = run_audits(run.relations, run.audits)
    if violations:
        raise AuditFailed(
            f"{run.lake.uri}: {counted(len(violations), 'audit')} failed, nothing was published",
            violations=violations,
            fix="the old tables stand; look at the stages' SQL and at the landing data of these keys",
        )
    run.made = {name: replace(table, left_out=left_out_of(run.relations, name)) for name, table in run.made.items()}
    found = ledger_of(run.relations)
    for name, feed in feeds.items():
        kept, dropped, why = found[TABLES[name].feed]
        dropped += feed.forgotten
        run.ledger.append(
            LedgerRecord(TABLES[name].feed, feed.lines, kept, dropped, why, feed.quarantined, feed.forgotten)
        )
    _see_unchanged(run)


def _see_unchanged(run: Run) -> None:
    """Raise EnvironmentFault where a landing file is not as it was listed; what was fetched cannot change any more."""
    if run.landing.reads_in_place:
        check_unchanged(run.landing, run.listings.values())


def make(run: Run) -> None:
    """Stage, for who holds the lock, everything that a build would publish."""
    if not _look(run):
        _work(run)


def _publish(run: Run) -> bool:
    """Publish what was staged, the last step."""
    put_in_place(run)
    return True


def put_in_place(run: Run, erasure: Erasure | None = None) -> None:
    """Put the staged tables in place and write the manifest."""
    import duckdb

    run.done("publishing")
    tables = run.tables()
    run.manifest = Manifest(
        build=run.build,
        landing={run.lake.uri: THE_LAKE, str(bundled_sample()): THE_SAMPLE}.get(run.landing.uri, run.landing.uri),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - run.started, 3),
        versions={"stedi": __version__, "duckdb": duckdb.__version__},
        feeds=run.feeds(),
        tables=tables,
        ledger=tuple(run.ledger),
        audits=tuple(run.audits),
        parameters=run.given,
    )
    run.deletes += _superseded(run.published, run.manifest)
    publish(run.lake, run.moves, run.deletes, run.manifest, erasure)


def _make_table(run: Run, name: str, split: str | None) -> TableRecord:
    started = time.perf_counter()
    contract, stage, relations = TABLES[name], STAGES[name], run.relations
    relations.open(stage.inputs)
    from_json = not relations.in_memory and any(feed.name in stage.inputs for feed in FEEDS)
    folder = run.lake.workspace(f"{run.staging}/tables")
    target = folder / (name if split else f"{name}-0.parquet")
    with relations.engine.joins_as_written() if from_json else nullcontext():
        query = stage.sql if stage.in_steps is None else _find(relations.engine, stage)
        rows = relations.engine.copy(name, query, target, run.ids[name], split=split)
        relations.engine.run(name, "drop table if exists found")
    files = sorted(target.glob("*.parquet")) if split else [target]
    relations.put(name, files)
    records = tuple(_stage(run, file, f"{contract.prefix}{name}-{i}.parquet") for i, file in enumerate(files))
    seconds = round(time.perf_counter() - started, 3)
    return TableRecord(name, run.ids[name], stage.digest, run.inputs[name], rows, seconds, records)


def _find(engine: Engine, stage: SqlFile) -> str:
    """Run a stage up to what it selects from, keep what it leaves out, and return the query of what stays."""
    if stage.in_steps is None:
        raise ValueError(stage.name)
    found, stays, left = stage.in_steps
    engine.run(stage.name, f"create or replace table found as {found}")
    engine.run(stage.name, f"create or replace table {stage.name}{LEFT} as {left}")
    return stays


def _stage_quarantine(run: Run, landed: Landed) -> FeedRecord:
    from stedi.landing import quarantine_query

    record = landed.record
    if landed.bad is None:
        return record
    target = run.lake.workspace(f"{run.staging}/quarantine") / f"{record.name}.parquet"
    lines = quarantine_query(run.engine, record.name, landed.bad)
    run.engine.copy(f"quarantine of {record.name}", lines, target, record.build)
    final = f"_quarantine/{TABLES[record.name].feed}/quarantine.parquet"
    return replace(record, quarantine=(_stage(run, target, final),))


def _stage(run: Run, file: Path, target: str) -> FileRecord:
    staged = file.relative_to(run.lake.workspace(run.staging)).as_posix()
    run.moves.append((f"{run.staging}/{staged}", target))
    return staged_record(file, target)


def _published_ids(published: Manifest | None) -> dict[str, str]:
    if published is None:
        return {}
    feeds = {name: feed.build for name, feed in published.feeds.items()}
    return feeds | published.parameters | {name: table.build for name, table in published.tables.items()}


def _superseded(old: Manifest | None, new: Manifest) -> list[str]:
    """Return the files of the last build that have no successor of the same name."""
    paths = {file.path for files in new.files().values() for file in files}
    return sorted({f.path for files in old.files().values() for f in files} - paths) if old else []


def _refuse_quarantined(run: Run, feeds: dict[str, FeedRecord]) -> None:
    quarantined = {TABLES[name].feed: feed for name, feed in feeds.items() if feed.quarantined}
    if run.strict and quarantined:
        counts = "; ".join(
            f"{name}: " + ", ".join(f"{count:,} {reason}" for reason, count in feed.reasons.items())
            for name, feed in quarantined.items()
        )
        raise CheckFailed(
            f"{run.landing.uri}: bad lines, and --strict allows none ({counts}); nothing was published",
            fix="build without --strict to have them in _quarantine/ with file, line and reason",
        )


def _notes(run: Run, standing: Standing) -> list[str]:
    left = [path for listing in run.listings.values() for path in listing.left]
    return named([f"left alone, no landing file: {run.landing.uri}/{mask_path(path)}" for path in left]) + [
        f"{run.lake.uri}/{prefix}: {counted(len(paths), 'file')} that stedi did not write, as {mask_path(paths[0])};"
        " whoever reads the whole folder reads them too"
        for prefix, paths in standing.foreign().items()
    ]
