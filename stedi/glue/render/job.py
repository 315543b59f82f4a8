"""One job: the table it makes, from which inputs, by which query, and what it can be told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from stedi.contracts import TABLES, Table
from stedi.glue.spark_sql import SparkQuery
from stedi.stages import STAGES, SqlFile

__all__ = ["ARGUMENTS", "PARAMETER", "Job", "name_of"]

ARGUMENTS = {
    "LAKE": "s3://bucket/prefix of the lake",
    "LANDING": "the same of the landing data, where they are not in the lake",
    "PSEUDONYM_KEY_PATH": "s3://bucket/file with the key of the pseudonyms; without it a random one",
    "CLOCK_SKEW_MS": "how many ms the clocks of a device and its owner's phone may be apart; without it 0",
}
"""What a job can be told; which of it is for the job to say."""

PARAMETER = {
    "pseudonym_key": ("PSEUDONYM_KEY_PATH", 'pseudonym_key(spark, args.get("PSEUDONYM_KEY_PATH"))'),
    "clock_skew_ms": ("CLOCK_SKEW_MS", 'clock_skew_ms(args.get("CLOCK_SKEW_MS", "0"))'),
}
"""Of each parameter of a run: its argument, and how a script reads it."""


@dataclass(frozen=True)
class Job:
    """One job: the table it makes, from which inputs, by which query."""

    table: Table
    stage: SqlFile
    query: SparkQuery

    @property
    def name(self) -> str:
        """Its name: that of the Glue job, and of the file of its script."""
        assert self.table.glue_job is not None
        return self.table.glue_job

    @property
    def feeds(self) -> list[Table]:
        """The feeds it reads."""
        return [table for table in self._inputs if table.zone == "landing"]

    @property
    def tables(self) -> list[Table]:
        """The other tables it reads."""
        return [table for table in self._inputs if table.zone != "landing"]

    @property
    def _inputs(self) -> list[Table]:
        return [table for name, table in TABLES.items() if name in self.stage.inputs]

    @property
    def optional(self) -> list[str]:
        """The arguments that may be left out."""
        return (["LANDING"] if self.feeds else []) + [PARAMETER[name][0] for name in self.stage.parameters]

    @property
    def quarantines(self) -> list[Table]:
        """The feeds whose bad lines this job writes: several jobs may read a feed, the first of them writes."""
        return [feed for feed in self.feeds if self.table.name == _first_reader(feed)]


@cache
def _first_reader(feed: Table) -> str:
    return next(name for name, stage in STAGES.items() if feed.name in stage.inputs)


def name_of(feed: Table) -> str:
    """Return what the constants of a feed begin with."""
    return feed.feed.upper()
