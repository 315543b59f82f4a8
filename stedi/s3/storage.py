"""A lake or landing data in an S3 bucket, behind the same face as a folder.

A build rests on conditions (If-Match, If-None-Match) that a file system does not know, so the calls here are S3's own.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from stedi.cache import Cache, open_cache
from stedi.errors import EnvironmentFault, UsageError
from stedi.finding import Finding
from stedi.s3.checks import see_same, see_whole
from stedi.s3.connection import AT_ONCE, Answer, Connection, connect, persistent
from stedi.s3.crew import Crew
from stedi.s3.errors import NO_BUCKET_FIX, code_of, etag_of, explained
from stedi.s3.fetch import Fetch
from stedi.s3.lock import Lock
from stedi.s3.old_versions import purge
from stedi.s3.upload import copy, upload
from stedi.storage import Entry, Fetched, Options, Purged, faults, make_private_folder

if TYPE_CHECKING:
    from stedi.s3.ranges import RangeFileSystem

__all__ = ["S3Storage"]

FILES_AT_ONCE = 4
"""Files that are uploaded at the same time."""

_DELETED_AT_ONCE = 1000
_UNSAID = ("400", "403", "301")
"""What a HEAD is refused with: its answer has no body that says why, that of another request has."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")  # old ones may have capitals and be that long
_TYPES = {".json": "application/json", ".parquet": "application/vnd.apache.parquet"}


class S3Storage:
    """A bucket, or a prefix in one."""

    reads_in_place = False

    def __init__(self, place: str, options: Options) -> None:
        bucket, _, prefix = place.partition("/")
        prefix = prefix.rstrip("/")
        if not _BUCKET.fullmatch(bucket):
            fix = "write s3://bucket or s3://bucket/prefix; of an access point its alias"
            raise UsageError(f"s3://{place}: names no bucket", fix=fix)
        self.bucket = bucket
        self.uri = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        self.options = options
        self._root = f"{prefix}/" if prefix else ""
        self._payer = {"RequestPayer": "requester"} if options.requester_pays else {}
        key = options.sse_kms_key
        self._sealed = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {"ServerSideEncryption": "AES256"}
        )
        self._lock: Lock | None = None

    @functools.cached_property
    def _s3(self) -> Connection:
        with self._explained(self.uri):
            return connect()

    @functools.cached_property
    def cache(self) -> Cache:
        """Where fetched objects are kept."""
        return open_cache(self.options.cache_dir, self.options.cache_size)

    @functools.cached_property
    def filesystem(self) -> RangeFileSystem:
        """What DuckDB reads parts of objects through."""
        from stedi.s3.ranges import RangeFileSystem

        return RangeFileSystem(self._head_for_ranges, self._range)

    # --- the face

    def exists(self) -> bool:
        with self._explained(f"s3://{self.bucket}"):
            try:
                self._call("head_bucket")
            except ClientError as error:
                if code_of(error) in ("404", "NoSuchBucket"):
                    return False
                if code_of(error) in _UNSAID:
                    self._call("list_objects_v2", Prefix=self._root, MaxKeys=1, **self._payer)
                raise
        return True

    def look(self) -> list[Finding]:
        found = [Finding("S3 identity", "ok", self._identity(), required=False)]
        try:
            there = self.exists()
            with self._explained(self.uri):
                page = self._call("list_objects_v2", Prefix=self._root, MaxKeys=1, **self._payer) if there else {}
        except EnvironmentFault as fault:
            return [*found, Finding("S3 access", "problem", fault.message, fault.fix)]
        if not there:
            return [*found, Finding("S3 bucket", "problem", f"{self.bucket}: there is no such bucket", NO_BUCKET_FIX)]
        what = "holds objects" if page.get("KeyCount") else "is empty"
        return [
            *found,
            Finding("S3 bucket", "ok", f"{self.bucket}, at {_host(self._s3.endpoint)}"),
            Finding("S3 access", "ok", f"may list {self.uri}, which {what}; a build shows if it may write"),
        ]

    def _identity(self) -> str:
        try:
            with explained("STS", self.uri, "STS"):
                return self._s3.identity()
        except EnvironmentFault as fault:
            return f"unknown; {fault.message}"

    def list(self, prefix: str) -> list[Entry]:
        with self._explained(f"{self.uri}/{prefix}"):
            found = [
                Entry(key.removeprefix(self._root), size, etag)
                for key, size, etag in self._s3.list(self.bucket, self._root + prefix, **self._payer)
                # an object whose name ends in / stands for a folder
                if size or not key.endswith("/")
            ]
        return sorted(found, key=lambda entry: entry.path)

    def list_each(self, prefixes: Sequence[str]) -> Mapping[str, Sequence[Entry]]:
        found: dict[str, Sequence[Entry]] = {}

        def look(prefix: str) -> None:
            found[prefix] = self.list(prefix)

        Crew(functools.partial(look, prefix) for prefix in prefixes).work(min(len(prefixes), AT_ONCE))
        return found

    def stat(self, path: str) -> Entry | None:
        with self._explained(f"{self.uri}/{path}"):
            try:
                head = self._call("head_object", Key=self._root + path, **self._payer)
            except ClientError as error:
                if code_of(error) in ("404", "NoSuchKey"):
                    return None
                if code_of(error) in _UNSAID:
                    self._read(path)
                raise
            return Entry(path, head["ContentLength"], etag_of(head))

    def read(self, path: str) -> bytes | None:
        return self._read(path)[0]

    def write(self, path: str, data: bytes) -> None:
        with self._explained(f"{self.uri}/{path}"):
            self._put(path, data)

    def fetch(self, entries: Sequence[Entry], fetched: Fetched | None = None) -> Mapping[str, Path]:
        endpoint, root = self._s3.endpoint, self._root
        places = {e: self.cache.place(endpoint, self.bucket, root + e.path, e.version) for e in entries}
        missing = [(entry, place) for entry, place in places.items() if not self.cache.use(place, entry.size)]
        if missing:
            self.cache.make_room(sum(entry.size for entry, _ in missing))
            Fetch(self._get, lambda path: self._explained(f"{self.uri}/{path}"), self.cache, fetched)(missing)
        return {entry.path: place for entry, place in places.items()}

    def local(self, path: str) -> Path:
        entry = self.stat(path)
        if entry is None:
            raise EnvironmentFault(f"{self.uri}/{path}: is gone", fix="`stedi verify` says what is wrong with the lake")
        return self.fetch([entry])[path]

    def location(self, path: str) -> str:
        return self.filesystem.location(path)

    def workspace(self, path: str) -> Path:
        folder = self._workspace / path
        self.cache.join()
        with faults(f"cannot write to {folder}"):
            make_private_folder(folder)
        return folder

    def stage(self, paths: Sequence[str]) -> None:
        def put(path: str) -> None:
            file = self._workspace / path
            target = {"Bucket": self.bucket, "Key": self._root + path, **self._payer}
            with self._explained(f"{self.uri}/{path}"):
                upload(self._s3, file, target, {"ContentType": _type_of(path), **self._sealed})
            file.unlink()

        self._see_lock()
        Crew(functools.partial(put, path) for path in paths).work(min(len(paths), FILES_AT_ONCE))
        self._see_lock()

    def version_of(self, file: Path) -> str:
        # of an object put or copied as a whole and encrypted by S3's own keys, or not at all
        with faults(f"cannot read {file}"), file.open("rb") as stream:
            return hashlib.file_digest(stream, functools.partial(hashlib.md5, usedforsecurity=False)).hexdigest()

    def clear_fetched(self) -> None:
        self.cache.clear(self.bucket)

    def purge(self, paths: Sequence[str], beside: Sequence[str] = ()) -> Purged:
        try:
            with self._explained(self.uri):
                return purge(functools.partial(self._call, **self._payer), self.uri, self._root, paths, beside)
        except EnvironmentFault as fault:
            return Purged(0, f"{self.uri}: may keep old versions of erased objects, and cannot say so: {fault.message}")

    def make_ready(self, path: str) -> None:
        pass  # whether one may put an object shows when it is staged

    def move(self, source: str, target: str) -> None:
        with self._explained(f"{self.uri}/{target}"):
            to = {"Bucket": self.bucket, "Key": self._root + target, **self._payer}
            copy(self._s3, self._root + source, to, self._sealed)
            self._call("delete_object", Key=self._root + source, **self._payer)

    def move_each(self, moves: Sequence[tuple[str, str]]) -> None:
        Crew(functools.partial(self.move, *move) for move in moves).work(min(len(moves), AT_ONCE))

    def delete(self, path: str) -> None:
        with self._explained(f"{self.uri}/{path}"):
            self._call("delete_object", Key=self._root + path, **self._payer)

    def clear(self, path: str) -> None:
        shutil.rmtree(self._workspace / path, ignore_errors=True)
        keys = [{"Key": self._root + entry.path} for entry in self.list(f"{path}/")]
        with self._explained(f"{self.uri}/{path}"):
            for start in range(0, len(keys), _DELETED_AT_ONCE):
                persistent(functools.partial(self._delete_some, keys[start : start + _DELETED_AT_ONCE]))
            more: dict[str, str] = {}
            while True:
                page = self._call("list_multipart_uploads", Prefix=f"{self._root}{path}/", **more)
                for begun in page.get("Uploads", ()):
                    self._call("abort_multipart_upload", Key=begun["Key"], UploadId=begun["UploadId"])
                if not page.get("IsTruncated"):
                    return
                more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    @contextlib.contextmanager
    def lock(self, path: str, holder: str) -> Iterator[None]:
        lock = Lock(self.uri, path, put=self._put, read=self._read, stat=self.stat, delete=self.delete)
        with contextlib.ExitStack() as stack:
            with self._explained(f"{self.uri}/{path}"):
                stack.enter_context(lock.held(holder, by_force=self.options.break_lock))
            self._lock = lock
            try:
                yield
            finally:
                self._lock = None

    def _see_lock(self) -> None:
        if self._lock is not None:
            self._lock.see()

    # --- requests

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return self._s3.call(operation, Bucket=self.bucket, **arguments)

    def _get(self, entry: Entry, part: tuple[int, int] | None) -> Answer:
        key = self._root + entry.path
        return self._s3.get(self.bucket, key, payer=bool(self._payer), version=entry.version, part=part)

    def _delete_some(self, keys: Sequence[Mapping[str, str]]) -> None:
        """Delete objects in one request, whose answer is a success whatever became of each of them."""
        wanted = {"Objects": keys, "Quiet": True}
        answer = self._s3.client.delete_objects(Bucket=self.bucket, Delete=wanted, **self._payer)
        if errors := answer.get("Errors"):
            raise ClientError({"Error": {"Code": str(errors[0].get("Code", ""))}}, "DeleteObjects")

    def _put(self, path: str, data: bytes, **conditions: str) -> str:
        settings = {"ContentType": _type_of(path), **self._sealed, **self._payer, **conditions}
        return etag_of(self._call("put_object", Key=self._root + path, Body=data, **settings))

    def _read(self, path: str) -> tuple[bytes | None, str]:
        """Return the content of a small object and its ETag."""

        def attempt() -> tuple[bytes, str]:
            answer = self._s3.get(self.bucket, self._root + path, payer=bool(self._payer))
            with contextlib.closing(answer.body) as body:
                data: bytes = body.read()
            see_same(hashlib.md5(data, usedforsecurity=False).hexdigest(), answer)
            return data, answer.etag

        with self._explained(f"{self.uri}/{path}"):
            try:
                return persistent(attempt)
            except ClientError as error:
                if code_of(error) in ("NoSuchKey", "404"):
                    return None, ""
                raise

    def _head_for_ranges(self, path: str) -> Entry:
        entry = self.stat(path)
        if entry is None:
            raise FileNotFoundError(path)
        return entry

    def _range(self, entry: Entry, start: int, end: int) -> bytes:
        def attempt() -> bytes:
            with contextlib.closing(self._get(entry, (start, end)).body) as body:
                data: bytes = body.read()
            see_whole(len(data), end - start)
            return data

        with self._explained(f"{self.uri}/{entry.path}"):
            return persistent(attempt)

    def _explained(self, what: str) -> contextlib.AbstractContextManager[None]:
        return explained(what, self.uri)

    @functools.cached_property
    def _workspace(self) -> Path:
        """A folder of this machine for what is made before it is staged; one a lake: the next build clears it."""
        name = hashlib.sha256(self.uri.encode()).hexdigest()[:16]
        return self.cache.workspace(name)


def _host(endpoint: str) -> str:
    return urlsplit(endpoint).netloc.rpartition("@")[2]


def _type_of(path: str) -> str:
    return _TYPES.get(Path(path).suffix.lower(), "application/octet-stream")
