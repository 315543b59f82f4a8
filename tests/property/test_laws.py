"""The laws of a build, each on landing folders that hypothesis makes up, against the oracle.

Every example is a whole build on the disk. Nothing is asserted about a lake that a wrong build could get right by
being empty: `test_the_laws_are_tried_on_lakes_that_hold_something` says how much the examples hold.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import duckdb
import oracle
import pytest
import strategies
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import stedi.run
from stedi.build import build
from stedi.errors import CheckFailed
from stedi.manifest import Manifest
from stedi.run import ONE_THREAD_BELOW_BYTES
from stedi.sample import write_sample

ROW_GROUP = 122_880
"""Rows of a full row group: from more on, DuckDB's threads have something to race for."""

Snapshot = dict[str, tuple[int, int, bytes]]


@contextmanager
def folder() -> Iterator[Path]:
    """Give an empty folder, in memory where there is one: a law is not about the disk."""
    memory = Path("/dev/shm")  # noqa: S108 - TemporaryDirectory makes a private folder in it
    with tempfile.TemporaryDirectory(prefix="stedi-law-", dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


def built(lake: Path, landing: Path, *, force: bool = False) -> Manifest:
    """Build and return what the manifest says."""
    manifest = build(lake, landing, force=force, pseudonym_key=oracle.KEY).manifest
    assert manifest is not None
    return manifest


def parquet(lake: Path) -> dict[str, bytes]:
    """Return the content of every Parquet file of a lake, quarantine too."""
    return {file.relative_to(lake).as_posix(): file.read_bytes() for file in lake.rglob("*.parquet")}


def everything(lake: Path) -> Snapshot:
    """Return every file of a lake with what shows that it was written again."""
    files = [file for file in lake.rglob("*") if file.is_file()]
    return {str(f): (f.stat().st_mtime_ns, f.stat().st_ino, f.read_bytes()) for f in files}


def apart_from_time(manifest: Manifest) -> Manifest:
    """Take out of a manifest what two builds of the same data may differ in."""
    tables = {name: replace(table, seconds=0.0) for name, table in manifest.tables.items()}
    return replace(manifest, finished="", seconds=0.0, tables=tables, audits=())


def names(keys: Iterable[str]) -> set[str]:
    """Return the keys that look like names, or are a column's in another case; the others are shown masked."""
    columns = {"customername", "email", "serialnumber", "user", "timestamp", "x", "y", "z", "sensorreadingtime"}
    return {k for k in keys if k.lower() in columns or (k.isascii() and k.isalpha() and k.islower() and len(k) < 40)}


def reasons(lake: Path) -> dict[str, Counter[tuple[str, bytes]]]:
    """Return the quarantined lines of each feed wherever they stood."""
    return {feed: Counter(line[2:] for line in bad) for feed, bad in oracle.published_quarantine(lake).items()}


@pytest.mark.long
@given(
    landing=strategies.landings(),
    stranger=strategies.refusing_customer(),
    in_memory=st.booleans(),
    elsewhere=st.booleans(),
    random=st.randoms(use_true_random=False),
    cuts=st.integers(0, 3),
)
def test_a_build_by_the_oracle_and_more_builds_of_the_same(
    *,
    landing: strategies.Landing,
    stranger: strategies.Lines,
    in_memory: bool,
    elsewhere: bool,
    random: Random,
    cuts: int,
) -> None:
    """Six laws on the builds of each example, of which every build takes as long as all the rest."""
    with folder() as here, pytest.MonkeyPatch.context() as patch:
        if not in_memory:  # as at scale: landing JSON is parsed at each reference
            patch.setattr(stedi.run, "IN_MEMORY_SHARE", 0)
        source = strategies.write(landing, here / "landing")
        lake = here / "line=7" / "email=a"  # names of columns are no columns
        manifest = built(lake, source)
        tables, expected = oracle.published(lake), oracle.lakehouse(source)
        consent_is_never_violated(tables, expected)
        assert tables == expected.tables
        quarantine_and_ledger_are_the_oracles(lake, manifest, expected)
        an_unchanged_second_build_runs_no_sql_and_writes_nothing(lake, source, manifest, oracle.KEY)
        a_rerun_gives_the_same_bytes(lake, source, manifest, here / "elsewhere" if elsewhere else lake)
        input_order_and_a_customer_who_does_not_consent_change_nothing(
            lake, source, manifest, in_another_order(source, random, cuts), stranger
        )
        assert oracle.published(lake) == tables


def consent_is_never_violated(tables: dict[str, Counter[oracle.Row]], expected: oracle.Lakehouse) -> None:
    for name, column in oracle.WHO.items():
        place = list(oracle.MADE[name][1]).index(column)
        assert {row[place] for row in tables[name]} <= expected.consenting
    share, serial = (list(oracle.CUSTOMER).index(key) for key in ("shareWithResearchAsOfDate", "serialNumber"))
    for name in ("customer_trusted", "customers_curated"):
        assert all(isinstance(row[share], int) and row[share] > 0 for row in tables[name])  # type: ignore[operator]
    devices = {row[serial] for row in expected.feeds["customer"].rows if row[1] in expected.consenting}
    for name in ("step_trainer_trusted", "machine_learning_curated"):
        assert {row[1] for row in tables[name]} <= devices


def quarantine_and_ledger_are_the_oracles(lake: Path, manifest: Manifest, expected: oracle.Lakehouse) -> None:
    assert oracle.published_quarantine(lake) == expected.quarantine
    ledger = {entry.feed: (entry.lines, entry.kept, entry.dropped, entry.quarantined) for entry in manifest.ledger}
    assert ledger == expected.ledger
    assert all(lines == kept + dropped + quarantined for lines, kept, dropped, quarantined in ledger.values())
    assert {name: table.rows for name, table in manifest.tables.items()} == {
        name: bag.total() for name, bag in expected.tables.items()
    }
    for name, feed in expected.feeds.items():
        record = manifest.feeds[f"{name}_landing"]
        assert record.rows == len(feed.rows)
        assert record.reasons == Counter(reason for _, _, reason, _ in feed.bad)
        reported = {file.path: names(file.unknown_keys) for file in record.files}
        assert {path: keys for path, keys in reported.items() if keys} == {
            path: names(keys) for path, keys in feed.unknown.items() if names(keys)
        }


def an_unchanged_second_build_runs_no_sql_and_writes_nothing(
    lake: Path, source: Path, first: Manifest, key: str | None
) -> None:
    before = everything(lake)
    statements: list[str] = []
    second = build(lake, source, pseudonym_key=key, trace=statements.append)
    assert not statements
    assert second.stale == {}
    assert second.manifest == first
    assert everything(lake) == before


def a_rerun_gives_the_same_bytes(lake: Path, source: Path, first: Manifest, again: Path) -> None:
    files = parquet(lake)
    assert set(oracle.MADE) <= {Path(path).name.removesuffix("-0.parquet") for path in files}
    assert apart_from_time(built(again, source, force=True)) == apart_from_time(first)
    assert parquet(again) == files


def in_another_order(source: Path, random: Random, cuts: int) -> strategies.Landing:
    """Return the lines of a landing folder shuffled, in other files."""
    lines = {
        feed: [line for _, content in oracle.files_of(source, feed) for _, line, _ in oracle.lines_of(content)]
        for feed in oracle.FEEDS
    }
    shuffled = {feed: random.sample(of_feed, len(of_feed)) for feed, of_feed in lines.items()}
    return strategies.arranged(shuffled, cuts)


def input_order_and_a_customer_who_does_not_consent_change_nothing(
    lake: Path, source: Path, before: Manifest, shuffled: strategies.Landing, stranger: strategies.Lines
) -> None:
    """Two laws of one build, which takes as long as all the rest: neither changes what the other may."""
    bad = reasons(lake)
    shutil.rmtree(source)
    more = {f"{feed}/landing/stranger.json": b"\n".join(lines) for feed, lines in stranger.items()}
    after = built(lake, strategies.write(shuffled | more, source))
    assert reasons(lake) == bad
    assert {name: table.rows for name, table in after.tables.items()} == {
        name: table.rows for name, table in before.tables.items()
    }
    for old, new, lines in zip(before.ledger, after.ledger, stranger.values(), strict=True):
        assert new == replace(old, lines=old.lines + len(lines), dropped=old.dropped + len(lines))


@settings(max_examples=50)
@given(landing=strategies.landings())
def test_strict_publishes_nothing_where_a_line_is_bad(landing: strategies.Landing) -> None:
    with folder() as here:
        source = strategies.write(landing, here / "landing")
        lines_are_bad = any(oracle.lakehouse(source).quarantine.values())
        try:
            build(here / "lake", source, strict=True)
        except CheckFailed:
            refused = True
        else:
            refused = False
        assert refused == lines_are_bad
        assert bool(parquet(here / "lake")) != refused
        assert (here / "lake/_stedi/manifest.json").exists() != refused


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_rerun_on_one_thread_gives_the_same_bytes_of_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr(stedi.run, "IN_MEMORY_SHARE", 0)
    write_sample(tmp_path / "landing", scale=2)
    digests = []
    for lake in (tmp_path / "a", tmp_path / "b", tmp_path / "c"):
        manifest = built(lake, tmp_path / "landing")
        assert manifest.feeds["accelerometer_landing"].rows > ROW_GROUP
        assert sum(file.size for feed in manifest.feeds.values() for file in feed.files) < ONE_THREAD_BELOW_BYTES
        digests.append({path: hashlib.sha256(content).hexdigest() for path, content in parquet(lake).items()})
    assert digests[0] == digests[1] == digests[2]


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_rerun_on_several_threads_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr(stedi.run, "IN_MEMORY_SHARE", 0)
    write_sample(tmp_path / "landing", scale=8)
    bags = []
    for lake in (tmp_path / "a", tmp_path / "b", tmp_path / "c"):
        manifest = built(lake, tmp_path / "landing")
        assert sum(file.size for feed in manifest.feeds.values() for file in feed.files) > ONE_THREAD_BELOW_BYTES
        bags.append({name: bag_digest(lake, name) for name in oracle.MADE})
        assert bags[-1]["accelerometer_trusted"][0] > 2 * ROW_GROUP
    assert bags[0] == bags[1] == bags[2]


def bag_digest(lake: Path, name: str) -> tuple[int, int]:
    """Return the number of rows of a table, and a sum over them that does not depend on their order."""
    files = str(lake / oracle.MADE[name][0] / "*.parquet")
    with duckdb.connect() as connection:
        [(rows, digest)] = connection.execute(
            "select count(*), sum(hash(t)) from read_parquet($1) as t", [files]
        ).fetchall()
    return int(rows), int(digest)


@settings(max_examples=20)
@given(landing=strategies.landings(), key=st.sampled_from([None, oracle.KEY]))
def test_a_second_build_has_the_random_key_of_the_first_and_no_statement_has_a_key(
    landing: strategies.Landing, key: str | None
) -> None:
    with folder() as here:
        source = strategies.write(landing, here / "landing")
        statements: list[str] = []
        first = build(here / "lake", source, pseudonym_key=key, trace=statements.append).manifest
        assert statements  # the hook sees what runs
        assert not any(oracle.KEY in statement for statement in statements)
        assert first is not None
        an_unchanged_second_build_runs_no_sql_and_writes_nothing(here / "lake", source, first, key)


# an example is several builds
@pytest.mark.long
@settings(max_examples=min(100, settings().max_examples))
@given(data=st.data())
def test_a_build_after_changes_equals_one_from_scratch(data: st.DataObject) -> None:
    landing = data.draw(strategies.landings(), label="landing")
    edits = data.draw(strategies.edits(landing), label="edits")
    with folder() as here:
        source = strategies.write(landing, here / "landing")
        built(here / "lake", source)
        for path, content in edits.items():
            if content is None:
                (source / path).unlink()
            else:
                strategies.write({path: content}, source)
        incremental = built(here / "lake", source)
        scratch = built(here / "scratch", source)
        assert parquet(here / "lake") == parquet(here / "scratch")
        assert oracle.published(here / "lake") == oracle.lakehouse(source).tables
    assert apart_from_time(incremental) == apart_from_time(scratch)


@settings(max_examples=400, phases=[Phase.generate], derandomize=True)
@given(landing=strategies.landings())
def _count(landing: strategies.Landing, seen: Counter[str]) -> None:
    with folder() as here:
        expected = oracle.lakehouse(strategies.write(landing, here))
    seen.update(name for name, bag in expected.tables.items() if bag)
    seen.update(f"bad {name}" for name, feed in expected.feeds.items() if feed.bad)
    everyone = {row[1] for row in expected.feeds["customer"].rows}
    seen["somebody refuses"] += bool(everyone - expected.consenting)
    share = list(oracle.CUSTOMER).index("shareWithResearchAsOfDate")
    agreed = {row[1] for row in expected.feeds["customer"].rows if isinstance(row[share], int) and row[share] > 0}  # type: ignore[operator]
    seen["somebody withdrew"] += bool(agreed - expected.consenting)


def test_the_laws_are_tried_on_lakes_that_hold_something() -> None:
    seen: Counter[str] = Counter()
    _count(seen=seen)
    kinds = [*oracle.MADE, *(f"bad {feed}" for feed in oracle.FEEDS), "somebody refuses", "somebody withdrew"]
    assert {kind: seen[kind] for kind in kinds if seen[kind] < 15} == {}
