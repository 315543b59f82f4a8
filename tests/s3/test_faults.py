"""What S3 and the network do to a build: it gets through, or it stops and says why, and the lake is never a mix."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from s3.faults import answer, before, corrupt, cut, hang_up, lose, reset, stall
from s3.lakehouse import CUSTOMERS, READINGS, TABLE
from s3.proxy import Action, Exchange, Fault, Request, on

from stedi.errors import StediError
from stedi.lake import Lake
from stedi.query import ask
from stedi.s3 import connection, fetch, upload
from stedi.stages import STAGES

if TYPE_CHECKING:
    from s3.bucket import Bucket
    from s3.lakehouse import Lakehouse, Worlds

Command = Callable[..., tuple[int, str, str]]
TRANSIENT: dict[str, Action] = {
    "503": answer(503, "SlowDown"),
    "500": answer(500, "InternalError"),
    "reset": reset(100),
    "cut": cut(100),
    "corrupt": corrupt(100),
    "no answer": hang_up(),
}

pytestmark = pytest.mark.usefixtures("quick")


# --- what passes


def test_objects_that_come_damaged_are_fetched_again(lake: Lakehouse, stedi: Command) -> None:
    data = lake.s3.get(f"lake/{CUSTOMERS}")
    for number, line in enumerate(data.splitlines(keepends=True)):
        lake.s3.put(f"lake/customer/landing/{number}.json", line)
    lake.s3.delete(f"lake/{CUSTOMERS}")
    files = ["customer/landing/0.json", "customer/landing/1.json", "customer/landing/2.json", READINGS]
    files += ["customer/landing/3.json", "step_trainer/landing/distances.json"]
    for fault, file in zip(TRANSIENT, files, strict=True):
        lake.s3.proxy.add(Fault(on("GET", file), TRANSIENT[fault], times=3))
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.assert_new()
    assert [lake.asked("GET", file) for file in files] == [4] * 6
    assert lake.asked("GET", "accelerometer/landing/bad.json") == 1


def test_a_read_that_stalls_is_made_again(lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_TIMEOUT", 1.0)
    released = threading.Event()
    lake.s3.proxy.add(Fault(on("GET", CUSTOMERS), stall(100, released=released)))
    lake.s3.proxy.add(Fault(on("GET", READINGS), stall(0, released=released)))
    started = time.monotonic()
    assert stedi("build", "--lake", lake.uri)[0] == 0
    released.set()
    assert time.monotonic() - started < 20  # the stall would take 30
    lake.assert_new()
    assert (lake.asked("GET", CUSTOMERS), lake.asked("GET", READINGS)) == (2, 2)


@pytest.mark.parametrize("fault", ["503", "500", "no answer"])
def test_bursts_of_errors_pass_whatever_is_asked(lake: Lakehouse, stedi: Command, fault: str) -> None:
    lake.s3.put("lake/_stedi/staging/left", b"")  # something to clear
    kinds = ("LIST", "HEAD", "PUT", "COPY", "DELETE", "POST")
    added = [lake.s3.proxy.add(Fault(on(kind), TRANSIENT[fault], times=3)) for kind in kinds]
    assert stedi("build", "--lake", lake.uri)[0] == 0
    assert [fault.hits for fault in added] == [3] * len(kinds)
    lake.assert_new()


@pytest.mark.parametrize("fault", [reset(100), cut(100), answer(500, "InternalError")])
def test_a_listing_that_breaks_off_is_asked_for_again(lake: Lakehouse, stedi: Command, fault: Action) -> None:
    lake.s3.put_many({f"lake/customer/landing/_left/{n}": b"" for n in range(1000)})
    lake.s3.proxy.add(Fault(on("LIST"), fault, times=3))
    second = lake.s3.proxy.add(Fault(lambda r: r.kind == "LIST" and "continuation-token" in r.query, fault, times=3))
    assert stedi("build", "--lake", lake.uri)[0] == 0
    assert second.hits == 3
    lake.assert_new()


def within(element: str, code: str) -> Action:
    """Answer 200, as S3 does where it refuses late, with the error in the body."""
    error = f"<Error><Key>lake/x</Key><Code>{code}</Code><Message>as the test wishes</Message></Error>"
    body = f"<{element}>{error}</{element}>" if element else error
    return lambda exchange: exchange.answer(200, {"Content-Type": "application/xml"}, body.encode())


@pytest.mark.parametrize(("kind", "element"), [("COPY", ""), ("POST", "DeleteResult")])
def test_an_error_within_a_success_is_one(lake: Lakehouse, stedi: Command, kind: str, element: str) -> None:
    lake.s3.put("lake/_stedi/staging/left", b"")
    added = lake.s3.proxy.add(Fault(on(kind), within(element, "InternalError"), times=3))
    assert stedi("build", "--lake", lake.uri)[0] == 0
    assert added.hits == 3
    lake.assert_new()
    lake.s3.put("lake/_stedi/staging/left", b"")
    lake.s3.proxy.add(Fault(on(kind), within(element, "AccessDenied"), times=None))
    code, out, err = stedi("build", "--lake", lake.uri, "--force")
    assert (code, out) == (2, "")
    assert "access denied (AccessDenied)" in err
    lake.s3.proxy.clear()
    assert stedi("verify", "--lake", lake.uri)[0] == 0
    lake.assert_new()


def test_credentials_that_are_renewed_in_the_middle_are_used(
    lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # those that end within minutes are asked for anew by botocore before each request
    process = tmp_path / "credentials.py"
    process.write_text(
        "import datetime, json, pathlib, sys\n"
        "count = pathlib.Path(sys.argv[1])\n"
        "count.write_text(count.read_text() + 'x' if count.exists() else 'x')\n"
        "end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'KEY{len(count.read_text())}', 'SecretAccessKey': 's',"
        " 'SessionToken': 't', 'Expiration': end.isoformat()}))\n"
    )
    settings = tmp_path / "config"
    settings.write_text(f"[default]\ncredential_process = {sys.executable} {process} {tmp_path / 'count'}\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.assert_new()
    gets = [r for r in lake.s3.requests("GET") if "/landing/" in r.key]
    keys = {re.search(r"Credential=(\w+)/", r.headers["authorization"]) for r in gets}
    assert len(gets) == 5
    assert len({found[1] for found in keys if found}) > 1


@pytest.mark.parametrize("kind", ["PUT", "COPY", "DELETE", "POST"])
def test_an_answer_that_is_lost_does_no_harm(lake: Lakehouse, stedi: Command, kind: str) -> None:
    # the first PUT takes the lock: asked again, S3 says that there is one
    lake.s3.put("lake/_stedi/staging/left", b"")
    added = lake.s3.proxy.add(Fault(on(kind), lose(), times=2))
    assert stedi("build", "--lake", lake.uri)[0] == 0
    assert added.hits >= 1
    lake.assert_new()


def test_the_pauses_between_attempts_grow(lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BACKOFF", 0.1)
    lake.s3.proxy.add(Fault(on("GET", CUSTOMERS), answer(503, "SlowDown"), times=3))
    assert stedi("build", "--lake", lake.uri)[0] == 0
    at = [request.at for request in lake.s3.requests("GET") if request.key.endswith(CUSTOMERS)]
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert [pause >= least for pause, least in zip(pauses, (0.05, 0.1, 0.2), strict=True)] == [True] * 3
    assert sum(pauses) < 3


def test_a_large_object_is_fetched_in_parts_each_made_again_alone(
    lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PART", 200)
    size = lake.s3.head(f"lake/{CUSTOMERS}")["ContentLength"]
    lake.s3.proxy.add(
        Fault(lambda r: r.key.endswith(CUSTOMERS) and "200-" in r.headers.get("range", ""), reset(10), times=2)
    )
    assert stedi("build", "--landing", lake.uri)[0] == 0
    assert lake.asked("GET", CUSTOMERS) == -(-size // 200) + 2


def test_a_part_that_comes_damaged_is_fetched_again(
    lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "PART", 200)
    lake.s3.proxy.add(Fault(on("GET", CUSTOMERS), corrupt(50)))
    assert stedi("build", "--landing", lake.uri)[0] == 0


def test_what_is_too_large_to_be_copied_in_one_request_is_copied_in_parts(
    lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def whole(request: Request) -> bool:
        return request.kind == "COPY" and "partNumber" not in request.query

    lake.s3.proxy.add(Fault(whole, answer(400, "InvalidRequest"), times=None))
    code, out, err = stedi("build", "--lake", lake.uri)
    assert (code, out, "(InvalidRequest)" in err) == (2, "", True)
    monkeypatch.setattr(upload, "COPIED", 10)
    # S3 takes no smaller ones, but for the last
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 10)
    monkeypatch.setattr(upload, "COPIED_PART", 3000)
    assert stedi("build", "--lake", lake.uri)[0] == 0
    assert "2" in {request.query.get("partNumber") for request in lake.s3.requests("COPY")}
    assert lake.s3.uploads() == []
    lake.assert_new()
    types = {lake.s3.head(key)["ContentType"] for key in lake.s3.keys("lake/") if key.endswith("parquet")}
    assert types == {"application/vnd.apache.parquet"}


@pytest.mark.parametrize("part", [32 << 20, 200])
def test_an_etag_that_is_no_checksum_is_none(
    lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    # under a key of KMS an ETag looks like an MD5 and is none
    monkeypatch.setattr(fetch, "PART", part)
    data = lake.s3.get(f"lake/{CUSTOMERS}")
    lake.s3.put_many({f"lake/{CUSTOMERS}": data}, etag="0" * 32, encryption="aws:kms", kms_key_id="key")
    assert stedi("build", "--landing", lake.uri)[0] == 0


# --- what does not pass


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("503", "S3 refuses at every attempt (SlowDown)"),
        ("500", "S3 refuses at every attempt (InternalError)"),
        ("reset", "the connection breaks off at every attempt"),
        ("cut", ""),
        ("corrupt", "arrives damaged at every attempt"),
    ],
)
def test_an_object_that_never_comes_whole_stops_the_build(
    lake: Lakehouse, stedi: Command, fault: str, said: str
) -> None:
    lake.s3.proxy.add(Fault(on("GET", CUSTOMERS), TRANSIENT[fault], times=None))
    code, out, err = stedi("build", "--lake", lake.uri)
    assert (code, out) == (2, "")
    assert f"Error: {lake.uri}/{CUSTOMERS}: {said}" in err
    assert "Fix: run the command again when the network or S3 is well" in err
    assert lake.asked("GET", CUSTOMERS) == connection.ATTEMPTS
    lake.assert_old()
    lake.s3.proxy.clear()
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.assert_new()


def test_a_read_that_stalls_for_ever_stops_the_build(
    lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ATTEMPTS", 2)
    monkeypatch.setattr(connection, "READ_TIMEOUT", 1.0)
    released = threading.Event()
    lake.s3.proxy.add(Fault(on("GET", CUSTOMERS), stall(100, released=released), times=None))
    code, out, err = stedi("build", "--lake", lake.uri)
    released.set()
    assert (code, out) == (2, "")
    assert f"Error: {lake.uri}/{CUSTOMERS}: S3 has stopped answering\nFix: run the command again" in err
    assert lake.asked("GET", CUSTOMERS) == 2
    lake.assert_old()


def denied(needed: str) -> tuple[str, int, str, str]:
    return ("AccessDenied", 403, "access denied (AccessDenied)", f"give this identity {needed} on ")


EXPIRED = ("ExpiredToken", 400, "the credentials have expired (ExpiredToken)", "renew them")
UNKNOWN = ("InvalidAccessKeyId", 403, "S3 does not accept these credentials (InvalidAccessKeyId)", "correct them")


@pytest.mark.parametrize(
    ("kind", "path", "named", "answered"),
    [
        ("GET", READINGS, READINGS, denied("s3:GetObject")),
        ("GET", READINGS, READINGS, EXPIRED),
        ("GET", READINGS, READINGS, UNKNOWN),
        ("LIST", "", "", denied("s3:ListBucket")),
        ("GET OF BUCKET", "", "_stedi/staging", denied("s3:ListBucketMultipartUploads")),
        ("POST", "", "_stedi/staging", denied("s3:DeleteObject")),
        ("PUT", "_stedi/lock", "_stedi/lock", denied("s3:PutObject")),
        ("PUT", "_stedi/staging/.*parquet", "_stedi/staging", EXPIRED),
    ],
)
def test_what_is_refused_is_not_asked_again(
    *, lake: Lakehouse, stedi: Command, kind: str, path: str, named: str, answered: tuple[str, int, str, str]
) -> None:
    refused, status, said, fix = answered
    lake.s3.put("lake/_stedi/staging/left", b"")  # something to clear
    added = lake.s3.proxy.add(Fault(on(kind, path), answer(status, refused), times=None))
    code, out, err = stedi("build", "--lake", lake.uri)
    assert (code, out) == (2, "")
    assert f"Error: {lake.uri}/{named}" in err
    assert said in err
    assert fix in err
    # each table and the quarantine is tried once at most: some are under way side by side
    assert added.hits <= (1 if kind == "GET" or path == "_stedi/lock" else len(STAGES) + 1)
    lake.assert_old()
    lake.s3.proxy.clear()
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.assert_new()


def sign_in(status: int) -> Action:
    """Answer as a proxy that wants one to sign in: well-formed XML, or a redirection of everything."""
    headers = {"Content-Type": "text/html", "Location": "http://nowhere.invalid/"}
    return lambda exchange: exchange.answer(status, headers, b"<html><body>sign in</body></html>")


def test_an_answer_that_is_not_of_s3_is_none(lake: Lakehouse, stedi: Command) -> None:
    # as deep as botocore follows it, its error is this one or that
    lake.s3.proxy.add(Fault(on("*"), sign_in(302), times=None))
    assert stedi("build", "--lake", lake.uri)[:2] == (2, "")
    for kind in ("GET", "LIST", "PUT", "HEAD", "COPY"):
        assert lake.state() == "old"
        lake.s3.proxy.clear()
        lake.s3.proxy.add(Fault(on(kind), sign_in(200), times=None))
        code, out, err = stedi("build", "--lake", lake.uri, "--force")
        assert (code, out) == (2, "")
        assert "answers what S3 does not" in err
        assert "Fix: look at AWS_ENDPOINT_URL, and at a proxy on the way" in err
    lake.s3.proxy.clear()
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.assert_new()


@pytest.mark.parametrize("last", [1, 4])
@pytest.mark.parametrize("kind", ["COPY", "DELETE"])
def test_credentials_that_expire_in_the_middle_of_publishing(
    lake: Lakehouse, stedi: Command, kind: str, last: int
) -> None:
    def expire(exchange: Exchange) -> None:
        lake.s3.proxy.add(Fault(on("*"), answer(400, "ExpiredToken"), times=None))
        answer(400, "ExpiredToken")(exchange)

    lake.s3.proxy.add(Fault(on(kind), Exchange.forward, times=last))
    lake.s3.proxy.add(Fault(on(kind), expire))
    code, _, err = stedi("build", "--lake", lake.uri)
    assert code == 2
    assert "the credentials have expired (ExpiredToken)" in err
    # what stands is a mix until then
    assert "; the next command on the lake finishes what was begun to be published\nFix: renew them" in err
    lake.s3.proxy.clear()
    assert stedi("verify", "--lake", lake.uri)[0] == 0
    lake.assert_new()


def test_a_lock_that_this_process_could_not_release_is_not_held_any_more(lake: Lakehouse, stedi: Command) -> None:
    lake.s3.proxy.add(Fault(on("DELETE", "_stedi/lock"), answer(400, "ExpiredToken")))
    stedi("build", "--lake", lake.uri)
    assert stedi("build", "--lake", lake.uri, "--force")[0] == 0
    lake.assert_new()


# --- what changes under a build


def changing(lake: Lakehouse, worlds: Worlds, change: str) -> Action:
    """Replace or remove an object that a build has listed."""

    def act(_: object) -> None:
        if change == "replaced":
            lake.s3.put(f"lake/{CUSTOMERS}", (worlds.old / CUSTOMERS).read_bytes())
        else:
            lake.s3.delete(f"lake/{CUSTOMERS}")

    return before(act)


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_a_build_is_of_one_listing_whatever_changes_once_it_has_what_was_listed(
    lake: Lakehouse, stedi: Command, worlds: Worlds, change: str
) -> None:
    lake.s3.proxy.add(Fault(on("PUT", "_stedi/staging/"), changing(lake, worlds, change)))
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.assert_new()
    # what has changed is seen by the next one
    code, out, err = stedi("build", "--lake", lake.uri)
    if change == "replaced":
        assert (code, "nothing changed" in out) == (0, False)
        assert lake.state() != "new"
    else:
        assert "no landing files of customer" in err or code == 0


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_an_object_that_changes_between_listing_and_fetching_stops_the_build(
    lake: Lakehouse, stedi: Command, worlds: Worlds, change: str
) -> None:
    lake.s3.proxy.add(Fault(on("GET", CUSTOMERS), changing(lake, worlds, change)))
    code, out, err = stedi("build", "--lake", lake.uri)
    assert (code, out) == (2, "")
    assert f"Error: {lake.uri}/{CUSTOMERS}: " in err
    assert "changed while it was read" in err or "was removed while it was read" in err
    assert "Fix: run the command again when nothing writes there" in err
    assert lake.asked("GET", CUSTOMERS) == 1
    lake.assert_old()


def test_a_query_never_mixes_two_builds_of_a_table(lake: Lakehouse, stedi: Command) -> None:
    with Lake.open(lake.uri) as opened:
        opened.sql("from customer_trusted").arrow()
        assert stedi("build", "--lake", lake.uri)[0] == 0
        with pytest.raises(StediError, match="was published anew, or damaged"):
            [
                row
                for batch in ask(opened, "from customer_trusted join customers_curated using (email)").batches
                for row in batch
            ]


def test_a_table_replaced_between_two_ranges_stops_the_query(lake: Lakehouse, stedi: Command) -> None:
    other = lake.s3.get("lake/customer/curated/customers_curated-0.parquet")
    lake.s3.proxy.add(Fault(on("GET", TABLE), before(lambda _: lake.s3.put(f"lake/{TABLE}", other + b"PAR1"))))
    code, out, err = stedi("query", "from customer_trusted", "--format", "csv", "--lake", lake.uri)
    assert (code, out) == (2, "")
    assert "customer_trusted" in err


@pytest.mark.parametrize("fault", ["503", "cut"])
def test_queries_and_verification_get_through(lake: Lakehouse, stedi: Command, fault: str) -> None:
    lake.s3.proxy.add(Fault(on("GET", TABLE), TRANSIENT[fault], times=2))
    code, out, _ = stedi("query", "from customer_trusted", "--format", "json", "--lake", lake.uri)
    assert (code, len(json.loads(out))) == (0, 2)
    lake.s3.proxy.clear()
    assert stedi("build", "--lake", lake.uri)[0] == 0
    lake.s3.proxy.add(Fault(on("GET", "parquet$"), TRANSIENT[fault], times=2))
    assert stedi("verify", "--lake", lake.uri)[0] == 0


def test_a_query_that_cannot_be_read_says_which_object(lake: Lakehouse, stedi: Command) -> None:
    lake.s3.proxy.add(Fault(on("GET", TABLE), answer(403, "AccessDenied"), times=None))
    code, out, err = stedi("query", "from customer_trusted", "--lake", lake.uri)
    assert (code, out) == (2, "")
    assert f"{lake.uri}/{TABLE}: access denied (AccessDenied)" in err
    assert "s3:GetObject" in err
    assert lake.asked("GET", TABLE) <= 2


def test_nobody_at_the_endpoint(lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and nobody listens
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        started = time.monotonic()
        for command in ("build", "verify"):
            code, out, err = stedi(command, "--lake", lake.uri)
            assert (code, out) == (2, "")
            assert "the service cannot be reached\nFix: look at the network, AWS_REGION and AWS_ENDPOINT_URL" in err
        assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("profile", "said", "fix"),
    [
        ("sso", "the sign-in to AWS has expired", "aws sso login"),
        ("role", "the AWS credentials that are configured cannot be had", "see what `aws sts get-caller"),
        ("command", "the AWS credentials that are configured cannot be had", "see what `aws sts get-caller"),
        ("web", "nowhere/token: No such file or directory", "see that the place is right"),
        ("half", "no AWS credentials were found", "aws configure sso, or set AWS_PROFILE"),
        ("nobody", "the profile that AWS_PROFILE names is not in the AWS configuration", "correct AWS_PROFILE"),
        ("", "the AWS configuration cannot be read", "correct the file: ~/.aws/config"),
    ],
)
def test_a_profile_that_gives_no_credentials(
    *, s3: Bucket, stedi: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str, said: str, fix: str
) -> None:
    role = "role_arn=arn:aws:iam::123456789012:role/x"
    place = "sso_start_url=https://nowhere.invalid/start\nsso_region=us-east-1\nsso_account_id=123456789012"
    sections = {
        "sso": f"{place}\nsso_role_name=x",
        "role": f"{role}\nsource_profile=gone",
        "command": "credential_process=false hidden",
        "web": f"{role}\nweb_identity_token_file=nowhere/token",
        "half": "aws_access_key_id=hidden",
    }
    settings = "".join(f"[profile {name}]\n{lines}\n" for name, lines in sections.items())
    (tmp_path / "config").write_text(settings if profile else "[default\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    if profile:
        monkeypatch.setenv("AWS_PROFILE", profile)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    code, out, err = stedi("build", "--lake", s3.uri())
    assert (code, out) == (2, "")
    assert said in err
    assert f"Fix: {fix}" in err
    assert "hidden" not in err
    assert s3.requests() == []


def test_no_credentials(lake: Lakehouse, stedi: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    code, out, err = stedi("build", "--lake", lake.uri)
    assert (code, out) == (2, "")
    assert "no AWS credentials were found\nFix: aws configure sso, or set AWS_PROFILE" in err
    assert lake.s3.requests() == []


@pytest.mark.parametrize(
    ("set_to", "found"),
    [
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, "eu-central-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-central-1"}, "eu-west-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-central-1"}, "eu-central-1"),
    ],
)
def test_the_region_is_where_the_messages_say(
    set_to: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stedi.s3.connection import Connection

    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in set_to.items():
        monkeypatch.setenv(name, value)
    assert Connection(1.0).client.meta.region_name == found
