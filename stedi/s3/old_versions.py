"""What a bucket that keeps versions still holds of objects that were replaced or deleted, and its removal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from stedi.counted import counted
from stedi.storage import Purged

__all__ = ["purge"]

_DELETED_AT_ONCE = 1000

Call = Callable[..., dict[str, Any]]
"""Asks S3 for an operation on a bucket, and returns its answer."""


def purge(call: Call, uri: str, root: str, paths: Sequence[str], beside: Sequence[str] = ()) -> Purged:
    """Remove the versions of objects that are not the present ones.

    `paths` below `root` are objects, or prefixes that end in /. Versions below the prefixes `beside` are counted only:
    what they hold is not known.
    """
    gone = [version for path in paths for version in _replaced(call, root + path)]
    for start in range(0, len(gone), _DELETED_AT_ONCE):
        some = gone[start : start + _DELETED_AT_ONCE]
        answer = call("delete_objects", Delete={"Objects": some, "Quiet": True})
        if answer.get("Errors"):
            code = answer["Errors"][0].get("Code")
            return Purged(start, f"{uri}: not all old versions of erased objects could be removed ({code})")
    removed = {(version["Key"], version["VersionId"]) for version in gone}
    others = {(v["Key"], v["VersionId"]) for prefix in beside for v in _replaced(call, root + prefix)} - removed
    versions = counted(len(others), "old version")
    kept = f"{uri}: keeps {versions} of other landing objects, which nobody looked into"
    return Purged(len(gone), kept if others else "")


def _replaced(call: Call, path: str) -> Iterator[dict[str, str]]:
    """Yield the versions of an object, or of all below a prefix, that are not the present ones."""
    more: dict[str, str] = {}
    while True:
        page = call("list_object_versions", Prefix=path, **more)
        for item in page.get("Versions", ()):
            if not item["IsLatest"] and (path.endswith("/") or item["Key"] == path):
                yield {"Key": item["Key"], "VersionId": item["VersionId"]}
        if not page.get("IsTruncated"):
            return
        more = {"KeyMarker": page["NextKeyMarker"]}
        if page.get("NextVersionIdMarker"):
            more["VersionIdMarker"] = page["NextVersionIdMarker"]
