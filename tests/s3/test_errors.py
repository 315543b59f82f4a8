"""What is said of an error of S3, and whether the same request is made again."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from stedi.s3.errors import is_transient, meaning

AGAIN = "run the command again when the network or S3 is well"
DOCTOR = "`stedi doctor --lake {lake}` says who you are and what you may do"


def refused(code: str, operation: str = "GetObject", status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "hidden"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


@pytest.mark.parametrize(
    ("operation", "needed"),
    [
        ("HeadBucket", "s3:ListBucket on the bucket"),
        ("ListMultipartUploads", "s3:ListBucketMultipartUploads on the bucket"),
        ("ListObjectVersions", "s3:ListBucketVersions on the bucket"),
        ("HeadObject", "s3:GetObject on its objects and s3:ListBucket on the bucket"),
        ("UploadPart", "s3:PutObject on its objects"),
        ("CopyObject", "s3:GetObject and s3:PutObject on its objects"),
        ("DeleteObjects", "s3:DeleteObject on its objects"),
        ("AbortMultipartUpload", "s3:AbortMultipartUpload on its objects"),
    ],
)
def test_a_permission_that_is_lacking_is_named(operation: str, needed: str) -> None:
    said, fix = meaning(refused("AccessDenied", operation, 403))
    assert said == "access denied (AccessDenied)"
    assert fix == f"give this identity {needed}, and a KMS key's use where one encrypts them; {DOCTOR}"


@pytest.mark.parametrize(
    ("error", "transient", "meant"),
    [
        (refused("SlowDown", status=503), True, ("S3 refuses at every attempt (SlowDown)", AGAIN)),
        (refused("TooManyRequests", status=429), True, ("S3 refuses at every attempt (TooManyRequests)", AGAIN)),
        (refused("Whatever"), False, ("S3 refuses (Whatever)", DOCTOR)),
        (refused("", status=418), False, ("S3 refuses (418)", DOCTOR)),
        (
            refused("NotImplemented", status=501),
            False,
            (
                "this store does not know what it was asked (NotImplemented)",
                "use one that knows conditional writes (If-None-Match), as Amazon's does",
            ),
        ),
        (
            refused("InvalidObjectState", status=403),
            False,
            ("is archived (InvalidObjectState)", "restore it, or move it out of the landing folder"),
        ),
        (
            refused("KMS.DisabledException"),
            False,
            (
                "the KMS key cannot be used (KMS.DisabledException)",
                "see that the key is there and enabled; --sse-kms-key names the one that encrypts what is written",
            ),
        ),
    ],
)
def test_what_an_answer_means(error: ClientError, transient: bool, meant: tuple[str, str]) -> None:
    assert is_transient(error) == transient
    assert meaning(error) == meant


def test_the_service_that_refuses_is_named() -> None:
    assert meaning(refused("Whatever"), "STS")[0] == "STS refuses (Whatever)"
