"""Files that a job writes, the tables it registers, SQL over the catalog, columns of one name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from parity.worker import JobResult, Table, Worker

pytestmark = pytest.mark.spark

Put = Callable[..., None]
Printed = Callable[..., Any]
Job = Callable[..., JobResult]
Rows = Callable[[str], Any]
OUT = "s3://test-lakehouse/out/"
HELP = """
import json
def show(value): print("=>", json.dumps(value, default=str))
def frame(rows, schema, name="frame"): return DynamicFrame.fromDF(spark.createDataFrame(rows, schema), glueContext, name)
def write(f, form="json", path="s3://test-lakehouse/out/", **options):
    return glueContext.write_dynamic_frame.from_options(frame=f, connection_type="s3", format=form,
        connection_options={"path": path, **options})
def sink(path="s3://test-lakehouse/out/", **options):
    return glueContext.getSink(path=path, connection_type="s3", updateBehavior="UPDATE_IN_DATABASE", enableUpdateCatalog=True, **options)
people = frame([("a", 1, None), ("b", None, 2.5)], "Name string, Age int, Score double")
"""


def _body(text: str) -> str:
    import textwrap

    return HELP + textwrap.dedent(text)


def test_json_is_appended_without_nulls(job: Job, rows: Rows) -> None:
    assert job(_body("write(people)")).error is None
    assert job(_body("write(people)")).error is None
    assert rows(OUT) == [{"Name": "a", "Age": 1}] * 2 + [{"Name": "b", "Score": 2.5}] * 2


@pytest.mark.parametrize("form", ["parquet", "glueparquet"])
def test_parquet_keeps_names_and_nulls(job: Job, rows: Rows, form: str) -> None:
    result = job(_body(f'write(people.rename_field("Age", "(right) age").rename_field("Score", ".score"), "{form}")'))
    assert result.error is None
    assert rows(OUT) == [
        {"Name": "a", "(right) age": 1, ".score": None},
        {"Name": "b", "(right) age": None, ".score": 2.5},
    ]


def test_keys_of_partitions_become_folders(worker: Worker, printed: Printed, rows: Rows) -> None:
    body = """
    s = sink(partitionKeys=["Name"])
    s.setCatalogInfo(catalogDatabase="db", catalogTableName="people")
    s.setFormat("json")
    s.writeFrame(people)
    table = glueContext.create_dynamic_frame.from_catalog(database="db", table_name="people", push_down_predicate="name = 'b'")
    show([[f.name for f in table.schema()], table.count()])
    """
    names, count = printed(_body(body))
    assert (sorted(names), names[-1], count) == (["age", "name", "score"], "name", 1)
    assert sorted(path.name for path in worker.local(OUT).iterdir() if path.is_dir()) == ["Name=a", "Name=b"]
    assert rows(OUT) == [{"Age": 1}, {"Score": 2.5}]


def test_keys_of_partitions_are_found_in_any_case(worker: Worker, printed: Printed, rows: Rows) -> None:
    body = """
    write(people, partitionKeys=["name", "`Age`"])
    both = people.toDF().selectExpr("Name as a", "Name as b")
    try:
        write(DynamicFrame.fromDF(both, glueContext, "both"), partitionKeys=["c"])
    except ValueError as error:
        show(str(error))
    """
    assert printed(_body(body)) == "partitionKeys: it has a, b, none is c; name one field of the frame"
    assert sorted(path.name for path in worker.local(OUT).iterdir() if path.is_dir()) == ["name=a", "name=b"]
    assert rows(OUT) == [{"Score": 2.5}, {}]


def test_a_sink_makes_its_table_known_to_the_next_job(job: Job, printed: Printed) -> None:
    body = """
    s = sink(compression="snappy")
    s.setCatalogInfo(catalogDatabase="Steps", catalogTableName="People")
    s.setAccumulableSize(10)
    s.setFormat("glueparquet", compression="snappy")
    errors = s.writeFrame(people)
    assert errors.count() == 0
    """
    assert job(_body(body)).error is None
    again = """
    people = glueContext.create_dynamic_frame.from_catalog(database="steps", table_name="people")
    glueContext.write_dynamic_frame.from_catalog(frame=people, database="steps", table_name="people")
    glueContext.write_dynamic_frame_from_catalog(people, "steps", "people")
    glueContext.write_data_frame.from_catalog(people.toDF(), database="steps", table_name="people")
    glueContext.write_data_frame_from_catalog(people.toDF(), "steps", "people")
    again = glueContext.create_dynamic_frame.from_catalog(database="steps", table_name="people")
    show([people.toDF().columns, again.count(), spark.sql("select * from steps.people").columns,
          spark.sql("select count(*) as n from People;".rstrip(";")).first()["n"], spark.table("steps.people").count()])
    """
    lower = ["name", "age", "score"]
    assert printed(_body(again)) == [lower, 10, lower, 10, 10]


def test_a_sink_without_its_consent_registers_nothing(job: Job) -> None:
    body = """
    s = glueContext.getSink(path="s3://test-lakehouse/out/", connection_type="s3")
    s.setCatalogInfo(catalogDatabase="db", catalogTableName="t")
    s.setFormat("json")
    s.writeFrame(people)
    """
    notes = job(_body(body)).notes
    assert [note.kind for note in notes] == ["written", "ignored"]
    result = job('glueContext.create_dynamic_frame.from_catalog(database="db", table_name="t")')
    assert result.error is not None
    assert result.error.type == "TableNotFoundError"


def test_other_ways_to_write(job: Job, rows: Rows) -> None:
    body = """
    from awsglue.dynamicframe import DynamicFrameCollection
    options = {"path": "s3://test-lakehouse/out/"}
    people.write("s3", options, "json")
    glueContext.write_dynamic_frame_from_options(people, "s3", options, "json")
    glueContext.write_from_options(DynamicFrameCollection([people], glueContext), "s3", options, "json")
    s = glueContext.getSink("s3", format="json", **options)
    s.write(people)
    s.writeDataFrame(people.toDF(), glueContext)
    """
    assert job(_body(body)).error is None
    assert len(rows(OUT)) == 10


@pytest.mark.parametrize("scheme", ["s3a", "s3n"])
def test_plain_spark_writes_under_the_other_names_of_s3(job: Job, rows: Rows, scheme: str) -> None:
    out = OUT.replace("s3:", f"{scheme}:")
    assert (
        job(_body(f'people.toDF().write.json("{out}")\npeople.toDF().write.mode("append").json("{out}")')).error is None
    )
    assert len(rows(OUT)) == 4


def test_compression_of_json_changes_no_rows(worker: Worker, job: Job, rows: Rows) -> None:
    result = job(_body('write(people, compression="snappy")'))
    assert [note.kind for note in result.notes] == ["ignored", "written"]
    assert len(rows(OUT)) == 2


def test_an_empty_frame_leaves_an_empty_file(worker: Worker, job: Job) -> None:
    assert job(_body("write(people.filter(lambda row: False))")).error is None
    assert [path.stat().st_size for path in worker.local(OUT).glob("part-*")] == [0]


def test_one_field_of_two_columns_with_one_name(put: Put, job: Job, rows: Rows) -> None:
    body = """
    left, right = frame([(1, "x"), (2, "y")], "k int, v string"), frame([(1, "x"), (2, "z")], "k int, v string")
    left.toDF().createOrReplaceTempView("l")
    right.toDF().createOrReplaceTempView("r")
    write(DynamicFrame.fromDF(spark.sql("select * from l join r on l.k = r.k"), glueContext, "both"), "glueparquet")
    """
    result = job(_body(body))
    assert rows(OUT) == [{"k": 1, "v": "x"}, {"k": 2, "v": "y"}]
    said = [note.message for note in result.notes if note.kind == "duplicate column"]
    assert said == [
        "two columns are named k; the first is kept",
        "two columns are named v; the first is kept",
        "the k that was dropped had the same values",
        "the v that was dropped differed in 1 of 2 rows",
    ]


def test_sql_finds_tables_of_the_catalog(worker: Worker, put: Put, printed: Printed, job: Job) -> None:
    put("s3://test-lakehouse/customer/landing/", [{"serialNumber": "s", "email": "e"}, {"serialNumber": "t"}])
    worker.register({"mine.other": Table("s3://test-lakehouse/customer/landing/")})
    body = """
    spark.sql("use anything")
    show([spark.sql("select serialNumber from customer_landing").columns, sorted(spark.sql("select * from mine.other").columns),
          spark.sql("select count(*) from anything.customer_landing").first()[0],
          glueContext.sql("select email from mine.other o where exists (select 1 from customer_landing c where c.email = o.email)").count()])
    """
    lower = ["email", "serialnumber"]
    assert printed(_body(body)) == [["serialNumber"], lower, 2, 1]
    result = job("spark.sql('select * from nowhere')")
    assert result.error is not None
    assert result.error.type == "AnalysisException"


def test_tables_are_saved_and_inserted_into_by_name(worker: Worker, job: Job, rows: Rows, printed: Printed) -> None:
    worker.register({"db.saved": Table("s3://parity-catalog/db.db/saved"), "db.placed": Table("s3://a-bucket/placed")})
    first = """
    df = people.toDF()
    df.write.saveAsTable("db.saved")
    df.write.format("json").partitionBy("Name").saveAsTable("db.placed")
    s = sink(partitionKeys=["name"])
    s.setCatalogInfo("db", "sunk")
    s.setFormat("json")
    s.writeFrame(people)
    spark.sql("create table db.selected as select Score, Age from db.saved")
    show(glueContext.create_dynamic_frame.from_catalog(database="db", table_name="saved").count())
    """
    assert printed(_body(first)) == 2
    again = """
    df = people.toDF()
    df.write.mode("append").saveAsTable("spark_catalog.db.saved")
    spark.sql("insert into db.selected select 1.5 as Score, 7 as Age")
    for name in ("placed", "sunk"):
        df.select("Age", "Score", "Name").write.insertInto(f"db.{name}")
    found = [spark.catalog.tableExists(name) for name in ("db.saved", "db.nowhere")]
    assert [*found, spark.catalog.tableExists("selected", "db")] == [True, False, True]
    spark.sql("use db")
    show([spark.read.table("awsdatacatalog.db.saved").count(), spark.read.table("selected").count(),
          spark.read.table("spark_catalog.db.placed").count(), spark.table("db.sunk").count()])
    """
    assert printed(_body(again)) == [4, 3, 4, 4]
    assert len(rows("s3://parity-catalog/db.db/saved")) == 4
    assert rows("s3://parity-catalog/db.db/selected")[-1] == {"Score": None, "Age": 1}
    assert rows("s3://a-bucket/placed") == rows(OUT) == [{"Age": 1}] * 2 + [{"Score": 2.5}] * 2


def test_inserting_where_nothing_says_the_order_of_columns_is_refused(worker: Worker, job: Job) -> None:
    worker.register({"db.unknown": Table(OUT)})
    result = job(_body('people.toDF().write.insertInto("db.unknown")'))
    assert result.error is not None
    assert (result.error.type, "db.unknown" in result.error.message) == ("UnsupportedGlueCallError", True)


def test_choices_are_written_as_they_are(put: Put, job: Job, rows: Rows) -> None:
    put("s3://test-lakehouse/in/", [{"n": 1, "m": "x"}, {"n": 2.5, "m": 1}])
    body = """
    read = glueContext.create_dynamic_frame.from_options("s3", {"paths": ["s3://test-lakehouse/in/"]}, "json")
    write(read)
    """
    result = job(_body(body))
    assert rows(OUT) == [{"n": 1.0, "m": "x"}, {"n": 2.5, "m": "1"}]
    assert [note.kind for note in result.notes] == ["type", "written"]


def test_the_root_of_a_bucket_is_read_and_old_files_are_purged(worker: Worker, job: Job, rows: Rows) -> None:
    body = """
    write(people)
    glueContext.purge_s3_path("s3://test-lakehouse/out/")
    assert spark.read.json("s3://test-lakehouse/out/").count() == 2
    s = sink(path="s3://a-bucket")
    s.setCatalogInfo("db", "t")
    s.setFormat("json")
    s.writeFrame(people)
    assert glueContext.create_dynamic_frame.from_catalog(database="db", table_name="t").count() == 2
    glueContext.purge_table("db", "t", {"retentionPeriod": 0})
    glueContext.purge_s3_path("s3://test-lakehouse/out/", {"retentionPeriod": 0})
    """
    assert job(_body(body)).error is None
    assert rows(OUT) == rows("s3://a-bucket/") == []


def test_the_context_has_its_small_things(printed: Printed, job: Job) -> None:
    body = """
    from awsglue.context import register
    register(sc)
    log = glueContext.get_logger()
    log.info("one"); log.warn("two"); log.error("three"); log.debug("four")
    df = glueContext.add_ingestion_time_columns(people.toDF(), "hour")
    show([df.columns[3:], glueContext.currentTimeMillis() > 1700000000000, glueContext.spark_session is spark, job.isInitialized()])
    """
    assert printed(_body(body)) == [["ingest_year", "ingest_month", "ingest_day", "ingest_hour"], True, True, True]
