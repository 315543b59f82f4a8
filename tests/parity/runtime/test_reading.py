"""Files of JSON, Parquet and CSV as a job reads them, by path and by table."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from parity.worker import JobResult, Table, Worker

pytestmark = pytest.mark.spark

Put = Callable[..., None]
Printed = Callable[..., Any]
Job = Callable[..., JobResult]
IN = "s3://test-lakehouse/in/"
HELP = """
import json
def show(value): print("=>", json.dumps(value, default=str))
def read(path="s3://test-lakehouse/in/", form="json", recurse=True, **options):
    return glueContext.create_dynamic_frame.from_options(connection_type="s3", format=form,
        connection_options={"paths": [path], "recurse": recurse}, format_options=options, transformation_ctx="read")
def types(frame): return {field.name: field.dataType.typeName() for field in frame.schema()}
def values(frame, name): return sorted(row[name] for row in frame.toDF().collect())
"""


def _body(text: str) -> str:
    import textwrap

    return HELP + textwrap.dedent(text)


def test_integers_are_as_wide_as_they_must_be(put: Put, printed: Printed) -> None:
    put(IN, [{"i": 1, "l": 1 << 40, "d": 1.0, "s": "1", "b": True, "n": None, "o": {"x": 1}, "a": [1]}])
    assert printed(_body("show([types(read()), read().toDF().dtypes])")) == [
        {
            "i": "int",
            "l": "long",
            "d": "double",
            "s": "string",
            "b": "boolean",
            "n": "null",
            "o": "struct",
            "a": "array",
        },
        [
            ["i", "int"],
            ["l", "bigint"],
            ["d", "double"],
            ["s", "string"],
            ["b", "boolean"],
            ["n", "string"],
            ["o", "struct<x:int>"],
            ["a", "array<int>"],
        ],
    ]


def test_fields_of_nulls_only_can_be_dropped(put: Put, printed: Printed) -> None:
    put(IN, [{"a": 1, "n": None}])
    assert printed(_body("show(list(types(DropNullFields.apply(frame=read()))))")) == ["a"]


@pytest.mark.parametrize("options", ["multiline=False", 'multiLine="false"', 'multiLine="true"', "multiline=True", ""])
def test_lines_are_records_whatever_is_said_of_several_lines(put: Put, printed: Printed, options: str) -> None:
    put(IN, [{"a": 1}, {"a": 2}, "", '{"a": 3, "text": "}{"}\r'])
    assert printed(_body(f"show(values(read({options}), 'a'))")) == [1, 2, 3]


def test_records_over_several_lines_and_arrays(put: Put, printed: Printed) -> None:
    put(IN, ['{"a":', "1}", '{"a": 2}{"a": 3}', "[", '{"a": 4},', '{"a": 5}]'])
    put("s3://test-lakehouse/path/", [json.dumps({"rows": [{"a": 1}, {"a": 2}]}, indent=1)])
    put("s3://test-lakehouse/array/", ['[{"a": 1}, {"a": 2}]', '{"a": 3}'])
    body = """
    show([values(read(multiline=True), "a"), values(read("s3://test-lakehouse/path/", jsonPath="$.rows[*]"), "a"),
          values(read("s3://test-lakehouse/array/"), "a")])
    """
    assert printed(_body(body)) == [[1, 2, 3, 4, 5], [1, 2], [1, 2, 3]]


def test_one_file_compressed_files_and_folders_below(worker: Worker, put: Put, printed: Printed) -> None:
    put(IN, [{"a": 1}])
    put(f"{IN}below/", [{"a": 2}], "more.json")
    (worker.local(IN) / "c.json.gz").write_bytes(gzip.compress(b'{"a": 3}\n'))
    (worker.local(IN) / "_hidden.json").write_text('{"a": 4}\n')
    body = """
    show([values(read(), "a"), values(read(recurse=False), "a"), values(read("s3://test-lakehouse/in/below/more.json"), "a"),
          values(read("s3a://test-lakehouse/in"), "a")])
    """
    assert printed(_body(body)) == [[1, 2, 3], [1, 3], [2], [1, 2, 3]]


def test_folders_named_after_keys_are_fields(put: Put, printed: Printed) -> None:
    put(f"{IN}user=x/", [{"a": 1}])
    put(f"{IN}user=y/", [{"a": 2}])
    assert printed(_body("show(sorted(map(list, read().toDF().select('a', 'user').collect())))")) == [
        [1, "x"],
        [2, "y"],
    ]


def test_a_predicate_is_pushed_down_to_partitions_and_to_nothing_else(put: Put, printed: Printed, job: Job) -> None:
    """Glue cannot resolve any other column; a frame that came back filtered would hide that the job fails there."""
    put(f"{IN}Day=1/", [{"a": 1}])
    put(f"{IN}Day=2/", [{"a": 2}])
    asked = 'glueContext.create_dynamic_frame.from_options("s3", {"paths": ["s3://test-lakehouse/in/"]}, "json",'
    body = f"""
    ways = [f"{{asked}} push_down_predicate={{how!r}})" for asked in [{asked!r}] for how in ("day = '2'", "day > '1' and 1=1", "")]
    show([values(eval(way), "a") for way in ways])
    """
    assert printed(_body(body)) == [[2], [2], [1, 2]]
    result = job(_body(f'{asked} push_down_predicate="a = 1")'))
    assert result.error is not None
    assert (result.error.type, "the partition columns, those are day" in result.error.message) == ("ValueError", True)


def test_names_that_differ_in_case_are_two_fields(put: Put, printed: Printed, rows: Callable[[str], Any]) -> None:
    put(IN, [{"Email": "E", "email": "e", "a.b": 1, "`": 2}])
    body = """
    frame = read()
    frame = frame.filter(lambda row: row["Email"] == "E" and row["email"] == "e")
    glueContext.write_dynamic_frame.from_options(frame, connection_type="s3", format="json",
        connection_options={"path": "s3://test-lakehouse/out/"})
    show([list(types(frame)), list(types(DropFields.apply(frame, paths=["Email"])))])
    """
    assert printed(_body(body)) == [["Email", "email", "a.b", "`"], ["email", "a.b", "`"]]
    assert rows("s3://test-lakehouse/out/") == [{"Email": "E", "email": "e", "a.b": 1, "`": 2}]


def test_no_files_make_a_frame_without_fields(printed: Printed, job: Job) -> None:
    body = "show([read('s3://test-lakehouse/nothing/').toDF().columns, read('s3://test-lakehouse/nothing/').count()])"
    assert printed(_body(body)) == [[], 0]
    result = job(_body("read('s3://test-lakehouse/nothing/')"))
    assert [note.kind for note in result.notes] == ["missing input"]
    assert result.notes[0].line == 19  # the innermost one of the script, in its `read`


def test_a_line_that_is_no_object_ends_the_job(put: Put, job: Job) -> None:
    put(IN, [{"a": 1}, '{"a": 2,}', "3"])
    result = job(_body("read()"))
    assert result.error is not None
    assert result.error.type == "UnreadableInputError"
    assert "2 of 3 lines are no JSON objects" in result.error.message
    assert "test-lakehouse/in" in result.error.message


def test_parquet_and_csv(worker: Worker, printed: Printed) -> None:
    body = """
    df = spark.createDataFrame([("x", None), ("y", 2)], "name string, n bigint")
    df.write.parquet("s3://test-lakehouse/p/")
    df.write.option("header", True).csv("s3://test-lakehouse/c/")
    by = lambda f: sorted(row["name"] for row in f.filter(lambda row: not row["n"] == 2).toDF().collect())
    show([types(read("s3://test-lakehouse/p/", "parquet")), by(read("s3://test-lakehouse/p/", "parquet")),
          types(read("s3://test-lakehouse/c/", "csv", withHeader=True)), list(types(read("s3://test-lakehouse/c/", "csv"))),
          glueContext.create_data_frame.from_options("s3", {"paths": ["s3://test-lakehouse/p/"]}, "parquet").count(),
          glueContext.create_data_frame_from_options("s3", {"paths": ["s3://test-lakehouse/p/"]}, "parquet").count()])
    """
    named = {"name": "string", "n": "long"}
    assert printed(_body(body)) == [named, ["x"], {"name": "string", "n": "string"}, ["col0", "col1"], 2, 2]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ('read(form="avro")', 'format="avro"'),
        ('read(form="xml")', 'format="xml"'),
        ('read(jsonPath="$.a[?(@.b > 1)]")', "jsonPath"),
        ('glueContext.create_dynamic_frame.from_options("mysql", {})', 'connection_type="mysql"'),
        ('glueContext.create_dynamic_frame.from_options("kinesis", {})', 'connection_type="kinesis"'),
        ('glueContext.getSink(connection_type="jdbc")', 'connection_type="jdbc"'),
        ("glueContext.forEachBatch(None, None)", "forEachBatch"),
    ],
)
def test_what_cannot_be_read_says_so(put: Put, job: Job, call: str, named: str) -> None:
    put(IN, [{"a": 1}])
    result = job(_body(call))
    assert result.error is not None
    assert result.error.type == "UnsupportedGlueCallError"
    assert named in result.error.message


def test_tables_of_the_catalog_have_lower_case_names(worker: Worker, put: Put, printed: Printed, job: Job) -> None:
    put("s3://test-lakehouse/customer/landing/", [{"serialNumber": "s", "Email": "e", "email": "f"}, {"email": "g"}])
    worker.register({"mine.devices": Table("s3://test-lakehouse/customer/landing/")})
    body = """
    any_name = glueContext.create_dynamic_frame.from_catalog(database="whatever", table_name="Customer_Landing")
    mine = glueContext.create_dynamic_frame.from_catalog(name_space="mine", table_name="devices")
    show([list(types(any_name)), values(mine.filter(lambda row: row["serialnumber"] == "s"), "email"),
          glueContext.create_data_frame.from_catalog(database="mine", table_name="devices").count(),
          glueContext.create_data_frame_from_catalog("mine", "devices").count(),
          glueContext.create_dynamic_frame_from_catalog("mine", "devices").count(),
          glueContext.create_sample_dynamic_frame_from_catalog("mine", "devices", 1).count(),
          glueContext.get_catalog_schema_as_spark_schema("mine", "devices").fieldNames()])
    """
    lower = ["serialnumber", "email"]
    assert printed(_body(body)) == [lower, ["e"], 2, 2, 2, 1, lower]
    result = job(_body('glueContext.create_dynamic_frame.from_catalog(database="mine", table_name="other")'))
    assert result.error is not None
    assert result.error.type == "TableNotFoundError"
    assert "no table mine.other; it has" in result.error.message


def test_other_ways_to_read(put: Put, printed: Printed) -> None:
    put(IN, [{"a": 1}, {"a": 2}])
    body = """
    options = {"paths": ["s3://test-lakehouse/in/"]}
    source = glueContext.getSource("s3", **options)
    source.setFormat("json")
    rdd = glueContext.create_dynamic_frame.from_rdd(sc.parallelize([(1,), (2,)]), "rdd", "a int")
    show([values(source.getFrame(), "a"), source.getSampleFrame(1).count(), source.getDataFrame().count(), values(rdd, "a"),
          glueContext.create_dynamic_frame_from_rdd(sc.parallelize([(1,)]), "rdd", "a int").count(),
          glueContext.create_sample_dynamic_frame_from_options("s3", options, 1, format="json").count(),
          glueContext.create_dynamic_frame_from_options("s3", options, "json").with_frame_schema(rdd.schema()).count()])
    """
    assert printed(_body(body)) == [[1, 2], 1, 2, [1, 2], 1, 1, 2]
