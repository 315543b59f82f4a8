"""The audit of a lake for privacy: from landing and the published files alone, by another road than the stages.

The manifest is asked for nothing but its build, where the landing data are and whether anybody was forgotten. Tables
are whatever Parquet files stand under their prefixes, since that is what their readers read; who agrees is worked out
anew from the landing data as they are now.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from stedi import __version__
from stedi.contracts import FEEDS, TABLES
from stedi.counted import counted
from stedi.engine import Engine, glob_safe, quoted
from stedi.errors import EnvironmentFault, StediError
from stedi.escapes import decoded
from stedi.lake import Lake
from stedi.landing import QUARANTINED, land
from stedi.listing import check_unchanged, list_feeds
from stedi.manifest import Manifest
from stedi.masking import mask, mask_key
from stedi.privacy.bad_lines import bad_lines, values_of
from stedi.privacy.certificate import Certificate
from stedi.privacy.consents import Consents, read_customers
from stedi.privacy.search import mask_names, search_others, search_reports, search_tables, see_reports
from stedi.privacy.texts import is_parquet
from stedi.privacy.values import PERSONAL
from stedi.privacy.work import CHECKED_IN_SQL, Audit, literal, see_file, unreadable
from stedi.relations import Relations
from stedi.run import IN_MEMORY_SHARE, Progress, silent
from stedi.stages import STAGES, SqlFile
from stedi.standing import damage
from stedi.storage import NOT_A_FILE, Entry, Options, open_storage
from stedi.tombstones import normal

__all__ = ["audit"]

_SQL = Path(__file__).parent / "checks"
_AT_ONCE = 1000  # quarantined lines, of a megabyte each at most


def audit(
    lake: str | os.PathLike[str],
    reports: Sequence[str | os.PathLike[str]] = (),
    *,
    memory_limit: str | None = None,
    progress: Progress = silent,
    options: Options | None = None,
) -> Certificate:
    """Audit a lake for privacy and return its certificate; violations are in it, not raised.

    Args:
        lake: folder or S3 URI of a built lake.
        reports: files and folders besides the lake that must hold no personal value: logs, reports, notebooks.
        memory_limit: for DuckDB, as "2GB".
        progress: told of each part.
        options: how S3 is used, if it is.

    Raises StediError where it cannot be carried out: no lake, landing data gone, a file that cannot be read, a build
    under way.
    """
    see_reports(reports)
    with Lake.open(lake, memory_limit=memory_limit, whole=True, options=options) as opened:
        if opened.notes:  # it could not be settled: another process is changing it
            raise EnvironmentFault(opened.notes[0], fix="run the audit again when that has ended")
        landing = open_storage(opened.manifest.landing_of(opened.storage), opened.storage.options)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        certificate = Certificate(opened.storage.uri, landing.uri, opened.manifest.build, now)
        certificate.versions = {"stedi": __version__, "duckdb": duckdb.__version__}
        work = Audit(opened, landing, certificate)
        steps = (_look, _land, _open, _run_checks, search_tables, search_others)
        try:
            for done, step in enumerate(steps):
                progress(f"auditing: {step.__name__.strip('_').replace('_', ' ')}", done, len(steps))
                step(work)
        except StediError as error:
            # DuckDB's errors of which nothing better is known
            raise (_damage(work) if type(error) is StediError else None) or error from error
        search_reports(work, reports)
        mask_names(work)
        _check_same(work)
        certificate.finished = datetime.now(UTC).isoformat(timespec="seconds")
    return certificate


def _damage(work: Audit) -> EnvironmentFault | None:
    """Return what is to be said where tables cannot be read: of a damaged file, or of one that no build has written."""
    storage = work.lake.storage
    files = [file for table in work.lake.manifest.files().values() for file in table]
    known = {file.path for file in files}
    strange = [entry.path for entries in work.tables.values() for entry in entries if entry.path not in known]
    return damage(storage, files) or (unreadable(f"{storage.uri}/{strange[0]}") if strange else None)


def _look(work: Audit) -> None:
    """List the lake, put every file of it into the certificate, and say what each file is."""
    storage = work.lake.storage
    root, of_landing = (place.uri.replace(os.sep, "/") for place in (storage, work.landing))
    landing = tuple(f"{of_landing}/{feed.prefix}" for feed in FEEDS)
    listed = [entry for entry in storage.list("") if not f"{root}/{entry.path}".startswith(landing)]
    prefixes = {TABLES[name].prefix: name for name in STAGES}
    whose = {
        entry: next((name for prefix, name in prefixes.items() if entry.path.startswith(prefix)), "")
        for entry in listed
    }
    work.local |= storage.fetch(listed)
    for entry in sorted(listed, key=lambda entry: entry.path):
        see_file(f"{storage.uri}/{entry.path}", is_file=entry.version != NOT_A_FILE)
        # Athena and Spark read whatever lies below a prefix, however it is called
        holds_rows = entry.path.endswith(".parquet") or is_parquet(work.local[entry.path])
        if holds_rows:
            _see_readable(work, entry.path)
        if whose[entry] and holds_rows:
            place = "table"
            work.tables.setdefault(whose[entry], []).append(entry)
        else:
            place = "record" if entry.path.startswith("_stedi/") else "other"
            if entry.path.startswith("_quarantine/") and holds_rows and _is_quarantine(work, entry.path):
                place = "quarantine"
            work.others.append((place, entry))
        work.cover(place, entry.path, work.local[entry.path])


def _see_readable(work: Audit, path: str) -> None:
    """Raise EnvironmentFault for a Parquet file whose footer cannot be read."""
    file = {"file": glob_safe(work.local[path])}
    try:
        work.engine.run(path, "select count(*) from parquet_file_metadata($file)", file)
    except StediError as error:
        raise EnvironmentFault(
            f"{work.lake.storage.uri}/{path}: is damaged, or no Parquet file",
            fix="move it away; `stedi build --force` makes tables again",
        ) from error


def _is_quarantine(work: Audit, path: str) -> bool:
    """Return whether a Parquet file is a quarantine of this product's making, and not just lies where these do."""
    source = f"read_parquet({literal(glob_safe(work.local[path]))}, hive_partitioning = false)"
    found = [(column, kind) for column, kind, *_ in work.engine.run(path, f"describe select * from {source}")]
    return found == list(QUARANTINED.items())


def _land(work: Audit) -> None:
    """Read the landing data as they are now: who agrees, and every personal value.

    Lines of the forgotten are passed over, as by a build: nobody of them agrees.
    """
    known = work.lake.manifest.feeds
    forgotten = work.lake.forgotten()
    listings = list_feeds(work.landing, forgotten.digest)
    for name, listing in listings.items():
        for path, file in work.landing.fetch(listing.files).items():
            work.cover("landing", path, file)
        # nothing is taken from the manifest: neither which lines are good, nor who is known to be in them
        work.landed[name] = land(work.engine, work.landing, listing, work.lake.workspace, tombstones=forgotten)
        if known.get(name) is None or known[name].build != listing.build:
            work.certificate.notes.append(
                f"{TABLES[name].feed}: landing files have changed since the build, and are taken as they are now"
            )
    size = sum(listing.size for listing in listings.values())
    relations = Relations(
        work.engine,
        lambda name: work.landed[name],
        {},
        in_memory=size <= IN_MEMORY_SHARE * work.engine.memory_limit(),
    )
    relations.open(listings)
    check_unchanged(work.landing, listings.values())
    work.consents = read_customers(work.landed["customer_landing"].good, work.values)
    if work.consents.spelled_otherwise:
        work.certificate.notes.append(
            f"customer: {work.consents.spelled_otherwise:,} who agree have a record as late that refuses, under another"
            " spelling of the email; tables take that for somebody else"
        )
    users = "select distinct user from accelerometer_landing where user not in (select email from customer_landing)"
    for (user,) in work.engine.run("users", users):
        work.values.add("user", user)
    _look_at_bad_lines(work)
    _stand(work.engine, work.consents)


def _look_at_bad_lines(work: Audit) -> None:
    """Add the personal values of bad lines: those that landed, and those that stand in quarantine from before.

    A bad line is no record, so a withdrawal in one counts for nothing; that is what the certificate must say.
    """
    agree = {normal(email) for email in work.consents.since}
    named = 0
    for name, landed in work.landed.items():
        feed = TABLES[name]
        for text in bad_lines(landed.bad):
            found = list(values_of(feed, text))
            for column, value in found:
                work.values.add(column, value)
            named += feed.feed == "customer" and any(c == "email" and normal(value) in agree for c, value in found)
    if named:
        work.certificate.notes.append(
            f"customer: {counted(named, 'quarantined line')} with customers who agree; a withdrawal in one does not"
            " count before it is repaired"
        )
    for entry, text in _quarantined(work):
        feed = next((feed for feed in FEEDS if entry.path.startswith(f"_quarantine/{feed.feed}/")), FEEDS[0])
        for column, value in values_of(feed, text):
            work.values.add(column, value)


def _quarantined(work: Audit) -> Iterator[tuple[Entry, str]]:
    """Yield the raw text of every line in the lake's quarantine, with the file it stands in."""
    for place, entry in work.others:
        if place == "quarantine":
            file = {"file": glob_safe(work.local[entry.path])}
            sql = "select raw from read_parquet($file, hive_partitioning = false) where raw is not null"
            for (raw,) in work.engine.stream(entry.path, sql, file, at_once=_AT_ONCE):
                yield entry, decoded(bytes(raw))


def _stand(engine: Engine, consents: Consents) -> None:
    """Stand who agrees in the engine, as the checks read it."""
    engine.run(
        "consents",
        "create table consents as select unnest($emails::varchar[]) as email, unnest($since::bigint[]) as since",
        {"emails": list(consents.since), "since": list(consents.since.values())},
    )
    engine.run(
        "agreed_devices",
        "create table agreed_devices as select unnest($serials::varchar[]) as serialNumber",
        {"serials": sorted(consents.serials)},
    )


def _open(work: Audit) -> None:
    """Open every table over all files of its folder, with the columns of its contract whatever the files have."""
    check = work.check("columns")
    for name in STAGES:
        declared = {column.name: column.type for column in TABLES[name].columns}
        found: dict[str, str] = {}
        files = [glob_safe(work.local[entry.path]) for entry in work.tables.get(name, [])]
        if files:
            source = (
                f"read_parquet([{', '.join(map(literal, files))}], union_by_name = true, hive_partitioning = false)"
            )
            described = work.engine.run(f"files of {name}", f"describe select * from {source}")
            found = {column: kind for column, kind, *_ in described}
            work.engine.run(f"files of {name}", f"create view {quoted(f'{name}_files')} as select * from {source}")
        columns = [
            f"try_cast({quoted(column)} as {kind}) as {quoted(column)}"
            if column in found
            else f"null::{kind} as {quoted(column)}"
            for column, kind in declared.items()
        ]
        rest = f" from {quoted(f'{name}_files')}" if files else " where false"
        work.engine.run(name, f"create view {quoted(name)} as select {', '.join(columns)}{rest}")
        [(rows,)] = work.engine.run(name, f"select count(*) from {quoted(name)}")
        check.counts[name] = int(rows)
        if files:
            check.violations += [f"{name}: lacks the column {column}" for column in declared if column not in found]
        else:
            check.violations.append(f"{name}: has no file, where an empty table has one without rows")
        for column in sorted(found.keys() - declared.keys()):
            personal = column.lower() in {known.lower() for known in PERSONAL}
            what = "a column marked personal" if personal else "a column that it is not declared to have"
            check.violations.append(f"{name}: has {what}, {mask_key(column)}")


def _run_checks(work: Audit) -> None:
    """Run the checks that are SQL."""
    rows = work.check("columns").counts
    for name in CHECKED_IN_SQL:
        check = work.check(name)
        file = SqlFile(name, _SQL / f"{name}.sql")
        check.counts = {table: rows[table] for table in file.inputs if table in STAGES}
        if name in ("consent", "owners", "training"):
            check.counts["customers"] = work.consents.customers
            check.counts["customers_who_agree"] = len(work.consents.since)
        number = "sum(number)" if name == "training" else "count(*)"
        found = work.engine.run(
            f"check {name}",
            f"select table_name, what, {number}, min(key) from ({file.sql}) group by all order by all",
        )
        check.violations += [
            f"{table}: {int(count):,} {'row' if count == 1 else 'rows'} {what}, as {mask(key)}"
            for table, what, count, key in found
        ]


def _check_same(work: Audit) -> None:
    """Raise StediError where the lake was published anew meanwhile: the certificate would be about a mix."""
    now = Manifest.load(work.lake.storage)
    if now is None or now.build != work.certificate.build:
        raise StediError(f"{work.lake.storage.uri}: was published anew while it was audited", fix="run the audit again")
