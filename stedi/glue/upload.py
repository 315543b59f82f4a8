"""Bring landing data into a lake's bucket: what is there already is not sent again, and nothing is removed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from stedi.contracts import FEEDS
from stedi.errors import UsageError
from stedi.glue.aws import Aws
from stedi.glue.names import Lake
from stedi.listing import list_feed
from stedi.local import LocalStorage
from stedi.storage import faults, open_storage

__all__ = ["landing_files", "look", "put"]

DIGEST = "stedi-sha256"
"""Metadata of an object: its checksum, for what is sent in parts, whose ETag is none."""

ONE_REQUEST = 64 << 20
"""Bytes that are sent in one request; more go in parts."""


def landing_files(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Return the landing files in a folder, by path under its root; UsageError where it is no folder of this machine.

    EnvironmentFault where a feed has nothing to read.
    """
    storage = open_storage(folder)
    if not isinstance(storage, LocalStorage):
        raise UsageError(f"{storage.uri}: is no folder of this machine", fix="aws s3 sync copies between buckets")
    return {entry.path: storage.local(entry.path) for feed in FEEDS for entry in list_feed(storage, feed).files}


def look(aws: Aws, lake: Lake, files: Mapping[str, Path]) -> tuple[dict[str, str], list[str]]:
    """Return how the object of each file stands (same, changed or missing), and the objects that are none of them."""
    objects = {path: (size, etag) for feed in FEEDS for path, size, etag in _objects(aws, lake, feed.prefix)}
    states = {path: _state(aws, lake, path, file, objects.get(path)) for path, file in files.items()}
    return states, sorted(objects.keys() - files.keys())


def put(aws: Aws, lake: Lake, path: str, file: Path) -> None:
    """Send a file to where its object shall be."""
    with faults(f"cannot read {file}"):
        digest = _digest(file, "sha256")
    aws.upload(file, lake.bucket, lake.key(path), {DIGEST: digest}, ONE_REQUEST)


def _objects(aws: Aws, lake: Lake, prefix: str) -> Iterator[tuple[str, int, str]]:
    for item in aws.pages(
        "s3",
        "list_objects_v2",
        lake.location(prefix),
        "Contents",
        Bucket=lake.bucket,
        Prefix=lake.key(prefix),
        ExpectedBucketOwner=aws.account.number,
    ):
        # an object whose name ends in / stands for a folder
        if item["Size"] or not item["Key"].endswith("/"):
            yield item["Key"].removeprefix(lake.prefix), item["Size"], item["ETag"].strip('"')


def _state(aws: Aws, lake: Lake, path: str, file: Path, found: tuple[int, str] | None) -> str:
    if found is None:
        return "missing"
    size, etag = found
    with faults(f"cannot read {file}"):
        if file.stat().st_size != size:
            return "changed"
        if _digest(file, "md5") == etag:
            return "same"
        digest = _digest(file, "sha256")
    head = aws.call(
        "s3",
        "head_object",
        lake.location(path),
        Bucket=lake.bucket,
        Key=lake.key(path),
        ExpectedBucketOwner=aws.account.number,
    )
    return "same" if head.get("Metadata", {}).get(DIGEST) == digest else "changed"


def _digest(file: Path, kind: str) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
