"""What `stedi doctor` says of a bucket: who one is there, what one may do, and how to mend what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from s3.faults import answer
from s3.proxy import Action, Fault, on

if TYPE_CHECKING:
    from s3.bucket import Bucket

Command = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("quick")


def findings(stedi: Command, uri: str, exit_code: int) -> dict[str, Any]:
    """Return what doctor finds of a lake, by what it is about."""
    code, out, _ = stedi("doctor", "--lake", uri, "--json")
    assert code == exit_code
    return {finding["what"]: finding for finding in json.loads(out)["findings"]}


def elsewhere(region: str) -> Action:
    """Answer that the bucket is in another region, as S3 does: in a header too, which the answer to a HEAD has."""
    body = (
        "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message>"
        f"<Endpoint>bucket.s3-{region}.amazonaws.com</Endpoint></Error>"
    )
    headers = {"Content-Type": "application/xml", "x-amz-bucket-region": region}
    return lambda exchange: exchange.answer(301, headers, body.encode())


def test_who_one_is_and_what_one_may_do(s3: Bucket, landing: Path, stedi: Command) -> None:
    s3.upload(landing, "lake")
    assert stedi("build", "--lake", s3.uri("lake"))[0] == 0
    s3.proxy.clear()
    found = findings(stedi, s3.uri("lake"), 0)
    # moto knows everybody as this user
    assert found["S3 identity"]["found"].startswith("arn:aws:sts::123456789012:user/")
    assert s3.name in found["S3 bucket"]["found"]
    assert f"may list {s3.uri('lake')}, which holds objects" in found["S3 access"]["found"]
    # one HEAD and one LIST say who may do what; the others what the lake is
    assert [str(request) for request in s3.requests("HEAD")] == [f"HEAD /{s3.name}"]
    listed = [request.query["prefix"] for request in s3.requests("LIST")]
    assert listed[:2] == ["lake/", "lake/_stedi/"]
    assert sorted(listed[2:]) == [f"lake/{feed}/landing/" for feed in ("accelerometer", "customer", "step_trainer")]
    assert [request.key for request in s3.requests("GET")] == ["lake/_stedi/manifest.json"]
    assert [str(request) for request in s3.requests() if request.changes] == []


@pytest.mark.parametrize(
    ("refuse", "found", "fix"),
    [
        (answer(403, "AccessDenied"), "access denied (AccessDenied)", "s3:ListBucket on the bucket"),
        (answer(400, "ExpiredToken"), "the credentials have expired (ExpiredToken)", "renew them"),
        (answer(403, "InvalidAccessKeyId"), "S3 does not accept these credentials", "correct them"),
        (answer(403, "RequestTimeTooSkewed"), "the clock of this machine is wrong", "set the clock"),
        (elsewhere("eu-west-1"), "the bucket is in another region, eu-west-1", "set AWS_REGION=eu-west-1"),
        (elsewhere(""), "the bucket is in another region (PermanentRedirect)", "set AWS_REGION to the region"),
    ],
)
def test_what_is_refused_and_how_to_mend_it(
    *, s3: Bucket, landing: Path, stedi: Command, refuse: Action, found: str, fix: str
) -> None:
    s3.upload(landing, "lake")
    s3.proxy.add(Fault(lambda request: request.bucket == s3.name, refuse, times=None))
    access = findings(stedi, s3.uri("lake"), 1)["S3 access"]
    assert access["state"] == "problem"
    assert found in access["found"]
    assert fix in access["fix"]
    # the same is said where one meets it
    code, out, err = stedi("build", "--lake", s3.uri("lake"))
    assert (code, out) == (2, "")
    assert found in err
    assert fix in err


def test_a_bucket_that_is_not_there(s3: Bucket, stedi: Command) -> None:
    found = findings(stedi, f"s3://{s3.name}-not", 1)
    assert found["S3 bucket"]["found"] == f"{s3.name}-not: there is no such bucket"
    assert "aws s3 mb" in found["S3 bucket"]["fix"]
    # of a lake that cannot be seen nothing more is said
    assert not {"stopped build", "lake lock", "landing"} & set(found)


@pytest.mark.parametrize("command", ["build", "doctor"])
def test_an_endpoint_that_is_no_url(s3: Bucket, stedi: Command, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "user:hidden@localhost:9000")
    code, out, err = stedi(command, "--lake", s3.uri())
    assert code != 0
    assert "the endpoint that is set for S3 is no URL" in out + err
    assert "Fix: write AWS_ENDPOINT_URL with its scheme" in err
    assert "hidden" not in out + err


def test_an_identity_that_cannot_be_told_is_no_problem(s3: Bucket, landing: Path, stedi: Command) -> None:
    # a role may well be allowed S3 and nothing else
    s3.upload(landing, "lake")
    s3.proxy.add(Fault(lambda request: request.method == "POST", answer(403, "AccessDenied"), times=None))
    found = findings(stedi, s3.uri("lake"), 0)
    assert found["S3 identity"]["found"].startswith("unknown; ")
    assert found["S3 access"]["state"] == "ok"


def test_who_may_read_one_thing_only_is_told_so(s3: Bucket, landing: Path, stedi: Command) -> None:
    s3.upload(landing, "lake")
    s3.proxy.add(Fault(on("GET", "_stedi/manifest"), answer(403, "AccessDenied"), times=None))
    found = findings(stedi, s3.uri("lake"), 1)
    assert found["S3 access"]["state"] == "ok"
    assert "access denied (AccessDenied)" in found["lake"]["found"]
    assert "s3:GetObject" in found["lake"]["fix"]


def test_a_lake_that_another_build_holds(s3: Bucket, landing: Path, stedi: Command) -> None:
    s3.upload(landing, "lake")
    s3.put("lake/_stedi/lock", json.dumps({"holder": "stedi build, process 7 on elsewhere"}).encode())
    found = findings(stedi, s3.uri("lake"), 0)["lake lock"]
    assert "stedi build, process 7 on elsewhere" in found["found"]
    assert "--break-lock" in found["fix"]
