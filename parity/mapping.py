"""From scripts to a plan: the order they run in, where landing data go, which table each output is.

Pure: reads nothing, runs nothing. What cannot be decided is decided somehow and said; `parity.toml` corrects it.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Sequence

from parity.corrections import NO_TABLE, Corrections, unused_places
from parity.places import SURE, bucket_of, holds, is_one_file, likeness, meant, normal, zone_of
from parity.plan import Given, Link, Located, Note, Output, Plan
from parity.scripts import Access, Script, closed, is_open
from parity.sqltext import Declared
from stedi.contracts import FEEDS, TABLES

__all__ = ["CATALOG_BUCKET", "plan_jobs"]

CATALOG_BUCKET = "parity-catalog"
"""Where tables of the catalog lie whose place nobody gives."""

_ODD = re.compile(r"[^A-Za-z0-9_]+")
_MISSPELLED = 0.75  # "trustd" is 0.92 like "trusted", "landing" 0.29

_MADE = tuple(table for table in TABLES.values() if table.zone != "landing")


def _is_s3(path: str) -> bool:
    """Return whether a place is one of a bucket; a part that is not known may make it one."""
    known = normal(closed(path))
    return bool(bucket_of(known)) and ".." not in known.split("/")


def _lies(path: str) -> str:
    """Return where a place lies in a run; for what is no S3 path a place where nothing will ever be."""
    known = normal(closed(path))
    return known if _is_s3(path) else f"s3://{CATALOG_BUCKET}/elsewhere/{_ODD.sub('-', known).strip('-.')}"


def _misspells(one: str, other: str) -> bool:
    """Return whether two names are meant to be one; those of two zones are not."""
    zones = {zone_of(one), zone_of(other)} - {None}
    return len(zones) < 2 and difflib.SequenceMatcher(None, one, other).ratio() > _MISSPELLED  # noqa: PLR2004 - two


def plan_jobs(scripts: Sequence[Script], ddl: Sequence[Declared] = (), corrections: Corrections | None = None) -> Plan:
    """Make a plan of scripts, of the tables that DDL files declare, and of what parity.toml corrects."""
    return _Planner(scripts, ddl, corrections or Corrections()).plan()


class _Planner:
    """What is known so far; each step adds to it."""

    def __init__(self, scripts: Sequence[Script], ddl: Sequence[Declared], corrections: Corrections) -> None:
        self.scripts = {script.name: script for script in scripts}
        self.read = dict(self.scripts)
        self.corrections = corrections
        self.notes: list[Note] = []
        self.skipped: dict[str, str] = {}
        self.undecided: dict[str, tuple[int, str]] = {}
        self.untried: dict[str, str] = {}
        self.given: dict[str, Given] = {}
        self.located: dict[str, Located] = {}
        self.outputs: list[Output] = []
        self.links: list[Link] = []
        self.after: dict[str, set[str]] = {}
        self.places = {table.table: _lies(table.location) for table in ddl if table.location}
        self.declared = {table.table: table for table in ddl}

    def plan(self) -> Plan:
        broken = self._choose()
        self._outputs()
        self._ties()
        self._twins()
        self._links()
        self._unused()
        jobs = self._order()
        makes = self.untried | {output.script: output.table for output in self.outputs if output.table}
        for script in broken:
            table = self._by_script(script)
            makes |= {script.name: table} if table else {}
        return Plan(
            tuple(self.scripts[name] for name in jobs),
            tuple(self.given.values()),
            tuple(self.located.values()),
            tuple(output for output in self.outputs if output.script in jobs),
            tuple(self.links),
            tuple(dict.fromkeys(self.notes)),
            self.skipped,
            tuple(broken),
            makes,
            self.undecided,
        )

    # which scripts are jobs

    def _choose(self) -> list[Script]:
        broken = []
        for name in (*self.corrections.skip, *self.corrections.order):
            if name not in self.scripts:
                near = difflib.get_close_matches(name, self.scripts, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self.notes.append(Note(str(self.corrections.file), 0, f"there is no script {name}{hint}"))
        for name, script in self.scripts.items():
            self.notes += [Note(name, line, text) for line, text in script.notes]
            if name in self.corrections.skip:
                self.skipped[name] = "parity.toml skips it"
            elif script.error is not None:
                broken.append(script)
            elif not script.reads and not script.writes:
                self.skipped[name] = "it reads and writes nothing, so it is no job"
            elif not script.writes:
                self.skipped[name] = "it writes nothing"
                self.notes.append(Note(name, 0, "reads, but writes nothing"))
        for script in broken:
            line, text = script.error or (0, "")
            self.notes.append(Note(script.name, line, f"is no Python: {text}"))
        gone = [*self.skipped, *(script.name for script in broken)]
        self.scripts = {name: script for name, script in self.scripts.items() if name not in gone}
        return broken

    # where things are written

    def _outputs(self) -> None:
        for name, script in self.scripts.items():
            says = {access: self._table_of(script, access) for access in script.writes}
            by_name = not {*says.values()} - {"", NO_TABLE}
            for access in script.writes:
                if is_open(access.path):
                    what = f"writes to {access.path}, which the script alone does not say; give it in parity.toml"
                    self.notes.append(Note(name, access.line, f"{what} under [arguments]"))
                elif access.path and not _is_s3(access.path):
                    said = f"writes to {access.path}, which is no S3 path: nobody finds it there again on AWS"
                    self.notes.append(Note(name, access.line, said))
                if access.path and access.path.startswith("s3") and "/" not in normal(access.path)[5:]:
                    said = f"writes to the root of the bucket, {access.path}: whatever reads another folder of it finds"
                    self.notes.append(Note(name, access.line, f"{said} nothing there"))
                path = _lies(access.path) if access.path else self._place(access.table)
                if access.path and access.table:
                    self.places.setdefault(access.table, path)
                # the name of a script that writes its table elsewhere says nothing of what it writes besides
                table = self._table_of(script, access, script.stem) if says[access] or by_name else ""
                found = Output(name, access, path, "" if table == NO_TABLE else table, table != NO_TABLE)
                self.outputs.append(found)
        for output in self.outputs:
            if output.access.table and not output.access.path:
                known = self.declared.get(output.access.table, Declared("", "", "json", (), 0))
                schema = ", ".join(f"`{name}` {kind}" for name, kind in known.columns)
                self.located[output.access.table] = Located(
                    known.table or output.access.table, output.path, known.format, schema=schema
                )

    def _place(self, table: str) -> str:
        """Return where a table of the catalog lies, as far as it is known."""
        if table in self.places:
            return self.places[table]
        if "." not in table:
            found = sorted({path for name, path in self.places.items() if name.endswith(f".{table}")})
            if len(found) == 1:
                return found[0]
        # as Spark lays out its warehouse
        return f"s3://{CATALOG_BUCKET}/{table.removeprefix('default.').replace('.', '.db/')}"

    def _table_of(self, script: Script, access: Access, stem: str = "") -> str:
        """Return which table an output is, by what parity.toml, its path, its catalog name and its script's say."""
        corrected = self.corrections.outputs
        for key in (normal(access.path) if access.path else "", access.table):
            if key in corrected:
                return corrected[key]
        scores: dict[str, int] = {}
        names = {"path": access.path, "catalog name": access.table.rpartition(".")[2], "script": stem}
        said: dict[str, str] = {}
        for kind, text in names.items():
            for contract in _MADE:
                found = likeness(text, contract) if text else 0
                if found:
                    scores[contract.name] = scores.get(contract.name, 0) + found * (2 if kind == "path" else 1)
                if found == SURE:
                    said[kind] = contract.name
        if {"path", "catalog name"} <= said.keys() and said["path"] != said["catalog name"]:
            self.notes.append(
                Note(
                    script.name,
                    access.line,
                    f"writes {said['path']} by its path, but registers it as"
                    f" {access.table}, the name of {said['catalog name']}",
                )
            )
        best = max(scores.values(), default=0)
        winners = [name for name, score in scores.items() if score == best]
        return winners[0] if len(winners) == 1 and best >= SURE else ""

    def _by_script(self, script: Script) -> str:
        return next((t.name for t in _MADE if t.glue_job == script.stem), "") or next(
            (found.name for found in [meant(script.stem, _MADE)] if found and likeness(script.stem, found) == SURE), ""
        )

    def _ties(self) -> None:
        """Of several scripts that write one table in one place run one, and leave the choice to parity.toml.

        On AWS all add their rows there; so they do here where the place is none of our tables, as one for logs.
        """
        writers: dict[str, dict[str, Output]] = {}
        for output in self.outputs:
            if not is_open(output.access.path):  # which place that is, is not known
                writers.setdefault(output.path, {}).setdefault(output.script, output)
        for path, found in writers.items():
            names = [name for name in found if name not in self.undecided]
            if len(names) < 2 or set(names) <= set(self.corrections.order):  # noqa: PLR2004 - several
                continue
            first, *others = sorted(names, key=lambda name: (self._is_named_for(name, path), len(name), name))
            ours = any(output.path == path and output.table for output in self.outputs)
            for other in others:
                line = found[other].access.line
                said = f"writes {path}, as {first} does in line {found[first].access.line}: on AWS both add rows"
                if ours:
                    self.undecided[other] = line, f"it {said}"
                    said += "; not run: choose in parity.toml, [jobs] skip or order"
                self.notes.append(Note(other, line, said))
        self.untried = {o.script: o.table for o in self.outputs if o.script in self.undecided and o.table}
        self.outputs = [output for output in self.outputs if output.script not in self.undecided]
        self.scripts = {name: script for name, script in self.scripts.items() if name not in self.undecided}

    def _twins(self) -> None:
        """Say where one table is written to several places: each is compared."""
        first: dict[str, Output] = {}
        for output in self.outputs:
            known = first.setdefault(output.table, output)
            if output.table and known.path != output.path:
                said = f"writes {output.table} that is also written in {known.where}: each is compared"
                self.notes.append(Note(output.script, output.access.line, said))

    def _is_named_for(self, name: str, path: str) -> int:
        """Return how a script is named for what lies at a path: 0 as our own job, 1 for its table, 2 not at all."""
        tables = {output.table for output in self.outputs if output.path == path and output.table}
        if any(TABLES[table].glue_job == self.scripts[name].stem for table in tables):
            return 0
        return 1 if self._by_script(self.scripts[name]) in tables else 2

    def _unused(self) -> None:
        for said in unused_places(self.corrections, self.read.values()):
            self.notes.append(Note(str(self.corrections.file), 0, said))

    # where things are read

    def _links(self) -> None:
        self.after = {name: set() for name in self.scripts}
        for name, script in self.scripts.items():
            for access in script.reads:
                self._link(name, access)

    def _link(self, name: str, access: Access) -> None:
        if access.path and is_open(access.path) and self._corrected(access) is None:
            what = f"reads {access.path}, which the script alone does not say; give it in parity.toml"
            self.notes.append(Note(name, access.line, f"{what} under [arguments] or [inputs]"))
        elif access.path and not _is_s3(access.path):
            said = f"reads {access.path}, which is no S3 path: there is nothing on AWS"
            self.notes.append(Note(name, access.line, said))
        path = _lies(access.path) if access.path else self._place(access.table)
        makers = [o for o in self.outputs if self._fills(o, access, path)]
        corrected = self._corrected(access)
        if corrected is None and makers:
            others = [output for output in makers if output.script != name]
            self.after[name] |= {output.script for output in others}
            self.links += [Link(name, access, output.path, output.table, output.script) for output in others]
            if all(output.script == name for output in makers):
                self.notes.append(Note(name, access.line, f"reads {access.name}, which it writes itself"))
            return
        feed = corrected or ("" if self._misspelled(path) else self._feed_of(access, path))
        if feed:
            self._give(name, access, path, feed)
            inside = [o for o in self.outputs if o.path != path and holds(path, o.path)]
            if inside:
                self.notes.append(
                    Note(
                        name,
                        access.line,
                        f"reads {access.name}, in which {inside[0].script} writes {inside[0].path}:"
                        " on a second run it reads that too",
                    )
                )
            return
        inside = [o for o in self.outputs if access.path and holds(path, o.path) and o.script != name]
        if inside:
            self.after[name] |= {output.script for output in inside}
            said = ", ".join(sorted({output.path for output in inside}))
            self.notes.append(Note(name, access.line, f"reads {access.name}, which holds all of {said}"))
            return
        self._miss(name, access, path)

    def _misspelled(self, path: str) -> str:
        """Return the place somebody writes that a path is spelled like, but for one part of it."""
        for output in self.outputs:
            ours, theirs = path.split("/"), output.path.split("/")
            if len(ours) == len(theirs):
                other = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
                if len(other) == 1 and _misspells(*other[0]):
                    return output.path
        return ""

    def _corrected(self, access: Access) -> str | None:
        for key in (normal(access.path) if access.path else "", access.table):
            if key in self.corrections.inputs:
                return self.corrections.inputs[key]
        return None

    def _fills(self, output: Output, access: Access, path: str) -> bool:
        if access.table:
            names = {output.access.table, output.access.table.rpartition(".")[2]} if output.access.table else set()
            return access.table in names or path == output.path
        return bool(path) and holds(output.path, path) and "/" in output.path[5:]

    def _feed_of(self, access: Access, path: str) -> str:
        """Return which feed a place nobody writes is, by its path or else its catalog name."""
        for text in (access.table.rpartition(".")[2], path if not path.startswith(f"s3://{CATALOG_BUCKET}") else ""):
            # a name that says "trusted" is none of a feed, whatever its subject
            if text and not any(likeness(text, made) == SURE for made in _MADE):
                found = meant(text, FEEDS)
                if found is not None:
                    return found.name
        return ""

    def _give(self, name: str, access: Access, path: str, feed: str) -> None:
        known = self.given.get(path)
        if known is not None and known.feed != feed:
            self.notes.append(Note(name, access.line, f"reads {access.name} as {feed}, others read it as {known.feed}"))
            return
        one = bool(access.path) and is_one_file(access.path)
        self.given[path] = Given(feed, path, access.table or (known.table if known else ""), one)
        if access.table:
            self.located[access.table] = Located(access.table, path, "json", feed)

    def _miss(self, name: str, access: Access, path: str) -> None:
        found = meant(access.table.rpartition(".")[2] or path, _MADE)
        makers = [o for o in self.outputs if found is not None and o.table == found.name and o.script != name]
        if access.table and len({maker.script for maker in makers}) == 1:
            # a crawler would have found it there
            maker = makers[0]
            self.after[name].add(maker.script)
            self.links.append(Link(name, access, maker.path, maker.table, maker.script))
            self.located[access.table] = Located(access.table, maker.path, maker.access.format or "json")
            self.notes.append(
                Note(
                    name,
                    access.line,
                    f"reads {access.table}, which no script registers: taken for"
                    f" {maker.path}, which {maker.script} writes",
                )
            )
            return
        hint = ""
        near = self._misspelled(path)
        if near:
            hint = f"; did you mean {near}?"
        elif makers:
            there = f"{makers[0].access.name}, line {makers[0].access.line}"
            hint = f"; {makers[0].script} writes {makers[0].table} to {there}"
        self.after[name] |= {maker.script for maker in makers}
        self.notes.append(Note(name, access.line, f"reads {access.name}, which no script writes{hint}"))
        self.links.append(Link(name, access, path, found.name if found and not makers else ""))
        if access.table:
            self.located[access.table] = Located(access.table, path, "parquet")

    # the order

    def _order(self) -> list[str]:
        """Return the scripts, each after those it reads from; circles are broken at the earliest zone."""
        forced = [name for name in self.corrections.order if name in self.scripts]
        for first, second in itertools.pairwise(forced):
            self.after[second].add(first)
        tables = list(TABLES)
        makes = {output.script: output.table for output in self.outputs if output.table}

        def rank(name: str) -> tuple[int, int, str]:
            place = forced.index(name) if name in forced else len(forced)
            return (place, tables.index(makes[name]) if name in makes else len(tables), name)

        result: list[str] = []
        waiting = sorted(self.scripts, key=lambda name: rank(name)[1:])
        while waiting:
            ready = [name for name in waiting if self.after[name] <= set(result)]
            if not ready:
                stuck = self._circle(waiting)
                ready = [min(stuck, key=rank)]
                if ready[0] not in forced:
                    said = f"{', '.join(sorted(stuck))} read each other in a circle; this one runs first"
                    self.notes.append(Note(ready[0], 0, said))
            result.append(ready[0])
            waiting.remove(ready[0])
        return result

    def _circle(self, waiting: Iterable[str]) -> set[str]:
        """Return scripts that wait for each other: those that a walk along what is waited for comes back to."""
        names = set(waiting)
        seen: list[str] = []
        name = min(names)
        while name not in seen:
            seen.append(name)
            name = min(self.after[name] & names)
        return set(seen[seen.index(name) :])
