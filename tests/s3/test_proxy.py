"""The proxy of the tests: what it lets through is untouched, and the harm it does is the harm it says."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import botocore.session  # type: ignore[import-untyped]
import pytest
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import ClientError  # type: ignore[import-untyped]
from s3.faults import answer, before, corrupt, cut, hang_up, lose, reset, stall
from s3.proxy import Fault, Proxy, on

if TYPE_CHECKING:
    from s3.bucket import Bucket

DATA = bytes(range(256)) * 1000
KEYS = [
    "plain",
    "a b",
    "a+b",
    "a%20b",
    "a%",
    "ä/ø/日本",
    "q?x=1&y#z",
    "a//b",
    "folder/",
    "a/../b",
    "../../x",
    "~a*'()!",
    "a;b,c=d:e@f",
    '"<&>\\',
]

SIGNED = "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
"""What makes a request one of somebody with an account; the server does not look closer."""


@pytest.fixture
def through(proxy: Proxy) -> Iterator[Any]:
    """Return a client of S3 that goes through the proxy and asks everything once."""
    client = botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=proxy.url,
        aws_access_key_id="through",
        aws_secret_access_key="through",  # noqa: S106 - nobody's
        config=Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=5, connect_timeout=5
        ),
    )
    yield client
    client.close()


def raw_get(s3: Bucket, key: str, *, close: bool = True) -> tuple[int, bytes]:
    """Get an object with nothing but HTTP."""
    host, _, port = s3.proxy.url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=5)
    try:
        headers = {"Authorization": SIGNED} | ({"Connection": "close"} if close else {})
        connection.request("GET", f"/{s3.name}/{quote(key)}", headers=headers)
        with connection.getresponse() as response:
            return response.status, response.read()
    finally:
        connection.close()


def test_keys_and_contents_go_through_as_they_are(s3: Bucket, through: Any) -> None:
    for key in KEYS:
        through.put_object(Bucket=s3.name, Key=key, Body=DATA, ContentType="text/x-test")
        assert s3.get(key) == DATA
        found = through.get_object(Bucket=s3.name, Key=key)
        assert (found["Body"].read(), found["ContentType"]) == (DATA, "text/x-test")
        assert through.head_object(Bucket=s3.name, Key=key)["ContentLength"] == len(DATA)
    assert s3.keys() == sorted(KEYS)
    assert [(request.kind, request.key) for request in s3.requests()] == [
        (kind, key) for key in KEYS for kind in ("PUT", "GET", "HEAD")
    ]
    for key in KEYS:
        through.delete_object(Bucket=s3.name, Key=key)
    assert s3.keys() == []


def test_ranges_and_conditions_go_through(s3: Bucket, through: Any) -> None:
    etag = s3.put("a", DATA)
    found = through.get_object(Bucket=s3.name, Key="a", Range="bytes=10-19", IfMatch=f'"{etag}"')
    assert found["Body"].read() == DATA[10:20]
    with pytest.raises(ClientError) as caught:
        through.put_object(Bucket=s3.name, Key="a", Body=b"new", IfNoneMatch="*")
    assert caught.value.response["Error"]["Code"] == "PreconditionFailed"
    get, put = s3.requests()
    assert (get.headers["range"], get.headers["if-match"]) == ("bytes=10-19", f'"{etag}"')
    assert put.headers["if-none-match"] == "*"
    assert "If-None-Match: *" in str(put)
    assert s3.get("a") == DATA


def test_kinds_of_requests_are_told_apart(s3: Bucket, through: Any) -> None:
    s3.put("a b", b"x")
    through.list_objects_v2(Bucket=s3.name, Prefix="a ")
    through.copy_object(Bucket=s3.name, Key="c", CopySource={"Bucket": s3.name, "Key": "a b"})
    through.head_bucket(Bucket=s3.name)
    through.delete_objects(Bucket=s3.name, Delete={"Objects": [{"Key": "c"}]})
    assert [request.kind for request in s3.requests()] == ["LIST", "COPY", "HEAD", "POST"]
    assert [request.changes for request in s3.requests()] == [False, True, False, True]
    assert s3.requests("LIST")[0].query["prefix"] == "a "
    assert s3.requests("COPY")[0].key == "c"


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_bodies_in_chunks_go_through(s3: Bucket, through: Any, size: int) -> None:
    data = DATA * (size // len(DATA)) + DATA[: size % len(DATA)]

    class Stream(BytesIO):
        """What botocore does not read ahead is sent in chunks with a checksum after them."""

    through.put_object(Bucket=s3.name, Key="a", Body=Stream(data), ChecksumAlgorithm="CRC32")
    assert s3.get("a") == data
    assert through.get_object(Bucket=s3.name, Key="a")["Body"].read() == data


def test_a_request_in_chunks_that_waits_for_leave_goes_through(s3: Bucket) -> None:
    host, _, port = s3.proxy.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        head = (
            f"PUT /{s3.name}/a HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert s3.get("a") == b"abcde"


def test_parts_go_through(s3: Bucket, through: Any) -> None:
    upload = through.create_multipart_upload(Bucket=s3.name, Key="a")["UploadId"]
    assert s3.uploads() == [{"Key": "a", "UploadId": upload}]
    etag = through.upload_part(Bucket=s3.name, Key="a", UploadId=upload, PartNumber=1, Body=DATA)["ETag"]
    parts = {"Parts": [{"ETag": etag, "PartNumber": 1}]}
    through.complete_multipart_upload(Bucket=s3.name, Key="a", UploadId=upload, MultipartUpload=parts)
    assert (s3.get("a"), s3.uploads()) == (DATA, [])


def test_a_connection_is_kept(s3: Bucket, through: Any) -> None:
    s3.put("a", DATA)
    before_ = threading.active_count()
    for _ in range(20):
        through.get_object(Bucket=s3.name, Key="a")["Body"].read()
    assert threading.active_count() <= before_ + 2


def test_a_rule_acts_as_often_as_it_says(s3: Bucket) -> None:
    s3.put("a", b"a")
    fault = s3.proxy.add(Fault(on("GET", "/a$"), answer(503, "SlowDown"), times=2))
    s3.proxy.add(Fault(on("GET", "/a$"), answer(500, "InternalError"), times=1))
    s3.proxy.add(Fault(on("GET", "/other$"), answer(403, "AccessDenied"), times=None))
    assert [raw_get(s3, key)[0] for key in ("a", "other", "a", "a", "a", "other")] == [503, 403, 503, 500, 200, 403]
    assert fault.hits == 2
    s3.proxy.clear()
    assert raw_get(s3, "a") == (200, b"a")
    assert len(s3.requests("GET")) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (403, "AccessDenied"), (400, "ExpiredToken")]
)
def test_an_answer_is_an_error_of_s3(s3: Bucket, through: Any, status: int, code: str) -> None:
    s3.proxy.add(Fault(on("*"), answer(status, code), times=3))
    for call, arguments in (
        (through.get_object, {"Key": "a"}),
        (through.put_object, {"Key": "a", "Body": DATA}),
        (through.list_objects_v2, {}),
    ):
        with pytest.raises(ClientError) as caught:
            call(Bucket=s3.name, **arguments)
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert s3.keys() == []
    # botocore asks a 400 to a HEAD again, once it has made sure of the region
    s3.proxy.add(Fault(on("HEAD", "/a$"), answer(status, code), times=None))
    with pytest.raises(ClientError, match=str(status)):
        through.head_object(Bucket=s3.name, Key="a")


def test_reset_is_a_reset(s3: Bucket) -> None:
    s3.put("a", DATA)
    s3.proxy.add(Fault(on("GET"), reset(1000)))
    with pytest.raises(ConnectionResetError):
        raw_get(s3, "a")
    assert raw_get(s3, "a") == (200, DATA)


def test_cut_ends_early_in_good_order(s3: Bucket) -> None:
    s3.put("a", DATA)
    s3.proxy.add(Fault(on("GET"), cut(1000)))
    with pytest.raises(IncompleteRead) as caught:
        raw_get(s3, "a", close=False)
    assert (caught.value.partial, caught.value.expected) == (DATA[:1000], len(DATA) - 1000)
    assert raw_get(s3, "a") == (200, DATA)


@pytest.mark.parametrize("at", [0, 5000, -1])
def test_corrupt_changes_one_byte_and_no_header(s3: Bucket, at: int) -> None:
    s3.put("a", DATA)
    s3.proxy.add(Fault(on("GET"), corrupt(at)))
    status, found = raw_get(s3, "a")
    assert (status, len(found)) == (200, len(DATA))
    assert [place for place, (one, other) in enumerate(zip(found, DATA, strict=True)) if one != other] == [
        at % len(DATA)
    ]
    s3.proxy.add(Fault(on("HEAD"), corrupt(at)))
    assert s3.head("a")["ETag"].strip('"') == hashlib.md5(DATA, usedforsecurity=False).hexdigest()


def test_stall_stops_until_released(s3: Bucket) -> None:
    s3.put("a", DATA)
    released = threading.Event()
    s3.proxy.add(Fault(on("GET"), stall(1000, released=released)))
    threading.Timer(0.3, released.set).start()
    started = time.monotonic()
    with pytest.raises(IncompleteRead):
        raw_get(s3, "a")
    assert 0.25 < time.monotonic() - started < 3
    s3.proxy.add(Fault(on("GET"), stall(1000, seconds=0.1)))
    with pytest.raises(IncompleteRead):
        raw_get(s3, "a")


def test_before_acts_first(s3: Bucket) -> None:
    s3.put("a", b"old")
    s3.proxy.add(Fault(on("GET"), before(lambda request: s3.put(request.key, b"new"))))
    assert raw_get(s3, "a") == (200, b"new")


def test_lose_does_what_is_asked_and_says_nothing(s3: Bucket, through: Any) -> None:
    s3.proxy.add(Fault(on("PUT"), lose()))
    with pytest.raises(Exception, match=r"(?i)connection"):
        through.put_object(Bucket=s3.name, Key="a", Body=b"there")
    assert s3.get("a") == b"there"


def test_hang_up_does_nothing_and_says_nothing(s3: Bucket, through: Any) -> None:
    s3.proxy.add(Fault(on("PUT"), hang_up()))
    with pytest.raises(Exception, match=r"(?i)connection"):
        through.put_object(Bucket=s3.name, Key="a", Body=b"there")
    assert s3.keys() == []


def test_side_by_side(s3: Bucket, tmp_path: Path) -> None:
    for number in range(30):
        s3.put(f"{number}", bytes([number]) * 100_000)
    s3.proxy.add(Fault(on("GET"), before(lambda _: time.sleep(0.05)), times=None))
    found: dict[int, bytes] = {}
    threads = [
        threading.Thread(target=lambda n=number: found.update({n: raw_get(s3, f"{n}")[1]})) for number in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: bytes([number]) * 100_000 for number in range(30)}
    assert 1 < s3.proxy.most_at_once <= 30


def test_every_test_has_a_bucket_and_a_log_of_its_own(s3: Bucket) -> None:
    assert s3.keys() == []
    assert s3.proxy.requests() == []
    with pytest.raises(ClientError):
        s3.head("a")
    assert s3.requests() == []
