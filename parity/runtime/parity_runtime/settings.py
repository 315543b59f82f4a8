"""What could not be seen without AWS: each choice is one named setting, its default what is believed of Glue.

No Glue job ran while these were written. `doc` says what is chosen between; docs/parity-runtime.md holds the same
table, and a test compares the two.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

__all__ = ["VARIABLE", "Settings", "current"]

VARIABLE = "PARITY_SETTINGS"


def _choice(default: str, *others: str, doc: str) -> str:
    value: str = field(default=default, metadata={"doc": doc, "values": (default, *others)})
    return value


@dataclass(frozen=True)
class Settings:
    """The choices, with their defaults; a value that is none of a setting's own raises ValueError."""

    field_case: str = _choice(
        "sensitive",
        "insensitive",
        doc="whether Join, DropFields, SelectFields and RenameField tell `timeStamp` from `timestamp`; "
        "when they do, a field named in another case is absent: nothing joins, nothing is dropped",
    )
    missing_input: str = _choice(
        "empty", "fail", doc="a path without files gives a frame without fields, or ends the job"
    )
    malformed_json: str = _choice(
        "fail", "skip", doc="a line that is no JSON object ends the job, naming the file, or is left out and counted"
    )
    json_numbers: str = _choice(
        "choice",
        "widen",
        doc="a field with integers and fractions, or integers of 32 and of 64 bits, is a choice type (a struct after "
        "toDF), or is widened to the larger type",
    )
    json_root_array: str = _choice(
        "explode", "fail", doc="an array of objects as a whole document gives one record an object, or ends the job"
    )
    explicit_null: str = _choice(
        "present",
        "absent",
        doc='what `row["a"]` of Filter and Map finds for `{"a": null}` in JSON: None, or no such key (KeyError)',
    )
    null_in_parquet: str = _choice(
        "present", "absent", doc="what Filter and Map find for a null of a Parquet file: None, or no such key"
    )
    catalog_names: str = _choice(
        "lower", "as written", doc="fields of a table read from the catalog have lower-case names, or those of the file"
    )
    unknown_sql_table: str = _choice(
        "catalog", "fail", doc="SQL that names no view looks for the table in the run's catalog, or fails"
    )
    duplicate_column: str = _choice(
        "first", "last", doc="which of two columns of one name `fromDF` keeps; the job's log says whether they differ"
    )
    json_compression: str = _choice(
        "ignored",
        "honoured",
        doc="whether `compression` of a JSON sink compresses the files; the rows are the same either way",
    )
    empty_write: str = _choice(
        "file", "nothing", doc="writing a frame without records leaves an empty file, or nothing at all"
    )
    mapping_of_absent: str = _choice(
        "dropped", "null", doc="ApplyMapping of a field the frame lacks gives no field, or one that is always null"
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if value not in setting.metadata["values"]:
                known = ", ".join(setting.metadata["values"])
                raise ValueError(f"runtime setting {setting.name}: {value!r} is none of {known}")

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Settings:
        """Return the defaults with some values replaced; ValueError for a setting that there is not."""
        known = {setting.name for setting in fields(cls)}
        for name in values:
            if name not in known:
                raise ValueError(f"there is no runtime setting {name!r}; there are {', '.join(sorted(known))}")
        return cls(**values)

    def dump(self) -> str:
        """Return them as JSON, as `current` reads them."""
        return json.dumps(asdict(self))


def current() -> Settings:
    """Return the settings of this process: those its environment holds, else the defaults."""
    return Settings.of(json.loads(os.environ.get(VARIABLE) or "{}"))
