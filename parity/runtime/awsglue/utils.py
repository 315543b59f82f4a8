"""The job's arguments, and small helpers that scripts have been seen to import."""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from awsglue.job import Job

__all__ = ["GlueArgumentError", "GlueArgumentParser", "getResolvedOptions"]

_global_args: dict[str, Any] = {}


class GlueArgumentError(Exception):
    """An argument of the job is missing, or is none of the values it may have."""


class GlueArgumentParser(argparse.ArgumentParser):
    """An argument parser that raises instead of ending the process."""

    def error(self, msg: str) -> NoReturn:
        """Raise GlueArgumentError."""
        raise GlueArgumentError(msg)


def _abbreviations() -> bool:
    """Say whether the Glue of this PySpark takes `--JOB` for `--JOB_NAME`: 5.1 does, 6.0 does not."""
    import pyspark

    return int(pyspark.__version__.split(".")[0]) < 4  # noqa: PLR2004 - Glue 6.0 is Spark 4.1


def getResolvedOptions(args: Sequence[str], options: Iterable[str], allow_abbrev: bool | None = None) -> dict[str, Any]:
    """Return the named arguments of the job, and those that Glue itself adds.

    Raises GlueArgumentError when one is missing, RuntimeError when a reserved one is asked for.
    """
    wanted = list(options)
    bookmark, *bookmarks = Job.job_bookmark_options()
    continuation, *continuations = Job.continuation_options()
    ranges = Job.job_bookmark_range_options()
    encryption, *encryptions = Job.encryption_type_options()
    reserved = [bookmark, continuation, *ranges, encryption, *Job.data_lineage_options(), *Job.id_params()[1:]]
    for option in reserved:
        if option in wanted or option[2:] in wanted:
            raise RuntimeError(f"Using reserved arguments {option}")
    parser = GlueArgumentParser(allow_abbrev=_abbreviations() if allow_abbrev is None else allow_abbrev)
    parser.add_argument(bookmark, choices=bookmarks)
    parser.add_argument(continuation, choices=continuations)
    parser.add_argument(encryption, choices=encryptions)
    folders = ("--TempDir", "--RedshiftTempDir")
    for option in (*ranges, *Job.id_params()[1:], *Job.data_lineage_options(), *folders):
        parser.add_argument(option)
    for option in wanted:
        if f"--{option}" not in folders:
            parser.add_argument(f"--{option}", required=True)
    found = vars(parser.parse_known_args(list(args)[1:])[0])
    found["TempDir"] = found["RedshiftTempDir"] = found["TempDir"] or found["RedshiftTempDir"]
    old = found.pop("continuation_option")
    if found["job_bookmark_option"] is None:
        found["job_bookmark_option"] = bookmarks[-1 if old is None else continuations.index(old)]
    missing = [option for option in ranges if found[option[2:].replace("-", "_")] is None]
    if found["job_bookmark_option"] == "job-bookmark-pause":
        if len(missing) == 1:
            raise RuntimeError(f"Missing option or value for {missing[0]}")
    elif not missing:
        raise RuntimeError(f"Invalid option(s) {' '.join(ranges)}")
    _global_args.update(found)
    return found


def makeOptions(sc: Any, py_obj: Any) -> str:
    """Return options as JSON text; on Glue they become an object of the JVM."""
    if not isinstance(py_obj, dict | str):
        raise TypeError(f"options are a dict or JSON text, not {type(py_obj).__name__}")
    return py_obj if isinstance(py_obj, str) else json.dumps(py_obj)


def callsite() -> str:
    """Return the stack of the caller, as text."""
    return "".join(traceback.format_list(traceback.extract_stack()[:-2]))


def iteritems(d: Mapping[Any, Any], **kwargs: Any) -> Iterator[tuple[Any, Any]]:
    """Iterate over keys and values."""
    return iter(d.items())


def iterkeys(d: Mapping[Any, Any], **kwargs: Any) -> Iterator[Any]:
    """Iterate over keys."""
    return iter(d.keys())


def itervalues(d: Mapping[Any, Any], **kwargs: Any) -> Iterator[Any]:
    """Iterate over values."""
    return iter(d.values())
