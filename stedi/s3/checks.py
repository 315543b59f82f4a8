"""Whether what arrives is what S3 has: its length and, where the ETag is an MD5, that."""

from __future__ import annotations

from stedi.s3.connection import Answer
from stedi.s3.errors import Torn

__all__ = ["has_checksum", "see_same", "see_whole"]


def see_whole(found: int, wanted: int) -> None:
    """Raise Torn where bytes are missing, or too many."""
    if found != wanted:
        raise Torn(f"{found:,} bytes of {wanted:,}")


def see_same(digest: str, answer: Answer) -> None:
    """Raise Torn where the MD5 of what arrived is not that of the object."""
    if has_checksum(answer) and digest != answer.etag:
        raise Torn("another checksum than S3 has")


def has_checksum(answer: Answer) -> bool:
    """Return whether the ETag is an MD5: it is not for an object uploaded in parts, nor under a key of KMS."""
    etag = answer.etag
    is_md5 = len(etag) == 32 and all(c in "0123456789abcdef" for c in etag)  # noqa: PLR2004 - its hex digits
    return is_md5 and answer.encryption in ("", "AES256")
