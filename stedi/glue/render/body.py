"""The body of a job script: what it does, in order."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from stedi.contracts import Table
from stedi.glue.render.job import PARAMETER, Job, name_of
from stedi.stages import PARAMETERS, RUN_PARAMETERS

__all__ = ["body"]

_SQL_TYPES = {"VARCHAR": "string", "BIGINT": "bigint"}


def body(job: Job) -> Iterator[str]:
    """Yield the lines of what a job does: start, have its inputs as views, run its query, replace its table."""
    yield from _start(job)
    for table in job.tables:
        yield f'read_table(spark, f"{{lake}}/{table.prefix}").createOrReplaceTempView("{table.name}")'
    if job.stage.parameters:
        yield from _told(job)
    for feed in job.feeds:
        yield from _landing(feed, splits=feed in job.quarantines)
    if job.query.steps:
        yield "for step, query in STEPS.items():"
        yield "    view = spark.sql(query)"
        yield "    (view.localCheckpoint() if step in KEPT else view).createOrReplaceTempView(step)"
    yield from _output(job)


def _start(job: Job) -> Iterator[str]:
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


def _told(job: Job) -> Iterator[str]:
    """Yield how the relation is made that holds what the run is told."""
    types = ", ".join(f"{name} {_SQL_TYPES[PARAMETERS[name]]}" for name in job.stage.parameters)
    values = ", ".join(PARAMETER[name][1] for name in job.stage.parameters)
    yield "# as rows, not as text of SQL: a plan is logged"
    yield f'told = spark.createDataFrame([({values},)], "{types}")'
    yield f'told.createOrReplaceTempView("{RUN_PARAMETERS}")'


def _landing(feed: Table, *, splits: bool) -> Iterator[str]:
    """Yield how a feed is read; a job that splits it writes the bad lines too, and says how many there are."""
    constants = ", ".join(f"{name_of(feed)}_{what}" for what in ("SCHEMA", "CLEAN", "REFUSED"))
    yield f'lines = read_lines(spark, landing, "{feed.prefix}")'
    if splits:
        yield "# kept, since good and bad lines are wanted apart and each is to be decided once"
    yield f"{feed.feed} = decide(lines, {constants}){'.persist()' if splits else ''}"
    yield f'good_rows({feed.feed}).createOrReplaceTempView("{feed.name}")'
    if splits:
        yield f'report("{feed.feed}", {feed.feed})'


def _output(job: Job) -> Iterator[str]:
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
    for feed in job.quarantines:
        yield f"{feed.feed}.unpersist()"
    yield f'print(f"{job.table.name}: {{rows:,}} rows")'
    yield "job.commit()"


def _text(name: str) -> str:
    return f'"{name}"'
