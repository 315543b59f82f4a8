"""The head of a job script: what it says of itself, its query, its schemas, the reading rule."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from stedi.contracts import Table
from stedi.glue import reading
from stedi.glue.render.job import ARGUMENTS, Job, name_of
from stedi.glue.spark_sql import SparkQuery
from stedi.parameters import MAX_CLOCK_SKEW_MS

__all__ = ["GLUE", "constants", "docstring", "types_of"]

GLUE = {"5.1": "Spark 3.5.6, Python 3.11", "6.0": "Spark 4.1.1, Python 3.13"}
"""The versions of Glue that scripts are rendered for, and what runs there."""

_ROOT = Path(__file__).parents[3]
_TYPES = {"VARCHAR": "StringType", "BIGINT": "LongType", "DOUBLE": "DoubleType"}


def constants(job: Job) -> Iterator[str]:
    """Yield the constants of a script, each with its comment."""
    yield "\n".join(_sql(job.query))
    for feed in job.feeds:
        yield f"{name_of(feed)}_SCHEMA = {_schema(feed)}"
    yield _own_schema(job)
    if job.feeds:
        yield "\n".join(_rule(job.feeds))
    if "clock_skew_ms" in job.stage.parameters:
        yield f"MAX_CLOCK_SKEW_MS = {MAX_CLOCK_SKEW_MS:_}"


def types_of(job: Job) -> set[str]:
    """Return Spark's names of the types of the columns that a script declares."""
    return {_TYPES[column.type] for table in (*job.feeds, job.table) for column in table.columns}


def docstring(job: Job) -> str:
    """Return what a script says of itself."""
    source = job.stage.path.relative_to(_ROOT).as_posix()
    reads = [f"LANDING/{feed.prefix}" for feed in job.feeds] + [f"LAKE/{table.prefix}" for table in job.tables]
    writes = [f"LAKE/{job.table.prefix}"] + [f"LAKE/_quarantine/{feed.feed}/" for feed in job.quarantines]
    told = {f"--{name}": ARGUMENTS[name] for name in ("LAKE", *job.optional)}
    lines = [
        f"{job.name}: {job.table.comment}.",
        "",
        f"For AWS Glue {_and([f'{version} ({runs})' for version, runs in GLUE.items()])}.",
        f"Written by `stedi glue render` from {source}: change that and render again.",
        "",
        f"Reads {_and(reads)}.",
        f"Writes {_and(writes)}.",
        "",
        "Job arguments:",
        *(f"  {name:<{max(map(len, told))}}  {meaning}" for name, meaning in told.items()),
    ]
    return '"""' + "\n".join(lines) + '\n"""'


def _and(places: Sequence[str]) -> str:
    return " and ".join([", ".join(places[:-1]), places[-1]] if places[1:] else places)


def _sql(query: SparkQuery) -> Iterator[str]:
    """Yield the query, as one text or in steps."""
    yield re.sub("^--", "#", query.header, flags=re.MULTILINE).rstrip("\n")
    if query.steps:
        yield "#"
        yield "# Each step is a view. Spark plans and computes a view anew for each of its readers: one with several is"
        yield "# computed first and kept on the executors. Should one of these be lost, the job fails: run it again."
        yield "STEPS = {"
        for name, sql in query.steps.items():
            yield f'    "{name}": """\n{textwrap.indent(_escaped(sql), " " * 8)}    """,'
        yield "}"
        yield f"KEPT = {list(query.kept)}".replace("'", '"')
    yield f'SQL = """\n{_escaped(query.sql)}"""'


def _escaped(sql: str) -> str:
    """Return a text as it stands between three quotation marks."""
    return sql.replace("\\", "\\\\").replace('"""', r"\"\"\"")


def _own_schema(job: Job) -> str:
    alike = [feed for feed in job.feeds if feed.columns == job.table.columns]
    return f"SCHEMA = {f'{name_of(alike[0])}_SCHEMA' if alike else _schema(job.table)}"


def _schema(table: Table) -> str:
    fields = "".join(f'        StructField("{column.name}", {_TYPES[column.type]}()),\n' for column in table.columns)
    return f"StructType(\n    [\n{fields}    ]\n)"


def _rule(feeds: Sequence[Table]) -> Iterator[str]:
    """Yield the reading rule: what is the same for every feed, then what is not."""
    yield "# The reading rule. A good line is a flat JSON object, which one expression decides; loops over groups are"
    yield "# possessive (*+), since others recurse and a line with many escapes would overflow the stack of the JVM."
    yield f'LANDING_FILE = r"{reading.LANDING_FILE}"'
    yield f'HIDDEN = r"{reading.HIDDEN}"'
    yield f"MAX_LINE_CHARS = {reading.MAX_LINE_CHARS:_}"
    yield f"RAW_BYTES_KEPT = {reading.RAW_BYTES_KEPT:_}"
    yield 'TRIM = "' + repr(reading.TRIM)[1:-1] + '"'
    yield from reading.constants_text(feeds)
    yield textwrap.dedent(f'''

        def has(key: str, value: str = "") -> str:
            """Return the expression of a flat line that has a key, with such a value."""
            found = {reading.HAS_KEY}
            return {reading.HAS_VALUE} if value else found
    ''')
    for feed in feeds:
        yield f"\n{name_of(feed)}_CLEAN = {reading.clean_text(feed)}"
        yield "# why another line is refused, in the order tried: reason, what it then has, what it then lacks"
        yield f"{name_of(feed)}_REFUSED = ["
        yield from map(_entry, reading.refused_text(feed))
        yield "]"


def _entry(values: Sequence[str]) -> str:
    """Return a tuple as an entry of a list."""
    line = f"    ({', '.join(values)}),"
    if len(line) <= reading.WIDTH:
        return line
    return "    (\n" + "".join(f"        {value},\n" for value in values) + "    ),"
