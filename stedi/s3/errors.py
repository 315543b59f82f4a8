"""What goes wrong between here and S3: what to try again, and what to say of the rest, without a secret in it.

`meaning` is for the other services of AWS too, whose errors are the same where they are no answers.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import urllib3.exceptions
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    ConfigParseError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    InvalidConfigError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from stedi.errors import EnvironmentFault, StediError

__all__ = [
    "FAILURES",
    "NO_BUCKET_FIX",
    "REDIRECTS",
    "Mismatched",
    "Torn",
    "code_of",
    "etag_of",
    "explained",
    "is_transient",
    "meaning",
    "no_url",
]


class Torn(Exception):
    """A body that is not what S3 said it would be."""


class Mismatched(Torn):
    """An object of which each part came whole, and the whole is not what S3 has."""


FAILURES = (
    *(BotoCoreError, ClientError, ResponseParserError, urllib3.exceptions.HTTPError, TimeoutError, OSError, Torn),
    RecursionError,  # botocore's, over an answer to every request that sends it elsewhere
)
"""All that a request may raise."""

REDIRECTS = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
    | {"301", "302", "307", "308"}
)
"""Codes of answers that say where else to ask."""

_AGAIN = {
    "SlowDown",
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "OperationAborted",
}
_SERVER_ERROR = 500
_UNKNOWN = "NotImplemented"
_PASSING = (
    NoConnection,
    HTTPClientError,
    IncompleteReadError,
    urllib3.exceptions.HTTPError,
    TimeoutError,
    ConnectionError,
    Torn,
)


def code_of(error: ClientError) -> str:
    """Return the code of an answer, as `AccessDenied`; of one without, as to a HEAD, its status, as `403`."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    return str(error.response.get("Error", {}).get("Code") or status)


def etag_of(answer: Mapping[str, Any]) -> str:
    """Return the ETag of an answer of botocore or of its headers; what has none does not come from S3."""
    if not (etag := answer.get("ETag")):
        raise ResponseParserError("no ETag")
    return str(etag).strip('"')


def is_transient(error: BaseException) -> bool:
    """Return whether the same request may well succeed a moment later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in _AGAIN or (status >= _SERVER_ERROR and code_of(error) != _UNKNOWN)
    return isinstance(error, _PASSING)


@contextlib.contextmanager
def explained(what: str, lake: str, service: str = "S3") -> Iterator[None]:
    """Turn what botocore and the network raise in a block into an EnvironmentFault that names `what` and the fix."""
    try:
        yield
    except StediError:
        raise
    except FAILURES as error:
        said, fix = meaning(error, service)
        # what S3 writes into an answer may repeat what it was sent, so no trace shows it
        shown = None if isinstance(error, ClientError | ResponseParserError) else error
        raise EnvironmentFault(f"{what}: {said}", fix=fix.replace("{lake}", lake)) from shown


_LATER = "{again}"
_AGAIN_FIX = "run the command again when the network or S3 is well"
_DOCTOR = "`stedi doctor --lake {lake}` says who you are and what you may do"
NO_BUCKET_FIX = "correct its name, or make it with `aws s3 mb`"
_QUIET_FIX = "run the command again when nothing writes there"

_MEANINGS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str, str], ...] = (
    (
        (NoCredentialsError, PartialCredentialsError),
        "no AWS credentials were found",
        f"aws configure sso, or set AWS_PROFILE; {_DOCTOR}",
    ),
    (
        ConfigParseError,
        "the AWS configuration cannot be read",
        "correct the file: ~/.aws/config, or the one that AWS_CONFIG_FILE names",
    ),
    (
        (InvalidConfigError, CredentialRetrievalError),
        "the AWS credentials that are configured cannot be had",
        "see what `aws sts get-caller-identity` says, and correct the profile",
    ),
    (ProfileNotFound, "the profile that AWS_PROFILE names is not in the AWS configuration", "correct AWS_PROFILE"),
    (
        (SSOError, TokenRetrievalError, UnauthorizedSSOTokenError),
        "the sign-in to AWS has expired",
        "aws sso login, then run the command again",
    ),
    (NoRegionError, "no region is set", "set AWS_REGION to the region of the bucket"),
    (InvalidRegionError, "there is no such region", "correct AWS_REGION"),
    (
        (ProxyConnectionError, urllib3.exceptions.ProxyError),
        "the proxy on the way to {service} cannot be reached",
        "correct HTTPS_PROXY (HTTP_PROXY for an endpoint without TLS), or name the host in NO_PROXY",
    ),
    (
        (SSLError, urllib3.exceptions.SSLError),
        "no secure connection can be made",
        "set AWS_CA_BUNDLE to the certificates that the service, or a proxy on the way, is known by",
    ),
    (
        (
            EndpointConnectionError,
            ConnectTimeoutError,
            urllib3.exceptions.NewConnectionError,
            urllib3.exceptions.ConnectTimeoutError,
        ),
        "the service cannot be reached",
        "look at the network, AWS_REGION and AWS_ENDPOINT_URL",
    ),
    (
        (ResponseParserError, RecursionError),
        "answers what {service} does not",
        "look at AWS_ENDPOINT_URL, and at a proxy on the way",
    ),
    (ParamValidationError, "is no name that S3 takes", "correct the name of the bucket or prefix"),
    ((ReadTimeoutError, urllib3.exceptions.ReadTimeoutError, TimeoutError), "{service} has stopped answering", _LATER),
    (
        (NoConnection, HTTPClientError, urllib3.exceptions.HTTPError, ConnectionError),
        "the connection breaks off at every attempt",
        _LATER,
    ),
)
"""What errors that are no answers of S3 mean, and what to do; the first that fits."""

_NEEDED = {
    "HeadBucket": "s3:ListBucket on the bucket",
    "ListObjectsV2": "s3:ListBucket on the bucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads on the bucket",
    "ListObjectVersions": "s3:ListBucketVersions on the bucket",
    # without s3:ListBucket S3 does not say of an object that it is not there
    "HeadObject": "s3:GetObject on its objects and s3:ListBucket on the bucket",
    "GetObject": "s3:GetObject on its objects and s3:ListBucket on the bucket",
    "CopyObject": "s3:GetObject and s3:PutObject on its objects",
    "DeleteObject": "s3:DeleteObject on its objects",
    "DeleteObjects": "s3:DeleteObject on its objects",
    "AbortMultipartUpload": "s3:AbortMultipartUpload on its objects",
}
"""What an operation needs to be allowed; those that are not here put an object."""

_CODES: tuple[tuple[frozenset[str], str, str], ...] = (
    (
        frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"}),
        "access denied",
        f"give this identity {{needed}}, and a KMS key's use where one encrypts them; {_DOCTOR}",
    ),
    (
        frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}),
        "the credentials have expired",
        "renew them (as with aws sso login) and run the command again",
    ),
    (
        frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthFailure"}),
        "{service} does not accept these credentials",
        f"correct them; {_DOCTOR}",
    ),
    (
        REDIRECTS,
        "the bucket is in another region",
        "set AWS_REGION to the region of the bucket",
    ),
    (frozenset({"RequestTimeTooSkewed"}), "the clock of this machine is wrong", "set the clock of this machine"),
    (frozenset({"NoSuchBucket"}), "there is no such bucket", NO_BUCKET_FIX),
    (frozenset({"InvalidBucketName"}), "is no name of a bucket", NO_BUCKET_FIX),
    (
        frozenset({"InvalidObjectState"}),
        "is archived",
        "restore it, or move it out of the landing folder",
    ),
    (
        frozenset({"KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException"}),
        "the KMS key cannot be used",
        "see that the key is there and enabled; --sse-kms-key names the one that encrypts what is written",
    ),
    (
        frozenset({_UNKNOWN}),
        "this store does not know what it was asked",
        "use one that knows conditional writes (If-None-Match), as Amazon's does",
    ),
    (frozenset({"PreconditionFailed", "412"}), "changed while it was read", _QUIET_FIX),
    (frozenset({"NoSuchKey", "404"}), "was removed while it was read", _QUIET_FIX),
)
"""What codes that S3 answers with mean, and what to do."""


def meaning(error: BaseException, service: str = "S3", again: str = _AGAIN_FIX) -> tuple[str, str]:
    """Return what an error means, and what to do: `again` where it may work a moment later."""
    said, fix = _meaning(error)
    return said.replace("{service}", service), fix.replace(_LATER, again)


def no_url(service: str) -> EnvironmentFault:
    """Return what to say of an endpoint that is no URL; it is not shown, for there may be a password in it."""
    fix = "write AWS_ENDPOINT_URL with its scheme, as http://localhost:9000"
    return EnvironmentFault(f"the endpoint that is set for {service} is no URL", fix=fix)


def _meaning(error: BaseException) -> tuple[str, str]:
    if isinstance(error, ClientError):
        code = code_of(error)
        passing = is_transient(error)
        refused = ("{service} refuses at every attempt", _LATER) if passing else ("{service} refuses", _DOCTOR)
        said, fix = next(((said, fix) for codes, said, fix in _CODES if code in codes), refused)
        if code in REDIRECTS and (region := _region(error)):
            said, fix = f"{said}, {region}", f"set AWS_REGION={region}"
        fix = fix.replace("{needed}", _NEEDED.get(error.operation_name, "s3:PutObject on its objects"))
        return f"{said} ({code})", fix
    if isinstance(error, IncompleteReadError):
        error = Torn(f"{error.kwargs['actual_bytes']:,} bytes of {int(error.kwargs['expected_bytes']):,}")
    if isinstance(error, Torn):
        return f"arrives damaged at every attempt: {error}", _LATER
    for kinds, said, fix in _MEANINGS:
        if isinstance(error, kinds):
            return said, fix
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename else ""
        return f"{named}{error.strerror}", "see that the place is right"
    return f"does not work ({type(error).__name__})", _DOCTOR


def _region(error: ClientError) -> str:
    """Return the region that S3 says a bucket is in, if it does."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    said = str(headers.get("x-amz-bucket-region") or error.response.get("Error", {}).get("Region", ""))
    return said if re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", said) else ""
