"""The settings: listed in the docs as they are, each with an effect, none taken by mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from parity_runtime.settings import VARIABLE, Settings, current

from parity.worker import JobResult, Table, Worker

IN, OUT = "s3://test-lakehouse/in/", "s3://test-lakehouse/out/"

HEAD = f"""
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.transforms import *
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
def read(path="{IN}", form="json"):
    return glueContext.create_dynamic_frame.from_options("s3", {{"paths": [path]}}, form)
def write(f, **options):
    glueContext.write_dynamic_frame.from_options(f, "s3", {{"path": "{OUT}", **options}}, "json")
def names(f): return [field.name for field in f.schema()]
"""

# lines to read, and a script that succeeds with the other value only
SHOWN: dict[str, tuple[str, str]] = {
    "field_case": ('{"timestamp": 1}', 'assert names(DropFields.apply(read(), ["timeStamp"])) == []'),
    "missing_input": (
        "{}",
        "try:\n    read('s3://nothing/')\nexcept RuntimeError:\n    pass\nelse:\n    raise SystemExit(1)",
    ),
    "malformed_json": ('{"a": 1}\n{"a": 2,}\nx', "assert read().count() == 1"),
    "json_numbers": ('{"a": 1}\n{"a": 2.5}', 'assert read().toDF().dtypes == [("a", "double")]'),
    "json_root_array": (
        '[{"a": 1}]',
        "try:\n    read()\nexcept RuntimeError:\n    pass\nelse:\n    raise SystemExit(1)",
    ),
    "explicit_null": ('{"a": null}\n{"a": 1}', 'assert read().filter(lambda row: row["a"] is None).count() == 0'),
    "null_in_parquet": (
        "{}",
        """
spark.createDataFrame([(None,)], "a int").write.parquet("s3://p/t/")
assert read("s3://p/t/", "parquet").filter(lambda row: row["a"] is None).count() == 0
""",
    ),
    "catalog_names": (
        '{"Email": 1}',
        'assert names(glueContext.create_dynamic_frame.from_catalog("any", "upper")) == ["Email"]',
    ),
    "unknown_sql_table": (
        '{"a": 1}',
        "try:\n    spark.sql('select * from upper')\nexcept Exception:\n    pass\nelse:\n    raise SystemExit(1)",
    ),
    "duplicate_column": (
        "{}",
        (
            'both = DynamicFrame.fromDF(spark.sql("select 1 as a, 2 as a"), glueContext, "both")\n'
            'assert both.toDF().first()["a"] == 2'
        ),
    ),
    "json_compression": (
        '{"a": 1}',
        f"""
write(read(), compression="gzip")
assert any(row["path"].endswith(".gz") for row in spark.read.format("binaryFile").load("{OUT}").collect())
""",
    ),
    "empty_write": (
        '{"a": 1}',
        """
from parity_runtime.notes import taken
write(read().filter(lambda row: False))
assert "no records" in str(taken())
""",
    ),
    "mapping_of_absent": (
        '{"a": 1}',
        'mapped = ApplyMapping.apply(read(), [("b", "int", "c", "int")])\nassert names(mapped) == ["c"]',
    ),
}


@pytest.fixture(scope="module")
def other_worker() -> Iterator[Worker]:
    """Return a worker with every setting at its other value."""
    others = {setting.name: setting.metadata["values"][1] for setting in fields(Settings)}
    with Worker(settings=others, memory="512m", master="local[2]", catalog={"upper": Table(IN)}) as worker:
        yield worker


def test_the_docs_list_every_setting() -> None:
    page = Path(__file__).parents[3] / "docs" / "parity-runtime.md"
    table = page.read_text("utf-8").partition("| setting | default | other values | what it decides |\n")[2]
    documented = [line for line in table.splitlines()[1:] if line.startswith("| ")]
    expected = []
    for setting in fields(Settings):
        first, *others = (f"`{value}`" for value in setting.metadata["values"])
        expected.append(f"| `{setting.name}` | {first} | {', '.join(others)} | {setting.metadata['doc']} |")
    assert documented == expected


def test_every_setting_is_shown() -> None:
    assert sorted(SHOWN) == sorted(setting.name for setting in fields(Settings))


@pytest.mark.spark
@pytest.mark.parametrize("name", sorted(SHOWN))
def test_each_setting_has_its_effect_and_only_then(
    name: str, worker: Worker, other_worker: Worker, tmp_path: Path, job: Callable[..., JobResult]
) -> None:
    lines, body = SHOWN[name]
    script = tmp_path / "shown.py"
    script.write_text(HEAD + body + "\n")
    for tried, state in ((worker, "failed"), (other_worker, "succeeded")):
        tried.clear()
        tried.register({"upper": Table(IN)})
        folder = tried.local(IN)
        folder.mkdir(parents=True)
        (folder / "data.json").write_text(lines + "\n")
        result = tried.run(script, log=tmp_path / "log")
        assert result.state == state, result.log.read_text()
        if result.error is not None:  # for the reason that it should, and no other
            assert result.error.type in ("AssertionError", "SystemExit", "UnreadableInputError"), result.error


def test_unknown_settings_and_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no runtime setting 'field_cases'"):
        Settings.of({"field_cases": "sensitive"})
    with pytest.raises(ValueError, match="field_case: 'maybe' is none of sensitive, insensitive"):
        Settings.of({"field_case": "maybe"})
    monkeypatch.setenv(VARIABLE, Settings(field_case="insensitive").dump())
    assert current().field_case == "insensitive"
