"""The verdicts of a run: each table, each feed's quarantine and ledger, with the lines of scripts that are behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.compare import compare
from parity.diagnosis import likely_wrong, raised, shown_error, steps_behind
from parity.engines import JobReport, Made, trusted_of
from parity.jobs import Jobs
from parity.outcome import Check, JobOutcome, SideOutcome
from parity.personal import Hide, hider
from parity.plan import Note
from parity.verdict import TableVerdict, Verdict, failed, in_order, missing, overall
from parity.worker import JobError
from stedi.contracts import FEEDS, TABLES, Column, Table
from stedi.errors import StediError, UsageError
from stedi.plan import order
from stedi.stages import RUN_PARAMETERS, STAGES

if TYPE_CHECKING:
    from parity.run import ParityRun

__all__ = ["inputs_of", "mapping", "pair", "plan_notes", "side", "wanted"]


def wanted(jobs: Jobs) -> tuple[str, ...]:
    """Return the tables to compare: all that are made, but for those that parity.toml leaves out.

    Of somebody's scripts nobody expects tables that are made with parameters of a run, which those are not given.
    """
    left_out = set(jobs.corrections.not_compared)
    if not jobs.rendered:
        left_out |= {name for name in _of_parameters() if name not in jobs.plan.makes.values()}
    stages = order({name: stage.inputs for name, stage in STAGES.items()}, [*(f.name for f in FEEDS), RUN_PARAMETERS])
    return tuple(name for name in stages if name not in left_out and (jobs.only is None or name in jobs.only))


def _of_parameters() -> set[str]:
    """Return the tables that hang on parameters of a run, directly or through another."""
    found: set[str] = set()
    for _ in STAGES:
        found |= {n for n, stage in STAGES.items() if stage.parameters or found & set(stage.inputs)}
    return found


def side(asked: ParityRun, glue: str) -> SideOutcome:
    """Compare what one right side made with the left."""
    jobs, made = asked.chosen[glue], asked.made[glue]
    reports = _reports(jobs, made)
    notes = [*made.notes, *(note for report in reports for note in report.notes)]
    hide = _hider(asked, [*_words(jobs, reports), *(note.text for note in notes)])
    notes = [replace(note, text=hide(note.text)) for note in notes]
    outcomes = [_job(report, jobs, hide) for report in reports]
    verdicts = [_table(asked, name, jobs, made, outcomes) for name in wanted(jobs)]
    verdicts = in_order(verdicts, inputs_of(jobs, made), [feed.name for feed in FEEDS])
    return SideOutcome(
        glue=glue,
        engine=asked.rights[glue].name,
        tables=tuple(_explained(verdict, jobs, notes, hide) for verdict in verdicts),
        quarantine=tuple(_quarantine(asked, feed, made, reports) for feed in FEEDS) if jobs.rendered else (),
        ledger=tuple(_ledger(asked, feed, made) for feed in FEEDS) if jobs.rendered else (),
        jobs=tuple(outcomes),
        notes=tuple(notes),
        versions=made.versions,
        seconds={name: round(seconds, 3) for name, seconds in made.seconds.items()},
    )


def pair(asked: ParityRun, first: str, second: str) -> tuple[TableVerdict, ...]:
    """Compare two right sides with each other."""
    one, other = asked.made[first], asked.made[second]
    names = [name for name in wanted(asked.chosen[first]) if name in one.tables or name in other.tables]
    return tuple(_compared(asked, name, one, other, (f"Glue {first}", f"Glue {second}")) for name in names)


def mapping(asked: ParityRun, jobs: Jobs) -> tuple[tuple[str, str, str], ...]:
    """Return what the scripts' places are taken for: script, place, table; landing data first, "" for no script."""
    plan = jobs.plan
    found = [("", given.table or given.path, given.feed) for given in plan.given]
    found += [
        (output.script, output.access.name or output.path, output.table or ("?" if output.ours else "none"))
        for output in plan.outputs
    ]
    hide = _hider(asked, [place for _, place, _ in found])
    return tuple((script, hide(place), table) for script, place, table in found)


def plan_notes(asked: ParityRun, jobs: Jobs) -> tuple[str, ...]:
    """Return what reading the scripts has found worth saying."""
    hide = _hider(asked, [note.text for note in jobs.plan.notes])
    return tuple(str(replace(note, text=hide(note.text))) for note in jobs.plan.notes)


def _reports(jobs: Jobs, made: Made) -> list[JobReport]:
    """Return how every job ended, with those that could not even be tried."""
    makes = jobs.plan.makes
    broken = [JobReport(script.name, makes.get(script.name, ""), "not run") for script in jobs.plan.broken]
    undecided = [
        JobReport(name, makes.get(name, ""), "not run", error=JobError("TwoWriters", said, line=line))
        for name, (line, said) in jobs.plan.undecided.items()
    ]
    return [*made.jobs, *broken, *undecided]


def _words(jobs: Jobs, reports: Iterable[JobReport]) -> Iterator[str]:
    """Yield whatever of the jobs' own words may be shown: messages of exceptions and lines of scripts."""
    yield from (report.error.message for report in reports if report.error is not None)
    yield from (script.error[1] for script in jobs.plan.broken if script.error is not None)
    yield from (step.text for script in jobs.plan.jobs for step in script.steps)


def _hider(asked: ParityRun, texts: Iterable[str]) -> Hide:
    """Return what hides the personal data of the landing lines, good and bad ones, that these texts hold."""
    bad = [file for files in asked.left.quarantine.values() for file in files]
    return hider(texts, asked.left.landing, bad)


def _table(asked: ParityRun, name: str, jobs: Jobs, made: Made, outcomes: Iterable[JobOutcome]) -> TableVerdict:
    scripts = {output.script for output in jobs.plan.outputs if output.table == name}
    of_it = [outcome for outcome in outcomes if outcome.table == name or outcome.name in scripts]
    # one of several that make it counts, whatever the others made
    outcome = next((outcome for outcome in of_it if outcome.failed), None)
    if outcome is not None:
        return failed(name, f"{outcome.where}: {outcome.problem}", fix=outcome.likely)
    if name in made.tables:
        return _everywhere(asked, name, made)
    if of_it:
        return missing(name, "its job ended well, but wrote nothing there", fix="look at the job's log")
    fix = "say which output it is in parity.toml under [outputs], or leave it out under [tables]"
    return missing(name, "no script makes it", fix=fix)


_NOT_OURS = 'look at the job\'s log; where the place is no table of ours, say "none" in parity.toml under [outputs]'


def _everywhere(asked: ParityRun, name: str, made: Made) -> TableVerdict:
    """Compare a table in every place it was written to, and return the worst verdict, with the place it is of."""
    found: list[TableVerdict] = []
    places = made.places.get(name) or {"": made.tables[name]}
    for place, data in places.items():
        if data is None:
            found.append(missing(name, f"its job wrote nothing in {place}", fix=_NOT_OURS))
            continue
        verdict = _compared(asked, name, asked.left, replace(made, tables={name: data}), ("DuckDB", "Glue"))
        said = (f"this is what was written in {place}",) if len(places) > 1 else ()
        found.append(replace(verdict, notes=(*verdict.notes, *said)))
    worst = next(verdict for verdict in found if verdict.verdict is overall(found))
    others = (verdict.cause for verdict in found if verdict is not worst)
    return replace(worst, elsewhere=tuple(cause for cause in others if cause is not None))


def _compared(asked: ParityRun, name: str, left: Made, right: Made, labels: tuple[str, str]) -> TableVerdict:
    assert asked.given is not None

    def others() -> dict[str, Any]:
        found = {**asked.left.landing(), **asked.left.tables}
        return {table: data for table, data in found.items() if table != name}

    try:
        verdict = compare(
            left.tables.get(name, ()),
            right.tables.get(name, ()),
            table=name,
            contract=TABLES[name],
            context=others,
            labels=labels,
            may_be_empty=name in asked.may_be_empty,
            show_pii=asked.show_pii,
            hider=lambda texts: _hider(asked, texts),
            memory_limit=asked.memory_limit,
        )
    except StediError as error:
        return _not_compared(asked, name, error)
    if verdict.verdict is Verdict.DIFFERENT and verdict.left_rows == verdict.right_rows == 0:
        return replace(verdict, fix=f'where that is right, expected.json beside the landing data says "{name}": 0')
    return verdict


def _not_compared(asked: ParityRun, name: str, error: StediError) -> TableVerdict:
    """Return the verdict where a side cannot be read: what is said names its place, which the script has chosen."""
    return failed(name, _hider(asked, [error.message])(error.message), fix=error.fix)


_FIELD_CASE = "name the field as the frame does; [runtime] field_case in parity.toml has Glue match it in any case"


def _explained(verdict: TableVerdict, jobs: Jobs, notes: Iterable[Note], hide: Hide) -> TableVerdict:
    """Add what the job of a table met with, and the lines of its script that are likely behind a difference."""
    if jobs.rendered or verdict.verdict is not Verdict.DIFFERENT:
        return verdict
    scripts = [script for script in jobs.plan.jobs if jobs.plan.makes.get(script.name) == verdict.table]
    met = [str(note) for script in scripts for note in notes if note.script == script.name]
    fix = verdict.fix or (_FIELD_CASE if any("absent field" in text and "it has" in text for text in met) else "")
    lines = [
        f"{script.name}, line {step.line}: {step.kind}: {_short(hide(step.text))}"
        for script in scripts
        for explanation in verdict.causes
        for step in steps_behind(script, str(explanation.cause))
    ]
    return replace(verdict, notes=(*verdict.notes, *met, *dict.fromkeys(lines)), fix=fix)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:160]}…"  # noqa: PLR2004


def inputs_of(jobs: Jobs, made: Made) -> dict[str, tuple[str, ...]]:
    """Return what tables were made from: what the scripts read, without what a job was given ours of."""
    stages = {name: stage.inputs for name, stage in STAGES.items()}
    if jobs.rendered:
        return stages
    ours = {(note.script, note.text.split()[2].rstrip(",")) for note in made.notes if note.text.startswith("given our")}
    of = {table: script for script, table in jobs.plan.makes.items()}
    found = {
        table: tuple(name for name in names if (of.get(table, ""), name) not in ours)
        for table, names in jobs.plan.inputs.items()
    }
    try:
        in_order((), found, [feed.name for feed in FEEDS])
    except UsageError:  # scripts that read each other in a circle
        return stages
    return found


def _job(report: JobReport, jobs: Jobs, hide: Hide) -> JobOutcome:
    script = next((s for s in (*jobs.plan.jobs, *jobs.plan.broken) if s.name == report.name), None)
    log = report.log.name if report.log else ""
    if report.ok:
        return JobOutcome(report.name, report.table, report.state, round(report.seconds, 3), log=log)
    if script is not None and script.error is not None:
        line, text = script.error
        said = JobError("SyntaxError", text, line=line)
        return JobOutcome(
            report.name,
            report.table,
            "failed",
            problem=f"SyntaxError: {hide(text)}",
            likely=likely_wrong(said),
            line=line,
        )
    error = report.error
    if error is None:
        problem = "it took longer than it may" if report.state == "timeout" else "it failed without saying why"
        return JobOutcome(report.name, report.table, report.state, round(report.seconds, 3), problem, log=log)
    error = raised(error)
    problem = shown_error(error, script, hide)
    likely = likely_wrong(error, hide)
    return JobOutcome(
        report.name, report.table, report.state, round(report.seconds, 3), problem, likely, error.line, log
    )


# quarantine and ledger

_QUARANTINE = (
    Column("file", "VARCHAR", "landing file"),
    Column("reason", "VARCHAR", "why the line is no row"),
    Column("raw", "VARCHAR", "the line", pii=True),
)


def _quarantine(asked: ParityRun, feed: Table, made: Made, reports: Iterable[JobReport]) -> TableVerdict:
    """Compare the lines of a feed that are no rows: file, reason and bytes, as a multiset."""
    name = f"quarantine of {feed.feed}"
    bad = next((report for report in reports if report.table == trusted_of(feed.name) and not report.ok), None)
    if bad is not None:
        return failed(name, f"{bad.name} failed")
    right = made.quarantine.get(feed.name)
    if right is None or (isinstance(right, Path) and not right.exists()):
        return missing(name, "no job wrote it")
    contract = Table(name, "landing", f"_quarantine/{feed.feed}/", _QUARANTINE, (), "lines that are no rows")
    try:
        return compare(
            _bad_lines(asked.left.quarantine.get(feed.name) or []),
            _bad_lines(_parquet(right)),
            table=name,
            contract=contract,
            labels=("DuckDB", "Glue"),
            may_be_empty=True,
            show_pii=asked.show_pii,
            hider=lambda texts: _hider(asked, texts),
            memory_limit=asked.memory_limit,
        )
    except StediError as error:
        return _not_compared(asked, name, error)


def _parquet(data: Any) -> list[Path]:
    return sorted(data.glob("*.parquet")) if isinstance(data, Path) else list(data)


def _bad_lines(files: list[Path]) -> Any:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    schema = pa.schema([("file", pa.string()), ("reason", pa.string()), ("raw", pa.binary())])
    tables = [pq.read_table(file, columns=schema.names).cast(schema) for file in files]
    return pa.concat_tables([schema.empty_table(), *tables])


def _ledger(asked: ParityRun, feed: Table, made: Made) -> Check:
    """Compare where the lines of a feed went.

    On the right, kept and quarantined are what the job has written, lines and rows what its log has counted; where
    there is no log, lines are counted by looking at the bytes, and what was neither kept nor quarantined was dropped.
    """
    assert asked.given is not None
    left = asked.left.ledger[feed.name]
    kept = _rows(made.tables.get(trusted_of(feed.name)))
    quarantined = _rows(made.quarantine.get(feed.name))
    if kept is None or quarantined is None:
        return Check(f"ledger of {feed.feed}", Verdict.FAILED, _balance(left), "its job failed")
    if feed.name in made.counted:
        lines, rows = made.counted[feed.name]
    else:
        lines = asked.given.count(feed.name)
        rows = lines - quarantined
    right = (lines, kept, rows - kept, quarantined)
    verdict = Verdict.SAME if left == right else Verdict.DIFFERENT
    return Check(f"ledger of {feed.feed}", verdict, _balance(left), _balance(right))


def _balance(ledger: tuple[int, int, int, int]) -> str:
    lines, kept, dropped, quarantined = ledger
    return f"{lines:,} lines = {kept:,} kept + {dropped:,} dropped + {quarantined:,} quarantined"


def _rows(data: Any) -> int | None:
    import pyarrow.parquet as pq

    if data is None or (isinstance(data, Path) and not data.exists()):
        return None
    return sum(int(pq.read_metadata(file).num_rows) for file in _parquet(data))
