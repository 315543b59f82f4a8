"""The Glue job scripts, one a table: written from the zone SQL, the contracts and the reading rule.

A script needs nothing but what its version of Glue has. Its helpers are the modules of `stedi.glue.parts`, copied as
text: they are code that is linted, typed and tested like any other, and nothing here runs them.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stedi.contracts import TABLES, Table
from stedi.errors import UsageError
from stedi.glue import reading
from stedi.glue.spark_sql import SparkQuery, spark_query
from stedi.parameters import MAX_CLOCK_SKEW_MS
from stedi.stages import PARAMETERS, RUN_PARAMETERS, STAGES, SqlFile

__all__ = ["GLUE", "render", "script"]

GLUE = {"5.1": "Spark 3.5.6, Python 3.11", "6.0": "Spark 4.1.1, Python 3.13"}
"""The versions of Glue that scripts are rendered for, and what runs there."""

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_SQL_TYPES = {"VARCHAR": "string", "BIGINT": "bigint"}
_TYPES = {"VARCHAR": "StringType", "BIGINT": "LongType", "DOUBLE": "DoubleType"}

_ARGUMENTS = {
    "LAKE": "s3://bucket/prefix of the lake",
    "LANDING": "the same of the landing data, where they are not in the lake",
    "PSEUDONYM_KEY_PATH": "s3://bucket/file with the key of the pseudonyms; without it a random one",
    "CLOCK_SKEW_MS": "how many ms the clocks of a device and its owner's phone may be apart; without it 0",
}
"""What a job can be told; which of it is for the job to say."""

_PARAMETER = {
    "pseudonym_key": ("PSEUDONYM_KEY_PATH", 'pseudonym_key(spark, args.get("PSEUDONYM_KEY_PATH"))'),
    "clock_skew_ms": ("CLOCK_SKEW_MS", 'clock_skew_ms(args.get("CLOCK_SKEW_MS", "0"))'),
}
"""Of each parameter of a run: its argument, and how a script reads it."""


def render(glue: str = "5.1") -> dict[str, str]:
    """Return the text of each Glue job script by its file name, in the order of the tables.

    Every version of Glue gets the same text so far: it avoids what they read differently. NotPortable where Spark would
    read the SQL of a zone differently; UsageError for a version of Glue not known.
    """
    if glue not in GLUE:
        raise UsageError(f"Glue {glue}: scripts are not rendered for it", fix=f"choose {' or '.join(GLUE)}")
    return {f"{TABLES[name].glue_job}.py": script(name, spark_query(stage)) for name, stage in STAGES.items()}


def script(table: str, query: SparkQuery) -> str:
    """Return the text of the job script that makes a table by this query."""
    return _script(_Job(TABLES[table], STAGES[table], query))


@dataclass(frozen=True)
class _Job:
    """One job: the table it makes, from which inputs, by which query."""

    table: Table
    stage: SqlFile
    query: SparkQuery

    @property
    def name(self) -> str:
        assert self.table.glue_job is not None
        return self.table.glue_job

    @property
    def feeds(self) -> list[Table]:
        return [table for table in self._inputs if table.zone == "landing"]

    @property
    def tables(self) -> list[Table]:
        return [table for table in self._inputs if table.zone != "landing"]

    @property
    def _inputs(self) -> list[Table]:
        return [table for name, table in TABLES.items() if name in self.stage.inputs]

    @property
    def optional(self) -> list[str]:
        """The arguments that may be left out."""
        return (["LANDING"] if self.feeds else []) + [_PARAMETER[name][0] for name in self.stage.parameters]

    @property
    def quarantines(self) -> list[Table]:
        """The feeds whose bad lines this job writes: several jobs may read a feed, the first of them writes."""
        return [feed for feed in self.feeds if self.table.name == _first_reader(feed)]


@cache
def _first_reader(feed: Table) -> str:
    return next(name for name, stage in STAGES.items() if feed.name in stage.inputs)


def _script(job: _Job) -> str:
    parts = [_part("job")]
    parts += [_part("landing")] if job.feeds else []
    parts += [_part("parameters").only(name) for name in job.stage.parameters]
    types = {_TYPES[column.type] for table in (*job.feeds, job.table) for column in table.columns}
    imports = [
        ("awsglue.context", "GlueContext"),
        ("awsglue.job", "Job"),
        ("pyspark.context", "SparkContext"),
        ("uuid", "uuid4"),
        *(("pyspark.sql.types", name) for name in (*types, "StructField", "StructType")),
        *(entry for part in parts for entry in part.imports),
    ]
    head = "\n\n".join(
        [
            _docstring(job),
            _import_lines(imports),
            "\n".join(_sql(job.query)),
            *(f"{_name(feed)}_SCHEMA = {_schema(feed)}" for feed in job.feeds),
            _own_schema(job),
            *(["\n".join(_rule(job.feeds))] if job.feeds else []),
            *([f"MAX_CLOCK_SKEW_MS = {MAX_CLOCK_SKEW_MS:_}"] if "clock_skew_ms" in job.stage.parameters else []),
        ]
    )
    body = "\n".join(_body(job))
    return "\n\n\n".join([head, *(part.code for part in parts), body]) + "\n"


# the head of a script


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


def _docstring(job: _Job) -> str:
    source = job.stage.path.relative_to(_ROOT).as_posix()
    reads = [f"LANDING/{feed.prefix}" for feed in job.feeds] + [f"LAKE/{table.prefix}" for table in job.tables]
    writes = [f"LAKE/{job.table.prefix}"] + [f"LAKE/_quarantine/{feed.feed}/" for feed in job.quarantines]
    told = {f"--{name}": _ARGUMENTS[name] for name in ("LAKE", *job.optional)}
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


def _name(feed: Table) -> str:
    return feed.feed.upper()


def _own_schema(job: _Job) -> str:
    alike = [feed for feed in job.feeds if feed.columns == job.table.columns]
    return f"SCHEMA = {f'{_name(alike[0])}_SCHEMA' if alike else _schema(job.table)}"


def _schema(table: Table) -> str:
    fields = "".join(f'        StructField("{column.name}", {_TYPES[column.type]}()),\n' for column in table.columns)
    return f"StructType(\n    [\n{fields}    ]\n)"


def _rule(feeds: Iterable[Table]) -> Iterator[str]:
    """Yield the reading rule: what is the same for every feed, then what is not."""
    yield "# The reading rule. A good line is a flat JSON object, which one expression decides; loops over groups are"
    yield "# possessive (*+), since others recurse and a line with many escapes would overflow the stack of the JVM."
    yield f'LANDING_FILE = r"{reading.LANDING_FILE}"'
    yield f'HIDDEN = r"{reading.HIDDEN}"'
    yield f"MAX_LINE_CHARS = {reading.MAX_LINE_CHARS:_}"
    yield f"RAW_BYTES_KEPT = {reading.RAW_BYTES_KEPT:_}"
    yield 'TRIM = "' + repr(reading.TRIM)[1:-1] + '"'
    yield from reading.constants_text()
    yield textwrap.dedent(f'''

        def has(key: str, value: str = "") -> str:
            """Return the expression of a flat line that has a key, with such a value."""
            found = {reading.HAS_KEY}
            return {reading.HAS_VALUE} if value else found
    ''')
    for feed in feeds:
        yield f"\n{_name(feed)}_CLEAN = {reading.clean_text(feed)}"
        yield "# why another line is refused, in the order tried: reason, what it then has, what it then lacks"
        yield f"{_name(feed)}_REFUSED = ["
        yield from map(_entry, reading.refused_text(feed))
        yield "]"


def _entry(values: Sequence[str]) -> str:
    """Return a tuple as an entry of a list."""
    line = f"    ({', '.join(values)}),"
    if len(line) <= reading.WIDTH:
        return line
    return "    (\n" + "".join(f"        {value},\n" for value in values) + "    ),"


# the body of a script


def _body(job: _Job) -> Iterator[str]:
    yield f'args = options(["JOB_NAME", "LAKE"], [{", ".join(map(_text, job.optional))}])'
    yield 'lake = args["LAKE"].rstrip("/")'
    if job.feeds:
        yield 'landing = args.get("LANDING", lake).rstrip("/")'
    yield textwrap.dedent("""
        glue = GlueContext(SparkContext.getOrCreate())
        spark = glue.spark_session
        for setting, value in SETTINGS.items():
            spark.conf.set(setting, value)
        job = Job(glue)
        job.init(args["JOB_NAME"], args)
        """)
    for table in job.tables:
        yield f'read_table(spark, f"{{lake}}/{table.prefix}").createOrReplaceTempView("{table.name}")'
    if job.stage.parameters:
        types = ", ".join(f"{name} {_SQL_TYPES[PARAMETERS[name]]}" for name in job.stage.parameters)
        values = ", ".join(_PARAMETER[name][1] for name in job.stage.parameters)
        yield "# as rows, not as text of SQL: a plan is logged"
        yield f'told = spark.createDataFrame([({values},)], "{types}")'
        yield f'told.createOrReplaceTempView("{RUN_PARAMETERS}")'
    for feed in job.feeds:
        constants = ", ".join(f"{_name(feed)}_{what}" for what in ("SCHEMA", "CLEAN", "REFUSED"))
        yield f'lines = read_lines(spark, landing, "{feed.prefix}")'
        yield f"{feed.feed} = decide(lines, {constants})"
        yield f'good_rows({feed.feed}).createOrReplaceTempView("{feed.name}")'
        yield f'report("{feed.feed}", {feed.feed})'
    if job.query.steps:
        yield "for step, query in STEPS.items():"
        yield "    view = spark.sql(query)"
        yield "    (view.localCheckpoint() if step in KEPT else view).createOrReplaceTempView(step)"
    yield textwrap.dedent(f"""
        # what the lake holds is left alone until everything new is written
        staging = f"{{lake}}/_stedi/glue/{job.name}"
        remove(spark, staging)
        staged = f"{{staging}}/{{uuid4().hex}}"
        rows = stage(spark, spark.sql(SQL), SCHEMA, f"{{staged}}/table")""")
    for feed in job.quarantines:
        yield f'bad_lines({feed.feed}).write.parquet(f"{{staged}}/{feed.feed}")'
    for feed in job.quarantines:
        yield f'replace(spark, f"{{lake}}/_quarantine/{feed.feed}", f"{{staged}}/{feed.feed}")'
    yield f'replace(spark, f"{{lake}}/{job.table.prefix}", f"{{staged}}/table")'
    yield "remove(spark, staging)"
    for feed in job.feeds:
        yield f"{feed.feed}.unpersist()"
    yield f'print(f"{job.table.name}: {{rows:,}} rows")'
    yield "job.commit()"


def _text(name: str) -> str:
    return f'"{name}"'


# the helpers of a script


@dataclass(frozen=True)
class _Part:
    """A module of `stedi.glue.parts`: (module, name) of what it imports, and its code, a function each."""

    imports: tuple[tuple[str, str], ...]
    code: str

    def only(self, name: str) -> _Part:
        """Return one function of the part, with the imports it uses."""
        [code] = [text for text in self.code.split("\n\n\n") if text.startswith(f"def {name}(")]
        return _Part(tuple(entry for entry in self.imports if re.search(rf"\b{entry[1]}\b", code)), code)


@cache
def _part(name: str) -> _Part:
    source = (_HERE / "parts" / f"{name}.py").read_text(encoding="utf-8")
    imports: list[tuple[str, str]] = []
    start = 0
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = node.end_lineno or 0
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            # what is imported from stedi stands in the script, and annotations are evaluated there
            if not module.startswith(("stedi", "__future__")):
                imports += [(module, f"{n.name} as {n.asname}" if n.asname else n.name) for n in node.names]
    return _Part(tuple(imports), "\n".join(source.splitlines()[start:]).strip())


def _import_lines(imports: Iterable[tuple[str, str]]) -> str:
    """Return import statements in the usual order: the standard library, a blank line, the others."""
    found: dict[str, set[str]] = {}
    for module, name in imports:
        found.setdefault(f"{module} {name}" if " as " in name else module, set()).add(name)
    blocks: tuple[list[str], list[str]] = ([], [])
    for key, names in sorted(found.items()):
        module = key.split(" ")[0]
        theirs = module.startswith(("awsglue", "pyspark"))
        lines = (
            [f"from {module} import {', '.join(sorted(names))}"] if module else [f"import {n}" for n in sorted(names)]
        )
        blocks[theirs].extend(lines)
    return "\n\n".join("\n".join(block) for block in blocks)
