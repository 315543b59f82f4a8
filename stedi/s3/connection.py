"""The connection to S3: credentials, endpoint and settings as botocore resolves them, and what is tried again.

A client of botocore takes twice as long over a small object as the request itself. So the first request for an object
of a bucket goes the long way through the client, which shows how such a request is made: address, headers, who signs.
Those after it are made in the same way and signed by the same signer, so that credentials of every kind, and their
renewal, are botocore's.
"""

from __future__ import annotations

import functools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, unquote_plus, urlsplit
from xml.etree import ElementTree as ET

import botocore.session  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from botocore.httpsession import get_cert_path  # type: ignore[import-untyped]
from botocore.parsers import ResponseParserError, create_parser  # type: ignore[import-untyped]
from botocore.response import StreamingBody  # type: ignore[import-untyped]
from botocore.utils import get_environ_proxies  # type: ignore[import-untyped]
from urllib3 import HTTPConnectionPool, PoolManager, Timeout

from stedi import __version__
from stedi.s3.errors import FAILURES, REDIRECTS, code_of, etag_of, is_transient, no_url

__all__ = ["AT_ONCE", "Answer", "Connection", "connect", "persistent"]

ATTEMPTS = 6
"""Times a request is made before S3 is taken at its word."""

BACKOFF = 0.25
"""Seconds before the second attempt, about; doubled with each further one."""

CONNECT_TIMEOUT = 10
READ_TIMEOUT = 60
"""Seconds without a byte after which a request is made anew."""

AT_ONCE = 16
"""Requests under way at the same time."""

_GET = "GetObject"
_MADE_HERE = "stedi"
_OF_ONE_REQUEST = {"amz-sdk-invocation-id", "amz-sdk-request", "if-match", "range"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """An object, or a part of one, on its way: its ETag, how it is encrypted, and its bytes."""

    etag: str
    encryption: str
    body: Any


@dataclass(frozen=True, slots=True)
class _Form:
    """How a request for an object of a bucket is made, but for its key."""

    address: str
    path: str
    headers: Mapping[str, str]
    context: Mapping[str, Any]
    signer: Any
    pool: HTTPConnectionPool


class Connection:
    """A client of S3; threads may share it."""

    def __init__(self, read_timeout: float) -> None:
        self._session = botocore.session.Session()
        self.client = self._session.create_client(
            "s3",
            # which botocore does not read, unlike every other tool of AWS
            region_name=os.environ.get("AWS_REGION") or None,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=read_timeout,
                retries={"total_max_attempts": 1, "mode": "standard"},  # `persistent` is about bodies too
                max_pool_connections=2 * AT_ONCE,
                parameter_validation=False,
                response_checksum_validation="when_required",  # what arrives is held against the ETag
                user_agent=f"stedi/{__version__}",
            ),
        )
        self._forms: dict[tuple[str, bool], _Form] = {}
        self._asked = threading.local()
        self._pools = PoolManager(
            maxsize=2 * AT_ONCE,
            timeout=Timeout(connect=CONNECT_TIMEOUT, read=read_timeout),
            cert_reqs="CERT_REQUIRED",
            ca_certs=get_cert_path(
                self._session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True
            ),
        )
        self._listed = threading.local()
        self.client.meta.events.register(f"before-sign.s3.{_GET}", self._learn)
        self.client.meta.events.register("before-parse.s3.ListObjectsV2", self._take_out)
        model = self.client.meta.service_model
        self._shape = model.operation_model(_GET).output_shape
        self._parser = create_parser(model.resolved_protocol)

    @property
    def endpoint(self) -> str:
        """The address of the service."""
        return str(self.client.meta.endpoint_url)

    def identity(self) -> str:
        """Return who asks: the ARN that STS gives, never a key."""
        region = self.client.meta.region_name or "us-east-1"
        client = self._session.create_client("sts", region_name=region, config=self.client.meta.config)
        return str(client.get_caller_identity()["Arn"])

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Have the client do something, as often as it takes."""
        answer: dict[str, Any] = persistent(functools.partial(getattr(self.client, operation), **arguments))
        return answer

    def list(self, bucket: str, prefix: str, **settings: Any) -> Iterator[tuple[str, int, str]]:
        """Yield key, size and ETag of every object below a prefix."""
        more: dict[str, str] = {}
        while True:
            page = self.call("list_objects_v2", Bucket=bucket, Prefix=prefix, **settings, **more)
            decode = unquote_plus if page.get("EncodingType") == "url" else str
            for item in self._listed.items:
                yield decode(item["Key"]), int(item["Size"]), item["ETag"].strip('"')
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _take_out(self, response_dict: dict[str, Any], **_: Any) -> None:
        """Take the objects out of a page of a listing, over which botocore's parser takes 40 ms."""
        self._listed.items = []
        if response_dict["status_code"] != HTTPStatus.OK:
            return
        try:
            page = ET.fromstring(response_dict["body"])  # noqa: S314 - as botocore reads it
        except ET.ParseError:
            return  # botocore says so
        if _name(page) not in ("ListBucketResult", "Error"):
            raise ResponseParserError("no listing")  # which botocore would take for an empty one
        for item in [part for part in page if _name(part) == "Contents"]:
            self._listed.items.append({_name(part): part.text or "" for part in item})
            page.remove(item)
        response_dict["body"] = ET.tostring(page)

    def get(
        self, bucket: str, key: str, *, payer: bool, version: str = "", part: tuple[int, int] | None = None
    ) -> Answer:
        """Ask once for an object, for that of a version (ETag), or for its bytes from `part[0]` until `part[1]`."""
        conditions: dict[str, str] = {}
        if version:
            conditions["If-Match"] = f'"{version}"'
        if part:
            conditions["Range"] = f"bytes={part[0]}-{part[1] - 1}"
        form = self._forms.get((bucket, payer))
        if form is not None:
            try:
                return self._get(form, key, conditions)
            except ClientError as error:
                if code_of(error) not in REDIRECTS:
                    raise
                self._forms.pop((bucket, payer), None)  # botocore finds the way
        settings = {name.replace("-", ""): value for name, value in conditions.items()}
        if payer:
            settings["RequestPayer"] = "requester"
        self._asked.about = (bucket, key, payer)
        try:
            found = self.client.get_object(Bucket=bucket, Key=key, **settings)
        finally:
            self._asked.about = None
        return Answer(etag_of(found), found.get("ServerSideEncryption", ""), found["Body"])

    def _get(self, form: _Form, key: str, conditions: Mapping[str, str]) -> Answer:
        name = _quoted(key)
        request = AWSRequest("GET", form.address + name, headers={**form.headers, **conditions})
        request.context = {**form.context, _MADE_HERE: True}
        form.signer.sign(_GET, request)
        answer = form.pool.urlopen(
            "GET",
            form.path + name,
            headers=dict(request.headers.items()),
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            enforce_content_length=False,
        )
        headers = answer.headers
        if answer.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            found = {"status_code": answer.status, "headers": headers, "body": answer.read()}
            raise ClientError(self._parser.parse(found, self._shape), _GET)
        encryption = headers.get("x-amz-server-side-encryption", "")
        body = StreamingBody(answer, headers.get("Content-Length"))
        return Answer(etag_of(headers), encryption, body)

    def _learn(self, request: Any, request_signer: Any, **_: Any) -> None:
        """Keep the form of a request that the client is about to sign."""
        about = getattr(self._asked, "about", None)
        if about is None or _MADE_HERE in request.context:
            return
        bucket, key, payer = about
        name = _quoted(key)
        # through a proxy all requests go the long way: botocore knows how to ask it
        if request.url.endswith(f"/{name}") and not get_environ_proxies(request.url):
            headers = {n: v for n, v in request.headers.items() if n.lower() not in _OF_ONE_REQUEST}
            address = request.url.removesuffix(name)
            path = urlsplit(address).path
            pool = self._pools.connection_from_url(address)
            self._forms[bucket, payer] = _Form(address, path, headers, dict(request.context), request_signer, pool)


def connect() -> Connection:
    """Return a connection under the settings of the environment; one serves all who have the same."""
    settings = [item for item in os.environ.items() if item[0].startswith("AWS_") or item[0].upper().endswith("_PROXY")]
    try:
        return _connect(READ_TIMEOUT, tuple(sorted(settings)))
    except ValueError as error:
        if isinstance(error, BotoCoreError):
            raise
        raise no_url("S3") from None


@functools.lru_cache(maxsize=2)  # each keeps its connections open
def _connect(read_timeout: float, _: tuple[tuple[str, str], ...]) -> Connection:
    return Connection(read_timeout)


def persistent(attempt: Callable[[], T], *only: type[BaseException], wait: Callable[[float], object] = time.sleep) -> T:
    """Return what an attempt returns, made again as long as S3 may still answer otherwise, or after `only` these."""
    for number in range(1, ATTEMPTS):
        try:
            return attempt()
        except FAILURES as error:
            if not (isinstance(error, only) if only else is_transient(error)):
                raise
        wait(BACKOFF * 2 ** (number - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    return attempt()


def _name(part: ET.Element) -> str:
    """Return the name of a part of an answer; not all that speak S3 say the same of whose name it is."""
    return part.tag.rpartition("}")[2]


def _quoted(key: str) -> str:
    return quote(key, safe="/~")
