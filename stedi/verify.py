"""Hold a published lake against its manifest, its landing data, the audits and expected counts.

Everything that is wrong is named, not the first thing only: a check that cannot be made is a problem of its own and
stops no other check.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb

from stedi.audit import audits_of, ledger_of, prepare, run_audits
from stedi.contracts import TABLES
from stedi.counted import counted
from stedi.engine import build_of, explain, glob_safe
from stedi.errors import StediError, UsageError
from stedi.lake import Lake
from stedi.listing import see_landing
from stedi.manifest import FileRecord, LedgerRecord, Manifest, TableRecord
from stedi.relations import Relations
from stedi.run import IN_MEMORY_SHARE, Progress
from stedi.settings import nearest
from stedi.stages import AUDITS, STAGES
from stedi.standing import wrong_with
from stedi.storage import Options, faults, open_storage

__all__ = ["EXPECTED", "Report", "parse_expected", "read_expected", "verify"]

EXPECTED = "expected.json"
"""At the root of the landing data, it names the rows that tables must have."""

_AGAIN = "`stedi build --force --lake {lake} --landing {landing}` makes every table again"
_AS_IT_IS = "`stedi build --lake {lake} --landing {landing}` builds from the landing data as they are now"
_PUT_BACK = "put the landing files back that are gone, or build from other ones with --landing"
_MOVE = "move files away that are none of the lake's"
_COUNTS = "look at the landing data, or correct the expected counts in {expected}"
_FORGOTTEN = (
    "customers are forgotten in this lake ({lake}/_stedi/forgotten.json), and their rows with them: where these counts"
    " are of before, correct those in {expected}; else look at the landing data"
)


@dataclass(slots=True)
class Report:
    """What verification found: the rows of each table as they are, how many checks were made, and every problem.

    `checks` counts what was looked at; `fixes` says what to do, once for each kind of problem; `notes` are no problems,
    but worth knowing.
    """

    lake: str
    landing: str
    build: str
    tables: dict[str, int] = field(default_factory=dict)
    ledger: list[LedgerRecord] = field(default_factory=list)
    checks: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    fixes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(slots=True)
class _Verification:
    """A lake under verification.

    `unread` names tables and feeds that other checks cannot rest on, and why; `wrong` the files that are not as they
    were published.
    """

    lake: Lake
    report: Report
    unread: dict[str, str] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)

    @property
    def manifest(self) -> Manifest:
        return self.lake.manifest

    def problem(self, text: str, fix: str = _AGAIN, *, expected: str = EXPECTED) -> None:
        """Add a problem; `fix` is empty where it only follows from another."""
        report = self.report
        report.problems.append(text)
        fix = fix.format(lake=report.lake, landing=report.landing, expected=expected)
        if fix and fix not in report.fixes:
            report.fixes.append(fix)

    def count(self, check: str) -> None:
        self.report.checks[check] = self.report.checks.get(check, 0) + 1

    @contextmanager
    def trying(self, what: str, name: str = "") -> Iterator[None]:
        """Make an error of the block a problem and the table `name` unread; lack of room is no fault of the lake."""
        try:
            yield
        except (StediError, duckdb.Error) as error:
            found = error if isinstance(error, StediError) else explain(error, what)
            cause = error.__cause__ if isinstance(error, StediError) else error
            if isinstance(cause, duckdb.OutOfMemoryException) or "no space left" in found.message:
                raise found from error
            text = found.message if found.message.startswith(what) else f"{what}: {found.message}"
            self.problem(text)
            if name:
                self.unread[name] = "it cannot be read"


def verify(
    lake: str | os.PathLike[str],
    expected: str | os.PathLike[str] | None = None,
    *,
    memory_limit: str | None = None,
    progress: Progress | None = None,
    options: Options | None = None,
) -> Report:
    """Verify a lake and return what was found; it raises nothing for what is wrong with the lake.

    `expected` is a file of expected rows, `{"customer_trusted": 482}`; without it `expected.json` at the root of the
    landing data is used where there is one. EnvironmentFault where the lake was never built.
    """
    counts = read_expected(expected) if expected is not None else None
    with Lake.open(lake, memory_limit=memory_limit, whole=True, options=options) as opened:
        report = Report(
            opened.storage.uri,
            opened.manifest.landing_of(opened.storage),
            opened.manifest.build,
            notes=list(opened.notes),
        )
        work = _Verification(opened, report)
        steps = (
            ("files", _files),
            ("tables", _tables),
            ("landing", _landing),
            ("ledger", _ledger),
            ("audits", _audits),
        )
        for done, (what, step) in enumerate(steps):
            if progress:
                progress(f"verifying {what}", done, len(steps))
            step(work)
        _expected(work, counts, os.fspath(expected) if expected is not None else "")
        now = Manifest.load(opened.storage)
        if now is None or now.build != opened.manifest.build:
            raise StediError(f"{report.lake}: was published anew while it was verified", fix="run the command again")
    return report


def _files(work: _Verification) -> None:
    """Hold every published file against its record: there, of its size, its checksum; and nothing else beside it."""
    manifest = work.manifest
    made = [TABLES[name].prefix for name in STAGES] + [f"_quarantine/{TABLES[n].feed}/" for n in manifest.feeds]
    found = {entry.path: entry for entries in work.lake.storage.list_each(made).values() for entry in entries}
    for name, files in manifest.files().items():
        for file in files:
            work.count("files")
            entry = found.get(file.path)
            wrong = wrong_with(file, entry, partial(work.lake.fetch, entry) if entry else None)
            if wrong:
                work.problem(f"{file.path}: {wrong}")
                work.wrong.add(file.path)
            if wrong and name in manifest.tables:
                work.unread[name] = (
                    "a file is missing" if wrong == "is missing" else "a file is not as it was published"
                )
    own = {file.path for files in manifest.files().values() for file in files}
    for path in found:
        if path not in own:
            work.problem(f"{path}: is none of this lake's files; whoever reads the folder reads it too", _MOVE)


def _tables(work: _Verification) -> None:
    """Hold the footer of every Parquet file against the manifest, rows and build id, and open each table."""
    manifest, report = work.manifest, work.report
    for name in STAGES:
        if name not in manifest.tables:
            work.problem(f"{name}: is not in the manifest; run `stedi build`")
            work.unread[name] = "it was not built"
            continue
        table = manifest.tables[name]
        if table.sql != STAGES[name].digest:
            report.notes.append(f"{name}: was made by other SQL than this version's; `stedi build` makes it again")
        if name in work.unread:
            continue
        _table(work, table)
    for feed in manifest.feeds.values():
        if any(file.path in work.wrong for file in feed.quarantine):
            continue
        rows = 0
        for file in feed.quarantine:
            with work.trying(file.path):
                rows += _footer(work, file, feed.build)
        if rows != feed.quarantined:
            work.problem(f"quarantine of {feed.name}: has {rows:,} lines, the manifest says {feed.quarantined:,}")


def _table(work: _Verification, table: TableRecord) -> None:
    work.count("tables")
    rows = 0
    for file in table.files:
        with work.trying(file.path, table.name):
            rows += _footer(work, file, table.build)
    if table.name in work.unread:
        return
    work.report.tables[table.name] = rows
    if rows != table.rows:
        work.problem(f"{table.name}: has {rows:,} rows, the manifest says {table.rows:,}")
    with work.trying(table.name, table.name):
        _relations(work).open([table.name])


def _footer(work: _Verification, file: FileRecord, build: str) -> int:
    """Return the rows a Parquet file says it has; another build's file is a problem."""
    engine, local = work.lake.engine, work.lake.local(file.path)
    [(rows,)] = engine.run(
        file.path, "select coalesce(sum(num_rows), 0) from parquet_file_metadata($file)", {"file": glob_safe(local)}
    )
    found = build_of(engine, local)
    if found != build:
        work.problem(f"{file.path}: is of build {found or 'none'}, the manifest says {build}")
    return int(rows)


def _landing(work: _Verification) -> None:
    """Hold the landing files against those the lake was built from, and read them again."""
    landing = open_storage(work.manifest.landing_of(work.lake.storage), work.lake.storage.options)
    for name, record in work.manifest.feeds.items():
        work.count("feeds")
        seen = see_landing(landing, record)
        for paths, what, fix in ((seen.vanished, "is gone", _PUT_BACK), (seen.changed, "has changed", _AS_IT_IS)):
            for path in paths:
                work.problem(f"{landing.uri}/{path}: this landing file {what} since the build", fix)
        if seen.new:
            work.report.notes.append(
                f"{name}: {counted(len(seen.new), 'new landing file')} since the build, as {landing.uri}/{seen.new[0]};"
                " run `stedi build`"
            )
        if not seen.same:
            work.unread[name] = "its landing files are not those of the build"
            continue
        with work.trying(name, name):
            _relations(work).open([name])
        if name in work.lake.landed:
            found = work.lake.landed[name].record
            work.report.tables[name] = found.rows
            if (found.rows, found.reasons) != (record.rows, record.reasons):
                work.problem(
                    f"{name}: has {found.rows:,} good rows and {found.quarantined:,} bad lines,"
                    f" the manifest says {record.rows:,} and {record.quarantined:,}"
                )


def _ledger(work: _Verification) -> None:
    """Count again, from landing and published tables, where the lines of each feed went."""
    if work.unread:
        work.problem(f"ledger: not checked, {_because(work.unread)}", "")
        return
    with work.trying("ledger"):
        for feed, (kept, dropped, why) in ledger_of(_relations(work)).items():
            work.count("ledger")
            record = next(r for name, r in work.manifest.feeds.items() if TABLES[name].feed == feed)
            all_dropped = dropped + record.forgotten
            found = LedgerRecord(feed, record.lines, kept, all_dropped, why, record.quarantined, record.forgotten)
            work.report.ledger.append(found)
            if record.lines != kept + all_dropped + record.quarantined:
                work.problem(f"ledger does not balance: {found}")
            if found not in work.manifest.ledger:
                said = next((str(entry) for entry in work.manifest.ledger if entry.feed == feed), "nothing")
                work.problem(f"ledger: counted {found}; the manifest says {said}")


def _audits(work: _Verification) -> None:
    """Run every audit that can be run on the published tables."""
    relations = _relations(work)
    readable = [name for name in work.manifest.tables if name in STAGES and name not in work.unread]
    with work.trying("audits"):
        prepare(relations, {name: feed.rows for name, feed in work.manifest.feeds.items()}, readable)
    always = set(audits_of(()))
    for audit in AUDITS:
        lacking = {
            name: why for name, why in work.unread.items() if audit in set(audits_of((name, f"{name}_lines"))) - always
        }
        if lacking:
            work.problem(f"audit {audit}: not run, {_because(lacking)}", "")
            continue
        with work.trying(f"audit {audit}"):
            violations = run_audits(relations, [audit])
            work.count("audits")
            for lines in violations.values():
                for line in lines:
                    work.problem(f"audit {audit}: {line}")


def _because(unread: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in unread.items())


def _expected(work: _Verification, counts: Mapping[str, int] | None, where: str) -> None:
    """Hold the rows of the tables against those that are expected; `where` names the file that says so."""
    if counts is None:
        landing = open_storage(work.manifest.landing_of(work.lake.storage), work.lake.storage.options)
        found = landing.read(EXPECTED)
        if found is None:
            return
        try:
            where = f"{landing.uri}/{EXPECTED}"
            counts = parse_expected(found, where)
        except UsageError as error:
            work.problem(error.message, _COUNTS, expected=where)
            return
    rows = work.manifest.rows() | work.report.tables
    for name, count in counts.items():
        work.count("expected")
        if name not in rows:
            work.problem(
                f"expected {count:,} rows of {name}: there is no such table{nearest(name, rows)}",
                _COUNTS,
                expected=where,
            )
        elif rows[name] != count:
            fix = _FORGOTTEN if work.manifest.forgotten_by and rows[name] < count else _COUNTS
            work.problem(f"{name}: has {rows[name]:,} rows, expected are {count:,}", fix, expected=where)


def read_expected(file: str | os.PathLike[str]) -> dict[str, int]:
    """Return the counts in a file of them; UsageError where it holds something else."""
    file = Path(file)
    with faults(f"cannot read {file}"):
        return parse_expected(file.read_bytes(), str(file))


def parse_expected(data: bytes, where: str) -> dict[str, int]:
    """Return counts by table; UsageError, about `where`, for anything else."""
    try:
        counts = json.loads(data)
    except (ValueError, RecursionError):
        counts = None
    if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
        raise UsageError(f"{where}: is no object of tables and rows", fix='write it as {"customer_trusted": 482}')
    return counts


def _relations(work: _Verification) -> Relations:
    sizes = sum(file.size for feed in work.manifest.feeds.values() for file in feed.files)
    return work.lake.relations(in_memory=sizes <= IN_MEMORY_SHARE * work.lake.engine.memory_limit())
