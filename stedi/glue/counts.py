"""Count every table through Athena, and hold that against expected counts and a lake that was built here.

A landing table counts lines, so its rows are those lines without the quarantined ones; jobs quarantine lines when they
run, so before that they count as rows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from stedi.contracts import FEEDS, TABLES
from stedi.errors import UsageError
from stedi.glue.athena import cost, start, wait
from stedi.glue.aws import Aws
from stedi.glue.ddl import shapes
from stedi.manifest import Manifest
from stedi.settings import nearest
from stedi.storage import Options, open_storage
from stedi.verify import EXPECTED, parse_expected, read_expected

__all__ = ["Counts", "count"]

_RUN = "`stedi glue run` makes the tables again"
_LOOK = "see that landing data and scripts are the same here and there, then `stedi glue run`"


@dataclass(slots=True)
class Counts:
    """What was counted: rows of each table, quarantined lines of each feed, bytes scanned, and every problem.

    `expected` and `local` are the counts they were held against; either may be empty, not both.
    """

    database: str
    tables: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    expected: Mapping[str, int] = field(default_factory=dict)
    local: Mapping[str, int] = field(default_factory=dict)
    scanned: int = 0
    cost: float = 0.0
    problems: list[str] = field(default_factory=list)
    fixes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def problem(self, text: str, fix: str) -> None:
        """Add a problem, and what to do about it, once."""
        self.problems.append(text)
        if fix not in self.fixes:
            self.fixes.append(fix)


def count(
    aws: Aws,
    *,
    database: str,
    workgroup: str,
    lake: str | os.PathLike[str],
    expected: str | os.PathLike[str] | None = None,
    options: Options | None = None,
) -> Counts:
    """Count the tables and compare; UsageError where there is nothing to compare with.

    `lake` is one that `stedi build` has made from the same landing data; where there is none, `expected` alone counts,
    which is else `expected.json` at the root of that lake's landing data.
    """
    storage = open_storage(lake, options)
    manifest = Manifest.load(storage)
    found = Counts(database, local=manifest.rows() if manifest else {})
    found.expected = read_expected(expected) if expected is not None else _beside(manifest, storage.uri, options)
    if not found.expected and not found.local:
        raise UsageError(
            f"{storage.uri}: was never built, and there are no expected counts: nothing to compare with",
            fix="name a lake of the same landing data with --lake, or a file of counts with --expected",
        )
    counted = _count(aws, found, workgroup)
    for feed in FEEDS:
        bad = counted.get(f"{feed.feed}_quarantine")
        if bad is not None:
            found.quarantined[feed.feed] = bad
    for name in TABLES:
        if name in counted:
            bad = found.quarantined.get(TABLES[name].feed, 0) if TABLES[name].zone == "landing" else 0
            found.tables[name] = counted[name] - bad
    _compare(found, manifest)
    return found


def _beside(manifest: Manifest | None, uri: str, options: Options | None) -> Mapping[str, int]:
    """Return the expected counts at the root of a lake's landing data, none where there are none."""
    if manifest is None:
        landing = open_storage(uri, options)
    else:
        landing = open_storage(manifest.landing_of(open_storage(uri, options)), options)
    data = landing.read(EXPECTED)
    return {} if data is None else parse_expected(data, f"{landing.uri}/{EXPECTED}")


def _count(aws: Aws, found: Counts, workgroup: str) -> dict[str, int]:
    """Return the rows of every table that can be counted; all queries are under way at the same time."""
    database = found.database
    queries = {
        name: start(aws, f'select count(*) as rows from "{database}"."{name}"', database=database, workgroup=workgroup)
        for name in shapes()
    }
    counted: dict[str, int] = {}
    for name, query in queries.items():
        try:
            answer = wait(aws, query)
            [[(rows,)]] = [batch for batch in answer.batches if batch]
        except UsageError as error:
            found.problem(f"{name}: cannot be counted: {error.message.partition(': ')[2]}", error.fix)
            continue
        except ValueError:
            found.problem(f"{name}: cannot be counted: Athena gives no number", "run the command again")
            continue
        found.scanned += answer.scanned
        found.cost += cost(answer.scanned)
        counted[name] = int(rows)
    return counted


def _compare(found: Counts, manifest: Manifest | None) -> None:
    for name, rows in found.local.items():
        if name in found.tables and found.tables[name] != rows:
            found.problem(f"{name}: has {found.tables[name]:,} rows in Athena, {rows:,} in the lake built here", _LOOK)
    for name, rows in found.expected.items():
        if name not in TABLES:
            found.problem(
                f"expected {rows:,} rows of {name}: there is no such table{nearest(name, TABLES)}",
                "correct the expected counts",
            )
        elif name in found.tables and found.tables[name] != rows:
            found.problem(f"{name}: has {found.tables[name]:,} rows in Athena, expected are {rows:,}", _RUN)
    for feed in manifest.feeds.values() if manifest else ():
        name = TABLES[feed.name].feed
        bad = found.quarantined.get(name)
        if bad is not None and bad != feed.quarantined:
            found.problem(
                f"{name}_quarantine: has {bad:,} lines in Athena, {feed.quarantined:,} in the lake built here", _LOOK
            )
