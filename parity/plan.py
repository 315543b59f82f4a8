"""What a run of somebody's scripts will do: the jobs in order, and what each place they name was taken for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from parity.places import bucket_of
from parity.scripts import Access, Script, is_open

__all__ = ["Given", "Link", "Located", "Note", "Output", "Plan"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say about a line of a script; line 0 is about all of it, no script about the whole run."""

    script: str
    line: int
    text: str

    def __str__(self) -> str:
        place = f"{self.script}:{self.line}" if self.line else self.script
        return f"{place}: {self.text}" if place else self.text


@dataclass(frozen=True, slots=True)
class Given:
    """A place where scripts look for landing data: a folder, or one file of that name."""

    feed: str
    path: str
    table: str = ""
    one_file: bool = False


@dataclass(frozen=True, slots=True)
class Located:
    """A table of the catalog that no script creates: where it lies and, for landing tables, the feed it is.

    `schema` is its columns as SQL lists them, where a DDL file declares them.
    """

    table: str
    path: str
    format: str
    feed: str = ""
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """What a script writes: the place it lies at, and the table of ours it is by its names.

    `ours` is false where parity.toml says that it is none of our tables, whatever its names and columns are.
    """

    script: str
    access: Access
    path: str
    table: str = ""
    ours: bool = True

    @property
    def where(self) -> str:
        """The script and its line, and the place as the script names it."""
        return f"{self.access.name or self.path} by {self.script}, line {self.access.line}"


@dataclass(frozen=True, slots=True)
class Link:
    """A read of what another script makes: where it lies, which table of ours it is, who makes it ("": nobody)."""

    script: str
    access: Access
    path: str
    table: str
    maker: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be run, in order, and what was decided on the way.

    `skipped` says why a script is none of the jobs, `makes` which table a script is for by its name and its outputs.
    `undecided` are scripts that write where another one does, by line and what is said of it: they are not run, and
    fail the run until parity.toml chooses.
    """

    jobs: tuple[Script, ...] = ()
    given: tuple[Given, ...] = ()
    catalog: tuple[Located, ...] = ()
    outputs: tuple[Output, ...] = ()
    links: tuple[Link, ...] = ()
    notes: tuple[Note, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    broken: tuple[Script, ...] = ()
    makes: Mapping[str, str] = field(default_factory=dict)
    undecided: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[Link, ...]:
        """The reads of what no script makes; `table` is the one of ours that was meant, if it is made nowhere else."""
        return tuple(link for link in self.links if not link.maker)

    @property
    def inputs(self) -> dict[str, tuple[str, ...]]:
        """The tables of ours that each table of ours is made from, by what the scripts read."""
        found: dict[str, dict[str, None]] = {table: {} for table in self.makes.values()}
        for link in self.links:
            if link.table and link.script in self.makes and link.table != self.makes[link.script]:
                found[self.makes[link.script]][link.table] = None
        return {table: tuple(names) for table, names in found.items()}

    @property
    def buckets(self) -> tuple[str, ...]:
        """Every bucket the jobs know of, sorted."""
        paths = [given.path for given in self.given] + [located.path for located in self.catalog]
        paths += [access.path for job in self.jobs for access in (*job.reads, *job.writes)]
        return tuple(sorted({bucket for path in paths if (bucket := bucket_of(path)) and not is_open(bucket)}))
