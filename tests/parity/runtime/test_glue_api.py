"""The public names of awsglue, as the library that AWS publishes has them: each takes its arguments, works or says no.

`glue_api.txt` lists them: module, name, parameters in order.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from awsglue.context import GlueContext
from awsglue.data_source import StreamingDataSource
from awsglue.dynamicframe import DynamicFrame, DynamicFrameWriter
from awsglue.transforms import Relationalize, Unbox
from awsglueml.transforms import EntityDetector
from parity_runtime.unsupported import UnsupportedGlueCallError

HERE = Path(__file__).parent
API = [line for line in (HERE / "glue_api.txt").read_text("utf-8").splitlines() if line]

# scripts never make these themselves
INTERNAL = {
    "DynamicFrame.__init__",
    "DynamicFrameReader.__init__",
    "DynamicFrameWriter.__init__",
    "DataFrameReader.__init__",
    "DataFrameWriter.__init__",
    "DataSink.__init__",
    "DataSource.__init__",
    "StreamingDataSource.__init__",
    "StreamingDataSource.getFrame",
    "StreamingDataSource.setFormat",
}
# what says no, each by its own name
REFUSED = {
    "DynamicFrame.mapPartitions",
    "DynamicFrame.mapPartitionsWithIndex",
    "DynamicFrame.relationalize",
    "DynamicFrame.simplify_ddb_json",
    "DynamicFrame.unbox",
    "DynamicFrame.unnest_ddb_json",
    "DynamicFrameWriter.from_jdbc_conf",
    "GlueContext.cancel_transaction",
    "GlueContext.commit_transaction",
    "GlueContext.extract_jdbc_conf",
    "GlueContext.forEachBatch",
    "GlueContext.getSampleStreamingDynamicFrame",
    "GlueContext.getStreamingSource",
    "GlueContext.start_transaction",
    "GlueContext.transition_s3_path",
    "GlueContext.transition_table",
    "GlueContext.write_dynamic_frame_from_jdbc_conf",
    "GlueContext.write_from_jdbc_conf",
    "Relationalize.__call__",
    "Unbox.__call__",
}
CLASSES = {c.__name__: c for c in (DynamicFrame, DynamicFrameWriter, GlueContext, Relationalize, Unbox)}


def _parts(line: str) -> tuple[str, str, list[str] | None]:
    found = re.fullmatch(r"([\w.]+):([\w.]+)(?:\((.*)\))?", line)
    assert found is not None, line
    return found[1], found[2], None if found[3] is None else [part for part in found[3].split(", ") if part]


def _find(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_the_list_is_whole() -> None:
    assert len(API) == 203


@pytest.mark.parametrize("line", [line for line in API if _parts(line)[1] not in INTERNAL])
def test_each_public_name_is_there_and_takes_its_arguments(line: str) -> None:
    module, name, parameters = _parts(line)
    found = _find(module, name)
    if parameters is None:
        return
    named = [parameter for parameter in parameters if not parameter.startswith("*")]
    owner = _find(module, name.rpartition(".")[0]) if "." in name else None
    bound = owner is not None and not isinstance(inspect.getattr_static(owner, name.rpartition(".")[2]), staticmethod)
    plain = bound and not inspect.ismethod(found)  # a method of a class takes `self` before all else
    first = [object()] if plain else []
    signature = inspect.signature(found)
    signature.bind(*first, *[object() for _ in named])
    signature.bind(*first, **{parameter: object() for parameter in named})


def test_what_is_not_supported_says_so_by_name_and_what_to_do() -> None:
    for name in sorted(REFUSED):
        cls, _, method = name.partition(".")
        subject: Any = object.__new__(CLASSES[cls])
        frame = object.__new__(DynamicFrame)
        call = getattr(subject, method)
        needed = [
            frame if parameter.name == "frame" else "x"
            for parameter in inspect.signature(call).parameters.values()
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        with pytest.raises(UnsupportedGlueCallError) as caught:
            call(*needed)
        assert (cls if method == "__call__" else method).lower() in caught.value.call.lower()
        assert caught.value.advice


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("awsglue.devutils", "GlueJobUtils"),
        ("awsglue.glue_shell", "sc"),
        ("awsglue.scripts", "crawler_undo"),
        ("awsglue.transforms", "DropDuplicates"),
        ("awsglueml.transforms", "FindMatches"),
    ],
)
def test_names_of_a_module_say_so(module: str, name: str) -> None:
    with pytest.raises(UnsupportedGlueCallError, match=name):
        getattr(importlib.import_module(module), name)
    with pytest.raises((UnsupportedGlueCallError, AttributeError), match="Nothing"):
        importlib.import_module(module).Nothing  # noqa: B018 - the look is what is tested


def test_the_other_packages_say_so_too() -> None:
    with pytest.raises(UnsupportedGlueCallError, match="detect"):
        EntityDetector().detect()
    with pytest.raises(UnsupportedGlueCallError, match="getStreamingSource"):
        StreamingDataSource()


def test_each_public_name_that_works_is_tried_by_a_test() -> None:
    files = [*HERE.glob("test_*.py"), *(HERE.parent / "jobs").rglob("*.py"), HERE.parent / "conftest.py"]
    text = "\n".join(path.read_text("utf-8") for path in files if path.name != Path(__file__).name)
    untried = []
    for line in API:
        module, name, _ = _parts(line)
        if name in REFUSED | INTERNAL:
            continue
        owner, _, last = name.rpartition(".")
        word = owner.rpartition(".")[2] if last.startswith("__") else last
        if not re.search(rf"\b{word}\b", text):
            untried.append(f"{module}:{name}")
    assert untried == []
