"""The Glue job scripts, one a table, written from the zone SQL, the contracts and the reading rule."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from stedi.contracts import TABLES, Table
from stedi.errors import UsageError
from stedi.glue import reading
from stedi.glue.spark_sql import spark_sql
from stedi.stages import STAGES, SqlFile

__all__ = ["GLUE", "render"]

GLUE = {"5.1": "Spark 3.5.6, Python 3.11", "6.0": "Spark 4.1.1, Python 3.13"}
"""The versions of Glue that scripts are rendered for, and what runs there."""

_PARTS = Path(__file__).parent / "parts"
_TYPES = {"VARCHAR": "StringType", "BIGINT": "LongType", "DOUBLE": "DoubleType"}


def render(glue: str = "5.1") -> dict[str, str]:
    """Return the text of each Glue job script by its file name, in the order of the tables.

    NotPortable where Spark would read the SQL of a zone differently; UsageError for a Glue version that is not known.
    """
    if glue not in GLUE:
        raise UsageError(f"Glue {glue} is not known", fix=f"choose {' or '.join(GLUE)}")
    return {f"{TABLES[name].glue_job}.py": _script(TABLES[name], stage, glue) for name, stage in STAGES.items()}


def _script(table: Table, stage: SqlFile, glue: str) -> str:
    feeds = [TABLES[name] for name in stage.inputs if name in TABLES and TABLES[name].zone == "landing"]
    tables = [TABLES[name] for name in stage.inputs if name in TABLES and TABLES[name].zone != "landing"]
    parts = [_part("options"), _part("files"), *([_part("landing")] if feeds else [])]
    types = sorted({_TYPES[c.type] for t in (table, *feeds) for c in t.columns} | {"StructField", "StructType"})
    imports = {line for imported, _ in parts for line in imported} | {
        "from uuid import uuid4",
        "from awsglue.context import GlueContext",
        "from awsglue.job import Job",
        "from pyspark.context import SparkContext",
        f"from pyspark.sql.types import {', '.join(types)}",
    }
    imports -= {"from pyspark.sql.types import StructType"}
    sections = [
        f'"""{table.glue_job}: {stage.title}.\n\nAWS Glue {glue} ({GLUE[glue]}).\n"""',
        "\n".join(sorted(imports)),
        f'SQL = r"""\n{spark_sql(stage)}"""',
        f"SCHEMA = {_schema(table)}",
        *_rule(feeds),
        *(code for _, code in parts),
        "\n".join(_body(table, feeds, tables)),
    ]
    return "\n\n".join(sections) + "\n"


@cache
def _part(name: str) -> tuple[tuple[str, ...], str]:
    """Return the imports and the code of a part."""
    source = (_PARTS / f"{name}.py").read_text(encoding="utf-8")
    imports, start = [], 0
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = node.end_lineno or 0
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if not (module or "").startswith(("stedi", "__future__")):
                imports.append(ast.unparse(node))
    return tuple(imports), "\n".join(source.splitlines()[start:]).strip() + "\n"


def _schema(table: Table) -> str:
    fields = "\n".join(f'        StructField("{c.name}", {_TYPES[c.type]}()),' for c in table.columns)
    return f"StructType(\n    [\n{fields}\n    ]\n)"


def _rule(feeds: Iterable[Table]) -> Iterator[str]:
    for name in ("BLANK_LINE", "BLANKS", "FLAT", "MAX_LINE_CHARS", "RAW_BYTES_KEPT"):
        if feeds:
            yield f"{name} = {getattr(reading, name)!r}"
    for feed in feeds:
        yield f"{feed.feed.upper()}_SCHEMA = {_schema(feed)}"
        yield f"{feed.feed.upper()}_CLEAN = {reading.clean(feed)!r}"
        refused = "\n".join(f"    {entry!r}," for entry in reading.refused(feed))
        yield f"{feed.feed.upper()}_REFUSED = [\n{refused}\n]"


def _body(table: Table, feeds: list[Table], tables: list[Table]) -> Iterator[str]:
    optional = ["LANDING"] if feeds else []
    yield f'args = options(["JOB_NAME", "LAKE"], {optional})'
    yield 'lake = args["LAKE"].rstrip("/")'
    if feeds:
        yield 'landing = args.get("LANDING", lake).rstrip("/")'
    yield textwrap.dedent("""
        glue = GlueContext(SparkContext.getOrCreate())
        spark = glue.spark_session
        spark.conf.set("spark.sql.ansi.enabled", "true")
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        spark.conf.set("spark.sql.parquet.compression.codec", "zstd")
        job = Job(glue)
        job.init(args["JOB_NAME"], args)
        """)
    yield f'remove(spark, f"{{lake}}/_stedi/glue/{table.glue_job}")'
    yield f'staging = f"{{lake}}/_stedi/glue/{table.glue_job}/{{uuid4().hex}}"\n'
    for source in tables:
        yield f'read_table(spark, f"{{lake}}/{source.prefix}").createOrReplaceTempView("{source.name}")'
    for feed in feeds:
        name, upper = feed.feed, feed.feed.upper()
        yield f'{name} = read_feed(spark, landing, "{feed.prefix}", {upper}_SCHEMA, {upper}_CLEAN, {upper}_REFUSED)'
        yield f'good_rows({name}).createOrReplaceTempView("{feed.name}")'
        yield f'bad_lines({name}).write.parquet(f"{{staging}}/quarantine/{name}")'
    yield 'spark.sql(SQL).write.parquet(f"{staging}/table")'
    yield 'rows = check(spark, f"{staging}/table", SCHEMA)'
    for feed in feeds:
        yield f'replace(spark, f"{{staging}}/quarantine/{feed.feed}", f"{{lake}}/_quarantine/{feed.feed}")'
    yield f'replace(spark, f"{{staging}}/table", f"{{lake}}/{table.prefix}")'
    yield "remove(spark, staging)"
    yield f'print(f"{table.name}: {{rows:,}} rows")'
    yield "job.commit()"
