"""A lake or landing data in an S3 bucket, behind the same face as a folder.

s3fs resolves credentials and settings as botocore does and owns the client; the calls here are the client's own, since
a build rests on conditions (If-Match, If-None-Match) that a file system does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import json
import os
import platform
import random
import secrets
import shutil
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from fsspec.asyn import sync  # type: ignore[import-untyped]
from s3fs import S3FileSystem  # type: ignore[import-untyped]

from stedi import __version__
from stedi.cache import Cache, open_cache
from stedi.errors import EnvironmentFault, LakeBusy, UsageError
from stedi.finding import Finding
from stedi.ranges import RangeFileSystem
from stedi.s3_errors import NO_BUCKET_FIX, Mismatched, Torn, code_of, explained, is_transient
from stedi.storage import Entry, Fetched, Options, faults, make_private_folder

__all__ = ["S3Storage"]

ATTEMPTS = 6
"""Times a request is made before S3 is taken at its word."""

BACKOFF = 0.25
"""Seconds before the second attempt, about; doubled with each further one."""

CONNECT_TIMEOUT = 10
READ_TIMEOUT = 60
"""Seconds without a byte after which a request is made anew."""

AT_ONCE = 16
"""Objects, and requests for them, under way at the same time; a request holds at most BLOCK bytes."""

BLOCK = 1 << 20
PART = 32 << 20
"""Bytes of an object that one request fetches; larger objects take several."""

UPLOAD_PART = 32 << 20
"""Bytes of an object that one request puts; S3 takes no less than 5 MB."""

_DELETED_AT_ONCE = 1000
_TYPES = {".json": "application/json", ".parquet": "application/vnd.apache.parquet"}

T = TypeVar("T")


class S3Storage:
    """A bucket, or a prefix in one."""

    def __init__(self, place: str, options: Options) -> None:
        bucket, _, prefix = place.partition("/")
        prefix = prefix.rstrip("/")
        if not bucket or any(c in bucket for c in " ?#@:"):
            raise UsageError(f"s3://{place}: names no bucket", fix="write s3://bucket or s3://bucket/prefix")
        self.bucket = bucket
        self.uri = f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"
        self.options = options
        self._root = f"{prefix}/" if prefix else ""
        self._payer = {"RequestPayer": "requester"} if options.requester_pays else {}
        key = options.sse_kms_key
        self._sealed = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {"ServerSideEncryption": "AES256"}
        )
        self._lock: tuple[str, str] | None = None

    @functools.cached_property
    def _s3(self) -> S3FileSystem:
        return _connect(READ_TIMEOUT, tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))))

    @property
    def endpoint(self) -> str:
        """The address of the service."""
        return str(self._client().meta.endpoint_url)

    @functools.cached_property
    def cache(self) -> Cache:
        """Where fetched objects are kept."""
        return open_cache(self.options.cache_dir, self.options.cache_size)

    @functools.cached_property
    def filesystem(self) -> RangeFileSystem:
        """What DuckDB reads parts of objects through."""
        return RangeFileSystem(self._head_for_ranges, self._range)

    # --- the face

    def exists(self) -> bool:
        with self._explained(f"s3://{self.bucket}"):
            try:
                self._call("head_bucket")
            except ClientError as error:
                if code_of(error) in ("404", "NoSuchBucket"):
                    return False
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
            Finding("S3 bucket", "ok", f"{self.bucket}, at {_host(self.endpoint)}"),
            Finding("S3 access", "ok", f"may list {self.uri}, which {what}; a build shows if it may write"),
        ]

    def _identity(self) -> str:
        """Say who asks: the ARN that STS gives, never a key."""

        async def ask() -> str:
            client = await self._s3.set_session()
            async with self._s3.session.create_client(
                "sts", region_name=client.meta.region_name or "us-east-1", config=client.meta.config
            ) as sts:
                return str((await sts.get_caller_identity())["Arn"])

        try:
            with self._explained("STS"):
                return str(sync(self._s3.loop, ask))
        except EnvironmentFault as fault:
            return f"unknown; {fault.message}"

    def list(self, prefix: str) -> list[Entry]:
        found: list[Entry] = []
        with self._explained(f"{self.uri}/{prefix}"):
            more: dict[str, str] = {}
            while True:
                page = self._call("list_objects_v2", Prefix=self._root + prefix, **self._payer, **more)
                # an object whose name ends in / stands for a folder
                found += [
                    Entry(item["Key"].removeprefix(self._root), item["Size"], item["ETag"].strip('"'))
                    for item in page.get("Contents", ())
                    if item["Size"] or not item["Key"].endswith("/")
                ]
                if not page.get("IsTruncated"):
                    break
                more = {"ContinuationToken": page["NextContinuationToken"]}
        return sorted(found, key=lambda entry: entry.path)

    def stat(self, path: str) -> Entry | None:
        with self._explained(f"{self.uri}/{path}"):
            try:
                head = self._call("head_object", Key=self._root + path, **self._payer)
            except ClientError as error:
                if code_of(error) in ("404", "NoSuchKey"):
                    return None
                if code_of(error) in ("400", "403"):
                    self._read(path)  # the answer to a HEAD has no body to say why
                raise
        return Entry(path, head["ContentLength"], head["ETag"].strip('"'))

    def read(self, path: str) -> bytes | None:
        return self._read(path)[0]

    def write(self, path: str, data: bytes) -> None:
        with self._explained(f"{self.uri}/{path}"):
            self._put(path, data)

    def fetch(self, entries: Sequence[Entry], fetched: Fetched | None = None) -> Mapping[str, Path]:
        places = {e: self.cache.place(self.endpoint, self.bucket, self._root + e.path, e.version) for e in entries}
        missing = [entry for entry, place in places.items() if not self.cache.use(place, entry.size)]
        if missing:
            total = sum(entry.size for entry in missing)
            self.cache.make_room(total, keep=set(places.values()))
            sync(self._s3.loop, self._fetch_all, [(e, places[e]) for e in missing], _Count(total, fetched))
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
        with faults(f"cannot write to {folder}"):
            make_private_folder(folder)
        return folder

    def stage(self, paths: Sequence[str]) -> None:
        async def put_all() -> None:
            gate = asyncio.Semaphore(4)

            async def put(path: str) -> None:
                file = self._workspace / path
                async with gate:
                    with self._explained(f"{self.uri}/{path}"):
                        await self._upload(file, self._root + path)
                file.unlink()

            await _all(put(path) for path in paths)

        self._see_lock()
        sync(self._s3.loop, put_all)
        self._see_lock()

    def make_ready(self, path: str) -> None:
        pass  # whether one may put an object shows when it is staged

    def move(self, source: str, target: str) -> None:
        with self._explained(f"{self.uri}/{target}"):
            self._call(
                "copy_object",
                Key=self._root + target,
                CopySource={"Bucket": self.bucket, "Key": self._root + source},
                **self._sealed,
                **self._payer,
            )
            self._call("delete_object", Key=self._root + source, **self._payer)

    def delete(self, path: str) -> None:
        with self._explained(f"{self.uri}/{path}"):
            self._call("delete_object", Key=self._root + path, **self._payer)

    def clear(self, path: str) -> None:
        shutil.rmtree(self._workspace / path, ignore_errors=True)
        keys = [{"Key": self._root + entry.path} for entry in self.list(f"{path}/")]
        with self._explained(f"{self.uri}/{path}"):
            for start in range(0, len(keys), _DELETED_AT_ONCE):
                some = keys[start : start + _DELETED_AT_ONCE]
                self._call("delete_objects", Delete={"Objects": some, "Quiet": True}, **self._payer)
            unfinished = self._call("list_multipart_uploads", Prefix=f"{self._root}{path}/")
            for upload in unfinished.get("Uploads", ()):
                self._call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])

    @contextlib.contextmanager
    def lock(self, path: str, holder: str) -> Iterator[None]:
        mark = secrets.token_hex(8)
        _HELD.add(mark)
        try:
            etag = self._take(path, holder, mark)
            self._lock = (path, etag)
            try:
                yield
            finally:
                self._lock = None
                # what cannot be released is taken over by the next process of this machine
                with contextlib.suppress(EnvironmentFault):
                    entry = self.stat(path)
                    if entry is not None and entry.version == etag:
                        self.delete(path)
        finally:
            _HELD.discard(mark)

    # --- the lock

    def _see_lock(self) -> None:
        """Raise EnvironmentFault where the lock that this process took is not its own any more."""
        if self._lock is None:
            return
        path, ours = self._lock
        entry = self.stat(path)
        if entry is None or entry.version != ours:
            raise EnvironmentFault(
                f"{self.uri}: somebody has broken the lock of this build; nothing was published",
                fix="see that no other build is running, and run the command again",
            )

    def _take(self, path: str, holder: str, mark: str) -> str:
        ours = {
            "holder": holder,
            "machine": _machine(),
            "process": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "id": mark,
        }
        data = json.dumps(ours, indent=1).encode()
        with self._explained(f"{self.uri}/{path}"):
            try:
                return self._put(path, data, IfNoneMatch="*")
            except ClientError as error:
                if code_of(error) not in _CONDITION:
                    raise
            found, etag = self._read(path)
            if found == data:  # the answer to an earlier attempt was lost
                return etag
            if found is None:
                raise self._busy(path, {})  # released in this very moment
            theirs = _parsed(found)
            # an empty one was a folder's, and came here with a copy of it
            if found and not (self.options.break_lock or _is_dead(theirs)):
                raise self._busy(path, theirs)
            try:
                return self._put(path, data, IfMatch=etag)
            except ClientError as error:
                if code_of(error) not in (*_CONDITION, "NoSuchKey", "404"):
                    raise
            found, etag = self._read(path)
            if found == data:
                return etag
            raise self._busy(path, _parsed(found or b""))

    def _busy(self, path: str, theirs: Mapping[str, Any]) -> LakeBusy:
        name = f"{theirs.get('holder', 'its name is not known')}, since {theirs.get('since', 'just now')}"
        name = "".join(character if character.isprintable() else "?" for character in name)
        return LakeBusy(
            f"{self.uri}: another process is changing this lake ({name})",
            holder=name,
            fix="wait for it to end; if it is dead, take its lock with `stedi build --break-lock`",
        )

    # --- requests

    def _client(self) -> Any:
        with self._explained(self.uri):
            return sync(self._s3.loop, self._s3.set_session)

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        async def call() -> dict[str, Any]:
            client = await self._s3.set_session()
            request = functools.partial(getattr(client, operation), Bucket=self.bucket, **arguments)
            answer: dict[str, Any] = await _persistent(request)
            return answer

        result: dict[str, Any] = sync(self._s3.loop, call)
        return result

    def _put(self, path: str, data: bytes, **conditions: str) -> str:
        answer = self._call(
            "put_object",
            Key=self._root + path,
            Body=data,
            ContentType=_type_of(path),
            **self._sealed,
            **self._payer,
            **conditions,
        )
        return str(answer["ETag"]).strip('"')

    def _read(self, path: str) -> tuple[bytes | None, str]:
        """Return the content of a small object and its ETag."""

        async def read() -> tuple[bytes | None, str]:
            client = await self._s3.set_session()

            async def attempt() -> tuple[bytes, str]:
                answer = await client.get_object(Bucket=self.bucket, Key=self._root + path, **self._payer)
                async with answer["Body"] as body:
                    data = await body.read()
                _see_whole(len(data), answer["ContentLength"])
                _see_same(hashlib.md5(data, usedforsecurity=False).hexdigest(), answer)
                return data, answer["ETag"].strip('"')

            try:
                return await _persistent(attempt)
            except ClientError as error:
                if code_of(error) in ("NoSuchKey", "404"):
                    return None, ""
                raise

        with self._explained(f"{self.uri}/{path}"):
            found: tuple[bytes | None, str] = sync(self._s3.loop, read)
        return found

    async def _fetch_all(self, wanted: Sequence[tuple[Entry, Path]], count: _Count) -> None:
        objects, requests = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE)

        async def fetch(entry: Entry, place: Path) -> None:
            async with objects:
                await self._fetch_one(entry, place, requests, count)

        await _all(fetch(entry, place) for entry, place in wanted)

    async def _fetch_one(self, entry: Entry, place: Path, gate: asyncio.Semaphore, count: _Count) -> None:
        with self._explained(f"{self.uri}/{entry.path}"), self.cache.filling(place) as file, file.open("r+b") as out:

            async def fetch(start: int) -> bool:
                end = min(start + PART, entry.size)
                async with gate:
                    return await _persistent(lambda: self._fetch_part(entry, start, end, out, count))

            async def fetch_whole() -> None:
                checked = await _all(fetch(start) for start in range(0, max(entry.size, 1), PART))
                out.flush()
                if not all(checked) and _is_md5(entry.version) and await asyncio.to_thread(_md5, file) != entry.version:
                    count.add(-entry.size)
                    raise Mismatched("another checksum than S3 has")

            await _persistent(fetch_whole, Mismatched)

    async def _fetch_part(self, entry: Entry, start: int, end: int, out: IO[bytes], count: _Count) -> bool:
        """Write a part of an object to its place; return whether nothing is left to check."""
        client = await self._s3.set_session()
        whole = end - start == entry.size
        answer = await client.get_object(
            Bucket=self.bucket,
            Key=self._root + entry.path,
            IfMatch=f'"{entry.version}"',
            **({} if whole else {"Range": f"bytes={start}-{end - 1}"}),
            **self._payer,
        )
        at, digest = start, hashlib.md5(usedforsecurity=False)
        try:
            async with answer["Body"] as body:
                while block := await body.read(BLOCK):
                    out.seek(at)
                    out.write(block)
                    at += len(block)
                    count.add(len(block))
                    if whole:
                        digest.update(block)
            _see_whole(at, end)
            if whole:
                _see_same(digest.hexdigest(), answer)
        except BaseException:
            count.add(start - at)
            raise
        return whole or not _has_checksum(answer)

    async def _upload(self, file: Path, key: str) -> None:
        await self._s3._put_file(  # noqa: SLF001 - the library's own coroutine for a file in parts
            str(file),
            f"{self.bucket}/{key}",
            chunksize=UPLOAD_PART,
            max_concurrency=4,
            ContentType=_type_of(key),
            **self._sealed,
            **self._payer,
        )

    def _head_for_ranges(self, path: str) -> Entry:
        entry = self.stat(path)
        if entry is None:
            raise FileNotFoundError(path)
        return entry

    def _range(self, entry: Entry, start: int, end: int) -> bytes:
        async def read() -> bytes:
            client = await self._s3.set_session()

            async def attempt() -> bytes:
                answer = await client.get_object(
                    Bucket=self.bucket,
                    Key=self._root + entry.path,
                    IfMatch=f'"{entry.version}"',
                    Range=f"bytes={start}-{end - 1}",
                    **self._payer,
                )
                async with answer["Body"] as body:
                    data: bytes = await body.read()
                _see_whole(len(data), end - start)
                return data

            return await _persistent(attempt)

        with self._explained(f"{self.uri}/{entry.path}"):
            data: bytes = sync(self._s3.loop, read)
        return data

    def _explained(self, what: str) -> contextlib.AbstractContextManager[None]:
        return explained(what, self.uri)

    @functools.cached_property
    def _workspace(self) -> Path:
        """A folder of this machine for what is made before it is staged; one a lake: the next build clears it."""
        name = hashlib.sha256(self.uri.encode()).hexdigest()[:16]
        return self.cache.folder / "made" / name


_HELD: set[str] = set()
"""The locks that this process holds."""

_CONDITION = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@functools.lru_cache(maxsize=8)
def _connect(read_timeout: float, settings: tuple[tuple[str, str], ...]) -> S3FileSystem:
    """Return a connection; `settings` are those of the environment, of which it depends."""
    return S3FileSystem(
        skip_instance_cache=True,
        config_kwargs={
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": read_timeout,
            "retries": {"total_max_attempts": 1, "mode": "standard"},  # _persistent is about bodies too
            "max_pool_connections": 2 * AT_ONCE,
            # of the CPU time of a small object these are a third
            "user_agent": f"stedi/{__version__}",
            "parameter_validation": False,
            "response_checksum_validation": "when_required",
        },
    )


class _Count:
    """How many bytes are fetched."""

    def __init__(self, total: int, fetched: Fetched | None) -> None:
        self._done = 0
        self._total = total
        self._fetched = fetched

    def add(self, size: int) -> None:
        self._done += size
        if self._fetched:
            self._fetched(self._done, self._total)


async def _persistent(attempt: Callable[[], Awaitable[T]], *only: type[BaseException]) -> T:
    """Return what an attempt returns, made again as long as S3 may still answer otherwise, or after `only` these."""
    for number in range(1, ATTEMPTS):
        try:
            return await attempt()
        except (BotoCoreError, ClientError, HttpError, OSError, Torn) as error:
            if not (isinstance(error, only) if only else is_transient(error)):
                raise
        await asyncio.sleep(BACKOFF * 2 ** (number - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    return await attempt()


async def _all(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run coroutines side by side and return what they do; the first that fails ends the others."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _see_whole(found: int, wanted: int) -> None:
    if found != wanted:
        raise Torn(f"{found:,} bytes of {wanted:,}")


def _see_same(digest: str, answer: Mapping[str, Any]) -> None:
    """Hold what arrived against the ETag, where that is a checksum: not for parts, nor under a key of KMS."""
    if _has_checksum(answer) and digest != answer["ETag"].strip('"'):
        raise Torn("another checksum than S3 has")


def _has_checksum(answer: Mapping[str, Any]) -> bool:
    return _is_md5(answer["ETag"].strip('"')) and answer.get("ServerSideEncryption", "AES256") == "AES256"


def _is_md5(etag: str) -> bool:
    return len(etag) == 32 and all(c in "0123456789abcdef" for c in etag)  # noqa: PLR2004 - hex digits of an MD5


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, functools.partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _host(endpoint: str) -> str:
    return urlsplit(endpoint).netloc.rpartition("@")[2]


def _type_of(path: str) -> str:
    return _TYPES.get(Path(path).suffix.lower(), "application/octet-stream")


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _machine() -> str:
    """Name this machine and its space of process ids, which a container has to itself."""
    with contextlib.suppress(OSError, AttributeError):
        return f"{platform.node()} {uuid.getnode():x} {Path('/proc/self/ns/pid').readlink()}"
    return f"{platform.node()} {uuid.getnode():x}"


def _is_dead(theirs: Mapping[str, Any]) -> bool:
    """Return whether the holder of a lock was a process of this machine and is no more."""
    process = theirs.get("process")
    if theirs.get("machine") != _machine() or not isinstance(process, int) or process <= 0:
        return False
    if process == os.getpid():
        return theirs.get("id") not in _HELD  # left by an earlier command of this process
    if os.name == "nt":
        return False  # there os.kill ends the process that it is asked about
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
