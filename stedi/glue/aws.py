"""The clients of AWS, and what their errors mean: which call of which service, what is wrong, what to do.

Credentials, profile and region are found by the conventions of AWS; no option takes a key. Throttled and passing faults
are tried again by the client, up to ATTEMPTS times (AWS_MAX_ATTEMPTS says otherwise); what is raised here is final.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
)

from stedi import __version__
from stedi.errors import EnvironmentFault
from stedi.s3.errors import code_of, is_transient, meaning, no_url

__all__ = ["Account", "Aws", "is_passing"]

ATTEMPTS = 6
CONNECT_TIMEOUT = 10
READ_TIMEOUT = 60

AGAIN = "run the command again in a minute; what is done is not done twice"

_NAMES = {
    "s3": "S3",
    "glue": "Glue",
    "athena": "Athena",
    "cloudformation": "CloudFormation",
    "iam": "IAM",
    "sts": "STS",
    "logs": "CloudWatch Logs",
}
_PERMISSIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
}
"""What a call needs, where that is not called as the call is."""

_MISSING = frozenset(
    {"EntityNotFoundException", "NoSuchEntity", "NoSuchKey", "NoSuchBucket", "404", "ResourceNotFoundException"}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation"})
_THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
)
_NOT_ACCEPTED = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "AuthFailure",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_ELSEWHERE = frozenset(
    {"301", "307", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_MEANT = (
    (
        _DENIED,
        "access denied to {action}",
        "allow this identity {action}; `aws sts get-caller-identity` says who it is",
    ),
    (_THROTTLED, "AWS throttles {action} at every attempt", AGAIN),
    (_EXPIRED, "the credentials have expired", "renew them, as with aws sso login, and run the command again"),
    (_NOT_ACCEPTED, "AWS does not accept these credentials", "correct them; `stedi doctor` says where they are from"),
    (_ELSEWHERE, "is in another region", "set AWS_REGION to its region"),
    (frozenset({"ConcurrentRunsExceededException"}), "another run of it goes on", "wait for it, or stop it"),
    (_MISSING, "is not there", "correct its name, and see that AWS_REGION is right"),
)
"""What codes of answers mean, and what to do."""

_WITHOUT_ANSWER: tuple[tuple[type[BotoCoreError], str, str], ...] = (
    (
        CredentialRetrievalError,
        "the credentials cannot be had from where the AWS configuration says they are",
        "`aws sts get-caller-identity` says more",
    ),
    (
        ConfigParseError,
        "the AWS configuration cannot be read",
        "correct ~/.aws/config, or the file that AWS_CONFIG_FILE names",
    ),
)
"""What errors mean that only these services raise; all others are those of S3 too."""

_LACKING = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
"""What AWS says is lacking: for a call that hands on a role, iam:PassRole."""

_DENIED_BY = re.compile(r"explicit deny in (an? [\w -]*\w)")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Account:
    """Who asks: the number of the account, the ARN of the identity, the part of AWS it is in (`aws`, `aws-cn`)."""

    def __init__(self, identity: dict[str, Any]) -> None:
        self.number = str(identity["Account"])
        self.arn = str(identity["Arn"])
        self.partition = self.arn.split(":")[1]


class Aws:
    """Clients, made when they are first used; EnvironmentFault where boto3, a region or the profile is missing."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        try:
            import boto3  # type: ignore[import-untyped]
        except ImportError as error:
            raise EnvironmentFault(
                "boto3 is not installed, which the commands about AWS need",
                fix="pip install '.[aws]' in stedi's checkout",
            ) from error
        with explained("AWS", "its settings"):
            # which boto3 does not read, unlike every other tool of AWS
            self._session = boto3.session.Session(region_name=os.environ.get("AWS_REGION") or None)
            self.region = str(self._session.region_name or "")
        if not self.region:
            raise EnvironmentFault("AWS: no region is set", fix="set AWS_REGION to the region of the lake's bucket")

    @functools.cached_property
    def account(self) -> Account:
        """Who asks, as STS says."""
        return Account(self.call("sts", "get_caller_identity", "AWS"))

    def client(self, service: str) -> Any:
        """Return the client of a service; it goes, with its connections, when this object goes."""
        if service not in self._clients:
            self._clients[service] = self._new_client(service)
        return self._clients[service]

    def _new_client(self, service: str) -> Any:
        from botocore.config import Config  # type: ignore[import-untyped]

        attempts = {} if os.environ.get("AWS_MAX_ATTEMPTS") else {"total_max_attempts": ATTEMPTS}
        config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", **attempts},
            user_agent_extra=f"stedi/{__version__}",
        )
        try:
            with explained(_NAMES[service], "its settings"):
                return self._session.client(service, config=config)
        except ValueError:
            raise no_url(_NAMES[service]) from None

    def call(self, service: str, operation: str, what: str, **parameters: Any) -> dict[str, Any]:
        """Make a call and return its answer; EnvironmentFault says what of `what` did not work."""
        client = self.client(service)
        with explained(what, f"{service}:{client.meta.method_to_api_mapping[operation]}"):
            answer: dict[str, Any] = getattr(client, operation)(**parameters)
        return answer

    def find(self, service: str, operation: str, what: str, **parameters: Any) -> dict[str, Any] | None:
        """Make a call that asks for one thing, and return None where there is no such thing."""
        client = self.client(service)
        with explained(what, f"{service}:{client.meta.method_to_api_mapping[operation]}"):
            try:
                answer: dict[str, Any] = getattr(client, operation)(**parameters)
            except ClientError as error:
                if code_of(error) in _MISSING or _is_missing_stack(error):
                    return None
                raise
        return answer

    def pages(self, service: str, operation: str, what: str, key: str, **parameters: Any) -> Iterator[Any]:
        """Yield what all pages of a listing hold under a key."""
        for page in self.results(service, operation, what, **parameters):
            yield from page.get(key, ())

    def results(self, service: str, operation: str, what: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages of an answer, each asked for when it is wanted."""
        client = self.client(service)
        with explained(what, f"{service}:{client.meta.method_to_api_mapping[operation]}"):
            pages = iter(client.get_paginator(operation).paginate(**parameters))
        while True:
            with explained(what, f"{service}:{client.meta.method_to_api_mapping[operation]}"):
                page: dict[str, Any] | None = next(pages, None)
            if page is None:
                return
            yield page

    def body(self, answer: dict[str, Any], what: str) -> bytes:
        """Return the content of an object that was asked for."""
        with explained(what, "s3:GetObject"):
            data: bytes = answer["Body"].read()
        return data

    def upload(self, file: Path, bucket: str, key: str, metadata: dict[str, str], one_request: int) -> None:
        """Send a file, in parts where it has more bytes than `one_request`."""
        from boto3.exceptions import S3UploadFailedError  # type: ignore[import-untyped]
        from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]

        client, number = self.client("s3"), self.account.number
        config = TransferConfig(multipart_threshold=one_request, multipart_chunksize=one_request)
        with explained(f"s3://{bucket}/{key}", "s3:PutObject"):
            try:
                client.upload_file(
                    str(file),
                    bucket,
                    key,
                    ExtraArgs={"Metadata": metadata, "ExpectedBucketOwner": number},
                    Config=config,
                )
            except S3UploadFailedError as error:
                raise error.__context__ or error from None


def is_passing(error: BaseException) -> bool:
    """Return whether what an error of ours was raised from may be over in a moment."""
    cause = error.__cause__ if error.__cause__ is not None else error.__context__
    if isinstance(cause, ClientError) and code_of(cause) in _THROTTLED:
        return True
    return cause is not None and is_transient(cause)


@contextlib.contextmanager
def explained(what: str, action: str) -> Iterator[None]:
    """Turn what boto3 raises in a block into an EnvironmentFault that names `what`, the call and the fix."""
    try:
        yield
    except ClientError as error:
        said, fix = _answer(error, action)
        # what AWS writes into an answer may repeat what it was sent, so no trace shows it
        raise EnvironmentFault(f"{what}: {said}", fix=fix) from None
    except (BotoCoreError, OSError) as error:
        said, fix = _without_answer(error, action)
        raise EnvironmentFault(f"{what}: {said}", fix=fix) from error


def _answer(error: ClientError, action: str) -> tuple[str, str]:
    """Return what an answer means that refuses, and what to do."""
    code, message = code_of(error), _message(error)
    is_denied, action = code in _DENIED, _PERMISSIONS.get(action, action)
    if is_denied and (lacking := _LACKING.search(message)):
        action = lacking[1]
    if is_denied and "Lake Formation" in message:
        said, fix = "access denied to {action} by Lake Formation", "grant it there to this identity"
    elif is_denied and (policy := _DENIED_BY.search(message)):
        said, fix = f"access denied to {{action}} by {policy[1]}", "ask who keeps that policy"
    else:
        meant = next(((said, fix) for codes, said, fix in _MEANT if code in codes), None)
        passing = ("{action} fails at every attempt", AGAIN) if is_transient(error) else None
        said, fix = meant or passing or (f"{{action}} is refused: {message or code}", "correct what it says")
    return f"{said.replace('{action}', action)} ({code})", fix.replace("{action}", action)


def _without_answer(error: BaseException, action: str) -> tuple[str, str]:
    """Return what it means that there was no answer, and what to do."""
    for kind, said, fix in _WITHOUT_ANSWER:
        if isinstance(error, kind):
            return said, fix
    said, fix = meaning(error, _NAMES.get(action.partition(":")[0], "AWS"), AGAIN)
    return said, fix.replace(" --lake {lake}", "")


def _message(error: ClientError) -> str:
    """Return what an answer says, on one line."""
    return _CONTROL.sub(" ", str(error.response.get("Error", {}).get("Message", "")))[:500].strip()


def _is_missing_stack(error: ClientError) -> bool:
    """Return whether CloudFormation says, with the code of every other mistake, that there is no such stack."""
    return code_of(error) == "ValidationError" and "does not exist" in _message(error)
