"""Records: absent fields and null, functions of a script on them, errors, fields of several types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from parity.worker import JobResult, Worker

pytestmark = pytest.mark.spark

Put = Callable[..., None]
Printed = Callable[..., Any]
IN = "s3://test-lakehouse/in/"
READ = f"""
import json
def show(value): print("=>", json.dumps(value, default=str))
frame = glueContext.create_dynamic_frame.from_options(
    connection_type="s3", format="json", connection_options={{"paths": ["{IN}"]}}, format_options={{}})
"""
PEOPLE = [
    {"name": "a", "agreed": 5},
    {"name": "b", "agreed": 0},
    {"name": "c"},
    {"name": "d", "agreed": None},
]


def _body(text: str) -> str:
    import textwrap

    return READ + textwrap.dedent(text)


def test_an_absent_field_counts_out_and_null_does_not(put: Put, printed: Printed) -> None:
    put(IN, PEOPLE)
    body = """
    names = lambda f: sorted(row["name"] for row in f.toDF().collect())
    agreed = lambda row: not row["agreed"] == 0
    again = DynamicFrame.fromDF(frame.toDF(), glueContext, "again")
    renamed = frame.rename_field("agreed", "yes")
    mapped = ApplyMapping.apply(frame=frame, mappings=[("name", "string", "name", "string"), ("agreed", "int", "agreed", "long")])
    show({
        "read": names(Filter.apply(frame=frame, f=agreed)),
        "through a DataFrame": names(Filter.apply(frame=again, f=agreed)),
        "renamed": names(Filter.apply(frame=renamed, f=lambda row: not row["yes"] == 0)),
        "mapped": names(Filter.apply(frame=mapped, f=agreed)),
        "after another": names(frame.filter(lambda row: row["name"] != "a").filter(agreed)),
        "attribute": names(frame.filter(lambda row: row.agreed == 5)),
        "asked": names(frame.filter(lambda row: "agreed" not in row)),
        "type error": names(frame.filter(lambda row: row["agreed"] > 1)),
    })
    """
    assert printed(_body(body)) == {
        "read": ["a", "d"],
        "through a DataFrame": ["a", "c", "d"],
        "renamed": ["a", "d"],
        "mapped": ["a", "d"],
        "after another": ["d"],
        "attribute": ["a"],
        "asked": ["c"],
        "type error": ["a"],
    }


def test_after_a_join_and_a_union_fields_are_still_absent(put: Put, printed: Printed) -> None:
    put(IN, PEOPLE)
    body = """
    other = frame.rename_field("name", "who").rename_field("agreed", "also")
    joined = Join.apply(frame1=frame, frame2=other, keys1=["name"], keys2=["who"])
    whole = Union.apply(frame, DynamicFrame.fromDF(spark.createDataFrame([("e", None)], "name string, agreed int"), glueContext, "e"))
    names = lambda f: sorted(row["name"] for row in f.toDF().collect())
    show([
        names(joined.filter(lambda row: not row["also"] == 0)),
        names(whole.filter(lambda row: not row["agreed"] == 0)),
        whole.count(),
    ])
    """
    assert printed(_body(body)) == [["a", "d"], ["a", "d", "e"], 5]


def test_other_exceptions_make_error_records(put: Put, printed: Printed, job: Callable[..., JobResult]) -> None:
    put(IN, PEOPLE)
    body = """
    kept = frame.filter(lambda row: 1 / (0 if row["name"] == "b" else 1))
    errors = ErrorsAsDynamicFrame.apply(kept)
    assert kept.errorsAsDynamicFrame().count() == 1
    found = [kept.count(), kept.errorsCount(), kept.stageErrorsCount(), errors.toDF().select("errorMessage", "name").collect()]
    try:
        kept.assertErrorThreshold()
    except RuntimeError as error:
        found.append(str(error))
    show(found)
    """
    assert printed(_body(body)) == [
        3,
        1,
        1,
        [["ZeroDivisionError: division by zero", "b"]],
        "1 error records, 0 allowed",
    ]
    several = """
    kept = Filter.apply(frame=frame.repartition(3), f=lambda row: row["agreed"] > 0)
    kept.count()
    kept.toDF().show()
    kept.toDF().groupBy("name").count().collect()
    """
    result = job(_body(several))  # whatever looks at the frame
    said = {(note.kind, note.message) for note in result.notes}
    assert ("error records", "Filter: the function raised KeyError 1 times; the records are counted out") in said
    assert ("error records", "Filter: the function raised TypeError 1 times; the records are counted out") in said


def test_map_finds_the_fields_of_its_results(put: Put, printed: Printed) -> None:
    put(IN, PEOPLE)
    body = """
    def change(row):
        row["name"] = row["name"].upper()
        row["long"] = 1 << 40
        row["inner"] = {"a": [1, 2], "b": 1.5}
        if row["name"] == "B":
            return None
        if row["name"] == "C":
            raise ValueError("no")
        return row
    mapped = Map.apply(frame=frame, f=change)
    rows = [row.asDict(True) for row in mapped.toDF().orderBy("name").collect()]
    show([rows, mapped.errorsCount()])
    """
    inner = {"a": [1, 2], "b": 1.5}
    row = {"long": 1 << 40, "inner": inner}
    assert printed(_body(body)) == [[{"name": "A", "agreed": 5, **row}, {"name": "D", "agreed": None, **row}], 2]


def test_a_field_of_several_types_is_a_choice(put: Put, printed: Printed) -> None:
    put(IN, [{"k": 1, "v": 1}, {"k": 2, "v": 1 << 40}, {"k": 3, "v": "x"}, {"k": 4, "v": 1.5}, {"k": 5, "v": True}])
    body = """
    from awsglue.gluetypes import ChoiceType
    frame.printSchema()
    kind = frame.schema().getField("v").dataType
    values = lambda f, name="v": [row[name] for row in f.toDF().orderBy("k").collect()]
    show({
        "kinds": sorted(kind.choices) if isinstance(kind, ChoiceType) else None,
        "struct": [row.asDict() for row in values(frame)],
        "function": sorted(row["k"] for row in frame.filter(lambda row: row["v"] == "x" or row["v"] is True).toDF().collect()),
        "cast": values(ResolveChoice.apply(frame, specs=[("v", "cast:string")])),
        "cast all": values(frame.resolveChoice(choice="cast:double")),
        "project": values(ResolveChoice.apply(frame, specs=[("v", "project:string")])),
        "cols": sorted(frame.resolveChoice(choice="make_cols").toDF().columns),
        "kept": values(frame.resolveChoice(choice="make_struct"))[0].asDict()["int"],
        "mapped": values(ApplyMapping.apply(frame, [("k", "int", "k", "int"), ("v", "choice", "v", "string")])),
    })
    """
    none = {"boolean": None, "double": None, "int": None, "long": None, "string": None}
    assert printed(_body(body)) == {
        "kinds": ["boolean", "double", "int", "long", "string"],
        "struct": [
            none | {"int": 1},
            none | {"long": 1 << 40},
            none | {"string": "x"},
            none | {"double": 1.5},
            none | {"boolean": True},
        ],
        "function": [3, 5],
        "cast": ["1", "1099511627776", "x", "1.5", "true"],
        "cast all": [1.0, 1099511627776.0, None, 1.5, 1.0],
        "project": [None, None, "x", None, None],
        "cols": ["k", "v_boolean", "v_double", "v_int", "v_long", "v_string"],
        "kept": 1,
        "mapped": ["1", "1099511627776", "x", "1.5", "true"],
    }


def test_options_of_to_df_settle_choices(put: Put, printed: Printed) -> None:
    put(IN, [{"v": 1}, {"v": "x"}])
    body = """
    from awsglue.dynamicframe import ResolveOption
    from pyspark.sql.types import StringType
    cast = [row["v"] for row in frame.toDF([ResolveOption("v", "Cast", StringType())]).collect()]
    project = [row["v"] for row in frame.toDF([ResolveOption("v", "Project", StringType())]).collect()]
    kept = frame.toDF([ResolveOption("v", "KeepAsStruct")]).schema["v"].dataType.simpleString()
    show([cast, project, kept, glueContext.convert_resolve_option("v", "Cast", StringType())])
    """
    assert printed(_body(body)) == [["1", "x"], [None, "x"], "struct<int:int,string:string>", ["v", "cast:string"]]


def test_records_are_shown_without_absent_fields(put: Put, printed: Printed, worker: Worker) -> None:
    put(IN, [{"name": "c"}, {"name": "d", "agreed": None}, {"name": "e", "agreed": 1, "in": {"x": 1}}])
    body = """
    import contextlib, io
    with contextlib.redirect_stdout(io.StringIO()) as out:
        frame.show(5)
    show([json.loads(line) for line in out.getvalue().splitlines()])
    """
    assert printed(_body(body)) == [
        {"name": "c"},
        {"name": "d", "agreed": None},
        {"name": "e", "agreed": 1, "in": {"x": 1}},
    ]
