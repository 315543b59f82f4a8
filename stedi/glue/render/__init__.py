"""The Glue job scripts, one a table: written from the zone SQL, the contracts and the reading rule.

A script needs nothing but what its version of Glue has. Its helpers are the modules of `stedi.glue.parts`, copied as
text: they are code that is linted, typed and tested like any other, and nothing here runs them.
"""

from __future__ import annotations

from stedi.contracts import TABLES
from stedi.errors import UsageError
from stedi.glue.render.body import body
from stedi.glue.render.head import GLUE, constants, docstring, types_of
from stedi.glue.render.helpers import Part, import_lines, part
from stedi.glue.render.job import Job
from stedi.glue.spark_sql import SparkQuery, spark_query
from stedi.stages import STAGES

__all__ = ["GLUE", "render", "script"]


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
    job = Job(TABLES[table], STAGES[table], query)
    parts = _parts(job)
    imports = [
        ("awsglue.context", "GlueContext"),
        ("awsglue.job", "Job"),
        ("pyspark.context", "SparkContext"),
        ("uuid", "uuid4"),
        *(("pyspark.sql.types", name) for name in (*types_of(job), "StructField", "StructType")),
        *(entry for part in parts for entry in part.imports),
    ]
    head = "\n\n".join([docstring(job), import_lines(imports), *constants(job)])
    return "\n\n\n".join([head, *(part.code for part in parts), "\n".join(body(job))]) + "\n"


def _parts(job: Job) -> list[Part]:
    parts = [part("job")]
    if job.feeds:
        parts.append(part("landing") if job.quarantines else part("landing").without({"bad_lines", "report"}))
    return parts + [part("parameters").only(name) for name in job.stage.parameters]
