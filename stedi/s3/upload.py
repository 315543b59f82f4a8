"""Files put into a bucket: small ones in one request, large ones in parts side by side."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from stedi.s3.connection import AT_ONCE, Connection, persistent
from stedi.s3.crew import Crew
from stedi.s3.errors import FAILURES, code_of

__all__ = ["upload"]

PART = 32 << 20
"""Bytes of an object that one request puts; S3 takes no less than 5 MB, and 10,000 parts."""

PARTS_AT_ONCE = AT_ONCE // 4
"""Parts of a file under way at the same time; four files are."""

_MOST_PARTS = 10_000


def upload(connection: Connection, file: Path, target: Mapping[str, str], settings: Mapping[str, Any]) -> None:
    """Put a file where `target` (Bucket, Key, RequestPayer) says, encrypted and typed as `settings` say."""
    size = file.stat().st_size
    if size <= PART:

        def put() -> None:
            with file.open("rb") as body:
                connection.client.put_object(Body=body, **target, **settings)

        persistent(put)
        return
    begun = connection.call("create_multipart_upload", **target, **settings)["UploadId"]
    try:
        parts = _put_parts(connection, file, size, {**target, "UploadId": begun})
        _complete(connection, size, target, begun, parts)
    except BaseException:
        # what is not removed now goes with the next build
        with suppress(*FAILURES):
            connection.client.abort_multipart_upload(UploadId=begun, **target)
        raise


def _put_parts(connection: Connection, file: Path, size: int, target: Mapping[str, str]) -> list[dict[str, Any]]:
    length = max(PART, -(-size // _MOST_PARTS))
    etags: dict[int, dict[str, Any]] = {}

    def put(number: int) -> None:
        with file.open("rb") as stream:
            stream.seek((number - 1) * length)
            data = stream.read(length)

        def attempt() -> dict[str, Any]:
            answer: dict[str, Any] = connection.client.upload_part(Body=data, PartNumber=number, **target)
            return answer

        answer = persistent(attempt, wait=crew.pause)
        checksums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        etags[number] = {"ETag": answer["ETag"], "PartNumber": number, **checksums}

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
