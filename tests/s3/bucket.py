"""A bucket as the tests see it: what is in it, and what the product asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s3.proxy import Proxy, Request

__all__ = ["Bucket"]


class Bucket:
    """A bucket of one test, and every request that the product makes to it.

    What is asked here goes to the server directly, so it is not among the requests.
    """

    def __init__(self, name: str, client: Any, proxy: Proxy) -> None:
        self.name = name
        self.client = client
        self.proxy = proxy
        client.create_bucket(Bucket=name)

    def uri(self, prefix: str = "") -> str:
        return f"s3://{self.name}/{prefix}" if prefix else f"s3://{self.name}"

    def put(self, key: str, data: bytes) -> str:
        """Put an object and return its ETag."""
        return str(self.client.put_object(Bucket=self.name, Key=key, Body=data)["ETag"]).strip('"')

    def put_many(self, objects: Mapping[str, bytes], **settings: Any) -> None:
        """Put objects where the server keeps them: over HTTP a thousand take seconds, and ETags are always MD5."""
        for key, data in objects.items():
            _backend().put_object(self.name, key, data, **settings)

    def get(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def head(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.head_object(Bucket=self.name, Key=key)
        return found

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def delete(self, *keys: str) -> None:
        for start in range(0, len(keys), 1000):
            some = [{"Key": key} for key in keys[start : start + 1000]]
            self.client.delete_objects(Bucket=self.name, Delete={"Objects": some, "Quiet": True})

    def empty(self) -> None:
        self.delete(*self.keys())
        for upload in self.uploads():
            self.client.abort_multipart_upload(Bucket=self.name, **upload)

    def uploads(self) -> list[dict[str, str]]:
        """Return the multipart uploads that were never finished: Key and UploadId of each."""
        found = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return [{"Key": upload["Key"], "UploadId": upload["UploadId"]} for upload in found]

    def upload(self, folder: Path, prefix: str = "") -> None:
        """Put every file of a folder, under a prefix."""
        start = f"{prefix}/" if prefix else ""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.put(start + file.relative_to(folder).as_posix(), file.read_bytes())

    def download(self, folder: Path, prefix: str = "") -> Path:
        """Write the objects under a prefix to a folder, as files; return it. They come from where the server is."""
        start = f"{prefix}/" if prefix else ""
        for key in self.keys(start):
            file = folder / key.removeprefix(start)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_backend().get_object(self.name, key).value)
        return folder

    def requests(self, kind: str | None = None) -> list[Request]:
        """Return what was asked of this bucket through the proxy: all, or one kind (a method, LIST, COPY)."""
        ours = [request for request in self.proxy.requests() if request.bucket == self.name]
        return [request for request in ours if kind in (None, request.kind)]


def _backend() -> Any:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
