"""What is likely wrong with a script, from how its job ended: one sentence a person can act on.

Messages may quote values of rows, so they are shown scrubbed; names of columns, tables and places stay, and so do the
names of Python that the script itself uses.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator

from parity.personal import Hide
from parity.plan import Note
from parity.scripts import Script, Step
from parity.worker import JobError, JobResult
from stedi.masking import mask_emails, scrub

__all__ = ["likely_wrong", "notes_of", "raised", "shown_error", "steps_behind"]

_CLASS = re.compile(r"\[([A-Z][A-Z_]+(?:\.[A-Z_]+)?)\]")
_REASON = re.compile(r"^Caused by: (.+)$", re.MULTILINE)
_NAME = re.compile(r"`([^`]+)`(?:\.`([^`]+)`)*")
_TRACE = "Traceback (most recent call last):\n"
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?:: (.*))?$", re.MULTILINE)
_QUIET = ("ignored", "written")
_LONGEST = 300

_SAYS: dict[str, str] = {
    "UNRESOLVED_COLUMN": "its input has no column {name}{instead}",
    "UNRESOLVED_FIELD": "its input has no field {name}",
    "FIELD_NOT_FOUND": "its input has no field {name}",
    "TABLE_OR_VIEW_NOT_FOUND": "nothing made the table or view {name} before this job",
    "PATH_NOT_FOUND": "nothing is at the path it reads: a misspelled path, or the job before it wrote elsewhere",
    "UNABLE_TO_INFER_SCHEMA": "nothing is at the path it reads, or no data of that format",
    "CANNOT_READ_FILE_FOOTER": "it reads files as Parquet or ORC that are none: what writes them has another format",
    "COLUMN_ALREADY_EXISTS": "two columns have the name {name}; select one of them before writing",
    "AMBIGUOUS_REFERENCE": "{name} may be a column of either side of a join; write which one is meant",
    "PARSE_SYNTAX_ERROR": "the SQL is no Spark SQL",
    "DATATYPE_MISMATCH": "types do not fit: a column is compared with, or joined to, one of another type",
    "CAST_INVALID_INPUT": "a value is not of the type it is cast to",
    "UNRESOLVED_ROUTINE": "Spark has no function {name}",
    "MISSING_AGGREGATION": "{name} is neither grouped by nor aggregated",
    "MISSING_GROUP_BY": "it aggregates beside plain columns and has no GROUP BY",
    "NOT_SUPPORTED_COMMAND_WITHOUT_HIVE": "there is no Hive here: write CREATE TABLE ... USING json LOCATION '...'",
    "NUM_COLUMNS_MISMATCH": "the two sides of a UNION have not the same number of columns",
}
_TYPES: dict[str, str] = {
    "KeyError": "a record has not the field, or the script did not ask for the argument, that the message names",
    "NameError": "it uses a name that was never given a value, often the node of another script",
    "ModuleNotFoundError": "it imports a module that is not installed here; one that Glue brings wants a pip install",
    "EOFError": "it asks for input, which no job is given",
    "ImportError": "it imports what the module does not have",
    "AttributeError": "it names what its frame has not: toDF() and fromDF() change the kind, df.name is exact in case",
    "GlueArgumentError": "it asks for a job argument that was not given: set it in parity.toml under [arguments]",
    "MemoryError": "it holds more rows in Python than fit into the memory of its process: leave them to Spark",
    "SyntaxError": "it does not parse, so nothing of it can run; Glue 5.1 is Python 3.11, Glue 6.0 is Python 3.13",
    "NotStarted": "the account has no capacity left (service quotas of Glue), or its connection's subnet no addresses",
    "ConcurrentRunsExceededException": "another run of the job went on",
    "TwoWriters": "leave one out in parity.toml, [jobs] skip; where both are jobs, name both in [jobs] order",
    "LandingChanged": "landing data were changed while the jobs ran",
    "TimeoutError": "a loop without an end, or a join that multiplies rows; --timeout gives a job longer",
    "SparkEnded": "it needs more memory than Spark has here: --spark-memory gives it more, --master a cluster",
    "JobEnded": "the script ended its own process, or the system did for lack of memory; its log has the end of it",
    "SystemExit": "the script gave up by itself; the log says why",
    "RefusedCallError": "it calls AWS or another machine; no job here reaches either",
}
_OF_CODE = ("NameError", "UnboundLocalError", "AttributeError", "ImportError", "ModuleNotFoundError", "TypeError")
"""Exceptions that quote names of the code."""

_CODE = re.compile(r"(?<![A-Za-z])'([A-Za-z_][\w.]*)'(?P<object> object)?")


def raised(error: JobError) -> JobError:
    """Return what a function of the script has raised in a worker of Spark, where that is why a job failed.

    Spark hands on the worker's stack as text, at the end of which it stands; the line is the last one of the script.
    """
    if "PythonException" not in (error.type, *re.findall(r"\bPythonException\b", error.message)):
        return error
    _, _, stack = error.message.rpartition(_TRACE)
    # a value may stand in the text of an exception, and look like another: the first that is not indented is it
    found = _RAISED.search(stack)
    if found is None:
        return error
    kind, said = found[1].rpartition(".")[2], found[2] or ""
    lines = re.findall(rf'^  File "{re.escape(error.file or "")}", line (\d+)', stack[: found.start()], re.MULTILINE)
    line = int(lines[-1]) if lines else error.line
    return JobError(kind, f"there is no key {said}" if kind == "KeyError" else said, error.file, line)


def likely_wrong(error: JobError, hide: Hide = mask_emails) -> str:
    """Return what is likely wrong, "" where there is no guess; names in it may be literals of a script."""
    found = _CLASS.search(error.message)
    for name, says in _SAYS.items():
        if found is not None and found.group(1).startswith(name):
            return says.format(name=hide(_named(error.message)), instead=hide(_instead(error.message)))
    last = error.type.rpartition(".")[2]
    if last in _TYPES:
        return _TYPES[last]
    if "File too large" in error.message:
        return "it printed, or wrote into one file, more than a gigabyte"
    if "UnresolvedColumn" in error.message or "cannot resolve" in error.message:
        return f"its input has no column {hide(_named(error.message))}"
    return ""


def shown_error(error: JobError, script: Script | None, hide: Hide) -> str:
    """Return an error as it may be shown: its type, then its message."""
    kept: list[str] = []
    message = _essence(error.message)
    if error.type.rpartition(".")[2] in _OF_CODE:
        known = set(re.findall(r"\w+", script.text if script else "")) | set(dir(builtins))

        def keep(found: re.Match[str]) -> str:
            is_known = found["object"] or set(found[1].split(".")) <= known
            if not is_known or hide(found.group()) != found.group():
                return found.group()
            kept.append(found.group())
            return f"\0{len(kept) - 1}\0"

        message = _CODE.sub(keep, message.replace("\0", ""))
    said = hide(scrub(message)) if message.strip() else ""
    said = re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], said)
    said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
    kind = hide(error.type)
    return f"{kind}: {said}" if said else kind


def _essence(message: str) -> str:
    """Return what a task of Spark failed of, where that is why a job did: Spark says it below all that it ended."""
    reasons: list[str] = _REASON.findall(message) if "Job aborted due to stage failure" in message else []
    named = [reason for reason in reasons if _CLASS.search(reason)]
    return next(iter(named or reasons[-1:]), message)


def notes_of(script: Script, result: JobResult, *, rendered: bool) -> tuple[Note, ...]:
    """Return what the runtime noted about a job that bears on its rows."""
    return tuple(
        Note(script.name, note.line or 0, f"{note.kind}: {note.message}")
        for note in result.notes
        if note.kind not in _QUIET
    )


def steps_behind(script: Script, cause: str) -> Iterator[Step]:
    """Yield the lines of a script that are likely behind a difference of a cause."""
    kinds = _BEHIND.get(cause, ())
    for step in script.steps:
        joins = "join" in step.text.lower() or "," in step.text.lower().partition(" from ")[2].partition(" where ")[0]
        if step.kind in kinds and (step.kind != "sql" or "join" not in kinds or joins):
            yield step


_BEHIND: dict[str, tuple[str, ...]] = {
    "empty": ("filter", "join", "sql"),
    "fan_out": ("join", "sql"),
    "outer_join": ("join", "sql"),
    "timestamp_join": ("join", "sql"),
    "missing_filter": ("join", "filter", "sql"),
    "missing_dedupe": ("join", "sql", "dedupe"),
    "extra_dedupe": ("dedupe", "sql"),
    "missing_consent_filter": ("filter", "sql"),
    "consent_date_filter": ("filter", "sql"),
    "missing_column": ("columns", "sql"),
    "extra_column": ("columns", "join", "sql"),
    "renamed_column": ("columns", "sql"),
    "case_of_names": ("columns", "sql"),
    "type": ("columns", "sql"),
    "precision": ("columns", "sql"),
    "truncated": ("filter", "sql"),
    "extra_filter": ("filter", "join", "sql"),
    "wrong_source": ("sql",),
    "changed_values": ("columns", "sql"),
}
"""By cause, the kinds of step that can do it."""


def _named(message: str) -> str:
    found = _NAME.search(message)
    return found.group(0).replace("`", "") if found else "that it names"


def _instead(message: str) -> str:
    _, _, rest = message.partition("Did you mean")
    names = [match.group(0).replace("`", "") for match in _NAME.finditer(rest)]
    return f"; it has {', '.join(names)}" if names else ""
