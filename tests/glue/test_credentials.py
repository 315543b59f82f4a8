"""Who asks AWS, and where: credentials, regions and boto3, of every command that asks anything there."""

from __future__ import annotations

import itertools
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from glue.account import LAKE, ROLE, write_receipt
from glue.cloud import Cloud, refuse
from glue.conftest import ACCESS_KEY, SECRET_KEY

Stedi = Callable[..., tuple[int, str, str]]

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")

COMMANDS = {
    "infra": ("glue", "infra", "--deploy", "--lake", LAKE, "--yes"),
    "release": ("glue", "release", "--lake", LAKE, "--role", ROLE, "--receipt", "receipt.json"),
    "run": ("glue", "run"),
    "athena": ("glue", "athena", "select 1"),
    "verify": ("verify", "--athena", "--expected", "expected.json"),
    "parity": ("parity", "run", "--engine", "aws", "--lake", LAKE, "--landing", "landing"),
}
"""Every command that asks AWS; `test_every_command_that_asks_aws_is_here` holds them against the code."""


@pytest.fixture(params=COMMANDS)
def ask(request: pytest.FixtureRequest, stedi: Stedi, cloud: Cloud, landing: Path) -> Callable[[], str]:
    """Return what runs a command that must end with 2, and gives what it says."""
    write_receipt(Path("receipt.json"))
    Path("expected.json").write_text('{"customer_trusted": 2}', encoding="utf-8")

    def run() -> str:
        code, out, err = stedi(*COMMANDS[request.param])
        assert (code, out) == (2, "")
        assert "Fix: " in err
        assert not any(secret in err for secret in (ACCESS_KEY, SECRET_KEY, "a secret"))
        assert cloud.changes() in ([], ["athena:StartQueryExecution"])
        return err

    return run


def test_every_command_that_asks_aws_is_here() -> None:
    root = Path(__file__).parents[2]
    asking = {
        file.stem
        for file in [*root.glob("stedi/cli/**/*.py"), *root.glob("parity/engines/*.py")]
        if "from stedi.glue.aws import" in file.read_text(encoding="utf-8")
    }
    assert asking == {*COMMANDS, "aws"} - {"parity"}


def test_no_credentials(ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    err = ask()
    assert "no AWS credentials were found" in err
    assert "aws configure sso, or set AWS_PROFILE" in err
    assert cloud.calls == []


def test_an_endpoint_that_is_no_url(ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    err = ask()
    assert "is no URL" in err
    assert "with its scheme, as http://localhost:9000" in err
    assert cloud.calls == []


def test_half_of_the_credentials(ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEYS[1])
    assert "no AWS credentials were found" in ask()
    assert cloud.calls == []


EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
REFUSED = ("UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidAccessKeyId")


# each command and each code: all ask in one place, so not each command of each code
@pytest.mark.parametrize(("ask", "code"), [*zip(COMMANDS, itertools.cycle(EXPIRED), strict=False)], indirect=["ask"])
def test_expired_credentials(ask: Callable[[], str], cloud: Cloud, code: str) -> None:
    cloud.on(".*", refuse(code, f"The security token {SECRET_KEY} included in the request is expired"), times=None)
    err = ask()
    assert f"the credentials have expired ({code})" in err
    assert "Fix: renew them, as with aws sso login" in err


@pytest.mark.parametrize(("ask", "code"), [*zip(COMMANDS, itertools.cycle(REFUSED), strict=False)], indirect=["ask"])
def test_credentials_that_aws_does_not_accept(ask: Callable[[], str], cloud: Cloud, code: str) -> None:
    cloud.on(".*", refuse(code, "The security token included in the request is invalid.", 403), times=None)
    err = ask()
    assert f"AWS does not accept these credentials ({code})" in err
    assert "`stedi doctor` says where they are from" in err


def test_a_sign_in_that_has_expired(ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(
        monkeypatch,
        "[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
        "[sso-session s]\nsso_start_url = https://a\nsso_region = us-east-1\n",
    )
    err = ask()
    assert "the sign-in to AWS has expired" in err
    assert "Fix: aws sso login" in err
    assert cloud.calls == []


def test_a_program_that_gives_no_credentials(
    ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.dumps({"Version": 1, "AccessKeyId": "a secret"})
    settings(monkeypatch, f"[default]\ncredential_process = echo '{said}'\n")
    err = ask()
    assert "the credentials cannot be had from where the AWS configuration says they are" in err
    assert "`aws sts get-caller-identity` says more" in err
    assert cloud.calls == []


def test_a_profile_that_is_not_there(ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "other")
    err = ask()
    assert "the profile that AWS_PROFILE names is not in the AWS configuration" in err
    assert "Fix: correct AWS_PROFILE" in err
    assert cloud.calls == []


def test_a_configuration_that_cannot_be_read(
    ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(monkeypatch, "[default\naws_secret_access_key = a secret\n", keys=True)
    err = ask()
    assert "the AWS configuration cannot be read" in err
    assert "config" in err
    assert cloud.calls == []


def settings(monkeypatch: pytest.MonkeyPatch, text: str, *, keys: bool = False) -> None:
    """Have the AWS configuration be this text, and no keys in the environment."""
    Path("config").write_text(text, encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", "config")
    monkeypatch.setenv("HOME", str(Path.cwd()))
    for name in () if keys else KEYS:
        monkeypatch.delenv(name)


def test_no_region(ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REGIONS:
        monkeypatch.delenv(name)
    err = ask()
    assert "no region is set" in err
    assert "Fix: set AWS_REGION to the region of the lake's bucket" in err
    assert cloud.calls == []


@pytest.mark.parametrize("name", REGIONS)
def test_either_variable_names_the_region(
    stedi: Stedi, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for other in REGIONS:
        monkeypatch.delenv(other)
    monkeypatch.setenv(name, "eu-west-1")
    assert "is not there, in eu-west-1" in stedi("glue", "run")[2]


def test_the_region_is_that_of_aws_region(stedi: Stedi, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert "is not there, in eu-west-1" in stedi("glue", "run")[2]


def test_a_region_that_is_none(ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REGIONS:
        monkeypatch.setenv(name, "Frankfurt am Main")
    err = ask()
    assert "there is no such region" in err
    assert "Fix: correct AWS_REGION" in err
    assert cloud.calls == []


def test_an_aws_that_cannot_be_reached(ask: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, and nobody listens
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        err = ask()
    assert "the service cannot be reached" in err
    assert "look at the network, AWS_REGION and AWS_ENDPOINT_URL" in err


def test_boto3_is_not_installed(ask: Callable[[], str], cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    err = ask()
    assert "boto3 is not installed, which the commands about AWS need" in err
    assert "Fix: pip install '.[aws]' in stedi's checkout" in err
    assert cloud.calls == []
