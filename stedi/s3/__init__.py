"""Lakes and landing data on S3."""

from __future__ import annotations

from stedi.s3.storage import S3Storage

__all__ = ["S3Storage"]
