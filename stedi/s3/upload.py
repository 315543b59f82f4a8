"""Objects put into a bucket, from files or from elsewhere in it: small ones in one request, large ones in parts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from stedi.s3.connection import AT_ONCE, Connection, persistent
from stedi.s3.crew import Crew
from stedi.s3.errors import FAILURES, code_of, etag_of

__all__ = ["copy", "upload"]

PART = 32 << 20
"""Bytes of an object that one request puts; S3 takes no less than 5 MB, and 10,000 parts."""

COPIED = 5 << 30
"""Bytes that S3 copies in one request."""

COPIED_PART = 1 << 30
"""Bytes of a larger object that one request copies."""

PARTS_AT_ONCE = AT_ONCE // 4
"""Parts of a file under way at the same time; four files are."""

_MOST_PARTS = 10_000

PutPart = Callable[..., Mapping[str, Any]]
"""Puts bytes from `start` until `end` as a part (Bucket, Key, UploadId, PartNumber), and returns what S3 says of it."""


def upload(connection: Connection, file: Path, target: Mapping[str, str], settings: Mapping[str, Any]) -> None:
    """Put a file where `target` (Bucket, Key, RequestPayer) says, encrypted and typed as `settings` say."""
    size = file.stat().st_size

    def put() -> None:
        with file.open("rb") as body:
            connection.client.put_object(Body=body, **target, **settings)

    def put_part(start: int, end: int, **part: Any) -> Mapping[str, Any]:
        with file.open("rb") as stream:
            stream.seek(start)
            answer: Mapping[str, Any] = connection.client.upload_part(Body=stream.read(end - start), **part)
        return answer

    if size <= PART:
        persistent(put)
    else:
        _in_parts(connection, target, settings, size=size, length=PART, put_part=put_part)


def copy(connection: Connection, key: str, target: Mapping[str, str], settings: Mapping[str, Any]) -> None:
    """Put an object of the same bucket where `target` says too, with its type, encrypted as `settings` say."""
    source = {"CopySource": {"Bucket": target["Bucket"], "Key": key}}
    try:
        etag_of(connection.call("copy_object", **source, **target, **settings).get("CopyObjectResult", {}))
    except ClientError as error:
        if code_of(error) not in ("InvalidRequest", "EntityTooLarge"):
            raise
        head = connection.call("head_object", **{**target, "Key": key})
        if head["ContentLength"] <= COPIED:
            raise
        same = {**source, "CopySourceIfMatch": head["ETag"]}

        def put_part(start: int, end: int, **part: Any) -> Mapping[str, Any]:
            answer = connection.client.upload_part_copy(CopySourceRange=f"bytes={start}-{end - 1}", **same, **part)
            copied: Mapping[str, Any] = answer["CopyPartResult"]
            return copied

        typed = {"ContentType": head["ContentType"], **settings}
        _in_parts(connection, target, typed, size=head["ContentLength"], length=COPIED_PART, put_part=put_part)


def _in_parts(
    connection: Connection,
    target: Mapping[str, str],
    settings: Mapping[str, Any],
    *,
    size: int,
    length: int,
    put_part: PutPart,
) -> None:
    begun = connection.call("create_multipart_upload", **target, **settings)["UploadId"]
    try:
        parts = _put_parts(size, max(length, -(-size // _MOST_PARTS)), {**target, "UploadId": begun}, put_part)
        _complete(connection, size, target, begun, parts)
    except BaseException:
        # what is not removed now goes with the next build
        with suppress(*FAILURES):
            connection.client.abort_multipart_upload(UploadId=begun, **target)
        raise


def _put_parts(size: int, length: int, target: Mapping[str, str], put_part: PutPart) -> list[dict[str, Any]]:
    etags: dict[int, dict[str, Any]] = {}

    def put(number: int) -> None:
        start = (number - 1) * length
        part = functools.partial(put_part, start, min(start + length, size), PartNumber=number, **target)
        answer = persistent(part, wait=crew.pause)
        checksums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        etags[number] = {"ETag": f'"{etag_of(answer)}"', "PartNumber": number, **checksums}

    def jobs() -> Iterator[Callable[[], None]]:
        for number in range(1, -(-size // length) + 1):
            yield functools.partial(put, number)

    crew = Crew(jobs())
    crew.work(PARTS_AT_ONCE)
    return [etags[number] for number in sorted(etags)]


def _complete(
    connection: Connection, size: int, target: Mapping[str, str], begun: str, parts: list[dict[str, Any]]
) -> None:
    try:
        connection.call("complete_multipart_upload", UploadId=begun, MultipartUpload={"Parts": parts}, **target)
    except ClientError as error:
        # the answer to an earlier attempt was lost: the upload is no more, and the object is there
        if code_of(error) != "NoSuchUpload" or connection.call("head_object", **target)["ContentLength"] != size:
            raise
