"""No key and no token is ever printed or written, whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from s3.conftest import ACCESS_KEY, SECRET_KEY, SESSION_TOKEN
from s3.faults import answer, hang_up
from s3.proxy import Exchange, Fault, on

if TYPE_CHECKING:
    from s3.bucket import Bucket

Run = Callable[..., tuple[int, str, str]]

SECRETS = [ACCESS_KEY, SECRET_KEY, SESSION_TOKEN]
SHOWN = sorted({form for secret in SECRETS for form in (secret, quote(secret), quote(secret, safe=""))})

pytestmark = pytest.mark.usefixtures("quick")


def telling(code: str, status: int = 403) -> Callable[[Exchange], None]:
    """Answer with an error that repeats what the request was signed with, as S3 and its lookalikes may."""

    def act(exchange: Exchange) -> None:
        told = (
            f"<Error><Code>{code}</Code><Message>{ACCESS_KEY} with {SESSION_TOKEN} is wrong: "
            f"{exchange.request.headers['authorization']}</Message><AWSAccessKeyId>{ACCESS_KEY}</AWSAccessKeyId>"
            f"<StringToSign>{SECRET_KEY}</StringToSign><Token-0>{SESSION_TOKEN}</Token-0></Error>"
        )
        exchange.answer(status, {"Content-Type": "application/xml"}, told.encode())

    return act


@pytest.fixture
def run(s3: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stedi: Run) -> Run:
    """Return what runs a command and looks for secrets in all that it printed and left."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION_TOKEN)

    def command(*words: object) -> tuple[int, str, str]:
        code, out, err = stedi(*words)
        written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
        keys = s3.keys()
        stored = [s3.get(key) for key in keys]
        metadata = [json.dumps(s3.head(key), default=str).encode() for key in keys]
        assert_nothing_shown([out.encode(), err.encode(), *written, *stored, *metadata])
        return code, out, err

    return command


def assert_nothing_shown(texts: Sequence[bytes]) -> None:
    assert [secret for secret in SHOWN if any(secret.encode() in text for text in texts)] == []


def test_the_secrets_are_used(s3: Bucket, landing: Path, run: Run) -> None:
    # else none of these tests says anything
    s3.upload(landing)
    assert run("build", "--lake", s3.uri())[0] == 0
    request = s3.requests("GET")[0]
    assert ACCESS_KEY in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == SESSION_TOKEN
    assert_nothing_shown([b"nothing"])
    with pytest.raises(AssertionError):
        assert_nothing_shown([f"a {SECRET_KEY} b".encode()])


def test_when_all_goes_well(s3: Bucket, landing: Path, run: Run) -> None:
    s3.upload(landing)
    for command in (
        ["build", "--json"],
        ["build", "--force"],
        ["verify", "--json"],
        ["query", "from customer_trusted"],
        ["doctor"],
        ["doctor", "--json"],
    ):
        assert run(*command, "--lake", s3.uri())[0] == 0
    assert run("cache", "show")[0] == 0
    manifest = json.loads(s3.get("_stedi/manifest.json"))
    assert manifest["landing"] == "."


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidToken"])
def test_when_s3_repeats_them(s3: Bucket, landing: Path, run: Run, code: str) -> None:
    s3.upload(landing)
    s3.proxy.add(Fault(on("*"), telling(code), times=None))
    for command in (["build", "--json"], ["query", "select 1"], ["verify"], ["doctor", "--json"]):
        exit_code, out, err = run(*command, "--lake", s3.uri())
        assert exit_code in (1, 2)
        # the answer to a HEAD has no body
        assert "S3 does not accept these credentials" in out + err or "access denied (403)" in out + err


def test_when_the_whole_story_is_asked_for(
    s3: Bucket, landing: Path, stedi_command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION_TOKEN)
    monkeypatch.setenv("STEDI_DEBUG", "1")
    s3.upload(landing)
    s3.proxy.add(Fault(on("*"), telling("SignatureDoesNotMatch"), times=None))
    words = [*stedi_command, "build", "--lake", s3.uri()]
    done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    assert b"Traceback" in done.stderr
    assert_nothing_shown([done.stdout, done.stderr])


def test_when_the_connection_breaks_or_things_are_refused(s3: Bucket, landing: Path, run: Run) -> None:
    s3.upload(landing)
    for action in (answer(403, "AccessDenied"), telling("AccessDenied"), hang_up(), telling("Whatever", 418)):
        s3.proxy.clear()
        s3.proxy.add(Fault(on("GET", "/landing/"), action, times=None))
        assert run("build", "--lake", s3.uri())[0] == 2


def test_in_an_endpoint(s3: Bucket, landing: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.upload(landing)
    url = os.environ["AWS_ENDPOINT_URL"].replace("http://", f"http://{ACCESS_KEY}:{quote(SECRET_KEY, safe='')}@")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    for command in (["build", "--json"], ["doctor"], ["query", "from customer_trusted"]):
        run(*command, "--lake", s3.uri())
    monkeypatch.setenv("AWS_ENDPOINT_URL", url + "0x")
    assert run("build", "--lake", s3.uri())[0] == 2


def test_in_a_profile(s3: Bucket, landing: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    s3.upload(landing)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    settings = tmp_path.parent / f"{tmp_path.name}-credentials"
    settings.write_text(
        f"[tester]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
        f"aws_session_token = {SESSION_TOKEN}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(settings))
    monkeypatch.setenv("AWS_PROFILE", "tester")
    assert run("build", "--lake", s3.uri())[0] == 0
    assert run("doctor", "--lake", s3.uri())[0] == 0
    assert ACCESS_KEY in s3.requests("GET")[0].headers["authorization"]
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    code, _, err = run("build", "--lake", s3.uri())
    assert code == 2
    assert "the profile that AWS_PROFILE names is not in the AWS configuration" in err
