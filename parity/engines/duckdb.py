"""The left side: the tables that `stedi build` makes, in a private lake."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

from parity.engines import Made
from parity.landing import LandingData
from stedi.build import build
from stedi.contracts import FEEDS, TABLES
from stedi.lake import Lake
from stedi.parameters import Parameters
from stedi.run import Progress, silent
from stedi.storage import Options

__all__ = ["DuckDB"]


class DuckDB:
    """Builds each landing folder into a lake of its own, below a private folder."""

    name = "duckdb"

    def __init__(
        self, folder: Path, *, parameters: Parameters, memory_limit: str | None = None, progress: Progress = silent
    ) -> None:
        self._folder = folder
        self._parameters = parameters
        self._memory_limit = memory_limit
        self._progress = progress
        self._made = 0
        self._open: list[Lake] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for lake in self._open:
            lake.__exit__(None, None, None)

    def make(self, given: LandingData, ours: Mapping[str, Any]) -> Made:
        """Build a lake, and return its tables, quarantine and ledger."""
        started = time.perf_counter()
        self._made += 1
        lake = self._folder / f"lake-{self._made}"
        options = given.storage.options
        run = build(
            lake,
            given.storage.uri,
            memory_limit=self._memory_limit,
            pseudonym_key=self._parameters.key,
            clock_skew_ms=self._parameters.clock_skew_ms,
            options=options,
            progress=self._progress,
        )
        manifest = run.manifest
        if manifest is None:
            raise RuntimeError("a build that ends has a manifest")
        made = Made(versions=dict(manifest.versions))
        for name, table in manifest.tables.items():
            made.tables[name] = [lake / file.path for file in table.files]
        for name, feed in manifest.feeds.items():
            made.quarantine[name] = [lake / file.path for file in feed.quarantine]
        made.landing = cache(lambda: self._rows(lake, options))
        feeds = {TABLES[name].feed: name for name in manifest.feeds}
        for entry in manifest.ledger:
            made.ledger[feeds[entry.feed]] = (entry.lines, entry.kept, entry.dropped, entry.quarantined)
        made.seconds["build"] = time.perf_counter() - started
        return made

    def _rows(self, lake: Path, options: Options) -> Mapping[str, Any]:
        """Return the good rows of each feed, as the build has read them."""
        opened = Lake.open(lake, options=options)
        self._open.append(opened)
        return {feed.name: opened.table(feed.name).duckdb() for feed in FEEDS}
