"""Transforms of fields and frames: join, drop, select, rename, map, split, union, merge, collections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from parity.worker import JobResult, Worker

pytestmark = pytest.mark.spark

Printed = Callable[..., Any]
Job = Callable[..., JobResult]
HELP = """
import json
def show(value): print("=>", json.dumps(value, default=str))
def frame(rows, schema, name="frame"): return DynamicFrame.fromDF(spark.createDataFrame(rows, schema), glueContext, name)
def names(f): return [field.name for field in f.schema()]
def rows(f): return sorted([list(row) for row in f.toDF().collect()], key=repr)
left = frame([(1, "a", 5), (2, "b", 6), (None, "n", 7)], "key int, name string, x int", "left")
right = frame([(1, "A", 50), (1, "AA", 51), (3, "C", 52), (None, "N", 53)], "key int, name string, y int", "right")
nested = frame([(1, {"a": 1, "b": {"c": "x", "d": 2.5}})], "id int, s struct<a:int,b:struct<c:string,d:double>>", "nested")
"""


def _body(text: str) -> str:
    import textwrap

    return HELP + textwrap.dedent(text)


def test_join_keeps_the_right_hand_name_with_a_dot(printed: Printed, job: Job) -> None:
    body = """
    joined = Join.apply(frame1=left, frame2=right, keys1=["key"], keys2=["key"])
    dropped = DropFields.apply(frame=joined, paths=["`.key`", ".name", "y"])
    again = joined.join(["key"], ["key"], right)
    itself = Join.apply(left, left, ["key", "name"], ["key", "name"])
    show([names(joined), rows(joined), names(dropped), names(again), again.count(), itself.count(), joined.name])
    """
    assert printed(_body(body)) == [
        ["key", "name", "x", ".key", ".name", "y"],
        [[1, "a", 5, 1, "A", 50], [1, "a", 5, 1, "AA", 51]],
        ["key", "name", "x"],
        ["key", "name", "x", ".key", ".name", "y", "..key", "..name", ".y"],
        4,
        2,
        "leftright",
    ]


def test_a_name_that_awsglue_has_not_is_refused_with_what_does_it(job: Job) -> None:
    result = job(_body("# all names are there\nDropDuplicates.apply(frame=left)"))
    assert result.error is not None
    assert result.error.type == "UnsupportedGlueCallError"
    assert "DropDuplicates" in result.error.message
    assert "toDF().dropDuplicates()" in result.error.message
    assert result.error.line is not None


def test_a_key_in_another_case_matches_nothing_and_is_named(printed: Printed, job: Job) -> None:
    body = _body("""
    joined = Join.apply(frame1=left, frame2=right, keys1=["Key"], keys2=["key"])
    show([joined.count(), names(joined)])
    """)
    assert printed(body) == [0, ["key", "name", "x", ".key", ".name", "y"]]
    result = job(body)
    assert [note.message for note in result.notes] == ["Join: no field Key in the frame; it has key"]


def test_keys_of_other_types_are_named(job: Job) -> None:
    result = job(_body("assert Join.apply(left, right, ['key'], ['name']).count() == 0"))
    assert result.error is None
    assert [note.kind for note in result.notes] == ["type"]


def test_fields_are_dropped_selected_and_renamed(printed: Printed, job: Job) -> None:
    body = """
    show({
        "drop": names(DropFields.apply(frame=left, paths=["x", "`name`", "nothing"])),
        "drop none": names(DropFields.apply(frame=left, paths=[])),
        "drop nested": rows(nested.drop_fields("s.b.c")),
        "select": names(SelectFields.apply(frame=left, paths=["x", "key"])),
        "select nested": [list(row) for row in rows(nested.select_fields(["s.b.d", "id"]))],
        "rename": names(RenameField.apply(frame=left, old_name="name", new_name="called")),
        "rename onto": names(left.rename_field("name", "x")),
        "rename dotted": names(left.rename_field("name", "`(right) name`")),
        "rename nested": rows(nested.rename_field("s.a", "s.z")),
        "out of": names(nested.rename_field("s.a", "top")),
        "cast inside": nested.resolveChoice([("s.a", "cast:string"), ("s.b.d", "cast:int")]).toDF().dtypes[1][1],
        "with dot": names(left.rename_field("name", "a.b").drop_fields(["`a.b`"])),
    })
    """
    assert printed(_body(body)) == {
        "drop": ["key"],
        "drop none": ["key", "name", "x"],
        "drop nested": [[1, [1, [2.5]]]],
        "select": ["key", "x"],
        "select nested": [[1, [[2.5]]]],
        "rename": ["key", "called", "x"],
        "rename onto": ["key", "x"],
        "rename dotted": ["key", "(right) name", "x"],
        "rename nested": [[1, [["x", 2.5], 1]]],
        "out of": ["id", "s", "top"],
        "cast inside": "struct<a:string,b:struct<c:string,d:int>>",
        "with dot": ["key", "x"],
    }
    result = job(_body("DropFields.apply(frame=left, paths=['Name'])"))
    assert [(note.kind, note.line) for note in result.notes] == [("absent field", 24)]


def test_mapping_casts_and_nests(printed: Printed) -> None:
    body = """
    numbers = frame([("12", 3000000000, 1.7, 1)], "s string, l bigint, d double, i int")
    mapped = ApplyMapping.apply(frame=numbers, mappings=[
        ("s", "string", "as_int", "int"), ("l", "bigint", "as_string", "string"), ("d", "double", "as_float", "float"),
        ("I", "int", "as_double", "double"), ("d", "double", "as_long", "long"), ("l", "long", "as_int_too", "int"),
        ("s", "string", "as_decimal", "decimal(5,2)"), ("missing", "int", "missing", "int")])
    two = numbers.apply_mapping([("s", "renamed")])
    three = numbers.applyMapping([("s", "renamed", "int")])
    into = nested.apply_mapping([("s.b.c", "string", "t.c", "string"), ("s.a", "int", "t.u.a", "long")])
    exact = numbers.apply_mapping([("S", "string", "s", "string"), ("i", "int", "i", "int")], case_sensitive=True)
    from awsglue.dataframe_transforms import ApplyMapping as OfDataFrames
    plain = OfDataFrames.apply(numbers.toDF(), [("i", "int", "j", "long")])
    show([mapped.toDF().dtypes, [str(v) for v in rows(mapped)[0]], names(two), rows(three), into.toDF().dtypes, rows(into),
          names(exact), plain.dtypes])
    """
    assert printed(_body(body)) == [
        [
            ["as_int", "int"],
            ["as_string", "string"],
            ["as_float", "float"],
            ["as_double", "double"],
            ["as_long", "bigint"],
            ["as_int_too", "int"],
            ["as_decimal", "decimal(5,2)"],
        ],
        ["12", "3000000000", "1.7000000476837158", "1.0", "1", "-1294967296", "12.00"],
        ["renamed"],
        [[12]],
        [["t", "struct<c:string,u:struct<a:bigint>>"]],
        [[["x", [1]]]],
        ["i"],
        [["j", "bigint"]],
    ]


def test_frames_are_split(printed: Printed) -> None:
    body = """
    fields = SplitFields.apply(left, ["x"])
    some = SplitRows.apply(left, {"x": {">": 5, "<": 7}}, "met", "other")
    show([list(fields.keys()), names(fields["left1"]), names(SelectFromCollection.apply(dfc=fields, key="left2")),
          rows(some["met"]), len(some), sorted(row[0] for row in map(lambda r: [r[2]], rows(some.select("other")))),
          names(left.split_fields("x", "a", "b")["a"]), left.split_rows({"x": {"=": 5}}, "a", "b")["a"].count(),
          some.select("nothing").count()])
    """
    assert printed(_body(body)) == [
        ["left1", "left2"],
        ["x"],
        ["key", "name"],
        [[2, "b", 6]],
        2,
        [5, 7],
        ["x"],
        1,
        0,
    ]


def test_collections_are_mapped(printed: Printed) -> None:
    body = """
    from awsglue.dynamicframe import DynamicFrameCollection
    both = DynamicFrameCollection([left, right], glueContext)
    dropped = MapToCollection.apply(both, lambda f, ctx: f.drop_fields(["key"]))
    flat = FlatMap.apply(both, SelectFields, "frame", paths=["key"])
    show([[names(f) for f in dropped.values()], [names(f) for f in flat.values()], [f.count() for f in both.map(lambda f, ctx: f).values()],
          len(both.flatmap(lambda f, ctx: f))])
    """
    assert printed(_body(body)) == [[["name", "x"], ["name", "y"]], [["key"], ["key"]], [3, 4], 2]


def test_frames_are_united_merged_and_shared_out(printed: Printed) -> None:
    body = """
    stage = frame([(1, "new", 1), (9, "more", 2)], "key int, name string, x int")
    wide = frame([(1, "new", 1)], "key bigint, name string, z int")
    show([rows(left.mergeDynamicFrame(stage, ["key"])), names(left.union(wide)), left.union(wide).toDF().dtypes[0], Union.apply(left, left).count(),
          Repartition.apply(left, 3).getNumPartitions(), Coalesce.apply(left.repartition(3), 1).getNumPartitions(),
          left.coalesce(2, shuffle=True).getNumPartitions(), names(UnnestFrame.apply(nested)), names(nested.unnest())])
    """
    flat = ["id", "s.a", "s.b.c", "s.b.d"]
    assert printed(_body(body)) == [
        [[1, "new", 1], [2, "b", 6], [9, "more", 2], [None, "n", 7]],
        ["key", "name", "x", "z"],
        ["key", "bigint"],
        6,
        3,
        1,
        2,
        flat,
        flat,
    ]


def test_spigot_writes_some_and_goes_on(printed: Printed, rows: Callable[[str], Any]) -> None:
    body = """
    on = Spigot.apply(left, "s3://test-lakehouse/spigot/", {"topk": 2})
    left.spigot("s3://test-lakehouse/all/")
    show(on.count())
    """
    assert printed(_body(body)) == 3
    assert len(rows("s3://test-lakehouse/spigot/")) == 2
    assert len(rows("s3://test-lakehouse/all/")) == 3


def test_transforms_describe_themselves(printed: Printed) -> None:
    body = """
    from awsglue.transforms import *
    from awsglue.transforms import get_transform, get_transforms, describe_transform
    described = json.loads(describe_transform("filter"))["transform"]
    show([described["name"], [a["name"] for a in described["args"]], str(get_transform("Filter")), len(get_transforms()),
          get_transform("nothing"), Filter() == Filter(), Filter.describe()["transform"]["description"] == Filter.describeTransform(),
          Filter.name(), Filter.describeArgs()[0]["optional"], Filter.describeReturn()["type"], Filter.describeErrors()])
    """
    arguments = ["frame", "f", "transformation_ctx", "info", "stageThreshold", "totalThreshold"]
    assert printed(_body(body)) == [
        "Filter",
        arguments,
        "<Transform: Filter>",
        22,
        None,
        True,
        True,
        "Filter",
        False,
        "DynamicFrame",
        [],
    ]


def test_functions_on_columns(printed: Printed) -> None:
    body = """
    from awsglue.functions import explodeWithIndex, namedStruct, replaceArrayElement
    df = spark.createDataFrame([([1, 2, 3], 9)], "a array<int>, v int")
    show([df.select(replaceArrayElement("a", "v", 1).alias("r")).first()["r"], df.select(namedStruct("v").alias("s")).dtypes,
          [list(row) for row in df.select(explodeWithIndex("a")).collect()], df.select(explodeWithIndex("a")).columns])
    """
    assert printed(_body(body)) == [[1, 9, 3], [["s", "struct<v:int>"]], [[0, 1], [1, 2], [2, 3]], ["index", "val"]]


def test_rules_of_data_quality(printed: Printed, job: Job) -> None:
    body = """
    from awsgluedq.transforms import EvaluateDataQuality
    rules = 'Rules = [ ColumnCount > 0, RowCount between 2 and 10, IsComplete "name",\\n IsUnique "key", Completeness "key" > 0.9, ColumnExists "q" ]'
    outcomes = EvaluateDataQuality().process_rows(frame=left, ruleset=rules,
        publishing_options={"dataQualityEvaluationContext": "x"}, additional_options={})
    found = outcomes.select("ruleOutcomes").toDF().collect()
    applied = EvaluateDataQuality.apply(frame=left, ruleset="Rules = [ ColumnCount = 3 ]", publishing_options={})
    each = SelectFromCollection.apply(outcomes, "rowLevelOutcomes").toDF().orderBy("key").select(
        "key", "DataQualityEvaluationResult", "DataQualityRulesFail", "DataQualityRulesPass", "DataQualityRulesSkip").collect()
    show([[row["Outcome"] for row in found], [row[:3] for row in each], [len(part) for part in each[0][3:]], rows(applied)[0][:2],
          len(outcomes.keys()), names(outcomes["originalData"])])
    """
    outcomes = ["Passed", "Passed", "Passed", "Passed", "Failed", "Failed"]
    assert printed(_body(body)) == [
        outcomes,
        [[None, "Failed", ['Completeness "key" > 0.9']], [1, "Passed", []], [2, "Passed", []]],
        [2, 3],
        ["ColumnCount = 3", "Passed"],
        3,
        ["key", "name", "x"],
    ]
    result = job(
        _body(
            "from awsgluedq.transforms import EvaluateDataQuality\n"
            "EvaluateDataQuality().process_rows(left, 'Rules = [ DataFreshness \"x\" < 3 ]')"
        )
    )
    assert result.error is not None
    assert "DataFreshness" in result.error.message


def test_columns_with_personal_data(printed: Printed) -> None:
    body = """
    from awsglueml.transforms import EntityDetector
    people = frame([("a@b.com", "x"), ("c@d.org", "y")], "mail string, name string")
    people = people.map(lambda row: row | {"born": "1941-07-08", "phone": "2015550100"})
    show(EntityDetector().classify_columns(people, ["EMAIL", "PHONE_NUMBER"], 1.0, 0.1))
    """
    assert printed(_body(body)) == {"mail": ["EMAIL"], "phone": ["PHONE_NUMBER"]}


def test_types_are_data(printed: Printed, worker: Worker) -> None:
    body = """
    from awsglue import gluetypes as g
    schema = nested.schema()
    again = g._deserialize_json_string(g._serialize_schema(schema))
    choice = g.ChoiceType([g.IntegerType()])
    choice.add(g.StringType())
    choice.merge([g.LongType(), g.StringType()])
    struct = g.StructType([g.Field("a", g.IntegerType())])
    struct.add(g.Field("b", g.ArrayType(g.DecimalType(4, 1))))
    merged = g.mergeDataTypes(struct, g.StructType([g.Field("a", g.StringType()), g.Field("c", g.MapType(g.DateType()))]))
    kinds = [g.BinaryType, g.BooleanType, g.ByteType, g.DoubleType, g.FloatType, g.NullType, g.SetType, g.ShortType,
             g.TimestampType, g.TimestampNTZType, g.UnknownType]
    enum = g.mergeDataTypes(g.EnumType(["x"]), g.EnumType(["y"]))
    record = g.DynamicRecord(a=1)
    record.b = 2
    try:
        g.EntityType(1, 2, 3)
    except NotImplementedError as error:
        refused = type(error).__name__
    show([again == schema, sorted(choice.choices), struct.hasField("b"), str(struct.getField("b")), [f.name for f in merged],
          str(merged.getField("a").dataType), [k.typeName() for k in kinds], enum.options, record, record.a, refused,
          all(k.fromJsonValue(k().jsonValue()) == k() for k in kinds), isinstance(g.IntegerType(), g.AtomicType),
          g.DataType.fromJsonValue({"properties": {}}).jsonValue()])
    """
    assert printed(_body(body)) == [
        True,
        ["int", "long", "string"],
        True,
        "Field(b, ArrayType(DecimalType(4, 1, {}), {}), {})",
        ["a", "b", "c"],
        "ChoiceType([IntegerType({}),StringType({})], {})",
        [
            "binary",
            "boolean",
            "byte",
            "double",
            "float",
            "null",
            "set",
            "short",
            "timestamp",
            "timestampntz",
            "unknown",
        ],
        ["x", "y"],
        {"a": 1, "b": 2},
        1,
        "NotImplementedError",
        True,
        True,
        {"dataType": "data", "properties": {}},
    ]
