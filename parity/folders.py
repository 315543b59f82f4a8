"""What the names of folders say of the files in them, as Spark and Glue read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath, PurePosixPath
from urllib.parse import unquote

from stedi.errors import UsageError

__all__ = ["Partitions", "is_hidden", "partitions_of"]

Partitions = Mapping[str, Mapping[str, str | None]]
"""By the path of a file below its table, the values of the columns that folders on its way name."""

_PARTITION = re.compile(r"([^=/]+)=([^/]*)")


def is_hidden(path: PurePath) -> bool:
    """Return whether Spark leaves out what lies at a path below a table: `_name` and `.name`, but not `_name=value`."""
    return any(part[0] == "." or (part[0] == "_" and "=" not in part) for part in path.parts)


def partitions_of(files: Iterable[str], what: str) -> Partitions:
    """Return the values that folders named `column=value` give each file, nothing where there are none.

    UsageError where files lie in folders of other columns: whatever is compared of them would not be all they hold.
    """
    found = {}
    for path in files:
        values = {}
        for part in PurePosixPath(path).parts[:-1]:
            if match := _PARTITION.fullmatch(part):
                value = unquote(match[2])
                values[unquote(match[1])] = None if value == "__HIVE_DEFAULT_PARTITION__" else value
        found[path] = values
    columns = sorted({tuple(values) for values in found.values()})
    if len(columns) > 1:
        said = [f"column=value folders of {', '.join(names)}" if names else "no such folder" for names in columns]
        raise UsageError(
            f"{what}: of its files some lie in {said[0]}, some in {said[1]}", fix="compare a folder of one layout"
        )
    return found if columns != [()] else {}
